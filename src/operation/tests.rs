//! What is read as an operation, and what is refused.

use serde_json::json;

use super::zfs::{DatasetName, ZfsOperation};
use super::*;

fn operation(value: Value) -> Result<Operation, Invalid> {
    Operation::from_value(value)
}

fn pointer(value: Value) -> String {
    operation(value).unwrap_err().pointer
}

fn example(entry: &Entry) -> Value {
    let is_left_out = |name: &str| matches!(name, "quarantine" | "staged" | "retire");
    let fields = entry.fields.iter().filter(|field| !is_left_out(field.name));
    let params: Map<_, _> = fields.map(|field| (field.name.to_owned(), field.shape.sample())).collect();
    json!({"kind": entry.kind, "op": entry.op, "resource": entry.resource.sample(), "params": params})
}

#[test]
fn every_operation_of_the_catalogue_is_read_and_written_back_the_same() {
    for entry in catalogue() {
        let value = example(entry);
        let read = operation(value.clone()).unwrap_or_else(|invalid| panic!("{value}: {invalid}"));
        assert_eq!(read.name(), entry.op);
        assert_eq!(read.effect(), entry.effect, "{}", entry.op);
        assert_eq!(read.to_value(), value);
        assert_eq!(operation(read.to_value()).unwrap(), read);
    }
}

#[test]
fn the_positional_form_is_the_same_operation() {
    for entry in catalogue() {
        let named = example(entry);
        let fields = entry.fields.iter().filter_map(|field| named["params"].get(field.name).cloned());
        let args: Vec<_> = std::iter::once(json!(entry.op)).chain(fields).collect();
        let positional = json!({"kind": entry.kind, "resource": named["resource"], "args": args});
        assert_eq!(operation(positional).unwrap(), operation(named).unwrap());
    }
}

#[test]
fn unknown_fields_are_refused_by_place() {
    assert_eq!(pointer(json!({"kind":"zfs","op":"list","resource":"tank","sudo":true})), "/sudo");
    assert_eq!(pointer(json!({"kind":"zfs","op":"list","resource":"tank","params":{"r":true}})), "/params/r");
    let body = br#"{"kind":"zfs","op":"list","resource":"tank","metadata":{"confirm":"x"}}"#;
    assert_eq!(Submission::from_json(body).unwrap_err().pointer, "/metadata/confirm");
}

#[test]
fn both_forms_at_once_are_refused() {
    let both = json!({"kind":"zfs","op":"list","resource":"tank","args":["list"]});
    assert_eq!(pointer(both), "/args");
    let mixed = json!({"kind":"zfs","resource":"tank","params":{},"args":["list"]});
    assert_eq!(pointer(mixed), "/args");
}

#[test]
fn missing_and_wrongly_typed_fields_are_refused_by_place() {
    assert_eq!(pointer(json!({"op":"list","resource":"tank"})), "/kind");
    assert_eq!(pointer(json!({"kind":"zfs","resource":"tank"})), "/op");
    assert_eq!(pointer(json!({"kind":"zfs","op":"list"})), "/resource");
    assert_eq!(pointer(json!({"kind":"zfs","op":"snapshot","resource":"tank"})), "/params/name");
    assert_eq!(
        pointer(json!({"kind":"zfs","op":"snapshot","resource":"tank","params":{"name":7}})),
        "/params/name"
    );
    assert_eq!(
        pointer(json!({"kind":"zfs","op":"list","resource":"tank","params":{"recursive":"yes"}})),
        "/params/recursive"
    );
    assert_eq!(
        pointer(json!({"kind":"zfs","op":"create","resource":"tank/v","params":{"size":-1}})),
        "/params/size"
    );
    assert_eq!(pointer(json!({"kind":"rm","op":"list","resource":"tank"})), "/kind");
    assert_eq!(pointer(json!({"kind":"zfs","op":"send","resource":"tank"})), "/op");
    assert_eq!(pointer(json!([])), "");
}

#[test]
fn an_option_is_no_name() {
    for resource in ["-r", "tank/-r", "tank/../x", "--help"] {
        assert_eq!(pointer(json!({"kind":"zfs","op":"destroy","resource":resource})), "/resource");
    }
    assert_eq!(pointer(json!({"kind":"zfs","resource":"tank/a","args":["snapshot","-r"]})), "/params/name");
}

#[test]
fn a_pools_root_dataset_cannot_be_destroyed() {
    assert_eq!(pointer(json!({"kind":"zfs","op":"destroy","resource":"tank"})), "/resource");
    assert!(operation(json!({"kind":"zfs","op":"destroy","resource":"tank@old"})).is_ok());
}

#[test]
fn a_rename_stays_in_its_pool_and_out_of_itself() {
    let to = |to: &str| json!({"kind":"zfs","op":"rename","resource":"tank/a","params":{"to":to}});
    assert_eq!(pointer(to("other/a")), "/params/to");
    assert_eq!(pointer(to("tank/a/b")), "/params/to");
    assert!(operation(to("tank/ab")).is_ok());
}

#[test]
fn purge_takes_what_is_in_quarantine_only() {
    let purge = |resource: &str| operation(json!({"kind":"zfs","op":"purge","resource":resource}));
    assert!(purge("tank/reeve-quarantine/a").is_ok());
    for outside in
        ["tank/a", "tank/reeve-quarantine", "tank/reeve-quarantine-not/a", "tank/x/reeve-quarantine/a"]
    {
        assert_eq!(purge(outside).unwrap_err().pointer, "/resource");
    }
}

#[test]
fn a_digest_tells_every_argument_apart() {
    let destroy = |recursive: bool| {
        Operation::Zfs(ZfsOperation::Destroy {
            target: zfs::Target::Dataset(DatasetName::try_from("tank/a".to_owned()).unwrap()),
            recursive,
            clones: false,
            quarantine: false,
        })
    };
    assert_ne!(destroy(true).digest(), destroy(false).digest());
    assert_eq!(destroy(true).digest(), destroy(true).digest());
    assert_eq!(destroy(true).command_line(), "zfs destroy tank/a (recursive)");
}

#[test]
fn what_the_caller_says_is_bounded() {
    let body = |reason: &str| json!({"kind":"zfs","op":"list","resource":"tank","reason":reason}).to_string();
    assert!(Submission::from_json(body(&"x".repeat(1000)).as_bytes()).is_ok());
    assert_eq!(Submission::from_json(body(&"x".repeat(1001)).as_bytes()).unwrap_err().pointer, "/reason");
}
