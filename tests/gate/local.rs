//! People on the host, at the gate's socket: the kernel says who they are.

use std::path::Path;
use std::process::Command;

use reeve::gate::client::frame;
use reeve::gate::protocol::{Answer, Ask, Call, Problem, ProblemKind, Reply, State};

use nix::sys::signal::Signal;

use crate::launcher::a_moment;
use crate::stage::{ALICE, BOB, MALLORY, Stage, exchange, kind, submission, zfs};

const SOCKET: &str = "GATE_TEST_SOCKET";
const ASK: &str = "GATE_TEST_ASK";
const MARK: &str = "answer: ";

/// Runs this program again as that user, since a process has one user only.
pub(crate) fn ask_as(socket: &Path, dir: &Path, uid: u32, call: &Call) -> Option<Result<Answer, Problem>> {
    let program = dir.join("asks");
    if !program.exists() {
        // Under a name of its own first: two may ask at once.
        let new = dir.join(format!("asks-{uid}"));
        std::fs::copy(std::env::current_exe().unwrap(), &new).unwrap();
        std::fs::rename(new, &program).unwrap();
    }
    let ask = serde_json::to_string(&Ask { id: 7, caller: None, call: call.clone(), trace: None }).unwrap();
    let uid = uid.to_string();
    let output = Command::new("/usr/bin/setpriv")
        .args(["--reuid", &uid, "--regid", &uid, "--clear-groups", "--"])
        .arg(program)
        .args(["--ignored", "--exact", "--nocapture", "local::asks_as_whoever_it_runs_as"])
        .env(SOCKET, socket)
        .env(ASK, ask)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let at = said.find(MARK).unwrap_or_else(|| panic!("{said}"));
    let line = said[at + MARK.len()..].lines().next().unwrap();
    serde_json::from_str::<Option<Reply>>(line).unwrap().map(|reply| reply.answer)
}

#[test]
#[ignore = "the others run it as another user"]
fn asks_as_whoever_it_runs_as() {
    let ask: Ask = serde_json::from_str(&std::env::var(ASK).unwrap()).unwrap();
    let answer = exchange(Path::new(&std::env::var(SOCKET).unwrap()), &frame(&ask).unwrap());
    let reply = answer.map(|body| serde_json::from_slice::<Reply>(&body).unwrap());
    println!("{MARK}{}", serde_json::to_string(&reply).unwrap());
}

fn vote(approval: &str, confirm: bool) -> Call {
    Call::Vote { approval: approval.to_owned(), confirm, object: None }
}

#[tokio::test]
async fn a_user_who_is_neither_the_front_nor_an_approver_is_sent_away() {
    let stage = Stage::set().await;
    assert!(stage.ask_as(MALLORY, &Call::Status).is_none());
    assert!(stage.ask_as(MALLORY, &Call::Pending).is_none());
    assert!(matches!(stage.ask_as(ALICE, &Call::Status), Some(Ok(Answer::Status(_)))));
}

#[tokio::test]
async fn an_approver_on_the_host_lists_and_votes_and_can_ask_for_nothing_else() {
    let stage = Stage::set().await;
    let calls = [
        Call::Submit { submission: submission(zfs("list", "tank/media")), idempotency_key: None },
        Call::Plan { submission: submission(zfs("list", "tank/media")) },
        Call::Cancel { op: "op_00000000000000000000000000".to_owned() },
        Call::List { state: None, kind: None, cursor: None, limit: 1 },
        Call::Metrics,
        Call::Reload,
        Call::Catalogue,
    ];
    for call in calls {
        assert_eq!(kind(stage.ask_as(ALICE, &call).unwrap()), ProblemKind::Forbidden, "{call:?}");
    }
    assert!(matches!(stage.ask_as(ALICE, &Call::Pending), Some(Ok(Answer::Approvals(_)))));
}

#[tokio::test]
async fn an_approver_confirms_on_the_host_and_it_runs_once() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    assert_eq!(op.state, State::Pending);
    assert_eq!(kind(stage.ask_as(ALICE, &vote("op_nothing", true)).unwrap()), ProblemKind::NotFound);
    assert!(stage.ask_as(ALICE, &vote(&op.id, true)).unwrap().is_ok());
    stage.until(&op.id, State::Succeeded).await;
    assert_eq!(kind(stage.ask_as(BOB, &vote(&op.id, true)).unwrap()), ProblemKind::TooLate);
    assert_eq!(stage.launcher.commands(), ["destroy tank/media@old"]);
}

#[tokio::test]
async fn one_deny_on_the_host_ends_it() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    assert!(stage.ask_as(ALICE, &vote(&op.id, true)).unwrap().is_ok());
    assert!(stage.ask_as(BOB, &vote(&op.id, false)).unwrap().is_ok());
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Refused);
    assert_eq!(kind(stage.ask_as(BOB, &vote(&op.id, true)).unwrap()), ProblemKind::TooLate);
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn one_person_on_the_host_is_not_two() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    assert!(stage.ask_as(ALICE, &vote(&op.id, true)).unwrap().is_ok());
    assert_eq!(kind(stage.ask_as(ALICE, &vote(&op.id, true)).unwrap()), ProblemKind::TooLate);
    let waiting = stage.look("librarian", &op.id).await.unwrap();
    assert_eq!((waiting.state, waiting.approval.unwrap().given), (State::Pending, 1));
}

#[tokio::test]
async fn two_who_confirm_on_the_host_at_once_are_two() {
    let stage = Stage::set().await;
    stage.ask_as(ALICE, &Call::Status);
    for round in 0..5 {
        let name = format!("tank/vm@round{round}");
        stage.zfs.add(&name);
        let op = stage.submit("librarian", zfs("destroy", &name)).await.unwrap();
        let confirms = |uid| stage.ask_as(uid, &vote(&op.id, true)).unwrap().is_ok();
        // Both are heard at the same moment, when the gate goes on.
        stage.signal(Signal::SIGSTOP);
        std::thread::scope(|scope| {
            let (alice, bob) = (scope.spawn(|| confirms(ALICE)), scope.spawn(|| confirms(BOB)));
            a_moment();
            stage.signal(Signal::SIGCONT);
            assert!(alice.join().unwrap() && bob.join().unwrap());
        });
        stage.until(&op.id, State::Succeeded).await;
    }
}
