//! What is deleted at Azure: what both claim, as it was shown, and nothing that only one of them does.

use proptest::prelude::*;
use reeve::adapter::{self, Action, Growth, Happened, Rule, Still};
use reeve::arm::Word;
use reeve::operation::Operation;
use serde_json::json;

use crate::cloud::{Cloud, operation};

const OLD: &str = "microsoft.app/containerapps/old";
const SERVER: &str = "microsoft.sql/servers/s";
const TABLES: &str = "microsoft.sql/servers/s/databases/d";
const THEIRS: &str = "microsoft.storage/storageaccounts/theirs";
const BOTH: (Word, Word) = (Word::Claims, Word::Claims);

fn delete(resource: &str) -> Operation {
    operation("delete", &format!("main/rg{resource}"), json!({}))
}

fn of(name: &str) -> Operation {
    delete(&format!("/{name}"))
}

#[test]
fn what_both_claim_is_shown_deleted_and_seen_to_be_gone() {
    let cloud = Cloud::new();
    let op = of(OLD);
    let plan = cloud.plan(&op).unwrap();
    let effects = &plan.effects;
    let object = &effects.objects[0];
    assert_eq!((effects.objects.len(), effects.reversible, plan.undo.is_some()), (1, false, false));
    assert_eq!(
        (object.action, object.name.as_str()),
        (Action::Destroy, "main/rg/microsoft.app/containerapps/old")
    );
    assert_eq!(
        object.guid.as_deref(),
        Some("/subscriptions/s/resourceGroups/rg/providers/microsoft.app/containerapps/old")
    );
    assert_eq!(object.was.as_deref(), Some("made 2026-11-20T10:00:05Z, etag 5"));
    assert_eq!(object.note.as_deref(), Some("microsoft.app/containerapps in westeurope"));
    assert!(plan.loses_for_good(), "whoever says yes says its name, too");
    assert_eq!(cloud.verify(&op, &plan).happened, Happened::NotAtAll);
    cloud.act(&plan).unwrap();
    let seen = cloud.verify(&op, &plan);
    assert!(seen.verified);
    assert_eq!(seen.result, json!({"gone": ["main/rg/microsoft.app/containerapps/old"], "left": []}));
    assert!(cloud.held().contains_key(THEIRS));
    assert_eq!(cloud.plan(&op).unwrap_err().rule, Rule::AzureNotFound);
}

#[test]
fn what_only_one_of_both_claims_is_refused_and_it_says_which() {
    for (words, said) in [
        ((Word::Claims, Word::Silent), "this host's list has it, it has no tag that says so"),
        ((Word::Claims, Word::Other), "this host's list has it, its tag names another host"),
        ((Word::Silent, Word::Claims), "this host's list does not have it, its tag says so"),
        ((Word::Other, Word::Claims), "this host's list has another one of its name, its tag says so"),
        ((Word::Silent, Word::Silent), "this host's list does not have it, it has no tag that says so"),
    ] {
        let cloud = Cloud::new();
        cloud.hold(OLD, words);
        let refusal = cloud.plan(&of(OLD)).unwrap_err();
        assert_eq!(refusal.rule, Rule::AzureUnclaimed, "{words:?}");
        assert_eq!(refusal.reason, format!("not both claim {OLD} ({said})"));
    }
}

