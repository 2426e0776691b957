//! Rules, people and settings loaded anew, all of them or none, and who has to say yes to that.

use std::sync::Arc;

use serde_json::json;

use super::config::{Budget, GateConfig, HookSettings};
use super::files::Files;
use super::protocol::{Answer, Problem, ProblemKind};
use super::shadow::Trial;
use super::standing::Standing;
use super::start::{policy_engine, rules, stages};
use super::start_error::{StartError, causes};
use super::{Gate, posted};
use crate::adapter::SystemHost;
use crate::alarm::config::AlarmsConfig;
use crate::approval::people::People;
use crate::approval::prompt::Notice;
use crate::audit::peers::WitnessConfig;
use crate::audit::{Event, EventKind};
use crate::config::logging;
use crate::domains::Changed;
use crate::policy::{Contracts, Rules};
use crate::principal::PrincipalName;
use crate::trace::config::TracesConfig;

/// What a reload brings into force, all of it or nothing.
pub(super) struct Anew {
    pub(super) rules: Rules,
    trial: Trial,
    pub(super) people: People,
    pub(super) budgets: Vec<Budget>,
    alarms: Option<AlarmsConfig>,
    traces: Option<TracesConfig>,
    /// The texts that all of it was read from.
    pub(super) files: Files,
    keys: posted::Keys,
    hook: Option<HookSettings>,
    witness: Option<WitnessConfig>,
    host: SystemHost,
    log: String,
    /// What has changed in the lists.
    changed: Vec<Changed>,
}

impl Anew {
    /// Who may approve what, once it is in force.
    pub(super) fn standing(&self) -> Standing {
        Standing::of(&self.people, &self.rules, &self.budgets)
            .with_keys(self.keys.told())
            .with_hook(self.hook.as_ref().map(HookSettings::told))
    }
}

/// Who asks for a reload.
#[derive(Debug, Clone, Copy)]
pub enum ReloadBy<'a> {
    /// Root, who holds the files: by a signal at the host's console.
    Root,
    /// Root, who has not said that approvals may be weakened by it.
    RootUnlessWeaker,
    /// A principal with the role admin, who may have somebody else's files read but not let them weaken approvals.
    Caller(&'a PrincipalName),
}

impl Gate {
    /// Reads configuration, contracts and policy again. What does not load changes nothing, and what would let something be
    /// approved that could not be before takes those who may approve, or root at the console, of which everybody is told.
    pub async fn reload(self: &Arc<Self>, by: ReloadBy<'_>) -> Result<Answer, Problem> {
        let _one_at_a_time = self.reloading.lock().await;
        let outcome = self.load_anew().await;
        let (weaker, narrower) = match &outcome {
            Ok(anew) => {
                let (now, new) = (self.standing(), anew.standing());
                (new.weaker_than(&now), new.narrower_than(&now))
            }
            Err(_) => (Vec::new(), Vec::new()),
        };
        let root = PrincipalName::try_from("root".to_owned())
            .map_err(|_never| Problem::new(ProblemKind::Unavailable, "root has no name"))?;
        let (who, may) = match by {
            ReloadBy::Root => (&root, true),
            ReloadBy::RootUnlessWeaker => (&root, weaker.is_empty()),
            ReloadBy::Caller(caller) => (caller, weaker.is_empty()),
        };
        let why = match &outcome {
            Ok(_) if may => String::new(),
            Ok(_) => "it would change who may approve what, so that people are asked".to_owned(),
            Err(error) => causes(error),
        };
        let revision = match &outcome {
            Ok(anew) if may => anew.rules.revision.clone(),
            Ok(_) | Err(_) => self.rules.load().revision.clone(),
        };
        let changed = match &outcome {
            Ok(anew) => self.files.load().seen().until(&anew.files.seen()),
            Err(_) => Vec::new(),
        };
        let event = Event::new(EventKind::ConfigReloaded)
            .with("of", "reeve-gate")
            .with("changed", json!(changed))
            .with("loaded", outcome.is_ok() && may)
            .with("why", why.as_str())
            .with("by", who.as_str())
            .with("weaker", json!(weaker))
            .with("narrower", json!(narrower))
            .with("rules", revision.as_str())
            .with("shadow", outcome.as_ref().map_or(json!(null), |anew| anew.trial.told()));
        self.record(event).await?;
        match outcome {
            Ok(anew) if may => {
                let said = format!("rules {} are in force", anew.rules.revision);
                let before = self.bring_into_force(anew).await;
                for difference in &changed {
                    tracing::info!("changed: {difference}");
                }
                if !weaker.is_empty() {
                    tracing::warn!(?weaker, "root changed who may approve what");
                    self.announce(Notice::RulesChanged { lines: weaker }, Some(Arc::clone(&before)));
                }
                if !narrower.is_empty() {
                    self.announce(Notice::RulesNarrowed { lines: narrower }, Some(before));
                }
                Ok(Answer::Document(json!({"reloaded": true, "detail": said, "changed": changed})))
            }
            Ok(anew) => {
                tracing::warn!(by = who.as_str(), ?weaker, "what is weaker waits for people");
                self.ask_for_change(who, &anew, weaker).await
            }
            Err(_) => {
                tracing::error!(why, "the reload failed; what was in force stays in force");
                Err(Problem::new(
                    ProblemKind::Unavailable,
                    "the reload failed; what was in force stays in force; the gate's log says why",
                ))
            }
        }
    }

