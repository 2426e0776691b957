//! Whether a connection's caller is let in: judged at the handshake, again after every reload, and again when the judgement's
//! time is over.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::caller::{Caller, Seat};
use super::identity::PeerCertificate;
use super::live::{Live, seconds};
use super::refusal::Refusal;
use super::server::Shared;

/// What is known of one connection's caller.
pub(super) struct Standing {
    certificate: PeerCertificate,
    peer: IpAddr,
    /// Its place among the principal's connections, or why it has none.
    seat: Result<Seat, Refusal>,
    /// The generation of configuration that judged last.
    generation: AtomicU64,
    /// Until when that judgement holds, in Unix time.
    until: AtomicI64,
    told: AtomicBool,
}

impl Standing {
    /// Judges a certificate that `live` accepted in a handshake.
    pub(super) fn new(shared: &Shared, live: &Live, certificate: PeerCertificate, peer: IpAddr) -> Self {
        let admitted = live.admit(&certificate, shared.clock.now());
        let until = admitted.as_ref().map_or(i64::MAX, |admitted| seconds(admitted.until));
        let most = live.settings.limits.connections_per_principal;
        let seat = admitted.and_then(|admitted| {
            let seat = shared.callers.seat(&admitted.principal, most, &shared.metrics);
            seat.inspect_err(|_too_many| {
                shared.metrics.rate_limited(admitted.principal.as_str()).inc();
                shared.notes.limited(&admitted.principal);
            })
        });
        let standing = Self {
            certificate,
            peer,
            seat,
            generation: AtomicU64::new(live.generation),
            until: AtomicI64::new(until),
            told: AtomicBool::new(false),
        };
        if let Err(refusal) = standing.seat {
            standing.tell(shared, refusal);
        }
        standing
    }

    /// Whether the caller was let in when it connected. One that was not gets its refusal as an answer.
    pub(super) fn was_let_in(&self) -> bool {
        self.seat.is_ok()
    }

    /// The caller, if it is let in now.
    pub(super) fn check(&self, shared: &Shared) -> Result<&Caller, Refusal> {
        let caller = self.seat.as_ref().map_err(|refusal| *refusal)?.caller();
        let live = shared.live.load();
        let now = shared.clock.now();
        let is_fresh = self.generation.load(Ordering::Acquire) == live.generation
            && seconds(now) < self.until.load(Ordering::Acquire);
        if is_fresh {
            return Ok(caller);
        }
        match live.judge(&self.certificate, now) {
            Ok(admitted) if admitted.principal == caller.name => {
                self.until.store(seconds(admitted.until), Ordering::Release);
                self.generation.store(live.generation, Ordering::Release);
                Ok(caller)
            }
            Ok(_) => Err(self.tell(shared, Refusal::Renamed)),
            Err(refusal) => Err(self.tell(shared, refusal)),
        }
    }

    /// How long the last judgement still holds.
    pub(super) fn holds_for(&self, shared: &Shared) -> Duration {
        let left = self.until.load(Ordering::Acquire).saturating_sub(seconds(shared.clock.now()));
        // A judgement that is over is made again at once, and a refusal ends the connection; a second keeps clocks that
        // disagree from making it again and again.
        Duration::from_secs(u64::try_from(left).unwrap_or(0).clamp(1, A_DAY))
    }

    /// Counts and notes a refusal for what a certificate is, once for a connection.
    fn tell(&self, shared: &Shared, refusal: Refusal) -> Refusal {
        if refusal.is_about_identity() && !self.told.swap(true, Ordering::AcqRel) {
            shared.metrics.auth_failure(refusal.as_str());
            shared.notes.failure(refusal, self.peer, Some(&self.certificate.fingerprint));
        }
        refusal
    }
}

const A_DAY: u64 = 86_400;