#[test]
fn of_a_group_everything_that_both_claim_goes_and_a_doubt_about_one_keeps_all() {
    let cloud = Cloud::new();
    cloud.hold(SERVER, BOTH);
    cloud.hold(TABLES, BOTH);
    let plan = cloud.plan(&delete("")).unwrap();
    let names: Vec<&str> = plan.effects.objects.iter().map(|object| object.name.as_str()).collect();
    let below = |name: &str| format!("main/rg/{name}");
    assert_eq!(names, [below(TABLES), below(OLD), below(SERVER)], "what lies below something goes first");
    cloud.act(&plan).unwrap();
    assert_eq!(cloud.held().keys().collect::<Vec<_>>(), [THEIRS]);
    assert_eq!(cloud.plan(&delete("")).unwrap_err().rule, Rule::AzureUnclaimed);

    let cloud = Cloud::new();
    cloud.hold(THEIRS, (Word::Silent, Word::Claims));
    let refusal = cloud.plan(&delete("")).unwrap_err();
    assert_eq!(refusal.rule, Rule::AzureUnclaimed);
    assert!(refusal.reason.contains(THEIRS) && !refusal.reason.contains(OLD), "{}", refusal.reason);
}

#[test]
fn what_lies_below_has_to_be_claimed_as_well_since_it_would_go_too() {
    let cloud = Cloud::new();
    cloud.hold(SERVER, BOTH);
    cloud.hold(TABLES, (Word::Silent, Word::Silent));
    for op in [of(SERVER), delete("")] {
        let refusal = cloud.plan(&op).unwrap_err();
        assert_eq!(refusal.rule, Rule::AzureUnclaimed);
        assert!(refusal.reason.contains(TABLES), "{}", refusal.reason);
    }
    cloud.hold(TABLES, BOTH);
    assert_eq!(cloud.plan(&of(SERVER)).unwrap().steps.len(), 2);
}

#[test]
fn a_listing_that_is_not_whole_is_never_nothing_there() {
    for (exit_code, stdout, rule) in [
        (0, "", Rule::HostUnreadable),
        (0, "{\"answer\":{\"claimed\":[{\"name\":\"x\"}]}}", Rule::HostUnreadable),
        (0, "{\"answer\":{\"resources\":[]}}", Rule::HostUnreadable),
        (1, "{\"answer\":{\"claimed\":[]}}", Rule::HostUnreadable),
        (21, "", Rule::HostUnreadable),
        (22, "", Rule::HostUnreadable),
        (25, "{\"answer\":{\"claimed\":[]}}", Rule::HostUnreadable),
        (28, "", Rule::AzureUnclaimed),
    ] {
        let cloud = Cloud::new();
        let plan = cloud.plan(&of(OLD)).unwrap();
        cloud.breaks(exit_code, stdout);
        for op in [of(OLD), delete("")] {
            let refusal = cloud.plan(&op).unwrap_err();
            assert_eq!(refusal.rule, rule, "{exit_code} {stdout}");
            assert!(!adapter::of(&op).is_gone(&refusal));
        }
        let seen = cloud.verify(&of(OLD), &plan);
        assert_eq!((seen.happened, seen.verified), (Happened::CannotTell, false), "{exit_code} {stdout}");
    }
}

#[test]
fn what_was_cut_off_is_not_taken_for_undone_and_azures_no_is() {
    let cloud = Cloud::new();
    let op = of(OLD);
    let plan = cloud.plan(&op).unwrap();
    let adapter = adapter::of(&op);
    assert_eq!(adapter.reconcile(&plan, &cloud).happened, Happened::CannotTell, "Azure may be at it");
    for no in [20, 21, 22, 23, 24, 27, 28] {
        assert!(adapter.is_refusal(no), "{no}");
    }
    for unseen in [0, 1, 25, 26, 125] {
        assert!(!adapter.is_refusal(unseen), "{unseen}");
    }
    let restart = operation("restart", "main/rg/shop", json!({}));
    assert!(!adapter::of(&restart).is_refusal(23), "some of its replicas may be new ones already");
    cloud.act(&plan).unwrap();
    assert_eq!(adapter.reconcile(&plan, &cloud).happened, Happened::Wholly);
}

