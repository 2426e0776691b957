//! Brings a gate up from its configuration, and loads rules and people anew on a reload.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::budget::Budgets;
use super::config::{ApprovalSettings, Budget, GateConfig, SignalSettings};
use super::cooling::Cooling;
use super::enrol::Enrolling;
use super::files::Files;
use super::freeze::Frozen;
use super::history::History;
use super::live::Live;
use super::preflight::Preflight;
use super::protocol::{Answer, Problem, ProblemKind};
use super::question::Questions;
use super::shadow::{Shadow, Trial};
use super::standing::Standing;
use super::start_error::{StartError, causes};
use super::{Gate, Identity, Launcher, alarm, channel, checkpoint, keys, own_keys, posted};
use crate::adapter::SystemHost;
use crate::alarm::What;
use crate::alarm::config::AlarmsConfig;
use crate::approval::Channel;
use crate::approval::inbound::Inbound;
use crate::approval::people::People;
use crate::approval::prompt::Notice;
use crate::approval::signal::{Link, SignalConfig};
use crate::audit::verify::CHECKPOINT_KEY;
use crate::audit::{AuditConfig, AuditError, AuditLog, Event, EventKind};
use crate::config::logging;
use crate::domains::{Changed, DomainLists};
use crate::job::{Store, StoreError};
use crate::metrics;
use crate::policy::{Contracts, HOURS, PolicyEngine, PolicySource, Rules, WorkerProgram};
use crate::principal::PrincipalName;
use crate::screening::Screening;
use crate::screening::settings::ScreeningSettings;
use crate::sys::clock::Clock;
use crate::sys::{host, ids};

/// The longest that a request waits for people.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Where rules come from when they are loaded anew.
pub(super) struct Sources {
    pub(super) config: PathBuf,
    pub(super) contracts: PathBuf,
    pub(super) policy: PathBuf,
    /// Where the gate keeps its own: the last good text of each list.
    pub(super) state: PathBuf,
}

/// What a reload brings into force, all of it or nothing.
pub(super) struct Anew {
    pub(super) rules: Rules,
    trial: Trial,
    pub(super) people: People,
    pub(super) budgets: Vec<Budget>,
    alarms: Option<AlarmsConfig>,
    /// The texts that all of it was read from.
    pub(super) files: Files,
    keys: posted::Keys,
    host: SystemHost,
    log: String,
    /// What has changed in the lists.
    changed: Vec<Changed>,
}

