//! What people refused or left unanswered is not put to them again at once, however it is varied.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::job::{Job, State};
use crate::principal::PrincipalName;

/// Who asked for what: caller, operation's name, resource. Other parameters do not make it another question.
type Question = (PrincipalName, String, String);

/// What has to cool down, and until when (milliseconds since 1970).
pub(super) struct Cooling {
    cool_down: Duration,
    until: Mutex<HashMap<Question, (u64, String)>>,
}

impl Cooling {
    pub(super) fn new(cool_down: Duration) -> Self {
        Self { cool_down, until: Mutex::default() }
    }

    /// Notes a job that came to its end, when it ended without the yes that was asked for.
    pub(super) fn note(&self, job: &Job, now_ms: u64) {
        let ended_without_yes = match job.state {
            State::Refused | State::Expired => true,
            State::Cancelled => job.approval.is_some(),
            State::Proposed
            | State::Denied
            | State::Pending
            | State::Approved
            | State::Superseded
            | State::Executing
            | State::Succeeded
            | State::Failed
            | State::Unknown => false,
        };
        if !ended_without_yes {
            return;
        }
        let cool_down = u64::try_from(self.cool_down.as_millis()).unwrap_or(u64::MAX);
        let until = job.changed_at().saturating_add(cool_down);
        let mut all = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (until, _)| *until > now_ms);
        if until > now_ms {
            all.insert(question(job), (until, job.id.clone()));
        }
    }

    /// In how many seconds the same may be asked again, and which operation was refused; nothing when it may be now.
    pub(super) fn left(&self, job: &Job, now_ms: u64) -> Option<(u64, String)> {
        let all = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, id) = all.get(&question(job))?;
        let left = until.saturating_sub(now_ms);
        (left > 0).then(|| (left.div_ceil(1000), id.clone()))
    }

    /// How many questions of one caller have to cool down, and in how many seconds the first of them has.
    pub(super) fn of(&self, principal: &PrincipalName, now_ms: u64) -> (usize, u64) {
        let all = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.iter().filter(|((who, _, _), _)| who == principal);
        let left: Vec<u64> =
            own.map(|(_, (until, _))| until.saturating_sub(now_ms)).filter(|left| *left > 0).collect();
        (left.len(), left.iter().min().map_or(0, |left| left.div_ceil(1000)))
    }
}

fn question(job: &Job) -> Question {
    let operation = &job.submission.operation;
    (job.principal.clone(), operation.tool(), operation.resource())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Operation, Submission};

    fn job(who: &str, recursive: bool, state: &[State]) -> Job {
        let value = serde_json::json!({"kind":"zfs","op":"destroy","resource":"tank/a","params":{"recursive":recursive}});
        let submission = Submission {
            operation: Operation::from_value(value).unwrap(),
            reason: None,
            run_id: None,
            on_behalf_of: None,
        };
        let mut job =
            Job::new("op_1".to_owned(), PrincipalName::try_from(who.to_owned()).unwrap(), submission, 1_000);
        for next in state {
            job.become_state(*next, 1_000).unwrap();
        }
        job
    }

    #[test]
    fn what_was_refused_is_not_asked_again_at_once_however_it_is_varied() {
        let cooling = Cooling::new(Duration::from_secs(10));
        cooling.note(&job("librarian", false, &[State::Pending, State::Refused]), 1_000);
        assert_eq!(cooling.left(&job("librarian", true, &[]), 1_000), Some((10, "op_1".to_owned())));
        assert_eq!(cooling.left(&job("librarian", false, &[]), 10_999), Some((1, "op_1".to_owned())));
        assert_eq!(cooling.left(&job("librarian", false, &[]), 11_000), None);
        assert_eq!(cooling.left(&job("archivist", false, &[]), 1_000), None);
    }

    #[test]
    fn what_one_caller_was_refused_is_counted_until_it_has_cooled_down() {
        let cooling = Cooling::new(Duration::from_secs(10));
        let librarian = PrincipalName::try_from("librarian".to_owned()).unwrap();
        assert_eq!(cooling.of(&librarian, 1_000), (0, 0));
        cooling.note(&job("librarian", false, &[State::Pending, State::Refused]), 1_000);
        cooling.note(&job("archivist", false, &[State::Pending, State::Expired]), 1_000);
        assert_eq!(cooling.of(&librarian, 1_000), (1, 10));
        assert_eq!(cooling.of(&librarian, 10_999), (1, 1));
        assert_eq!(cooling.of(&librarian, 11_000), (0, 0));
    }

    #[test]
    fn what_was_confirmed_or_never_asked_does_not_cool_down() {
        let cooling = Cooling::new(Duration::from_secs(10));
        cooling.note(&job("librarian", false, &[State::Pending, State::Approved]), 1_000);
        cooling.note(&job("librarian", false, &[State::Denied]), 1_000);
        assert_eq!(cooling.left(&job("librarian", false, &[]), 1_000), None);
    }
}
