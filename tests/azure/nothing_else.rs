//! Whatever happens at Azure between the question and the deed, nothing changes but what people saw, as they saw it.

use proptest::prelude::*;
use reeve::adapter::{self, Growth, Still};
use reeve::operation::Operation;
use serde_json::json;

use crate::cloud::{Cloud, operation};

/// Something that others do.
#[derive(Debug, Clone)]
enum Other {
    Scale(&'static str, u32, u32),
    Anew(&'static str),
    Gone(&'static str),
    Revision(&'static str),
    Busy(&'static str),
    Replicas(&'static str),
    Several(&'static str),
}

fn anything() -> impl Strategy<Value = Other> {
    let app = || prop::sample::select(vec!["shop", "mail"]);
    prop_oneof![
        3 => (app(), 0..3_u32, 3..5_u32).prop_map(|(app, min, max)| Other::Scale(app, min, max)),
        1 => app().prop_map(Other::Anew),
        1 => app().prop_map(Other::Gone),
        2 => app().prop_map(Other::Revision),
        1 => app().prop_map(Other::Busy),
        2 => app().prop_map(Other::Replicas),
        1 => app().prop_map(Other::Several),
    ]
}

fn does(cloud: &Cloud, other: &Other) {
    match *other {
        Other::Anew(app) => return cloud.make(app, (1, 3)),
        Other::Gone(app) => drop(cloud.apps().remove(app)),
        Other::Scale(app, min, max) => drop(cloud.scale(app, (min, max))),
        Other::Revision(_) | Other::Busy(_) | Other::Replicas(_) | Other::Several(_) => {}
    }
    let mut apps = cloud.apps();
    let (Other::Scale(name, ..)
    | Other::Anew(name)
    | Other::Gone(name)
    | Other::Revision(name)
    | Other::Busy(name)
    | Other::Replicas(name)
    | Other::Several(name)) = *other;
    let Some(app) = apps.get_mut(name) else { return };
    match *other {
        Other::Revision(_) => {
            for revision in &mut app.revisions {
                revision.name.push('x');
                revision.created = Some("2026-11-21T10:00:00Z".to_owned());
                app.latest = Some(revision.name.clone());
            }
        }
        Other::Busy(_) => app.state = "InProgress".to_owned(),
        Other::Replicas(_) => {
            for revision in &mut app.revisions {
                let name = format!("{}-more", revision.name);
                revision.replicas.push(name);
            }
        }
        Other::Several(_) => app.mode = Some("Multiple".to_owned()),
        Other::Anew(_) | Other::Gone(_) | Other::Scale(..) => {}
    }
}

fn asked() -> impl Strategy<Value = Operation> {
    prop_oneof![
        (0..3_u32, 3..5_u32).prop_map(|(min, max)| operation(
            "scale",
            "main/rg/shop",
            json!({"min": min, "max": max})
        )),
        Just(operation("restart", "main/rg/shop", json!({}))),
    ]
}

/// What became of the approval.
#[derive(Debug, PartialEq)]
enum Came {
    Ran,
    Asked,
    Nothing,
    Refused,
}

/// One life of an approval; what is wrong with it, if anything is.
fn live(op: &Operation, before: &[Other], meanwhile: &[Other]) -> Result<Option<Came>, String> {
    let cloud = Cloud::new();
    before.iter().for_each(|other| does(&cloud, other));
    let Ok(shown) = cloud.plan(op) else { return Ok(None) };
    if shown.settled {
        return Ok(None);
    }
    let seen = cloud.apps().clone();
    meanwhile.iter().for_each(|other| does(&cloud, other));
    let now = cloud.apps().clone();
    let plan = match adapter::still(op, (Some(&shown.effects), Growth::default()), cloud.plan(op)) {
        Still::Retain(plan) => plan,
        Still::Replace(_) => return Ok(Some(Came::Asked)),
        Still::Clear => return Ok(Some(Came::Nothing)),
        Still::Not(_) => return Ok(Some(Came::Refused)),
    };
    let _ended = cloud.act(&plan);
    let after = cloud.apps().clone();
    if now.iter().any(|(name, app)| name != "shop" && after.get(name) != Some(app)) {
        return Err(format!("another app was touched: {now:?} {after:?}"));
    }
    let (was, is, left) = (&seen["shop"], &now["shop"], &after["shop"]);
    if (is.min, is.max) != (left.min, left.max) && (was.min, was.max) != (is.min, is.max) {
        return Err(format!("a scale that nobody was shown: {was:?} {is:?}"));
    }
    let replaced = is.revisions.iter().zip(&left.revisions).filter(|(is, left)| is.replicas != left.replicas);
    for (revision, _) in replaced {
        if !was.revisions.iter().any(|shown| shown.name == revision.name) {
            return Err(format!("a revision that nobody was shown: {revision:?}"));
        }
    }
    Ok(Some(Came::Ran))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn nothing_at_azure_changes_but_what_was_approved_as_it_was_then(
        op in asked(),
        before in prop::collection::vec(anything(), 0..4),
        meanwhile in prop::collection::vec(anything(), 0..4),
    ) {
        if let Err(wrong) = live(&op, &before, &meanwhile) {
            prop_assert!(false, "{wrong}");
        }
    }
}

#[test]
fn an_approval_about_an_app_is_kept_replaced_or_cleared() {
    let scale = operation("scale", "main/rg/shop", json!({"min": 2, "max": 5}));
    let restart = operation("restart", "main/rg/shop", json!({}));
    let came = |op: &Operation, meanwhile: &[Other]| live(op, &[], meanwhile).unwrap();
    assert_eq!(came(&scale, &[]), Some(Came::Ran));
    assert_eq!(came(&scale, &[Other::Scale("mail", 0, 4)]), Some(Came::Ran), "another app's");
    assert_eq!(came(&scale, &[Other::Scale("shop", 0, 4)]), Some(Came::Asked));
    assert_eq!(came(&scale, &[Other::Scale("shop", 2, 5)]), Some(Came::Nothing));
    assert_eq!(came(&scale, &[Other::Busy("shop")]), Some(Came::Refused));
    assert_eq!(came(&scale, &[Other::Revision("shop")]), Some(Came::Asked), "another one is replaced");
    assert_eq!(came(&scale, &[Other::Several("shop")]), Some(Came::Refused));
    assert_eq!(came(&scale, &[Other::Replicas("shop")]), Some(Came::Ran), "Azure scales by itself");
    assert_eq!(came(&restart, &[Other::Replicas("shop")]), Some(Came::Ran), "Azure scales by itself");
    assert_eq!(came(&restart, &[Other::Revision("shop")]), Some(Came::Asked));
    assert_eq!(came(&restart, &[Other::Gone("shop")]), Some(Came::Refused));
}
