//! Where a declared tool may go: the declaration's lists, the policy's, and hosts that stand in a call's arguments.

use serde_json::{Map, Value};

use crate::sandbox::egress::{Destination, Egress, Host, Lists, Stop, is_name, read_authority};

/// The keys of a declaration that say it, read.
pub(super) fn meant(mode: &str, allow: &[String], deny: &[String]) -> Result<Egress, (&'static str, String)> {
    let entry = |text: &String| {
        let entry = Destination::read(text).filter(|entry| !entry.is_any());
        entry.ok_or_else(|| {
            ("egress_allow", format!("{text:?} is neither HOST:PORT nor *.DOMAIN:PORT nor ADDRESS:PORT"))
        })
    };
    let lists = Lists { allow: allow.iter().map(entry).collect::<Result<_, _>>()?, never: deny.to_vec() };
    if let Some(text) = deny.iter().find(|text| !is_name(text)) {
        return Err((
            "egress_deny",
            format!("{text:?} is no name in lower case; what lies below it is denied with it"),
        ));
    }
    let has_list = !lists.allow.is_empty();
    match mode {
        "none" if lists == Lists::default() => Ok(Egress::None),
        "none" => Err(("egress_allow", "egress is \"none\", so that nobody is reached".to_owned())),
        "preflight" if has_list => Ok(Egress::Preflight(lists)),
        "strict" if has_list => Ok(Egress::Strict(lists)),
        "preflight" | "strict" => {
            Err(("egress_allow", format!("egress is {mode:?}, and nobody may be reached")))
        }
        other => Err(("egress", format!("{other:?} is neither \"none\" nor \"preflight\" nor \"strict\""))),
    }
}

/// Parameters that name a host are ones that there are, and mean something.
pub(super) fn parameters(
    egress: &Egress,
    named: &[String],
    schema: &Value,
) -> Result<(), (&'static str, String)> {
    let wrong = |problem: String| Err(("egress_parameters", problem));
    match egress {
        Egress::Preflight(_) => {}
        Egress::None | Egress::Strict(_) if named.is_empty() => {}
        Egress::None | Egress::Strict(_) => {
            return wrong("only with egress = \"preflight\" are parameters looked at".to_owned());
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    match named.iter().find(|name| properties.is_none_or(|all| !all.contains_key(*name))) {
        Some(name) => wrong(format!("there is no parameter {name}")),
        None => Ok(()),
    }
}

/// Looks at the hosts that stand in a call: in every argument that is a URL, and in the parameters that are declared to
/// name one. What the tool then does nobody looks at: this is for honest mistakes.
pub(super) fn preflight(
    lists: &Lists,
    (named, given): (&[String], &Map<String, Value>),
    arguments: &[String],
) -> Result<(), String> {
    let values = named.iter().filter_map(|name| given.get(name)).flat_map(|value| match value {
        Value::Array(items) => items.iter().collect::<Vec<_>>(),
        one @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            vec![one]
        }
    });
    let named = values.filter_map(Value::as_str);
    let urls = arguments.iter().map(String::as_str).filter(|text| text.contains("://"));
    for text in named.chain(urls) {
        let refused = |why: &str| Err(format!("{text:?}: {why}"));
        match destination(text) {
            None => return refused("names no host and port that can be looked at"),
            Some((host, port)) => match lists.check(&host, port) {
                Ok(()) => {}
                Err(Stop::Never) => return refused("is on a list of hosts that are never reached"),
                Err(_) => return refused("is not on this tool's list of hosts"),
            },
        }
    }
    Ok(())
}

/// Whom a URL, `host:port` or a host alone is about; nobody, where somebody else could read it in another way.
fn destination(text: &str) -> Option<(Host, u16)> {
    let Some((scheme, rest)) = text.split_once("://") else { return read_authority(text, Some(443)) };
    let port = match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        "ftp" => Some(21),
        "ssh" | "git+ssh" => Some(22),
        "git" => Some(9418),
        _other => None,
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if rest.contains('\\') { None } else { read_authority(authority, port) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn look(given: &Value, arguments: &[&str]) -> Result<(), String> {
        let lists = Lists {
            allow: ["api.example.com:443", "*.example.org:80"]
                .map(|entry| Destination::read(entry).unwrap())
                .to_vec(),
            never: vec!["bad.example.org".to_owned()],
        };
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        preflight(&lists, (&["host".to_owned()], given.as_object().unwrap()), &arguments)
    }

    #[test]
    fn row_090_hosts_in_parameters_and_urls_anywhere_are_looked_at_before_the_start() {
        for (given, argument) in [
            (json!({"host": "api.example.com"}), "-v"),
            (json!({"host": ["API.example.com.:443", "a.example.org:80"]}), "file.txt"),
            (json!({}), "https://api.example.com/x?y=http"),
            (json!({}), "HTTP://A.EXAMPLE.ORG./"),
        ] {
            assert_eq!(look(&given, &[argument]), Ok(()), "{given} {argument}");
        }
        for host in [
            "evil.com",
            "api.example.com:80",
            "0x7f.1",
            "2130706433",
            "127.1",
            "api.example.com@evil.com",
            "bad.example.org:80",
            "exämple.com",
        ] {
            assert!(look(&json!({"host": host}), &[]).is_err(), "{host}");
            assert!(look(&json!({"host": ["api.example.com", host]}), &[]).is_err(), "{host}");
        }
        for url in [
            "https://evil.com/",
            "https://api.example.com@evil.com/",
            "https://user:pw@api.example.com/",
            "https://evil.com\\@api.example.com/",
            "https://api.example.com\\.evil.com/",
            "https://0177.0.0.1/",
            "https://xn--80ak6aa92e.com/",
            "https://аpi.example.com/",
            "gopher://api.example.com/",
            "--proxy=http://evil.com:8080",
            "http://bad.example.org/",
            "http://x.bad.example.org/",
        ] {
            assert!(look(&json!({}), &[url]).is_err(), "{url}");
        }
    }
}
