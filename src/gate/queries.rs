//! What is asked without anything being done: look-ups, listings, the catalogue, metrics.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::envelope::waiting_approval;
use super::live::Cell;
use super::protocol::{Answer, Envelope, NetworkEvent, Problem, ProblemKind, Status};
use super::record::Unrecorded;
use super::{Gate, receipts};
use crate::adapter::Effects;
use crate::audit::{Event, EventKind};
use crate::job::{Filter, Job, State, Store, StoreError, is_id};
use crate::operation::{Entry, catalogue, schema};
use crate::principal::{PrincipalName, Role};

/// The longest wait of one look-up.
const MAX_WAIT: Duration = Duration::from_secs(300);
/// The longest page of a listing.
const MAX_PAGE: usize = 200;

impl Gate {
    /// That the caller has a contract.
    pub(super) fn known(&self, caller: &PrincipalName) -> Result<(), Problem> {
        if self.rules.load().contracts.get(caller).is_some() {
            return Ok(());
        }
        Err(Problem::new(ProblemKind::Forbidden, "the caller has no contract on this host"))
    }

    /// Whether the caller has the role.
    pub(super) fn has_role(&self, caller: &PrincipalName, role: Role) -> bool {
        self.rules.load().contracts.get(caller).is_some_and(|contract| contract.roles().contains(&role))
    }

    /// An operation of the caller, or of anybody for an admin, once it is past the version that the caller has.
    pub(super) async fn get(
        &self,
        caller: &PrincipalName,
        id: &str,
        wait: Duration,
        seen: u64,
    ) -> Result<Answer, Problem> {
        let cell = self.live.get(id).filter(|_| is_id("op", id));
        let Some(cell) = cell else {
            return match self.look_up(id).await? {
                Some(envelope) if self.may_see(caller, &envelope.principal) => {
                    Ok(Answer::Operation(Box::new(envelope)))
                }
                Some(_) | None => Err(not_found()),
            };
        };
        if !self.may_see(caller, &cell.job.lock().await.principal) {
            return Err(not_found());
        }
        let envelope = self.past(&cell, wait.min(MAX_WAIT), seen).await;
        Ok(Answer::Operation(Box::new(envelope)))
    }

