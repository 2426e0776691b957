//! Bounds on single parameters, each named by its JSON Pointer. One whose parameter is missing does not hold.

use serde::Deserialize;
use serde_json::Value;

use crate::operation::{Form, Granted, Realm};

/// What one parameter has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Constraint {
    at: String,
    must: Vec<Must>,
}

/// One condition. All of a constraint have to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Must {
    AtLeast(i128),
    AtMost(i128),
    OneOf(Vec<Value>),
    BeginWith(String),
    LieIn(Realm, Vec<Granted>),
}

/// Every condition.
pub(super) const CONDITIONS: [&str; 8] =
    ["min", "max", "one_of", "prefix", "dataset_under", "vmid_range", "unit", "repo"];

/// A constraint as written: a closed set, and each key is one condition.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenConstraint {
    min: Option<Amount>,
    max: Option<Amount>,
    one_of: Option<Vec<Value>>,
    prefix: Option<String>,
    dataset_under: Option<Names>,
    vmid_range: Option<Names>,
    unit: Option<Names>,
    repo: Option<Names>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Amount {
    Number(i64),
    Size(String),
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Many(Vec<String>),
}

impl WrittenConstraint {
    /// The constraint on the parameter at that pointer; `form` is what the parameter is, where that is known.
    ///
    /// # Errors
    /// Says which condition cannot be one.
    pub(super) fn meant(self, at: &str, form: Option<Form>) -> Result<Constraint, String> {
        let mut must = Vec::new();
        let (least, most) = (amount(self.min, "min")?, amount(self.max, "max")?);
        if let (Some(least), Some(most)) = (least, most)
            && least > most
        {
            return Err(format!("min is {least} and max is {most}: nothing lies between"));
        }
        must.extend(least.map(Must::AtLeast));
        must.extend(most.map(Must::AtMost));
        if let Some(values) = self.one_of {
            if values.is_empty() {
                return Err("one_of is empty: nothing would do".to_owned());
            }
            must.push(Must::OneOf(values));
        }
        if let Some(prefix) = self.prefix {
            if prefix.is_empty() {
                return Err("prefix is empty: everything begins so".to_owned());
            }
            must.push(Must::BeginWith(prefix));
        }
        for (key, realm, names) in [
            ("dataset_under", Realm::Dataset, self.dataset_under),
            ("vmid_range", Realm::Container, self.vmid_range),
            ("unit", Realm::Unit, self.unit),
            ("repo", Realm::Repository, self.repo),
        ] {
            must.extend(names.map(|names| lie_in(key, realm, names)).transpose()?);
        }
        if must.is_empty() {
            return Err(format!("{at} is bounded by nothing"));
        }
        if let Some(wrong) = must.iter().find(|must| form.is_some_and(|form| !must.fits(form))) {
            return Err(format!("{at} is never {}, so nothing would be granted", wrong.wants()));
        }
        Ok(Constraint { at: at.to_owned(), must })
    }
}

impl Must {
    /// Whether a parameter of this form could be so.
    fn fits(&self, form: Form) -> bool {
        match (self, form) {
            (Self::OneOf(_), _) | (_, Form::Object | Form::Json) => true,
            (Self::AtLeast(_) | Self::AtMost(_), form) => matches!(form, Form::Number | Form::Size),
            (Self::BeginWith(_) | Self::LieIn(..), form) => matches!(form, Form::Text | Form::List),
        }
    }

    fn wants(&self) -> &'static str {
        match self {
            Self::AtLeast(_) | Self::AtMost(_) => "a number",
            Self::OneOf(_) => "one of these",
            Self::BeginWith(_) | Self::LieIn(..) => "a name",
        }
    }

    /// Whether a value is so. Of a list, each has to be.
    fn holds(&self, value: &Value) -> bool {
        if let (Value::Array(items), Self::BeginWith(_) | Self::LieIn(..)) = (value, self) {
            return !items.is_empty() && items.iter().all(|item| self.holds(item));
        }
        match self {
            Self::AtLeast(least) => number(value).is_some_and(|number| number >= *least),
            Self::AtMost(most) => number(value).is_some_and(|number| number <= *most),
            Self::OneOf(values) => values.contains(value),
            Self::BeginWith(prefix) => value.as_str().is_some_and(|text| text.starts_with(prefix)),
            Self::LieIn(_, granted) => {
                value.as_str().is_some_and(|name| granted.iter().any(|granted| granted.covers(name)))
            }
        }
    }

    fn words(&self) -> String {
        match self {
            Self::AtLeast(least) => format!("at least {least}"),
            Self::AtMost(most) => format!("at most {most}"),
            Self::OneOf(values) => {
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                format!("one of {}", values.join(", "))
            }
            Self::BeginWith(prefix) => format!("something that begins with {prefix:?}"),
            Self::LieIn(realm, _) => format!("within the {} that the contract names", realm.key()),
        }
    }
}

impl Constraint {
    /// What does not hold of an operation's parameters and resource, in words.
    pub(super) fn broken_by(&self, args: &Value) -> Option<String> {
        let Some(value) = args.pointer(&self.at) else {
            return Some(format!("{} is missing, and the contract bounds it", self.at));
        };
        let broken = self.must.iter().find(|must| !must.holds(value))?;
        Some(format!("{} has to be {}", self.at, broken.words()))
    }
}

/// An integer, exactly; a fraction is none.
fn number(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

fn amount(written: Option<Amount>, key: &str) -> Result<Option<i128>, String> {
    match written {
        None => Ok(None),
        Some(Amount::Number(number)) => Ok(Some(i128::from(number))),
        Some(Amount::Size(text)) => super::written::size(&text)
            .map(|bytes| Some(i128::from(bytes)))
            .ok_or_else(|| format!("{key} = {text:?} is no number and no size such as 512M")),
    }
}

fn lie_in(key: &str, realm: Realm, names: Names) -> Result<Must, String> {
    let names = match names {
        Names::One(name) => vec![name],
        Names::Many(names) => names,
    };
    if names.is_empty() {
        return Err(format!("{key} is empty: nothing lies in it"));
    }
    let granted = names
        .into_iter()
        .map(|name| {
            realm.grant(name.clone()).map_err(|invalid| format!("{key}: {name:?} {}", invalid.problem))
        })
        .collect::<Result<_, _>>()?;
    Ok(Must::LieIn(realm, granted))
}
