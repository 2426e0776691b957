//! Reads configuration, certificates and revocation lists again. What is not valid is left out, whole: what was in force
//! still is.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::answer::Answer as Reply;
use super::config::Settings;
use super::endpoint::{Asked, Failure, LATER, mismatch};
use super::live::{Live, LiveError, seconds};
use super::server::Shared;
use super::status::{self, Reloaded};
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
}

/// `POST /admin/reload`: the gate, which knows who is an admin, first; then this process.
pub(super) async fn asked(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let gate = match asked.gate(Call::Reload, LATER).await {
        Ok(Answer::Done(done)) => Ok(Gates::Done(done)),
        Ok(Answer::Document(asked)) => Ok(Gates::Asks(asked)),
        Ok(_) => return Err(mismatch()),
        // The caller is an admin, and the gate's own files are what is wrong.
        Err(problem) if problem.kind == ProblemKind::Invalid => Err(problem),
        Err(problem) => return Err(problem.into()),
    };
    let own = everything(asked.shared).await;
    let how = match (&gate, &own) {
        (Ok(Gates::Done(_)), Ok(())) => Reloaded::Whole,
        (Ok(Gates::Asks(_)), Ok(())) => Reloaded::Waits,
        (Err(_), _) | (_, Err(_)) => Reloaded::InPart,
    };
    let parts = json!({"gate": gate_part(gate), "reeved": own_part(&own)});
    Ok(status::reloaded(&parts, how))
}

/// What the gate says that is no problem.
enum Gates {
    /// All is in force.
    Done(String),
    /// People are asked about what would be weaker.
    Asks(Value),
}

fn gate_part(gate: Result<Gates, Problem>) -> Value {
    match gate {
        Ok(Gates::Done(done)) => json!({"reloaded": true, "detail": done}),
        Ok(Gates::Asks(asked)) => asked,
        Err(problem) => json!({"reloaded": false, "detail": problem.detail}),
    }
}

fn own_part(own: &Result<(), LiveError>) -> Value {
    match own {
        Ok(()) => {
            json!({"reloaded": true, "detail": "configuration, certificates and revocation lists are read"})
        }
        Err(error) => json!({"reloaded": false, "detail": error.public()}),
    }
}

/// Reads everything again and puts it in force, or says why not.
pub(super) async fn everything(shared: &Arc<Shared>) -> Result<(), LiveError> {
    let _one = shared.reloads.one_at_a_time.lock().await;
    let path = shared.config.clone();
    let generation = shared.live.load().generation + 1;
    let read = blocking(move || Live::load(Settings::read(&path)?, generation)).await;
    shared.reloads.whole_failed.store(read.is_err(), Ordering::Relaxed);
    if read.is_ok() {
        shared.reloads.list_failed.store(false, Ordering::Relaxed);
    }
    replace(shared, read)
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
async fn blocking(
    read: impl FnOnce() -> Result<Live, LiveError> + Send + 'static,
) -> Result<Live, LiveError> {
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
