//! A tool's declaration, `/etc/reeve/tools/NAME.toml`: as it is written, and as it is meant.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::arguments::Template;
use crate::adapter::ansible::schema::{Schema, SchemaAsWritten};
use crate::config::{self, ConfigError};
use crate::operation::tool::ToolName;
use crate::sandbox::{self, Confinement, Limits, MemoryBy, Tier, Workspace};

/// As long as a run may take at most.
const MOST_WALL_CLOCK: u64 = 3600;

/// A declared tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// What it is for.
    pub about: String,
    /// How it is confined; with `principal` as the name of a caller's own workspace, until there is a caller.
    pub confinement: Confinement,
    /// How long a run may take.
    pub wall_clock: Duration,
    /// What it takes, as JSON Schema.
    pub schema: Value,
    /// The same to check by.
    pub(super) parameters: Schema,
    /// How that becomes arguments.
    pub(super) arguments: Vec<Template>,
    /// The package whose file the program is, in place of a digest.
    pub(super) package: Option<String>,
    /// How often it may run in one run of its caller's.
    pub(super) max_calls_per_run: Option<u64>,
    /// Parameters that name a host, for egress that is looked at before the start.
    pub(super) egress_parameters: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    about: String,
    program: String,
    sha256: Option<String>,
    package: Option<String>,
    #[serde(default)]
    runs_code: bool,
    max_calls_per_run: Option<u64>,
    tier: String,
    #[serde(default = "default_user")]
    user: String,
    #[serde(default = "default_workspace")]
    workspace: String,
    #[serde(default)]
    workspace_exec: bool,
    #[serde(default)]
    read_only: Vec<String>,
    #[serde(default)]
    arguments: Vec<String>,
    parameters: Option<Value>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default = "default_egress")]
    egress: String,
    #[serde(default)]
    egress_allow: Vec<String>,
    #[serde(default)]
    egress_deny: Vec<String>,
    #[serde(default)]
    egress_parameters: Vec<String>,
    #[serde(default)]
    limits: LimitsAsWritten,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsAsWritten {
    wall_clock: String,
    cpu: String,
    memory: String,
    memory_by: String,
    processes: u64,
    open_files: u64,
    file_size: String,
    output: String,
    workspace: String,
}

impl Default for LimitsAsWritten {
    fn default() -> Self {
        Self {
            wall_clock: "30s".to_owned(),
            cpu: "30s".to_owned(),
            memory: "512M".to_owned(),
            memory_by: "cgroup".to_owned(),
            processes: 64,
            open_files: 256,
            file_size: "64M".to_owned(),
            output: "1M".to_owned(),
            workspace: "64M".to_owned(),
        }
    }
}

fn default_user() -> String {
    "reeve-tool".to_owned()
}

fn default_workspace() -> String {
    "fresh".to_owned()
}

fn default_egress() -> String {
    "none".to_owned()
}

/// The key of a declaration, and what is wrong with it.
type Wrong = (&'static str, String);

impl Declaration {
    /// Reads a declaration that only root can have written.
    ///
    /// # Errors
    /// The file, the key, and what is wrong with it.
    pub fn read(path: &Path, name: &ToolName) -> Result<Self, ConfigError> {
        let text = config::read_text(path)?;
        Self::parse(&path.display().to_string(), &text, name)
    }

    /// The declaration that a text stands for.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(label: &str, text: &str, name: &ToolName) -> Result<Self, ConfigError> {
        let written: AsWritten = config::parse(label, text)?;
        written.meant(name).map_err(|(key, problem)| ConfigError::in_file(label, format!("{key}: {problem}")))
    }
}

impl AsWritten {
    fn meant(self, name: &ToolName) -> Result<Declaration, Wrong> {
        let egress = super::egress::meant(&self.egress, &self.egress_allow, &self.egress_deny)?;
        let tier = tier(&self.tier)?;
        let workspace = workspace(&self.workspace)?;
        let wall_clock = time("limits.wall_clock", &self.limits.wall_clock, MOST_WALL_CLOCK)?;
        let schema =
            self.parameters.unwrap_or_else(|| json!({"type": "object", "additionalProperties": false}));
        let as_written: SchemaAsWritten =
            serde_json::from_value(schema.clone()).map_err(|error| ("parameters", error.to_string()))?;
        let parameters = Schema::of_vars(as_written).map_err(|problem| ("parameters", problem))?;
        let arguments = super::arguments::templates(&self.arguments, &schema)?;
        super::guard::check(&self.program, &arguments, self.runs_code)
            .map_err(|problem| ("runs_code", problem))?;
        let sha256 = pin(self.sha256, self.package.as_deref())?;
        if self.max_calls_per_run == Some(0) {
            return Err(("max_calls_per_run", "is at least 1".to_owned()));
        }
        super::egress::parameters(&egress, &self.egress_parameters, &schema)?;
        let confinement = Confinement {
            tool: name.to_string(),
            tier,
            user: self.user,
            program: self.program,
            sha256,
            workspace,
            workspace_exec: self.workspace_exec,
            read_only: self.read_only,
            environment: self.environment.into_iter().collect(),
            egress,
            limits: self.limits.meant()?,
        };
        let read = sandbox::decode(&sandbox::encode(&confinement));
        let read = read.map_err(|broken| ("the confinement", broken.0.to_owned()))?;
        if read != confinement {
            return Err(("environment", "a name has a sign in it that no name has".to_owned()));
        }
        Ok(Declaration {
            about: self.about,
            confinement,
            wall_clock,
            schema,
            parameters,
            arguments,
            package: self.package,
            max_calls_per_run: self.max_calls_per_run,
            egress_parameters: self.egress_parameters,
        })
    }
}

