//! The pipeline that joins everything below it, and the protocol by which `reeved` and the people on the host speak to it.
//!
//! ```text
//! submit ─▶ decide ─▶ ask ─▶ vote ─▶ act ─▶ answer
//!            │         │              │
//!            contract, people         plan again, grant, run, verify
//!            plan, policy
//! ```
//! Each step is in the audit log before the next one begins; what cannot be recorded does not happen.

mod act;
mod alarm;
mod alternatives;
mod ask;
mod budget;
mod canary;
mod change;
mod channel;
mod checkpoint;
pub mod client;
pub mod config;
mod cooling;
mod decide;
mod drill;
mod due;
mod end;
mod enrol;
mod envelope;
mod evaluate;
mod files;
mod freeze;
mod health;
mod hear;
mod history;
mod hook;
mod hosts;
mod keys;
mod launch;
mod lines;
mod lists;
mod live;
mod noted;
mod output;
pub mod own_keys;
mod permit;
mod posted;
pub mod preflight;
pub mod protocol;
mod queries;
mod question;
mod reach;
mod read;
mod receipts;
mod record;
mod reload;
mod recovery;
mod removal;
mod resume;
mod screening;
mod secrets;
pub mod server;
mod shadow;
mod shown;
mod standing;
mod start;
mod start_error;
mod step;
mod submit;
mod tell;
mod traced;
mod undoable;
mod vote;
mod witness;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;

use crate::adapter::SystemHost;
use crate::approval::Channel;
use crate::approval::people::People;
use crate::audit::{AuditLog, Signer};
use crate::grant::SigningKey;
use crate::job::Store;
use crate::metrics;
use crate::policy::Rules;
use crate::sys::clock::Clock;
use crate::trace::Tracer;

use budget::Budgets;
use config::{ApprovalSettings, LauncherConfig};
use cooling::Cooling;
use freeze::Frozen;
use history::History;
use live::Live;

pub use reload::ReloadBy;
pub use start::start;
pub use start_error::{StartError, causes};

/// The gate: decides, asks, records, signs.
pub struct Gate {
    identity: Identity,
    launcher: Launcher,
    approvals: ApprovalSettings,
    clock: Arc<dyn Clock>,
    audit: AuditLog,
    store: Arc<Store>,
    live: Live,
    rules: ArcSwap<Rules>,
    shadow: shadow::Shadow,
    history: History,
    cooling: Cooling,
    frozen: Frozen,
    budgets: Budgets,
    preflight: preflight::Preflight,
    preflight_settings: config::PreflightSettings,
    reloading: tokio::sync::Mutex<()>,
    files: ArcSwap<files::Files>,
    questions: question::Questions,
    enrolling: enrol::Enrolling,
    drills: drill::Drills,
    health: health::Health,
    early: receipts::Early,
    draining: AtomicBool,
    host: ArcSwap<SystemHost>,
    key: SigningKey,
    signer: Signer,
    people: ArcSwap<People>,
    channel: Channel,
    alarms: alarm::Alarms,
    posted: posted::Posted,
    traces: Tracer,
    hook: hook::Hook,
    waiting: hear::Waiting,
    witnesses: Arc<witness::Witnesses>,
    metrics: Arc<metrics::gate::Gate>,
    sources: start::Sources,
}

/// What grants and messages call this host.
struct Identity {
    name: String,
    machine_id: String,
    boot_id: String,
}

/// The launcher, and the only user that may be it.
struct Launcher {
    settings: LauncherConfig,
    uid: u32,
}

impl Gate {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64 {
        millis(self.clock.now())
    }

    /// The audit log, for whoever must know whether it is well.
    pub fn audit(&self) -> &AuditLog {
        &self.audit
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn from_millis(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}
