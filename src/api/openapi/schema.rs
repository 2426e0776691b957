//! The schemas of what is sent and answered (JSON Schema 2020-12); those of operations come from the catalogue.

use serde_json::{Map, Value, json};

use super::reference;
use crate::gate::protocol::State;
use crate::operation::{Entry, catalogue, schema};

/// Every schema, by name.
pub(super) fn all() -> Value {
    let mut schemas = Map::new();
    for (name, schema) in [
        ("Operation", operation()),
        ("Positional", positional()),
        ("Envelope", envelope()),
        ("State", json!({"type": "string", "enum": State::ALL.map(State::as_str)})),
        ("Decision", decision()),
        ("Problem", problem()),
        (
            "Plan",
            object(
                &[("decision", reference("Decision"))],
                &[("effects", json!({"type": ["object", "null"]}))],
            ),
        ),
        ("Evaluation", evaluation()),
        ("Verdict", object(&[("verdict", verdict()), ("reason", text())], &[])),
        ("Operations", operations()),
        ("Approvals", approvals()),
        ("Health", health()),
        ("Preflight", preflight()),
        ("SudoersProbe", sudoers_probe()),
        ("Freeze", freeze()),
        ("Frozen", object(&[("who", text()), ("frozen", json!({"type": "boolean"}))], &[])),
        ("Reloaded", object(&[("gate", gate_part()), ("reeved", part(&[]))], &[])),
        ("Posted", object(&[("text", text())], &[])),
        ("Heard", object(&[("answer", text())], &[])),
        ("Document", json!({"type": "object"})),
    ] {
        schemas.insert(name.to_owned(), schema);
    }
    for entry in catalogue() {
        schemas.insert(entry.name(), of_entry(entry));
    }
    Value::Object(schemas)
}

/// Any of the catalogue's operations, or the positional form.
fn operation() -> Value {
    let named = catalogue().map(|entry| reference(&entry.name()));
    let all: Vec<Value> = named.chain([reference("Positional")]).collect();
    json!({"oneOf": all})
}

/// One operation's whole body: what the catalogue says of resource and params, and what every body may have.
fn of_entry(entry: &Entry) -> Value {
    let mut whole = schema(entry);
    let Some(members) = whole.as_object_mut() else { return whole };
    members.insert("description".to_owned(), json!(entry.about));
    members.insert("additionalProperties".to_owned(), json!(false));
    members.insert("x-effect".to_owned(), json!(entry.effect.as_str()));
    if let Some(Value::Array(required)) = members.get_mut("required") {
        required.extend([json!("kind"), json!("op")]);
    }
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        properties.insert("kind".to_owned(), json!({"const": entry.kind}));
        properties.insert("op".to_owned(), json!({"const": entry.op}));
        properties.extend(words());
    }
    whole
}

fn positional() -> Value {
    let kinds: std::collections::BTreeSet<&str> = catalogue().map(|entry| entry.kind).collect();
    let args = json!({
        "type": "array", "minItems": 1,
        "description": "the operation's name, and its parameters in the catalogue's order",
    });
    let mut optional: Vec<(String, Value)> = words().into_iter().collect();
    optional.sort_by(|one, two| one.0.cmp(&two.0));
    let optional: Vec<(&str, Value)> =
        optional.iter().map(|(name, schema)| (name.as_str(), schema.clone())).collect();
    object(&[("kind", json!({"enum": kinds})), ("resource", text()), ("args", args)], &optional)
}

/// What every submission may say besides.
fn words() -> Map<String, Value> {
    let short = json!({"type": "string", "maxLength": 128});
    let metadata = object(&[], &[("run_id", short.clone()), ("on_behalf_of", short)]);
    let mut words = Map::new();
    words.insert("reason".to_owned(), json!({"type": "string", "maxLength": 1000}));
    words.insert("metadata".to_owned(), metadata);
    words
}

fn envelope() -> Value {
    let number = || json!({"type": "integer", "minimum": 0});
    let audit = object(&[("seq", number()), ("hash", text())], &[]);
    let undo = object(&[("op", json!({"type": "object"}))], &[("until", time())]);
    object(
        &[
            ("id", text()),
            ("principal", text()),
            ("state", reference("State")),
            ("final", json!({"type": "boolean"})),
            ("version", number()),
            ("operation", json!({"type": "object"})),
            ("created_at", time()),
        ],
        &[
            ("decision", reference("Decision")),
            ("effects", json!({"type": "object"})),
            ("result", json!({})),
            ("exit_code", json!({"type": "integer"})),
            ("verified", json!({"type": "boolean"})),
            ("error", text()),
            ("undo", undo),
            ("audit", audit),
            ("approval", approval(&[])),
            ("retry_after", number()),
        ],
    )
}

