//! The catalogue: every operation with its effect, its parameters in positional order, and their JSON Schema (draft 2020-12).

use serde_json::{Map, Value, json};

use super::{Effect, Invalid};

/// One operation as agents find it.
#[derive(Debug)]
pub struct Entry {
    /// `zfs`.
    pub kind: &'static str,
    /// `destroy`.
    pub op: &'static str,
    /// What it can do at least.
    pub effect: Effect,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// What the resource is.
    pub resource: Shape,
    /// The parameters, in the order of the positional form.
    pub fields: &'static [Field],
}

/// One parameter.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// What it is for, in a few words.
    pub about: &'static str,
}

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
    /// A property's name.
    Property,
    /// A property's value.
    Value,
}

const fn required(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, shape, required: true, about }
}

const fn optional(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, shape, required: false, about }
}

const fn read(op: &'static str, resource: Shape, fields: &'static [Field], about: &'static str) -> Entry {
    Entry { kind: "zfs", op, effect: Effect::Read, about, resource, fields }
}

const fn change(op: &'static str, resource: Shape, fields: &'static [Field], about: &'static str) -> Entry {
    Entry { kind: "zfs", op, effect: Effect::Change, about, resource, fields }
}

const fn destroy(op: &'static str, resource: Shape, fields: &'static [Field], about: &'static str) -> Entry {
    Entry { kind: "zfs", op, effect: Effect::Destroy, about, resource, fields }
}

const TYPES: Shape = Shape::ListOf(&["filesystem", "volume", "snapshot", "bookmark"]);
const PROPERTIES: Field = optional("properties", Shape::Settings, "properties from the beginning");

static CATALOGUE: &[Entry] = &[
    read(
        "list",
        Shape::Dataset,
        &[
            optional("recursive", Shape::Switch, "everything below too"),
            optional("types", TYPES, "what to list; filesystems and volumes when absent"),
        ],
        "Lists datasets, snapshots and bookmarks at and below a dataset.",
    ),
    read(
        "get",
        Shape::Target,
        &[optional("properties", Shape::PropertyNames, "which; those used most when absent")],
        "Reads properties with their sources.",
    ),
    read(
        "diff",
        Shape::Snapshot,
        &[optional("to", Shape::Short, "a later snapshot of the same dataset; now when absent")],
        "Lists files that changed since a snapshot.",
    ),
    read("pool-status", Shape::Pool, &[], "Reads a pool's health, devices and errors."),
    change(
        "snapshot",
        Shape::Dataset,
        &[
            required("name", Shape::Short, "the snapshot's short name"),
            optional("recursive", Shape::Switch, "of everything below too"),
        ],
        "Takes a snapshot.",
    ),
    change(
        "create",
        Shape::Dataset,
        &[optional("size", Shape::Size, "makes a volume of that many bytes"), PROPERTIES],
        "Creates a filesystem or a volume.",
    ),
    change(
        "clone",
        Shape::Snapshot,
        &[required("target", Shape::Dataset, "the new dataset"), PROPERTIES],
        "Makes a writable dataset of a snapshot.",
    ),
    change(
        "set",
        Shape::Dataset,
        &[required("property", Shape::Property, "which"), required("value", Shape::Value, "to what")],
        "Sets a property.",
    ),
    change(
        "rename",
        Shape::DatasetOrSnapshot,
        &[required("to", Shape::NewName, "a dataset's whole new name, a snapshot's short one")],
        "Renames a dataset or a snapshot.",
    ),
    change(
        "hold",
        Shape::Snapshot,
        &[required("tag", Shape::Tag, "the hold's tag")],
        "Keeps a snapshot from being destroyed.",
    ),
    change(
        "release",
        Shape::Snapshot,
        &[required("tag", Shape::Tag, "the hold's tag")],
        "Takes a hold away.",
    ),
    change(
        "bookmark",
        Shape::Snapshot,
        &[required("name", Shape::Short, "the bookmark's short name")],
        "Makes a bookmark of a snapshot.",
    ),
    change(
        "scrub",
        Shape::Pool,
        &[optional("action", Shape::Words(&["start", "pause", "stop"]), "start when absent")],
        "Starts, pauses or stops the check of every block of a pool.",
    ),
    destroy(
        "rollback",
        Shape::Snapshot,
        &[optional(
            "destroy_newer",
            Shape::Switch,
            "destroy younger snapshots and bookmarks, which OpenZFS demands",
        )],
        "Takes a dataset back to a snapshot.",
    ),
    destroy(
        "destroy",
        Shape::Target,
        &[
            optional("recursive", Shape::Switch, "what lies below and its snapshots too"),
            optional("clones", Shape::Switch, "clones of its snapshots too"),
            optional(
                "quarantine",
                Shape::Switch,
                "move it into the pool's quarantine instead, from where rename brings it back",
            ),
        ],
        "Destroys a dataset, snapshot or bookmark.",
    ),
    destroy("purge", Shape::Quarantined, &[], "Destroys a dataset in quarantine for good."),
];

