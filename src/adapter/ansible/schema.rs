//! What a playbook's variables may be: the part of JSON Schema that Reeve reads, and nothing that it only seems to.
//!
//! A keyword that is not in this part is an error when the configuration is read, never ignored: a bound that is
//! misspelt would be none. There are no references, so nothing is fetched, and patterns are of a kind that takes time
//! in proportion to the text. Objects say `additionalProperties = false`; what is not declared cannot be given.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

/// How large a compiled pattern may be.
const MAX_PATTERN: usize = 1 << 20;

/// A schema of one value, as meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schema {
    /// One of these, exactly.
    OneOf(Vec<Value>),
    /// true or false.
    Boolean,
    /// An integer within bounds.
    Integer {
        /// At least.
        least: i64,
        /// At most.
        most: i64,
    },
    /// Text.
    Text {
        /// At least so many characters.
        least: usize,
        /// At most so many.
        most: usize,
        /// Found somewhere in it, unless the pattern says where.
        pattern: Option<Pattern>,
    },
    /// A list of values of one schema.
    List {
        /// At least so many.
        least: usize,
        /// At most so many.
        most: usize,
        /// What each is.
        items: Box<Schema>,
        /// Whether no two may be the same.
        unique: bool,
    },
    /// An object with exactly these members.
    Object {
        /// Its members.
        members: BTreeMap<String, Schema>,
        /// Which must be there.
        required: Vec<String>,
    },
}

/// A regular expression of a kind that takes time in proportion to the text.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

/// A schema as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SchemaAsWritten {
    r#type: Option<TypeAsWritten>,
    r#enum: Option<Vec<Value>>,
    r#const: Option<Value>,
    minimum: Option<i64>,
    maximum: Option<i64>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    pattern: Option<String>,
    items: Option<Box<SchemaAsWritten>>,
    min_items: Option<usize>,
    max_items: Option<usize>,
    unique_items: Option<bool>,
    properties: Option<BTreeMap<String, SchemaAsWritten>>,
    required: Option<Vec<String>>,
    additional_properties: Option<bool>,
    // What only explains.
    #[serde(default, rename = "title")]
    _title: Option<String>,
    #[serde(default, rename = "description")]
    _description: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TypeAsWritten {
    Boolean,
    Integer,
    String,
    Array,
    Object,
}

