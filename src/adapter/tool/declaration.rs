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
use crate::sandbox::module::ROOM;
use crate::sandbox::{self, Builtin, Confinement, Limits, MemoryBy, Tier, Workspace};

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
    /// What of Reeve's own it is, in tier A.
    pub(super) builtin: Option<Builtin>,
    /// How often it may run in one run of its caller's.
    pub(super) max_calls_per_run: Option<u64>,
    /// Parameters that name a host, for egress that is looked at before the start.
    pub(super) egress_parameters: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AsWritten {
    pub(super) about: String,
    pub(super) program: Option<String>,
    pub(super) builtin: Option<String>,
    pub(super) module: Option<String>,
    pub(super) signed_by: Option<String>,
    #[serde(default)]
    pub(super) imports: Vec<String>,
    pub(super) sha256: Option<String>,
    pub(super) package: Option<String>,
    #[serde(default)]
    pub(super) runs_code: bool,
    pub(super) max_calls_per_run: Option<u64>,
    pub(super) tier: String,
    #[serde(default = "default_user")]
    pub(super) user: String,
    #[serde(default = "default_workspace")]
    pub(super) workspace: String,
    #[serde(default)]
    pub(super) workspace_exec: bool,
    #[serde(default)]
    pub(super) single_program: bool,
    #[serde(default)]
    pub(super) debug: bool,
    #[serde(default)]
    pub(super) read_only: Vec<String>,
    #[serde(default)]
    pub(super) hidden: Vec<String>,
    #[serde(default)]
    pub(super) protected: Vec<String>,
    #[serde(default)]
    pub(super) arguments: Vec<String>,
    pub(super) parameters: Option<Value>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(default = "default_egress")]
    pub(super) egress: String,
    #[serde(default)]
    pub(super) egress_allow: Vec<String>,
    #[serde(default)]
    pub(super) egress_deny: Vec<String>,
    #[serde(default)]
    pub(super) egress_parameters: Vec<String>,
    #[serde(default)]
    pub(super) limits: LimitsAsWritten,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsAsWritten {
    wall_clock: String,
    pub(super) deadline: Option<String>,
    cpu: String,
    pub(super) fuel: Option<u64>,
    pub(super) memory: String,
    pub(super) table: Option<u64>,
    memory_by: String,
    processes: u64,
    open_files: u64,
    file_size: String,
    output: String,
    workspace: String,
    inodes: u64,
}

impl Default for LimitsAsWritten {
    fn default() -> Self {
        Self {
            wall_clock: "30s".to_owned(),
            deadline: None,
            cpu: "30s".to_owned(),
            fuel: None,
            memory: "512M".to_owned(),
            table: None,
            memory_by: "cgroup".to_owned(),
            processes: 64,
            open_files: 256,
            file_size: "64M".to_owned(),
            output: "1M".to_owned(),
            workspace: "64M".to_owned(),
            inodes: 65_536,
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
pub(super) type Wrong = (&'static str, String);

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
    fn meant(mut self, name: &ToolName) -> Result<Declaration, Wrong> {
        let tier = tier(&self.tier)?;
        let module = super::module::complete(&mut self, tier)?;
        let builtin = super::builtin::complete(&mut self, tier)?;
        let program = self.program.ok_or_else(|| ("program", "says what runs".to_owned()))?;
        let egress = super::egress::meant(&self.egress, &self.egress_allow, &self.egress_deny)?;
        let workspace = workspace(&self.workspace)?;
        let wall_clock = time("limits.wall_clock", &self.limits.wall_clock, MOST_WALL_CLOCK)?;
        let schema =
            self.parameters.unwrap_or_else(|| json!({"type": "object", "additionalProperties": false}));
        let as_written: SchemaAsWritten =
            serde_json::from_value(schema.clone()).map_err(|error| ("parameters", error.to_string()))?;
        let parameters = Schema::of_vars(as_written).map_err(|problem| ("parameters", problem))?;
        let arguments = super::arguments::templates(&self.arguments, &schema)?;
        super::guard::check(&program, &arguments, self.runs_code)
            .map_err(|problem| ("runs_code", problem))?;
        let sha256 = pin(self.sha256, self.package.as_deref())?;
        if self.max_calls_per_run == Some(0) {
            return Err(("max_calls_per_run", "is at least 1".to_owned()));
        }
        super::egress::parameters(&egress, &self.egress_parameters, &schema)?;
        let mut limits = self.limits.meant()?;
        if let Some(module) = &module {
            limits.memory = module.bounds.memory.saturating_add(ROOM);
        }
        let confinement = Confinement {
            tool: name.to_string(),
            tier,
            user: self.user,
            program,
            sha256,
            workspace,
            workspace_exec: self.workspace_exec,
            single_program: self.single_program,
            debug: self.debug,
            read_only: self.read_only,
            hidden: self.hidden,
            protected: self.protected,
            environment: self.environment.into_iter().collect(),
            egress,
            limits,
            module,
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
            builtin,
            max_calls_per_run: self.max_calls_per_run,
            egress_parameters: self.egress_parameters,
        })
    }
}

impl LimitsAsWritten {
    pub(super) fn meant(&self) -> Result<Limits, Wrong> {
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
            inodes: self.inodes,
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
        "a" | "A" => Ok(Tier::A),
        "b" | "B" => Ok(Tier::B),
        "c" | "C" => Ok(Tier::C),
        "w" | "W" => Ok(Tier::W),
        other => Err(("tier", format!("{other:?} is none of \"a\", \"b\", \"c\" and \"w\""))),
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

pub(super) fn time(key: &'static str, text: &str, most: u64) -> Result<Duration, Wrong> {
    let time = humantime::parse_duration(text)
        .map_err(|error| (key, format!("{text:?} is no duration such as 30s, 10m, 2h: {error}")))?;
    if (1..=most).contains(&time.as_secs()) && time.subsec_nanos() == 0 {
        return Ok(time);
    }
    Err((key, format!("{text:?} is not of whole seconds from 1 s to {most} s")))
}

pub(super) fn size(key: &'static str, text: &str) -> Result<u64, Wrong> {
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
pub(super) mod tests;
