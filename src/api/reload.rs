//! Reads configuration, certificates and revocation lists again. What is not valid is left out, whole: what was in force
//! still is.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::answer::Answer as Reply;
use super::config::Settings;
use super::endpoint::{Asked, Failure, LATER, mismatch};
use super::live::{Live, LiveError, seconds};
use super::seen;
use super::server::Shared;
use super::status::{self, Reloaded};
use crate::config::difference::{Difference, Seen};
use crate::config::logging;
use crate::gate::protocol::{Answer, Call, Problem, ProblemKind};

/// How often the revocation list's file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// One reload at a time, and how the last ones went.
#[derive(Default)]
pub(super) struct Reloads {
    one_at_a_time: tokio::sync::Mutex<()>,
    whole_failed: AtomicBool,
    list_failed: AtomicBool,
    /// What is in force, as it was read.
    seen: Mutex<Seen>,
}

impl Reloads {
    /// None yet, and this is in force.
    pub(super) fn of(seen: Seen) -> Self {
        Self { seen: Mutex::new(seen), ..Self::default() }
    }

    /// Takes what comes into force, and says what has become another.
    fn put(&self, seen: Seen) -> Vec<Difference> {
        let mut before = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let differences = before.until(&seen);
        *before = seen;
        differences
    }
}

/// `POST /admin/reload`: the gate, which knows who is an admin, first; then this process.
pub(super) async fn asked(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let gate = match asked.gate(Call::Reload, LATER).await {
        Ok(Answer::Document(done)) if done.get("reloaded") == Some(&json!(true)) => Ok(Gates::Done(done)),
        Ok(Answer::Document(asked)) => Ok(Gates::Asks(asked)),
        Ok(_) => return Err(mismatch()),
        // The caller is an admin, and the gate's own files are what is wrong.
        Err(problem) if problem.kind == ProblemKind::Invalid => Err(problem),
        Err(problem) => return Err(problem.into()),
    };
    let own = everything(asked.shared).await;
    let how = match (&gate, &own) {
        (Ok(Gates::Done(_)), Ok(_)) => Reloaded::Whole,
        (Ok(Gates::Asks(_)), Ok(_)) => Reloaded::Waits,
        (Err(_), _) | (_, Err(_)) => Reloaded::InPart,
    };
    let parts = json!({"gate": gate_part(gate), "reeved": own_part(&own)});
    Ok(status::reloaded(&parts, how))
}

/// What the gate says that is no problem.
enum Gates {
    /// All is in force, and this has become another.
    Done(Value),
    /// People are asked about what would be weaker.
    Asks(Value),
}

fn gate_part(gate: Result<Gates, Problem>) -> Value {
    match gate {
        Ok(Gates::Done(said) | Gates::Asks(said)) => said,
        Err(problem) => json!({"reloaded": false, "detail": problem.detail}),
    }
}

fn own_part(own: &Result<Vec<Difference>, LiveError>) -> Value {
    match own {
        Ok(changed) => {
            let detail = "configuration, certificates and revocation lists are read";
            json!({"reloaded": true, "detail": detail, "changed": changed})
        }
        Err(error) => json!({"reloaded": false, "detail": error.public()}),
    }
}

/// Reads everything again and puts it in force, or says why not.
pub(super) async fn everything(shared: &Arc<Shared>) -> Result<Vec<Difference>, LiveError> {
    let outcome = all_anew(shared).await;
    let (why, changed) = match &outcome {
        Ok(changed) => (None, changed.clone()),
        Err(error) => (Some(error.public().to_owned()), Vec::new()),
    };
    for difference in &changed {
        tracing::info!("changed: {difference}");
    }
    shared.notes.reloaded(why, changed);
    outcome
}

