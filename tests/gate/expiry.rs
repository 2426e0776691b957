//! Time that runs out: for people who do not answer, and for what they said yes to.

use std::time::{Duration, Instant};

use reeve::gate::protocol::State;
use reeve::job::{Job, Store};

use crate::stage::{PATIENCE, POLICY, Stage, zfs};

const YEAR_MS: u64 = 365 * 86_400_000;

/// Changes what the store holds of a request, as if so much time had gone by while the gate was down.
async fn meanwhile(stage: &mut Stage, id: &str, change: impl FnOnce(&mut Job)) {
    stage.kill();
    let store = Store::open(&stage.path("state/state.redb")).unwrap();
    let mut job = store.get(id).unwrap().unwrap();
    change(&mut job);
    store.put(&job).unwrap();
    drop(store);
    stage.start().await;
}

/// The message of alice's that has these words, once she has it.
async fn hears(stage: &Stage, words: &str) -> String {
    let begun = Instant::now();
    loop {
        let messages = stage.phones.so_far("alice");
        if let Some(message) = messages.into_iter().find(|message| message.text.contains(words)) {
            return message.text;
        }
        assert!(begun.elapsed() < PATIENCE, "alice never hears {words:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn nobody_answering_ends_as_expired_and_not_as_refused() {
    let mut stage = Stage::with(POLICY).await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.messages("alice", 1);
    meanwhile(&mut stage, &op.id, |job| job.approval.as_mut().unwrap().expires_at = 1).await;
    stage.until(&op.id, State::Expired).await;
    let told = hears(&stage, "expired, nothing ran").await;
    assert!(told.contains("not a refusal"), "{told}");
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn setting_the_wall_clock_back_does_not_keep_a_question_alive() {
    let mut stage = Stage::with(POLICY).await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.messages("alice", 1);
    meanwhile(&mut stage, &op.id, |job| {
        let approval = job.approval.as_mut().unwrap();
        approval.expires_at += YEAR_MS;
        approval.expires_boot.ms = 0;
    })
    .await;
    stage.until(&op.id, State::Expired).await;
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn what_was_approved_too_long_ago_does_not_run() {
    for by_wall in [true, false] {
        let mut stage = Stage::with(&POLICY.replace("ttl = ", "hold = \"3s\", ttl = ")).await;
        let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
        stage.phones.votes("alice", 1, "CONFIRM");
        stage.until(&op.id, State::Approved).await;
        meanwhile(&mut stage, &op.id, |job| {
            let runs = job.approval.as_mut().unwrap().runs.as_mut().unwrap();
            (runs.from, runs.held_until.ms) = (0, 0);
            if by_wall {
                runs.until = 1;
            } else {
                // The wall clock was set back.
                runs.until += YEAR_MS;
                runs.until_boot.ms = 0;
            }
        })
        .await;
        let ended = stage.until(&op.id, State::Expired).await;
        assert!(ended.error.unwrap().contains("could not begin in its time"));
        let told = hears(&stage, "too late to begin").await;
        assert!(!told.contains("Nobody decided"), "{told}");
        assert_eq!(stage.launcher.commands(), [""; 0]);
        assert!(stage.zfs.has("tank/media@old"));
    }
}
