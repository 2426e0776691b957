//! What people do at three in the morning, with two questions on the screen and one eye open, and what an agent does that
//! counts on it.

use std::time::{Duration, Instant};

use reeve::gate::protocol::{Call, ProblemKind, State};

use crate::launcher::{Way, a_moment};
use crate::phones::{Message, token};
use crate::stage::{ALICE, PATIENCE, POLICY, Stage, kind, zfs};

/// What waits, and the question that alice was sent about it.
struct Asked {
    id: String,
    timestamp: u64,
    token: String,
}

async fn ask(stage: &Stage, name: &str) -> Asked {
    let op = stage.submit("librarian", zfs("destroy", name)).await.unwrap();
    let begun = Instant::now();
    let question = loop {
        let about = format!("asks: zfs destroy {name}\n");
        let of_it = |message: &Message| message.is_question() && message.text.contains(&about);
        if let Some(question) = stage.phones.so_far("alice").into_iter().rfind(of_it) {
            break question;
        }
        assert!(begun.elapsed() < PATIENCE, "alice is not asked about {name}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    Asked { id: op.id, timestamp: question.timestamp, token: token(&question.text) }
}

async fn stands(stage: &Stage, asked: &Asked) -> (State, u32) {
    let now = stage.look("librarian", &asked.id).await.unwrap();
    (now.state, now.approval.map_or(0, |approval| approval.given))
}

#[tokio::test]
async fn who_answers_the_wrong_one_of_two_is_told_which_it_was_and_takes_it_back() {
    let stage = Stage::set().await;
    stage.zfs.add("tank/vm@older");
    let (meant, other) = (ask(&stage, "tank/vm@old").await, ask(&stage, "tank/vm@older").await);
    let told = stage.phones.hears("alice", &format!("CONFIRM {}", other.token));
    assert!(
        told.contains("1 of 2 have confirmed") && told.ends_with("\n  zfs destroy tank/vm@older"),
        "{told}"
    );
    assert!(told.contains("If it was a mistake, DENY stops it"), "{told}");
    // She who has said yes may say no.
    stage.phones.says("alice", &format!("DENY {}", other.token));
    stage.until(&other.id, State::Refused).await;
    assert_eq!(stands(&stage, &meant).await, (State::Pending, 0));
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn one_person_is_one_yes_however_often_and_in_which_way_it_is_said() {
    let stage = Stage::set().await;
    let asked = ask(&stage, "tank/vm@old").await;
    let confirm = format!("CONFIRM {}", asked.token);
    assert!(stage.phones.hears("alice", &confirm).contains("1 of 2"));
    let again = [
        stage.phones.hears("alice", &confirm),
        stage.phones.replies("alice", asked.timestamp, "confirm"),
        stage.phones.replies("alice", asked.timestamp, &confirm),
    ];
    for told in again {
        assert!(told.starts_with("Nothing was changed: you have confirmed this before"), "{told}");
    }
    let here = Call::Vote { approval: asked.id.clone(), confirm: true, object: None };
    assert!(stage.ask_as(ALICE, &here).unwrap().is_err());
    assert_eq!(stands(&stage, &asked).await, (State::Pending, 1));
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn yes_ok_and_a_thumb_approve_nothing_and_each_is_told_what_would() {
    let stage = Stage::set().await;
    let asked = ask(&stage, "tank/media@old").await;
    for text in ["yes", "ok", "y", "approved", "go", "👍", "confirmed", "please confirm"] {
        let told = stage.phones.replies("alice", asked.timestamp, text);
        assert_eq!(told, "Not a vote. Reply CONFIRM or DENY.\n  zfs destroy tank/media@old", "{text}");
    }
    for emoji in ["👍", "👍🏽", "✅", "❤️"] {
        let told = stage.phones.reacts("alice", asked.timestamp, emoji);
        assert!(told.starts_with("Not counted: a reaction approves nothing."), "{emoji}: {told}");
    }
    assert_eq!(stands(&stage, &asked).await, (State::Pending, 0));
}

#[tokio::test]
async fn words_behind_the_token_or_none_before_it_are_no_yes_and_the_next_try_is_not_lost() {
    let stage = Stage::set().await;
    let asked = ask(&stage, "tank/media@old").await;
    let token = &asked.token;
    for text in [
        format!("CONFIRM {token} please"),
        format!("CONFIRM {token}."),
        format!("CONFIRM {token} and the other one too"),
        format!("CONFIRM: {token}"),
        // The last line as it stands, of which either half would be an answer.
        format!("CONFIRM {token}   or   DENY {token}"),
        format!("CONFIRM {}", &token[..14]),
        "CONFIRM".to_owned(),
        "CONFIRM tank/media@old".to_owned(),
    ] {
        let told = stage.phones.hears("alice", &text);
        assert!(told.starts_with("Not counted: "), "{text}: {told}");
    }
    // As a phone writes it, and as tired fingers do.
    let sloppy = token.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
    stage.phones.says("alice", &format!("  confirm  {sloppy}\n"));
    stage.until(&asked.id, State::Succeeded).await;
    assert_eq!(stage.launcher.commands(), ["destroy tank/media@old"]);
}

#[tokio::test]
async fn a_question_that_is_sent_back_as_a_whole_settles_nothing() {
    let stage = Stage::set().await;
    let asked = ask(&stage, "tank/media@old").await;
    let question = stage.phones.so_far("alice").remove(0).text;
    for text in [question.clone(), format!("{question}\nCONFIRM"), format!("yes\nCONFIRM {}", asked.token)] {
        let told = stage.phones.replies("alice", asked.timestamp, &text);
        assert!(told.starts_with("Not a vote."), "{text}: {told}");
    }
    assert_eq!(stands(&stage, &asked).await, (State::Pending, 0));
}

#[tokio::test]
async fn a_reply_to_one_question_with_the_token_of_another_settles_neither() {
    let stage = Stage::set().await;
    let (one, two) = (ask(&stage, "tank/media@old").await, ask(&stage, "tank/media/films@old").await);
    for word in ["CONFIRM", "DENY"] {
        let told = stage.phones.replies("alice", one.timestamp, &format!("{word} {}", two.token));
        assert!(told.starts_with("Not counted: the token belongs to one request"), "{told}");
        // Which ones is not said again: whoever reads it has both before them.
        assert!(!told.contains("tank/"), "{told}");
    }
    for asked in [&one, &two] {
        assert_eq!(stands(&stage, asked).await, (State::Pending, 0));
    }
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn who_answers_a_list_in_one_breath_decides_each_as_it_was_meant() {
    let stage = Stage::set().await;
    let names = ["a", "b", "c", "d"].map(|name| format!("tank/media@{name}"));
    let mut asked = Vec::new();
    for name in &names {
        stage.zfs.add(name);
        asked.push(ask(&stage, name).await);
    }
    // Nothing is waited for between one and the next.
    for (one, word) in asked.iter().zip(["CONFIRM", "DENY", "CONFIRM", "DENY"]) {
        stage.phones.says("alice", &format!("{word} {}", one.token));
    }
    for (one, end) in asked.iter().zip([State::Succeeded, State::Refused, State::Succeeded, State::Refused]) {
        stage.until(&one.id, end).await;
    }
    assert_eq!(names.each_ref().map(|name| stage.zfs.has(name)), [false, true, false, true]);
    let mut ran = stage.launcher.commands();
    ran.sort();
    assert_eq!(ran, ["destroy tank/media@a", "destroy tank/media@c"]);
}

#[tokio::test]
async fn an_old_question_is_no_way_to_the_one_that_took_its_place() {
    let stage = Stage::set().await;
    let asked = ask(&stage, "tank/vm@old").await;
    stage.phones.votes("bob", 1, "CONFIRM");
    stage.phones.messages("bob", 2);
    stage.zfs.replace("tank/vm@old");
    stage.phones.says("alice", &format!("CONFIRM {}", asked.token));
    // She is told that her vote counted, that nothing ran, and is asked anew, in whichever order.
    stage.phones.messages("alice", 4);
    stage.phones.messages("bob", 4);
    for told in [
        stage.phones.hears("alice", &format!("CONFIRM {}", asked.token)),
        stage.phones.replies("alice", asked.timestamp, "confirm"),
        stage.phones.replies("bob", stage.phones.so_far("bob")[0].timestamp, "CONFIRM"),
    ] {
        assert!(told.starts_with("Not counted: "), "{told}");
    }
    assert_eq!(stands(&stage, &asked).await, (State::Pending, 0));
    assert!(stage.zfs.has("tank/vm@old"));
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn replies_to_what_is_no_question_decide_nothing() {
    let stage = Stage::set().await;
    let asked = ask(&stage, "tank/vm@old").await;
    stage.phones.hears("alice", &format!("CONFIRM {}", asked.token));
    let answer = stage.phones.so_far("alice").remove(1).timestamp;
    // Her thanks to the answer that she got, and her thumb on it, are about nothing that waits.
    for text in ["CONFIRM", "DENY"] {
        let told = stage.phones.replies("alice", answer, text);
        assert!(told.starts_with("Not counted: it is not clear which request you mean"), "{told}");
    }
    assert_eq!(stands(&stage, &asked).await, (State::Pending, 1));
}

#[tokio::test]
async fn a_no_that_comes_too_late_is_told_so_and_not_that_all_is_well() {
    let stage = Stage::set().await;
    let asked = ask(&stage, "tank/media@old").await;
    stage.launcher.will(Way::Wait);
    stage.phones.votes("bob", 1, "CONFIRM");
    stage.launcher_has(1).await;
    let before = stage.phones.so_far("alice").len();
    stage.phones.says("alice", &format!("DENY {}", asked.token));
    let told = stage.phones.messages("alice", before + 1).remove(before).text;
    assert_eq!(
        told,
        "Not counted: this request was approved, and it is too late to stop it.\n  zfs destroy tank/media@old"
    );
    stage.launcher.will(Way::Obey);
    stage.until(&asked.id, State::Succeeded).await;
}

#[tokio::test]
async fn who_may_not_decide_is_not_told_what_it_was_about() {
    let stage = Stage::with(&POLICY.replace("group = \"storage\"", "group = \"owners\"")).await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let token = token(&stage.phones.messages("bob", 1)[0].text);
    let told = stage.phones.hears("alice", &format!("CONFIRM {token}"));
    assert_eq!(told, "Not counted: you are not among the people who may decide this request.");
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
}

#[tokio::test]
async fn an_agent_that_is_told_no_and_asks_for_the_next_thing_and_the_next_wears_nobody_down() {
    let mut stage = Stage::set().await;
    stage.kill();
    let bounds = "[approvals]\npatience = 3\n\n[launcher]";
    stage.write("gate.toml", &stage.read("gate.toml").replace("[launcher]", bounds));
    stage.start().await;
    for number in 0..4 {
        stage.zfs.add(&format!("tank/media@n{number}"));
    }
    // Refused, taken back, and refused again: each time it was something else.
    let first = ask(&stage, "tank/media@n0").await;
    stage.phones.says("alice", &format!("DENY {}", first.token));
    stage.until(&first.id, State::Refused).await;
    let second = ask(&stage, "tank/media@n1").await;
    stage.call("librarian", Call::Cancel { op: second.id }).await.unwrap();
    let third = ask(&stage, "tank/media@n2").await;
    stage.phones.says("alice", &format!("DENY {}", third.token));
    stage.until(&third.id, State::Refused).await;
    for _ in 0..2 {
        let worn = stage.submit("librarian", zfs("destroy", "tank/media@n3")).await.unwrap_err();
        assert_eq!(worn.kind, ProblemKind::CoolDown, "{worn:?}");
        assert!(worn.retry_after.is_some_and(|left| (1..=600).contains(&left)), "{worn:?}");
        stage.crash().await;
    }
    // What needs nobody goes on, and so does everybody else.
    stage.submit("librarian", zfs("list", "tank/media")).await.unwrap();
    assert_eq!(kind(stage.submit("librarian", zfs("destroy", "tank/vm@old")).await), ProblemKind::CoolDown);
    let other = stage.submit("archivist", zfs("destroy", "tank/archive@old")).await.unwrap();
    assert_eq!(other.state, State::Pending);
    a_moment();
    assert_eq!(stage.records("approval_asked").len(), 4);
}