impl Anew {
    /// Who may approve what, once it is in force.
    pub(super) fn standing(&self) -> Standing {
        Standing::of(&self.people, &self.rules, &self.budgets).with_keys(self.keys.told())
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

/// Brings the gate up: reads everything, resumes what was cut off, begins to listen to people.
pub async fn start(path: &Path, config: GateConfig, clock: Arc<dyn Clock>) -> Result<Arc<Gate>, StartError> {
    let sources = Sources {
        config: path.to_owned(),
        contracts: config.contracts.clone(),
        policy: config.policy.clone(),
        state: config.state.clone(),
    };
    let keys = posted::Keys::load(config.webhook.as_ref(), &config.people)?;
    let files = Files::read(&sources, &config)?.with_keys(&keys.told());
    let contracts = Contracts::load(&config.contracts)?;
    let lists = DomainLists::of(config.domain_lists.clone(), Some(&config.state.join("lists")));
    let metrics = Arc::new(metrics::gate::Gate::new()?);
    let engine = policy_engine((&config.policy, config.shadow.as_deref()), &metrics).await?;
    let shadow = Shadow::new(Trial::load(config.shadow.as_deref()).await);
    let store = Arc::new(Store::open(&config.state.join("state.redb"))?);
    let audit = open_audit(&config, &clock)?;
    let observed = Arc::clone(&metrics);
    audit.observe_appends(move |time| observed.audit_took(1, time));
    let (channel, messages) = open_channel(config.signal.as_ref(), &config.people, &clock)?;
    let cooling = cooling(&store, &config.approvals, clock.as_ref())?;
    let frozen = Frozen::load(&store)?;
    let budgets = Budgets::load(config.budgets, &store, super::millis(clock.now()))?;
    let history = history(&store, clock.as_ref())?;
    let (alarms, raised) = alarm::Alarms::new(config.alarms);
    let (key, signer) = own_keys::load(&config.keys, &config.host)?;
    let posted = posted::Posted::new(keys, super::millis(clock.now()));
    let gate = Arc::new(Gate {
        identity: identity(&config.host)?,
        launcher: Launcher { uid: uid_of(&config.launcher.user)?, settings: config.launcher },
        approvals: config.approvals,
        key,
        signer,
        clock,
        audit,
        store,
        live: Live::default(),
        rules: ArcSwap::from_pointee(rules(contracts, engine, lists.into(), config.screening)),
        shadow,
        history,
        cooling,
        frozen,
        budgets,
        preflight: Preflight::default(),
        preflight_settings: config.preflight,
        reloading: tokio::sync::Mutex::default(),
        files: ArcSwap::from_pointee(files),
        questions: Questions::default(),
        enrolling: Enrolling::default(),
        draining: AtomicBool::new(false),
        host: ArcSwap::from_pointee(SystemHost::new(config.adapters)),
        people: ArcSwap::from_pointee(config.people),
        channel,
        alarms,
        posted,
        metrics,
        sources,
    });
    gate.begin_work(messages, raised).await?;
    if let Some(minute) = config.audit.daily_at {
        tokio::spawn(checkpoint::tell_days(Arc::clone(&gate), minute));
    }
    Ok(gate)
}

async fn policy_engine(
    (path, trial): (&Path, Option<&Path>),
    metrics: &Arc<metrics::gate::Gate>,
) -> Result<PolicyEngine, StartError> {
    let source = PolicySource::read_without(path, trial)?;
    let engine = PolicyEngine::start(source, WorkerProgram::default()).await?;
    let metrics = Arc::clone(metrics);
    Ok(engine.observed_by(Arc::new(move |time, _decision| metrics.policy_took(time))))
}

fn rules(
    contracts: Contracts,
    engine: PolicyEngine,
    lists: Arc<DomainLists>,
    screening: ScreeningSettings,
) -> Rules {
    Rules::new(contracts, engine).with_lists(lists).with_screening(Arc::new(Screening::new(screening)))
}

/// What was refused shortly before the gate was stopped has not cooled down by its start.
fn cooling(store: &Store, settings: &ApprovalSettings, clock: &dyn Clock) -> Result<Cooling, StoreError> {
    let cooling = Cooling::new(settings.cool_down);
    let now = super::millis(clock.now());
    let back = u64::try_from((settings.cool_down + LONGEST_WAIT).as_millis()).unwrap_or(u64::MAX);
    for job in store.since(now.saturating_sub(back))? {
        cooling.note(&job, now);
    }
    Ok(cooling)
}

/// What was taken in hand before the gate was stopped still counts. Refusals are in no store, and do not.
fn history(store: &Store, clock: &dyn Clock) -> Result<History, StoreError> {
    let back = u64::from(HOURS.unsigned_abs()) * 3_600_000;
    let history = History::default();
    for job in store.since(super::millis(clock.now()).saturating_sub(back))? {
        history.note(&job.principal, job.submission.operation.tool(), job.created_at());
    }
    Ok(history)
}

fn open_audit(config: &GateConfig, clock: &Arc<dyn Clock>) -> Result<AuditLog, AuditError> {
    let settings = AuditConfig {
        path: config.audit.path.clone(),
        rotate_bytes: config.audit.rotate_bytes,
        host: config.host.clone(),
    };
    AuditLog::open(settings, Arc::clone(clock))
}

fn open_channel(
    signal: Option<&SignalSettings>,
    people: &People,
    clock: &Arc<dyn Clock>,
) -> Result<(Channel, Option<mpsc::Receiver<Inbound>>), StartError> {
    let Some(signal) = signal else { return Ok((Channel::None, None)) };
    let uuid = Uuid::parse_str(&signal.uuid)?;
    let daemon_uid = uid_of(&signal.user)?;
    let config = SignalConfig::new(signal.socket.clone(), signal.account.clone(), uuid, daemon_uid);
    let (link, messages) = Link::start(config, Arc::new(people.clone()), Arc::clone(clock));
    Ok((Channel::Signal(link), Some(messages)))
}

fn identity(name: &str) -> Result<Identity, StartError> {
    let missing = |what: &str| {
        let what = what.to_owned();
        move |source| StartError::Host { what, source }
    };
    Ok(Identity {
        name: name.to_owned(),
        machine_id: host::machine_id().map_err(missing("/etc/machine-id"))?,
        boot_id: host::boot_id().map_err(missing("the boot id"))?,
    })
}

fn uid_of(user: &str) -> Result<u32, StartError> {
    let missing = |source| StartError::Host { what: format!("the Unix user {user}"), source };
    match ids::user(user) {
        Ok(Some(user)) => Ok(user.uid),
        Ok(None) => Err(missing(std::io::Error::from(std::io::ErrorKind::NotFound))),
        Err(error) => Err(missing(error)),
    }
}

impl Gate {
    async fn begin_work(
        self: &Arc<Self>,
        messages: Option<mpsc::Receiver<Inbound>>,
        raised: mpsc::Receiver<What>,
    ) -> Result<(), StartError> {
        let weaker = self.keep_standing()?;
        let event = Event::new(EventKind::GateStarted)
            .with("weaker", json!(weaker))
            .with("version", env!("CARGO_PKG_VERSION"))
            .with("rules", self.rules.load().revision.as_str())
            .with("boot", self.identity.boot_id.as_str())
            .with(CHECKPOINT_KEY, self.signer.public().to_string());
        self.audit.append(event).await?;
        self.keep_signer()?;
        self.begin_preflight().await;
        self.look_at_lists().await.map_err(|_unrecorded| StartError::Thread)?;
        let open = self.store.open_jobs()?;
        self.resume(open).await;
        self.forget().await;
        tokio::spawn(Arc::clone(self).keep_time());
        tokio::spawn(Arc::clone(self).keep_lists());
        tokio::spawn(alarm::keep(Arc::clone(self), raised));
        if let Some(messages) = messages {
            tokio::spawn(channel::listen(Arc::clone(self), messages));
        }
        if let Channel::Signal(link) = &self.channel {
            tokio::spawn(channel::watch(Arc::clone(self), link.watch()));
            tokio::spawn(keys::watch(Arc::clone(self), link.keys()));
        }
        if !weaker.is_empty() {
            // Whoever starts it is root, too.
            self.announce(Notice::RulesChanged { lines: weaker }, None);
        }
        Ok(())
    }

    /// Reads configuration, contracts and policy again. What does not load changes nothing, and what would let something be
    /// approved that could not be before takes those who may approve, or root at the console, of which everybody is told.
    pub async fn reload(self: &Arc<Self>, by: ReloadBy<'_>) -> Result<Answer, Problem> {
        let _one_at_a_time = self.reloading.lock().await;
        let outcome = self.load_anew().await;
        let weaker = match &outcome {
            Ok(anew) => anew.standing().weaker_than(&self.standing()),
            Err(_) => Vec::new(),
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
                    self.announce(Notice::RulesChanged { lines: weaker }, Some(before));
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
        let Anew { rules, trial, people, budgets, alarms, keys, files, host, log, changed } = anew;
        // It was parsed when it was read.
        drop(logging::change(&log));
        self.shadow.set(trial);
        let said = format!("rules {} are in force", rules.revision);
        self.files.store(Arc::new(files));
        self.host.store(Arc::new(host));
        self.rules.store(Arc::new(rules));
        self.budgets.set(budgets);
        self.alarms.set(alarms);
        self.posted.set(keys);
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
            trial: Trial::load(config.shadow.as_deref()).await,
            rules: rules(contracts, engine, lists, config.screening),
            people: config.people,
            budgets: config.budgets,
            alarms: config.alarms,
            host: SystemHost::new(config.adapters),
            log: config.log,
            changed,
        })
    }

    /// Records that the gate goes down in good order.
    pub async fn stop(&self) {
        if let Err(error) = self
            .record(Event::new(EventKind::GateStopped).with("in_hand", json!(self.live.unfinished())))
            .await
        {
            tracing::error!(error = &error as &dyn std::error::Error, "the stop is not recorded");
        }
    }
}
