//! Whether somebody may be taken out: not while that would leave too few for what waits, for what people were asked lately,
//! or for a change of these very rules. Whoever is out of the file already is not left, even while they are in force.

use std::sync::Arc;

use serde_json::json;

use super::Gate;
use super::ask::{excluded, terms_of};
use super::config::GateConfig;
use super::protocol::{Answer as GateAnswer, Problem, ProblemKind};
use super::start_error::causes;
use crate::approval::people::{Approver, People};
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
        let (staying, going) = self.staying(&people, name)?;
        for takes in self.what_takes_people().await? {
            let left = takes.missing(staying.iter());
            // What is for too few as it is does not keep anybody.
            if left > 0 && takes.missing(people.iter()) == 0 {
                let gone = if going.is_empty() {
                    String::new()
                } else {
                    format!(
                        " {} may approve less by gate.toml than is in force, and count{} as there: it comes into force with \
                         the next reload.",
                        going.join(", "),
                        if going.len() == 1 { "s" } else { "" }
                    )
                };
                let why = format!(
                    "without {name} too few could say yes to `{}`: it takes {}, and {left} would be missing.{gone} Enrol \
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

    /// Who may approve now and still may by the file once somebody is out of it, in the groups of both; and who of them may
    /// less by the file than now.
    fn staying(&self, people: &People, without: &str) -> Result<(Vec<Approver>, Vec<String>), Problem> {
        let file = GateConfig::read(&self.sources.config, &self.identity.name);
        let file = file.map_err(|error| {
            let why = format!("gate.toml cannot be read as it is now: {}", causes(&error));
            Problem::new(ProblemKind::Unavailable, why)
        })?;
        let (mut staying, mut going) = (Vec::new(), Vec::new());
        for now in people.iter().filter(|one| one.name != without) {
            let written = file.people.named(&now.name);
            let groups: Vec<String> = written.map_or_else(Vec::new, |written| {
                now.groups.iter().filter(|group| written.groups.contains(group)).cloned().collect()
            });
            if written.is_none() || groups.len() < now.groups.len() {
                going.push(now.name.clone());
            }
            if written.is_some() {
                staying.push(Approver { groups, ..now.clone() });
            }
        }
        Ok((staying, going))
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
