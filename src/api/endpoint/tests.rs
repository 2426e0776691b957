//! What is read from requests before the gate is asked.

use http::HeaderValue;

use super::*;

#[test]
fn an_idempotency_key_is_one_of_visible_ascii() {
    let key = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("idempotency-key", HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        idempotency_key(&headers)
    };
    assert_eq!(key(&[]), Ok(None));
    let longest = "k".repeat(128);
    assert_eq!(key(&[&longest]), Ok(Some(longest.clone())));
    for bad in [&[""][..], &["a b"], &["ä"], &[&"k".repeat(129)], &["a", "a"]] {
        assert_eq!(key(bad), Err(Fault::IdempotencyKey), "{bad:?}");
    }
}

#[test]
fn an_evaluation_is_a_tool_its_arguments_and_a_context() {
    let read = |body: Value| parts(body).map_err(|invalid| invalid.pointer);
    let object = |value: Value| value.as_object().unwrap().clone();
    assert_eq!(
        read(json!({"tool": "web.fetch", "args": {"url": "x"}, "context": {"domain": "y"}})),
        Ok(("web.fetch".to_owned(), object(json!({"url": "x"})), object(json!({"domain": "y"}))))
    );
    assert_eq!(read(json!({"tool": "t"})), Ok(("t".to_owned(), Map::new(), Map::new())));
    for (body, pointer) in [
        (json!([]), ""),
        (json!({}), "/tool"),
        (json!({"tool": ""}), "/tool"),
        (json!({"tool": "t".repeat(129)}), "/tool"),
        (json!({"tool": "t", "args": []}), "/args"),
        (json!({"tool": "t", "context": null}), "/context"),
        (json!({"tool": "t", "agent_id": "root"}), "/agent_id"),
        (json!({"tool": "t", "a/b~": 1}), "/a~1b~0"),
    ] {
        assert_eq!(read(body.clone()), Err(pointer.to_owned()), "{body}");
    }
}
