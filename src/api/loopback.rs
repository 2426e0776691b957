//! `GET /metrics` without TLS, on this host's loopback only, for a collector that runs here.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::answer::{self, Content};
use super::server::Shared;
use super::status::{self, Fault};
use crate::gate::protocol::{Answer, Call};

/// More collectors than any host has.
const CONNECTIONS: usize = 16;
/// How long one of them may take for all it asks.
const LIFETIME: Duration = Duration::from_secs(60);
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// Answers until the task is ended.
pub(super) async fn serve(shared: &Arc<Shared>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        if !is_local(peer.ip()) {
            continue;
        }
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            // Out of time or broken off: either way there is nobody to tell.
            let _ = tokio::time::timeout(LIFETIME, connection(shared, stream)).await;
            drop(place);
        });
    }
}

fn is_local(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_headers(64);
    let service = service_fn(move |request| respond(Arc::clone(&shared), request));
    // A collector that hangs up is no news.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Content>, Infallible> {
    if request.uri().path() != "/metrics" {
        return Ok(status::fault(Fault::NoRoute, "there is GET /metrics here, and nothing else"));
    }
    if request.method() != Method::GET {
        return Ok(status::method_not_allowed("GET"));
    }
    Ok(match shared.metrics.text() {
        Ok(own) => answer::metrics(gates(&shared).await + &own),
        Err(_) => answer::empty(StatusCode::INTERNAL_SERVER_ERROR),
    })
}

/// The gate's metrics. Without it ours still come: that the gate is gone shows in what is missing.
async fn gates(shared: &Shared) -> String {
    match tokio::time::timeout(PATIENCE, shared.gate.call(None, Call::Metrics)).await {
        Ok(Ok(Answer::Text(text))) => text,
        Ok(Ok(_) | Err(_)) | Err(_) => String::new(),
    }
}
