//! What a caller may send: bodies that are not operations, and names that OpenZFS would read as something else.

use serde_json::{Value, json};

use crate::host::*;

const SNAPSHOT: &str = r#"{"kind":"zfs","op":"snapshot","resource":"tank/media","params":{"name":"never"}"#;

fn refused(body: &str, code: u16, word: &str) -> Answer {
    let answer = post_raw("librarian", "/host/op", body.as_bytes(), &[]);
    assert_eq!(
        (answer.code, &answer.body["code"]),
        (code, &json!(word)),
        "{} → {answer:?}",
        &body[..body.len().min(200)]
    );
    answer
}

/// Refused, for the field at this place.
fn refused_at(body: Value, pointer: &str) {
    let answer = refused(&body.to_string(), 422, "invalid");
    assert_eq!(answer.body["pointer"], pointer, "{answer:?}");
}

#[test]
fn what_is_no_json_or_not_plain_json_is_refused() {
    up();
    let deep = format!("{SNAPSHOT},\"metadata\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    for body in [
        "",
        "zfs destroy tank/media",
        "{\"kind\":\"zfs\"",
        "\u{feff}{}",
        &format!("{SNAPSHOT}}} {{}}"),
        &format!("{SNAPSHOT},\"kind\":\"zfs\"}}"),
        &format!("{SNAPSHOT},\"metadata\":{{\"run_id\":\"a\",\"run_id\":\"b\"}}}}"),
        &format!("{SNAPSHOT},\"reason\":NaN}}"),
        &format!("{SNAPSHOT},\"reason\":1e999}}"),
        &format!("{SNAPSHOT},\"reason\":'x'}}"),
        &deep,
    ] {
        refused(body, 400, "not_json");
    }
    let answer = post_raw("librarian", "/host/op", b"{\"kind\":\"zfs\xff\"}", &[]);
    assert_eq!((answer.code, &answer.body["code"]), (400, &json!("not_json")), "{answer:?}");
}

#[test]
fn a_body_of_64_kib_is_read_and_one_byte_more_is_not() {
    up();
    let of_length = |length: usize| {
        let frame = format!("{SNAPSHOT},\"nobody-knows\":\"\"}}");
        format!("{SNAPSHOT},\"nobody-knows\":\"{}\"}}", "x".repeat(length - frame.len()))
    };
    refused(&of_length(64 << 10), 422, "invalid");
    refused(&of_length((64 << 10) + 1), 413, "too_large");
    let chunked = ["--header", "Transfer-Encoding: chunked"];
    let answer = post_raw("librarian", "/host/op", of_length((64 << 10) + 1).as_bytes(), &chunked);
    assert_eq!((answer.code, &answer.body["code"]), (413, &json!("too_large")), "{answer:?}");
    let form = ["--header", "Content-Type: application/x-www-form-urlencoded", "--data", "kind=zfs"];
    assert_eq!(call("librarian", "POST", "/host/op", &form).code, 415);
}

#[test]
fn what_an_operation_does_not_have_is_refused_by_its_place() {
    up();
    let with = |key: &str, value: Value| {
        let mut body =
            json!({"kind": "zfs", "op": "snapshot", "resource": "tank/media", "params": {"name": "never"}});
        body[key] = value;
        body
    };
    refused_at(with("confirm", json!(true)), "/confirm");
    refused_at(with("args", json!(["snapshot", "never"])), "/args");
    refused_at(with("op", json!("send")), "/op");
    refused_at(with("kind", json!("shell")), "/kind");
    refused_at(with("params", json!({"name": "never", "force": true})), "/params/force");
    refused_at(with("params", json!({"name": "never", "recursive": "yes"})), "/params/recursive");
    refused_at(with("params", json!({})), "/params/name");
    refused_at(with("metadata", json!({"approved_by": "alice"})), "/metadata/approved_by");
    refused_at(
        json!({"kind": "zfs", "op": "set", "resource": "tank/media", "params": {"property": "mountpoint", "value": "/etc"}}),
        "/params/property",
    );
    refused_at(
        json!({"kind": "zfs", "op": "set", "resource": "tank/media", "params": {"property": "nobody", "value": "1"}}),
        "/params/property",
    );
    refused_at(
        json!({"kind": "zfs", "resource": "tank/media", "args": ["snapshot", "never", true, "more"]}),
        "/args/3",
    );
    assert!(!exists("tank/media@never"));
}

