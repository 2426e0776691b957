//! What a rule may ask of people beyond one yes: several groups, a hold, a time of the day, a name.

use std::time::{Duration, Instant};

use reeve::gate::protocol::{Answer, Call, State};
use reeve::sys::clock::{Clock, SystemClock};

use crate::launcher::a_moment;
use crate::phones::token;
use crate::stage::{ALICE, MALLORY, Stage, zfs};

/// Reviews whatever destroys, on these terms.
fn policy(terms: &str) -> String {
    format!(
        "def evaluate(tool, args, context):\n    if context.get(\"effect\") != \"destroy\":\n        return allow(\"free\")\n    \
         return review(\"destroying needs people\", {terms})\n"
    )
}

/// So many minutes from now, as a time of the day in UTC.
fn in_minutes(minutes: i64) -> String {
    let now = SystemClock.now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let minute = (i64::try_from(now / 60).unwrap() + minutes).rem_euclid(24 * 60);
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[tokio::test]
async fn of_two_groups_each_must_say_yes_and_who_is_in_both_counts_once() {
    let stage = Stage::with(&policy("groups = {\"storage\": 1, \"owners\": 1}")).await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    assert_eq!(op.approval.unwrap().needed, 2);
    let prompt = stage.phones.messages("bob", 1).remove(0).text;
    assert!(prompt.contains("needs 2: 1 of owners, 1 of storage"), "{prompt}");
    // Bob is in both.
    stage.phones.votes("bob", 1, "CONFIRM");
    stage.phones.messages("bob", 2);
    let waiting = stage.look("librarian", &op.id).await.unwrap();
    assert_eq!((waiting.state, waiting.approval.unwrap().given), (State::Pending, 1));
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&op.id, State::Succeeded).await;
    assert_eq!(stage.launcher.commands(), ["destroy tank/media@old"]);
}

#[tokio::test]
async fn two_of_one_group_are_not_one_of_each() {
    let stage = Stage::with(&policy("groups = {\"storage\": 1, \"owners\": 1}")).await;
    let config = stage.read("gate.toml").replace("\"storage\", \"owners\"", "\"storage\"");
    let carol = "[[approver]]\nname = \"carol\"\nuuid = \"cccccccc-1111-4111-8111-111111111111\"\nfingerprint = \"05CC\"\ngroups = [\"owners\"]\n"
        .replace("05CC", &format!("05{}", "d".repeat(64)));
    stage.write("gate.toml", &(config + &carol));
    stage.reload();
    // Nobody of the owners can be reached, so nobody at all is asked.
    let refused = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap_err();
    assert!(refused.detail.starts_with("no channel: 1 of the approvers"), "{refused:?}");
    assert!(stage.phones.so_far("alice").iter().all(|message| !message.is_question()));
}

#[tokio::test]
async fn while_it_is_held_anybody_who_was_asked_may_still_say_no() {
    let stage = Stage::with(&policy("group = \"storage\", hold = \"1h\"")).await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.votes("alice", 1, "CONFIRM");
    let heard = stage.phones.messages("alice", 2).remove(1).text;
    assert!(heard.contains("until then a DENY from any of you stops it"), "{heard}");
    let held = stage.until(&op.id, State::Approved).await;
    assert!(held.approval.unwrap().runs_at.is_some());
    let Answer::Approvals(waiting) = stage.call("librarian", Call::Pending).await.unwrap() else { panic!() };
    assert_eq!(waiting[0].operation, op.id, "it can be found to be refused");
    let told = stage.phones.messages("bob", 2).remove(1).text;
    assert!(told.contains("approved, runs at") && told.contains("Confirmed by alice."), "{told}");
    stage.phones.says("bob", &format!("DENY {}", token(&stage.phones.so_far("bob")[0].text)));
    let refused = stage.until(&op.id, State::Refused).await;
    assert!(refused.is_final);
    a_moment();
    assert_eq!(stage.launcher.commands(), [""; 0]);
    let metrics = stage.call("operator", Call::Metrics).await.unwrap();
    let Answer::Text(text) = metrics else { panic!() };
    assert!(text.contains("reeve_approvals_total{outcome=\"vetoed\"} 1"), "{text}");
}

