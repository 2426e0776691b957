//! Hosts that watch each other's logs. What this one says of another's log is one line that its own key signs, after it was kept;
//! what others say of this one's is checked, kept, and stands beneath the checkpoints that people get.

mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde_json::json;

use super::Gate;
use super::protocol::{Answer, Cosigned, Problem, ProblemKind, WitnessStep};
use crate::approval::prompt::Notice;
use crate::audit::peers::WitnessConfig;
use crate::audit::prove;
use crate::audit::witness::{AddCheckpoint, NotCosigned, Seen};
use crate::audit::{Cosignature, Event, EventKind, SignedCheckpoint, Signer, WitnessKey};
use crate::job::{Store, StoreError};
use crate::principal::PrincipalName;
use crate::sys::clock::Clock;
use words::{Said, Words};

/// Where it is kept what was seen of other logs.
const SEEN: &str = "witness_seen:";
/// One who takes checkpoints to peers looks twice a second. Who was not there for so long is not waited for.
const THERE: Duration = Duration::from_secs(5);
/// People are told about a peer no more often.
const QUIET: Duration = Duration::from_secs(3600);

/// The other hosts, and how it stands with each.
pub(super) struct Witnesses {
    config: ArcSwapOption<WitnessConfig>,
    signer: Signer,
    log: PathBuf,
    clock: Arc<dyn Clock>,
    /// One at a time: what is checked against is what is replaced.
    watching: tokio::sync::Mutex<()>,
    standing: Mutex<Standing>,
    said: Words,
}

#[derive(Default)]
struct Standing {
    /// The checkpoint that a message waits for.
    wanted: Option<SignedCheckpoint>,
    peers: BTreeMap<String, ToPeer>,
    /// When people were last told about a peer, so that no peer can keep telling them.
    told: BTreeMap<String, Duration>,
}

/// How it stands with one peer.
#[derive(Default)]
struct ToPeer {
    /// How many records it has seen, as far as we know.
    old: u64,
    /// What it was asked to cosign.
    offered: Option<SignedCheckpoint>,
    /// The most records that it was asked about, whether or not its answer came: fewer would look to it like a log that was cut.
    most: u64,
    /// When its turn was asked for, on the boot's clock.
    there: Option<Duration>,
    /// When it last cosigned, likewise.
    cosigned: Option<Duration>,
    /// Whether the last that was asked of it came to nothing. It is not waited for.
    fails: bool,
}

impl Witnesses {
    /// With what was said before the gate was stopped.
    pub(super) fn load(
        config: Option<WitnessConfig>,
        signer: Signer,
        log: PathBuf,
        (store, clock): (&Store, Arc<dyn Clock>),
    ) -> Result<Self, StoreError> {
        let said = Words::load(store)?;
        let peers = said.sizes().into_iter().map(|(peer, old)| (peer, ToPeer { old, ..ToPeer::default() }));
        let standing = Standing { peers: peers.collect(), ..Standing::default() };
        Ok(Self {
            config: ArcSwapOption::from_pointee(config),
            signer,
            log,
            clock,
            watching: tokio::sync::Mutex::default(),
            standing: Mutex::new(standing),
            said,
        })
    }

    /// With others from now on.
    pub(super) fn set(&self, config: Option<WitnessConfig>) {
        self.config.store(config.map(Arc::new));
    }