#[test]
fn azures_own_code_is_told_and_none_of_its_words() {
    let op = of(OLD);
    let code = |said: &str| adapter::of(&op).code(said.as_bytes());
    assert_eq!(code("reeve azure: HTTP 409 ScopeLocked\n").as_deref(), Some("ScopeLocked"));
    assert_eq!(code("WARN x\nreeve azure: Failed (InUse)\n").as_deref(), Some("InUse"));
    for said in [
        "",
        "HTTP 409 ScopeLocked",
        "reeve azure: HTTP 409 two words\n",
        "reeve azure: it takes longer (than that), so\n",
    ] {
        assert_eq!(code(said), None, "{said}");
    }
}

#[test]
fn what_is_being_changed_or_cannot_be_told_from_another_is_left_alone() {
    let cloud = Cloud::new();
    cloud.held().get_mut(OLD).unwrap().state = Some("Deleting".to_owned());
    assert_eq!(cloud.plan(&of(OLD)).unwrap_err().rule, Rule::AzureBusy);
    cloud.held().get_mut(OLD).unwrap().state = Some("Failed".to_owned());
    assert!(cloud.plan(&of(OLD)).is_ok());
    cloud.held().get_mut(OLD).unwrap().mark = None;
    assert_eq!(cloud.plan(&of(OLD)).unwrap_err().rule, Rule::HostUnreadable);
    for number in 0..33 {
        cloud.hold(&format!("microsoft.app/jobs/j{number}"), BOTH);
    }
    cloud.held().remove(OLD);
    assert_eq!(cloud.plan(&delete("")).unwrap_err().rule, Rule::AzureTooMany);
}

/// Something that others do to what is claimed, or may be.
#[derive(Debug, Clone)]
enum Other {
    Touch(&'static str),
    Anew(&'static str, (Word, Word)),
    Gone(&'static str),
}

fn anything() -> impl Strategy<Value = Other> {
    let name = || prop::sample::select(vec![OLD, SERVER, TABLES, THEIRS]);
    let word = || prop::sample::select(vec![Word::Claims, Word::Claims, Word::Silent, Word::Other]);
    prop_oneof![
        2 => name().prop_map(Other::Touch),
        3 => (name(), word(), word()).prop_map(|(name, host, tag)| Other::Anew(name, (host, tag))),
        1 => name().prop_map(Other::Gone),
    ]
}

fn does(cloud: &Cloud, other: &Other) {
    match *other {
        Other::Touch(name) => cloud.touch(name),
        Other::Anew(name, words) => cloud.hold(name, words),
        Other::Gone(name) => drop(cloud.held().remove(name)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Planned, approved, and then run by steps between which others go on.
    #[test]
    fn nothing_at_azure_is_deleted_but_what_was_shown_as_it_was_and_both_claimed(
        single in any::<bool>(),
        before in prop::collection::vec(anything(), 0..5),
        meanwhile in prop::collection::vec(anything(), 0..3),
        at_last in prop::collection::vec(anything(), 0..3),
    ) {
        let cloud = Cloud::new();
        before.iter().for_each(|other| does(&cloud, other));
        let op = if single { of(SERVER) } else { delete("") };
        let Ok(shown) = cloud.plan(&op) else { return Ok(()) };
        let seen = cloud.held().clone();
        meanwhile.iter().for_each(|other| does(&cloud, other));
        let Still::Retain(plan) = adapter::still(&op, (Some(&shown.effects), Growth::default()), cloud.plan(&op))
        else { return Ok(()) };
        at_last.iter().for_each(|other| does(&cloud, other));
        let now = cloud.held().clone();
        let _ended = cloud.act(&plan);
        let left = cloud.held().clone();
        for (name, one) in now.iter().filter(|(name, _)| !left.contains_key(*name)) {
            prop_assert!(one.is_claimed(), "{name} was not both's");
            prop_assert_eq!(seen.get(name), Some(one), "{} is not what was shown", name);
            let is_shown = shown.effects.objects.iter().any(|object| object.name == format!("main/rg/{name}"));
            prop_assert!(is_shown, "{name} was not shown");
        }
    }
}
