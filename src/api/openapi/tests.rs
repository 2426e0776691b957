//! The document against the router, the catalogue and the golden file.

use http::Method;

use super::*;
use crate::api::route::{Routing, route};
use crate::operation::catalogue;

#[test]
fn the_document_is_the_golden_one() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/openapi.json");
    let text = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(golden).unwrap(), text);
}

#[test]
fn every_path_of_the_document_leads_to_its_endpoint() {
    for endpoint in Endpoint::ALL {
        let Some(path) = described(endpoint) else { continue };
        let method = Method::from_bytes(path.method.to_uppercase().as_bytes()).unwrap();
        let url = path.path.replace("{id}", "op_1").replace("{handle}", "librarian");
        let Routing::Found(found) = route(&method, &url) else { panic!("{method} {url} is not routed") };
        assert_eq!(found.endpoint(), endpoint);
    }
}

#[test]
fn every_reference_leads_to_a_schema_and_every_operation_is_there() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    for entry in catalogue() {
        assert!(schemas[entry.name()].is_object(), "{}", entry.op);
    }
    for reference in references(&document) {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas[name].is_object(), "{reference}");
    }
}

fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(map) => {
            let own = map.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(map.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