impl LimitsAsWritten {
    fn meant(&self) -> Result<Limits, Wrong> {
        let memory_by = match self.memory_by.as_str() {
            "cgroup" => MemoryBy::Cgroup,
            "rlimit" => MemoryBy::Rlimit,
            other => return Err(("limits.memory_by", format!("{other:?} is neither cgroup nor rlimit"))),
        };
        Ok(Limits {
            cpu: time("limits.cpu", &self.cpu, 86_400)?.as_secs(),
            memory: size("limits.memory", &self.memory)?,
            memory_by,
            processes: self.processes,
            open_files: self.open_files,
            file_size: size("limits.file_size", &self.file_size)?,
            output: size("limits.output", &self.output)?,
            workspace: size("limits.workspace", &self.workspace)?,
        })
    }
}

/// The digest that a program is pinned by; where a package pins it, it is known when it runs.
fn pin(sha256: Option<String>, package: Option<&str>) -> Result<String, Wrong> {
    match (sha256, package) {
        (Some(digest), None) => Ok(digest),
        (None, Some(package)) if super::package::is_name(package) => Ok("0".repeat(64)),
        (None, Some(other)) => Err(("package", format!("{other:?} is no package's name"))),
        (Some(_), Some(_)) => Err(("package", "sha256 pins the program already".to_owned())),
        (None, None) => {
            Err(("sha256", "the program has to be pinned: by sha256 = or by package =".to_owned()))
        }
    }
}

fn tier(text: &str) -> Result<Tier, Wrong> {
    match text {
        "b" => Ok(Tier::B),
        "c" => Ok(Tier::C),
        "a" | "w" => Err(("tier", format!("{text:?} is not there yet; b and c are"))),
        other => Err(("tier", format!("{other:?} is neither \"b\" nor \"c\""))),
    }
}

fn workspace(text: &str) -> Result<Workspace, Wrong> {
    match (text, text.split_once(':')) {
        ("fresh", _) => Ok(Workspace::Fresh),
        ("principal", _) => Ok(Workspace::Principal("principal".to_owned())),
        (_, Some(("named", name))) => Ok(Workspace::Named(name.to_owned())),
        (other, _) => {
            Err(("workspace", format!("{other:?} is neither \"fresh\" nor \"principal\" nor \"named:NAME\"")))
        }
    }
}

fn time(key: &'static str, text: &str, most: u64) -> Result<Duration, Wrong> {
    let time = humantime::parse_duration(text)
        .map_err(|error| (key, format!("{text:?} is no duration such as 30s, 10m, 2h: {error}")))?;
    if (1..=most).contains(&time.as_secs()) && time.subsec_nanos() == 0 {
        return Ok(time);
    }
    Err((key, format!("{text:?} is not of whole seconds from 1 s to {most} s")))
}

fn size(key: &'static str, text: &str) -> Result<u64, Wrong> {
    let digits = text.trim_end_matches(['K', 'M', 'G']);
    let power = match text.strip_prefix(digits) {
        Some("") => Some(0),
        Some("K") => Some(10),
        Some("M") => Some(20),
        Some("G") => Some(30),
        Some(_) | None => None,
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| is_number);
    let bytes = number.zip(power).and_then(|(number, power)| number.checked_mul(1 << power));
    bytes.ok_or_else(|| (key, format!("{text:?} is no size such as 64K, 512M or 2G")))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::adapter::tool) const WHOLE: &str = r#"
about = "Searches the caller's workspace"
program = "/usr/bin/rg"
sha256 = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"
tier = "c"
workspace = "principal"
read_only = ["/srv/docs"]
arguments = ["--json", "{hidden?--hidden}", "--max-count={count}", "--", "{pattern}", "{files}"]
environment = {LANG = "C"}

[parameters]
type = "object"
additionalProperties = false
required = ["pattern"]
properties.pattern = {type = "string", maxLength = 200}
properties.count = {type = "integer", minimum = 1, maximum = 100}
properties.hidden = {type = "boolean"}
properties.files = {type = "array", maxItems = 8, items = {type = "string"}}

