//! Whatever happens on the host between planning and acting, nothing is destroyed that people did not see.

use std::collections::BTreeSet;

use proptest::prelude::*;
use reeve::adapter::{self, Action, Growth, Plan, Still};
use reeve::operation::Operation;
use serde_json::{Value, json};

use crate::model::{Model, operation};

const DATASETS: [&str; 6] = ["tank/a", "tank/a/b", "tank/a/b/c", "tank/d", "tank/d/e", "tank/f"];
const SHORT: [&str; 3] = ["s1", "s2", "s3"];

fn dataset() -> impl Strategy<Value = &'static str> {
    prop::sample::select(DATASETS.to_vec())
}

fn snapshot() -> impl Strategy<Value = String> {
    (dataset(), prop::sample::select(SHORT.to_vec()))
        .prop_map(|(dataset, short)| format!("{dataset}@{short}"))
}

/// Something that others do, and that takes nothing away. Many fail, as on a host: the parent is not there.
fn addition() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => dataset().prop_map(|dataset| format!("zfs create {dataset}")),
        4 => snapshot().prop_map(|snapshot| format!("zfs snapshot {snapshot}")),
        1 => snapshot().prop_map(|snapshot| format!("zfs snapshot -r {snapshot}")),
        2 => (snapshot(), dataset()).prop_map(|(from, to)| format!("zfs clone {from} {to}")),
        1 => snapshot().prop_map(|snapshot| format!("zfs hold keep {snapshot}")),
        2 => dataset().prop_map(|dataset| format!("zfs fake-write {dataset} 4096")),
    ]
}

/// Something that others do, whatever it is.
fn anything() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => addition(),
        1 => snapshot().prop_map(|snapshot| format!("zfs destroy {snapshot}")),
        1 => dataset().prop_map(|dataset| format!("zfs destroy -r {dataset}")),
        1 => (dataset(), dataset()).prop_map(|(from, to)| format!("zfs rename {from} {to}")),
        1 => dataset().prop_map(|dataset| format!("zfs promote {dataset}")),
        1 => snapshot().prop_map(|snapshot| format!("zfs release keep {snapshot}")),
        1 => snapshot().prop_map(|s| format!("zfs bookmark {s} {}", s.replace('@', "#"))),
    ]
}

fn destructive() -> impl Strategy<Value = Operation> {
    let flags = (any::<bool>(), any::<bool>())
        .prop_map(|(recursive, clones)| json!({"recursive": recursive, "clones": clones}));
    prop_oneof![
        3 => (dataset(), flags.clone()).prop_map(|(name, flags)| operation("destroy", name, flags)),
        2 => (snapshot(), flags).prop_map(|(name, flags)| operation("destroy", &name, flags)),
        2 => snapshot().prop_map(|name| operation("rollback", &name, json!({"destroy_newer": true}))),
        1 => dataset().prop_map(|name| operation("destroy", name, json!({"quarantine": true}))),
    ]
}

/// Kind and guid of everything; a bookmark has its snapshot's guid.
fn identities(model: &Model) -> BTreeSet<(bool, String)> {
    model.everything().into_iter().map(|(name, guid)| (name.contains('#'), guid)).collect()
}

fn approved(plan: &Plan) -> BTreeSet<(bool, String)> {
    let destroyed = plan.effects.objects.iter().filter(|object| object.action == Action::Destroy);
    destroyed.map(|object| (object.kind == "bookmark", object.guid.clone().unwrap())).collect()
}

fn host(commands: &[String]) -> Model {
    let model = Model::after(&[]);
    for command in commands {
        model.root(command);
    }
    model
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_but_what_was_approved_is_ever_destroyed(
        before in prop::collection::vec(addition(), 0..25),
        op in destructive(),
        waiting in prop::collection::vec(anything(), 0..6),
        acting in prop::collection::vec(addition(), 0..6),
    ) {
        let model = host(&before);
        let Ok(shown) = adapter::of(&op).plan(&model) else { return Ok(()) };
        for command in &waiting {
            model.root(command);
        }
        // Just before acting the gate plans again, and this is what it goes by.
        let now = match adapter::still(&op, (Some(&shown.effects), Growth::default()), adapter::of(&op).plan(&model)) {
            Still::Retain(plan) => plan,
            Still::Replace(_) | Still::Clear | Still::Not(_) => return Ok(()),
        };
        let mut there = identities(&model);
        let mut meanwhile = acting.iter();
        for step in &now.steps {
            if let Some(command) = meanwhile.next() {
                model.root(command);
                there.extend(identities(&model));
            }
            if model.step(&step.argv).exit_code != 0 {
                break;
            }
        }
        let left = identities(&model);
        let gone: BTreeSet<_> = there.difference(&left).cloned().collect();
        prop_assert!(gone.is_subset(&approved(&shown)), "{gone:?} of {:?}", shown.effects.objects);
    }

    #[test]
    fn a_plan_on_a_host_that_stands_still_does_all_that_it_says_and_is_verified(
        before in prop::collection::vec(addition(), 0..25),
        op in destructive(),
    ) {
        let model = host(&before);
        let Ok(plan) = adapter::of(&op).plan(&model) else { return Ok(()) };
        let there = identities(&model);
        prop_assert_eq!(model.act(&plan), Ok(()));
        let gone: BTreeSet<_> = there.difference(&identities(&model)).cloned().collect();
        prop_assert_eq!(gone, approved(&plan));
        let seen = adapter::of(&op).verify(&plan, &model);
        prop_assert!(seen.verified, "{:?}", seen);
    }
}

#[test]
fn the_property_is_put_to_the_test() {
    // Without this, a generator whose every plan is refused would prove nothing.
    let model =
        host(&["zfs create tank/a", "zfs create tank/a/b", "zfs snapshot -r tank/a@s1"].map(str::to_owned));
    let plan = adapter::of(&operation("destroy", "tank/a", Value::from_iter([("recursive", true)])))
        .plan(&model)
        .unwrap();
    assert_eq!(approved(&plan).len(), 4);
}

#[test]
fn an_approval_about_a_dataset_is_kept_replaced_or_cleared() {
    let op = operation("destroy", "tank/a", json!({"recursive": true}));
    let after = |changes: &[&str]| {
        let model =
            host(&["zfs create tank/a", "zfs create tank/f", "zfs snapshot tank/a@s1"].map(str::to_owned));
        let shown = adapter::of(&op).plan(&model).unwrap();
        changes.iter().for_each(|line| model.must(line));
        adapter::still(&op, (Some(&shown.effects), Growth::default()), adapter::of(&op).plan(&model))
    };
    assert!(matches!(after(&["zfs snapshot tank/f@s1"]), Still::Retain(_)), "another dataset");
    assert!(matches!(after(&["zfs create tank/a/b"]), Still::Replace(_)));
    assert!(matches!(after(&["zfs destroy tank/a@s1", "zfs snapshot tank/a@s1"]), Still::Replace(_)));
    assert!(
        matches!(after(&["zfs fake-write tank/a 400000000"]), Still::Replace(_)),
        "more than a fifth more"
    );
    assert!(matches!(after(&["zfs destroy -r tank/a"]), Still::Clear));
    assert!(matches!(after(&["zfs hold keep tank/a@s1"]), Still::Not(_)));
}
