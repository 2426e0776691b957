//! Bounds on single parameters, on how often, when and why, and what a principal may see of its own contract.

use serde_json::{Value, json};

use super::tests::{LIBRARIAN, contract, mistake, operation, rule, with_line};
use super::*;
use crate::policy::Verdict;

/// What a contract with one such entry says of taking `tank/media@name`, and in which words.
fn snapshot_under(lines: &str, name: &str) -> (&'static str, String) {
    let entry = contract(&format!(
        "principal = \"a\"\nroles = [\"agent\"]\n[[allow]]\noperations = [\"zfs.snapshot\"]\n\
         datasets = [\"tank\"]\n{lines}\n"
    ));
    match entry.check(&operation("snapshot", "tank/media", json!({"name": name}))) {
        Ok(_) => ("granted", String::new()),
        Err(refusal) => (refusal.rule, refusal.reason),
    }
}

#[test]
fn a_parameter_is_held_to_each_condition_that_the_contract_puts_on_it() {
    for (condition, good, bad) in [
        ("{ prefix = \"daily-\" }", "daily-1", "xdaily-1"),
        ("{ one_of = [\"a\", \"b\"] }", "b", "c"),
        ("{ prefix = \"a\", one_of = [\"ab\", \"b\"] }", "ab", "b"),
    ] {
        let lines = format!("where = {{ \"/name\" = {condition} }}");
        assert_eq!(snapshot_under(&lines, good).0, "granted", "{condition}");
        assert_eq!(snapshot_under(&lines, bad).0, "contract-constraint", "{condition}");
    }
    let (_, words) = snapshot_under("where = { \"/name\" = { prefix = \"daily-\" } }", "x");
    assert_eq!(
        words,
        "the contract of a has zfs.snapshot with bounds: /name has to be something that begins with \"daily-\""
    );
    let (rule, _) = snapshot_under("where = { \"/resource\" = { dataset_under = \"tank/med\" } }", "x");
    assert_eq!(rule, "contract-constraint");
    let (rule, _) =
        snapshot_under("where = { \"/resource\" = { dataset_under = [\"tank/x\", \"tank/media\"] } }", "x");
    assert_eq!(rule, "granted");
}

/// What a contract with one such entry says of making `tank/a` with these parameters.
fn create_under(condition: &str, params: Value) -> &'static str {
    let entry = contract(&format!(
        "principal = \"a\"\nroles = [\"agent\"]\n[[allow]]\noperations = [\"zfs.create\"]\n\
         datasets = [\"tank\"]\nwhere = {{ {condition} }}\n"
    ));
    rule(&entry, &operation("create", "tank/a", params))
}

#[test]
fn a_bound_on_a_number_is_exact_and_a_parameter_that_is_missing_is_not_within_it() {
    let sized =
        |size: Value| create_under("\"/size\" = { min = \"2M\", max = \"1G\" }", json!({"size": size}));
    assert_eq!([json!(2 << 20), json!(1 << 30)].map(sized), ["granted"; 2]);
    assert_eq!([json!((2 << 20) - 512), json!((1 << 30) + 512)].map(sized), ["contract-constraint"; 2]);
    assert_eq!(create_under("\"/size\" = { max = \"1G\" }", json!({})), "contract-constraint");
    let compressed = |properties: Value| {
        create_under(
            "\"/properties/compression\" = { one_of = [\"zstd\"] }",
            json!({"properties": properties}),
        )
    };
    assert_eq!(compressed(json!({"compression": "zstd"})), "granted");
    assert_eq!(compressed(json!({"compression": "off"})), "contract-constraint");
    assert_eq!(compressed(json!({"atime": "off"})), "contract-constraint");
}

#[test]
fn an_entry_whose_bounds_are_exceeded_takes_nothing_from_another_that_covers_it() {
    let both = contract(
        "principal = \"a\"\nroles = [\"agent\"]\n[[allow]]\noperations = [\"zfs.snapshot\"]\n\
         datasets = [\"tank\"]\nwhere = { \"/name\" = { prefix = \"daily-\" } }\n[[allow]]\n\
         operations = [\"zfs.snapshot\"]\ndatasets = [\"tank/scratch\"]\nat_least = \"review\"\n",
    );
    let snapshot = |dataset: &str, name: &str| {
        let granted = both.check(&operation("snapshot", dataset, json!({"name": name})));
        granted.map(|granted| granted.at_least()).map_err(|refusal| refusal.rule)
    };
    assert_eq!(snapshot("tank/scratch", "x"), Ok(Verdict::Review));
    assert_eq!(snapshot("tank/vm", "daily-1"), Ok(Verdict::Allow));
    assert_eq!(snapshot("tank/vm", "x"), Err("contract-constraint"));
}

