//! The way of a question to people and of their answers back, over real sockets, with a stand-in for Signal.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may, and one of them starts the stand-in as a process"
)]

#[path = "../demo/stand_in/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the demo's binary uses the rest")]
mod stand_in;

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reeve::approval::identity::IdentityTrouble;
use reeve::approval::inbound::Inbound;
use reeve::approval::people::{Approver, ApproverAsWritten, People};
use reeve::approval::prompt::{self, Answer, PromptFacts, Undo};
use reeve::approval::reply::Malformed;
use reeve::approval::signal::{Down, Dropped, Link, SendError, SignalConfig, Status};
use reeve::approval::token::Token;
use reeve::approval::vote::{self, Candidate, Judged, Pending, SentPrompt, Silence};
use reeve::sys::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use stand_in::{Command, Daemon, Person, Say, World};
use tokio::sync::mpsc;

const ACCOUNT: &str = "+15550001";
const US: &str = "00000000-0000-4000-8000-000000000001";
const PATIENCE: Duration = Duration::from_secs(20);

fn uuid(digit: char) -> String {
    format!("{}-1111-4111-8111-111111111111", digit.to_string().repeat(8))
}

fn key(digit: char) -> String {
    format!("05{}", digit.to_string().repeat(64))
}

fn everybody() -> [(&'static str, char); 2] {
    [("alice", 'a'), ("bob", 'b')]
}

fn people() -> Arc<People> {
    let written = everybody().map(|(name, digit)| {
        let entry =
            json!({"name": name, "uuid": uuid(digit), "fingerprint": key(digit), "groups": ["storage"]});
        serde_json::from_value::<ApproverAsWritten>(entry).unwrap()
    });
    Arc::new(People::from_written(written.into()).unwrap())
}

/// A host with a link, and the world behind its daemon.
struct Stage {
    world: World,
    daemon: Option<Daemon>,
    people: Arc<People>,
    link: Link,
    inbox: mpsc::Receiver<Inbound>,
    dir: tempfile::TempDir,
}

impl Stage {
    /// Everything in order, and connected.
    async fn set() -> Self {
        Self::with(|_| {}, |_| {}).await.up().await
    }

    async fn with(before: impl FnOnce(&World), configure: impl FnOnce(&mut SignalConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let person = |(name, digit): (&str, char)| Person {
            name: name.into(),
            uuid: uuid(digit),
            fingerprint: key(digit),
        };
        let world = World::new(ACCOUNT, US, everybody().map(person).into());
        before(&world);
        let daemon = Daemon::listen(&socket(dir.path()), &world).unwrap();
        let mut config = config(dir.path());
        configure(&mut config);
        let people = people();
        let (link, inbox) = Link::start(config, Arc::clone(&people), Arc::new(SystemClock));
        Self { world, daemon: Some(daemon), people, link, inbox, dir }
    }

    async fn up(self) -> Self {
        self.until(|status| matches!(status, Status::Up { version: _, reachable: _ })).await;
        self
    }

    async fn until(&self, wanted: impl FnMut(&Status) -> bool) {
        let mut status = self.link.watch();
        let reached = tokio::time::timeout(PATIENCE, status.wait_for(wanted)).await;
        assert!(reached.is_ok(), "the link stays {:?}", self.link.status());
    }

    fn approver(&self, name: &str) -> &Approver {
        self.people.named(name).unwrap()
    }

    async fn next(&mut self) -> Inbound {
        tokio::time::timeout(PATIENCE, self.inbox.recv()).await.unwrap().unwrap()
    }

    /// Puts a request to alice and bob.
    async fn ask(&self) -> Pending {
        let token = Token::generate().unwrap();
        let now = SystemClock.now();
        let facts = PromptFacts {
            host: "host01",
            token: &token,
            principal: "librarian",
            on_behalf_of: &[],
            command_line: "zfs destroy tank/media@old",
            objects: &[],
            effects_digest: "sha256:00",
            bytes_freed: None,
            undo: Undo::None,
            reason: None,
            rule: "destroying needs a person",
            needed: 2,
            given: 0,
            asked_at: now,
            expires_at: now + Duration::from_secs(1800),
        };
        let text = prompt::prompt(&facts).unwrap();
        let mut prompts = Vec::new();
        for approver in self.people.iter() {
            let sent = self.link.send(approver, &text, None).await.unwrap();
            prompts.push(SentPrompt { approver: approver.name.clone(), timestamp: sent.timestamp });
        }
        Pending {
            approval_id: "ap_1".into(),
            token: token.hash(),
            prompts,
            created_at: now,
            expires_at: facts.expires_at,
            group: Some("storage".into()),
            excluded: vec!["librarian".into()],
            needed: 2,
            confirmed_by: Vec::new(),
            settled: None,
        }
    }

    async fn says(&mut self, say: Say, pending: &Pending) -> Judged {
        self.world.command(Command::Say(Box::new(say)));
        let inbound = self.next().await;
        vote::judge(&inbound, std::slice::from_ref(pending), &self.people, SystemClock.now())
    }

    fn last_line_for(&self, name: &str) -> String {
        let messages = self.world.wait_for_messages(name, 1, PATIENCE);
        messages.last().unwrap().text.lines().last().unwrap().to_owned()
    }
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("signal.sock")
}

/// Quick enough for a test, patient enough for a busy machine.
fn config(dir: &Path) -> SignalConfig {
    let own_uuid = uuid::Uuid::try_parse(US).unwrap();
    let uid = nix::unistd::geteuid().as_raw();
    SignalConfig {
        send_timeout: Duration::from_secs(10),
        probe_every: Duration::from_millis(50),
        probe_timeout: Duration::from_secs(5),
        backoff: (Duration::from_millis(5), Duration::from_millis(50)),
        ..SignalConfig::new(socket(dir), ACCOUNT.into(), own_uuid, uid)
    }
}

fn say(who: &str, text: &str) -> Say {
    Say { who: who.into(), text: Some(text.into()), ..Say::default() }
}

fn fault(world: &World, fault: Value) {
    let mut command = json!({"do": "fault"});
    command.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
    assert_eq!(world.command(serde_json::from_value(command).unwrap()), json!({}));
}

fn confirmed(judged: Judged) -> Candidate {
    let Judged::Confirm(candidate) = judged else { panic!("not a confirmation: {judged:?}") };
    candidate
}

fn refused_count(judged: Judged) -> Answer {
    let Judged::NotCounted(not_counted) = judged else { panic!("it counts: {judged:?}") };
    not_counted.answer
}

#[tokio::test]
async fn what_a_person_was_sent_is_enough_to_approve() {
    let mut stage = Stage::set().await;
    let mut pending = stage.ask().await;
    for (name, approves) in [("alice", false), ("bob", true)] {
        let line = stage.last_line_for(name);
        let (confirm, _) = line.split_once("   or   ").unwrap();
        let candidate = confirmed(stage.says(say(name, confirm), &pending).await);
        let identity = stage.link.identity_holds(candidate.approver()).await.unwrap();
        let counted = candidate.count(identity, &pending, SystemClock.now()).unwrap();
        assert_eq!((counted.by(), counted.approves()), (name, approves));
        pending.confirmed_by.push(counted.by().to_owned());
    }
}

#[tokio::test]
async fn a_quote_reply_confirms_and_what_the_phone_says_was_quoted_is_irrelevant() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let [to_alice, to_bob] = [pending.prompts[0].timestamp, pending.prompts[1].timestamp];
    let reply = |quote, author: Option<String>| Say {
        quote: Some(quote),
        quote_author: author,
        ..say("alice", "Confirm")
    };
    assert_eq!(confirmed(stage.says(reply(to_alice, None), &pending).await).approver().name, "alice");
    let unclear = Answer::Malformed(Malformed::NoToken);
    assert_eq!(refused_count(stage.says(reply(to_bob, None), &pending).await), unclear);
    assert_eq!(refused_count(stage.says(reply(12_345, None), &pending).await), unclear);
    assert_eq!(refused_count(stage.says(reply(to_alice, Some(uuid('a'))), &pending).await), unclear);
}

#[tokio::test]
async fn a_thumbs_up_approves_nothing_and_a_thumbs_down_refuses() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let react = |emoji: &str| Say {
        who: "bob".into(),
        emoji: Some(emoji.into()),
        quote: Some(pending.prompts[1].timestamp),
        ..Say::default()
    };
    assert_eq!(refused_count(stage.says(react("👍"), &pending).await), Answer::ReactionApprovesNothing);
    assert!(
        matches!(stage.says(react("👎🏾"), &pending).await, Judged::Refuse(refusal) if refusal.by == "bob")
    );
}

