//! A systemd operation from its JSON: every field typed, none left over.

use serde_json::Value;

use super::{ListedState, Priority, SYSTEM, SystemdOperation, UnitKind, UnitName, Verb};
use crate::operation::{Invalid, fields::Fields};

/// How many lines of the journal are read when nobody says, and at most.
pub(super) const LINES: u32 = 100;
/// See [`LINES`].
pub(super) const MOST_LINES: u32 = 1_000;
/// How many units one operation may name besides the first.
pub(super) const MOST_ALSO: usize = 31;
/// How many properties one operation may name.
const MOST_PROPERTIES: usize = 32;

impl SystemdOperation {
    /// Makes the operation `op` on `resource`.
    pub(in crate::operation) fn from_parts(
        op: &str,
        resource: &str,
        params: &mut Fields,
    ) -> Result<Self, Invalid> {
        if matches!(op, "list" | "files") {
            all_together(resource)?;
        }
        Ok(match op {
            "list" => Self::List { kinds: kinds(params)?, states: states(params)? },
            "files" => Self::Files { kinds: kinds(params)? },
            "status" => Self::Status { of: named(resource)? },
            "show" => Self::Show {
                unit: named(resource)?,
                properties: names(params, "properties", MOST_PROPERTIES)?,
            },
            "logs" => Self::Logs {
                of: named(resource)?,
                lines: lines(params)?,
                since: params.parsed("since")?,
                priority: priority(params)?,
            },
            other => {
                let verb = Verb::ALL.into_iter().find(|verb| verb.as_str() == other).ok_or_else(|| {
                    Invalid::at(
                        "/op",
                        format!("systemd has no operation {other:?}; GET /host/ops lists them"),
                    )
                })?;
                act(verb, resource, params)?
            }
        })
    }
}

fn all_together(resource: &str) -> Result<(), Invalid> {
    if resource == SYSTEM {
        return Ok(());
    }
    Err(Invalid::at("/resource", format!("is {SYSTEM:?}: units are listed all together, by kind and state")))
}

fn kinds(params: &mut Fields) -> Result<Vec<UnitKind>, Invalid> {
    words(params, "kinds", UnitKind::named)
}

fn states(params: &mut Fields) -> Result<Vec<ListedState>, Invalid> {
    words(params, "states", |word| ListedState::ALL.into_iter().find(|state| state.as_str() == word))
}

fn act(verb: Verb, resource: &str, params: &mut Fields) -> Result<SystemdOperation, Invalid> {
    let unit: UnitName = named(resource)?;
    changeable(&unit).map_err(|invalid| invalid.under("/resource"))?;
    if !verb.takes_several() {
        return Ok(SystemdOperation::act(verb, unit));
    }
    let also: Vec<UnitName> = names(params, "also", MOST_ALSO)?;
    for (position, other) in also.iter().enumerate() {
        let place = format!("/params/also/{position}");
        changeable(other).map_err(|invalid| invalid.under(&place))?;
        let earlier = also.get(..position).unwrap_or_default();
        if *other == unit || earlier.contains(other) {
            return Err(Invalid::at(place, "is named twice"));
        }
    }
    Ok(SystemdOperation::Act { verb, unit, also })
}

fn changeable(unit: &UnitName) -> Result<(), Invalid> {
    if unit.kind().can_be_changed() {
        return Ok(());
    }
    Err(Invalid::here(format!("is a {}, which can be read, and not changed", unit.kind().as_str())))
}

fn named<T>(resource: &str) -> Result<T, Invalid>
where
    T: TryFrom<String, Error = Invalid>,
{
    T::try_from(resource.to_owned()).map_err(|invalid| invalid.under("/resource"))
}

fn lines(params: &mut Fields) -> Result<u32, Invalid> {
    let lines = params.number("lines", 1, MOST_LINES.into())?;
    Ok(lines.and_then(|lines| u32::try_from(lines).ok()).unwrap_or(LINES))
}

fn priority(params: &mut Fields) -> Result<Option<Priority>, Invalid> {
    let Some(word) = params.text("priority")? else { return Ok(None) };
    let priority = Priority::named(&word);
    priority
        .map(Some)
        .ok_or_else(|| Invalid::at("/params/priority", format!("is one of {}", Priority::WORDS.join(", "))))
}

/// A list of strings that a validated type is made of.
fn names<T>(params: &mut Fields, field: &str, most: usize) -> Result<Vec<T>, Invalid>
where
    T: TryFrom<String, Error = Invalid>,
{
    texts(params, field, most)?
        .into_iter()
        .map(|(place, text)| T::try_from(text).map_err(|invalid| invalid.under(&place)))
        .collect()
}

