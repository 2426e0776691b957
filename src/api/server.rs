//! The server: what all its connections share, and how it starts, reloads and ends.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::caller::Callers;
use super::config::Settings;
use super::health::Health;
use super::live::{Live, LiveError};
use super::note::Notes;
use super::reload::Reloads;
use super::{listener, loopback, openapi, seen};
use crate::gate::client::Client;
use crate::gate::protocol::{Answer, Call, Problem, ProblemKind};
use crate::metrics::MetricsError;
use crate::metrics::front::Front;
use crate::principal::PrincipalName;
use crate::sys::activation::Passed;
use crate::sys::clock::Clock;
use crate::sys::ids;
use crate::trace::Tracer;

/// How long requests under way may take after the server was told to end.
const DRAIN: Duration = Duration::from_secs(15);

/// A server that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Its configuration cannot be put in force.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What systemd passed cannot be listened on.
    #[error("the socket that systemd passed cannot be used")]
    Passed(#[source] io::Error),
    /// What systemd passed is somewhere else than the configuration says.
    #[error(
        "systemd passed a socket at {passed}, and `listen` is {listen}: make ListenStream= of reeved.socket the same"
    )]
    PassedElsewhere {
        /// Where.
        passed: SocketAddr,
        /// Where it should be.
        listen: SocketAddr,
    },
    /// The user of `gate_user` is not there.
    #[error("gate_user: there is no Unix user {0:?}")]
    NoGateUser(String),
    /// The user database cannot be read.
    #[error("gate_user: the user database cannot be read")]
    Users(#[source] io::Error),
    /// A mistake in the metrics' definitions.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

/// What all connections share.
pub(super) struct Shared {
    pub(super) live: ArcSwap<Live>,
    /// The generation of `live`, for connections to wait for.
    pub(super) changed: watch::Sender<u64>,
    pub(super) metrics: Front,
    pub(super) traces: Tracer,
    pub(super) callers: Callers,
    pub(super) notes: Notes,
    pub(super) health: Health,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) openapi: Bytes,
    pub(super) connections: AtomicUsize,
    pub(super) reloads: Reloads,
    /// Told to end: no new connections, and requests under way come to an end.
    pub(super) stop: CancellationToken,
    /// Out of patience: connections are dropped.
    pub(super) kill: CancellationToken,
    pub(super) gate: Client,
    pub(super) config: PathBuf,
}

impl Shared {
    /// Asks the gate, which has so long to answer.
    pub(super) async fn ask(
        &self,
        caller: &PrincipalName,
        call: Call,
        patience: Duration,
    ) -> Result<Answer, Problem> {
        let asked = self.gate.call(Some(caller.clone()), call);
        tokio::time::timeout(patience, asked).await.unwrap_or_else(|_elapsed| Err(slow()))
    }
}

fn slow() -> Problem {
    let detail =
        "the gate did not answer in time; ask again with the same Idempotency-Key, or look the operation up";
    Problem::new(ProblemKind::Unavailable, detail)
}

/// A server that listens and has not begun to answer.
pub struct Server {
    shared: Arc<Shared>,
    listener: TcpListener,
    metrics_listener: Option<TcpListener>,
}

/// Tells a running server what to do.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

impl Handle {
    /// Reads configuration, certificates and revocation lists again.
    ///
    /// # Errors
    /// When any of it is not valid; what was in force still is.
    pub async fn reload(&self) -> Result<(), LiveError> {
        super::reload::everything(&self.0).await.map(drop)
    }

    /// Ends the server once the requests under way are answered.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }
}

impl Server {
    /// Reads the configuration at `config` again, and listens as `settings`, read from there before, say.
    ///
    /// # Errors
    /// When certificates or keys cannot be used, the gate's user is unknown, or an address is taken.
    pub async fn bind(config: &Path, settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, ServerError> {
        Self::on(None, config, settings, clock).await
    }

    /// The same on the socket that systemd holds, where it passed one.
    ///
    /// # Errors
    /// As [`Server::bind`], or when that socket is none, or somewhere else.
    pub async fn on(
        passed: Option<Passed>,
        config: &Path,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServerError> {
        let gate = Client::new(&settings.gate_socket, Some(gate_uid(&settings.gate_user)?));
        let (listen, metrics_listen) = (settings.listen, settings.metrics_listen);
        let metrics = Front::new()?;
        let traces = Tracer::new("reeved", Arc::clone(&clock), Arc::new(metrics.spans()));
        traces.set(settings.traces.clone());
        let seen = seen::look(config, &settings);
        let live = Live::load(settings, 1)?;
        let listener = match passed {
            Some(passed) => take(passed, listen)?,
            None => listen_on(listen).await?,
        };
        let metrics_listener = match metrics_listen {
            Some(address) => Some(listen_on(address).await?),
            None => None,
        };
        let shared = Shared {
            changed: watch::Sender::new(live.generation),
            live: ArcSwap::from_pointee(live),
            metrics,
            traces,
            callers: Callers::default(),
            notes: Notes::default(),
            health: Health::new(),
            clock,
            openapi: openapi::document().to_string().into(),
            connections: AtomicUsize::new(0),
            reloads: Reloads::of(seen),
            stop: CancellationToken::new(),
            kill: CancellationToken::new(),
            gate,
            config: config.to_owned(),
        };
        super::reload::in_force(&shared, &shared.live.load());
        Ok(Self { shared: Arc::new(shared), listener, metrics_listener })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where it answers `GET /metrics` without TLS.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics_listener.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// What tells it what to do while it runs.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.shared))
    }

    /// Answers until it is told to stop, and then until the requests under way are answered.
    pub async fn run(self) {
        let Self { shared, listener, metrics_listener } = self;
        let tasks = TaskTracker::new();
        let background = tokio::spawn(background(Arc::clone(&shared), metrics_listener));
        listener::accept(&shared, listener, &tasks).await;
        tasks.close();
        if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
            tracing::warn!(
                left = tasks.len(),
                "connections are dropped: their requests took too long to end"
            );
            shared.kill.cancel();
        }
        background.abort();
        shared.notes.tell_once(&shared.gate).await;
    }
}

async fn background(shared: Arc<Shared>, metrics_listener: Option<TcpListener>) {
    let metrics = async {
        match metrics_listener {
            Some(listener) => loopback::serve(&shared, listener).await,
            None => std::future::pending().await,
        }
    };
    tokio::join!(
        shared.health.poll(&shared),
        shared.notes.tell(&shared.gate),
        super::reload::watch_revocations(&shared),
        metrics,
    );
}

/// The socket that was passed, which is where the configuration says: who reads that knows where the host is reached.
fn take(passed: Passed, listen: SocketAddr) -> Result<TcpListener, ServerError> {
    let taken = passed.into_tcp().and_then(TcpListener::from_std).map_err(ServerError::Passed)?;
    match taken.local_addr().map_err(ServerError::Passed)? {
        passed if passed == listen => Ok(taken),
        passed => Err(ServerError::PassedElsewhere { passed, listen }),
    }
}

async fn listen_on(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Listen { address, source })
}

fn gate_uid(user: &str) -> Result<u32, ServerError> {
    match ids::user(user) {
        Ok(Some(user)) => Ok(user.uid),
        Ok(None) => Err(ServerError::NoGateUser(user.to_owned())),
        Err(error) => Err(ServerError::Users(error)),
    }
}
