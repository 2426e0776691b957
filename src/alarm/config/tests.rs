//! Every key of `alarms.toml` changes what it says, and what cannot be meant is refused by name.

use super::*;

const HOOK: &str = "[[webhook]]\nname = \"ops\"\nurl = \"https://hooks.example/r\"\nkey = \"/k\"\n";
const NTFY: &str = "[[ntfy]]\nname = \"phone\"\nurl = \"https://ntfy.example\"\ntopic = \"t\"\n";
const MAIL: &str = "[[mail]]\nname = \"oncall\"\nserver = \"smtps://mail.example\"\nfrom = \"reeve@h.example\"\nto = [\"a@h.example\"]\n";

fn parse(text: &str) -> Result<AlarmsConfig, ConfigError> {
    AlarmsConfig::parse("alarms.toml", text)
}

#[test]
fn every_key_changes_what_it_says() {
    let plain = parse(HOOK).unwrap();
    for line in [
        "user = \"u\"",
        "directory = \"/d\"",
        "down_for = \"1s\"",
        "quiet_for = \"0s\"",
        "expires_after = \"1m\"",
        "least_reachable = 2",
        "most_waiting = 1",
        "secrets.directory = \"/s\"",
        "secrets.user = \"u\"",
    ] {
        assert_ne!(parse(&format!("{line}\n{HOOK}")).unwrap(), plain, "{line}");
    }
    for (of, lines) in [
        (HOOK, vec!["ca = \"/ca\""]),
        (NTFY, vec!["token = \"/t\"", "ca = \"/ca\""]),
        (MAIL, vec!["user = \"u\"\npassword = \"/p\"", "ca = \"/ca\""]),
    ] {
        let plain = parse(of).unwrap();
        for line in lines {
            assert_ne!(parse(&format!("{of}{line}")).unwrap(), plain, "{line}");
        }
    }
    let changed = [
        (HOOK, "\"ops\"", "\"dev\""),
        (HOOK, "hooks.example", "other.example"),
        (HOOK, "/k", "/l"),
        (NTFY, "ntfy.example", "other.example"),
        (NTFY, "\"t\"", "\"u\""),
        (MAIL, "mail.example", "other.example"),
        (MAIL, "reeve@", "other@"),
        (MAIL, "a@", "b@"),
    ];
    for (of, from, to) in changed {
        assert_ne!(parse(&of.replace(from, to)).unwrap(), parse(of).unwrap(), "{from}");
    }
    let kinds: Vec<_> =
        parse(&[HOOK, NTFY, MAIL].concat()).unwrap().ways.iter().map(|way| way.by.name()).collect();
    assert_eq!(kinds, ["webhook", "ntfy", "mail"]);
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    let hook = |from: &str, to: &str| HOOK.replace(from, to);
    let mail = |from: &str, to: &str| MAIL.replace(from, to);
    for (text, problem) in [
        (String::new(), "nobody would be told"),
        (hook("https", "http"), "webhook \"ops\": url: begins with https"),
        (hook("https://hooks.example", "http://localhost"), "url: begins with https"),
        (hook("https://hooks", "https://me:x@hooks"), "belong into a file"),
        (hook("https://hooks.example/r", "ftp://127.0.0.1"), "url: begins with https"),
        (hook("/k", "hunter2"), "alarms.toml:4:7: says no place of a secret"),
        (hook("\"ops\"", "\"../x\""), "name: is 1 to 32"),
        (hook("key", "kye"), "unknown key `kye`"),
        (HOOK.to_owned() + "ca = \"x\"", "ca: x is not an absolute path"),
        (HOOK.to_owned() + HOOK, "two ways have this name"),
        (NTFY.replace("\"t\"", "\"a/b\""), "topic: is 1 to 64"),
        (NTFY.to_owned() + "token = \"t\"", "alarms.toml:5:9: says no place of a secret"),
        (mail("smtps://", "smtp://"), "server: is smtps"),
        (mail("smtps://mail.example", "smtp://127.0.0.1.example"), "server: is smtps"),
        (mail("reeve@h.example", "reeve"), "from: \"reeve\" is no address"),
        (mail("a@h.example", "a@h.example\\r\\nbcc: x@y.example"), "is no address"),
        (mail("[\"a@h.example\"]", "[]"), "to: is 1 to 20"),
        (MAIL.to_owned() + "user = \"u\"", "both or neither"),
        (format!("down_for = \"2h\"\n{HOOK}"), "down_for"),
        (format!("quiet_for = \"2d\"\n{HOOK}"), "quiet_for"),
        (format!("expires_after = \"1s\"\n{HOOK}"), "expires_after"),
        (format!("least_reachable = 101\n{HOOK}"), "least_reachable"),
        (format!("most_waiting = 0\n{HOOK}"), "most_waiting"),
        (format!("directory = \"d\"\n{HOOK}"), "directory"),
        (format!("secrets.directory = \"d\"\n{HOOK}"), "secrets.directory: is not an absolute path"),
    ] {
        let said = parse(&text).unwrap_err().to_string();
        assert!(said.contains(problem), "{text}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_secret_of_a_way_is_a_file_a_credential_or_a_vaults() {
    for reference in ["/k", "credential:ops.key", "@kv:main/ops-key"] {
        let config = parse(&HOOK.replace("/k", reference)).unwrap();
        assert_eq!(config.ways[0].by.secret(), Some(&reference.parse().unwrap()));
    }
}

#[test]
fn a_server_on_this_host_needs_no_tls() {
    for text in [
        HOOK.replace("https://hooks.example", "http://127.0.0.1:8080"),
        HOOK.replace("https://hooks.example", "http://[::1]:8080"),
        MAIL.replace("smtps://mail.example", "smtp://127.0.0.1"),
        MAIL.replace("smtps://mail.example", "smtp://[::1]:2525"),
    ] {
        assert!(parse(&text).is_ok(), "{text}");
    }
}

#[test]
fn without_the_file_nobody_is_told() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(AlarmsConfig::read(&folder.path().join("alarms.toml")).unwrap(), None);
}
