//! The catalogue: every operation with its effect, its parameters in positional order, and their JSON Schema (draft 2020-12).

use serde_json::{Map, Value, json};

use super::{Effect, Invalid, Realm, Shape};

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
    /// The list of a contract that grants it.
    pub realm: Realm,
    /// The parameters, in the order of the positional form.
    pub fields: &'static [Field],
}

impl Entry {
    /// What it is called where kinds are mixed: `zfs.destroy`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.kind, self.op)
    }
}

impl Entry {
    /// Whether people are asked unless a contract says otherwise, whatever the policy lets pass: it opens a door.
    #[must_use]
    pub fn asks_first(&self) -> bool {
        self.kind == "azure" && self.op.starts_with("keyvault-")
    }
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

pub(super) const fn required(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, shape, required: true, about }
}

pub(super) const fn optional(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, shape, required: false, about }
}

/// Every operation, in the order of the documentation.
pub fn catalogue() -> impl Iterator<Item = &'static Entry> + Clone {
    [
        super::zfs::CATALOGUE,
        super::systemd::CATALOGUE,
        super::pct::CATALOGUE,
        super::git::CATALOGUE,
        super::ansible::CATALOGUE,
        super::tool::CATALOGUE,
        super::azure::CATALOGUE,
    ]
    .into_iter()
    .flatten()
}

/// The operation that is named so: `zfs.destroy`.
#[must_use]
pub fn named(name: &str) -> Option<&'static Entry> {
    let (kind, op) = name.split_once('.')?;
    catalogue().find(|entry| entry.kind == kind && entry.op == op)
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

/// Turns `["snapshot", "daily", true]` into the operation's name and its parameters.
pub(super) fn positional(kind: &str, args: Vec<Value>) -> Result<(String, Map<String, Value>), Invalid> {
    let mut args = args.into_iter();
    let Some(Value::String(op)) = args.next() else {
        return Err(Invalid::at("/args/0", "is the operation's name"));
    };
    let Some(entry) = catalogue().find(|entry| entry.kind == kind && entry.op == op) else {
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
