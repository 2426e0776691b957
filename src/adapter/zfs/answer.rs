//! Answers to `list` and `get`.

use serde_json::{Map, Value, json};

use super::item::{COLUMNS, Item};
use super::pool;
use super::reader;
use crate::adapter::{Argv, Host, ListingForm, PlanRefusal, ReadAnswer, Rule};
use crate::operation::zfs::{DatasetName, ListedType, PropertyName, Target};

/// What `get` reads when no property is named.
const USUAL: &[&str] = &[
    "type",
    "guid",
    "creation",
    "used",
    "available",
    "referenced",
    "logicalreferenced",
    "compressratio",
    "mounted",
    "mountpoint",
    "origin",
    "quota",
    "refquota",
    "reservation",
    "refreservation",
    "recordsize",
    "volsize",
    "compression",
    "atime",
    "readonly",
    "canmount",
    "userrefs",
];

/// Lists at and below a dataset.
pub(super) fn list(
    host: &dyn Host,
    dataset: &DatasetName,
    recursive: bool,
    types: &[ListedType],
) -> Result<ReadAnswer, PlanRefusal> {
    let words: Vec<&str> = types.iter().map(|listed| listed.as_str()).collect();
    let types = if words.is_empty() { "filesystem,volume".to_owned() } else { words.join(",") };
    let mut args = vec!["list", "-Hp", "-o", COLUMNS, "-t", &types];
    args.extend_from_slice(if recursive { &["-r"] } else { &["-d", "1"] });
    args.push(dataset.as_str());
    let Some(stdout) = reader::text(host, &Argv::zfs(args), dataset.as_str())? else {
        reader::present(host, dataset.as_str())?;
        return Err(reader::unreadable(format!("{dataset} came and went")));
    };
    let items: Vec<Item> = stdout
        .lines()
        .map(|line| {
            Item::from_line(line).ok_or_else(|| reader::unreadable("zfs list printed an unknown line"))
        })
        .collect::<Result<_, _>>()?;
    let wanted = items.iter().filter(|item| recursive || item.dataset() == dataset.as_str());
    let result = json!({"items": wanted.map(shown).collect::<Vec<_>>()});
    Ok(ReadAnswer { result, exit_code: 0 })
}

fn shown(item: &Item) -> Value {
    json!({
        "name": item.name, "type": item.kind.as_str(), "guid": item.guid, "creation": item.creation,
        "used": item.used, "referenced": item.referenced, "written": item.written, "origin": item.origin,
        "clones": item.clones, "holds": item.holds, "mounted": item.mounted,
    })
}

/// Reads properties with their sources.
pub(super) fn get(
    host: &dyn Host,
    target: &Target,
    properties: &[PropertyName],
) -> Result<ReadAnswer, PlanRefusal> {
    let mut names: Vec<&str> = properties.iter().map(PropertyName::as_str).collect();
    if names.is_empty() {
        names.extend_from_slice(USUAL);
    }
    names.dedup();
    let pool = target.dataset();
    let read = match pool::form(host, pool.pool())? {
        ListingForm::Json => from_json(host, target, &names),
        ListingForm::Columns => from_columns(host, target, &names),
    }?;
    let Some(properties) = read else {
        reader::present(host, target.as_str())?;
        return Err(reader::unreadable(format!("{target} came and went")));
    };
    Ok(ReadAnswer { result: json!({"name": target, "properties": properties}), exit_code: 0 })
}

/// `-j -p` without `--json-int`: with it, guids above 2⁶³ are wrong.
fn from_json(host: &dyn Host, target: &Target, names: &[&str]) -> Result<Option<Value>, PlanRefusal> {
    let list = names.join(",");
    let Some(text) = ask(host, &Argv::zfs(["get", "-j", "-p", &list, target.as_str()]), target)? else {
        return Ok(None);
    };
    let value: Option<Value> = serde_json::from_str(&text).ok();
    let read =
        value.as_ref().and_then(|value| value.get("datasets")?.get(target.as_str())?.get("properties"));
    let read = read.and_then(Value::as_object);
    let read = read.ok_or_else(|| reader::unreadable(format!("zfs get answered without {target}")))?;
    let properties: Map<String, Value> = read
        .iter()
        .map(|(name, read)| {
            let source = read.get("source").map(source).unwrap_or_default();
            (name.clone(), json!({"value": read.get("value"), "source": source}))
        })
        .collect();
    Ok(Some(properties.into()))
}

/// The source in the words that the column form has for it.
fn source(source: &Value) -> String {
    let text = |name: &str| source.get(name).and_then(Value::as_str).unwrap_or("-");
    match text("type") {
        "NONE" | "-" => "-".to_owned(),
        "INHERITED" => format!("inherited from {}", text("data")),
        other => other.to_lowercase(),
    }
}

/// Every line must be the property that was asked for at its place: a user property's value may hold line ends.
fn from_columns(host: &dyn Host, target: &Target, names: &[&str]) -> Result<Option<Value>, PlanRefusal> {
    let list = names.join(",");
    let argv = Argv::zfs(["get", "-Hp", "-o", "property,value,source", &list, target.as_str()]);
    let Some(text) = ask(host, &argv, target)? else { return Ok(None) };
    let mut properties = Map::new();
    let mut lines = text.lines();
    for name in names {
        let columns: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
        match columns.as_slice() {
            [property, value, source] if property == name => {
                properties.insert((*name).to_owned(), json!({"value": value, "source": source}));
            }
            _unknown => return Err(reader::unreadable(format!("zfs get printed no plain value of {name}"))),
        }
    }
    match lines.next() {
        None => Ok(Some(properties.into())),
        Some(_) => Err(reader::unreadable("zfs get printed more than was asked for")),
    }
}

fn ask(host: &dyn Host, argv: &Argv, target: &Target) -> Result<Option<String>, PlanRefusal> {
    let output = reader::run(host, argv)?;
    if output.exit_code == 2 && output.stderr.starts_with(b"bad property list: invalid property ") {
        return Err(PlanRefusal::new(Rule::ZfsProperty, "OpenZFS knows no such property"));
    }
    reader::judge(output, argv.program, target.as_str())
}
