//! Answers to `list`, `files`, `status` and `show`: what systemd itself says in JSON and properties, never scraped text.

use serde_json::{Map, Value, json};

use super::properties::Properties;
use super::reader::{self, Files, unreadable};
use super::unit::Unit;
use crate::adapter::foreign::all_harmless;
use crate::adapter::{Argv, Host, PlanRefusal, ReadAnswer};
use crate::operation::systemd::{ListedState, Property, Subject, UnitKind, UnitName};

/// How many units an answer lists.
const MOST: usize = 5_000;
/// What is shown of the service manager itself.
const MANAGER: &str =
    "Version,SystemState,NFailedUnits,NJobs,NNames,Virtualization,Architecture,UserspaceTimestamp";
/// What is shown of a unit when nobody says.
const USUAL: &str = "Id,Names,Description,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,\
NeedDaemonReload,Type,Restart,ExecStart,User,MainPID,Result,NRestarts,Requires,RequiredBy,Wants,WantedBy,Conflicts,Triggers,\
TriggeredBy,ActiveEnterTimestamp,TimeoutStartUSec,TimeoutStopUSec";
/// What is shown of a unit in its status, by the names in the answer.
#[rustfmt::skip]
const STATUS: &[(&str, &str)] = &[
    ("description", "Description"), ("load", "LoadState"), ("active", "ActiveState"), ("sub", "SubState"),
    ("enabled", "UnitFileState"), ("since", "StateChangeTimestamp"), ("result", "Result"), ("status_text", "StatusText"),
];
/// The same, for what is a number.
const NUMBERS: &[(&str, &str)] = &[
    ("main_pid", "MainPID"),
    ("exit_status", "ExecMainStatus"),
    ("restarts", "NRestarts"),
    ("memory", "MemoryCurrent"),
    ("tasks", "TasksCurrent"),
];

/// The units that systemd has in memory.
pub(super) fn list(
    host: &dyn Host,
    kinds: &[UnitKind],
    states: &[ListedState],
) -> Result<ReadAnswer, PlanRefusal> {
    let states: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let mut args = vec![
        "--no-pager".to_owned(),
        "list-units".to_owned(),
        "--all".to_owned(),
        "--output=json".to_owned(),
    ];
    args.extend(kinds_option(kinds));
    args.extend((!states.is_empty()).then(|| format!("--state={}", states.join(","))));
    let columns = ["unit", "load", "active", "sub", "description"];
    Ok(done(table(host, &Argv::systemctl(args), ("units", &columns))?))
}

/// The unit files of the host.
pub(super) fn files(host: &dyn Host, kinds: &[UnitKind]) -> Result<ReadAnswer, PlanRefusal> {
    let mut args = vec!["--no-pager".to_owned(), "list-unit-files".to_owned(), "--output=json".to_owned()];
    args.extend(kinds_option(kinds));
    Ok(done(table(host, &Argv::systemctl(args), ("files", &["unit_file", "state", "preset"]))?))
}

/// How a unit, or the whole host, is doing.
pub(super) fn status(host: &dyn Host, of: &Subject) -> Result<ReadAnswer, PlanRefusal> {
    match of {
        Subject::System => system(host).map(done),
        Subject::Unit(name) => reader::present(host, name.as_str()).map(|unit| done(of_unit(&unit))),
    }
}

/// A unit's properties, and what tells its files from others.
pub(super) fn show(host: &dyn Host, name: &UnitName, wanted: &[Property]) -> Result<ReadAnswer, PlanRefusal> {
    let unit = reader::present(host, name.as_str())?;
    let asked = match wanted {
        [] => USUAL.to_owned(),
        some => some.iter().map(Property::as_str).collect::<Vec<_>>().join(","),
    };
    let printed = reader::text(host, &reader::show_argv(&asked, &[&unit.id]))?;
    let blocks = Properties::blocks(&printed).filter(|blocks| blocks.len() < 2);
    let blocks = blocks.ok_or_else(|| unreadable("systemctl show printed something unknown"))?;
    // A property that this kind of unit does not have is not printed.
    let properties: Map<String, Value> = blocks
        .iter()
        .flat_map(Properties::iter)
        .map(|(name, values)| match values {
            [value] => (name.to_owned(), json!(value)),
            several => (name.to_owned(), json!(several)),
        })
        .collect();
    let files = Files::of(host, &unit)?;
    Ok(done(json!({"unit": unit.id, "properties": properties, "files": files.identity()})))
}

