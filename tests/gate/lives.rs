//! Every short life of a request, of which one person decides or two: submitted again, approved, refused, expired and cut
//! off by a crash, in every order. What each life comes to is told by a model of a few lines; the gate is the real one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reeve::gate::protocol::{ProblemKind, State};
use reeve::job::Store;

use crate::launcher::a_moment;
use crate::phones::token;
use crate::stage::{PATIENCE, POLICY, Stage, zfs};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happens {
    Retry,
    Yes(&'static str),
    No(&'static str),
    Expire,
    Crash,
}

/// Whose requests these are: what is asked for, how many must say yes, and what may happen.
struct Course {
    dataset: &'static str,
    needed: usize,
    may_happen: &'static [Happens],
}

const OF_ONE: Course = Course {
    dataset: "tank/media",
    needed: 1,
    may_happen: &[Happens::Retry, Happens::Yes("alice"), Happens::No("bob"), Happens::Expire, Happens::Crash],
};

const OF_TWO: Course = Course {
    dataset: "tank/vm",
    needed: 2,
    may_happen: &[
        Happens::Retry,
        Happens::Yes("alice"),
        Happens::Yes("bob"),
        Happens::No("bob"),
        Happens::Expire,
        Happens::Crash,
    ],
};

/// How many of one caller may be in hand.
const AT_ONCE: usize = 60;

/// One request, and what the model says of it.
#[derive(Debug)]
struct Life {
    happens: Vec<Happens>,
    name: String,
    id: String,
    token: String,
    state: State,
    needed: usize,
    /// Who has said yes.
    yes: BTreeSet<&'static str>,
}

impl Life {
    /// The model: enough different people, one no, or the end of its time; and nothing comes after an end.
    fn goes_on(&mut self, happens: Happens) {
        if self.state != State::Pending {
            return;
        }
        match happens {
            Happens::Yes(who) => {
                self.yes.insert(who);
                if self.yes.len() == self.needed {
                    self.state = State::Succeeded;
                }
            }
            Happens::No(_) => self.state = State::Refused,
            Happens::Expire => self.state = State::Expired,
            Happens::Retry | Happens::Crash => {}
        }
    }

    /// How many have said yes, where that is still asked.
    fn given(&self) -> Option<usize> {
        (self.state == State::Pending).then_some(self.yes.len())
    }
}

/// Every sequence of so many events.
fn lives(may_happen: &[Happens], length: usize) -> Vec<Vec<Happens>> {
    (0..length).fold(vec![Vec::new()], |all, _| {
        let longer = |life: &Vec<Happens>| {
            may_happen.iter().map(|next| [life.clone(), vec![*next]].concat()).collect::<Vec<_>>()
        };
        all.iter().flat_map(longer).collect()
    })
}

async fn until_as_the_model_says(stage: &Stage, lives: &[Life], step: usize) {
    let begun = Instant::now();
    for life in lives {
        loop {
            let seen = stage.look("operator", &life.id).await.unwrap();
            let given = seen.approval.filter(|_| seen.state == State::Pending);
            let given = given.map(|approval| usize::try_from(approval.given).unwrap());
            if (seen.state, given) == (life.state, life.given()) {
                break;
            }
            let so_far = &life.happens[..=step];
            assert!(
                begun.elapsed() < PATIENCE,
                "{so_far:?}: the model says {:?} {:?}, the gate {:?} {given:?}",
                life.state,
                life.given(),
                seen.state
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn retry(stage: &Stage, life: &Life) {
    let again = stage.submit("librarian", zfs("destroy", &life.name)).await;
    let so_far = &life.happens;
    if life.state == State::Pending {
        assert_eq!(again.unwrap().id, life.id, "{so_far:?}: a retry joins what waits");
    } else if life.state != State::Succeeded {
        let kind = again.unwrap_err().kind;
        assert_eq!(kind, ProblemKind::CoolDown, "{so_far:?}: people are not asked again");
    }
    // Of what is gone, whatever is said: nothing is run, as the end of the test shows.
}

/// Lets the time of these requests be over, while nothing runs.
fn expire(stage: &Stage, ids: &[String]) {
    let store = Store::open(&stage.path("state/state.redb")).unwrap();
    for id in ids {
        let mut job = store.get(id).unwrap().unwrap();
        if job.state == State::Pending {
            job.approval.as_mut().unwrap().expires_at = 1;
            store.put(&job).unwrap();
        }
    }
}

#[tokio::test]
async fn every_short_life_of_a_request_is_as_the_model_says() {
    go_through(OF_ONE).await;
}

#[tokio::test]
async fn every_short_life_of_a_request_of_which_two_decide_is_as_the_model_says() {
    go_through(OF_TWO).await;
}

async fn go_through(course: Course) {
    let mut stage = Stage::with(POLICY).await;
    let config = stage.read("gate.toml");
    stage.kill();
    stage.write(
        "gate.toml",
        &config.replace("[launcher]", "[approvals]\nper_principal = 100\npatience = 1000\n\n[launcher]"),
    );
    stage.start().await;
    let mut seen = 0;
    for (batch, happens) in lives(course.may_happen, 3).chunks(AT_ONCE).enumerate() {
        let mut lives: Vec<Life> = Vec::new();
        for (number, happens) in happens.iter().enumerate() {
            let name = format!("{}@life-{batch}-{number}", course.dataset);
            lives.push(begin(&stage, name, (happens, course.needed), &mut seen).await);
        }
        for step in 0..3 {
            go_one_step(&mut stage, &mut lives, step).await;
        }
        a_moment();
        until_as_the_model_says(&stage, &lives, 2).await;
        ran_as_the_model_says(&stage, lives).await;
    }
}

/// Submits a request, and reads its token off what alice was sent behind what was seen before.
async fn begin(
    stage: &Stage,
    name: String,
    (happens, needed): (&[Happens], usize),
    seen: &mut usize,
) -> Life {
    stage.zfs.add(&name);
    let op = stage.submit("librarian", zfs("destroy", &name)).await.unwrap();
    let asked = stage.phones.news("alice", *seen, *seen + 1);
    *seen += asked.len();
    let prompt =
        asked.iter().find(|message| message.is_question() && message.text.contains(&format!("{name}\n")));
    let token = token(&prompt.unwrap_or_else(|| panic!("nobody is asked about {name}")).text);
    let (happens, yes) = (happens.to_vec(), BTreeSet::new());
    Life { happens, name, id: op.id, token, state: op.state, needed, yes }
}

async fn go_one_step(stage: &mut Stage, lives: &mut [Life], step: usize) {
    let now: Vec<Happens> = lives.iter().map(|life| life.happens[step]).collect();
    for (life, happens) in lives.iter_mut().zip(&now) {
        match happens {
            Happens::Retry => retry(stage, life).await,
            Happens::Yes(who) => stage.phones.says(who, &format!("CONFIRM {}", life.token)),
            Happens::No(who) => stage.phones.says(who, &format!("DENY {}", life.token)),
            Happens::Expire | Happens::Crash => continue,
        }
        life.goes_on(*happens);
    }
    until_as_the_model_says(stage, lives, step).await;
    if !now.iter().any(|happens| matches!(happens, Happens::Expire | Happens::Crash)) {
        return;
    }
    stage.kill();
    let over = lives.iter().zip(&now).filter(|(_, happens)| **happens == Happens::Expire);
    expire(stage, &over.map(|(life, _)| life.id.clone()).collect::<Vec<_>>());
    stage.start().await;
    for (life, happens) in lives.iter_mut().zip(&now) {
        if *happens == Happens::Expire {
            life.goes_on(Happens::Expire);
        }
    }
    until_as_the_model_says(stage, lives, step).await;
}

/// Each ran once where the model says so, and otherwise not at all.
async fn ran_as_the_model_says(stage: &Stage, lives: Vec<Life>) {
    let commands = stage.launcher.commands();
    for life in lives {
        let runs = commands.iter().filter(|command| **command == format!("destroy {}", life.name)).count();
        let wanted = usize::from(life.state == State::Succeeded);
        assert_eq!(runs, wanted, "{:?} ran {runs} times and is {:?}", life.happens, life.state);
        assert_eq!(stage.zfs.has(&life.name), wanted == 0, "{:?}", life.happens);
        if life.state == State::Pending {
            let call = reeve::gate::protocol::Call::Cancel { op: life.id };
            stage.call("librarian", call).await.unwrap();
        }
    }
}

/// What people say in the life that a crash cuts off, wherever it happens to be then.
const ANSWERS: [&[Happens]; 5] = [
    &[Happens::Yes("alice"), Happens::Yes("bob")],
    &[Happens::Yes("bob"), Happens::Yes("bob")],
    &[Happens::Yes("alice"), Happens::No("bob"), Happens::Yes("bob")],
    &[Happens::No("alice"), Happens::Yes("alice"), Happens::Yes("bob")],
    &[Happens::Retry, Happens::Yes("alice"), Happens::Yes("bob"), Happens::Retry],
];

fn answer(stage: &Stage, life: &Life, happens: Happens) {
    match happens {
        Happens::Yes(who) => stage.phones.says(who, &format!("CONFIRM {}", life.token)),
        Happens::No(who) => stage.phones.says(who, &format!("DENY {}", life.token)),
        Happens::Retry | Happens::Expire | Happens::Crash => {}
    }
}

/// A crash meets a row of requests each at another point: before a vote is heard, between log and store, between the
/// grant and its deed. Nobody waits for the gate before it comes, and people answer once more afterwards.
#[tokio::test]
async fn a_crash_at_any_moment_has_nothing_run_twice_or_without_enough_people_or_after_a_no() {
    for (round, pause) in [0, 3, 9, 20, 45, 90, 180].into_iter().enumerate() {
        let mut stage = Stage::with(POLICY).await;
        stage.kill();
        let bounds = "[approvals]\nper_principal = 100\npatience = 1000\n\n[launcher]";
        stage.write("gate.toml", &stage.read("gate.toml").replace("[launcher]", bounds));
        stage.start().await;
        let (mut lives, mut seen) = (Vec::new(), 0);
        for number in 0..15 {
            let name = format!("tank/vm@crash-{round}-{number}");
            lives.push(begin(&stage, name, (ANSWERS[number % ANSWERS.len()], 2), &mut seen).await);
        }
        for life in &lives {
            life.happens.iter().for_each(|happens| answer(&stage, life, *happens));
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
        stage.crash().await;
        for life in &mut lives {
            for happens in life.happens.clone() {
                answer(&stage, life, happens);
                if happens == Happens::Retry && stage.zfs.has(&life.name) {
                    // Whatever it is told, it makes no second request of the same.
                    drop(stage.submit("librarian", zfs("destroy", &life.name)).await);
                }
            }
            settled(&stage, life).await;
        }
        a_moment();
        let commands = stage.launcher.commands();
        for life in &lives {
            let runs = commands.iter().filter(|one| **one == format!("destroy {}", life.name)).count();
            let no = life.happens.iter().any(|one| matches!(one, Happens::No(_)));
            let enough = people(&life.happens) == 2 && !no;
            let holds = match (life.state, runs) {
                // Failed: cut off between the record that it begins and its deed. That record is not believed, the host is.
                (State::Succeeded, 1) | (State::Failed, 0) => enough,
                (State::Refused, 0) => no,
                (State::Pending, 0) => !enough && !no,
                _ => false,
            };
            assert!(holds, "{pause} ms, {life:?} ran {runs} times");
        }
        let asked = stage.records("approval_asked");
        assert_eq!(asked.len(), lives.len(), "{pause} ms: a retry asked people again");
    }
}

/// How many different people say yes in it.
fn people(happens: &[Happens]) -> usize {
    happens
        .iter()
        .filter_map(|one| if let Happens::Yes(who) = one { Some(who) } else { None })
        .collect::<BTreeSet<_>>()
        .len()
}

/// Waits until a request has ended, or must go on waiting for a second person.
async fn settled(stage: &Stage, life: &mut Life) {
    let begun = Instant::now();
    loop {
        let seen = stage.look("operator", &life.id).await.unwrap();
        let given = seen.approval.map_or(0, |approval| approval.given);
        if seen.is_final || (seen.state == State::Pending && people(&life.happens) == 1 && given == 1) {
            life.state = seen.state;
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{life:?}: {:?} {given}", seen.state);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
