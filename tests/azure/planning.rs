//! What is planned, what is refused, what a second look finds.

use reeve::adapter::{self, Action, Happened, Rule};
use serde_json::{Value, json};

use crate::cloud::{Cloud, operation};

fn scale(min: u32, max: u32) -> reeve::operation::Operation {
    operation("scale", "main/rg/shop", json!({"min": min, "max": max}))
}

#[test]
fn what_is_read_is_told_whole() {
    let cloud = Cloud::new();
    let read = |op: &str, resource: &str| {
        adapter::of(&operation(op, resource, json!({}))).read(&cloud).unwrap().result
    };
    assert_eq!(read("groups", "main")["groups"][0]["name"], "rg");
    let names: Vec<Value> = read("resources", "main/rg")["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].clone())
        .collect();
    assert_eq!(names, ["mail", "shop"]);
    let app = read("app", "main/rg/shop");
    assert_eq!(
        (&app["min"], &app["max"], &app["revisions"][0]["traffic"]),
        (&json!(1), &json!(3), &json!(100))
    );
}

#[test]
fn a_listing_that_failed_is_never_nothing_there() {
    for (exit_code, stdout, rule) in [
        (20, "", Rule::AzureNotFound),
        (21, "", Rule::HostUnreadable),
        (22, "", Rule::HostUnreadable),
        (25, "", Rule::HostUnreadable),
        (125, "", Rule::HostUnreadable),
        (0, "", Rule::HostUnreadable),
        (0, "{}", Rule::HostUnreadable),
        (0, "{\"answer\":{\"groups\":[]}", Rule::HostUnreadable),
        (0, "{\"answer\":{\"scaled\":null}}", Rule::HostUnreadable),
        (0, "{\"answer\":{\"resources\":[{\"name\":\"x\"}]}}", Rule::HostUnreadable),
        // Half of what was told before the end is no end.
        (1, "{\"answer\":{\"resources\":[]}}", Rule::HostUnreadable),
    ] {
        let cloud = Cloud::new();
        cloud.breaks(exit_code, stdout);
        let read = adapter::of(&operation("resources", "main/rg", json!({}))).read(&cloud);
        assert_eq!(read.unwrap_err().rule, rule, "{exit_code} {stdout}");
        assert_eq!(cloud.plan(&scale(2, 5)).unwrap_err().rule, rule, "{exit_code} {stdout}");
    }
}

#[test]
fn a_scale_is_shown_done_seen_and_taken_back() {
    let cloud = Cloud::new();
    let op = scale(2, 5);
    let plan = cloud.plan(&op).unwrap();
    let object = &plan.effects.objects[0];
    assert_eq!((object.action, object.name.as_str()), (Action::Set, "main/rg/shop"));
    let values = (object.was.as_deref(), object.becomes.as_deref());
    assert_eq!(values, (Some("1 to 3 replicas"), Some("2 to 5 replicas")));
    assert_eq!(cloud.verify(&op, &plan).happened, Happened::NotAtAll);
    cloud.act(&plan).unwrap();
    assert!(cloud.verify(&op, &plan).verified);
    assert!(cloud.plan(&op).unwrap().settled);
    let back = plan.undo.unwrap().operation;
    assert_eq!(back, scale(1, 3));
    cloud.act(&cloud.plan(&back).unwrap()).unwrap();
    let shop = cloud.apps()["shop"].clone();
    assert_eq!((shop.min, shop.max), (1, 3));
}

#[test]
fn a_scale_shows_the_revision_that_it_replaces() {
    let cloud = Cloud::new();
    let plan = cloud.plan(&scale(2, 5)).unwrap();
    let shown: Vec<_> = plan.effects.objects.iter().map(|one| (one.action, one.name.as_str())).collect();
    assert_eq!(shown, [(Action::Set, "main/rg/shop"), (Action::Restart, "main/rg/shop/shop--1")]);
    let replaced = &plan.effects.objects[1];
    assert_eq!(replaced.guid.as_deref(), Some("2026-11-20T10:00:01Z"));
    let note = "a new revision takes its place: 1 replicas, 100 % of the requests";
    assert_eq!(replaced.note.as_deref(), Some(note));
    cloud.act(&plan).unwrap();
    // What is scaled as wanted is not replaced.
    assert_eq!(cloud.plan(&scale(2, 5)).unwrap().effects.objects.len(), 1);
}

#[test]
fn a_scale_of_an_app_with_several_revisions_is_refused() {
    for mode in [Some("Multiple"), Some("Labels"), None] {
        let cloud = Cloud::new();
        cloud.apps().get_mut("shop").unwrap().mode = mode.map(str::to_owned);
        assert_eq!(cloud.plan(&scale(2, 5)).unwrap_err().rule, Rule::AzureSeveralRevisions, "{mode:?}");
        // The scale that it has already is no way in either.
        assert_eq!(cloud.plan(&scale(1, 3)).unwrap_err().rule, Rule::AzureSeveralRevisions, "{mode:?}");
    }
}

#[test]
fn an_app_whose_latest_revision_does_not_serve_is_not_scaled() {
    let cloud = Cloud::new();
    cloud.apps().get_mut("shop").unwrap().latest = Some("shop--broken".to_owned());
    let refusal = cloud.plan(&scale(2, 5)).unwrap_err();
    assert_eq!(refusal.rule, Rule::AzureBusy);
    assert!(refusal.reason.contains("shop--broken"), "{}", refusal.reason);
}

#[test]
fn a_scale_is_looked_for_at_what_serves_and_not_at_what_would_come_next() {
    let cloud = Cloud::new();
    let op = scale(2, 5);
    let plan = cloud.plan(&op).unwrap();
    // The template has it; the revision that serves has not.
    {
        let mut apps = cloud.apps();
        let shop = apps.get_mut("shop").unwrap();
        (shop.min, shop.max) = (2, 5);
    }
    let seen = cloud.verify(&op, &plan);
    assert_eq!((seen.verified, seen.happened), (false, Happened::CannotTell));
    assert_eq!(seen.reason.as_deref(), Some("shop--1 has 1 to 3 replicas"));
}

#[test]
fn a_scale_that_was_begun_is_not_taken_for_undone_and_azures_no_is() {
    let cloud = Cloud::new();
    let op = scale(2, 5);
    let plan = cloud.plan(&op).unwrap();
    let adapter = adapter::of(&op);
    assert_eq!(adapter.reconcile(&plan, &cloud).happened, Happened::CannotTell, "Azure may be at it");
    assert_eq!(cloud.verify(&op, &plan).happened, Happened::NotAtAll, "it has said that it is over");
    // 24 is a new revision that does not come up.
    for no in [20, 21, 22, 23, 24, 27] {
        assert!(adapter.is_refusal(no), "{no}");
    }
    for unseen in [0, 1, 25, 26, 125] {
        assert!(!adapter.is_refusal(unseen), "{unseen}");
    }
    cloud.act(&plan).unwrap();
    assert_eq!(adapter.reconcile(&plan, &cloud).happened, Happened::Wholly);
}

#[test]
fn a_restart_names_each_revision_and_says_what_it_replaced() {
    let cloud = Cloud::new();
    let op = operation("restart", "main/rg/shop", json!({}));
    let plan = cloud.plan(&op).unwrap();
    assert_eq!(plan.effects.objects.len(), 1);
    assert_eq!(plan.effects.objects[0].name, "main/rg/shop/shop--1");
    let printed = cloud.act(&plan).unwrap();
    let ran = adapter::of(&op).ran(&printed).unwrap().unwrap();
    assert_eq!((ran.result, ran.error), (json!({"replaced": {"shop--1": 1}}), None));
    assert!(adapter::of(&op).ran(b"{\"progress\":{}}\n").unwrap().is_err());
    // Whoever has not seen the old replicas cannot tell.
    assert_eq!(cloud.verify(&op, &plan).happened, Happened::CannotTell);
}

#[test]
fn an_app_to_which_something_is_being_done_is_left_alone() {
    let cloud = Cloud::new();
    cloud.apps().get_mut("shop").unwrap().state = "InProgress".to_owned();
    for op in [scale(2, 5), operation("restart", "main/rg/shop", json!({}))] {
        assert_eq!(cloud.plan(&op).unwrap_err().rule, Rule::AzureBusy);
    }
    cloud.apps().get_mut("mail").unwrap().revisions.clear();
    let restart = operation("restart", "main/rg/mail", json!({}));
    assert_eq!(cloud.plan(&restart).unwrap_err().rule, Rule::AzureNotRunning);
    let nowhere = operation("restart", "main/rg/nothing", json!({}));
    assert_eq!(cloud.plan(&nowhere).unwrap_err().rule, Rule::AzureNotFound);
}

#[test]
fn how_far_azure_is_is_told_and_steers_nothing() {
    let op = scale(2, 5);
    let line = "{\"progress\":{\"waits\":\"\\u001b[31mInProgress\"}}";
    assert_eq!(adapter::of(&op).progress(line.as_bytes()), Some(json!({"waits": "\\u{1b}[31mInProgress"})));
    assert_eq!(adapter::of(&op).progress(b"{\"answer\":{}}"), None);
    assert_eq!(adapter::of(&op).progress(b"anything"), None);
}
