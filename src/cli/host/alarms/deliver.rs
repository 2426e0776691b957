//! Delivers: each way for itself, so that a server that is down keeps no other from being told.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::task::Poll;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::{millis, tell};
use crate::alarm::Alarm;
use crate::alarm::config::{AlarmsConfig, Way};
use crate::alarm::spool::{Outcome, Spool, Told};
use crate::cli::exit::{Exit, Failure};
use crate::secret::Places;
use crate::sys::clock::Clock;
use crate::sys::random;

/// How often it is looked what waits. A folder that is empty costs nothing to look at.
const LOOK: Duration = Duration::from_millis(500);
/// The first and the longest pause after a failure.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// How far one way is with what waits.
#[derive(Default)]
struct Progress {
    tries: BTreeMap<String, (u32, String)>,
    failures: u32,
    rests_until: Duration,
}

/// Delivers until SIGTERM or SIGINT.
pub(super) async fn run(config: &AlarmsConfig, clock: &dyn Clock) -> Result<Exit, Failure> {
    let failed = |error: io::Error| Failure::new(Exit::Failed, format!("signals cannot be heard: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let spool = Spool::of(config);
    let ways = config.ways.iter().map(|way| serve((way, &config.secrets), &spool, clock));
    tokio::select! {
        never = beside_each_other(ways) => match never {},
        never = keep_tidy(&spool) => match never {},
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(Exit::Done)
}

/// One way, for ever.
async fn serve(way: (&Way, &Places), spool: &Spool, clock: &dyn Clock) -> Infallible {
    let mut progress = Progress::default();
    loop {
        if let Err(error) = pass(way, &mut progress, spool, clock).await {
            said(&format!("the folder of alarms: {error}"));
            tokio::time::sleep(PAUSE.0).await;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn keep_tidy(spool: &Spool) -> Infallible {
    loop {
        if let Err(error) = spool.tidy() {
            said(&format!("the folder of what was told: {error}"));
        }
        tokio::time::sleep(PAUSE.0).await;
    }
}

/// Tries what waits on one way: all of it while the server takes it, and after a failure nothing until the pause is over.
async fn pass(
    (way, places): (&Way, &Places),
    progress: &mut Progress,
    spool: &Spool,
    clock: &dyn Clock,
) -> io::Result<()> {
    let waiting = spool.waiting()?;
    progress.tries.retain(|id, _| waiting.iter().any(|alarm| alarm.id == *id));
    for alarm in due(way, progress, waiting, spool) {
        if millis(clock.now()) >= alarm.expires_at {
            let (tries, why) = progress.tries.remove(&alarm.id).unwrap_or_default();
            let why = Some(why).filter(|why| !why.is_empty());
            spool.settle(&alarm.id, &way.name, &Told { outcome: Outcome::Expired, tries, why })?;
            continue;
        }
        if clock.boot() < progress.rests_until {
            continue;
        }
        let tried = tell((way, places), &alarm, clock).await;
        let (tries, why) = progress.tries.entry(alarm.id.clone()).or_default();
        *tries = tries.saturating_add(1);
        match tried {
            Ok(()) => {
                progress.failures = 0;
                spool.settle(
                    &alarm.id,
                    &way.name,
                    &Told { outcome: Outcome::Told, tries: *tries, why: None },
                )?;
            }
            Err(problem) => {
                said(&format!("{} by {}: {problem}", alarm.id, way.name));
                *why = problem;
                progress.failures = progress.failures.saturating_add(1);
                progress.rests_until = clock.boot().saturating_add(pause(progress.failures));
            }
        }
    }
    Ok(())
}

/// What this way has not settled. What was tried least comes first, so that one alarm that a server refuses does not keep the rest.
fn due(way: &Way, progress: &Progress, waiting: Vec<Alarm>, spool: &Spool) -> Vec<Alarm> {
    let mut due: Vec<_> =
        waiting.into_iter().filter(|alarm| !spool.is_settled(&alarm.id, &way.name)).collect();
    due.sort_by_key(|alarm| progress.tries.get(&alarm.id).map_or(0, |(tries, _)| *tries));
    due
}

/// Doubles from failure to failure, and is somewhere in its upper half: many hosts do not come back in step.
fn pause(failures: u32) -> Duration {
    let (first, longest) = PAUSE;
    let whole = first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(longest);
    let mut byte = [0_u8];
    match random::fill(&mut byte) {
        Ok(()) => whole.mul_f64(0.5 + f64::from(u8::from_ne_bytes(byte)) / 512.0),
        Err(_) => whole,
    }
}

/// Runs all of them on this thread, none of which ends.
async fn beside_each_other(work: impl Iterator<Item = impl Future<Output = Infallible>>) -> Infallible {
    let mut all: Vec<_> = work.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        for one in &mut all {
            if let Poll::Ready(never) = one.as_mut().poll(context) {
                match never {}
            }
        }
        Poll::Pending
    })
    .await
}

/// Into the unit's log.
fn said(text: &str) {
    eprintln!("reeve alarms: {}", crate::cli::screen::harmless(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_five_minutes() {
        for failures in 1..40 {
            let whole =
                Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(failures - 1)).min(PAUSE.1);
            let drawn = pause(failures);
            assert!(drawn >= whole.mul_f64(0.5) && drawn <= whole, "{failures}: {drawn:?}");
        }
    }
}