/// Every operation, in the order of the documentation.
pub fn catalogue() -> &'static [Entry] {
    CATALOGUE
}

/// The JSON Schema of an operation's `{"resource", "params"}`.
pub fn schema(entry: &Entry) -> Value {
    let properties: Map<String, Value> = entry
        .fields
        .iter()
        .map(|field| (field.name.to_owned(), described(field.shape, field.about)))
        .collect();
    let required: Vec<&str> =
        entry.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let params = json!({
        "type": "object", "additionalProperties": false, "properties": properties, "required": required
    });
    let mut needed = vec!["resource"];
    if !required.is_empty() {
        needed.push("params");
    }
    json!({
        "type": "object",
        "properties": {"resource": entry.resource.schema(), "params": params},
        "required": needed,
    })
}

fn described(shape: Shape, about: &str) -> Value {
    let mut schema = shape.schema();
    if let Some(map) = schema.as_object_mut() {
        map.insert("description".to_owned(), json!(about));
    }
    schema
}

const PART: &str = "[A-Za-z0-9_.:][A-Za-z0-9_.:-]*";

impl Shape {
    fn schema(self) -> Value {
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
            Self::Size => json!({"type": "integer", "minimum": 1u64 << 20, "maximum": 1u64 << 50}),
            Self::Words(words) => json!({"type": "string", "enum": words}),
            Self::ListOf(words) => {
                json!({"type": "array", "maxItems": 32, "items": {"type": "string", "enum": words}})
            }
            Self::PropertyNames => json!({"type": "array", "maxItems": 32, "items": {"type": "string"}}),
            Self::Settings => {
                json!({"type": "object", "maxProperties": 32, "additionalProperties": {"type": "string"}})
            }
            Self::Property => json!({"type": "string", "maxLength": 255}),
            Self::Value => json!({"type": "string", "maxLength": 1024}),
        }
    }
}

fn name_like(pattern: &str) -> Value {
    json!({"type": "string", "maxLength": 255, "pattern": pattern})
}

/// Turns `["snapshot", "daily", true]` into the operation's name and its parameters.
pub(super) fn positional(kind: &str, args: Vec<Value>) -> Result<(String, Map<String, Value>), Invalid> {
    let mut args = args.into_iter();
    let Some(Value::String(op)) = args.next() else {
        return Err(Invalid::at("/args/0", "is the operation's name"));
    };
    let Some(entry) = CATALOGUE.iter().find(|entry| entry.kind == kind && entry.op == op) else {
        return Err(Invalid::at(
            "/args/0",
            format!("{kind} has no operation {op:?}; GET /host/ops lists them"),
        ));
    };
    let mut params = Map::new();
    let mut fields = entry.fields.iter();
    for (position, arg) in args.enumerate() {
        let Some(field) = fields.next() else {
            let problem = format!("is one too many: {op} takes at most {}", entry.fields.len());
            return Err(Invalid::at(format!("/args/{}", position + 1), problem));
        };
        params.insert(field.name.to_owned(), arg);
    }
    Ok((op, params))
}
