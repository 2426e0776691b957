//! Accepts connections, up to the limit, and stays calm when the system has no more descriptors.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use super::connection;
use super::server::Shared;

/// How long to wait after accepting failed: the first time, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Accepts until the server is told to stop.
pub(super) async fn accept(shared: &Arc<Shared>, listener: TcpListener, tasks: &TaskTracker) {
    let mut pause = FIRST_PAUSE;
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = FIRST_PAUSE;
                begin(shared, stream, peer, tasks);
            }
            // A peer that hung up before it was accepted costs nothing; being out of descriptors lasts, and trying again at
            // once would keep a core busy.
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::warn!(%error, pause_ms = pause.as_millis(), "cannot accept connections");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

fn begin(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr, tasks: &TaskTracker) {
    let Some(place) = Place::take(shared) else {
        shared.metrics.handshake("full");
        return;
    };
    let shared = Arc::clone(shared);
    tasks.spawn(async move {
        connection::serve(&shared, stream, peer.ip()).await;
        drop(place);
    });
}

/// A place among all connections; given back when dropped.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let most = shared.live.load().settings.limits.connections;
        let taken = shared.connections.fetch_add(1, Ordering::Relaxed);
        let place = Self(Arc::clone(shared));
        (taken < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

fn is_the_peers(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}
