//! What is let in by a vault's firewall: this host's own address, shown as it is and as it becomes, and only as far as it was added taken away.

use proptest::prelude::*;
use reeve::adapter::{self, Action, Growth, Happened, Rule, Still};
use reeve::operation::Operation;
use serde_json::json;

use crate::cloud::{Cloud, operation};

const OWN: &str = "20.1.2.3/32";

fn allow(minutes: u64) -> Operation {
    operation("keyvault-allow-ip", "main/rg/vault", json!({"minutes": minutes}))
}

fn remove() -> Operation {
    operation("keyvault-remove-ip", "main/rg/vault", json!({}))
}

#[test]
fn this_hosts_own_address_is_let_in_for_a_while_and_taken_away_again() {
    let cloud = Cloud::new();
    let plan = cloud.plan(&allow(30)).unwrap();
    let object = &plan.effects.objects[0];
    assert_eq!(
        (object.action, object.kind.as_str(), object.name.as_str()),
        (Action::Set, "vault", "main/rg/vault")
    );
    assert_eq!(object.note.as_deref(), Some("let in by address: 20.9.9.9/32"));
    let becomes = object.becomes.as_deref().unwrap();
    assert!(
        becomes.starts_with("lets in 20.1.2.3/32 for 30 minutes, beside 1 by address now (as it is: "),
        "{becomes}"
    );
    assert_eq!(plan.undo.as_ref().map(|offer| offer.operation.clone()), Some(remove()));
    assert_eq!(cloud.verify(&allow(30), &plan).happened, Happened::NotAtAll);
    let cut_off = adapter::of(&allow(30)).reconcile(&plan, &cloud);
    assert_eq!(cut_off.happened, Happened::CannotTell, "Azure may be at it");
    cloud.act(&plan).unwrap();
    let seen = cloud.verify(&allow(30), &plan);
    assert!(seen.verified, "{seen:?}");
    assert!(cloud.plan(&allow(30)).unwrap().settled, "it is let in already");
    let back = cloud.plan(&remove()).unwrap();
    cloud.act(&back).unwrap();
    assert!(cloud.verify(&remove(), &back).verified);
    assert_eq!(cloud.wall().rules, ["20.9.9.9/32"]);
    assert!(cloud.plan(&remove()).unwrap().settled);
}

#[test]
fn what_somebody_else_added_stays_even_if_it_is_this_hosts_address() {
    let cloud = Cloud::new();
    cloud.wall().rules.push(OWN.to_owned());
    assert!(cloud.plan(&allow(30)).unwrap().settled, "it is let in, and not by this host");
    assert!(cloud.plan(&remove()).unwrap().settled);
    assert_eq!(cloud.wall().rules, ["20.9.9.9/32", OWN]);
}

#[test]
fn public_access_is_never_switched_on_and_a_vault_that_is_open_is_left_alone() {
    for (access, default_action, said) in [
        (Some("Disabled"), Some("Deny"), "switching it on is not for Reeve"),
        (Some("Disabled"), Some("Allow"), "switching it on is not for Reeve"),
        (Some("SecuredByPerimeter"), Some("Deny"), "not for Reeve"),
        (Some("Enabled"), Some("Allow"), "lets everybody in"),
        (None, None, "lets everybody in"),
    ] {
        let cloud = Cloud::new();
        (cloud.wall().access, cloud.wall().default_action) =
            (access.map(str::to_owned), default_action.map(str::to_owned));
        let refusal = cloud.plan(&allow(30)).unwrap_err();
        assert_eq!(refusal.rule, Rule::AzureFirewall);
        assert!(refusal.reason.contains(said), "{}", refusal.reason);
    }
}

#[test]
fn an_address_that_is_not_known_or_not_fit_opens_nothing() {
    for (exit_code, rule) in [
        (29, Rule::AzureAddress),
        (20, Rule::AzureNotFound),
        (21, Rule::HostUnreadable),
        (22, Rule::HostUnreadable),
        (25, Rule::HostUnreadable),
    ] {
        let cloud = Cloud::new();
        cloud.breaks(exit_code, "");
        assert_eq!(cloud.plan(&allow(30)).unwrap_err().rule, rule, "{exit_code}");
    }
    for params in [json!({"minutes": 0}), json!({"minutes": 1441}), json!({"address": "20.1.2.3"})] {
        let asked = json!({"kind": "azure", "op": "keyvault-allow-ip", "resource": "main/rg/vault", "params": params});
        assert!(Operation::from_value(asked).is_err(), "{params}: nobody names the address but root");
    }
}

/// What others do to the firewall meanwhile.
#[derive(Debug, Clone)]
enum Other {
    Adds(&'static str),
    Takes(&'static str),
    Access(&'static str),
    Default(&'static str),
}

fn anything() -> impl Strategy<Value = Other> {
    let address = || prop::sample::select(vec!["20.9.9.9/32", "20.8.8.8/32", OWN]);
    prop_oneof![
        2 => address().prop_map(Other::Adds),
        2 => address().prop_map(Other::Takes),
        1 => prop::sample::select(vec!["Enabled", "Disabled"]).prop_map(Other::Access),
        1 => prop::sample::select(vec!["Deny", "Allow"]).prop_map(Other::Default),
    ]
}

fn does(cloud: &Cloud, other: &Other) {
    let mut wall = cloud.wall();
    match *other {
        Other::Adds(address) if !wall.lets_in(address) => wall.rules.push(address.to_owned()),
        Other::Adds(_) => {}
        Other::Takes(address) => wall.rules.retain(|rule| rule != address),
        Other::Access(access) => wall.access = Some(access.to_owned()),
        Other::Default(action) => wall.default_action = Some(action.to_owned()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_firewall_is_never_opened_further_than_was_shown_and_nothing_of_others_is_taken(
        before in prop::collection::vec(anything(), 0..3),
        meanwhile in prop::collection::vec(anything(), 0..3),
        at_last in prop::collection::vec(anything(), 0..2),
        removes in any::<bool>(),
    ) {
        let cloud = Cloud::new();
        if removes {
            cloud.act(&cloud.plan(&allow(5)).unwrap()).unwrap();
        }
        before.iter().for_each(|other| does(&cloud, other));
        let op = if removes { remove() } else { allow(5) };
        let Ok(shown) = cloud.plan(&op) else { return Ok(()) };
        let seen = cloud.wall().clone();
        meanwhile.iter().for_each(|other| does(&cloud, other));
        let Still::Retain(plan) = adapter::still(&op, (Some(&shown.effects), Growth::default()), cloud.plan(&op))
        else { return Ok(()) };
        at_last.iter().for_each(|other| does(&cloud, other));
        let now = cloud.wall().clone();
        let _ended = cloud.act(&plan);
        let left = cloud.wall().clone();
        prop_assert_eq!((&now.access, &now.default_action), (&left.access, &left.default_action));
        for rule in left.rules.iter().filter(|rule| !now.lets_in(rule)) {
            prop_assert_eq!(rule, OWN);
            prop_assert!(!removes && now.is_closed() && now.rules == seen.rules, "it was not as it was shown");
        }
        for rule in now.rules.iter().filter(|rule| !left.lets_in(rule)) {
            prop_assert!(removes && now.has_added(rule), "{} was not this host's", rule);
        }
    }
}