#[tokio::test]
async fn an_approver_whom_the_rule_does_not_ask_may_say_no_too() {
    for held in [false, true] {
        let stage = Stage::with(&policy("group = \"owners\", hold = \"1h\"")).await;
        let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
        let asked = token(&stage.phones.messages("bob", 1)[0].text);
        assert!(stage.phones.so_far("alice").is_empty(), "she is not asked");
        if held {
            stage.phones.says("bob", &format!("CONFIRM {asked}"));
            stage.until(&op.id, State::Approved).await;
        }
        let yes = stage.phones.hears("alice", &format!("CONFIRM {asked}"));
        assert!(yes.starts_with("Not counted: you are not among the people"), "{yes}");
        let no = stage.phones.hears("alice", &format!("DENY {asked}"));
        assert!(no.starts_with("⛔ Recorded: refused."), "{no}");
        stage.until(&op.id, State::Refused).await;
        assert_eq!(stage.launcher.commands(), [""; 0]);
    }
}

#[tokio::test]
async fn what_was_held_runs_when_its_time_has_come_even_if_the_gate_was_killed_meanwhile() {
    let mut stage = Stage::with(&policy("group = \"storage\", hold = \"4s\"")).await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let begun = Instant::now();
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&op.id, State::Approved).await;
    stage.crash().await;
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Approved);
    stage.until(&op.id, State::Succeeded).await;
    assert!(begun.elapsed() >= Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(stage.launcher.commands(), ["destroy tank/media@old"]);
}

#[tokio::test]
async fn what_became_another_thing_while_it_was_held_is_asked_about_anew() {
    let stage = Stage::with(&policy("group = \"storage\", hold = \"2s\"")).await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&op.id, State::Approved).await;
    stage.zfs.replace("tank/media@old");
    stage.until(&op.id, State::Pending).await;
    assert_eq!(stage.launcher.commands(), [""; 0]);
    assert!(stage.zfs.has("tank/media@old"));
}

#[tokio::test]
async fn who_left_while_it_was_held_does_not_carry_it_any_more() {
    let stage = Stage::with(&policy("group = \"storage\", hold = \"3s\"")).await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&op.id, State::Approved).await;
    let config = stage.read("gate.toml");
    let (alice, bob) = (config.find("[[approver]]").unwrap(), config.rfind("[[approver]]").unwrap());
    stage.write("gate.toml", &(config[..alice].to_owned() + &config[bob..]));
    stage.reload();
    let ended = stage.until(&op.id, State::Failed).await;
    assert!(ended.error.unwrap().contains("people who may decide changed"));
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn what_is_approved_for_a_time_of_the_day_waits_for_it_and_can_be_taken_back() {
    let window = format!("group = \"storage\", window = \"{}-{}\"", in_minutes(360), in_minutes(420));
    let stage = Stage::with(&policy(&window)).await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    assert!(stage.phones.messages("alice", 1)[0].text.contains("runs between "));
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&op.id, State::Approved).await;
    a_moment();
    assert_eq!(stage.launcher.commands(), [""; 0]);
    stage.call("librarian", Call::Cancel { op: op.id.clone() }).await.unwrap();
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Cancelled);
}

#[tokio::test]
async fn in_its_time_of_the_day_it_runs_at_once() {
    let window = format!("group = \"storage\", window = \"{}-{}\"", in_minutes(-60), in_minutes(60));
    let stage = Stage::with(&policy(&window)).await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&op.id, State::Succeeded).await;
}

