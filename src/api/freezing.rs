//! `POST /admin/freeze`: `{"freeze": NAME, "why": …}` or `{"thaw": NAME}`. Who may is the gate's to say.

use http::Request;
use hyper::body::Incoming;
use serde_json::{Map, Value};

use super::answer::Answer as Reply;
use super::endpoint::{Asked, Failure, nothing_else};
use super::status::Fault;
use crate::gate::protocol::{Call, Problem};
use crate::operation::{self, Invalid};

/// The longest name.
const NAME: usize = 64;
/// The longest reason: what people are shown of it.
const WHY: usize = 200;

/// Reads what is meant and has it done.
pub(super) async fn asked(asked: &Asked<'_>, request: Request<&mut Incoming>) -> Result<Reply, Failure> {
    let body = asked.body(request).await?;
    let value =
        operation::parse_json(&body).map_err(|error| Failure::Fault(Fault::NotJson, error.problem))?;
    let call = meant(value).map_err(Problem::from)?;
    asked.document(call).await
}

fn meant(value: Value) -> Result<Call, Invalid> {
    let Value::Object(mut map) = value else { return Err(Invalid::here("the body is a JSON object")) };
    let (freeze, thaw) = (name(&mut map, "freeze")?, name(&mut map, "thaw")?);
    let call = match (freeze, thaw) {
        (Some(who), None) => Call::Freeze { who: Some(who), why: text(&mut map, "why", WHY)? },
        (None, Some(who)) => Call::Thaw { who: Some(who) },
        (None, None) | (Some(_), Some(_)) => {
            return Err(Invalid::here("has either `freeze` or `thaw`, with a name or `host`"));
        }
    };
    nothing_else(&map)?;
    Ok(call)
}

/// A name that says something: the whole host is not meant by leaving it out.
fn name(map: &mut Map<String, Value>, field: &str) -> Result<Option<String>, Invalid> {
    match text(map, field, NAME)? {
        Some(name) if name.trim().is_empty() => {
            Err(Invalid::at(format!("/{field}"), "is the name of a principal, or `host`"))
        }
        other => Ok(other),
    }
}

fn text(map: &mut Map<String, Value>, field: &str, most: usize) -> Result<Option<String>, Invalid> {
    match map.remove(field) {
        None => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= most => Ok(Some(text)),
        Some(_) => Err(Invalid::at(format!("/{field}"), format!("is a text of at most {most} characters"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_frozen_or_thawed_and_nothing_is_by_leaving_it_out() {
        let named = |who: &str| Some(who.to_owned());
        let freeze = Call::Freeze { who: named("librarian"), why: named("astray") };
        assert_eq!(meant(json!({"freeze": "librarian", "why": "astray"})).unwrap(), freeze);
        assert_eq!(meant(json!({"thaw": "host"})).unwrap(), Call::Thaw { who: named("host") });
        for (bad, pointer) in [
            (json!([]), ""),
            (json!({}), ""),
            (json!({"freeze": "a", "thaw": "a"}), ""),
            (json!({"freeze": " "}), "/freeze"),
            (json!({"freeze": null}), "/freeze"),
            (json!({"thaw": "a".repeat(65)}), "/thaw"),
            (json!({"freeze": "a", "why": "w".repeat(201)}), "/why"),
            (json!({"thaw": "a", "why": "w"}), "/why"),
            (json!({"freeze": "a", "as": "alice"}), "/as"),
        ] {
            assert_eq!(meant(bad.clone()).unwrap_err().pointer, pointer, "{bad}");
        }
    }
}