    async fn past(&self, cell: &Cell, wait: Duration, seen: u64) -> Envelope {
        let mut versions = cell.versions();
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            let job = cell.job.lock().await;
            let is_news =
                if seen == 0 { job.state.is_final() || wait.is_zero() } else { job.version() > seen };
            if is_news || job.state.is_final() {
                return self.envelope(&job);
            }
            drop(job);
            if tokio::time::timeout_at(deadline, versions.changed()).await.is_err() {
                return self.envelope(&*cell.job.lock().await);
            }
        }
    }

    /// The same, or once its tools have let more be seen than the caller has.
    pub(super) async fn follow(
        &self,
        caller: &PrincipalName,
        id: &str,
        wait: Duration,
        (seen, output): (u64, u64),
    ) -> Result<Answer, Problem> {
        let Some(cell) = self.live.get(id).filter(|_| is_id("op", id)) else {
            let Answer::Operation(envelope) = self.get(caller, id, wait, seen).await? else {
                return Err(not_found());
            };
            return Ok(Answer::Followed { envelope, output: Vec::new(), count: output });
        };
        if !self.may_see(caller, &cell.job.lock().await.principal) {
            return Err(not_found());
        }
        let mut counts = cell.output.counts();
        tokio::select! {
            _past = self.past(&cell, wait.min(MAX_WAIT), seen) => {}
            _more = counts.wait_for(|count| *count > output) => {}
        }
        // The output first: what is printed before the end is seen before the end.
        let (entries, count) = cell.output.after(output);
        let envelope = Box::new(self.envelope(&*cell.job.lock().await));
        Ok(Answer::Followed { envelope, output: entries, count })
    }

    fn may_see(&self, caller: &PrincipalName, owner: &PrincipalName) -> bool {
        caller == owner || self.has_role(caller, Role::Admin)
    }

    /// An operation, in hand or in the store.
    pub(super) async fn look_up(&self, id: &str) -> Result<Option<Envelope>, Problem> {
        if !is_id("op", id) {
            return Ok(None);
        }
        if let Some(cell) = self.live.get(id) {
            return Ok(Some(self.envelope(&*cell.job.lock().await)));
        }
        let id = id.to_owned();
        let job = self.stored(move |store| store.get(&id)).await?;
        Ok(job.map(|job| self.envelope(&job)))
    }

    /// Takes an operation back, while it has not begun.
    pub(super) async fn cancel(&self, caller: &PrincipalName, id: &str) -> Result<Answer, Problem> {
        let Some(cell) = self.live.get(id) else { return Err(self.not_in_hand(caller, id).await?) };
        let mut job = cell.job.lock().await;
        if !self.may_see(caller, &job.principal) {
            return Err(not_found());
        }
        if job.state == State::Cancelled {
            return Ok(Answer::Operation(Box::new(self.envelope(&job))));
        }
        if job.state == State::Executing && can_be_ended(&job) {
            return self.end_early(&cell, &job, caller).await;
        }
        if !job.state.may_become(State::Cancelled) {
            return Err(Problem::new(
                ProblemKind::TooLate,
                format!("the operation is {}", job.state.as_str()),
            ));
        }
        let was_pending = job.state == State::Pending;
        let event = self.event(EventKind::Cancelled, &job).with("by", caller.as_str());
        self.advance(&cell, &mut job, State::Cancelled, event).await?;
        if was_pending {
            self.approval_closed(&job, "cancelled");
        }
        self.tell(&job, &crate::approval::prompt::Outcome::Cancelled).await;
        Ok(Answer::Operation(Box::new(self.envelope(&job))))
    }

    /// Ends the tool of an operation that runs, with all that it started. What the host shows then is its outcome.
    async fn end_early(
        &self,
        cell: &Arc<Cell>,
        job: &Job,
        caller: &PrincipalName,
    ) -> Result<Answer, Problem> {
        let event = self.event(EventKind::Cancelled, job).with("by", caller.as_str()).with("running", true);
        self.record(event).await?;
        let told = {
            let cell = Arc::clone(cell);
            tokio::task::spawn_blocking(move || cell.cancellation.cancel()).await
        };
        if !matches!(told, Ok(Ok(()))) {
            return Err(Problem::new(
                ProblemKind::Unavailable,
                "the launcher could not be told; the operation runs to its own limit",
            ));
        }
        Ok(Answer::Operation(Box::new(self.envelope(job))))
    }

    async fn not_in_hand(&self, caller: &PrincipalName, id: &str) -> Result<Problem, Problem> {
        Ok(match self.look_up(id).await? {
            Some(envelope) if self.may_see(caller, &envelope.principal) => {
                Problem::new(ProblemKind::TooLate, format!("the operation is {}", envelope.state.as_str()))
            }
            Some(_) | None => not_found(),
        })
    }

    /// The newest operations, the caller's own or for an admin everyone's.
    pub(super) async fn list(
        &self,
        caller: &PrincipalName,
        mut filter: Filter,
        limit: u32,
    ) -> Result<Answer, Problem> {
        self.known(caller)?;
        if !self.has_role(caller, Role::Admin) {
            filter.principal = Some(caller.clone());
        }
        let limit = usize::try_from(limit).unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
        let page = self.stored(move |store| store.list(&filter, limit)).await?;
        Ok(Answer::Operations {
            operations: page.jobs.iter().map(|job| self.envelope(job)).collect(),
            next: page.next,
        })
    }

    /// What waits for people.
    pub(super) async fn waiting(&self, caller: Option<&PrincipalName>) -> Answer {
        let (mut approvals, people) = (Vec::new(), self.people.load_full());
        for cell in self.live.all() {
            let job = cell.job.lock().await;
            if caller.is_none_or(|caller| self.may_see(caller, &job.principal)) {
                approvals.extend(waiting_approval(&job, &people));
            }
        }
        if caller.is_none_or(|caller| self.has_role(caller, Role::Admin)) {
            approvals.extend(self.questions.all().await.iter().filter_map(|one| one.waiting(&people)));
        }
        approvals.sort_by(|one, two| one.operation.cmp(&two.operation));
        Answer::Approvals(approvals)
    }

    /// All that an operation that people are asked about would do, for people on the host.
    pub(super) async fn show(&self, id: &str) -> Result<Answer, Problem> {
        for cell in self.live.all() {
            let job = cell.job.lock().await;
            let is_it = job.approval.as_ref().is_some_and(|approval| approval.id == id || job.id == id);
            if let Some(whole) = self.whole(&job).filter(|_| is_it) {
                return Ok(Answer::Document(whole));
            }
        }
        if let Some(drill) = self.drill_shown(id) {
            return Ok(Answer::Document(drill));
        }
        if let Some(question) = self.questions.get(id).await {
            return Ok(Answer::Document(question.whole(&self.people.load())));
        }
        Err(Problem::new(ProblemKind::NotFound, "nothing that people were asked about lately has this id"))
    }

    /// All that people were asked about in one operation.
    pub(super) fn whole(&self, job: &Job) -> Option<Value> {
        let approval = job.approval.as_ref()?;
        let digest = job.effects().map(Effects::effects_digest);
        Some(json!({
            "command": job.submission.operation.command_line(), "effects_digest": digest, "binds": approval.binds, "on_behalf_of": job.submission.on_behalf_of,
            "reason": job.submission.reason, "operation": self.envelope(job), "prompts": receipts::shown(approval),
        }))
    }

    /// Every operation, with whether the caller's contract has it.
    pub(super) fn catalogue(&self, caller: &PrincipalName) -> Result<Answer, Problem> {
        self.known(caller)?;
        let rules = self.rules.load();
        let contract = rules.contracts.get(caller);
        let operations: Vec<Value> = catalogue()
            .map(|entry| {
                let tool = entry.name();
                let entries = contract.map(|contract| contract.entries(&tool)).unwrap_or_default();
                json!({
                    "kind": entry.kind, "op": entry.op, "effect": entry.effect, "about": entry.about,
                    "schema": schema(entry), "granted": !entries.is_empty(), "contract": entries,
                    "positional": entry.fields.iter().map(|field| field.name).collect::<Vec<_>>(),
                })
            })
            .collect();
        let digest = contract.map(|contract| contract.digest());
        Ok(Answer::Document(json!({"operations": operations, "contract": digest})))
    }

    /// What a principal is and offers: itself for everybody, others for admins.
    pub(super) fn directory(&self, caller: &PrincipalName, handle: &str) -> Result<Answer, Problem> {
        self.known(caller)?;
        let rules = self.rules.load();
        let name = PrincipalName::try_from(handle.to_owned()).map_err(|_no_name| not_found())?;
        let contract =
            rules.contracts.get(&name).filter(|_| self.may_see(caller, &name)).ok_or_else(not_found)?;
        let tools = catalogue().map(Entry::name);
        let offered: Vec<String> = tools.filter(|tool| contract.has(tool)).collect();
        let entries: Vec<&Value> = contract.all_entries().collect();
        Ok(Answer::Document(json!({
            "name": name, "roles": contract.roles(), "operations": offered, "entries": entries,
            "contract": contract.digest(),
        })))
    }

    /// The gate's health, from memory.
    pub(super) fn status(&self) -> Answer {
        let rules = self.rules.load();
        let principals = rules.contracts.names().map(|name| {
            let roles = rules.contracts.get(name).map(|contract| contract.roles().iter().copied().collect());
            (name.clone(), roles.unwrap_or_default())
        });
        Answer::Status(Status {
            host: self.identity.name.clone(),
            audit: self.audit.healthy(),
            approvals: match &self.channel {
                crate::approval::Channel::Signal(link) if link.is_up() => "up".to_owned(),
                crate::approval::Channel::Signal(_) => "down".to_owned(),
                crate::approval::Channel::None => "none".to_owned(),
            },
            sudoers_warnings: self.sudoers_warnings(),
            principals: principals.collect(),
        })
    }

    /// The metrics in Prometheus' text form.
    pub(super) async fn metrics_text(&self, caller: Option<&PrincipalName>) -> Result<Answer, Problem> {
        let may = |caller| self.has_role(caller, Role::Metrics) || self.has_role(caller, Role::Admin);
        // Without a caller it is reeved's own loopback listener that asks.
        if !caller.is_none_or(may) {
            return Err(Problem::new(
                ProblemKind::Forbidden,
                "the caller has neither the role metrics nor admin",
            ));
        }
        self.refresh_gauges().await;
        let contradiction =
            |_error| Problem::new(ProblemKind::Unavailable, "the metrics contradict themselves");
        Ok(Answer::Text(self.metrics.text().map_err(contradiction)?))
    }

    async fn refresh_gauges(&self) {
        self.metrics.approval_channel_up.set(i64::from(self.channel.is_up()));
        let reachable = i64::try_from(self.channel.reachable().len()).unwrap_or(i64::MAX);
        self.metrics.approvers_reachable.set(reachable);
        let mut pending = 0;
        for cell in self.live.all() {
            pending += i64::from(cell.job.lock().await.state == State::Pending);
        }
        self.metrics.approvals_pending.set(pending);
        self.refresh_signal_metrics();
    }

    /// Puts what the network side saw into the audit log.
    pub(super) async fn note(&self, note: NetworkEvent) -> Result<Answer, Problem> {
        let event = match note {
            NetworkEvent::AuthFailure { reason, certificate, peer, count } => {
                Event::new(EventKind::AuthFailure)
                    .with("reason", reason)
                    .with("certificate", json!(certificate))
                    .with("peer", peer)
                    .with("count", json!(count))
            }
            NetworkEvent::RateLimited { principal, count } => {
                Event::new(EventKind::RateLimited).principal(principal.as_str()).with("count", json!(count))
            }
            NetworkEvent::Reloaded { why, changed } => Event::new(EventKind::ConfigReloaded)
                .with("of", "reeved")
                .with("changed", json!(changed))
                .with("loaded", why.is_none())
                .with("why", why.unwrap_or_default()),
        };
        self.record(event).await?;
        Ok(Answer::Done("recorded".to_owned()))
    }

    /// Runs a look into the store on a thread that may block.
    pub(super) async fn stored<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = Arc::clone(&self.store);
        let looked = tokio::task::spawn_blocking(move || look(&store));
        Ok(looked.await.map_err(|_panicked| Unrecorded::Thread)?.map_err(Unrecorded::from)?)
    }
}

/// Whether the wrapper stays with every command of the plan, so that it can end them.
fn can_be_ended(job: &Job) -> bool {
    let steps = job.plan.as_ref().map(|plan| plan.steps.as_slice()).unwrap_or_default();
    !steps.is_empty() && steps.iter().all(|step| step.argv.program.is_supervised())
}

/// Another's operation and none look the same.
fn not_found() -> Problem {
    Problem::new(ProblemKind::NotFound, "there is no such operation for this caller")
}
