//! Spans as OTLP/HTTP takes them in JSON: `ExportTraceServiceRequest`, ids in hexadecimal digits, 64-bit numbers as text.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::span::{Kind, Span, Value};

/// What a host's spans are told to be from, besides their programs.
const SCOPE: &str = "reeve";

/// One request with these spans of a host.
#[must_use]
pub fn request(spans: &[Span], host: &str) -> Json {
    let mut by_service: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    for one in spans {
        by_service.entry(&one.service).or_default().push(span(one));
    }
    let resources: Vec<Json> = by_service
        .into_iter()
        .map(|(service, spans)| {
            json!({
                "resource": {"attributes": [
                    attribute("service.name", &service.into()),
                    attribute("service.namespace", &SCOPE.into()),
                    attribute("service.version", &env!("CARGO_PKG_VERSION").into()),
                    attribute("host.name", &host.into()),
                ]},
                "scopeSpans": [{"scope": {"name": SCOPE, "version": env!("CARGO_PKG_VERSION")}, "spans": spans}],
            })
        })
        .collect();
    json!({ "resourceSpans": resources })
}

/// How many spans a collector says that it refused, though it took the request.
#[must_use]
pub fn refused(answer: &[u8]) -> u64 {
    let answer: Json = serde_json::from_slice(answer).unwrap_or_default();
    // A 64-bit number is text in this form, and some write it as a number.
    match answer.pointer("/partialSuccess/rejectedSpans") {
        Some(Json::String(text)) => text.parse().unwrap_or(0),
        Some(Json::Number(number)) => number.as_u64().unwrap_or(0),
        Some(_) | None => 0,
    }
}

fn span(span: &Span) -> Json {
    let attributes: Vec<Json> =
        span.attributes.iter().map(|(key, value)| attribute(&name(key), value)).collect();
    let mut form = json!({
        "traceId": span.trace.to_string(), "spanId": span.id.to_string(), "name": span.name,
        "kind": match span.kind { Kind::Internal => 1, Kind::Server => 2 },
        "startTimeUnixNano": span.start.to_string(), "endTimeUnixNano": span.end.to_string(),
        "attributes": attributes, "status": if span.failed { json!({"code": 2}) } else { json!({}) },
    });
    if let (Some(parent), Some(form)) = (span.parent, form.as_object_mut()) {
        form.insert("parentSpanId".to_owned(), parent.to_string().into());
    }
    form
}

/// As serde writes it, so that there is one list of names.
fn name(key: &super::span::Key) -> String {
    match serde_json::to_value(key) {
        Ok(Json::String(name)) => name,
        Ok(_) | Err(_) => String::new(),
    }
}

fn attribute(key: &str, value: &Value) -> Json {
    let value = match value {
        Value::Text(text) => json!({ "stringValue": text }),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Flag(flag) => json!({ "boolValue": flag }),
    };
    json!({"key": key, "value": value})
}

#[cfg(test)]
mod tests {
    use super::super::span::Key;
    use super::*;

    #[test]
    fn a_request_is_as_the_specification_has_it() {
        let span = Span {
            service: "reeve-gate".to_owned(),
            name: "zfs.list".to_owned(),
            kind: Kind::Server,
            trace: "5b8efff798038103d269b633813fc60c".parse().unwrap(),
            id: "eee19b7ec3c1b174".parse().unwrap(),
            parent: Some("eee19b7ec3c1b173".parse().unwrap()),
            start: 1_544_712_660_000_000_000,
            end: 1_544_712_661_000_000_000,
            failed: true,
            attributes: BTreeMap::from([(Key::ExitCode, 1.into()), (Key::Verified, false.into())]),
        };
        let first = Span { parent: None, failed: false, service: "reeved".to_owned(), ..span.clone() };
        let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let resource = |service: &str| {
            json!({"attributes": [text("service.name", service), text("service.namespace", "reeve"),
                text("service.version", env!("CARGO_PKG_VERSION")), text("host.name", "host01")]})
        };
        let scope = json!({"name": "reeve", "version": env!("CARGO_PKG_VERSION")});
        let mut wanted = json!({
            "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
            "parentSpanId": "eee19b7ec3c1b173", "name": "zfs.list", "kind": 2,
            "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": "1544712661000000000",
            "attributes": [
                {"key": "process.exit.code", "value": {"intValue": "1"}},
                {"key": "reeve.verified", "value": {"boolValue": false}},
            ],
            "status": {"code": 2},
        });
        let gate =
            json!({"resource": resource("reeve-gate"), "scopeSpans": [{"scope": scope, "spans": [wanted]}]});
        wanted["status"] = json!({});
        wanted.as_object_mut().unwrap().remove("parentSpanId");
        let front =
            json!({"resource": resource("reeved"), "scopeSpans": [{"scope": scope, "spans": [wanted]}]});
        assert_eq!(request(&[first, span], "host01"), json!({"resourceSpans": [gate, front]}));
    }

    #[test]
    fn what_a_collector_refused_is_read_in_either_form() {
        assert_eq!(refused(br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}"#), 3);
        assert_eq!(refused(br#"{"partialSuccess":{"rejectedSpans":2}}"#), 2);
        for none in [b"{}".as_slice(), b"", b"<html>", br#"{"partialSuccess":{"rejectedSpans":-1}}"#] {
            assert_eq!(refused(none), 0);
        }
    }
}