#[tokio::test]
async fn a_vote_that_is_delivered_three_times_arrives_once() {
    let mut stage = Stage::set().await;
    stage.world.command(Command::Say(Box::new(Say { again: 2, ..say("alice", "first") })));
    stage.world.command(Command::Say(Box::new(say("alice", "second"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("first"));
    assert_eq!(stage.next().await.text.as_deref(), Some("second"));
    assert_eq!(stage.link.dropped()[&Dropped::Duplicate], 2);
}

#[tokio::test]
async fn a_vote_redelivered_after_a_reconnection_is_still_a_duplicate() {
    let mut stage = Stage::set().await;
    let envelope = json!({"sourceUuid": uuid('a'), "sourceDevice": 1, "timestamp": 77, "dataMessage": {"message": "hi"}});
    let raw = |envelope: &Value| Command::Raw { params: json!({"account": ACCOUNT, "envelope": envelope}) };
    stage.world.command(raw(&envelope));
    assert_eq!(stage.next().await.timestamp, 77);
    stage.world.command(Command::Drop);
    stage.world.command(raw(&envelope));
    stage.world.command(Command::Say(Box::new(say("alice", "after"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("after"));
}

#[tokio::test]
async fn the_link_comes_back_after_the_daemon_restarts_and_nothing_sent_meanwhile_is_lost() {
    let mut stage = Stage::set().await;
    drop(stage.daemon.take());
    stage.until(|status| matches!(status, Status::Down(_))).await;
    let down = stage.link.send(stage.approver("alice"), "hello", None).await;
    assert_eq!((down, stage.link.is_up(), stage.link.reachable()), (Err(SendError::Down), false, Vec::new()));
    stage.world.command(Command::Say(Box::new(say("alice", "meanwhile"))));
    stage.daemon = Some(Daemon::listen(&socket(stage.dir.path()), &stage.world).unwrap());
    let mut stage = stage.up().await;
    assert_eq!(stage.next().await.text.as_deref(), Some("meanwhile"));
    assert!(stage.link.send(stage.approver("alice"), "hello", None).await.is_ok());
}

#[tokio::test]
async fn another_users_socket_is_not_believed() {
    let mut stage = Stage::with(|_| {}, |config| config.daemon_uid += 1).await;
    stage.world.command(Command::Say(Box::new(say("alice", "confirm"))));
    stage.until(|status| *status == Status::Down(Down::WrongPeer)).await;
    assert_eq!(stage.link.send(stage.approver("alice"), "secret", None).await, Err(SendError::Down));
    assert!(stage.inbox.try_recv().is_err());
    assert!(stage.world.wait_for_messages("alice", 0, Duration::ZERO).is_empty());
}

#[tokio::test]
async fn a_daemon_without_our_account_is_no_channel() {
    let stage = Stage::with(|_| {}, |config| config.account = "+19990000".into()).await;
    stage.until(|status| *status == Status::Down(Down::NoAccount)).await;
}

#[tokio::test]
async fn a_message_that_was_not_authenticated_is_dropped() {
    let mut stage = Stage::set().await;
    let forged = Say { exception: Some("UntrustedIdentityException".into()), ..say("alice", "confirm") };
    stage.world.command(Command::Say(Box::new(forged)));
    stage.world.command(Command::Say(Box::new(say("alice", "after"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("after"));
    assert_eq!(stage.link.dropped()[&Dropped::Exception], 1);
}

#[tokio::test]
async fn another_account_with_the_token_is_a_stranger() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let line = stage.last_line_for("alice");
    let (confirm, _) = line.split_once("   or   ").unwrap();
    let stolen = Say { sender: Some(uuid('9')), ..say("alice", confirm) };
    assert!(matches!(stage.says(stolen, &pending).await, Judged::Nothing(Silence::Stranger)));
}

#[tokio::test]
async fn an_identity_that_changes_between_prompt_and_vote_does_not_count() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let line = stage.last_line_for("alice");
    let (confirm, _) = line.split_once("   or   ").unwrap();
    let candidate = confirmed(stage.says(say("alice", confirm), &pending).await);
    for trust in ["TRUSTED_UNVERIFIED", "UNTRUSTED"] {
        let changed = Command::NewIdentity { of: "alice".into(), fingerprint: key('9'), trust: trust.into() };
        stage.world.command(changed);
        let held = stage.link.identity_holds(candidate.approver()).await;
        assert!(matches!(held, Err(IdentityTrouble::Changed)), "{trust}: {held:?}");
    }
    let sent = stage.link.send(stage.approver("alice"), "the next token", None).await;
    assert_eq!(sent, Err(SendError::Identity(IdentityTrouble::Changed)));
    let only_bob =
        |status: &Status| matches!(status, Status::Up { version: _, reachable } if reachable == &["bob"]);
    stage.until(only_bob).await;
}

#[tokio::test]
async fn a_vote_that_the_server_took_before_the_question_does_not_count() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let line = stage.last_line_for("alice");
    let (confirm, _) = line.split_once("   or   ").unwrap();
    let created = pending.created_at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let late = Say { server_ms: Some(u64::try_from(created).unwrap() - 1), ..say("alice", confirm) };
    assert_eq!(refused_count(stage.says(late, &pending).await), Answer::OlderThanQuestion);
}

#[tokio::test]
async fn edits_and_group_chats_do_not_confirm() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let line = stage.last_line_for("alice");
    let (confirm, _) = line.split_once("   or   ").unwrap();
    let edit = Say { edit: true, ..say("alice", confirm) };
    assert_eq!(refused_count(stage.says(edit, &pending).await), Answer::Edited);
    let group = Say { group: Some("b3Bz".into()), ..say("alice", confirm) };
    assert_eq!(refused_count(stage.says(group, &pending).await), Answer::InGroup);
}

#[tokio::test]
async fn empty_results_are_not_success_and_errors_have_names() {
    let stage = Stage::set().await;
    let alice = stage.approver("alice");
    for (broken, error) in [
        (json!({"empty_results": true}), SendError::NoOneReached),
        (json!({"error_code": -5}), SendError::RateLimited { retry_after: None }),
        (json!({"error_code": -3}), SendError::Network),
        (json!({"error_code": -1}), SendError::Refused { code: -1 }),
    ] {
        fault(&stage.world, broken);
        assert_eq!(stage.link.send(alice, "hello", None).await, Err(error));
    }
    fault(&stage.world, json!({}));
    assert!(stage.link.send(alice, "hello", None).await.is_ok());
}

#[tokio::test]
async fn a_daemon_that_falls_silent_is_down_and_comes_back() {
    let stage =
        Stage::with(|_| {}, |config| config.probe_timeout = Duration::from_millis(500)).await.up().await;
    fault(&stage.world, json!({"stall": true}));
    stage.until(|status| *status == Status::Down(Down::NoAnswer)).await;
    assert_eq!(stage.link.send(stage.approver("alice"), "hello", None).await, Err(SendError::Down));
    fault(&stage.world, json!({}));
    stage.up().await;
}

#[tokio::test]
async fn a_daemon_in_manual_mode_is_subscribed_to() {
    let mut stage = Stage::with(|world| fault(world, json!({"manual": true})), |_| {}).await.up().await;
    stage.world.command(Command::Say(Box::new(say("alice", "hello"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("hello"));
}

#[tokio::test]
async fn an_answer_quotes_the_persons_message() {
    let mut stage = Stage::set().await;
    stage.world.command(Command::Say(Box::new(say("alice", "confirm"))));
    let inbound = stage.next().await;
    let quote = reeve::approval::signal::Quote {
        timestamp: inbound.timestamp,
        author: Some(inbound.sender_uuid),
        text: "confirm".into(),
    };
    stage.link.send(stage.approver("alice"), &Answer::UnknownToken.text(), Some(quote)).await.unwrap();
    assert_eq!(stage.world.wait_for_messages("alice", 1, PATIENCE)[0].quote, Some(inbound.timestamp));
}

/// The process that the demo starts; ended with the test.
struct Process(std::process::Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn the_stand_in_as_a_process_answers_by_itself_knowing_only_the_text() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_reeve-signal-stand-in"));
    child.arg("--socket").arg(socket(dir.path())).args([
        "--account",
        ACCOUNT,
        "--own-uuid",
        US,
        "--auto",
        "deny",
    ]);
    for (name, digit) in everybody() {
        child.arg("--person").arg(format!("{name},{},{}", uuid(digit), key(digit)));
    }
    let mut process = Process(child.stdout(std::process::Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    std::io::BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let (link, inbox) = Link::start(config(dir.path()), people(), Arc::new(SystemClock));
    let world = World::new(ACCOUNT, US, Vec::new());
    let mut stage = Stage { world, daemon: None, people: people(), link, inbox, dir }.up().await;
    let pending = stage.ask().await;
    let inbound = stage.next().await;
    let judged = vote::judge(&inbound, std::slice::from_ref(&pending), &stage.people, SystemClock.now());
    assert!(matches!(judged, Judged::Refuse(_)), "{judged:?}");
}
