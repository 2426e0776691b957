//! The host's own check of who votes. It is asked about a confirmation after everything else has held, and what it says can only
//! keep that from counting: a refusal is never put to it, and no answer of it makes a vote.

use std::path::Path;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use super::config::HookSettings;
use super::vote::Via;
use crate::approval::people::Approver;
use crate::approval::prompt::Answer;
use crate::sys::{ids, peer};

/// The longest answer.
const LONGEST: u64 = 4096;
/// How much of its words is recorded.
const WORDS: usize = 200;

/// How many votes it is asked about at once, as many as `reeve hook` takes; the others wait, for as long as
/// an answer may take.
const AT_ONCE: usize = 8;

/// Where it is asked, when there is one.
pub(super) struct Hook {
    settings: ArcSwapOption<HookSettings>,
    places: Semaphore,
}

/// What it is asked: no token, and nothing that an agent has written.
#[derive(Debug, Serialize)]
struct Question<'a> {
    host: &'a str,
    approver: &'a str,
    account: String,
    via: &'static str,
    approval: &'a str,
}

/// What it answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    verdict: Verdict,
    #[serde(default)]
    why: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Pass,
    Refuse,
}

/// The vote does not count.
#[derive(Debug)]
pub(super) struct Kept {
    /// What the voter is told.
    pub(super) answer: Answer,
    /// What is recorded.
    pub(super) why: String,
}

impl Hook {
    /// With these settings.
    pub(super) fn of(settings: Option<HookSettings>) -> Self {
        Self { settings: ArcSwapOption::from_pointee(settings), places: Semaphore::new(AT_ONCE) }
    }

    /// With these settings from now on.
    pub(super) fn set(&self, settings: Option<HookSettings>) {
        self.settings.store(settings.map(Into::into));
    }

    pub(super) fn is_there(&self) -> bool {
        self.settings.load().is_some()
    }

    /// Whose word votes are held against.
    pub(super) fn told(&self) -> Option<String> {
        self.settings.load().as_ref().map(|settings| settings.told())
    }

    /// Asks it, if there is one. Whatever is not a clear pass in time keeps the vote from counting.
    pub(super) async fn admits(
        &self,
        (host, approval): (&str, &str),
        approver: &Approver,
        via: Via,
    ) -> Result<(), Kept> {
        let Some(limit) = self.settings.load().as_ref().map(|settings| settings.timeout) else {
            return Ok(());
        };
        let Ok(_place) = tokio::time::timeout(limit, self.places.acquire()).await else {
            let why = format!("the identity hook: still looks at {AT_ONCE} other votes");
            return Err(Kept { answer: Answer::HookSilent, why });
        };
        // Whoever is asked by now: while this waited, that may have changed.
        let Some(settings) = self.settings.load_full() else { return Ok(()) };
        let question = Question {
            host,
            approver: &approver.name,
            account: approver.uuid.to_string(),
            via: via.as_str(),
            approval,
        };
        let asked = tokio::time::timeout(settings.timeout, ask(&settings, &question)).await;
        let said = asked.unwrap_or_else(|_elapsed| Err(late(settings.timeout)));
        match said {
            Ok(Said { verdict: Verdict::Pass, why: _ }) => Ok(()),
            Ok(Said { verdict: Verdict::Refuse, why }) => {
                let why: String = why.chars().take(WORDS).collect();
                Err(Kept { answer: Answer::HookRefused, why: format!("the identity hook refused it: {why}") })
            }
            Err(problem) => {
                tracing::error!(
                    problem,
                    "the identity hook does not answer as it should; the vote does not count"
                );
                Err(Kept { answer: Answer::HookSilent, why: format!("the identity hook: {problem}") })
            }
        }
    }
}

fn late(limit: Duration) -> String {
    format!("no answer within {} s", limit.as_secs())
}

async fn ask(settings: &HookSettings, question: &Question<'_>) -> Result<Said, String> {
    let mut stream = connect(&settings.socket, &settings.user).await?;
    let mut line = serde_json::to_vec(question).map_err(|error| error.to_string())?;
    line.push(b'\n');
    stream.write_all(&line).await.map_err(|error| error.to_string())?;
    stream.shutdown().await.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    let read = (&mut stream).take(LONGEST + 1).read_to_end(&mut answer).await;
    read.map_err(|error| error.to_string())?;
    if u64::try_from(answer.len()).unwrap_or(u64::MAX) > LONGEST {
        return Err(format!("its answer is longer than {LONGEST} bytes"));
    }
    serde_json::from_slice(&answer).map_err(|error| format!("its answer is none: {error}"))
}

/// The kernel says who listens.
async fn connect(socket: &Path, user: &str) -> Result<UnixStream, String> {
    let name = user.to_owned();
    // Looking a user up may ask a server elsewhere, so it has a thread of its own.
    let found = tokio::task::spawn_blocking(move || ids::user(&name)).await;
    let found = found.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let user = found.ok_or_else(|| format!("there is no Unix user {user}"))?;
    let stream =
        UnixStream::connect(socket).await.map_err(|error| format!("{}: {error}", socket.display()))?;
    let peer = peer::credentials(&stream).map_err(|error| error.to_string())?;
    if peer.uid != user.uid {
        return Err(format!("{} belongs to uid {}, and not to {}", socket.display(), peer.uid, user.name));
    }
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody_listens(timeout: Duration) -> Option<HookSettings> {
        Some(HookSettings { socket: "/nonexistent/socket".into(), user: "root".to_owned(), timeout })
    }

    fn alice() -> Approver {
        let fingerprint = crate::approval::people::Fingerprint::parse(&"0a".repeat(32)).unwrap();
        let uuid = uuid::Uuid::nil();
        Approver { name: "alice".to_owned(), uuid, fingerprint, unix_user: None, groups: Vec::new() }
    }

    async fn admits(hook: &Hook) -> Result<(), Kept> {
        hook.admits(("host01", "ap_1"), &alice(), Via::Signal).await
    }

    #[tokio::test]
    async fn a_vote_waits_for_its_place_as_long_as_an_answer_may_take_and_no_longer() {
        let hook = Hook::of(nobody_listens(Duration::from_millis(50)));
        let all = hook.places.acquire_many(8).await.unwrap();
        let kept = admits(&hook).await.unwrap_err();
        assert_eq!((kept.answer, kept.why.contains("8 other votes")), (Answer::HookSilent, true));
        drop(all);
        assert!(!admits(&hook).await.unwrap_err().why.contains("other votes"), "the place is nobody's");
    }

    #[tokio::test]
    async fn who_has_waited_is_held_against_the_hook_that_there_is_by_then() {
        let hook = Hook::of(nobody_listens(Duration::from_secs(60)));
        let all = hook.places.acquire_many(8).await.unwrap();
        let change = async {
            tokio::task::yield_now().await;
            hook.set(None);
            drop(all);
        };
        let (admitted, ()) = tokio::join!(admits(&hook), change);
        assert!(admitted.is_ok(), "{admitted:?}");
    }
}
