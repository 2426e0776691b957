//! What the values of parameters and resources look like, for agents (JSON Schema) and for people (help).

use serde_json::{Value, json};

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `tank`.
    Pool,
    /// `tank/media`.
    Dataset,
    /// `tank/media@daily`.
    Snapshot,
    /// Any of a dataset, snapshot or bookmark.
    Target,
    /// A dataset or a snapshot.
    DatasetOrSnapshot,
    /// A dataset in quarantine.
    Quarantined,
    /// What stands behind `@` or `#`.
    Short,
    /// A new name: a dataset's whole name, a snapshot's short one.
    NewName,
    /// A hold's tag.
    Tag,
    /// true or false, false when absent.
    Switch,
    /// An integer from the first to the second.
    Number(u64, u64),
    /// Text of at most so many characters.
    Text(u32),
    /// Bytes of a volume.
    Size,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A list of these words.
    ListOf(&'static [&'static str]),
    /// A list of property names.
    PropertyNames,
    /// An object from property to value.
    Settings,
    /// `motd`: a playbook by its name in root's configuration.
    Playbook,
    /// A playbook's variables: an object from name to value.
    Vars,
    /// A property's name.
    Property,
    /// A property's value.
    Value,
    /// `nginx.service`.
    Unit,
    /// A unit, or `system`.
    UnitOrSystem,
    /// `system` only.
    System,
    /// A list of units.
    Units,
    /// A list of properties of units.
    UnitProperties,
    /// A moment, or a span of time before now.
    Since,
    /// `/srv/app`.
    Repository,
    /// `main`.
    Branch,
    /// `origin/main~2`.
    Revision,
    /// `origin`.
    Remote,
    /// `src/main.rs`.
    FilePath,
    /// A list of those.
    FilePaths,
    /// The name of a stash.
    StashName,
    /// The name of what was kept before a reset or a clean.
    Kept,
    /// A container's number.
    Container,
    /// A container's number, or a range of them.
    Containers,
    /// The name of a container's snapshot.
    ContainerSnapshot,
    /// An object from a container's keys to their values.
    ContainerSettings,
    /// A list of a container's keys.
    ContainerKeys,
    /// A volume of a container.
    Disk,
    /// A template that containers are made of.
    Template,
    /// A storage of Proxmox.
    Storage,
    /// A host name.
    Hostname,
    /// A list of network interfaces.
    Networks,
    /// A list of tags.
    Tags,
    /// `rg`: a tool by the name of its declaration.
    Tool,
    /// `declared` only: all tools.
    Declared,
    /// A tool's arguments: an object from name to value.
    Arguments,
    /// `production`: a subscription by its name in root's configuration.
    AzureSubscription,
    /// `production/web-rg`.
    AzureGroup,
    /// `production/web-rg/shop`: an app, or a vault.
    AzureApp,
    /// `production/web-rg/microsoft.app/containerapps/shop`, or `production/web-rg`.
    AzureTarget,
}

/// A part of a branch's name.
const REF: &str = "[A-Za-z0-9_+@#=][A-Za-z0-9_.+@#=-]*";
const PART: &str = "[A-Za-z0-9_.:][A-Za-z0-9_.:-]*";
const SUBSCRIPTION: &str = "[a-z0-9][a-z0-9-]*";
const GROUP: &str = r"[a-z0-9_()]([a-z0-9_.()-]*[a-z0-9_()-])?";
const NAMESPACE: &str = r"[a-z0-9_()][a-z0-9_()-]*(\.[a-z0-9_()-]+)+";
/// A unit's name; not a template's, which ends in `@` before its kind.
const UNIT: &str = r"([A-Za-z0-9_:]|\\x[0-9a-f]{2})([A-Za-z0-9_.:-]|\\x[0-9a-f]{2})*(@([A-Za-z0-9_.:-]|\\x[0-9a-f]{2})+)?\.(service|socket|target|timer|path|mount|automount|swap|device|slice|scope)";

/// How a value is written on a command line and in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A string.
    Text,
    /// true or false.
    Switch,
    /// An integer.
    Number,
    /// An integer that people write as `10G`.
    Size,
    /// An array of strings.
    List,
    /// An object from string to string.
    Object,
    /// Any object.
    Json,
}