    /// The key by which this host says that it has seen a checkpoint.
    pub(super) fn key(&self) -> WitnessKey {
        WitnessKey::from(self.signer.public())
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a peer is to be asked, and how many records it has seen: the checkpoint that somebody waits for, or in its time the
    /// newest.
    fn next(&self, peer: &str, newest: SignedCheckpoint) -> Option<(u64, SignedCheckpoint)> {
        let config = self.config.load_full()?;
        config.peer(peer)?.asked.as_ref()?;
        let (now, done) = (self.clock.boot(), self.said.size(peer));
        let mut standing = self.standing();
        let wanted = standing.wanted.clone();
        let own = standing.peers.entry(peer.to_owned()).or_default();
        own.there = Some(now);
        let is_due = own.cosigned.is_none_or(|at| now.saturating_sub(at) >= config.every);
        let least = own.old.max(own.most);
        let is_new = |checkpoint: &SignedCheckpoint| checkpoint.size() > done && checkpoint.size() >= least;
        let next =
            wanted.filter(is_new).or_else(|| Some(newest).filter(|newest| is_due && is_new(newest)))?;
        (own.offered, own.most) = (Some(next.clone()), next.size());
        Some((own.old, next))
    }

    /// How many records a peer has seen, as far as we know.
    fn seen_by(&self, peer: &str) -> Option<u64> {
        let config = self.config.load_full()?;
        config.peer(peer)?.asked.as_ref()?;
        self.standing().peers.get(peer).map(|own| own.old)
    }

    /// The text with what peers say of the checkpoint in it beneath, as far as they say it in time.
    pub(super) async fn beneath(&self, mut text: String) -> String {
        let Ok(checkpoint) = SignedCheckpoint::from_pasted(&text) else { return text };
        for line in self.said_of(&checkpoint).await {
            text.push('\n');
            text.push_str(&line);
        }
        text
    }

    async fn said_of(&self, checkpoint: &SignedCheckpoint) -> Vec<String> {
        let Some(config) = self.config.load_full() else { return Vec::new() };
        let awaited = self.want(checkpoint, &config);
        self.said.beneath(&checkpoint.to_string(), &awaited, config.patience).await
    }

    /// Has it cosigned next, and tells by whom that can be soon.
    fn want(&self, checkpoint: &SignedCheckpoint, config: &WitnessConfig) -> Vec<String> {
        let now = self.clock.boot();
        let mut standing = self.standing();
        if standing.wanted.as_ref().is_none_or(|wanted| wanted.size() < checkpoint.size()) {
            standing.wanted = Some(checkpoint.clone());
        }
        let is_there = |peer: &ToPeer| {
            let is_late = peer.old.max(peer.most) > checkpoint.size();
            !peer.fails && !is_late && peer.there.is_some_and(|there| now.saturating_sub(there) < THERE)
        };
        let asked = config.asked().map(|(peer, _, _)| peer.name.as_str().to_owned());
        asked.filter(|name| standing.peers.get(name).is_some_and(is_there)).collect()
    }

    /// Whether people may be told about a peer again.
    fn may_tell(&self, peer: &str) -> bool {
        let (now, mut standing) = (self.clock.boot(), self.standing());
        let is_quiet = standing.told.get(peer).is_none_or(|at| now.saturating_sub(*at) >= QUIET);
        if is_quiet {
            standing.told.insert(peer.to_owned(), now);
        }
        is_quiet
    }
}

impl Gate {
    /// The Unix user that takes checkpoints to peers, when there is one.
    pub(super) fn taker(&self) -> Option<String> {
        self.witnesses.config.load().as_ref().map(|config| config.user.clone())
    }

    /// Where the log stands, with what peers say of that.
    pub(super) async fn checkpoint_seen(&self) -> String {
        self.witnesses.beneath(self.checkpoint()).await
    }

    /// One step of the one who takes checkpoints to peers.
    pub(super) async fn witness_step(self: &Arc<Self>, step: WitnessStep) -> Result<Answer, Problem> {
        match step {
            WitnessStep::Next { peer } => self.next_for(&peer).await,
            WitnessStep::Answered { peer, status, body } => self.peer_answered(&peer, status, &body).await,
        }
    }

