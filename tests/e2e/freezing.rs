//! Freezing over the network: an admin may, an agent may not, and what people froze stays theirs.

use serde_json::{Value, json};

use crate::host::*;

fn freezing(agent: &str, body: Value) -> Answer {
    post(agent, "/admin/freeze", &body, &[])
}

fn is_frozen(agent: &str) -> bool {
    let listed = zfs_op(agent, "list", "tank/media", json!({}));
    assert!(listed.code == 200 || listed.body["decision"]["rule"] == "frozen", "{listed:?}");
    listed.code == 403
}

#[test]
fn an_admin_freezes_over_the_network_and_no_agent_thaws_itself() {
    up();
    let frozen = freezing("operator", json!({"freeze": "librarian", "why": "it goes astray"}));
    assert_eq!((frozen.code, &frozen.body), (200, &json!({"who": "librarian", "frozen": true})));
    assert!(is_frozen("librarian"));
    hears("bob", "by the admin operator over the network");
    hears("bob", "why: it goes astray");
    let itself = freezing("librarian", json!({"thaw": "librarian"}));
    assert_eq!((itself.code, &itself.body["code"]), (403, &json!("forbidden")));
    assert!(is_frozen("librarian"));
    assert_eq!(freezing("operator", json!({"thaw": "librarian"})).code, 200);
    assert!(!is_frozen("librarian"));
    assert_eq!(freezing("operator", json!({"freeze": "nobody"})).code, 404);
    assert_eq!(freezing("operator", json!({"freeze": ""})).code, 422);
    say("alice", "FREEZE librarian");
    wait_until("alice has frozen it", || is_frozen("librarian"));
    let refused = freezing("operator", json!({"thaw": "librarian"}));
    assert_eq!((refused.code, &refused.body["code"]), (403, &json!("forbidden")), "{refused:?}");
    say("alice", "THAW librarian");
    wait_until("alice has thawed it", || !is_frozen("librarian"));
}
