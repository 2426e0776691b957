//! Every kind of mistake in a contract as its author reads it, held by a golden file. `UPDATE_GOLDEN=1` writes it anew.

use super::tests::mistake;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/contract-errors.txt");

/// A contract with this entry in it, behind three lines.
fn with(entry: &str) -> String {
    format!("principal = \"keeper\"\nroles = [\"agent\"]\n\n{entry}\n")
}

/// One with these lines in an entry that takes snapshots.
fn snapshots(lines: &str) -> String {
    with(&format!("[[allow]]\noperations = [\"zfs.snapshot\"]\ndatasets = [\"tank\"]\n{lines}"))
}

/// One with these lines in an entry that makes datasets.
fn creates(lines: &str) -> String {
    with(&format!("[[allow]]\noperations = [\"zfs.create\"]\ndatasets = [\"tank\"]\n{lines}"))
}

fn cases() -> Vec<(&'static str, String)> {
    let condition = |condition: &str| snapshots(&format!("where = {{ \"/name\" = {condition} }}"));
    vec![
        ("an unknown key", snapshots("max_object = 5")),
        ("an unknown key at the top", "principle = \"keeper\"\nroles = [\"agent\"]\n".to_owned()),
        ("a missing key", with("[[allow]]\ndatasets = [\"tank\"]")),
        ("no TOML", with("[[allow]\noperations = []")),
        ("a value of another type", snapshots("max_per_hour = \"ten\"")),
        (
            "an unknown operation",
            with("[[allow]]\noperations = [\"zfs.list\", \"zfs.destory\"]\ndatasets = [\"tank\"]"),
        ),
        ("an operation of no kind", with("[[allow]]\noperations = [\"tank.list\"]\ndatasets = [\"tank\"]")),
        ("an entry without resources", with("[[allow]]\noperations = [\"zfs.list\"]")),
        ("a resource that nothing acts on", snapshots("pools = [\"tank\"]")),
        ("a resource that is none", with("[[allow]]\noperations = [\"zfs.list\"]\ndatasets = [\"tank/*\"]")),
        (
            "a bound without effect",
            with("[[allow]]\noperations = [\"zfs.list\"]\ndatasets = [\"tank\"]\nmax_objects = 5"),
        ),
        ("a size that is none", snapshots("max_bytes = \"5 GB\"")),
        ("a number out of bounds", snapshots("approvals = 17")),
        ("a time window that is none", snapshots("time_window = \"always\"")),
        (
            "a user that may not be",
            "principal = \"keeper\"\nroles = [\"agent\"]\nrun_as = \"root\"\n".to_owned(),
        ),
        ("a user that is not named", snapshots("run_as_user = true")),
        ("an unknown constraint", condition("{ prefx = \"daily-\" }")),
        ("a constraint without a condition", condition("{ }")),
        ("a condition that nothing meets", condition("{ min = 1 }")),
        ("a condition that everything meets", condition("{ prefix = \"\" }")),
        ("a parameter that is missing", snapshots("where = { \"/nmae\" = { prefix = \"daily-\" } }")),
        ("no JSON Pointer", snapshots("where = { \"name\" = { prefix = \"daily-\" } }")),
        ("a JSON Pointer with a bad escape", snapshots("where = { \"/na~me\" = { prefix = \"daily-\" } }")),
        (
            "a JSON Pointer into a single value",
            snapshots("where = { \"/name/0\" = { prefix = \"daily-\" } }"),
        ),
        ("a schema that is none", creates("schema = 5")),
        (
            "a keyword that JSON Schema does not have",
            creates("schema = { properties = { size = { maxmum = 5 } } }"),
        ),
        (
            "a value that the keyword does not take",
            creates("[allow.schema.properties.size]\nmaximum = \"5\""),
        ),
        (
            "a schema about a parameter that there is not",
            creates("schema = { required = [\"size\", \"sise\"] }"),
        ),
        (
            "a schema that leads elsewhere",
            creates("schema = { \"$ref\" = \"https://example.org/schema.json\" }"),
        ),
        (
            "a pattern that is none",
            creates("schema = { properties = { properties = { propertyNames = { pattern = \"(\" } } } }"),
        ),
        (
            "a host that is none",
            "principal = \"keeper\"\nroles = [\"agent\"]\ndenied_domains = [\"a.example\", \"com\"]\n"
                .to_owned(),
        ),
    ]
}

#[test]
fn every_kind_of_mistake_is_shown_with_its_line_and_what_to_do() {
    let shown: String =
        cases().iter().map(|(name, text)| format!("# {name}\n{}\n\n", mistake(text))).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &shown).unwrap();
    }
    assert_eq!(shown, std::fs::read_to_string(GOLDEN).unwrap_or_default(), "UPDATE_GOLDEN=1 writes it anew");
    for (name, text) in cases() {
        let shown = mistake(&text);
        assert!(shown.contains("\n     | ") || shown.contains("\n    | "), "{name}: {shown}");
        assert!(shown.contains('^'), "{name}: {shown}");
    }
}
