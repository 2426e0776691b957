//! What went through and what was stopped, counted while it happens.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sandbox::egress::{Host, Stop};
use crate::sandbox::traffic::{MOST_NAMED, Traffic};

/// Where bytes go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    FromTheTool,
    ToTheTool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    connections: u64,
    sent: u64,
    received: u64,
}

#[derive(Debug, Default)]
struct Counts {
    reached: BTreeMap<String, Count>,
    stopped: BTreeMap<(String, Stop), u64>,
}

/// The counts of one run.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Counts>);

impl Tally {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody was connected to; what it is counted under.
    pub(super) fn reached(&self, host: &Host, port: u16) -> String {
        let mut counts = self.counts();
        let mut name = format!("{host}:{port}");
        if counts.reached.len() >= MOST_NAMED && !counts.reached.contains_key(&name) {
            "other".clone_into(&mut name);
        }
        counts.reached.entry(name.clone()).or_default().connections += 1;
        name
    }

    /// So many bytes went through.
    pub(super) fn passed(&self, name: &str, way: Way, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if let Some(count) = self.counts().reached.get_mut(name) {
            match way {
                Way::FromTheTool => count.sent = count.sent.saturating_add(bytes),
                Way::ToTheTool => count.received = count.received.saturating_add(bytes),
            }
        }
    }

    /// Somebody was not connected to.
    pub(super) fn stopped(&self, to: Option<(&Host, u16)>, why: Stop) {
        let mut counts = self.counts();
        let name = to.map_or("-".to_owned(), |(host, port)| format!("{host}:{port}"));
        let mut key = (name, why);
        if counts.stopped.len() >= MOST_NAMED && !counts.stopped.contains_key(&key) {
            "other".clone_into(&mut key.0);
        }
        *counts.stopped.entry(key).or_default() += 1;
    }

    /// All of it, a line for each.
    pub(super) fn lines(&self) -> String {
        let counts = self.counts();
        let reached = counts.reached.iter().map(|(to, count)| {
            let Count { connections, sent, received } = *count;
            Traffic::Reached { to: to.clone(), connections, sent, received }
        });
        let stopped = counts.stopped.iter().map(|((to, why), times)| Traffic::Stopped {
            to: to.clone(),
            why: *why,
            times: *times,
        });
        reached.chain(stopped).map(|one| format!("{one}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_counted_one_by_one_up_to_a_bound_and_none_is_lost() {
        let tally = Tally::default();
        for number in 0..MOST_NAMED + 8 {
            let host = Host::Name(format!("h{number:03}.com"));
            let name = tally.reached(&host, 443);
            tally.passed(&name, Way::FromTheTool, 2);
            tally.passed(&name, Way::ToTheTool, 3);
            tally.stopped(Some((&host, 80)), Stop::NotListed);
        }
        tally.stopped(None, Stop::Malformed);
        let lines = tally.lines();
        let (mut sent, mut stopped) = (0, 0);
        for line in lines.lines() {
            match Traffic::read(line).unwrap() {
                Traffic::Reached { sent: bytes, .. } => sent += bytes,
                Traffic::Stopped { times, .. } => stopped += times,
            }
        }
        assert_eq!((sent, stopped), (2 * (MOST_NAMED as u64 + 8), MOST_NAMED as u64 + 9));
        assert!(
            lines.contains("reached other 8 16 24") && lines.contains("reached h000.com:443 1 2 3"),
            "{lines}"
        );
    }
}