impl TypeAsWritten {
    fn is_of(self, value: &Value) -> bool {
        match self {
            Self::Boolean => value.is_boolean(),
            Self::Integer => value.is_i64(),
            Self::String => value.is_string(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

impl Schema {
    /// The schema of a playbook's variables: an object.
    ///
    /// # Errors
    /// Says where in it what is wrong.
    pub fn of_vars(written: SchemaAsWritten) -> Result<Self, String> {
        match meant(written, "vars")? {
            object @ Self::Object { .. } => Ok(object),
            Self::OneOf(_) | Self::Boolean | Self::Integer { .. } | Self::Text { .. } | Self::List { .. } => {
                Err("vars: variables are an object: type = \"object\"".to_owned())
            }
        }
    }

    /// No variables at all.
    pub fn none() -> Self {
        Self::Object { members: BTreeMap::new(), required: Vec::new() }
    }

    /// Whether the value is as declared.
    ///
    /// # Errors
    /// Says where it is not, and what would be right.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        self.check_at(value, "vars")
    }

    /// The same for a value that is called otherwise.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_named(&self, value: &Value, name: &str) -> Result<(), String> {
        self.check_at(value, name)
    }

    fn check_at(&self, value: &Value, at: &str) -> Result<(), String> {
        match (self, value) {
            (Self::OneOf(allowed), value) => hold(allowed.contains(value), at, || {
                let words: Vec<String> = allowed.iter().map(Value::to_string).collect();
                format!("is one of {}", words.join(", "))
            }),
            (Self::Boolean, Value::Bool(_)) => Ok(()),
            (Self::Boolean, _) => Err(format!("{at}: is true or false")),
            (Self::Integer { least, most }, value) => {
                let holds = value.as_i64().is_some_and(|number| (*least..=*most).contains(&number));
                hold(holds, at, || format!("is an integer from {least} to {most}"))
            }
            (Self::Text { least, most, pattern }, Value::String(text)) => {
                let fits = (*least..=*most).contains(&text.chars().count());
                hold(fits, at, || format!("is from {least} to {most} characters long"))?;
                let matches = pattern.as_ref().is_none_or(|pattern| pattern.0.is_match(text));
                hold(matches, at, || "does not match its pattern".to_owned())
            }
            (Self::Text { .. }, _) => Err(format!("{at}: is text")),
            (Self::List { .. }, Value::Array(items)) => self.check_list(items, at),
            (Self::List { .. }, _) => Err(format!("{at}: is a list")),
            (Self::Object { members, required }, Value::Object(map)) => {
                check_object(members, required, map, at)
            }
            (Self::Object { .. }, _) => Err(format!("{at}: is an object")),
        }
    }

    fn check_list(&self, list: &[Value], at: &str) -> Result<(), String> {
        let Self::List { least, most, items, unique } = self else { return Ok(()) };
        hold((*least..=*most).contains(&list.len()), at, || format!("has from {least} to {most} items"))?;
        let twice = || {
            list.iter().enumerate().any(|(place, item)| list.iter().take(place).any(|other| other == item))
        };
        hold(!*unique || !twice(), at, || "has an item twice".to_owned())?;
        list.iter().enumerate().try_for_each(|(place, item)| items.check_at(item, &format!("{at}/{place}")))
    }
}

fn check_object(
    members: &BTreeMap<String, Schema>,
    required: &[String],
    map: &Map<String, Value>,
    at: &str,
) -> Result<(), String> {
    if let Some(missing) = required.iter().find(|name| !map.contains_key(*name)) {
        return Err(format!("{at}/{missing}: is missing"));
    }
    map.iter().try_for_each(|(name, value)| match members.get(name) {
        Some(schema) => schema.check_at(value, &format!("{at}/{name}")),
        None => Err(format!("{at}/{name}: is no variable of this playbook")),
    })
}

fn hold(holds: bool, at: &str, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{at}: {}", why())) }
}

/// Turns a written schema into a meant one; `at` is where it stands.
fn meant(written: SchemaAsWritten, at: &str) -> Result<Schema, String> {
    if let Some(fixed) = fixed(&written, at)? {
        return Ok(fixed);
    }
    let Some(kind) = written.r#type else { return Err(format!("{at}: has neither type nor enum nor const")) };
    only_of(&written, kind, at)?;
    match kind {
        TypeAsWritten::Boolean => Ok(Schema::Boolean),
        TypeAsWritten::Integer => {
            let (least, most) = (written.minimum.unwrap_or(i64::MIN), written.maximum.unwrap_or(i64::MAX));
            ordered(least, most, at)?;
            Ok(Schema::Integer { least, most })
        }
        TypeAsWritten::String => text(written, at),
        TypeAsWritten::Array => {
            let (least, most) = (written.min_items.unwrap_or(0), written.max_items.unwrap_or(usize::MAX));
            ordered(least, most, at)?;
            let items = written.items.ok_or_else(|| format!("{at}: a list says what its items are"))?;
            let items = Box::new(meant(*items, &format!("{at}/items"))?);
            Ok(Schema::List { least, most, items, unique: written.unique_items.unwrap_or(false) })
        }
        TypeAsWritten::Object => object(written, at),
    }
}

/// `enum` and `const` name their values, so that nothing but `type` can stand beside them and still say something.
fn fixed(written: &SchemaAsWritten, at: &str) -> Result<Option<Schema>, String> {
    let allowed = match (&written.r#enum, &written.r#const) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(format!("{at}: has enum and const; one is enough")),
        (Some(allowed), None) => allowed.clone(),
        (None, Some(value)) => vec![value.clone()],
    };
    if let Some((keyword, ..)) = keywords(written).into_iter().find(|(.., is_there)| *is_there) {
        return Err(format!("{at}: {keyword} says nothing beside enum or const"));
    }
    let is_possible = |value: &Value| written.r#type.is_none_or(|kind| kind.is_of(value));
    if allowed.is_empty() || !allowed.iter().all(is_possible) {
        return Err(format!("{at}: enum or const has a value that can never be given, or none"));
    }
    Ok(Some(Schema::OneOf(allowed)))
}

fn text(written: SchemaAsWritten, at: &str) -> Result<Schema, String> {
    let (least, most) = (written.min_length.unwrap_or(0), written.max_length.unwrap_or(usize::MAX));
    ordered(least, most, at)?;
    let compile =
        |pattern: &String| regex::RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build().map(Pattern);
    let pattern = written.pattern.as_ref().map(compile).transpose();
    let pattern = pattern.map_err(|error| format!("{at}/pattern: {}", one_line(&error.to_string())))?;
    Ok(Schema::Text { least, most, pattern })
}

fn object(written: SchemaAsWritten, at: &str) -> Result<Schema, String> {
    if written.additional_properties != Some(false) {
        return Err(format!("{at}: an object says additionalProperties = false"));
    }
    let properties = written.properties.unwrap_or_default();
    let members = properties
        .into_iter()
        .map(|(name, schema)| Ok((name.clone(), meant(schema, &format!("{at}/{name}"))?)))
        .collect::<Result<BTreeMap<_, _>, String>>()?;
    let required = written.required.unwrap_or_default();
    if let Some(stranger) = required.iter().find(|name| !members.contains_key(*name)) {
        return Err(format!("{at}/required: {stranger} is not among the properties"));
    }
    Ok(Schema::Object { members, required })
}

/// A keyword of another type says nothing, and whoever wrote it thought that it does.
fn only_of(written: &SchemaAsWritten, kind: TypeAsWritten, at: &str) -> Result<(), String> {
    match keywords(written).into_iter().find(|(_, of, is_there)| *is_there && *of != kind) {
        None => Ok(()),
        Some((keyword, ..)) => Err(format!("{at}: {keyword} says nothing about a value of this type")),
    }
}

/// Each keyword, the type that it is about, and whether it is there.
fn keywords(written: &SchemaAsWritten) -> [(&'static str, TypeAsWritten, bool); 12] {
    use TypeAsWritten::{Array, Integer, Object, String as Text};
    [
        ("minimum", Integer, written.minimum.is_some()),
        ("maximum", Integer, written.maximum.is_some()),
        ("minLength", Text, written.min_length.is_some()),
        ("maxLength", Text, written.max_length.is_some()),
        ("pattern", Text, written.pattern.is_some()),
        ("items", Array, written.items.is_some()),
        ("minItems", Array, written.min_items.is_some()),
        ("maxItems", Array, written.max_items.is_some()),
        ("uniqueItems", Array, written.unique_items.is_some()),
        ("properties", Object, written.properties.is_some()),
        ("required", Object, written.required.is_some()),
        ("additionalProperties", Object, written.additional_properties.is_some()),
    ]
}

fn ordered<T: PartialOrd + std::fmt::Display>(least: T, most: T, at: &str) -> Result<(), String> {
    if least <= most { Ok(()) } else { Err(format!("{at}: nothing is at least {least} and at most {most}")) }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
