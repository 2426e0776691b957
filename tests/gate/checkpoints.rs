//! What people's phones hold of the audit log: a signed checkpoint in each outcome, the news of each day, and the key.

use std::os::unix::fs::PermissionsExt;

use reeve::audit::verify::{History, Options, Report, verify};
use reeve::audit::{NoteKey, SignedCheckpoint};
use reeve::gate::protocol::{Answer, Call, ProblemKind, State};
use reeve::job::Store;
use serde_json::json;

use crate::stage::{Stage, zfs};

/// The message that tells alice of a destroy that she confirmed.
async fn outcome(stage: &Stage, snapshot: &str) -> String {
    let asked = stage.submit("librarian", zfs("destroy", snapshot)).await.unwrap();
    let before = stage.phones.messages("alice", 1).len();
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&asked.id, State::Succeeded).await;
    let messages = stage.phones.messages("alice", before + 2);
    messages.into_iter().find(|message| message.text.contains("done, and the host shows it")).unwrap().text
}

fn held_against(stage: &Stage, message: &str, key: Option<NoteKey>) -> Report {
    let checkpoint = Some(SignedCheckpoint::from_pasted(message).unwrap());
    verify(&stage.path("log"), &Options { checkpoint, key, ..Options::default() })
}

fn key(stage: &Stage) -> NoteKey {
    let started = stage.records("gate_started").pop().unwrap();
    started["detail"]["checkpoint_key"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_message_of_an_outcome_proves_the_log_with_the_outcome_in_it() {
    let mut stage = Stage::set().await;
    let message = outcome(&stage, "tank/media@old").await;
    let report = held_against(&stage, &message, Some(key(&stage)));
    assert!(report.ok, "{report}");
    let outcome = stage.records("outcome").pop().unwrap()["seq"].as_u64().unwrap();
    assert!(report.checkpoint.unwrap().size >= outcome, "it is told after it is recorded");
    let mode = std::fs::metadata(stage.path("state/checkpoint.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let before = key(&stage);
    stage.crash().await;
    assert_eq!(key(&stage), before, "a key is made once");
    let report = held_against(&stage, &message, None);
    assert!(report.ok, "{report}");

    let log = stage.path("log/audit.jsonl");
    let lines: Vec<String> = stage.read("log/audit.jsonl").lines().map(str::to_owned).collect();
    stage.kill();
    let kept = usize::try_from(outcome - 1).unwrap();
    std::fs::write(log, lines[..kept].join("\n") + "\n").unwrap();
    let report = held_against(&stage, &message, None);
    assert_eq!(report.checkpoint.unwrap().history, History::Cut { last: outcome - 1 });
}

#[tokio::test]
async fn another_key_is_told_to_everybody_and_what_the_old_one_signed_still_holds() {
    let mut stage = Stage::set().await;
    let message = outcome(&stage, "tank/media@old").await;
    let old = key(&stage);
    let told = stage.phones.messages("bob", 2).len();
    stage.kill();
    std::fs::remove_file(stage.path("state/checkpoint.key")).unwrap();
    stage.start().await;
    let new = key(&stage);
    assert_ne!(old, new);
    let notice = stage.phones.messages("bob", told + 1).pop().unwrap().text;
    assert!(notice.contains(&format!("  was {old}\n  is  {new}")), "{notice}");
    let report = held_against(&stage, &message, None);
    assert!(report.ok, "{report}");
    assert!(!held_against(&stage, &message, Some(new)).ok);
}

/// Starts the gate anew as if people had last been told so long ago, of so many records.
async fn a_day_later(stage: &mut Stage, seq: u64) -> String {
    let told = stage.phones.so_far("alice").len();
    stage.kill();
    let two_days_ago = {
        use reeve::sys::clock::Clock;
        let now = reeve::sys::clock::SystemClock.now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::try_from(now.as_millis()).unwrap() - 2 * 86_400_000
    };
    let store = Store::open(&stage.path("state/state.redb")).unwrap();
    store.put_note("day", &json!({"at": two_days_ago, "seq": seq})).unwrap();
    drop(store);
    stage.start().await;
    stage.phones.messages("alice", told + 1).pop().unwrap().text
}

#[tokio::test]
async fn each_day_is_told_also_when_nothing_happened() {
    let mut stage = Stage::set().await;
    outcome(&stage, "tank/media@old").await;
    let config = stage.read("gate.toml").replace("daily_at = \"never\"", "daily_at = \"00:00\"");
    stage.write("gate.toml", &config);
    let news = a_day_later(&mut stage, 1).await;
    assert!(
        news.contains("1 operation taken up: 1 succeeded") && !news.contains("nothing happened"),
        "{news}"
    );
    let report = held_against(&stage, &news, None);
    assert!(report.ok, "{report}");

    // As many records as there will ever be were told already: since then nothing was written.
    let news = a_day_later(&mut stage, u64::MAX).await;
    assert!(news.contains("nothing happened"), "{news}");
    assert!(held_against(&stage, &news, None).ok, "silence is signed, too");
}

#[tokio::test]
async fn who_answers_with_what_an_outcome_said_approves_nothing_that_waits() {
    let stage = Stage::set().await;
    let told = outcome(&stage, "tank/media@old").await;
    let spent = crate::phones::token(&stage.phones.messages("alice", 1)[0].text);
    let waiting = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    let count = stage.phones.so_far("alice").len();
    // What only ends in the word is no answer at all, and gets none.
    stage.phones.says("alice", &format!("{told}\nCONFIRM"));
    for (number, text) in [format!("CONFIRM {told}"), format!("CONFIRM {spent}")].into_iter().enumerate() {
        stage.phones.says("alice", &text);
        let answer = stage.phones.messages("alice", count + number + 1).pop().unwrap().text;
        assert!(answer.contains("Not counted"), "{text}: {answer}");
    }
    assert_eq!(stage.look("librarian", &waiting.id).await.unwrap().state, State::Pending);
}

#[tokio::test]
async fn a_checkpoint_of_this_moment_is_had_in_the_chat_and_on_the_host_and_by_no_caller() {
    let stage = Stage::set().await;
    outcome(&stage, "tank/media@old").await;
    let told = stage.phones.so_far("alice").len();
    stage.phones.says("alice", "checkpoint");
    let message = stage.phones.messages("alice", told + 1).pop().unwrap().text;
    let (report, last) = (held_against(&stage, &message, Some(key(&stage))), stage.last_seq());
    assert!(report.ok, "{report}");
    assert_eq!(report.checkpoint.unwrap().size, last, "it is of now, and asking for it leaves no record");

    let here = stage.ask_as(crate::stage::ALICE, &Call::Checkpoint).unwrap().unwrap();
    let Answer::Text(here) = here else { panic!("{here:?}") };
    assert!(held_against(&stage, &here, None).ok, "{here}");
    let refused = stage.call("operator", Call::Checkpoint).await;
    assert_eq!(crate::stage::kind(refused), ProblemKind::Forbidden);
}