[limits]
wall_clock = "5s"
memory = "64M"
"#;

    pub(in crate::adapter::tool) fn parse(text: &str) -> Result<Declaration, String> {
        let name = ToolName::try_from("rg".to_owned()).unwrap();
        Declaration::parse("rg.toml", text, &name).map_err(|error| error.to_string())
    }

    #[test]
    fn a_declaration_means_what_is_written_and_safe_defaults() {
        let declared = parse(WHOLE).unwrap();
        let confinement = &declared.confinement;
        assert_eq!((confinement.tier, confinement.user.as_str()), (Tier::C, "reeve-tool"));
        assert_eq!(declared.wall_clock, Duration::from_secs(5));
        assert_eq!((confinement.limits.memory, confinement.limits.processes), (64 << 20, 64));
        assert_eq!(confinement.limits.memory_by, MemoryBy::Cgroup);
        assert!(!confinement.workspace_exec);
        assert_eq!(declared.schema["required"], json!(["pattern"]));
    }

    #[test]
    fn every_key_that_cannot_be_held_is_refused_by_its_name() {
        for (from, to, key) in [
            ("tier = \"c\"", "tier = \"a\"", "tier"),
            ("tier = \"c\"", "tier = \"w\"", "tier"),
            ("sha256 = ", "# ", "sha256"),
            ("sha256 = ", "package = \"ripgrep\"\nsha256 = ", "package"),
            ("tier = \"c\"", "tier = \"c\"\nmax_calls_per_run = 0", "max_calls_per_run"),
            ("/usr/bin/rg", "/usr/bin/xargs", "runs_code"),
            ("\"--json\"", "\"--pre=sh\"", "runs_code"),
            ("tier = \"c\"", "tier = \"c\"\negress = \"some\"", "egress"),
            ("tier = \"c\"", "tier = \"c\"\negress = \"strict\"", "egress_allow"),
            (
                "tier = \"c\"",
                "tier = \"b\"\negress = \"strict\"\negress_allow = [\"a.com:443\"]",
                "strict egress needs tier c",
            ),
            ("tier = \"c\"", "tier = \"c\"\negress_allow = [\"a.com:443\"]", "egress_allow"),
            ("tier = \"c\"", "tier = \"c\"\negress = \"strict\"\negress_allow = [\"a.com\"]", "egress_allow"),
            ("tier = \"c\"", "tier = \"c\"\negress = \"strict\"\negress_allow = [\"*:443\"]", "egress_allow"),
            (
                "tier = \"c\"",
                "tier = \"c\"\negress = \"strict\"\negress_allow = [\"a.com:443\"]\negress_deny = [\"*.a.com\"]",
                "egress_deny",
            ),
            (
                "tier = \"c\"",
                "tier = \"c\"\negress = \"preflight\"\negress_allow = [\"a.com:443\"]\negress_parameters = [\"url\"]",
                "egress_parameters",
            ),
            ("tier = \"c\"", "tier = \"c\"\nuser = \"../x\"", "the user's name"),
            ("tier = \"c\"", "tier = \"c\"\nnetwork = true", "unknown key"),
            ("\"principal\"", "\"/srv\"", "workspace"),
            ("\"principal\"", "\"named:../x\"", "the workspace's name"),
            ("\"/srv/docs\"", "\"/etc\"", "a path to read"),
            ("/usr/bin/rg", "/opt/rg", "the program lies neither"),
            ("/usr/bin/rg", "rg", "the program's path"),
            ("0f0f0f0f", "0F0F0F0F", "the digest"),
            ("LANG = \"C\"", "LD_PRELOAD = \"x\"", "a variable"),
            ("LANG = \"C\"", "\"A=B\" = \"x\"", "environment"),
            ("wall_clock = \"5s\"", "wall_clock = \"2h\"", "limits.wall_clock"),
            ("memory = \"64M\"", "memory = \"much\"", "limits.memory"),
            ("memory = \"64M\"", "memory = \"1K\"", "memory"),
            ("memory = \"64M\"", "memory_by = \"hope\"", "limits.memory_by"),
            ("memory = \"64M\"", "open_files = 3", "open files"),
            ("memory = \"64M\"", "output = \"1G\"", "output"),
            ("memory = \"64M\"", "processes = 0", "processes"),
            ("memory = \"64M\"", "cpu = \"1500ms\"", "limits.cpu"),
            ("memory = \"64M\"", "file_size = \"1X\"", "limits.file_size"),
            ("memory = \"64M\"", "workspace = \"1K\"", "the size of the workspace"),
            ("memory = \"64M\"", "inodes = 5", "unknown key"),
            ("maxLength", "maxlength", "parameters"),
            ("\"{pattern}\"", "\"{patern}\"", "arguments"),
        ] {
            assert!(WHOLE.contains(from), "{from}");
            let said = parse(&WHOLE.replacen(from, to, 1)).unwrap_err();
            assert!(said.starts_with("rg.toml") && said.contains(key), "{to}: {said}");
        }
    }
}
