//! A host that does not stand still, before the gate as it runs: between the plan, the question, the yes and the deed
//! others make, take away, exchange and fill what is to be destroyed. Nothing goes that nobody was shown.
//!
//! A failing case is shrunk, and its seed is kept in `proptest-regressions/`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use reeve::gate::protocol::{Envelope, State};
use serde_json::json;

use crate::launcher::Way;
use crate::phones::Message;
use crate::stage::{PATIENCE, POLICY, Stage};

/// How long cases are tried: what a hurried machine does not get through is left.
const LONG_ENOUGH: Duration = Duration::from_secs(5);

const ROOT: &str = "tank/media/x";
const NAMES: [&str; 5] =
    ["tank/media/x", "tank/media/x/y", "tank/media/x@s1", "tank/media/x@s2", "tank/media/x/y@s1"];

/// What others do on the host.
#[derive(Debug, Clone)]
enum Change {
    Make(&'static str),
    Take(&'static str),
    Exchange(&'static str),
    Fill(&'static str, u64),
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(NAMES.to_vec())
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => name().prop_map(Change::Make),
        2 => name().prop_map(Change::Take),
        1 => name().prop_map(Change::Exchange),
        2 => (name(), 0_u64..3000).prop_map(|(name, bytes)| Change::Fill(name, bytes)),
    ]
}

fn does(stage: &Stage, change: &Change) {
    let zfs = &stage.zfs;
    match *change {
        // What stands below or of something is made only where that is.
        Change::Make(name) => {
            let parent = name.rsplit_once(['@', '/']).map_or("", |(parent, _)| parent);
            if !zfs.has(name) && (name == ROOT || zfs.has(parent)) {
                zfs.add(name);
            }
        }
        Change::Take(name) => zfs.clear(name),
        Change::Exchange(name) if zfs.has(name) => {
            zfs.clear(name);
            zfs.add(name);
        }
        Change::Exchange(_) => {}
        Change::Fill(name, bytes) => zfs.grow(name, bytes),
    }
}

/// One case: what is there, what is asked for, what happens before the yes, while it runs, and after being asked anew.
#[derive(Debug, Clone)]
struct Case {
    there: Vec<Change>,
    whole: bool,
    before_yes: Vec<Change>,
    before_second_yes: Vec<Change>,
    while_it_runs: Vec<&'static str>,
}

fn case() -> impl Strategy<Value = Case> {
    let some = |most: usize| prop::collection::vec(change(), 0..most);
    let made = prop::collection::vec(name(), 0..3);
    let at_least_one = prop::collection::vec(change(), 1..4);
    (some(6), any::<bool>(), at_least_one, some(3), made).prop_map(
        |(there, whole, before_yes, before_second_yes, while_it_runs)| Case {
            there,
            whole,
            before_yes,
            before_second_yes,
            while_it_runs,
        },
    )
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    /// What was shown ran.
    Retained,
    /// Something else would have happened: people were asked anew.
    Replaced,
    /// Nothing was left to do.
    Cleared,
    /// The host did not let it be.
    NotDone,
}

async fn submit(stage: &Stage, whole: bool) -> Result<Envelope, String> {
    let resource = if whole { ROOT } else { "tank/media/x@s1" };
    let op = json!({"kind": "zfs", "op": "destroy", "resource": resource, "params": {"recursive": whole}});
    stage.submit("librarian", op).await.map_err(|problem| format!("{problem:?}"))
}

fn shown(envelope: &Envelope) -> BTreeSet<String> {
    let objects = envelope.effects.as_ref().unwrap()["objects"].as_array().unwrap().clone();
    objects.iter().map(|object| object["guid"].as_str().unwrap().to_owned()).collect()
}

fn is_on_its_way(state: State) -> bool {
    matches!(state, State::Approved | State::Executing | State::Superseded)
}

/// Waits until a state is left and says what came instead.
async fn past(stage: &Stage, id: &str, version: u64) -> Envelope {
    let begun = Instant::now();
    loop {
        let seen = stage.look("operator", id).await.unwrap();
        if seen.version > version && !is_on_its_way(seen.state) {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "{seen:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Alice says yes to the newest of so many questions, and it is waited for what follows.
async fn confirmed(
    stage: &Stage,
    waiting: &Envelope,
    questions: usize,
    case: &Case,
) -> (Envelope, Vec<String>) {
    let grants = stage.launcher.granted().len();
    stage.launcher.will(Way::Wait);
    stage.phones.votes("alice", asked(stage, questions).await, "CONFIRM");
    let (begun, mut made) = (Instant::now(), Vec::new());
    // Between the last look and the first command others make things, which is all that the command could take along.
    loop {
        if stage.launcher.granted().len() > grants {
            case.while_it_runs.iter().for_each(|name| does(stage, &Change::Make(name)));
            made = stage.zfs.below("tank").into_values().collect();
            break;
        }
        let now = stage.look("operator", &waiting.id).await.unwrap();
        if now.version > waiting.version && !is_on_its_way(now.state) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{now:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stage.launcher.will(Way::Obey);
    (past(stage, &waiting.id, waiting.version).await, made)
}

/// One life of an approval: what it came to, or what is wrong with it.
async fn live(stage: &Stage, case: &Case) -> Result<Option<Came>, String> {
    stage.zfs.clear(ROOT);
    // What is asked about is there; what else is there is chance.
    [ROOT, "tank/media/x@s1"].iter().for_each(|name| does(stage, &Change::Make(name)));
    case.there.iter().for_each(|change| does(stage, change));
    let questions = questions_in(&stage.phones.so_far("alice"));
    let waiting = match submit(stage, case.whole).await {
        Ok(envelope) if envelope.state == State::Pending => envelope,
        Ok(_) | Err(_) => return Ok(None),
    };
    case.before_yes.iter().for_each(|change| does(stage, change));
    let mut there = everything(stage);
    let (mut now, mut made) = confirmed(stage, &waiting, questions + 1, case).await;
    let (mut approved, mut came) = (shown(&waiting), Came::Retained);
    if now.state == State::Pending {
        if everything(stage) != there {
            return Err(format!("asked anew, and yet something is gone: {there:?}"));
        }
        (approved, came) = (shown(&now), Came::Replaced);
        case.before_second_yes.iter().for_each(|change| does(stage, change));
        there = everything(stage);
        (now, made) = confirmed(stage, &now, questions + 2, case).await;
    }
    there.extend(made);
    let left = everything(stage);
    let gone: BTreeSet<&String> = there.difference(&left).collect();
    if !gone.iter().all(|guid| approved.contains(*guid)) {
        return Err(format!("{gone:?} went, and shown were {approved:?}: {now:?}"));
    }
    let nothing_left = now.result == Some(json!({"nothing_left": true}));
    if (nothing_left || now.state != State::Succeeded) && !gone.is_empty() {
        return Err(format!("{gone:?} went, and it is said: {now:?}"));
    }
    if now.state == State::Pending {
        // Moved a second time: enough for one case.
        stage.phones.votes("alice", asked(stage, questions + 3).await, "DENY");
        stage.until(&now.id, State::Refused).await;
    } else if !matches!(now.state, State::Succeeded | State::Failed) {
        return Err(format!("{now:?}"));
    }
    Ok(Some(match came {
        Came::Retained if nothing_left => Came::Cleared,
        Came::Retained if now.state == State::Failed => Came::NotDone,
        Came::Retained | Came::Replaced | Came::Cleared | Came::NotDone => came,
    }))
}

fn everything(stage: &Stage) -> BTreeSet<String> {
    stage.zfs.below("tank").into_values().collect()
}

/// How many messages alice has, once so many of them were questions.
async fn asked(stage: &Stage, questions: usize) -> usize {
    let begun = Instant::now();
    loop {
        let messages = stage.phones.so_far("alice");
        if questions_in(&messages) >= questions {
            return messages.len();
        }
        assert!(begun.elapsed() < PATIENCE, "{messages:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn questions_in(messages: &[Message]) -> usize {
    messages.iter().filter(|message| message.is_question()).count()
}

/// What must be seen, whatever chance brings.
fn examples() -> [(Case, Came); 5] {
    let there: Vec<Change> = NAMES.map(Change::Make).to_vec();
    let case = |whole, before_yes: Vec<Change>| Case {
        there: there.clone(),
        whole,
        before_yes,
        before_second_yes: Vec::new(),
        while_it_runs: vec!["tank/media/x@s2"],
    };
    [
        (case(true, Vec::new()), Came::Retained),
        (case(false, vec![Change::Take("tank/media/x@s2")]), Came::Retained),
        (case(true, vec![Change::Exchange("tank/media/x@s1")]), Came::Replaced),
        (case(true, vec![Change::Fill("tank/media/x", 2900)]), Came::Replaced),
        (case(false, vec![Change::Take("tank/media/x@s1")]), Came::Cleared),
    ]
}

#[test]
fn whatever_changes_between_plan_question_yes_and_deed_nothing_goes_that_nobody_was_shown() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stage = runtime.block_on(async {
        let mut stage = Stage::with(POLICY).await;
        stage.kill();
        // What is refused at the end of one case is asked for again in the next.
        let bounds = "[approvals]\ncool_down = \"0s\"\n\n[launcher]";
        stage.write("gate.toml", &stage.read("gate.toml").replace("[launcher]", bounds));
        stage.start().await;
        stage
    });
    for (case, expected) in examples() {
        assert_eq!(runtime.block_on(live(&stage, &case)), Ok(Some(expected)), "{case:?}");
    }
    let (begun, seen) = (Instant::now(), Mutex::new(BTreeMap::<Option<Came>, u32>::new()));
    let config =
        ProptestConfig { cases: 200, max_shrink_iters: 60, ..ProptestConfig::with_source_file(file!()) };
    let tried = TestRunner::new(config).run(&case(), |case| {
        if begun.elapsed() > LONG_ENOUGH {
            return Ok(());
        }
        let came = runtime.block_on(live(&stage, &case)).map_err(TestCaseError::fail)?;
        *seen.lock().unwrap().entry(came).or_default() += 1;
        Ok(())
    });
    tried.unwrap_or_else(|error| panic!("{error}"));
    println!("{:?}", seen.lock().unwrap());
}

#[tokio::test]
async fn what_is_freed_may_grow_as_far_as_people_were_told_and_beyond_that_they_are_asked_with_the_difference()
 {
    let mut stage = Stage::with(POLICY).await;
    let (base, until) =
        (stage.read("gate.toml"), |bytes: &str| format!("void if it frees more than {bytes}\n"));
    for (growth, bytes, word, runs) in
        [("1.2", 1200, "1.2 KiB", true), ("3", 3000, "2.9 KiB", true), ("1.2", 1201, "1.2 KiB", false)]
    {
        stage.kill();
        let bounds = format!("[approvals]\ngrowth = {growth}\n\n[launcher]");
        stage.write("gate.toml", &base.replace("[launcher]", &bounds));
        stage.start().await;
        stage.zfs.clear(ROOT);
        stage.zfs.add(ROOT);
        let (questions, grants) =
            (questions_in(&stage.phones.so_far("alice")), stage.launcher.granted().len());
        let waiting = submit(&stage, true).await.unwrap();
        let messages = stage.phones.messages("alice", asked(&stage, questions + 1).await);
        let question = messages.iter().rfind(|message| message.is_question()).unwrap();
        assert!(question.text.contains(&until(word)), "{question:?}");
        stage.zfs.grow(ROOT, bytes);
        stage.phones.votes("alice", messages.len(), "CONFIRM");
        let now = past(&stage, &waiting.id, waiting.version).await;
        assert_eq!((now.state == State::Succeeded, stage.launcher.granted().len() > grants), (runs, runs));
        if !runs {
            let messages = stage.phones.messages("alice", asked(&stage, questions + 2).await);
            let told = messages.iter().find(|message| message.text.contains("is void")).unwrap();
            assert!(told.text.contains("  ~ frees 1.2 KiB, shown were 1000 B"), "{told:?}");
            stage.phones.votes("alice", messages.len(), "DENY");
            stage.until(&now.id, State::Refused).await;
        }
    }
}