fn system(host: &dyn Host) -> Result<Value, PlanRefusal> {
    let argv = Argv::systemctl(["--no-pager", "show", "--timestamp=us+utc", "--property", MANAGER]);
    let blocks = Properties::blocks(&reader::text(host, &argv)?);
    let [manager] = blocks.as_deref().unwrap_or_default() else {
        return Err(unreadable("systemctl show printed something unknown"));
    };
    let number = |name: &str| manager.some(name).and_then(|number| number.parse::<u64>().ok());
    let argv = Argv::systemctl(["--no-pager", "list-units", "--all", "--output=json", "--state=failed"]);
    let failed = table(host, &argv, ("failed", &["unit", "load", "active", "sub", "description"]))?;
    Ok(json!({
        "state": manager.some("SystemState").ok_or_else(|| unreadable("systemd does not say how it is"))?,
        "version": manager.some("Version"), "virtualization": manager.some("Virtualization"),
        "architecture": manager.some("Architecture"), "up_since": manager.some("UserspaceTimestamp"),
        "units": number("NNames"), "jobs": number("NJobs"), "failed_units": number("NFailedUnits"),
        "failed": failed.get("failed"),
    }))
}

fn of_unit(unit: &Unit) -> Value {
    let mut status = Map::new();
    status.insert("unit".to_owned(), json!(unit.id));
    status.insert("names".to_owned(), json!(unit.names));
    for (name, property) in STATUS {
        status.insert((*name).to_owned(), json!(unit.properties.some(property)));
    }
    for (name, property) in NUMBERS {
        // What systemd does not count is `[not set]`, or all bits set.
        let number = unit.properties.some(property).and_then(|number| number.parse::<u64>().ok());
        status.insert((*name).to_owned(), json!(number.filter(|number| *number != u64::MAX)));
    }
    status.insert("triggered_by".to_owned(), json!(unit.related("TriggeredBy")));
    status.insert("files_newer_than_read".to_owned(), json!(unit.is_stale));
    status.into()
}

fn kinds_option(kinds: &[UnitKind]) -> Option<String> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    (!kinds.is_empty()).then(|| format!("--type={}", kinds.join(",")))
}

/// A table that systemctl printed as JSON, with these columns and no others.
fn table(host: &dyn Host, argv: &Argv, (key, columns): (&str, &[&str])) -> Result<Value, PlanRefusal> {
    let unknown = || unreadable("systemctl printed a table of another form");
    let rows: Vec<Map<String, Value>> =
        serde_json::from_slice(&reader::text(host, argv)?).map_err(|_| unknown())?;
    let is_known =
        |row: &Map<String, Value>| row.get(*columns.first().unwrap_or(&"")).is_some_and(Value::is_string);
    if !rows.iter().all(is_known) {
        return Err(unknown());
    }
    let is_cut = rows.len() > MOST;
    let shown: Vec<Value> = rows
        .into_iter()
        .take(MOST)
        .map(|row| {
            let columns =
                columns.iter().map(|name| ((*name).to_owned(), row.get(*name).cloned().unwrap_or_default()));
            Value::Object(columns.collect())
        })
        .collect();
    Ok(json!({key: shown, "truncated": is_cut}))
}

fn done(result: Value) -> ReadAnswer {
    // A unit's description and status are its own words.
    ReadAnswer { result: all_harmless(result), exit_code: 0 }
}
