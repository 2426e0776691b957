//! What must hold for all that the suite did. It comes last by its name, and sees what the tests before it left.

use crate::host::*;

/// The characters of a token, by which something that only looks like one is found too.
fn looks_like_a_token(word: &str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    let is_group = |group: &&str| {
        group.len() == 4 && group.bytes().all(|byte| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&byte))
    };
    groups.len() == 4 && groups.iter().all(is_group)
}

#[test]
fn no_answer_and_no_log_ever_held_a_token() {
    up();
    get("librarian", "/pending");
    let logs = ["gate.log", "front.log", "launcher.log"]
        .map(|log| std::fs::read_to_string(format!("{DIR}/{log}")).unwrap());
    let seen = [everything_received(), logs.concat(), std::fs::read_to_string(AUDIT).unwrap()].concat();
    for token in every_token() {
        for form in [
            token.clone(),
            token.replace('-', ""),
            token.to_lowercase(),
            token.replace('-', "").to_lowercase(),
        ] {
            assert!(!seen.contains(&form), "{form} was seen outside of a phone");
        }
    }
    let words = seen.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '-');
    assert_eq!(words.filter(|word| looks_like_a_token(word)).collect::<Vec<_>>(), Vec::<&str>::new());
}

/// What would get somebody past a refusal if it were typed, or would tell where to look for it.
const BYPASSES: [&str; 15] = [
    "sudo",
    "--force",
    "--skiplock",
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

#[test]
fn no_refusal_says_how_to_get_past_it() {
    up();
    let refused = zfs_op("archivist", "destroy", "tank/media", serde_json::json!({}));
    assert_eq!(refused.code, 403, "{refused:?}");
    let problems = every_answer()
        .into_iter()
        .filter(|body| body["type"].as_str().is_some_and(|kind| kind.starts_with("urn:reeve:problem:")));
    let (mut seen, mut found) = (0, Vec::new());
    for mut body in problems {
        seen += 1;
        // What the caller itself asked for, or may ask for, is not what the host says.
        for own in ["operation", "pointer", "alternatives"] {
            body.as_object_mut().unwrap().remove(own);
        }
        // A contract that does not have a name repeats it.
        if body["decision"]["rule"] == "contract-resource" {
            body.as_object_mut().unwrap().remove("detail");
            body["decision"].as_object_mut().unwrap().remove("reason");
        }
        let text = body.to_string();
        let stand_in = BYPASSES.into_iter().filter(|bypass| text.contains(bypass));
        found.extend(stand_in.map(|bypass| format!("{bypass:?} stands in {text}")));
    }
    // Of what was asked and came to nothing, too.
    for body in every_answer().iter().filter(|body| body["state"].is_string() && !body["error"].is_null()) {
        seen += 1;
        let text = body["error"].to_string();
        let own = body["operation"].to_string();
        let stand_in = BYPASSES.into_iter().filter(|bypass| text.contains(bypass) && !own.contains(bypass));
        found.extend(stand_in.map(|bypass| format!("{bypass:?} stands in {text}")));
    }
    assert!(seen > 0);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
