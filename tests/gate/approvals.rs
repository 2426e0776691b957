//! From the question to the deed: who is asked, whose yes counts, and what it counts for.

use reeve::gate::protocol::{Answer, Call, ProblemKind, State};
use reeve::operation::Submission;

use crate::launcher::a_moment;
use crate::phones::token;
use crate::stage::{LENIENT, Stage, kind, snapshot, submission, zfs};

#[tokio::test]
async fn what_a_person_was_sent_is_all_it_takes_to_approve_and_it_runs_exactly_once() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    assert_eq!((op.state, op.approval.unwrap().needed), (State::Pending, 1));
    stage.phones.votes("alice", 1, "CONFIRM");
    let done = stage.until(&op.id, State::Succeeded).await;
    assert_eq!(done.verified, Some(true));
    stage.phones.votes("bob", 2, "CONFIRM");
    stage.phones.messages("bob", 3);
    assert_eq!(stage.launcher.commands(), ["destroy tank/media@old"]);
}

#[tokio::test]
async fn two_of_two_are_two_people() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    let prompt = stage.phones.messages("alice", 1).remove(0);
    for _ in 0..2 {
        stage.phones.says("alice", &format!("CONFIRM {}", token(&prompt.text)));
    }
    stage.phones.messages("alice", 3);
    let waiting = stage.look("librarian", &op.id).await.unwrap();
    assert_eq!((waiting.state, waiting.approval.unwrap().given), (State::Pending, 1));
    stage.phones.votes("bob", 1, "CONFIRM");
    stage.until(&op.id, State::Succeeded).await;
    assert_eq!(stage.launcher.commands(), ["destroy tank/vm@old"]);
}

#[tokio::test]
async fn who_is_no_longer_an_approver_no_longer_counts() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.phones.messages("alice", 2);
    let config = stage.read("gate.toml");
    let alice = config.find("[[approver]]").unwrap();
    let bob = config.rfind("[[approver]]").unwrap();
    stage.write("gate.toml", &(config[..alice].to_owned() + &config[bob..]));
    stage.reload();
    // Beside the question he is told that alice is none any more.
    stage.phones.messages("bob", 2);
    stage.phones.votes("bob", 1, "CONFIRM");
    stage.phones.messages("bob", 3);
    let waiting = stage.look("librarian", &op.id).await.unwrap();
    assert_eq!((waiting.state, waiting.approval.unwrap().given), (State::Pending, 1));
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn who_names_an_approver_as_its_principal_has_one_less_to_say_yes() {
    let stage = Stage::set().await;
    let on_behalf_of = Some("alice".to_owned());
    let submission = Submission { on_behalf_of, ..submission(zfs("destroy", "tank/vm@old")) };
    let refused = stage.submit_with("librarian", submission, None).await.unwrap_err();
    assert_eq!(refused.kind, ProblemKind::NoChannel, "{refused:?}");
    assert!(stage.phones.so_far("bob").is_empty() && stage.zfs.has("tank/vm@old"));
}

#[tokio::test]
async fn the_network_side_is_not_shown_what_people_are_and_votes_nothing() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let id = op.approval.unwrap().id;
    for call in [Call::Show { id: id.clone() }, Call::Vote { approval: id, confirm: true, object: None }] {
        // Whoever took the front over may name any principal, an admin too.
        for caller in ["librarian", "operator"] {
            let refused = stage.call(caller, call.clone()).await;
            assert_eq!(kind(refused), ProblemKind::Forbidden, "{caller}: {call:?}");
        }
    }
    // In an admin's name it can freeze, which is safe.
    for call in [Call::Freeze { who: None, why: None }, Call::Thaw { who: None }] {
        assert_eq!(kind(stage.call("librarian", call.clone()).await), ProblemKind::Forbidden, "{call:?}");
    }
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
}

#[tokio::test]
async fn an_agent_cannot_bury_people_in_questions_and_all_agents_together_cannot() {
    for (bound, word) in [("per_principal = 1", "1 operations of the caller"), ("overall = 1", "1 in all")] {
        let mut stage = Stage::set().await;
        stage.kill();
        let bounds = format!("[approvals]\n{bound}\n\n[launcher]");
        stage.write("gate.toml", &stage.read("gate.toml").replace("[launcher]", &bounds));
        stage.start().await;
        stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
        let second = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap_err();
        assert!(second.kind == ProblemKind::Busy && second.detail.contains(word), "{bound}: {second:?}");
        let other = stage.submit("archivist", zfs("destroy", "tank/archive@old")).await;
        assert_eq!(other.is_ok(), bound.starts_with("per_principal"), "{bound}: {other:?}");
    }
}

