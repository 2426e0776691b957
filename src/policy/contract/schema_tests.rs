//! JSON Schema in contracts: what fits, what does not, and which schemas keep a contract out.

use serde_json::{Value, json};

use super::tests::{contract, mistake, operation, rule};

fn with_schema(schema: &str) -> String {
    format!(
        "principal = \"a\"\nroles = [\"agent\"]\n[[allow]]\noperations = [\"zfs.create\"]\ndatasets = [\"tank\"]\n{schema}\n"
    )
}

const SIZED: &str = r##"
[allow.schema]
required = ["size"]
additionalProperties = false
[allow.schema.properties.size]
type = "integer"
maximum = 1073741824
[allow.schema.properties.properties]
"$ref" = "#/$defs/settings"
[allow.schema."$defs".settings]
type = "object"
maxProperties = 1
propertyNames = { pattern = "^(compression|recordsize)$" }
"##;

fn create(params: Value) -> crate::operation::Operation {
    operation("create", "tank/a", params)
}

#[test]
fn parameters_that_fit_the_schema_are_granted_and_others_are_not() {
    let sized = contract(&with_schema(SIZED));
    for (params, came) in [
        (json!({"size": 1 << 20}), "granted"),
        (json!({"size": 1 << 20, "properties": {"compression": "zstd"}}), "granted"),
        (json!({"size": (1_u64 << 30) + 512}), "contract-schema"),
        (json!({}), "contract-schema"),
        (json!({"size": 1 << 20, "properties": {"atime": "off"}}), "contract-schema"),
        (
            json!({"size": 1 << 20, "properties": {"compression": "lz4", "recordsize": "1M"}}),
            "contract-schema",
        ),
    ] {
        assert_eq!(rule(&sized, &create(params.clone())), came, "{params}");
    }
    let refusal = sized.check(&create(json!({}))).unwrap_err();
    assert_eq!(
        refusal.reason,
        "the contract of a has zfs.create with a schema: \"size\" is a required property"
    );
}

#[test]
fn a_schema_that_would_protect_less_than_it_seems_to_keeps_the_contract_out() {
    for (schema, problem) in [
        (
            "schema = { requird = [\"size\"] }",
            "schema has the keyword `requird`, which JSON Schema does not have; did you mean `required`?",
        ),
        (
            "schema = { properties = { size = { maxmum = 5 } } }",
            "schema/properties/size has the keyword `maxmum`",
        ),
        (
            "schema = { properties = { sise = { maximum = 5 } } }",
            "is about `sise`, and zfs.create has no such parameter; did you mean `size`?",
        ),
        ("schema = { required = [\"sise\"] }", "has no such parameter"),
        ("schema = { properties = { size = { type = \"intger\" } } }", "schema/properties/size/type"),
        ("schema = { properties = { size = { maximum = \"5\" } } }", "schema/properties/size/maximum"),
        ("schema = { properties = { size = { maximum = nan } } }", "schema/properties/size/maximum"),
        ("schema = { properties = { size = 5 } }", "schema/properties/size is no schema"),
        ("schema = { properties = { properties = { propertyNames = { format = \"emial\" } } } }", "emial"),
        ("schema = { properties = { properties = { propertyNames = { pattern = \"(\" } } } }", "pattern"),
        (
            "schema = { properties = { properties = { propertyNames = { pattern = \"(?=a)b\" } } } }",
            "pattern",
        ),
        ("schema = 5", "schema is no table"),
        ("schemata = {}", "unknown key `schemata`"),
    ] {
        let found = mistake(&with_schema(schema));
        assert!(found.contains(problem), "{schema}: {found}");
        assert!(found.starts_with("contracts/x.toml:6:") && found.contains('^'), "{found}");
    }
}

#[test]
fn a_schema_refers_to_nothing_outside_of_itself_and_not_in_circles() {
    for (schema, problem) in [
        ("schema = { \"$ref\" = \"https://example.org/schema.json\" }", "nothing is fetched"),
        ("schema = { \"$ref\" = \"file:///etc/passwd\" }", "nothing is fetched"),
        ("schema = { \"$ref\" = \"#\" }", "nothing is fetched"),
        ("schema = { properties = { size = { \"$ref\" = \"other.json#/x\" } } }", "nothing is fetched"),
        ("schema = { \"$ref\" = \"#/$defs/a\" }", "which $defs does not have"),
        ("schema = { \"$id\" = \"https://example.org/\", properties = {} }", "of several documents"),
        ("schema = { \"$schema\" = \"https://example.org/\" }", "of several documents"),
        ("schema = { \"$dynamicRef\" = \"#a\" }", "of several documents"),
        (
            "schema = { \"$ref\" = \"#/$defs/a\", \"$defs\" = { a = { \"$ref\" = \"#/$defs/b\" }, b = { items = { \"$ref\" = \"#/$defs/a\" } } } }",
            "a, b refer to each other in a circle",
        ),
    ] {
        let found = mistake(&with_schema(schema));
        assert!(found.contains(problem), "{schema}: {found}");
    }
}

#[test]
fn a_pattern_that_would_take_for_ever_elsewhere_takes_no_time() {
    let bound = contract(
        "principal = \"a\"\nroles = [\"agent\"]\n[[allow]]\noperations = [\"tool.run\"]\ntools = [\"x\"]\n\
         schema = { properties = { input = { pattern = \"^(a+)+$\" } } }\n",
    );
    let long = format!("{}b", "a".repeat(4000));
    let begun =
        std::time::Duration::from(nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap());
    let run = json!({"kind": "tool", "op": "run", "resource": "x", "params": {"input": long}});
    let came = bound.check(&crate::operation::Operation::from_value(run).unwrap());
    let ended =
        std::time::Duration::from(nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap());
    assert_eq!(came.unwrap_err().rule, "contract-schema");
    assert!(ended - begun < std::time::Duration::from_secs(1), "{:?}", ended - begun);
}
