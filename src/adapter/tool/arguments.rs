//! How parameters become arguments: each element of a declaration's `arguments` is one argument, with what a parameter
//! gives in the place of `{name}`; it is left out where that parameter was not given.

use serde_json::{Map, Value};

/// One element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Template {
    /// As it is written.
    Literal(String),
    /// Text, a parameter's value, text.
    Value { before: String, name: String, after: String, may_be_option: bool },
    /// One argument for each item of a list.
    Each { name: String, may_be_option: bool },
    /// Written when the parameter is true: `{hidden?--hidden}`.
    When { name: String, word: String },
}

/// Reads the elements, by the parameters that the schema has.
pub(super) fn templates(
    elements: &[String],
    schema: &Value,
) -> Result<Vec<Template>, (&'static str, String)> {
    let wrong = |problem: String| ("arguments", problem);
    let mut behind_options = false;
    let mut all = Vec::new();
    for element in elements {
        if element.contains('\0') {
            return Err(wrong(format!("{element:?} has a zero byte in it")));
        }
        let template = one(element, schema, behind_options).map_err(wrong)?;
        behind_options |= element == "--";
        all.push(template);
    }
    for name in schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        let is_used = all.iter().any(|template| match template {
            Template::Literal(_) => false,
            Template::Value { name: used, .. }
            | Template::Each { name: used, .. }
            | Template::When { name: used, .. } => used == name,
        });
        if !is_used {
            return Err(wrong(format!(
                "the parameter {name} stands in none of them, so that it would do nothing"
            )));
        }
    }
    Ok(all)
}

fn one(element: &str, schema: &Value, may_be_option: bool) -> Result<Template, String> {
    let Some((before, rest)) = element.split_once('{') else {
        return Ok(Template::Literal(element.to_owned()));
    };
    let Some((inside, after)) = rest.split_once('}') else {
        return Err(format!("{element:?} has a brace that does not close"));
    };
    if after.contains(['{', '}']) || before.contains('}') {
        return Err(format!("{element:?} has more than one parameter; each has an element of its own"));
    }
    let (name, word) = match inside.split_once('?') {
        Some((name, word)) => (name, Some(word)),
        None => (inside, None),
    };
    let property = schema.get("properties").and_then(|all| all.get(name));
    let kind = property.and_then(|property| property.get("type")).and_then(Value::as_str);
    let is_whole = before.is_empty() && after.is_empty();
    match (kind, word) {
        (Some("boolean"), Some(word)) if is_whole && !word.is_empty() => {
            Ok(Template::When { name: name.to_owned(), word: word.to_owned() })
        }
        (Some("boolean"), _) => Err(format!("{element:?}: a boolean is written {{{name}?--word}}, alone")),
        (Some("array"), None) if is_whole => Ok(Template::Each { name: name.to_owned(), may_be_option }),
        (Some("array"), _) => Err(format!("{element:?}: a list stands alone")),
        (Some("string" | "integer"), None) => Ok(Template::Value {
            before: before.to_owned(),
            name: name.to_owned(),
            after: after.to_owned(),
            may_be_option: may_be_option || !before.is_empty(),
        }),
        (Some(other), _) => {
            Err(format!("{element:?}: {name} is of type {other}, of which no argument is made"))
        }
        (None, _) => Err(format!("{element:?}: there is no parameter {name}, or it has no type")),
    }
}

/// The arguments of one call.
///
/// # Errors
/// Names the value that the tool would take for an option.
pub(super) fn render(templates: &[Template], given: &Map<String, Value>) -> Result<Vec<String>, String> {
    let mut arguments = Vec::new();
    for template in templates {
        match template {
            Template::Literal(text) => arguments.push(text.clone()),
            Template::When { name, word } => {
                if given.get(name) == Some(&Value::Bool(true)) {
                    arguments.push(word.clone());
                }
            }
            Template::Value { before, name, after, may_be_option } => {
                if let Some(value) = given.get(name) {
                    let text = plain(value, name, *may_be_option)?;
                    arguments.push(format!("{before}{text}{after}"));
                }
            }
            Template::Each { name, may_be_option } => {
                for value in given.get(name).and_then(Value::as_array).into_iter().flatten() {
                    arguments.push(plain(value, name, *may_be_option)?);
                }
            }
        }
    }
    Ok(arguments)
}

fn plain(value: &Value, name: &str, may_be_option: bool) -> Result<String, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            return Err(format!("arguments/{name}: is of no type that becomes an argument"));
        }
    };
    if text.starts_with('-') && !may_be_option && value.is_string() {
        return Err(format!("arguments/{name}: begins with -, so that the tool would take it for an option"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::declaration::tests::{WHOLE, parse};
    use super::*;

    fn rendered(given: Value) -> Result<Vec<String>, String> {
        render(&parse(WHOLE).unwrap().arguments, given.as_object().unwrap())
    }

    #[test]
    fn each_parameter_becomes_its_argument_and_what_is_not_given_is_left_out() {
        assert_eq!(rendered(json!({"pattern": "a b"})).unwrap(), ["--json", "--", "a b"]);
        assert_eq!(
            rendered(json!({"pattern": "-x", "count": 3, "hidden": true, "files": ["a", "-b"]})).unwrap(),
            ["--json", "--hidden", "--max-count=3", "--", "-x", "a", "-b"]
        );
        assert_eq!(rendered(json!({"pattern": "$(id); `id`", "hidden": false})).unwrap()[2], "$(id); `id`");
    }

    #[test]
    fn a_value_is_no_option_unless_the_declaration_says_where_options_end() {
        let without = WHOLE.replacen("\"--\", ", "", 1);
        let templates = parse(&without).unwrap().arguments;
        for given in [json!({"pattern": "--pre=sh"}), json!({"pattern": "x", "files": ["--pre=sh"]})] {
            assert!(
                render(&templates, given.as_object().unwrap()).unwrap_err().contains("option"),
                "{given}"
            );
        }
    }

    #[test]
    fn an_element_that_could_mean_two_things_is_refused() {
        for element in [
            "{pattern",
            "{pattern}{count}",
            "x{files}",
            "{hidden}",
            "{hidden?}",
            "x{hidden?-h}",
            "{pattern?x}",
            "{}",
        ] {
            let text = WHOLE.replacen("\"--json\"", &format!("\"{element}\""), 1);
            assert!(parse(&text).unwrap_err().contains("arguments"), "{element}");
        }
        assert!(parse(&WHOLE.replacen("\"{files}\"", "\"x\"", 1)).unwrap_err().contains("would do nothing"));
    }
}
