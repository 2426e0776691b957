//! `reeve ops`: what a host offers, and what of it is ours.

use clap::Args;
use serde_json::Value;

use crate::cli::exit::{Exit, Failure};
use crate::cli::remote::{Client, ConnectionArgs};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::operation::catalogue;

/// List the operations that the host offers, and whether our contract has them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reeve ops                       all of them
  reeve ops zfs                   of one kind
  reeve ops zfs destroy           one of them, with its parameters
  reeve ops zfs destroy --json    with its JSON Schema")]
pub(in crate::cli) struct OpsArgs {
    /// Only of this kind
    kind: Option<String>,
    /// Only this operation
    op: Option<String>,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Lists the catalogue.
pub(super) async fn ops(args: &OpsArgs, screen: Screen) -> Result<Exit, Failure> {
    let mut client = Client::connect(&args.connection.target()?).await?;
    let mut document = client.get("/host/ops").await?.json()?;
    let Some(Value::Array(operations)) = document.get_mut("operations") else {
        return Err(Failure::new(Exit::Failed, "the host's answer is not understood: it has no operations"));
    };
    operations.retain(|entry| is(entry, "kind", args.kind.as_deref()) && is(entry, "op", args.op.as_deref()));
    if operations.is_empty() {
        return Err(Failure::new(Exit::Usage, "the host offers nothing of that name")
            .hint("`reeve ops` lists what it offers"));
    }
    match operations.as_slice() {
        [only] if args.op.is_some() && !screen.is_json() => one(screen, only),
        _ if screen.is_json() => screen.document(&document).map(|()| Exit::Done),
        many => {
            let rows: Vec<Vec<String>> = many.iter().map(row).collect();
            screen.table(&["kind", "op", "effect", "ours", "what it does"], &rows)?;
            Ok(Exit::Done)
        }
    }
}

fn is(entry: &Value, name: &str, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| text(entry, name) == wanted)
}

fn text<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn granted(entry: &Value) -> bool {
    entry.get("granted").and_then(Value::as_bool).unwrap_or(false)
}

fn row(entry: &Value) -> Vec<String> {
    let ours = if granted(entry) { "yes" } else { "no" };
    [text(entry, "kind"), text(entry, "op"), text(entry, "effect"), ours, text(entry, "about")]
        .map(harmless)
        .to_vec()
}

fn one(screen: Screen, entry: &Value) -> Result<Exit, Failure> {
    let (kind, op) = (text(entry, "kind"), text(entry, "op"));
    screen.line(&format!(
        "{} {}",
        paint(&harmless(&format!("{kind} {op}")), Tone::Strong),
        harmless(text(entry, "about"))
    ))?;
    let ours = if granted(entry) { "our contract has it" } else { "our contract does not have it" };
    screen.facts(&[("effect", Some(harmless(text(entry, "effect")))), ("ours", Some(ours.to_owned()))])?;
    let required: Vec<&str> = entry
        .pointer("/schema/properties/params/required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let params = entry.pointer("/schema/properties/params/properties").and_then(Value::as_object);
    let positional = entry.get("positional").and_then(Value::as_array).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = positional
        .iter()
        .filter_map(Value::as_str)
        .map(|name| {
            let about =
                params.and_then(|params| params.get(name)?.get("description")?.as_str()).unwrap_or_default();
            let needed = if required.contains(&name) { "required" } else { "optional" };
            let given = format!("--param {name}={}", example(kind, op, name));
            [given.as_str(), needed, about].map(harmless).to_vec()
        })
        .collect();
    screen.table(&["parameter", "", "what it is"], &rows)?;
    for entry in entry.get("contract").and_then(Value::as_array).into_iter().flatten() {
        screen.line(&paint("our contract:", Tone::Faint))?;
        for (key, value) in entry.as_object().into_iter().flatten() {
            screen.line(&format!("  {} = {}", harmless(key), harmless(&value.to_string())))?;
        }
    }
    Ok(Exit::Done)
}

/// What a value looks like, where this program knows the parameter too.
fn example(kind: &str, op: &str, name: &str) -> String {
    let entry = catalogue().find(|entry| entry.kind == kind && entry.op == op);
    let field = entry.and_then(|entry| entry.fields.iter().find(|field| field.name == name));
    field.map_or_else(|| "VALUE".to_owned(), |field| field.shape.placeholder())
}