#[tokio::test]
async fn one_deny_ends_it_and_no_later_yes_revives_it() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.votes("bob", 1, "DENY");
    stage.until(&op.id, State::Refused).await;
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.phones.messages("alice", 3);
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Refused);
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn on_whose_behalf_it_is_asked_is_neither_asked_nor_counted() {
    let stage = Stage::set().await;
    let submission =
        Submission { on_behalf_of: Some("Alice".to_owned()), ..submission(zfs("destroy", "tank/media@old")) };
    let op = stage.submit_with("librarian", submission, None).await.unwrap();
    let prompt = stage.phones.messages("bob", 1).remove(0);
    assert!(stage.phones.so_far("alice").is_empty());
    stage.phones.says("alice", &format!("CONFIRM {}", token(&prompt.text)));
    stage.phones.messages("alice", 1);
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
    stage.phones.says("bob", &format!("CONFIRM {}", token(&prompt.text)));
    stage.until(&op.id, State::Succeeded).await;
}

#[tokio::test]
async fn nobody_of_a_chain_on_whose_behalf_it_is_asked_decides() {
    let stage = Stage::set().await;
    let ask = |on_behalf_of: &str, name: &str| {
        let on_behalf_of = Some(on_behalf_of.to_owned());
        let submission = Submission { on_behalf_of, ..submission(zfs("destroy", name)) };
        stage.submit_with("librarian", submission, None)
    };
    let refused = ask("Alice > bob", "tank/media@old").await.unwrap_err();
    assert_eq!(refused.kind, ProblemKind::NoChannel, "{refused:?}");
    let op = ask("the scheduler, for alice", "tank/media/films@old").await.unwrap();
    let prompt = stage.phones.messages("bob", 1).remove(0);
    assert!(prompt.text.contains("librarian for \"the scheduler, for alice\" asks"), "{}", prompt.text);
    assert!(stage.phones.so_far("alice").is_empty());
    let told = stage.phones.hears("alice", &format!("CONFIRM {}", token(&prompt.text)));
    assert!(told.starts_with("Not counted: you asked for this yourself"), "{told}");
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
}

#[tokio::test]
async fn the_same_again_joins_what_waits_and_another_agents_does_not() {
    let stage = Stage::set().await;
    let destroy = || zfs("destroy", "tank/media/films@old");
    let first = stage.submit("librarian", destroy()).await.unwrap();
    let again = stage.submit("librarian", destroy()).await.unwrap();
    assert_eq!(again.id, first.id);
    let anothers = stage.submit("archivist", destroy()).await.unwrap();
    assert_ne!(anothers.id, first.id);
    assert_eq!(anothers.principal.as_str(), "archivist");
    assert_eq!(stage.phones.messages("alice", 2).len(), 2);
}

#[tokio::test]
async fn another_thing_of_the_same_name_is_asked_about_anew() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let old = token(&stage.phones.messages("alice", 1)[0].text);
    stage.zfs.replace("tank/media@old");
    stage.phones.votes("alice", 1, "CONFIRM");
    // The answer to the vote, that it changed, and the new question, in whichever order.
    let new =
        stage.phones.messages("bob", 3).into_iter().rev().find(|message| message.text.contains("CONFIRM"));
    let new = token(&new.unwrap().text);
    assert_ne!(new, old);
    stage.until(&op.id, State::Pending).await;
    stage.phones.says("bob", &format!("CONFIRM {old}"));
    a_moment();
    assert!(stage.zfs.has("tank/media@old"));
    assert_eq!(stage.launcher.commands(), [""; 0]);
    stage.phones.says("bob", &format!("CONFIRM {new}"));
    stage.until(&op.id, State::Succeeded).await;
    assert_eq!(stage.launcher.commands(), ["destroy tank/media@old"]);
}

#[tokio::test]
async fn what_is_gone_when_it_should_be_destroyed_needs_no_destroying() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.zfs.remove("tank/media@old");
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&op.id, State::Succeeded).await;
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn a_rollback_to_a_snapshot_that_is_gone_has_not_succeeded() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("rollback", "tank/media@old")).await.unwrap();
    stage.zfs.remove("tank/media@old");
    stage.phones.votes("alice", 1, "CONFIRM");
    let failed = stage.until(&op.id, State::Failed).await;
    assert_ne!(failed.verified, Some(true));
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn what_was_taken_back_cannot_be_approved() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.messages("alice", 1);
    stage.call("librarian", Call::Cancel { op: op.id.clone() }).await.unwrap();
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.phones.messages("alice", 3);
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Cancelled);
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn what_was_refused_cools_down() {
    let stage = refused().await;
    assert_eq!(
        kind(stage.submit("librarian", zfs("destroy", "tank/media@old")).await),
        ProblemKind::CoolDown
    );
}

