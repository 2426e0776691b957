//! Operations on declared tools: what there is, and a run of one.

mod catalogue;
mod names;

pub use names::ToolName;

pub(in crate::operation) use catalogue::CATALOGUE;
pub(in crate::operation) use names::DECLARED;

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::{Effect, Invalid, Realm, Touched, Typed, given};

/// As much as a tool may be given to read, in characters.
pub(super) const MAX_INPUT: u32 = 16_384;
/// How many runs there may be at one time.
const RUNS: usize = 50;
/// As long as all arguments together may be, as JSON.
const MAX_ARGUMENTS: usize = 16 * 1024;

/// One thing that can be done with declared tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolOperation {
    /// Lists the tools and how each is confined.
    List,
    /// Runs one.
    Run {
        /// Which.
        tool: ToolName,
        /// What its declaration has parameters for.
        arguments: Map<String, Value>,
        /// What it reads from standard input.
        input: Option<String>,
    },
}

impl ToolOperation {
    /// Reads an operation from its name, resource and parameters.
    pub(super) fn from_parts(op: &str, resource: &str, params: &mut Fields) -> Result<Self, Invalid> {
        match op {
            "list" if resource == DECLARED => Ok(Self::List),
            "list" => Err(Invalid::at("/resource", format!("is {DECLARED:?}"))),
            "run" => {
                let tool =
                    ToolName::try_from(resource.to_owned()).map_err(|invalid| invalid.under("/resource"))?;
                let place = params.pointer("arguments");
                let arguments = params.object("arguments")?.unwrap_or_default();
                check(&arguments).map_err(|invalid| invalid.under(&place))?;
                let most = usize::try_from(MAX_INPUT).unwrap_or(usize::MAX);
                let input = params.text_up_to("input", most)?;
                if input.as_ref().is_some_and(|text| text.contains('\0')) {
                    return Err(Invalid::at(params.pointer("input"), "has a zero byte in it"));
                }
                Ok(Self::Run { tool, arguments, input: input.filter(|text| !text.is_empty()) })
            }
            other => {
                let problem = format!("tool has no operation {other:?}; GET /host/ops lists them");
                Err(Invalid::at("/op", problem))
            }
        }
    }
}

/// Arguments are plain values, or lists of them: what each may be, the tool's declaration says.
fn check(arguments: &Map<String, Value>) -> Result<(), Invalid> {
    for (name, value) in arguments {
        let place = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let is_plain = match value {
            Value::Array(items) => items.iter().all(is_plain),
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_)) => is_plain(other),
        };
        if !is_plain {
            return Err(Invalid::at(
                place,
                "is text without a zero byte, an integer, true or false, or a list of such",
            ));
        }
    }
    if json!(arguments).to_string().len() > MAX_ARGUMENTS {
        return Err(Invalid::here(format!("are at most {MAX_ARGUMENTS} bytes as JSON")));
    }
    Ok(())
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::Bool(_) => true,
        Value::Number(number) => number.is_i64(),
        Value::String(text) => !text.contains('\0'),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

