//! Which snapshots a plan leaves of a container.

use reeve::adapter;
use serde_json::json;

use crate::node::{Node, ONE, operation};

#[test]
fn a_containers_past_is_what_a_plan_does_not_destroy_with_it() {
    let node = Node::after(&[ONE, "pct snapshot 101 first", "pct snapshot 101 second"]);
    let kept = |op: &str, params: serde_json::Value| {
        let operation = operation(op, "101", params);
        let plan = node.plan(&operation);
        let kept = adapter::of(&operation).past_kept(&plan, &node).unwrap();
        assert_eq!(kept.iter().map(|past| past.name.as_str()).collect::<Vec<_>>(), ["container 101"]);
        kept[0].youngest
    };
    let (first, second) = (
        kept("delete-snapshot", json!({"name": "second"})),
        kept("set", json!({"changes": {"memory": "1024"}})),
    );
    assert!(first.is_some() && first < second, "{first:?} {second:?}");
    assert_eq!(kept("destroy", json!({"retire": true})), second);
    assert_eq!(kept("destroy", json!({})), None, "they go with it");
}
