//! Every short life of a request: submitted again, approved, refused, expired and cut off by a crash, in every order. What
//! each life comes to is told by a model of a few lines; the gate is the real one.

use std::time::{Duration, Instant};

use reeve::gate::protocol::{ProblemKind, State};
use reeve::job::Store;

use crate::launcher::a_moment;
use crate::phones::token;
use crate::stage::{PATIENCE, POLICY, Stage, zfs};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happens {
    Retry,
    Approve,
    Deny,
    Expire,
    Crash,
}

const ALL: [Happens; 5] = [Happens::Retry, Happens::Approve, Happens::Deny, Happens::Expire, Happens::Crash];
/// How many of one caller may be in hand.
const AT_ONCE: usize = 60;

/// One request, and what the model says of it.
struct Life {
    happens: Vec<Happens>,
    name: String,
    id: String,
    token: String,
    state: State,
}

impl Life {
    /// The model: the first answer counts, and nothing comes after an end.
    fn goes_on(&mut self, happens: Happens) {
        self.state = match (self.state, happens) {
            (State::Pending, Happens::Approve) => State::Succeeded,
            (State::Pending, Happens::Deny) => State::Refused,
            (State::Pending, Happens::Expire) => State::Expired,
            (state, _) => state,
        };
    }
}

/// Every sequence of so many events.
fn lives(length: usize) -> Vec<Vec<Happens>> {
    (0..length).fold(vec![Vec::new()], |all, _| {
        let longer = |life: &Vec<Happens>| ALL.map(|next| [life.clone(), vec![next]].concat());
        all.iter().flat_map(longer).collect()
    })
}

async fn until_as_the_model_says(stage: &Stage, lives: &[Life], step: usize) {
    let begun = Instant::now();
    for life in lives {
        loop {
            let seen = stage.look("operator", &life.id).await.unwrap().state;
            if seen == life.state {
                break;
            }
            let so_far = &life.happens[..=step];
            assert!(
                begun.elapsed() < PATIENCE,
                "{so_far:?}: the model says {:?}, the gate {seen:?}",
                life.state
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
    let mut stage = Stage::with(POLICY).await;
    let config = stage.read("gate.toml");
    stage.kill();
    stage.write("gate.toml", &config.replace("[launcher]", "[approvals]\nper_principal = 100\n\n[launcher]"));
    stage.start().await;
    for (batch, happens) in lives(3).chunks(AT_ONCE).enumerate() {
        let mut lives: Vec<Life> = Vec::new();
        for (number, happens) in happens.iter().enumerate() {
            let name = format!("tank/media@life-{batch}-{number}");
            stage.zfs.add(&name);
            let op = stage.submit("librarian", zfs("destroy", &name)).await.unwrap();
            let asked = stage.phones.messages("alice", 1);
            let prompt = asked
                .iter()
                .find(|message| message.is_question() && message.text.contains(&format!("{name}\n")));
            let token = token(&prompt.unwrap_or_else(|| panic!("nobody is asked about {name}")).text);
            lives.push(Life { happens: happens.clone(), name, id: op.id, token, state: op.state });
        }
        for step in 0..3 {
            let now: Vec<Happens> = lives.iter().map(|life| life.happens[step]).collect();
            for (life, happens) in lives.iter_mut().zip(&now) {
                match happens {
                    Happens::Retry => retry(&stage, life).await,
                    Happens::Approve => stage.phones.says("alice", &format!("CONFIRM {}", life.token)),
                    Happens::Deny => stage.phones.says("bob", &format!("DENY {}", life.token)),
                    Happens::Expire | Happens::Crash => continue,
                }
                life.goes_on(*happens);
            }
            until_as_the_model_says(&stage, &lives, step).await;
            if now.iter().any(|happens| matches!(happens, Happens::Expire | Happens::Crash)) {
                stage.kill();
                let over = lives.iter().zip(&now).filter(|(_, happens)| **happens == Happens::Expire);
                expire(&stage, &over.map(|(life, _)| life.id.clone()).collect::<Vec<_>>());
                stage.start().await;
                for (life, happens) in lives.iter_mut().zip(&now) {
                    if *happens == Happens::Expire {
                        life.goes_on(Happens::Expire);
                    }
                }
                until_as_the_model_says(&stage, &lives, step).await;
            }
        }
        a_moment();
        until_as_the_model_says(&stage, &lives, 2).await;
        let commands = stage.launcher.commands();
        for life in lives {
            let runs =
                commands.iter().filter(|command| **command == format!("destroy {}", life.name)).count();
            let wanted = usize::from(life.state == State::Succeeded);
            assert_eq!(runs, wanted, "{:?} ran {runs} times and is {:?}", life.happens, life.state);
            assert_eq!(stage.zfs.has(&life.name), wanted == 0, "{:?}", life.happens);
            if life.state == State::Pending {
                let call = reeve::gate::protocol::Call::Cancel { op: life.id };
                stage.call("librarian", call).await.unwrap();
            }
        }
    }
}
