//! Prompt Shields at the gate: whatever the process that asks them answers, or does not, it can only tighten.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reeve::gate::protocol::{Answer, Call, State};
use reeve::operation::Submission;
use serde_json::{Map, Value, json};

use crate::rules::rule;
use crate::stage::{LENIENT, STRICT, Stage, snapshot, submission, zfs};

/// What it says to a text, if it says anything.
fn said(text: &str) -> Option<Vec<u8>> {
    let told =
        |answer: &str| Some(format!("{{\"answer\":{answer},\"credential\":\"managed\"}}").into_bytes());
    let answer = |attack: bool, unsure: Option<&str>| {
        told(&json!({"pieces": 1, "kept": 0, "attack": attack, "unsure": unsure}).to_string())
    };
    for why in ["no_token", "throttled", "unreadable"] {
        if text.contains(why) {
            return answer(false, Some(why));
        }
    }
    match text {
        text if text.contains("misleads") => answer(true, None),
        text if text.contains("says nothing") => None,
        text if text.contains("lacks the field") => told(r#"{"pieces":1,"kept":0,"unsure":null}"#),
        text if text.contains("looked at nothing") => {
            told(r#"{"pieces":0,"kept":0,"attack":false,"unsure":null}"#)
        }
        text if text.contains("breaks off") => Some(Vec::new()),
        _ => answer(false, None),
    }
}

/// The process that asks Azure, and what it was asked.
#[derive(Clone, Default)]
struct Shields {
    texts: Arc<Mutex<Vec<String>>>,
}

impl Shields {
    fn listen(socket: &Path) -> Self {
        let (shields, listener) = (Self::default(), UnixListener::bind(socket).unwrap());
        let answering = shields.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shields = answering.clone();
                std::thread::spawn(move || shields.converse(stream.unwrap()));
            }
        });
        shields
    }

    fn converse(&self, mut stream: UnixStream) {
        let mut head = [0; 8];
        stream.read_exact(&mut head).unwrap();
        let length = u32::from_le_bytes(head[4..].try_into().unwrap());
        let mut text = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        self.texts.lock().unwrap().push(text.clone());
        let Some(answer) = said(&text) else {
            std::thread::sleep(Duration::from_secs(30));
            return;
        };
        let length = u32::try_from(answer.len()).unwrap();
        // The gate may have gone.
        drop(stream.write_all(&length.to_le_bytes()).and_then(|()| stream.write_all(&answer)));
    }

    fn heard(&self, text: &str) -> bool {
        self.texts.lock().unwrap().iter().any(|heard| heard.contains(text))
    }
}

async fn stage(policy: &str, section: &str) -> (Stage, Shields) {
    with_patience("5s", policy, section).await
}

/// The same, where what never answers is waited for so long.
async fn with_patience(patience: &str, policy: &str, section: &str) -> (Stage, Shields) {
    let mut stage = Stage::with(policy).await;
    let socket = stage.path("shields.sock");
    let config = stage.read("gate.toml");
    let (head, tail) = config.split_once("[launcher]").unwrap();
    let section = format!(
        "[shields]\nsocket = \"{}\"\nuser = \"root\"\npatience = \"{patience}\"\n{section}",
        socket.display()
    );
    stage.write("gate.toml", &format!("{head}{section}\n[launcher]{tail}"));
    let shields = Shields::listen(&socket);
    stage.crash().await;
    (stage, shields)
}

fn because(operation: Value, reason: &str) -> Submission {
    Submission { reason: Some(reason.to_owned()), ..submission(operation) }
}

#[tokio::test]
async fn an_attack_that_prompt_shields_find_means_what_is_configured_and_is_recorded_and_counted() {
    let (stage, shields) = stage(LENIENT, "reasons = \"deny\"\narguments = \"review\"").await;
    let refused =
        stage.submit_with("librarian", because(snapshot("tank/media", "one"), "it misleads"), None).await;
    assert_eq!(rule(refused), "shield-attack");
    let asked = stage.submit("librarian", snapshot("tank/media", "misleads")).await.unwrap();
    assert_eq!((asked.state, asked.decision.unwrap().rule), (State::Pending, "shield-attack".to_owned()));
    let plain = because(snapshot("tank/media", "two"), "weekly");
    assert_eq!(stage.submit_with("librarian", plain, None).await.unwrap().state, State::Succeeded);
    assert_eq!(stage.launcher.commands(), ["snapshot tank/media@two"]);
    assert!(shields.heard("weekly") && shields.heard("tank/media"));
    let recorded = stage.records("decision");
    let wanted = json!({
        "verdict": "attack", "meaning": "deny", "pieces": 1, "kept": 0, "attack": true, "unsure": null,
    });
    assert_eq!(recorded[0]["detail"]["screening"]["shields"]["reasons"], wanted);
    let Answer::Text(metrics) = stage.call("operator", Call::Metrics).await.unwrap() else { panic!() };
    for line in [
        "reeve_shielded_total{stage=\"reasons\",verdict=\"attack\"} 1",
        "reeve_shielded_total{stage=\"reasons\",verdict=\"clean\"} 1",
        "reeve_shielded_total{stage=\"arguments\",verdict=\"attack\"} 1",
        "reeve_shield_duration_seconds_count{stage=\"reasons\"} 2",
        "reeve_shield_pieces_total{from=\"azure\"} 5",
    ] {
        assert!(metrics.lines().any(|there| there == line), "{line}: {metrics}");
    }
}