fn approval(more: &[(&str, Value)]) -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    let own = [("id", text()), ("expires_at", time()), ("needed", count.clone()), ("given", count)];
    let members: Vec<(&str, Value)> = own.into_iter().chain(more.iter().cloned()).collect();
    let groups = json!({"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}});
    object(&members, &[("groups", groups), ("runs_at", time()), ("repeat", text())])
}

fn approvals() -> Value {
    let one = approval(&[("operation", text()), ("principal", text()), ("command", text())]);
    object(&[("approvals", json!({"type": "array", "items": one}))], &[])
}

fn operations() -> Value {
    let page = json!({"type": "array", "items": reference("Envelope")});
    object(&[("operations", page), ("next", json!({"type": ["string", "null"]}))], &[])
}

fn decision() -> Value {
    object(
        &[("verdict", verdict()), ("rule", text()), ("reason", text()), ("policy", text())],
        &[("contract", text())],
    )
}

/// RFC 9457, with members of ours; more may come.
fn problem() -> Value {
    let properties = json!({
        "type": {"type": "string", "pattern": "^urn:reeve:problem:"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "pointer": {"type": "string", "description": "JSON Pointer to the field that is wrong"},
        "operation": {"type": "string", "description": "the operation's id, when one was recorded"},
        "decision": reference("Decision"),
        "final": {"type": "boolean"},
        "alternatives": {
            "type": "array", "items": {"type": "object"},
            "description": "narrower or undoable operations that would be allowed now",
        },
    });
    json!({"type": "object", "properties": properties, "required": ["type", "title", "status", "detail", "code"]})
}

fn evaluation() -> Value {
    let map = json!({"type": "object", "default": {}});
    let tool = json!({"type": "string", "minLength": 1, "maxLength": 128});
    object(&[("tool", tool)], &[("args", map.clone()), ("context", map)])
}

/// One of the two forms.
fn freeze() -> Value {
    let who = json!({
        "type": "string", "minLength": 1, "maxLength": 64,
        "description": "a principal's name; `host` for everything",
    });
    let why = json!({"type": "string", "maxLength": 200});
    json!({"oneOf": [object(&[("freeze", who.clone())], &[("why", why)]), object(&[("thaw", who)], &[])]})
}

fn health() -> Value {
    object(
        &[
            ("status", json!({"enum": ["ok", "degraded"]})),
            ("version", text()),
            ("host", json!({"type": ["string", "null"]})),
            ("audit", json!({"type": ["boolean", "null"]})),
            ("approvals", json!({"enum": ["up", "down", "none", null]})),
            ("sudoers_warnings", json!({"type": ["integer", "null"]})),
        ],
        &[],
    )
}

/// The worst comes last.
fn check_status() -> Value {
    json!({"enum": ["pass", "warn", "could_not_check", "fail"]})
}

fn maybe(kind: &str) -> Value {
    json!({"type": [kind, "null"]})
}

fn preflight() -> Value {
    let check = object(
        &[
            ("id", text()),
            ("status", check_status()),
            ("required", json!({"type": "boolean"})),
            ("evidence", json!({"type": "array", "items": text()})),
            ("command", text()),
            ("fix", text()),
        ],
        &[],
    );
    object(
        &[
            ("status", check_status()),
            ("lockdown", maybe("string")),
            ("stale", maybe("boolean")),
            ("problem", maybe("string")),
            ("checked_at", maybe("string")),
            ("checks", json!({"type": "array", "items": check})),
        ],
        &[],
    )
}

fn sudoers_probe() -> Value {
    let entry = object(&[("place", text()), ("rule", text()), ("why", text())], &[]);
    object(
        &[
            ("status", check_status()),
            ("checked_at", maybe("string")),
            ("warnings", maybe("integer")),
            ("entries", json!({"type": ["array", "null"], "items": entry})),
        ],
        &[],
    )
}

fn part(more: &[(&str, Value)]) -> Value {
    let change = object(&[("what", text()), ("before", maybe("string")), ("after", maybe("string"))], &[]);
    let changed = json!({"type": "array", "items": change});
    let more = [more, &[("changed", changed)]].concat();
    object(&[("reloaded", json!({"type": "boolean"})), ("detail", text())], &more)
}

/// With what people are asked, where it waits for them.
fn gate_part() -> Value {
    let lines = json!({"type": "array", "items": {"type": "string"}});
    part(&[("weaker", lines), ("files", text()), ("approval", approval(&[]))])
}

fn text() -> Value {
    json!({"type": "string"})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn verdict() -> Value {
    json!({"enum": ["allow", "review", "deny"]})
}

/// A closed object with members that must be there and members that may.
fn object(required: &[(&str, Value)], optional: &[(&str, Value)]) -> Value {
    let members = required.iter().chain(optional);
    let properties: Map<String, Value> =
        members.map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let names: Vec<&str> = required.iter().map(|(name, _)| *name).collect();
    json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
}
