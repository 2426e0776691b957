//! Each key changes what it says, and what cannot be meant is refused by name.

use super::*;
use crate::config::key_place::KeyPlace;
use crate::screening::settings::{Mode, Stage};
use crate::shield::Meaning;

fn parse(text: &str) -> Result<GateConfig, GateConfigError> {
    GateConfig::parse("gate.toml", text, "box7")
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn an_empty_file_means_the_production_paths_and_the_hosts_own_name() {
    let config = parse("").unwrap();
    assert_eq!(config.host, "box7");
    assert_eq!(config.socket, Path::new("/run/reeve/gate.sock"));
    assert_eq!(config.state, Path::new("/var/lib/reeve"));
    assert_eq!(config.audit.path, Path::new("/var/log/reeve/audit.jsonl"));
    assert_eq!(config.launcher.socket, Path::new("/run/reeve/launcher.sock"));
    assert_eq!(config.keys.grant, KeyPlace::File("/var/lib/reeve/grant.key".into()));
    assert_eq!(config.keys.checkpoint, KeyPlace::File("/var/lib/reeve/checkpoint.key".into()));
    assert!(config.signal.is_none());
}

#[test]
fn every_key_changes_its_value() {
    let config = parse(
        r#"
        host = "host01"
        socket = "/a/gate.sock"
        front_user = "web"
        approvers_group = "ops"
        state = "/b"
        contracts = "/c"
        policy = "/d/p.star"
        lists = "/d/lists.toml"
        alarms = "/d/alarms.toml"
        traces = "/d/traces.toml"
        witness = "/d/witness.toml"
        log = "debug"
        [keys]
        grant = "credential:reeve.grant.key"
        checkpoint = "/h/checkpoint.key"
        witness = "credential:reeve.witness.key"
        [launcher]
        socket = "/e/l.sock"
        user = "runner"
        deadline = "90s"
        [audit]
        path = "/f/a.jsonl"
        rotate_megabytes = 7
        daily_at = "18:05"
        [approvals]
        execute_within = "1m"
        cool_down = "2h"
        recovery_delay = "2days"
        per_principal = 3
        overall = 9
        patience = 4
        growth = 1.75
        [signal]
        socket = "/g/s.sock"
        account = "+15550001"
        uuid = "00000000-0000-4000-8000-000000000001"
        user = "signal"
        canary = "10m"
        delivered_within = "0s"
        [webhook]
        keys = "/h"
        skew = "2m"
        [identity_hook]
        socket = "/k/hook.sock"
        user = "asker"
        timeout = "3s"
        [screening]
        reasons = "enforce"
        arguments = "report"
        output = "enforce"
        [shields]
        reasons = "deny"
        arguments = "review"
        output = "deny"
        unsure = "deny"
        patience = "7s"
        socket = "/j"
        user = "asker"
        [[approver]]
        name = "alice"
        uuid = "00000000-0000-4000-8000-00000000000a"
        fingerprint = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
        unix_user = "al"
        groups = ["storage"]
        "#,
    )
    .unwrap();
    assert_eq!((config.host.as_str(), config.log.as_str()), ("host01", "debug"));
    assert_eq!((config.front_user.as_str(), config.approvers_group.as_str()), ("web", "ops"));
    let paths = [&config.socket, &config.state, &config.contracts, &config.policy, &config.launcher.socket];
    assert_eq!(
        paths.map(|path| path.to_str().unwrap()),
        ["/a/gate.sock", "/b", "/c", "/d/p.star", "/e/l.sock"]
    );
    let hook = HookSettings {
        socket: "/k/hook.sock".into(),
        user: "asker".to_owned(),
        timeout: Duration::from_secs(3),
    };
    assert_eq!(config.identity_hook, Some(hook));
    assert_eq!(config.witness_file, Path::new("/d/witness.toml"));
    assert_eq!(config.keys.witness, KeyPlace::Credential("reeve.witness.key".to_owned()));
    assert_eq!(config.lists, Path::new("/d/lists.toml"));
    assert_eq!(config.alarms_file, Path::new("/d/alarms.toml"));
    assert_eq!(config.traces_file, Path::new("/d/traces.toml"));
    assert_eq!(config.keys.grant, KeyPlace::Credential("reeve.grant.key".to_owned()));
    assert_eq!(config.keys.checkpoint, KeyPlace::File("/h/checkpoint.key".into()));
    let webhook = WebhookSettings { keys: PathBuf::from("/h"), skew: Duration::from_secs(120) };
    assert_eq!(config.webhook, Some(webhook));
    let defaults =
        WebhookSettings { keys: PathBuf::from("/etc/reeve/webhook"), skew: Duration::from_secs(60) };
    assert_eq!(parse("[webhook]").unwrap().webhook, Some(defaults));
    assert!(refusal("[webhook]\nskew = \"1h\"").contains("webhook.skew"));
    assert!(refusal("[webhook]\nkeys = \"h\"").contains("webhook.keys"));
    assert_eq!(config.launcher.user, "runner");
    assert_eq!(config.launcher.deadline, Duration::from_secs(90));
    assert_eq!(config.audit.path, Path::new("/f/a.jsonl"));
    assert_eq!((config.audit.rotate_bytes, config.audit.daily_at), (7 << 20, Some(18 * 60 + 5)));
    assert_eq!(config.approvals.execute_within, Duration::from_secs(60));
    assert_eq!(config.approvals.cool_down, Duration::from_secs(7200));
    assert_eq!(config.approvals.recovery_delay, Duration::from_secs(172_800));
    assert_eq!((config.approvals.per_principal, config.approvals.overall), (3, 9));
    assert_eq!((config.approvals.patience, parse("").unwrap().approvals.patience), (4, 10));
    assert_eq!(config.approvals.growth.most(100), 175);
    assert_eq!(parse("").unwrap().approvals.growth.most(100), 120);
    let modes = [Stage::Reasons, Stage::Arguments, Stage::Output].map(|stage| config.screening.mode(stage));
    assert_eq!(modes, [Mode::Enforce, Mode::Report, Mode::Enforce]);
    let shields = ShieldSettings {
        reasons: Meaning::Deny,
        arguments: Meaning::Review,
        output: Meaning::Deny,
        unsure: Meaning::Deny,
        patience: Duration::from_secs(7),
        socket: PathBuf::from("/j"),
        user: "asker".to_owned(),
    };
    assert_eq!(config.shields, shields);
    assert_eq!(parse("").unwrap().shields, ShieldSettings::default());
    assert!(refusal("[shields]\nunsure = \"off\"").contains("shields.unsure"));
    let signal = config.signal.unwrap();
    assert_eq!(signal.socket, Path::new("/g/s.sock"));
    assert_eq!((signal.account.as_str(), signal.user.as_str()), ("+15550001", "signal"));
    assert_eq!(signal.uuid, "00000000-0000-4000-8000-000000000001");
    assert_eq!((signal.canary.as_secs(), signal.delivered_within.as_secs()), (600, 0));
    let alice = config.people.named("alice").unwrap();
    assert_eq!(alice.unix_user.as_deref(), Some("al"));
    assert_eq!(alice.groups, ["storage"]);
}

#[test]
fn a_policy_on_trial_is_a_file_beside_the_policy_or_any_other_but_not_the_policy() {
    let shadow = |text: &str| parse(&format!("policy = \"/d/p.star\"\n{text}")).map(|config| config.shadow);
    assert_eq!(shadow("").unwrap(), None);
    assert_eq!(shadow("shadow = \"new.star\"").unwrap().as_deref(), Some(Path::new("/d/new.star")));
    assert_eq!(shadow("shadow = \"/e/new.star\"").unwrap().as_deref(), Some(Path::new("/e/new.star")));
    for wrong in [
        "shadow = \"p.star\"",
        "shadow = \"/d/p.star\"",
        "shadow = \"a/new.star\"",
        "shadow = \"..\"",
        "shadow = \"\"",
    ] {
        let refusal = shadow(wrong).unwrap_err().to_string();
        assert!(refusal.starts_with("shadow: "), "{wrong}: {refusal}");
    }
}

#[test]
fn people_are_told_each_day_unless_root_wants_it_never() {
    assert_eq!(parse("").unwrap().audit.daily_at, Some(8 * 60));
    assert_eq!(parse("[audit]\ndaily_at = \"never\"").unwrap().audit.daily_at, None);
    assert_eq!(parse("[audit]\ndaily_at = \"00:00\"").unwrap().audit.daily_at, Some(0));
}

#[test]
fn a_misspelt_key_is_refused_with_the_one_that_was_meant() {
    let refusal = refusal("[approvals]\ncool_dwon = \"10m\"\n");
    assert!(refusal.contains("gate.toml:2") && refusal.contains("cool_down"), "{refusal}");
}

#[test]
fn values_out_of_range_are_refused_by_key() {
    for (text, key) in [
        ("socket = \"run/gate.sock\"", "socket"),
        ("[launcher]\ndeadline = \"0s\"", "launcher.deadline"),
        ("[launcher]\ndeadline = \"2h\"", "launcher.deadline"),
        ("[launcher]\ndeadline = \"soon\"", "launcher.deadline"),
        ("[audit]\nrotate_megabytes = 0", "audit.rotate_megabytes"),
        ("[audit]\ndaily_at = \"24:00\"", "audit.daily_at"),
        ("[audit]\ndaily_at = \"8:00\"", "audit.daily_at"),
        ("[audit]\ndaily_at = \"\"", "audit.daily_at"),
        ("[approvals]\nexecute_within = \"2days\"", "approvals.execute_within"),
        ("[approvals]\nrecovery_delay = \"10m\"", "approvals.recovery_delay"),
        ("[approvals]\nper_principal = 0", "approvals.per_principal"),
        ("[approvals]\noverall = 100000", "approvals.overall"),
        ("[approvals]\npatience = 0", "approvals.patience"),
        ("[approvals]\ngrowth = 0.9", "approvals.growth"),
        ("[approvals]\ngrowth = 11", "approvals.growth"),
        ("[approvals]\ngrowth = 1.234", "approvals.growth"),
        ("[approvals]\ngrowth = nan", "approvals.growth"),
        ("[signal]\nsocket = \"s\"\naccount = \"+1\"\nuuid = \"x\"\nuser = \"u\"", "signal.socket"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.starts_with(key), "{text}: {refusal}");
    }
}

#[test]
fn every_key_of_a_budget_changes_what_it_bounds() {
    let budget = |line: &str| {
        let config = parse(&format!("[[budget]]\noperations_per_day = 1\n{line}")).unwrap();
        config.budgets.first().unwrap().clone()
    };
    let plain = budget("");
    for line in [
        "principal = \"librarian\"",
        "effect = \"change\"",
        "effect = \"destroy\"",
        "operations_per_hour = 2",
        "objects_per_hour = 2",
        "objects_per_day = 2",
        "bytes_per_hour = \"2G\"",
        "bytes_per_day = \"2G\"",
    ] {
        assert_ne!(budget(line), plain, "{line}");
    }
    assert_eq!(budget("bytes_per_day = \"2K\"").per_day.bytes, Some(2048));
    let other = parse("[[budget]]\noperations_per_day = 2").unwrap();
    assert_ne!(other.budgets.first(), Some(&plain));
}

#[test]
fn a_budget_that_bounds_nothing_or_is_misspelt_is_refused() {
    assert!(refusal("[[budget]]\nprincipal = \"librarian\"").starts_with("budget: it bounds nothing"));
    for size in ["", "G", "10X", "-1", "1.5G", "99999999999P"] {
        let said = refusal(&format!("[[budget]]\nbytes_per_day = \"{size}\""));
        assert!(said.starts_with("budget.bytes_per_day: "), "{said}");
    }
    for line in ["effect = \"read\"", "operations_per_week = 1", "principal = \"Librarian*\""] {
        assert!(parse(&format!("[[budget]]\noperations_per_day = 1\n{line}")).is_err(), "{line}");
    }
}

#[test]
fn a_log_filter_that_is_none_is_refused_when_it_is_read() {
    assert!(refusal("log = \"reeve=louder\"").starts_with("log: "));
    assert_eq!(parse("log = \"warn,reeve::approval=debug\"").unwrap().log, "warn,reeve::approval=debug");
}

#[test]
fn every_key_about_the_examination_changes_what_the_gate_goes_by() {
    let preflight = |line: &str| format!("{:?}", parse(&format!("[preflight]\n{line}")).unwrap().preflight);
    for line in ["report = \"/elsewhere\"", "needed = true", "max_age = \"1h\""] {
        assert_ne!(preflight(line), preflight(""), "{line}");
    }
    for (line, key) in [
        ("report = \"beside\"", "preflight.report"),
        ("max_age = \"59s\"", "preflight.max_age"),
        ("max_age = \"31d\"", "preflight.max_age"),
    ] {
        let said = refusal(&format!("[preflight]\n{line}"));
        assert!(said.starts_with(key), "{said}");
    }
    assert!(parse("[preflight]\nneded = true").is_err());
}

#[test]
fn where_secrets_are_is_said_or_is_as_it_is_installed() {
    let secrets = |line: &str| format!("{:?}", parse(&format!("[secrets]\n{line}")).unwrap().secrets);
    assert!(secrets("").contains("/run/reeve-secrets"));
    for line in ["directory = \"/d\"", "user = \"u\""] {
        assert_ne!(secrets(line), secrets(""), "{line}");
    }
    assert!(refusal("[secrets]\ndirectory = \"d\"").starts_with("secrets: secrets.directory"));
    assert!(parse("[secrets]\nvalue = \"hunter2\"").is_err());
}
