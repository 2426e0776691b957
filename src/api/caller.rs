//! The principals that are connected: how many connections each has, and how fast it asks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::IntCounter;

use super::config::Limits;
use super::refusal::Refusal;
use crate::metrics::front::Front;
use crate::principal::PrincipalName;

/// One principal, shared by its connections.
pub(super) struct Caller {
    pub(super) name: PrincipalName,
    connections: AtomicUsize,
    bucket: Bucket,
    limited: IntCounter,
}

/// A place among a principal's connections; given back when dropped.
pub(super) struct Seat(Arc<Caller>);

impl Seat {
    pub(super) fn caller(&self) -> &Arc<Caller> {
        &self.0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Caller {
    /// Takes one request's share of the rate, or says how long to wait for one.
    pub(super) fn take(&self, now: Duration, limits: &Limits) -> Result<(), Duration> {
        self.bucket.take(now, limits).inspect_err(|_wait| self.limited.inc())
    }
}

/// Every principal that has connected since the start; configuration bounds how many there are.
#[derive(Default)]
pub(super) struct Callers(Mutex<HashMap<PrincipalName, Arc<Caller>>>);

impl Callers {
    /// Gives a principal one more connection, up to the limit.
    pub(super) fn seat(&self, name: &PrincipalName, most: usize, metrics: &Front) -> Result<Seat, Refusal> {
        let caller = self.caller(name, metrics);
        let taken = caller.connections.fetch_add(1, Ordering::Relaxed);
        let seat = Seat(caller);
        if taken >= most { Err(Refusal::TooManyConnections) } else { Ok(seat) }
    }

    fn caller(&self, name: &PrincipalName, metrics: &Front) -> Arc<Caller> {
        let mut callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(caller) = callers.get(name) {
            return Arc::clone(caller);
        }
        let caller = Arc::new(Caller {
            name: name.clone(),
            connections: AtomicUsize::new(0),
            bucket: Bucket::default(),
            limited: metrics.rate_limited(name.as_str()),
        });
        callers.insert(name.clone(), Arc::clone(&caller));
        caller
    }
}

/// A token bucket as one number: the time at which it will be full again. A request moves that time on by its share, and is
/// too many when the time would be further away than a full bucket takes.
#[derive(Default)]
struct Bucket(AtomicU64);

impl Bucket {
    fn take(&self, now: Duration, limits: &Limits) -> Result<(), Duration> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let share = SECOND / u64::from(limits.requests_per_second.max(1));
        let full = share.saturating_mul(u64::from(limits.burst.max(1)));
        let after = |full_at: u64| full_at.max(now).saturating_add(share);
        let moved = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            let next = after(full_at);
            (next.saturating_sub(now) <= full).then_some(next)
        });
        moved.map(drop).map_err(|full_at| Duration::from_nanos(after(full_at).saturating_sub(now + full)))
    }
}

const SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::config::Settings;

    fn limits(rate: u32, burst: u32) -> Limits {
        let text = format!(
            "listen = \"127.0.0.1:0\"\ntls = {{ certificate = \"c\", key = \"/k\", client_ca = \"a\" }}\n\
             [limits]\nrequests_per_second = {rate}\nburst = {burst}\n"
        );
        Settings::parse("reeved.toml", &text).unwrap().limits
    }

    #[test]
    fn a_burst_is_let_through_and_then_the_rate() {
        let (bucket, limits) = (Bucket::default(), limits(10, 3));
        let at = Duration::from_secs(100);
        for _ in 0..3 {
            assert_eq!(bucket.take(at, &limits), Ok(()));
        }
        assert_eq!(bucket.take(at, &limits), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(at + Duration::from_millis(99), &limits), Err(Duration::from_millis(1)));
        assert_eq!(bucket.take(at + Duration::from_millis(100), &limits), Ok(()));
        assert!(bucket.take(at + Duration::from_millis(100), &limits).is_err());
    }

    #[test]
    fn what_is_not_used_does_not_add_up_beyond_a_full_bucket() {
        let (bucket, limits) = (Bucket::default(), limits(10, 2));
        let later = Duration::from_secs(1_000_000);
        assert_eq!(bucket.take(Duration::from_secs(1), &limits), Ok(()));
        assert_eq!(bucket.take(later, &limits), Ok(()));
        assert_eq!(bucket.take(later, &limits), Ok(()));
        assert!(bucket.take(later, &limits).is_err());
    }

    #[test]
    fn a_seat_that_is_left_can_be_taken_again_and_others_have_their_own() {
        let (callers, metrics) = (Callers::default(), Front::new().unwrap());
        let name = |name: &str| PrincipalName::try_from(name.to_owned()).unwrap();
        let seat = callers.seat(&name("librarian"), 1, &metrics).unwrap();
        assert_eq!(callers.seat(&name("librarian"), 1, &metrics).err(), Some(Refusal::TooManyConnections));
        assert!(callers.seat(&name("archivist"), 1, &metrics).is_ok());
        drop(seat);
        assert!(callers.seat(&name("librarian"), 1, &metrics).is_ok());
    }
}