/// Whether an operation is granted under these lines, for a reason, at a time, after so many like it.
fn asked_under(lines: &str, reason: Option<&str>, now: u64, times: u64) -> &'static str {
    let entry = with_line(lines);
    let granted = entry.check(&operation("snapshot", "tank/a", json!({"name": "x"}))).unwrap();
    let tools = [("zfs.snapshot".to_owned(), times), ("zfs.list".to_owned(), 1000)].into();
    let recent = crate::policy::Recent { tools, ..crate::policy::Recent::default() };
    let asked = Circumstances { reason, now, recent: &recent };
    granted.check_circumstances(&asked).map_or_else(|refusal| refusal.rule, |()| "granted")
}

#[test]
fn an_entry_says_how_often_when_and_whether_a_reason_is_needed() {
    /// 2026-11-20, a Friday, at noon.
    const NOON: u64 = 1_795_176_000;
    for (lines, reason, now, times, says) in [
        ("require_reason = true", Some("weekly"), NOON, 1, "granted"),
        ("require_reason = true", Some("  "), NOON, 1, "contract-reason"),
        ("require_reason = true", None, NOON, 1, "contract-reason"),
        ("time_window = \"fri 11:00-13:00\"", None, NOON, 1, "granted"),
        ("time_window = \"sat 11:00-13:00\"", None, NOON, 1, "contract-window"),
        ("max_per_hour = 3", None, NOON, 3, "granted"),
        ("max_per_hour = 3", None, NOON, 4, "contract-rate"),
        ("", None, NOON, 9999, "granted"),
    ] {
        assert_eq!(asked_under(lines, reason, now, times), says, "{lines}");
    }
}

#[test]
fn approvals_ask_people_whatever_the_policy_says_and_the_most_of_them_count() {
    let two = with_line("approvals = 2");
    let granted = two.check(&operation("snapshot", "tank/a", json!({"name": "x"}))).unwrap();
    assert_eq!((granted.at_least(), granted.approvals()), (Verdict::Review, Some(2)));
}

#[test]
fn a_bound_that_would_bound_nothing_or_everything_keeps_the_contract_out() {
    let entry = |line: &str| {
        mistake(&format!(
            "principal = \"a\"\nroles = [\"agent\"]\n[[allow]]\noperations = [\"zfs.snapshot\"]\n\
             datasets = [\"tank\"]\n{line}\n"
        ))
    };
    for (line, complaint) in [
        ("where = { \"/nmae\" = { prefix = \"x\" } }", "has no parameter `nmae`; did you mean `name`?"),
        ("where = { \"name\" = { prefix = \"x\" } }", "is no JSON Pointer"),
        ("where = { \"/name~\" = { prefix = \"x\" } }", "is no JSON Pointer"),
        ("where = { \"/na~2me\" = { prefix = \"x\" } }", "is no JSON Pointer"),
        ("where = { \"/name/0\" = { prefix = \"x\" } }", "`/name/0` is never there: /name is one value"),
        ("where = { \"/name\" = { prefx = \"x\" } }", "did you mean `prefix`?"),
        ("where = { \"/name\" = { } }", "bounded by nothing"),
        ("where = { \"/name\" = { prefix = \"\" } }", "prefix is empty"),
        ("where = { \"/name\" = { one_of = [] } }", "one_of is empty"),
        ("where = { \"/name\" = { min = 1 } }", "is never a number"),
        ("where = { \"/name\" = { min = 1.5 } }", "x.toml:6:"),
        ("where = { \"/name\" = { min = nan } }", "x.toml:6:"),
        ("where = { \"/recursive\" = { prefix = \"x\" } }", "is never a name"),
        ("where = { \"/resource\" = { dataset_under = \"/tank\" } }", "dataset_under: \"/tank\""),
        ("where = { \"/resource\" = { vmid_range = \"300-200\" } }", "vmid_range"),
        ("where = { \"/resource\" = { unit = [] } }", "unit is empty"),
        ("max_per_hour = 0", "is not from 1 to"),
        ("approvals = 17", "is not from 1 to 16"),
        ("time_window = \"always\"", "is no time window"),
        ("require_raeson = true", "did you mean `require_reason`?"),
    ] {
        let said = entry(line);
        assert!(said.contains(complaint) && said.starts_with("contracts/x.toml:6:"), "{line}: {said}");
    }
}

#[test]
fn a_contract_is_known_by_its_content_and_shows_its_entries_as_they_are_written() {
    let (one, two) = (contract(LIBRARIAN), contract(&LIBRARIAN.replace("1G", "2G")));
    assert_ne!(one.digest(), two.digest());
    assert_eq!(one.digest(), contract(LIBRARIAN).digest());
    assert_eq!(
        one.entries("zfs.destroy"),
        [&json!({"operations": ["zfs.destroy"], "datasets": ["tank/media"], "recursive": false,
                 "max_objects": 10, "max_bytes": "1G", "run_as_user": true, "at_least": "review"})]
    );
    assert!(one.entries("zfs.purge").is_empty());
    assert!(contract(&LIBRARIAN.replace("[\"agent\"]", "[\"admin\"]")).entries("zfs.destroy").is_empty());
}
