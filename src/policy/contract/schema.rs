//! JSON Schema for an operation's parameters, in a contract. What a validator would pass over in silence (a keyword that
//! it does not know, a parameter that there is not) or look for elsewhere (a reference to another document) keeps it out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};

use crate::config::did_you_mean;
use crate::operation::{Entry as Known, Operation};

/// How large a pattern may become, in bytes.
const PATTERN: usize = 1 << 20;
/// How deep schemas may nest.
const DEEPEST: usize = 32;

/// A schema that an operation's parameters have to fit.
#[derive(Clone)]
pub(super) struct Schema {
    written: Value,
    validator: Arc<Validator>,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.written)
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Schema {}

/// What is wrong with a schema, and where in it by its JSON Pointer.
pub(super) struct Wrong {
    pub(super) at: String,
    pub(super) problem: String,
    pub(super) help: Option<String>,
}

impl Wrong {
    /// With the pointer before the problem, as `schema` stands before both.
    fn at(at: &str, problem: impl fmt::Display) -> Self {
        Self { at: at.to_owned(), problem: format!("{at}{problem}"), help: None }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// What a keyword takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// A value that is no schema.
    Value,
    /// A schema.
    One,
    /// A list of schemas.
    List,
    /// An object of schemas.
    Named,
}

/// Every keyword of draft 2020-12 that says something about parameters.
const KEYWORDS: [(&str, Takes); 47] = [
    ("type", Takes::Value),
    ("enum", Takes::Value),
    ("const", Takes::Value),
    ("title", Takes::Value),
    ("description", Takes::Value),
    ("$comment", Takes::Value),
    ("$ref", Takes::Value),
    ("$defs", Takes::Named),
    ("properties", Takes::Named),
    ("patternProperties", Takes::Named),
    ("additionalProperties", Takes::One),
    ("unevaluatedProperties", Takes::One),
    ("propertyNames", Takes::One),
    ("required", Takes::Value),
    ("dependentRequired", Takes::Value),
    ("dependentSchemas", Takes::Named),
    ("minProperties", Takes::Value),
    ("maxProperties", Takes::Value),
    ("items", Takes::One),
    ("prefixItems", Takes::List),
    ("unevaluatedItems", Takes::One),
    ("contains", Takes::One),
    ("minContains", Takes::Value),
    ("maxContains", Takes::Value),
    ("minItems", Takes::Value),
    ("maxItems", Takes::Value),
    ("uniqueItems", Takes::Value),
    ("minLength", Takes::Value),
    ("maxLength", Takes::Value),
    ("pattern", Takes::Value),
    ("format", Takes::Value),
    ("minimum", Takes::Value),
    ("maximum", Takes::Value),
    ("exclusiveMinimum", Takes::Value),
    ("exclusiveMaximum", Takes::Value),
    ("multipleOf", Takes::Value),
    ("allOf", Takes::List),
    ("anyOf", Takes::List),
    ("oneOf", Takes::List),
    ("not", Takes::One),
    ("if", Takes::One),
    ("then", Takes::One),
    ("else", Takes::One),
    ("examples", Takes::Value),
    ("deprecated", Takes::Value),
    ("readOnly", Takes::Value),
    ("writeOnly", Takes::Value),
];

impl Schema {
    /// A schema as written, for the parameters of these operations.
    ///
    /// # Errors
    /// Says where in it, and what is wrong: `/properties/name has no keyword …`.
    pub(super) fn of(written: Value, operations: &[&Known]) -> Result<Self, Wrong> {
        let Value::Object(top) = &written else {
            return Err(Wrong::at("", " is no table")
                .help("write schema = { required = [\"size\"] }, or a table [allow.schema]"));
        };
        let mut survey = Survey { refers: BTreeMap::new(), within: String::new(), top };
        survey.schema(&written, "", 0)?;
        survey.ends()?;
        for operation in operations {
            has_parameters(top, operation)?;
        }
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN).dfa_size_limit(PATTERN))
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false);
        let validator = options
            .build(&written)
            .map_err(|error| Wrong::at(&error.instance_path().to_string(), format_args!(": {error}")))?;
        Ok(Self { written, validator: Arc::new(validator) })
    }

    /// What does not fit, in words.
    pub(super) fn broken_by(&self, operation: &Operation) -> Option<String> {
        let params = Value::Object(operation.params());
        let error = self.validator.iter_errors(&params).next()?;
        let place = error.instance_path().to_string();
        Some(if place.is_empty() { error.to_string() } else { format!("{place}: {error}") })
    }
}

/// A walk through a schema: what stands where, and which definition refers to which.
struct Survey<'a> {
    top: &'a Map<String, Value>,
    refers: BTreeMap<String, BTreeSet<String>>,
    /// The definition that is walked through; nothing for the schema itself.
    within: String,
}

