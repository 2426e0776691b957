//! `reeve alarms` against servers that take alarms, servers that do not, and servers that are not there.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::SystemTime;

use reeve::alarm::Alarm;
use reeve::alarm::config::AlarmsConfig;
use reeve::alarm::spool::{Outcome, Spool, Told};
use serde_json::{Value, json};

use crate::host::reeve;
use crate::servers::{KEY, Mail, Web, eventually};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for folder in ["waiting", "told"] {
            std::fs::create_dir(place.path(folder)).unwrap();
        }
        place.secret("key", KEY);
        place.secret("token", "tk_0123\n");
        place.secret("password", "correct horse\n");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn secret(&self, name: &str, text: &str) {
        std::fs::File::create(self.path(name)).unwrap().write_all(text.as_bytes()).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn config(&self, ways: &str) -> PathBuf {
        let place = self.0.path().to_str().unwrap();
        let text = format!("user = \"root\"\ndirectory = \"%\"\n{ways}").replace('%', place);
        std::fs::write(self.path("alarms.toml"), text).unwrap();
        self.path("alarms.toml")
    }

    fn spool(&self) -> Spool {
        Spool::of(&AlarmsConfig::read(&self.path("alarms.toml")).unwrap().unwrap())
    }

    /// What became of an alarm on a way, once that is known.
    fn ends(&self, id: &str, way: &str) -> Told {
        let path = self.path("told").join(format!("{id}.{way}.json"));
        eventually(way, || serde_json::from_slice(&std::fs::read(&path).ok()?).ok())
    }
}

fn webhook(name: &str, port: u16) -> String {
    format!("[[webhook]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:{port}/hook?x=1\"\nkey = \"%/key\"\n")
}

fn ntfy(port: u16) -> String {
    format!(
        "[[ntfy]]\nname = \"phones\"\nurl = \"http://127.0.0.1:{port}\"\ntopic = \"host01\"\ntoken = \"%/token\"\n"
    )
}

fn mail(port: u16) -> String {
    format!(
        "[[mail]]\nname = \"oncall\"\nserver = \"smtp://127.0.0.1:{port}\"\nfrom = \"reeve@host01.example\"\nto = [\"alice@h.example\", \"bob@h.example\"]\nuser = \"reeve\"\npassword = \"%/password\"\n"
    )
}

/// `reeve alarms deliver`, until it is dropped.
struct Delivering(Child);

