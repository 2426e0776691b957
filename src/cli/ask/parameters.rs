//! `--param name=value`, typed by the catalogue: a host wants `true`, not `"true"`.

use serde_json::{Map, Value, json};

use crate::cli::exit::{Exit, Failure};
use crate::config::did_you_mean;
use crate::operation::{Entry, Field, Form, Invalid, Operation, catalogue};

/// The operation that the words on the command line stand for.
pub(in crate::cli) fn operation(
    kind: &str,
    op: &str,
    resource: &str,
    params: &[String],
) -> Result<Operation, Failure> {
    let entry = entry(kind, op)?;
    let params = typed(entry, params)?;
    let value = json!({"kind": kind, "op": op, "resource": resource, "params": params});
    Operation::from_value(value).map_err(|invalid| wrong(entry, &invalid))
}

fn entry(kind: &str, op: &str) -> Result<&'static Entry, Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, message).hint("`reeve ops` lists what there is");
    let of_kind: Vec<&Entry> = catalogue().filter(|entry| entry.kind == kind).collect();
    if of_kind.is_empty() {
        let known = catalogue().map(|entry| entry.kind);
        return Err(usage(format!("there is no kind {kind:?}{}", did_you_mean(kind, known))));
    }
    of_kind.iter().find(|entry| entry.op == op).copied().ok_or_else(|| {
        usage(format!(
            "{kind} has no operation {op:?}{}",
            did_you_mean(op, of_kind.iter().map(|entry| entry.op))
        ))
    })
}

fn wrong(entry: &Entry, invalid: &Invalid) -> Failure {
    let place = match invalid.pointer.strip_prefix("/params/") {
        Some(name) => format!("--param {}", name.replace('/', ".")),
        None if invalid.pointer == "/resource" => "RESOURCE".to_owned(),
        None => invalid.pointer.clone(),
    };
    Failure::new(Exit::Usage, format!("{place} {}", invalid.problem)).hint(usage_of(entry))
}

/// The operation's parameters in a line.
fn usage_of(entry: &Entry) -> String {
    let mut line = format!("reeve op {} {} RESOURCE", entry.kind, entry.op);
    for field in entry.fields {
        let given = format!("--param {}={}", field.name, field.shape.placeholder());
        line.push_str(&if field.required { format!(" {given}") } else { format!(" [{given}]") });
    }
    line
}

fn typed(entry: &Entry, params: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut map = Map::new();
    for param in params {
        let (name, text) = param.split_once('=').ok_or_else(|| {
            Failure::new(Exit::Usage, format!("--param {param:?} has no value: want NAME=VALUE"))
                .hint(usage_of(entry))
        })?;
        let (name, member) = match name.split_once('.') {
            Some((name, member)) => (name, Some(member)),
            None => (name, None),
        };
        let field = entry.fields.iter().find(|field| field.name == name).ok_or_else(|| {
            let known = entry.fields.iter().map(|field| field.name);
            let message =
                format!("{} {} has no parameter {name:?}{}", entry.kind, entry.op, did_you_mean(name, known));
            Failure::new(Exit::Usage, message).hint(usage_of(entry))
        })?;
        let repeated =
            || Failure::new(Exit::Usage, format!("--param {} is given twice", param_name(name, member)));
        match member {
            Some(member) => {
                let object = map.entry(name).or_insert_with(|| json!({}));
                let object = object.as_object_mut().filter(|_| field.shape.form() == Form::Object);
                let object = object.ok_or_else(|| mistyped(field, text))?;
                if object.insert(member.to_owned(), json!(text)).is_some() {
                    return Err(repeated());
                }
            }
            None if map.contains_key(name) => return Err(repeated()),
            None => {
                let value = value(field.shape.form(), text).ok_or_else(|| mistyped(field, text))?;
                map.insert(name.to_owned(), value);
            }
        }
    }
    Ok(map)
}

fn param_name(name: &str, member: Option<&str>) -> String {
    member.map_or_else(|| name.to_owned(), |member| format!("{name}.{member}"))
}

fn mistyped(field: &Field, text: &str) -> Failure {
    let want = match field.shape.form() {
        Form::Text => "text",
        Form::Switch => "true or false",
        Form::Number => "a number",
        Form::Size => "bytes, as 1073741824 or 10G",
        Form::List => "words with commas between",
        Form::Object => "an object as {\"quota\":\"10G\"}, or --param NAME.PROPERTY=VALUE for each",
        Form::Json => "an object as {\"greeting\":\"hello\",\"port\":80}",
    };
    Failure::new(Exit::Usage, format!("--param {}={text:?} is not right: want {want}", field.name))
}