impl Survey<'_> {
    fn schema(&mut self, schema: &Value, at: &str, depth: usize) -> Result<(), Wrong> {
        if depth > DEEPEST {
            return Err(Wrong::at(at, format_args!(" nests deeper than {DEEPEST}")));
        }
        let map = match schema {
            Value::Bool(_) => return Ok(()),
            Value::Object(map) => map,
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(Wrong::at(at, " is no schema, which is a table, true or false"));
            }
        };
        for (keyword, value) in map {
            let here = format!("{at}/{keyword}");
            let Some((_, takes)) = KEYWORDS.iter().find(|(known, _)| known == keyword) else {
                return Err(unknown(at, keyword));
            };
            if keyword == "$ref" {
                self.reference(value, &here)?;
            }
            match (takes, value) {
                (Takes::Value, _) => {}
                (Takes::One, one) => self.schema(one, &here, depth + 1)?,
                (Takes::List, Value::Array(all)) => {
                    for (number, one) in all.iter().enumerate() {
                        self.schema(one, &format!("{here}/{number}"), depth + 1)?;
                    }
                }
                (Takes::Named, Value::Object(all)) => {
                    for (name, one) in all {
                        self.named(keyword, name, one, (&here, depth))?;
                    }
                }
                (Takes::List, _) => return Err(Wrong::at(&here, " is a list of schemas")),
                (Takes::Named, _) => return Err(Wrong::at(&here, " is a table of schemas")),
            }
        }
        Ok(())
    }

    fn named(
        &mut self,
        keyword: &str,
        name: &str,
        schema: &Value,
        (at, depth): (&str, usize),
    ) -> Result<(), Wrong> {
        let here = format!("{at}/{name}");
        if keyword != "$defs" {
            return self.schema(schema, &here, depth + 1);
        }
        if depth > 0 {
            return Err(Wrong::at(at, " stands deep inside; $defs belongs to the top of the schema"));
        }
        let outer = std::mem::replace(&mut self.within, name.to_owned());
        self.refers.entry(name.to_owned()).or_default();
        let walked = self.schema(schema, &here, depth + 1);
        self.within = outer;
        walked
    }

    /// References stay inside. Nothing is fetched, and nobody is surprised by another document.
    fn reference(&mut self, value: &Value, at: &str) -> Result<(), Wrong> {
        let help = "a reference is \"#/$defs/NAME\", to a definition of the same schema; nothing is fetched";
        let name = value.as_str().and_then(|text| text.strip_prefix("#/$defs/"));
        let name = name.ok_or_else(|| Wrong::at(at, format_args!(" leads to {value}")).help(help))?;
        let defined = self.top.get("$defs").and_then(Value::as_object);
        if !defined.is_some_and(|defined| defined.contains_key(name)) {
            return Err(Wrong::at(at, format_args!(" names {name:?}, which $defs does not have")).help(help));
        }
        self.refers.entry(self.within.clone()).or_default().insert(name.to_owned());
        Ok(())
    }

    /// That no definition comes back to itself, which would check without end.
    fn ends(&self) -> Result<(), Wrong> {
        let mut open: BTreeMap<&str, BTreeSet<&str>> = self
            .refers
            .iter()
            .map(|(name, to)| (name.as_str(), to.iter().map(String::as_str).collect()))
            .collect();
        while let Some(done) = open.iter().find(|(_, to)| to.is_empty()).map(|(name, _)| *name) {
            open.remove(done);
            open.values_mut().for_each(|to| {
                to.remove(done);
            });
        }
        let circle: Vec<&str> = open.into_keys().filter(|name| !name.is_empty()).collect();
        if circle.is_empty() {
            return Ok(());
        }
        let names = circle.join(", ");
        Err(Wrong::at("/$defs", format_args!(": {names} refer to each other in a circle"))
            .help("have one of them say what it means by itself"))
    }
}

fn unknown(at: &str, keyword: &str) -> Wrong {
    let elsewhere = ["$id", "$schema", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary"];
    let here = format!("{at}/{keyword}");
    if elsewhere.contains(&keyword) {
        return Wrong::at(&here, " is for schemas of several documents, and this is one")
            .help("leave it out");
    }
    if keyword == "default" {
        return Wrong::at(&here, " fills nothing in").help("leave it out");
    }
    let nearest = did_you_mean(keyword, KEYWORDS.iter().map(|(known, _)| *known));
    Wrong {
        problem: format!("{at} has the keyword `{keyword}`, which JSON Schema does not have{nearest}"),
        at: here,
        help: Some("a keyword that nobody checks would only seem to protect".to_owned()),
    }
}

/// That what the schema says of parameters is about some that the operation has.
fn has_parameters(top: &Map<String, Value>, operation: &Known) -> Result<(), Wrong> {
    let properties = top.get("properties").and_then(Value::as_object).into_iter().flatten();
    let required = top.get("required").and_then(Value::as_array).into_iter().flatten();
    let properties = properties.map(|(name, _)| (name.as_str(), format!("/properties/{name}")));
    let required = required.filter_map(Value::as_str).zip(0..);
    for (name, at) in properties.chain(required.map(|(name, item)| (name, format!("/required/{item}")))) {
        if operation.fields.iter().all(|field| field.name != name) {
            let names = || operation.fields.iter().map(|field| field.name);
            let nearest = did_you_mean(name, names());
            let tool = operation.name();
            let problem = format!(" is about `{name}`, and {tool} has no such parameter{nearest}");
            let help = format!("{tool} takes {}", names().collect::<Vec<_>>().join(", "));
            return Err(Wrong { at, problem, help: Some(help) });
        }
    }
    Ok(())
}