impl Shape {
    /// How it is written.
    pub fn form(self) -> Form {
        match self {
            Self::Switch => Form::Switch,
            Self::Number(..) => Form::Number,
            Self::Size => Form::Size,
            Self::Vars | Self::Arguments => Form::Json,
            Self::ListOf(_)
            | Self::PropertyNames
            | Self::Units
            | Self::UnitProperties
            | Self::FilePaths
            | Self::ContainerKeys
            | Self::Networks
            | Self::Tags => Form::List,
            Self::Settings | Self::ContainerSettings => Form::Object,
            Self::Pool
            | Self::Dataset
            | Self::Snapshot
            | Self::Target
            | Self::DatasetOrSnapshot
            | Self::Quarantined
            | Self::Short
            | Self::NewName
            | Self::Tag
            | Self::Words(_)
            | Self::Playbook
            | Self::Tool
            | Self::Declared
            | Self::Property
            | Self::Value
            | Self::Unit
            | Self::UnitOrSystem
            | Self::System
            | Self::Since
            | Self::Container
            | Self::Containers
            | Self::ContainerSnapshot
            | Self::Disk
            | Self::Template
            | Self::Storage
            | Self::Hostname
            | Self::Text(_)
            | Self::Repository
            | Self::Branch
            | Self::Revision
            | Self::Remote
            | Self::FilePath
            | Self::StashName
            | Self::AzureSubscription
            | Self::AzureGroup
            | Self::AzureApp
            | Self::AzureTarget
            | Self::Kept => Form::Text,
        }
    }

    /// What stands for a value of this shape in help.
    pub fn placeholder(self) -> String {
        match self {
            Self::Pool => "POOL".to_owned(),
            Self::Dataset | Self::DatasetOrSnapshot | Self::Quarantined => "DATASET".to_owned(),
            Self::Snapshot => "DATASET@NAME".to_owned(),
            Self::Target | Self::Short | Self::NewName | Self::Property => "NAME".to_owned(),
            Self::Tag => "TAG".to_owned(),
            Self::Switch => "true".to_owned(),
            Self::Number(..) => "NUMBER".to_owned(),
            Self::Size => "10G".to_owned(),
            Self::Words(words) => words.join("|"),
            Self::ListOf(words) => words.join(","),
            Self::PropertyNames => "NAME,NAME".to_owned(),
            Self::Settings => "'{\"NAME\":\"VALUE\"}'".to_owned(),
            Self::Playbook => "PLAYBOOK".to_owned(),
            Self::Vars => "'{\"NAME\":VALUE}'".to_owned(),
            Self::Value => "VALUE".to_owned(),
            Self::Text(_) => "TEXT".to_owned(),
            Self::Unit => "UNIT".to_owned(),
            Self::UnitOrSystem => "UNIT|system".to_owned(),
            Self::System => "system".to_owned(),
            Self::Units => "UNIT,UNIT".to_owned(),
            Self::UnitProperties => "NAME,NAME".to_owned(),
            Self::Since => "TIME|15m".to_owned(),
            Self::Repository => "/REPOSITORY".to_owned(),
            Self::Branch => "BRANCH".to_owned(),
            Self::Revision => "REVISION".to_owned(),
            Self::Remote => "REMOTE".to_owned(),
            Self::FilePath => "PATH".to_owned(),
            Self::FilePaths => "PATH,PATH".to_owned(),
            Self::StashName | Self::Kept => "NAME".to_owned(),
            Self::Container => "101".to_owned(),
            Self::Containers => "200-299".to_owned(),
            Self::ContainerSnapshot | Self::Hostname => "NAME".to_owned(),
            Self::ContainerSettings => "'{\"memory\":\"1024\"}'".to_owned(),
            Self::ContainerKeys => "KEY,KEY".to_owned(),
            Self::Disk => "rootfs".to_owned(),
            Self::Template => "STORAGE:vztmpl/FILE".to_owned(),
            Self::Storage => "STORAGE".to_owned(),
            Self::Networks => "'[\"name=eth0,bridge=vmbr0,ip=dhcp\"]'".to_owned(),
            Self::Tags => "TAG,TAG".to_owned(),
            Self::Tool => "TOOL".to_owned(),
            Self::Declared => super::tool::DECLARED.to_owned(),
            Self::Arguments => "'{\"NAME\":VALUE}'".to_owned(),
            Self::AzureSubscription => "SUBSCRIPTION".to_owned(),
            Self::AzureGroup => "SUBSCRIPTION/GROUP".to_owned(),
            Self::AzureApp => "SUBSCRIPTION/GROUP/NAME".to_owned(),
            Self::AzureTarget => "SUBSCRIPTION/GROUP[/NAMESPACE/TYPE/NAME]".to_owned(),
        }
    }

