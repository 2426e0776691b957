//! What no answer to a caller may hold, whichever suite it is given in: a token, and words that would get past a refusal.

use serde_json::Value;

/// What would get somebody past a refusal if it were typed, or would tell where to look for it.
const BYPASSES: [&str; 16] = [
    "sudo",
    "--force",
    "--skiplock",
    "--weaken",
    " -f ",
    "chmod",
    "export ",
    "curl",
    "$(",
    "CONFIRM",
    "\"confirm\"",
    "/etc/reeve",
    "/run/reeve",
    "/var/lib/reeve",
    "policy.star",
    "gate.toml",
];

/// Whether it has the form of a token, by which something that only looks like one is found too.
pub(crate) fn is_token(word: &str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    let is_group = |group: &&str| {
        group.len() == 4 && group.bytes().all(|byte| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&byte))
    };
    groups.len() == 4 && groups.iter().all(is_group)
}

/// Everything in a text that has the form of a token.
pub(crate) fn tokens(text: &str) -> Vec<&str> {
    let words = text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '-');
    words.filter(|word| is_token(word)).collect()
}

/// Whether it refuses something, or tells why something came to nothing: a problem as callers or as the front get it, or an
/// operation with an error.
pub(crate) fn is_refusal(body: &Value) -> bool {
    body["type"].as_str().is_some_and(|kind| kind.starts_with("urn:reeve:problem:"))
        || (body["kind"].is_string() && body["detail"].is_string())
        || (body["state"].is_string() && !body["error"].is_null())
}

/// What a refusal says that would get its reader past it.
pub(crate) fn ways_around(refusal: &Value) -> Vec<String> {
    if refusal["state"].is_string() && !refusal["error"].is_null() {
        let (text, own) = (refusal["error"].to_string(), refusal["operation"].to_string());
        return found_in(&text, |bypass| !own.contains(bypass));
    }
    let mut said = refusal.clone();
    // What the caller itself asked for, or may ask for, is not what the host says.
    for own in ["operation", "pointer", "alternatives"] {
        said.as_object_mut().unwrap().remove(own);
    }
    // A contract that does not have a name repeats it.
    if said["decision"]["rule"] == "contract-resource" {
        said.as_object_mut().unwrap().remove("detail");
        said["decision"].as_object_mut().unwrap().remove("reason");
    }
    found_in(&said.to_string(), |_| true)
}

fn found_in(text: &str, is_ours: impl Fn(&str) -> bool) -> Vec<String> {
    let found = BYPASSES.into_iter().filter(|bypass| text.contains(bypass) && is_ours(bypass));
    found.map(|bypass| format!("{bypass:?} stands in {text}")).collect()
}

#[test]
fn what_no_answer_may_hold_is_found_where_it_stands() {
    use serde_json::json;
    assert_eq!(tokens("{\"detail\": \"use K7QF-92M4-0XTR-8B3D\"}"), ["K7QF-92M4-0XTR-8B3D"]);
    assert!(tokens("op_01JD3VKQ2T9F6M8R4B7WXY5ZAC 0f0f-0f0f-0f0f-0f0f").is_empty());
    let problem = |detail: &str| json!({"type": "urn:reeve:problem:denied", "detail": detail});
    let failed =
        |error: &str| json!({"state": "failed", "error": error, "operation": {"resource": "tank/sudo"}});
    for (body, hints) in [
        (problem("the rule says no"), 0),
        (problem("run sudo zfs destroy"), 1),
        (problem("reply CONFIRM, or see /etc/reeve/policy.star"), 3),
        (json!({"kind": "denied", "detail": "try --force"}), 1),
        (json!({"kind": "denied", "detail": "no", "alternatives": [{"args": "--force"}]}), 0),
        (failed("it needs curl"), 1),
        // The caller's own words.
        (failed("tank/sudo is busy"), 0),
    ] {
        assert!(is_refusal(&body), "{body}");
        assert_eq!(ways_around(&body).len(), hints, "{body}");
    }
    assert!(!is_refusal(&json!({"state": "succeeded", "result": "sudo"})));
}