#[tokio::test]
async fn what_was_refused_cools_down_across_a_crash() {
    let mut stage = refused().await;
    stage.crash().await;
    assert_eq!(
        kind(stage.submit("librarian", zfs("destroy", "tank/media@old")).await),
        ProblemKind::CoolDown
    );
}

#[tokio::test]
async fn what_was_refused_cools_down_however_much_is_asked_meanwhile() {
    let stage = refused().await;
    for _ in 0..520 {
        stage.submit("librarian", zfs("list", "tank/media")).await.unwrap();
    }
    assert_eq!(
        kind(stage.submit("librarian", zfs("destroy", "tank/media@old")).await),
        ProblemKind::CoolDown
    );
}

#[tokio::test]
async fn taking_back_and_asking_again_does_not_ring_phones_for_ever() {
    let stage = Stage::set().await;
    let mut asked = 0;
    for _ in 0..10 {
        let Ok(op) = stage.submit("librarian", zfs("destroy", "tank/media@old")).await else { break };
        asked += 1;
        stage.call("librarian", Call::Cancel { op: op.id }).await.unwrap();
    }
    assert!(asked < 10, "people were asked {asked} times");
}

async fn refused() -> Stage {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.votes("alice", 1, "DENY");
    stage.until(&op.id, State::Refused).await;
    stage
}

#[tokio::test]
async fn a_key_stands_for_one_operation_of_one_caller() {
    let stage = Stage::with(LENIENT).await;
    let ask = |caller, name: &str| {
        stage.submit_with(caller, submission(snapshot("tank/media/films", name)), Some("key-1"))
    };
    let first = ask("librarian", "one").await.unwrap();
    assert_eq!(ask("librarian", "one").await.unwrap(), first);
    assert_eq!(kind(ask("librarian", "two").await), ProblemKind::IdempotencyConflict);
    assert_ne!(ask("archivist", "two").await.unwrap().id, first.id);
    assert_eq!(stage.launcher.commands().len(), 2);
}

#[tokio::test]
async fn the_same_key_at_once_is_one_operation() {
    let stage = Stage::with(LENIENT).await;
    let ask = || stage.submit_with("librarian", submission(snapshot("tank/media", "one")), Some("key-1"));
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    let ids = [one.unwrap().id, two.unwrap().id, three.unwrap().id];
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(stage.launcher.commands(), ["snapshot tank/media@one"]);
}

#[tokio::test]
async fn a_key_that_joined_what_waits_still_stands_for_it_when_it_has_ended() {
    let stage = Stage::set().await;
    let destroy = || submission(zfs("destroy", "tank/media@old"));
    let first = stage.submit_with("librarian", destroy(), None).await.unwrap();
    assert_eq!(stage.submit_with("librarian", destroy(), Some("key-1")).await.unwrap().id, first.id);
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&first.id, State::Succeeded).await;
    stage.zfs.add("tank/media@old");
    assert_eq!(stage.submit_with("librarian", destroy(), Some("key-1")).await.unwrap().id, first.id);
}

#[tokio::test]
async fn a_read_with_a_key_is_remembered_as_it_ended() {
    let mut stage = Stage::set().await;
    let read = || submission(zfs("list", "tank/media"));
    let first = stage.submit_with("librarian", read(), Some("key-1")).await.unwrap();
    assert_eq!(first.state, State::Succeeded);
    stage.crash().await;
    assert_eq!(stage.submit_with("librarian", read(), Some("key-1")).await.unwrap().state, State::Succeeded);
}

#[tokio::test]
async fn no_more_than_five_of_one_caller_wait_for_people() {
    let stage = Stage::set().await;
    for number in 0..6 {
        stage.zfs.add(&format!("tank/media@s{number}"));
    }
    for number in 0..5 {
        let op = stage.submit("librarian", zfs("destroy", &format!("tank/media@s{number}"))).await.unwrap();
        assert_eq!(op.state, State::Pending);
    }
    assert_eq!(kind(stage.submit("librarian", zfs("destroy", "tank/media@s5")).await), ProblemKind::Busy);
    let others = stage.submit("archivist", zfs("destroy", "tank/archive@old")).await.unwrap();
    assert_eq!(others.state, State::Pending);
    let Answer::Approvals(waiting) = stage.call("archivist", Call::Pending).await.unwrap() else { panic!() };
    assert_eq!(waiting.len(), 1);
}