    /// A value of it, for tests that go through the catalogue.
    #[cfg(test)]
    pub(super) fn sample(self) -> Value {
        match self {
            Self::Pool => json!("tank"),
            Self::Dataset => json!("tank/a"),
            Self::Snapshot => json!("tank/a@s"),
            Self::Target | Self::DatasetOrSnapshot => json!("tank/a@s"),
            Self::Quarantined => json!("tank/reeve-quarantine/a"),
            Self::Short | Self::Tag | Self::NewName => json!("keep"),
            Self::Switch => json!(true),
            Self::Number(_, most) => json!(most),
            Self::Size => json!(1 << 30),
            Self::Words(words) => json!(words[words.len() - 1]),
            Self::ListOf(words) => json!(words),
            Self::PropertyNames => json!(["used"]),
            Self::Settings => json!({"quota": "10M"}),
            Self::Playbook => json!("motd"),
            Self::Vars => json!({"greeting": "hello"}),
            Self::Property => json!("quota"),
            Self::Value => json!("1G"),
            Self::Text(_) => json!("text"),
            Self::Unit | Self::UnitOrSystem => json!("app@web.service"),
            Self::System => json!("system"),
            Self::Units => json!(["nginx.service"]),
            Self::UnitProperties => json!(["MainPID"]),
            Self::Since => json!("15m"),
            Self::Repository => json!("/srv/app"),
            Self::Branch => json!("main"),
            Self::Revision => json!("main~1"),
            Self::Remote => json!("origin"),
            Self::FilePath => json!("src/main.rs"),
            Self::FilePaths => json!(["src/main.rs"]),
            Self::StashName => json!("wip"),
            Self::Kept => json!("reset-1a2b3c4d5e6f"),
            Self::Container => json!("101"),
            Self::Containers => json!("200-299"),
            Self::ContainerSnapshot => json!("before"),
            Self::ContainerSettings => json!({"memory": "512"}),
            Self::ContainerKeys => json!(["nameserver"]),
            Self::Disk => json!("mp0"),
            Self::Template => json!("local:vztmpl/debian-12.tar.zst"),
            Self::Storage => json!("local-zfs"),
            Self::Hostname => json!("web"),
            Self::Networks => json!(["name=eth0,bridge=vmbr0,ip=dhcp"]),
            Self::Tags => json!(["team-a"]),
            Self::Tool => json!("rg"),
            Self::Declared => json!("declared"),
            Self::Arguments => json!({"pattern": "x"}),
            Self::AzureSubscription => json!("production"),
            Self::AzureGroup => json!("production/web-rg"),
            Self::AzureApp => json!("production/web-rg/shop"),
            Self::AzureTarget => json!("production/web-rg/microsoft.app/containerapps/shop"),
        }
    }