    async fn next_for(self: &Arc<Self>, peer: &str) -> Result<Answer, Problem> {
        let head = self.audit.head();
        let newest = SignedCheckpoint::sign(&self.signer, head.tree.size(), head.tree.root());
        // Of what it has cosigned before, some is not there any more.
        if let Some(seen) = self.witnesses.seen_by(peer).filter(|seen| *seen > head.tree.size()) {
            self.contradicted(peer, &format!("it has seen {seen} records, more than there are")).await?;
        }
        let Some((old, next)) = self.witnesses.next(peer, newest) else {
            return Ok(Answer::Done("there is nothing new".to_owned()));
        };
        let log = self.witnesses.log.clone();
        let request = tokio::task::spawn_blocking(move || prove::growth(&log, old, &next)).await;
        match request {
            Ok(Ok(request)) => Ok(Answer::Text(request)),
            Ok(Err(error)) => Err(unavailable(&error)),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn peer_answered(self: &Arc<Self>, peer: &str, status: u16, body: &str) -> Result<Answer, Problem> {
        let known = self.witnesses.config.load_full();
        let key =
            known.as_ref().and_then(|config| config.peer(peer)?.asked.as_ref().map(|(_, key)| key.clone()));
        let offered = self.witnesses.standing().peers.get_mut(peer).and_then(|own| own.offered.take());
        let (Some(key), Some(offered)) = (key, offered) else {
            return Err(Problem::new(ProblemKind::NotFound, "nothing was asked of a peer of this name"));
        };
        let word =
            body.lines().filter_map(Cosignature::from_line).find(|word| word.is_by(&key, &offered.body()));
        match (status, word) {
            (200, Some(word)) => return self.cosigned(peer, &offered, &word).await,
            (409, _) => return self.has_seen(peer, &offered, body.trim()).await,
            (422, _) => self.contradicted(peer, "it was shown no proof that this log only grew").await?,
            (200, None) => tracing::warn!(peer, "a witness answers with no word of its key's"),
            (_, _) => tracing::warn!(peer, status, body, "a witness has not cosigned"),
        }
        self.failed(peer);
        Ok(Answer::Done("not cosigned".to_owned()))
    }

    fn failed(&self, peer: &str) {
        if let Some(own) = self.witnesses.standing().peers.get_mut(peer) {
            own.fails = true;
        }
    }

    async fn cosigned(
        self: &Arc<Self>,
        peer: &str,
        offered: &SignedCheckpoint,
        word: &Cosignature,
    ) -> Result<Answer, Problem> {
        let said = Said { size: offered.size(), checkpoint: offered.to_string(), line: word.to_string() };
        self.witnesses.said.keep(&self.store, peer, said).await.map_err(|error| unavailable(&error))?;
        let now = self.witnesses.clock.boot();
        if let Some(own) = self.witnesses.standing().peers.get_mut(peer) {
            (own.old, own.cosigned, own.fails) = (offered.size(), Some(now), false);
        }
        Ok(Answer::Done(format!("{peer} has seen {} records", offered.size())))
    }

    /// It has seen another number of records. More than there are is what a log that was cut looks like from outside.
    async fn has_seen(
        self: &Arc<Self>,
        peer: &str,
        offered: &SignedCheckpoint,
        body: &str,
    ) -> Result<Answer, Problem> {
        let Ok(seen) = body.parse::<u64>() else {
            self.failed(peer);
            return Err(Problem::new(ProblemKind::Invalid, "a witness says in no number what it has seen"));
        };
        let before =
            self.witnesses.standing().peers.get_mut(peer).map(|own| std::mem::replace(&mut own.old, seen));
        if seen > self.audit.head().tree.size() {
            self.failed(peer);
            self.contradicted(peer, &format!("it has seen {seen} records, more than there are")).await?;
        } else if before == Some(seen) {
            self.failed(peer);
            let why = format!(
                "it has seen another history than the one that is here, at {} records",
                offered.size()
            );
            self.contradicted(peer, &why).await?;
        }
        Ok(Answer::Done(format!("{peer} has seen {seen} records")))
    }

    /// A peer's word against this log: people decide what to think of it.
    async fn contradicted(self: &Arc<Self>, peer: &str, why: &str) -> Result<(), Problem> {
        tracing::error!(peer, why, "a witness contradicts this log");
        if !self.witnesses.may_tell(peer) {
            return Ok(());
        }
        let event = Event::new(EventKind::WitnessAlarm).with("of", "own").with("peer", peer).with("why", why);
        self.record(event).await?;
        self.announce(Notice::Contradicted { peer: peer.to_owned(), why: why.to_owned() }, None);
        Ok(())
    }

    /// Cosigns a peer's checkpoint when it goes on from the last one, which is kept before it is said.
    pub(super) async fn add_checkpoint(
        self: &Arc<Self>,
        caller: &PrincipalName,
        request: &str,
    ) -> Result<Answer, Problem> {
        let config = self.witnesses.config.load_full();
        let key = config.as_ref().and_then(|config| config.peer(caller.as_str())?.log.clone());
        let Some(key) = key else {
            return Err(Problem::new(ProblemKind::Forbidden, "no log of the caller's is watched here"));
        };
        let request: AddCheckpoint = match request.parse() {
            Ok(request) => request,
            Err(error) => {
                let error: crate::audit::witness::Malformed = error;
                return Ok(Answer::Cosigned(Cosigned::Malformed(error.to_string())));
            }
        };
        if request.origin() != key.name() {
            return Ok(Answer::Cosigned(Cosigned::Unknown));
        }
        let _one_at_a_time = self.witnesses.watching.lock().await;
        let name = format!("{SEEN}{}", request.origin());
        let (store, of) = (Arc::clone(&self.store), name.clone());
        let last: Option<Seen> = tokio::task::spawn_blocking(move || store.note(&of))
            .await
            .map_err(|error| unavailable(&error))?
            .map_err(|error| unavailable(&error))?;
        let seen = match request.after(&key, last.as_ref()) {
            Ok(seen) => seen,
            Err(why) => return self.not_cosigned(caller, &why).await,
        };
        let store = Arc::clone(&self.store);
        let kept = tokio::task::spawn_blocking(move || store.put_note(&name, &seen)).await;
        kept.map_err(|error| unavailable(&error))?.map_err(|error| unavailable(&error))?;
        let line = Cosignature::sign(&self.witnesses.signer, request.body(), self.now_ms() / 1000);
        Ok(Answer::Cosigned(Cosigned::Line(line.to_string())))
    }

    /// What the protocol says instead. Of what no log that only grows can say, people are told.
    async fn not_cosigned(
        self: &Arc<Self>,
        caller: &PrincipalName,
        why: &NotCosigned,
    ) -> Result<Answer, Problem> {
        let peer = caller.as_str();
        if why.is_alarming() {
            tracing::error!(peer, %why, "a log that is watched does not only grow");
            if self.witnesses.may_tell(&format!("{peer}'s log")) {
                let event = Event::new(EventKind::WitnessAlarm)
                    .principal(peer)
                    .with("of", "peer")
                    .with("peer", peer)
                    .with("why", json!(why.to_string()));
                self.record(event).await?;
                self.announce(Notice::OthersLog { peer: peer.to_owned(), why: why.to_string() }, None);
            }
        }
        Ok(Answer::Cosigned(match why {
            NotCosigned::Malformed(problem) => Cosigned::Malformed(problem.clone()),
            NotCosigned::Unknown => Cosigned::Unknown,
            NotCosigned::Unsigned => Cosigned::Unsigned,
            NotCosigned::OldSize(seen)
            | NotCosigned::Fewer { size: _, seen }
            | NotCosigned::Forked { size: _, seen } => Cosigned::Conflict(*seen),
            NotCosigned::Inconsistent(_) => Cosigned::Inconsistent,
        }))
    }
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::error!(error, "a checkpoint cannot be witnessed");
    Problem::new(ProblemKind::Unavailable, "the log or the store does not answer")
}

#[cfg(test)]
mod tests;
