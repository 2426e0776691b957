//! Whether somebody may be taken out: not while that would leave too few for what waits, for what people were asked lately,
//! or for a change of these very rules.

use std::sync::Arc;

use serde_json::json;

use super::Gate;
use super::ask::{excluded, terms_of};
use super::protocol::{Answer as GateAnswer, Problem, ProblemKind};
use crate::approval::people::Approver;
use crate::job::Job;
use crate::policy::{Quorum, Verdict};
use crate::principal::PrincipalName;

/// How far back it is looked what people were asked.
const LOOKED_BACK_MS: u64 = 30 * 24 * 3_600_000;

/// What takes people.
struct Takes {
    what: String,
    quorum: Quorum,
    excluded: Vec<String>,
}

impl Takes {
    fn of(job: &Job) -> Option<Self> {
        job.approval.as_ref()?;
        let what = job.submission.operation.command_line();
        Some(Self { what, quorum: terms_of(job).quorum().clone(), excluded: excluded(job) })
    }

    fn missing<'a>(&self, people: impl Iterator<Item = &'a Approver>) -> u32 {
        let able = people.filter(|one| one.is_asked_by(&self.quorum) && !one.is_among(&self.excluded));
        self.quorum.missing(able.map(|one| one.groups.as_slice()))
    }

    /// In a few words: `2, of storage`.
    fn wants(&self) -> String {
        let groups: Vec<&str> = self.quorum.groups().keys().map(String::as_str).collect();
        let of = if groups.is_empty() { String::new() } else { format!(" of {}", groups.join(" and ")) };
        format!("{}{of}", self.quorum.needed())
    }
}

impl Gate {
    /// Whether enough people are left without them.
    pub(super) async fn may_remove(self: &Arc<Self>, name: &str) -> Result<GateAnswer, Problem> {
        let people = self.people.load_full();
        if people.named(name).is_none() {
            let why = format!("nobody who may approve is called {name}");
            return Err(Problem::new(ProblemKind::NotFound, why));
        }
        for takes in self.what_takes_people().await? {
            let left = takes.missing(people.iter().filter(|one| one.name != name));
            // What is for too few as it is does not keep anybody.
            if left > 0 && takes.missing(people.iter()) == 0 {
                let why = format!(
                    "without {name} too few could say yes to `{}`: it takes {}, and {left} would be missing. Enrol \
                     somebody first (`reeve approver add NAME --account UUID`, with the same groups), or have the rules ask \
                     for fewer, then remove {name}. Where {name} lost their phone, `reeve approver recover {name}`",
                    takes.what,
                    takes.wants()
                );
                return Err(Problem::new(ProblemKind::Denied, why));
            }
        }
        Ok(GateAnswer::Document(json!({"name": name})))
    }

    /// What people were asked lately, what waits for them, and what a change of the rules takes.
    async fn what_takes_people(self: &Arc<Self>) -> Result<Vec<Takes>, Problem> {
        let since = self.now_ms().saturating_sub(LOOKED_BACK_MS);
        let jobs = self.stored(move |store| store.since(since)).await?;
        let mut takes: Vec<Takes> = jobs.iter().filter_map(Takes::of).collect();
        let root = PrincipalName::try_from("root".to_owned())
            .map_err(|_never| Problem::new(ProblemKind::Unavailable, "root has no name"))?;
        let decision = self.decided_for_change(&root, &self.files.load().digest()).await;
        if decision.verdict != Verdict::Deny {
            let quorum = decision.terms.unwrap_or_default().quorum().clone();
            let what = super::change::COMMAND.to_owned();
            takes.push(Takes { what, quorum, excluded: Vec::new() });
        }
        Ok(takes)
    }
}