impl Delivering {
    #[allow(clippy::disallowed_methods, reason = "it runs beside the test")]
    fn start(config: &Path) -> Self {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_reeve"));
        command.args(["alarms", "deliver", "--config"]).arg(config).stdin(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[allow(clippy::disallowed_methods, reason = "the program under test reads the same clock")]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

fn alarm(id: &str, lasts_ms: u64) -> Alarm {
    Alarm {
        id: id.to_owned(),
        host: "host01".to_owned(),
        what: "channel_down".to_owned(),
        text: "reeve · host01: nobody can be asked".to_owned(),
        at: now(),
        expires_at: now() + lasts_ms,
    }
}

fn told(tries: u32) -> Told {
    Told { outcome: Outcome::Told, tries, why: None }
}

fn port_of_nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn an_alarm_reaches_a_webhook_signed_a_phone_and_a_mailbox() {
    let (place, hook, push, letters) = (Place::new(), Web::start(200), Web::start(200), Mail::start());
    let config = place.config(&[webhook("ops", hook.port), ntfy(push.port), mail(letters.port)].concat());
    let _delivering = Delivering::start(&config);
    place.spool().put(&alarm("al_1", 60_000)).unwrap();
    let heard = hook.hears("channel_down");
    assert!(heard.head.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{heard:?}");
    assert_eq!(heard.header("webhook-id"), "al_1");
    assert!(heard.header("webhook-timestamp").parse::<u64>().unwrap().abs_diff(now() / 1000) < 60);
    assert_eq!(
        (heard.body["type"].as_str(), heard.body["text"].as_str()),
        (Some("reeve.alarm"), Some("reeve · host01: nobody can be asked"))
    );
    for way in ["ops", "phones", "oncall"] {
        assert_eq!(place.ends("al_1", way), told(1), "{way}");
    }
    let pushed = push.so_far().remove(0);
    assert_eq!(pushed.header("authorization"), "Bearer tk_0123");
    assert_eq!(
        pushed.body,
        json!({"topic": "host01", "title": "reeve · host01", "priority": 5, "tags": ["rotating_light"],
            "message": "reeve · host01: nobody can be asked"})
    );
    let letter = letters.hears("Message-ID: <al_1@host01.example>");
    for words in ["RCPT TO:<alice@h.example>", "RCPT TO:<bob@h.example>", "MAIL FROM:<reeve@host01.example>"]
    {
        assert!(letter.contains(words), "{words}: {letter}");
    }
    // The password is the file's, without the end of its line.
    assert!(letter.contains("AUTH PLAIN AHJlZXZlAGNvcnJlY3QgaG9yc2U="), "{letter}");
}

#[test]
fn a_server_that_is_down_is_tried_again_and_keeps_no_other_from_being_told() {
    let (place, well, sick) = (Place::new(), Web::start(204), Web::start(503));
    let ways = [webhook("well", well.port), webhook("sick", sick.port), webhook("gone", port_of_nobody())];
    let config = place.config(&ways.concat());
    let delivering = Delivering::start(&config);
    place.spool().put(&alarm("al_1", 3_600_000)).unwrap();
    assert_eq!(place.ends("al_1", "well"), told(1));
    eventually("a second attempt", || (sick.so_far().len() >= 2).then_some(()));
    // Nothing is lost when it is started anew, and what was told is not told again.
    drop(delivering);
    let _delivering = Delivering::start(&config);
    sick.answers(200);
    assert_eq!(place.ends("al_1", "sick").outcome, Outcome::Told);
    assert_eq!(well.so_far().len(), 1);
    assert!(!place.path("told").join("al_1.gone.json").exists());
}

#[test]
fn what_nobody_took_in_its_time_ends_as_expired_with_the_reason() {
    let (place, port) = (Place::new(), port_of_nobody());
    let config = place.config(&[webhook("gone", port), mail(port)].concat());
    let _delivering = Delivering::start(&config);
    place.spool().put(&alarm("al_1", 1_500)).unwrap();
    for way in ["gone", "oncall"] {
        let end = place.ends("al_1", way);
        assert_eq!(end.outcome, Outcome::Expired, "{way}");
        assert!(end.tries >= 1 && end.why.unwrap().contains(&port.to_string()), "{way}");
    }
    place.spool().remove("al_1").unwrap();
    eventually("the end is forgotten", || {
        (std::fs::read_dir(place.path("told")).unwrap().count() == 0).then_some(())
    });
}

#[test]
fn a_test_says_of_each_way_whether_its_server_took_it() {
    let (place, hook, letters) = (Place::new(), Web::start(200), Mail::start());
    let moved = Web::start(302);
    let ways = [webhook("ops", hook.port), mail(letters.port), webhook("moved", moved.port)].concat();
    let config = place.config(&ways);
    let ran = reeve(&["--json", "alarms", "test", "--config", config.to_str().unwrap()], &[]);
    assert_eq!(ran.exit, 1, "{ran:?}");
    let problems: Vec<Value> =
        ran.json()["told"].as_array().unwrap().iter().map(|way| way["problem"].clone()).collect();
    assert_eq!(problems[0], Value::Null);
    assert!(problems[1].as_str().unwrap().contains("302"), "{problems:?}");
    assert_eq!(problems[2], Value::Null);
    hook.hears("test");
    letters.hears("this is a test");
}

#[test]
fn a_secret_that_everybody_may_read_is_not_used() {
    let (place, hook) = (Place::new(), Web::start(200));
    let config = place.config(&webhook("ops", hook.port));
    std::fs::set_permissions(place.path("key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = reeve(&["alarms", "test", "--config", config.to_str().unwrap()], &[]);
    assert!(ran.exit == 1 && ran.out.contains("everybody may read this secret"), "{ran:?}");
    assert!(hook.so_far().is_empty());
}