#[test]
fn names_that_openzfs_would_read_as_something_else_are_refused() {
    up();
    for resource in [
        "-r",
        "tank/-r",
        "tank/media@-r",
        "tank/../x",
        "tank/./x",
        "tank//x",
        "tank/x/",
        "/tank",
        "tank/a b",
        "tank/a,b",
        "tank/a%b",
        "tank/media@a,b",
        "tank/media@a%b",
        "tank/media@%",
        "tank/media@a@b",
        "tank/a#b@c",
        "tank/$(reboot)",
        "tank/é",
        "",
        "tank/a\nb",
        "tank/a\u{0}b",
        "mirror",
    ] {
        refused_at(json!({"kind": "zfs", "op": "destroy", "resource": resource}), "/resource");
    }
    for name in ["-r", "a/b", "a@b", "..", "", "a b"] {
        refused_at(
            json!({"kind": "zfs", "op": "snapshot", "resource": "tank/media", "params": {"name": name}}),
            "/params/name",
        );
        refused_at(
            json!({"kind": "zfs", "op": "hold", "resource": "tank/media@a", "params": {"tag": name}}),
            "/params/tag",
        );
    }
    refused_at(
        json!({"kind": "zfs", "op": "clone", "resource": "tank/media@a", "params": {"target": "-o"}}),
        "/params/target",
    );
}

#[test]
fn a_snapshots_name_may_have_255_bytes_and_not_256() {
    up();
    let of_length = |length: usize| "x".repeat(length - "tank/media@".len());
    let taken = zfs_op("librarian", "snapshot", "tank/media", json!({"name": of_length(255)}));
    assert_eq!((taken.code, taken.state()), (200, "succeeded"), "{taken:?}");
    assert!(exists(&format!("tank/media@{}", of_length(255))));
    let long = zfs_op("librarian", "snapshot", "tank/media", json!({"name": of_length(256)}));
    assert_eq!((long.code, &long.body["code"]), (422, &json!("invalid")), "{long:?}");
}

#[test]
fn paths_methods_and_queries_that_are_none_of_ours_are_refused() {
    up();
    for (method, path, code) in [
        ("GET", "/", 404),
        ("GET", "/host/op/../op", 404),
        ("GET", "/admin/nothing", 404),
        ("GET", "/admin/preflight", 403),
        ("PUT", "/host/op", 405),
        ("DELETE", "/health", 405),
        ("GET", "/host/op?limit=0", 400),
        ("GET", "/host/op?limit=10&limit=20", 400),
        ("GET", "/host/op?nobody=1", 400),
        ("GET", "/host/op/op_00000000000000000000000000?wait=301", 400),
        ("GET", "/host/op/op_00000000000000000000000000?wait=-1", 400),
        ("GET", "/host/op/op_00000000000000000000000000", 404),
    ] {
        let answer = call("librarian", method, path, &["--path-as-is"]);
        assert_eq!(answer.code, code, "{method} {path} → {answer:?}");
    }
    for key in ["", "x y", &"k".repeat(129)] {
        let header =
            if key.is_empty() { "Idempotency-Key;".to_owned() } else { format!("Idempotency-Key: {key}") };
        let body = json!({"kind": "zfs", "op": "list", "resource": "tank/media"});
        let answer = post("librarian", "/host/op", &body, &["--header", &header]);
        assert_eq!(
            (answer.code, &answer.body["code"]),
            (400, &json!("bad_idempotency_key")),
            "{key:?} → {answer:?}"
        );
    }
}