    /// Its JSON Schema (draft 2020-12).
    pub(super) fn schema(self) -> Value {
        let dataset = format!("[A-Za-z][A-Za-z0-9_.:-]*(/{PART})*");
        match self {
            Self::Pool => name_like("^[A-Za-z][A-Za-z0-9_.:-]*$"),
            Self::Dataset => name_like(&format!("^{dataset}$")),
            Self::Snapshot => name_like(&format!("^{dataset}@{PART}$")),
            Self::Target => name_like(&format!("^{dataset}([@#]{PART})?$")),
            Self::DatasetOrSnapshot => name_like(&format!("^{dataset}(@{PART})?$")),
            Self::Quarantined => {
                name_like(&format!("^[A-Za-z][A-Za-z0-9_.:-]*/{}(/{PART})+$", super::zfs::QUARANTINE))
            }
            Self::Short | Self::Tag => name_like(&format!("^{PART}$")),
            Self::NewName => name_like(&format!("^({dataset}|{PART})$")),
            Self::Switch => json!({"type": "boolean", "default": false}),
            Self::Number(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
            Self::Text(most) => json!({"type": "string", "maxLength": most}),
            Self::Size => json!({"type": "integer", "minimum": 1u64 << 20, "maximum": 1u64 << 50}),
            Self::Words(words) => json!({"type": "string", "enum": words}),
            Self::ListOf(words) => {
                json!({"type": "array", "maxItems": 32, "items": {"type": "string", "enum": words}})
            }
            Self::PropertyNames => json!({"type": "array", "maxItems": 32, "items": {"type": "string"}}),
            Self::Settings => {
                json!({"type": "object", "maxProperties": 32, "additionalProperties": {"type": "string"}})
            }
            Self::Declared => json!({"type": "string", "const": super::tool::DECLARED}),
            Self::Arguments => json!({"type": "object"}),
            Self::AzureSubscription => name_like(&format!("^{SUBSCRIPTION}$")),
            Self::AzureGroup => name_like(&format!("^{SUBSCRIPTION}/{GROUP}$")),
            Self::AzureApp => name_like(&format!("^{SUBSCRIPTION}/{GROUP}/[a-z](-?[a-z0-9])+$")),
            Self::AzureTarget => {
                name_like(&format!("^{SUBSCRIPTION}/{GROUP}(/{NAMESPACE}(/{GROUP}/{GROUP})+)?$"))
            }
            Self::Playbook | Self::Tool => {
                json!({"type": "string", "maxLength": 64, "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]*$"})
            }
            Self::Vars => json!({"type": "object"}),
            Self::Property => json!({"type": "string", "maxLength": 255}),
            Self::Value => json!({"type": "string", "maxLength": 1024}),
            Self::Unit => name_like(&format!("^{UNIT}$")),
            Self::UnitOrSystem => name_like(&format!("^(system|{UNIT})$")),
            Self::System => json!({"type": "string", "const": "system"}),
            Self::Units => {
                let unit = name_like(&format!("^{UNIT}$"));
                json!({"type": "array", "maxItems": 31, "uniqueItems": true, "items": unit})
            }
            Self::UnitProperties => {
                let property = json!({"type": "string", "enum": super::systemd::PROPERTIES});
                json!({"type": "array", "maxItems": 32, "items": property})
            }
            Self::Since => {
                name_like("^([1-9][0-9]*[smhd]|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)$")
            }
            Self::Repository => {
                let part = "[A-Za-z0-9_.+@][A-Za-z0-9_.+@-]*";
                json!({"type": "string", "maxLength": 1024, "pattern": format!("^(/{part})+$")})
            }
            Self::Branch => name_like(&format!("^{REF}(/{REF})*$")),
            Self::Revision => name_like(&format!("^{REF}(/{REF})*([~^][0-9]*)*$")),
            Self::Remote => name_like(&format!("^{REF}$")),
            Self::FilePath => json!({"type": "string", "minLength": 1, "maxLength": 1024}),
            Self::FilePaths => {
                json!({"type": "array", "maxItems": 64, "items": {"type": "string", "minLength": 1, "maxLength": 1024}})
            }
            Self::StashName => name_like("^[A-Za-z0-9_][A-Za-z0-9_.-]*$"),
            Self::Kept => name_like("^(reset|clean)-[a-z0-9-]+$"),
            Self::Container => name_like("^[1-9][0-9]{2,8}$"),
            Self::Containers => name_like("^[1-9][0-9]{2,8}(-[1-9][0-9]{2,8})?$"),
            Self::ContainerSnapshot => name_like("^[A-Za-z][A-Za-z0-9_-]{1,39}$"),
            Self::ContainerSettings => {
                json!({"type": "object", "maxProperties": 16, "additionalProperties": {"type": "string"}})
            }
            Self::ContainerKeys => {
                json!({"type": "array", "maxItems": 16, "items": {"type": "string", "maxLength": 32}})
            }
            Self::Disk => name_like("^(rootfs|mp[0-9]{1,3})$"),
            Self::Template => name_like("^[A-Za-z][A-Za-z0-9_.-]*:vztmpl/[A-Za-z0-9][A-Za-z0-9_.+~-]*$"),
            Self::Storage => name_like("^[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]$"),
            Self::Hostname => name_like("^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$"),
            Self::Networks | Self::Tags => {
                json!({"type": "array", "maxItems": 16, "items": {"type": "string", "maxLength": 255}})
            }
        }
    }
}

fn name_like(pattern: &str) -> Value {
    json!({"type": "string", "maxLength": 255, "pattern": pattern})
}