/// A list of words of a fixed set.
fn words<T: PartialEq>(
    params: &mut Fields,
    field: &str,
    named: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Invalid> {
    let mut found: Vec<T> = Vec::new();
    for (place, text) in texts(params, field, 16)? {
        let word =
            named(&text).ok_or_else(|| Invalid::at(&place, "is none of the words that are known here"))?;
        if found.contains(&word) {
            return Err(Invalid::at(place, "is named twice"));
        }
        found.push(word);
    }
    Ok(found)
}

fn texts(params: &mut Fields, field: &str, most: usize) -> Result<Vec<(String, String)>, Invalid> {
    let place = params.pointer(field);
    let items = params.array(field)?.unwrap_or_default();
    if items.len() > most {
        return Err(Invalid::at(place, format!("has at most {most} items")));
    }
    items
        .into_iter()
        .enumerate()
        .map(|(position, item)| match item {
            Value::String(text) => Ok((format!("{place}/{position}"), text)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Err(Invalid::at(format!("{place}/{position}"), "is a string"))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::operation::{Operation, Submission};

    fn pointer(value: Value) -> String {
        Operation::from_value(value).unwrap_err().pointer
    }

    fn on(op: &str, resource: &str, params: Value) -> Value {
        json!({"kind": "systemd", "op": op, "resource": resource, "params": params})
    }

    #[test]
    fn what_is_listed_is_the_whole_system_by_kind_and_state() {
        let listed = on("list", "system", json!({"kinds": ["service"], "states": ["failed"]}));
        assert_eq!(Operation::from_value(listed.clone()).unwrap().to_value(), listed);
        assert_eq!(pointer(on("list", "nginx.service", json!({}))), "/resource");
        assert_eq!(pointer(on("list", "system", json!({"kinds": ["services"]}))), "/params/kinds/0");
        assert_eq!(pointer(on("list", "system", json!({"kinds": ["socket", "socket"]}))), "/params/kinds/1");
        assert_eq!(pointer(on("files", "system", json!({"states": ["failed"]}))), "/params/states");
    }

    #[test]
    fn only_a_read_is_about_the_whole_system() {
        for op in ["status", "logs", "list", "files"] {
            assert!(Operation::from_value(on(op, "system", json!({}))).is_ok(), "{op}");
        }
        for op in ["show", "start", "stop", "restart", "mask", "reset-failed"] {
            assert_eq!(pointer(on(op, "system", json!({}))), "/resource", "{op}");
        }
    }

    #[test]
    fn what_the_kernel_makes_can_be_read_and_not_changed() {
        for unit in ["dev-sda.device", "init.scope", "user.slice"] {
            assert!(Operation::from_value(on("status", unit, json!({}))).is_ok());
            assert_eq!(pointer(on("stop", unit, json!({}))), "/resource");
            assert_eq!(pointer(on("start", "a.service", json!({"also": [unit]}))), "/params/also/0");
        }
    }

    #[test]
    fn several_units_are_for_start_and_stop_each_named_once() {
        let also = |op: &str, units: Value| on(op, "a.service", json!({"also": units}));
        let both = Operation::from_value(also("stop", json!(["b.service"]))).unwrap();
        assert_eq!(both.command_line(), r#"systemd stop a.service also=["b.service"]"#);
        assert_eq!(pointer(also("restart", json!(["b.service"]))), "/params/also");
        assert_eq!(pointer(also("stop", json!(["a.service"]))), "/params/also/0");
        assert_eq!(pointer(also("stop", json!(["b.service", "b.service"]))), "/params/also/1");
        assert_eq!(pointer(also("stop", json!(["--now"]))), "/params/also/0");
        let many: Vec<String> = (0..32).map(|n| format!("u{n}.service")).collect();
        assert_eq!(pointer(also("stop", json!(many))), "/params/also");
    }

    #[test]
    fn lines_of_the_journal_are_bounded() {
        let logs = |params: Value| Operation::from_value(on("logs", "a.service", params));
        assert_eq!(logs(json!({})).unwrap(), logs(json!({"lines": 100})).unwrap());
        assert!(logs(json!({"lines": 1000, "since": "2h", "priority": "err"})).is_ok());
        assert_eq!(logs(json!({"lines": 1001})).unwrap_err().pointer, "/params/lines");
        assert_eq!(logs(json!({"lines": 0})).unwrap_err().pointer, "/params/lines");
        assert_eq!(logs(json!({"since": "yesterday"})).unwrap_err().pointer, "/params/since");
        assert_eq!(logs(json!({"priority": "loud"})).unwrap_err().pointer, "/params/priority");
    }

    #[test]
    fn a_unit_that_is_an_option_a_path_or_a_glob_is_refused_by_place() {
        for unit in ["--now", "-.mount", "/etc/a.service", "*.service", "app@.service", "nginx"] {
            assert_eq!(pointer(on("stop", unit, json!({}))), "/resource", "{unit}");
        }
        let body = on("stop", "a.service", json!({"now": true})).to_string();
        assert_eq!(Submission::from_json(body.as_bytes()).unwrap_err().pointer, "/params/now");
    }
}
