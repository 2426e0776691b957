//! Brings a gate up from its configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::budget::Budgets;
use super::config::{ApprovalSettings, GateConfig, SignalSettings};
use super::cooling::Cooling;
use super::drill::Drills;
use super::enrol::Enrolling;
use super::files::Files;
use super::freeze::Frozen;
use super::hear::Waiting;
use super::history::History;
use super::hook::Hook;
use super::live::Live;
use super::preflight::Preflight;
use super::question::Questions;
use super::shadow::{Shadow, Trial};
use super::start_error::StartError;
use super::witness::Witnesses;
use super::{
    Gate, Identity, Launcher, alarm, canary, channel, checkpoint, health, keys, own_keys, posted, receipts,
};
use crate::adapter::SystemHost;
use crate::alarm::What;
use crate::approval::Channel;
use crate::approval::inbound::Inbound;
use crate::approval::people::People;
use crate::approval::prompt::Notice;
use crate::approval::signal::{Link, SignalConfig};
use crate::audit::verify::{CHECKPOINT_KEY, WITNESS_KEY};
use crate::audit::{AuditConfig, AuditError, AuditLog, Event, EventKind};
use crate::domains::DomainLists;
use crate::job::{Store, StoreError};
use crate::metrics;
use crate::policy::{Contracts, HOURS, PolicyEngine, PolicySource, Rules, WorkerProgram};
use crate::screening::Screening;
use crate::screening::settings::ScreeningSettings;
use crate::shield::{Shield, ShieldSettings};
use crate::sys::clock::Clock;
use crate::sys::{host, ids};
use crate::trace::Tracer;

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
    let traces = Tracer::new("reeve-gate", Arc::clone(&clock), Arc::new(metrics.spans()));
    traces.set(config.traces);
    let own = own_keys::witness(&config.keys, &config.host)?;
    let log = config.audit.path.parent().map(Path::to_path_buf).unwrap_or_default();
    let witnesses = Witnesses::load(config.witness, own, log, (&store, Arc::clone(&clock)))?;
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
        rules: ArcSwap::from_pointee(rules(
            contracts,
            engine,
            lists.into(),
            stages(config.screening, config.shields)?,
        )),
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
        drills: Drills::default(),
        health: health::Health::default(),
        early: receipts::Early::default(),
        draining: AtomicBool::new(false),
        host: ArcSwap::from_pointee(SystemHost::new(config.adapters)),
        people: ArcSwap::from_pointee(config.people),
        channel,
        alarms,
        posted,
        traces,
        hook: Hook::of(config.identity_hook),
        waiting: Waiting::default(),
        witnesses: Arc::new(witnesses),
        metrics,
        sources,
    });
    gate.begin_work(messages, raised).await?;
    if let Some(signal) = &config.signal {
        gate.look_after_channel(signal);
    }
    if let Some(minute) = config.audit.daily_at {
        tokio::spawn(checkpoint::tell_days(Arc::clone(&gate), minute));
    }
    Ok(gate)
}

pub(super) async fn policy_engine(
    (path, trial): (&Path, Option<&Path>),
    metrics: &Arc<metrics::gate::Gate>,
) -> Result<PolicyEngine, StartError> {
    let source = PolicySource::read_without(path, trial)?;
    let engine = PolicyEngine::start(source, WorkerProgram::default()).await?;
    let metrics = Arc::clone(metrics);
    Ok(engine.observed_by(Arc::new(move |time, _decision| metrics.policy_took(time))))
}

pub(super) fn rules(
    contracts: Contracts,
    engine: PolicyEngine,
    lists: Arc<DomainLists>,
    (screening, shield): (Screening, Shield),
) -> Rules {
    let rules = Rules::new(contracts, engine).with_lists(lists);
    rules.with_screening(Arc::new(screening)).with_shield(Arc::new(shield))
}

/// What looks at texts. Who asks Azure need not be there where nobody is to ask.
pub(super) fn stages(
    screening: ScreeningSettings,
    shields: ShieldSettings,
) -> Result<(Screening, Shield), StartError> {
    let uid = if shields.is_on() { uid_of(&shields.user)? } else { 0 };
    Ok((Screening::new(screening), Shield::new(shields, uid)))
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
        let (weaker, narrower) = self.keep_standing()?;
        let event = Event::new(EventKind::GateStarted)
            .with("weaker", json!(weaker))
            .with("narrower", json!(narrower))
            .with("version", env!("CARGO_PKG_VERSION"))
            .with("rules", self.rules.load().revision.as_str())
            .with("boot", self.identity.boot_id.as_str())
            .with(CHECKPOINT_KEY, self.signer.public().to_string())
            .with(WITNESS_KEY, self.witnesses.key().to_string());
        self.audit.append(event).await?;
        self.keep_signer()?;
        self.resume_drill()?;
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
        if !narrower.is_empty() {
            self.announce(Notice::RulesNarrowed { lines: narrower }, None);
        }
        Ok(())
    }

    /// Begins to look at how the way to people is.
    fn look_after_channel(self: &Arc<Self>, settings: &SignalSettings) {
        let Channel::Signal(link) = &self.channel else { return };
        if let Some(receipts) = link.receipts() {
            tokio::spawn(receipts::listen(Arc::clone(self), receipts));
        }
        if !settings.delivered_within.is_zero() {
            tokio::spawn(receipts::watch(Arc::clone(self), settings.delivered_within));
        }
        if !settings.canary.is_zero() {
            tokio::spawn(canary::keep(Arc::clone(self), settings.canary));
        }
        tokio::spawn(health::keep(Arc::clone(self)));
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