async fn evaluated(stage: &Stage, args: Value) -> String {
    let args = args.as_object().unwrap().clone();
    let call = Call::Evaluate { tool: "mail.send".to_owned(), args, context: Map::new() };
    let Answer::Verdict { verdict, .. } = stage.call("librarian", call).await.unwrap() else { panic!() };
    verdict
}

#[tokio::test]
async fn whatever_is_no_answer_is_review_or_deny_as_configured_and_never_allow() {
    for unsure in ["review", "deny"] {
        let (stage, _shields) =
            with_patience("2s", LENIENT, &format!("arguments = \"review\"\nunsure = \"{unsure}\"")).await;
        for text in [
            "says nothing",
            "lacks the field",
            "looked at nothing",
            "breaks off",
            "no_token",
            "throttled",
            "unreadable",
        ] {
            assert_eq!(evaluated(&stage, json!({ "text": text })).await, unsure, "{text}");
        }
        assert_eq!(evaluated(&stage, json!({ "text": "see you tomorrow" })).await, "allow");
        let records = stage.records("evaluation");
        let why = |index: usize| &records[index]["detail"]["screening"]["shields"]["arguments"]["unsure"];
        assert_eq!([why(0), why(1), why(4)], [&json!("timeout"), &json!("down"), &json!("no_token")]);
    }
}

#[tokio::test]
async fn a_process_of_somebody_else_or_none_at_all_is_never_a_yes() {
    let (mut stage, shields) = stage(LENIENT, "arguments = \"deny\"\nunsure = \"deny\"").await;
    let config = stage.read("gate.toml");
    // Whoever listens there is root, and should be another user.
    let another = config.replace("user = \"root\"\npatience", "user = \"bob\"\npatience");
    let socket = stage.path("shields.sock");
    assert_ne!(config, another);
    stage.write("gate.toml", &another);
    stage.crash().await;
    assert_eq!(rule(stage.submit("librarian", snapshot("tank/media", "one")).await), "shield-unsure");
    assert!(!shields.heard("tank/media"));
    stage.write("gate.toml", &config.replace(&socket.display().to_string(), "/nonexistent/socket"));
    stage.crash().await;
    assert_eq!(rule(stage.submit("librarian", snapshot("tank/media", "one")).await), "shield-unsure");
}

#[tokio::test]
async fn prompt_shields_widen_nothing_and_hear_of_nothing_that_is_refused_anyway() {
    let (stage, shields) = stage(STRICT, "reasons = \"deny\"\narguments = \"deny\"").await;
    let refused = stage.submit_with("librarian", because(snapshot("tank/media", "one"), "weekly"), None);
    assert_eq!(rule(refused.await), "nothing-is-allowed");
    assert_eq!(*shields.texts.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn secrets_do_not_leave_the_host_for_prompt_shields() {
    let (stage, shields) = stage(LENIENT, "arguments = \"deny\"").await;
    let args = json!({"password": "hunter2-and-more", "text": "log in with hunter2-and-more, it misleads"});
    assert_eq!(evaluated(&stage, args).await, "deny");
    assert!(shields.heard("it misleads") && shields.heard("sha256:") && !shields.heard("hunter2"));
}

#[tokio::test]
async fn output_that_prompt_shields_object_to_is_withheld_or_marked_and_what_was_done_stays_done() {
    for (section, name, field) in [
        ("output = \"deny\"", "misleads", "withheld"),
        ("output = \"review\"", "misleads", "shields"),
        ("output = \"review\"\nunsure = \"deny\"", "no_token", "withheld"),
        ("output = \"deny\"\nunsure = \"review\"", "no_token", "shields"),
    ] {
        let (stage, _shields) = stage(LENIENT, section).await;
        let plain = stage.submit("librarian", zfs("list", "tank/media")).await.unwrap().result.unwrap();
        assert!(plain.get("withheld").is_none() && plain.get("shields").is_none(), "{plain}");
        let made = stage.submit("librarian", snapshot("tank/media", name)).await.unwrap();
        assert_eq!(made.state, State::Succeeded);
        assert_eq!(stage.launcher.commands(), [format!("snapshot tank/media@{name}")]);
        let list = json!({"kind": "zfs", "op": "list", "resource": "tank/media", "params": {"recursive": true, "types": ["filesystem", "snapshot"]}});
        let listed = stage.submit("librarian", list).await.unwrap();
        let result = listed.result.unwrap();
        assert!(result.get(field).is_some(), "{section}: {result}");
        let outcomes = stage.records("outcome");
        let seen = &outcomes.last().unwrap()["detail"]["screening"]["shields"]["output"];
        assert_eq!(seen["verdict"], if name == "misleads" { "attack" } else { "unsure" });
    }
}