impl Typed for ToolOperation {
    fn kind(&self) -> &'static str {
        "tool"
    }

    fn name(&self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Run { .. } => "run",
        }
    }

    /// A run counts as a change: what a tool does to a workspace that stays, nobody can foresee.
    fn effect(&self) -> Effect {
        match self {
            Self::List => Effect::Read,
            Self::Run { .. } => Effect::Change,
        }
    }

    fn resource(&self) -> String {
        match self {
            Self::List => DECLARED.to_owned(),
            Self::Run { tool, .. } => tool.to_string(),
        }
    }

    /// That there are tools is no secret; a contract grants running them.
    fn touched(&self) -> Vec<Touched> {
        match self {
            Self::List => Vec::new(),
            Self::Run { tool, .. } => vec![Touched::new(Realm::Tool, tool.as_str())],
        }
    }

    fn params(&self) -> Map<String, Value> {
        match self {
            Self::List => Map::new(),
            Self::Run { arguments, input, .. } => {
                given(vec![("arguments", json!(arguments)), ("input", json!(input))])
            }
        }
    }

    /// All runs together, so that as many as there are places leave the launcher some for other kinds.
    fn place(&self) -> String {
        "tool".to_owned()
    }

    /// What a run sees of the host no other run changes, except in a workspace that both have; that is the tools' matter.
    fn beside(&self) -> usize {
        match self {
            Self::List => 1,
            Self::Run { .. } => RUNS,
        }
    }

    /// Whole, and in one line: people say yes to all of a script that is given as input, or cannot be asked.
    fn command_line(&self) -> String {
        let mut line = format!("tool {} {}", self.name(), self.resource());
        for (name, value) in self.params() {
            line.push_str(&format!(" {name}={value}"));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RUNS;
    use crate::operation::{Invalid, Operation};

    fn read(value: serde_json::Value) -> Result<Operation, Invalid> {
        Operation::from_value(value)
    }

    #[test]
    fn a_run_is_read_and_written_in_one_form() {
        let whole = json!({"kind": "tool", "op": "run", "resource": "rg",
            "params": {"arguments": {"files": ["a", "b"], "hidden": true, "pattern": "x y"}, "input": "text"}});
        let operation = read(whole.clone()).unwrap();
        assert_eq!(operation.to_value(), whole);
        let bare =
            json!({"kind": "tool", "op": "run", "resource": "rg", "params": {"arguments": {}, "input": ""}});
        assert_eq!(read(bare).unwrap().to_value()["params"], json!({}));
    }

    #[test]
    fn a_run_is_shown_whole_and_in_one_line() {
        let asked = json!({"kind": "tool", "op": "run", "resource": "python",
            "params": {"arguments": {"arguments": ["a b"]}, "input": "import os\nprint(\"x\")"}});
        assert_eq!(
            read(asked).unwrap().command_line(),
            r#"tool run python arguments={"arguments":["a b"]} input="import os\nprint(\"x\")""#
        );
        let bare = json!({"kind": "tool", "op": "run", "resource": "rg"});
        assert_eq!(read(bare).unwrap().command_line(), "tool run rg");
    }

    #[test]
    fn what_is_no_argument_is_refused_with_its_place() {
        for (value, pointer) in [
            (json!({"arguments": {"a": null}}), "/params/arguments/a"),
            (json!({"arguments": {"a": {"b": 1}}}), "/params/arguments/a"),
            (json!({"arguments": {"a": [["b"]]}}), "/params/arguments/a"),
            (json!({"arguments": {"a": 1.5}}), "/params/arguments/a"),
            (json!({"arguments": {"a": "x\0"}}), "/params/arguments/a"),
            (json!({"arguments": {"a": "x".repeat(20_000)}}), "/params/arguments"),
            (json!({"arguments": ["a"]}), "/params/arguments"),
            (json!({"input": "x\0"}), "/params/input"),
            (json!({"input": "x".repeat(20_000)}), "/params/input"),
            (json!({"environment": {}}), "/params/environment"),
            (json!({"argv": []}), "/params/argv"),
        ] {
            let asked = json!({"kind": "tool", "op": "run", "resource": "rg", "params": value});
            assert_eq!(read(asked.clone()).unwrap_err().pointer, pointer, "{asked}");
        }
    }

    #[test]
    fn runs_do_not_wait_for_each_other() {
        let run = |tool: &str| read(json!({"kind": "tool", "op": "run", "resource": tool})).unwrap();
        assert_eq!((run("rg").place(), run("jq").beside()), (run("jq").place(), 50));
        let zfs = json!({"kind": "zfs", "op": "list", "resource": "tank"});
        assert_eq!(read(zfs).unwrap().beside(), 1);
    }

    /// Where a unit has as many tasks as it may, sudo cannot be started any more, for whatever else the gate does either.
    #[test]
    fn the_launchers_unit_has_room_for_all_runs_with_all_their_connections() {
        // sudo and its monitor, the wrapper and who waits for its end, and the first of the tool's tree before it is in a group of its own.
        const AROUND: usize = 5;
        // Bounded by themselves and not by a group, tools are in the unit's: as many processes as are declared where nothing is said.
        const WITHOUT_A_GROUP: usize = 64 + 2;
        const CORES: usize = 256;
        let unit = include_str!("../../../systemd/reeve-launcher.service");
        let most = unit.lines().find_map(|line| line.strip_prefix("TasksMax=")).unwrap();
        let run = AROUND + WITHOUT_A_GROUP + crate::egress::MOST_THREADS;
        let needed = crate::launcher::server::threads(CORES) + RUNS * run;
        assert!(needed <= most.parse().unwrap(), "TasksMax={most} and {needed} are needed");
    }

    #[test]
    fn a_tool_is_named_and_never_a_path() {
        for (op, resource) in [
            ("run", "/usr/bin/rg"),
            ("run", "../rg"),
            ("run", ""),
            ("run", "declared"),
            ("list", "rg"),
            ("exec", "rg"),
        ] {
            assert!(
                read(json!({"kind": "tool", "op": op, "resource": resource})).is_err(),
                "{op} {resource}"
            );
        }
    }
}