async fn all_anew(shared: &Arc<Shared>) -> Result<Vec<Difference>, LiveError> {
    let _one = shared.reloads.one_at_a_time.lock().await;
    let path = shared.config.clone();
    let generation = shared.live.load().generation + 1;
    let read = blocking(move || {
        let seen = seen::look(&path, &Settings::read(&path)?);
        let live = Live::load(Settings::read(&path)?, generation)?;
        // What is told as changed has to be what comes into force.
        if seen::look(&path, &live.settings) == seen { Ok((live, seen)) } else { Err(LiveError::Changing) }
    })
    .await;
    shared.reloads.whole_failed.store(read.is_err(), Ordering::Relaxed);
    if read.is_ok() {
        shared.reloads.list_failed.store(false, Ordering::Relaxed);
    }
    let (read, seen) = match read {
        Ok((live, seen)) => (Ok(live), seen),
        Err(error) => (Err(error), Seen::default()),
    };
    replace(shared, read)?;
    shared.traces.set(shared.live.load().settings.traces.clone());
    Ok(shared.reloads.put(seen))
}

/// Reads the revocation lists again when their file has changed, for ever.
pub(super) async fn watch_revocations(shared: &Arc<Shared>) {
    let mut seen = stamp(shared).await;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = stamp(shared).await;
        if now != seen {
            seen = now;
            // Why it was not taken is in the log and the metric; a file that is still being written changes again.
            drop(revocations(shared).await);
        }
    }
}

async fn revocations(shared: &Arc<Shared>) -> Result<(), LiveError> {
    let _one = shared.reloads.one_at_a_time.lock().await;
    let live = shared.live.load_full();
    let read = blocking(move || {
        let mut next = live.with_new_revocations()?;
        next.generation += 1;
        Ok(next)
    })
    .await;
    shared.reloads.list_failed.store(read.is_err(), Ordering::Relaxed);
    replace(shared, read)
}

fn replace(shared: &Shared, read: Result<Live, LiveError>) -> Result<(), LiveError> {
    match read {
        Ok(live) => {
            let live = Arc::new(live);
            let before = shared.live.swap(Arc::clone(&live));
            needs_restart(&before.settings, &live.settings);
            // It was parsed when it was read.
            drop(logging::change(&live.settings.log));
            in_force(shared, &live);
            // Last: whoever is woken by this finds the new configuration.
            shared.changed.send_replace(live.generation);
            tracing::info!(generation = live.generation, "reloaded");
            Ok(())
        }
        Err(error) => {
            shared.metrics.reload_successful.set(0);
            tracing::error!(error = %chain(&error), "not reloaded: what was in force still is");
            Err(error)
        }
    }
}

/// Shows what is in force in metrics, and in the log where it lets nobody in.
pub(super) fn in_force(shared: &Shared, live: &Live) {
    let failed = [&shared.reloads.whole_failed, &shared.reloads.list_failed];
    let all_good = failed.iter().all(|failed| !failed.load(Ordering::Relaxed));
    shared.metrics.reload_successful.set(i64::from(all_good));
    shared.metrics.expires("server", live.ends.server);
    shared.metrics.expires("client_ca", live.ends.client_ca);
    let Some(revocations) = live.verifier.revocations() else { return };
    if revocations.is_incomplete() {
        tracing::error!("an authority in tls.client_ca has no list in tls.crl: its callers are refused");
    }
    let Some(end) = revocations.first_end() else { return };
    shared.metrics.expires("crl", seconds(end));
    if end <= shared.clock.now() {
        tracing::error!(
            "the revocation list is too old (nextUpdate is past): its authority's callers are refused"
        );
    }
}

fn needs_restart(before: &Settings, after: &Settings) {
    for (key, changed) in [
        ("listen", before.listen != after.listen),
        ("metrics_listen", before.metrics_listen != after.metrics_listen),
        ("gate_socket", before.gate_socket != after.gate_socket),
        ("gate_user", before.gate_user != after.gate_user),
    ] {
        if changed {
            tracing::warn!(key, "changed, and takes a restart to come into force");
        }
    }
}

/// What changes with a file's content: when it was written, how long it is, and which file it is.
type Stamp = Option<(PathBuf, i64, i64, u64, u64)>;

async fn stamp(shared: &Shared) -> Stamp {
    let path = shared.live.load().settings.tls.crl.clone()?;
    let file = tokio::fs::metadata(&path).await.ok()?;
    Some((path, file.mtime(), file.mtime_nsec(), file.size(), file.ino()))
}

/// Reading keys and checking long lists is work for a thread that nobody waits on.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, LiveError> + Send + 'static,
) -> Result<T, LiveError> {
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read,
        // Only a panic ends it early, and the release build has none to catch.
        Err(_) => Err(LiveError::Interrupted),
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