fn value(form: Form, text: &str) -> Option<Value> {
    match form {
        Form::Text => Some(json!(text)),
        Form::Switch => match text {
            "true" => Some(json!(true)),
            "false" => Some(json!(false)),
            _other => None,
        },
        Form::Number => text.parse::<u64>().ok().map(|number| json!(number)),
        Form::Size => size(text).map(|bytes| json!(bytes)),
        Form::List if text.starts_with('[') => serde_json::from_str(text).ok().filter(Value::is_array),
        Form::List => Some(text.split(',').map(str::trim).collect()),
        Form::Object | Form::Json => serde_json::from_str(text).ok().filter(Value::is_object),
    }
}

/// `10G`, `10GiB` and `10737418240` are the same number of bytes.
fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim_end_matches("iB") {
        "" if unit.is_empty() => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        "P" => 50,
        _other => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ask::command_of;

    fn params(op: &str, given: &[&str]) -> Result<Value, String> {
        let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
        typed(entry("zfs", op).unwrap(), &given).map(Value::Object).map_err(|failure| failure.message)
    }

    #[test]
    fn values_have_the_types_of_the_catalogue() {
        assert_eq!(
            params("list", &["recursive=true", "types=snapshot,bookmark"]).unwrap(),
            json!({"recursive": true, "types": ["snapshot", "bookmark"]})
        );
        assert_eq!(
            params("create", &["size=10G", "properties.compression=zstd", "properties.user:x=a,b=c"])
                .unwrap(),
            json!({"size": 10_737_418_240u64, "properties": {"compression": "zstd", "user:x": "a,b=c"}})
        );
        assert_eq!(
            params("create", &["properties={\"quota\":\"1G\"}"]).unwrap(),
            json!({"properties": {"quota": "1G"}})
        );
        // A snapshot may be called true, or 7.
        assert_eq!(params("snapshot", &["name=true"]).unwrap(), json!({"name": "true"}));
        assert_eq!(
            params("set", &["property=quota", "value=10G"]).unwrap(),
            json!({"property": "quota", "value": "10G"})
        );
    }

    #[test]
    fn what_is_not_of_its_type_is_refused_with_what_would_be() {
        assert!(params("list", &["recursive=yes"]).unwrap_err().contains("true or false"));
        assert!(params("create", &["size=10 apples"]).unwrap_err().contains("10G"));
        assert!(params("create", &["properties=quota"]).unwrap_err().contains("an object"));
        assert!(params("list", &["recursive.x=true"]).unwrap_err().contains("true or false"));
        assert!(params("snapshot", &["nam=x"]).unwrap_err().contains("name"));
        assert!(params("snapshot", &["name"]).unwrap_err().contains("NAME=VALUE"));
        assert!(params("snapshot", &["name=a", "name=b"]).unwrap_err().contains("twice"));
        assert!(
            params("create", &["properties.a=1", "properties.a=2"]).unwrap_err().contains("properties.a")
        );
    }

    #[test]
    fn a_misspelt_operation_is_told_the_one_meant() {
        let failure = operation("zfs", "snapshto", "tank/a", &[]).unwrap_err();
        assert!(failure.message.contains("snapshot"), "{}", failure.message);
        assert_eq!(operation("zfz", "list", "tank", &[]).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn a_wrong_name_is_refused_before_anybody_is_asked() {
        let failure = operation("zfs", "snapshot", "tank/-r", &["name=x".to_owned()]).unwrap_err();
        assert!(failure.message.starts_with("RESOURCE"), "{}", failure.message);
        assert!(
            failure.hints[0].contains("--param name=NAME [--param recursive=true]"),
            "{:?}",
            failure.hints
        );
    }

    #[test]
    fn a_command_that_is_printed_can_be_typed() {
        for value in [
            json!({"kind": "zfs", "op": "rename", "resource": "tank/a", "params": {"to": "tank/b"}}),
            json!({"kind": "zfs", "op": "list", "resource": "tank", "params": {"recursive": true, "types": ["snapshot"]}}),
            json!({"kind": "zfs", "op": "create", "resource": "tank/v",
                   "params": {"size": 1_073_741_824u64, "properties": {"com.example:note": "it's,so"}}}),
        ] {
            let line = command_of(&value).unwrap();
            let words = unquoted(&line);
            let given: Vec<String> =
                words.iter().skip(5).filter(|word| *word != "--param").cloned().collect();
            let read = operation(&words[2], &words[3], &words[4], &given).unwrap();
            assert_eq!(read, Operation::from_value(value).unwrap(), "{line}");
        }
    }

    /// What a shell makes of a line with single quotes in it.
    fn unquoted(line: &str) -> Vec<String> {
        let (mut words, mut word, mut inside, mut escaped) = (Vec::new(), String::new(), false, false);
        for c in line.chars() {
            match c {
                _ if escaped => {
                    word.push(c);
                    escaped = false;
                }
                '\'' => inside = !inside,
                '\\' if !inside => escaped = true,
                ' ' if !inside => words.push(std::mem::take(&mut word)),
                _ => word.push(c),
            }
        }
        words.push(word);
        words
    }
}