#[tokio::test]
async fn what_is_lost_for_good_is_approved_by_its_name_only() {
    let stage = Stage::with(&policy("group = \"storage\"")).await;
    stage.zfs.add("tank/media/only-copy");
    let op = stage.submit("librarian", zfs("destroy", "tank/media/only-copy")).await.unwrap();
    assert_eq!(op.approval.unwrap().repeat.as_deref(), Some("tank/media/only-copy"));
    let prompt = stage.phones.messages("alice", 1).remove(0).text;
    stage.phones.says("alice", &format!("CONFIRM {}", token(&prompt)));
    assert!(stage.phones.messages("alice", 2)[1].text.contains("Not counted"));
    let here = |object: Option<&str>| Call::Vote {
        approval: op.id.clone(),
        confirm: true,
        object: object.map(str::to_owned),
    };
    assert!(stage.ask_as(ALICE, &here(None)).unwrap().is_err());
    assert!(stage.ask_as(ALICE, &here(Some("tank/media"))).unwrap().is_err());
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
    stage.phones.votes("alice", 2, "CONFIRM");
    stage.until(&op.id, State::Succeeded).await;
    assert_eq!(stage.launcher.commands(), ["destroy tank/media/only-copy"]);
}

#[tokio::test]
async fn a_name_that_only_looks_the_same_or_begins_the_same_approves_nothing() {
    let stage = Stage::with(&policy("group = \"storage\"")).await;
    for name in ["tank/media/copy", "tank/media/copy1"] {
        stage.zfs.add(name);
    }
    let op = stage.submit("librarian", zfs("destroy", "tank/media/copy")).await.unwrap();
    let asked = token(&stage.phones.messages("alice", 1)[0].text);
    // The second has a Cyrillic letter, the last two say more than was asked.
    let wrong =
        ["tank/media/cop", "tank/media/c\u{43e}py", "tank/media/copy1", "tank/media/copy tank/media/copy1"];
    for (number, name) in wrong.into_iter().enumerate() {
        stage.phones.says("alice", &format!("CONFIRM {asked} {name}"));
        let answer = stage.phones.messages("alice", number + 2).pop().unwrap().text;
        assert!(answer.contains("Not counted"), "{name}: {answer}");
    }
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
    assert!(stage.zfs.has("tank/media/copy") && stage.zfs.has("tank/media/copy1"));
}

#[tokio::test]
async fn the_question_shows_where_it_stands_and_no_token_once_it_was_answered() {
    let stage = Stage::with(&policy("approvals = 2, group = \"storage\"")).await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let asked = token(&stage.phones.messages("bob", 1)[0].text);
    stage.phones.votes("alice", 1, "CONFIRM");
    let now = stage.phones.shows("bob", "needs 2, has 1");
    assert!(!now.contains(&asked), "{now}");
    stage.phones.says("bob", &format!("CONFIRM {asked}"));
    stage.until(&op.id, State::Succeeded).await;
    for who in ["alice", "bob"] {
        assert!(!stage.phones.shows(who, "✅ done, and the host shows it").contains("CONFIRM"));
    }
}

#[tokio::test]
async fn all_of_a_long_list_is_shown_on_the_host_to_those_who_may_decide() {
    let stage = Stage::with(&policy("group = \"storage\"")).await;
    for number in 0..8 {
        stage.zfs.add(&format!("tank/media/films@s{number}"));
    }
    let whole = serde_json::json!({"kind": "zfs", "op": "destroy", "resource": "tank/media/films", "params": {"recursive": true}});
    let op = stage.submit("librarian", whole).await.unwrap();
    let prompt = stage.phones.messages("alice", 1).remove(0).text;
    let id = op.approval.unwrap().id;
    assert!(prompt.contains(&format!("all of it: reeve show {id}")), "{prompt}");
    let call = Call::Show { id };
    let Some(Ok(Answer::Document(shown))) = stage.ask_as(ALICE, &call) else { panic!("nothing is shown") };
    let objects = shown["operation"]["effects"]["objects"].as_array().unwrap();
    assert!(objects.len() >= 9, "{shown}");
    let digest = shown["effects_digest"].as_str().unwrap();
    assert!(prompt.contains(&digest[..23]), "{digest} is not in {prompt}");
    assert!(!shown.to_string().contains(&token(&prompt)));
    assert!(stage.ask_as(MALLORY, &call).is_none());
    assert!(stage.call("operator", call).await.is_err(), "it is not for the network");
}