    /// Brings it into force, and says who might approve before.
    pub(super) async fn bring_into_force(self: &Arc<Self>, anew: Anew) -> Arc<People> {
        let Anew {
            rules,
            trial,
            people,
            budgets,
            alarms,
            traces,
            keys,
            hook,
            witness,
            files,
            host,
            log,
            changed,
        } = anew;
        // It was parsed when it was read.
        drop(logging::change(&log));
        self.shadow.set(trial);
        let said = format!("rules {} are in force", rules.revision);
        self.files.store(Arc::new(files));
        self.host.store(Arc::new(host));
        self.rules.store(Arc::new(rules));
        self.budgets.set(budgets);
        self.alarms.set(alarms);
        self.traces.set(traces);
        self.posted.set(keys);
        self.hook.set(hook);
        self.witnesses.set(witness);
        let people = Arc::new(people);
        self.channel.set_people(Arc::clone(&people));
        let before = self.people.swap(people);
        let gate = Arc::clone(self);
        let kept = tokio::task::spawn_blocking(move || gate.keep_standing()).await;
        if !matches!(kept, Ok(Ok(_))) {
            // At the next start the same is told again.
            tracing::error!("what is in force is not kept for the next start");
        }
        tracing::info!("{said}");
        self.tell_of_lists(changed).await.unwrap_or_else(super::lists::unrecorded);
        self.void_changes().await;
        before
    }

    pub(super) async fn load_anew(&self) -> Result<Anew, StartError> {
        let config = GateConfig::read(&self.sources.config, &self.identity.name)?;
        let texts = Files::read(&self.sources, &config)?;
        let contracts = Contracts::load(&self.sources.contracts)?;
        let files = (self.sources.policy.as_path(), config.shadow.as_deref());
        let engine = policy_engine(files, &self.metrics).await?;
        let (lists, changed) =
            self.lists_of(config.domain_lists.clone()).await.map_err(|_ended| StartError::Thread)?;
        let keys = posted::Keys::load(config.webhook.as_ref(), &config.people)?;
        if Files::read(&self.sources, &config)? != texts {
            return Err(StartError::Changing);
        }
        Ok(Anew {
            files: texts.with_keys(&keys.told()),
            keys,
            hook: config.identity_hook,
            witness: config.witness,
            trial: Trial::load(config.shadow.as_deref()).await,
            rules: rules(contracts, engine, lists, stages(config.screening, config.shields)?),
            people: config.people,
            budgets: config.budgets,
            alarms: config.alarms,
            traces: config.traces,
            host: SystemHost::new(config.adapters),
            log: config.log,
            changed,
        })
    }
}
