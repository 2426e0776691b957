//! What must hold for all that the suite did. It comes last by its name, and sees what the tests before it left.

use crate::answers::{is_refusal, tokens, ways_around};
use crate::host::*;

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
    assert_eq!(tokens(&seen), Vec::<&str>::new());
}

#[test]
fn no_refusal_says_how_to_get_past_it() {
    up();
    let refused = zfs_op("archivist", "destroy", "tank/media", serde_json::json!({}));
    assert_eq!(refused.code, 403, "{refused:?}");
    let refusals: Vec<_> = every_answer().into_iter().filter(is_refusal).collect();
    assert!(refusals.len() > 1, "{refusals:?}");
    let found: Vec<String> = refusals.iter().flat_map(ways_around).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
