//! One connection: handshake, who it is, its requests, and every reason for which it ends.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONNECTION;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::activity::{Activity, Protocol, Watched};
use super::answer::Content;
use super::endpoint;
use super::identity::PeerCertificate;
use super::live::Live;
use super::refusal::Refusal;
use super::server::Shared;
use super::standing::Standing;
use super::verifier;

/// How long any connection lasts.
const LIFETIME: Duration = Duration::from_secs(3600);
/// How long before a connection's end it is asked to end by itself.
const NOTICE: Duration = Duration::from_secs(10);
/// How long a connection has to end that was found idle.
const FAREWELL: Duration = Duration::from_secs(1);
/// What one client may ask at once on one connection of HTTP/2.
const STREAMS: u32 = 64;
const MOST_HEADERS: usize = 64;
const HEADER_BYTES: u32 = 16 << 10;

/// What the requests of one connection share.
struct Connection {
    shared: Arc<Shared>,
    standing: Standing,
    activity: Arc<Activity>,
    protocol: Protocol,
    /// An answer wants the connection to end.
    end: Notify,
}

/// Serves one accepted stream to its end.
pub(super) async fn serve(shared: &Arc<Shared>, stream: TcpStream, peer: IpAddr) {
    let live = shared.live.load_full();
    let stream = match handshake(&live, stream).await {
        Ok(stream) => stream,
        Err(refusal) => {
            shared.metrics.handshake(refusal.as_str());
            if refusal.is_about_identity() {
                shared.metrics.auth_failure(refusal.as_str());
            }
            return shared.notes.failure(refusal, peer, None);
        }
    };
    shared.metrics.handshake("ok");
    let (_, session) = stream.get_ref();
    let protocol = if session.alpn_protocol() == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 };
    let Some(leaf) = session.peer_certificates().and_then(<[_]>::first) else { return };
    let Ok(certificate) = PeerCertificate::read(leaf) else { return };
    let connection = Connection {
        standing: Standing::new(shared, &live, certificate, peer),
        shared: Arc::clone(shared),
        activity: Activity::new(),
        protocol,
        end: Notify::new(),
    };
    Arc::new(connection).run(stream, &live).await;
}

async fn handshake(live: &Live, stream: TcpStream) -> Result<TlsStream<TcpStream>, Refusal> {
    // A peer that is gone already shows in the handshake.
    let _ = stream.set_nodelay(true);
    let acceptor = TlsAcceptor::from(Arc::clone(&live.tls));
    let patience = live.settings.limits.handshake_timeout;
    match tokio::time::timeout(patience, acceptor.accept(stream)).await {
        Err(_) => Err(Refusal::Timeout),
        Ok(Err(error)) => Err(why(&error)),
        Ok(Ok(stream)) => {
            // A client that waits for its last packet to be acknowledged before it sends a request (it has no
            // TCP_NODELAY) would otherwise wait 40 ms, as no ticket is sent that would carry the acknowledgement.
            let _ = stream.get_ref().0.set_quickack(true);
            Ok(stream)
        }
    }
}

fn why(error: &io::Error) -> Refusal {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => verifier::refusal(error),
        None => Refusal::Closed,
    }
}

impl Connection {
    async fn run(self: Arc<Self>, stream: TlsStream<TcpStream>, live: &Live) {
        let io = TokioIo::new(Watched::new(stream, Arc::clone(&self.activity)));
        let own = Arc::clone(&self);
        // Boxed, as what follows: hyper keeps room for an answer in the making for as long as the connection lasts, and this
        // task room for the larger of two protocols.
        let service = service_fn(move |request| Box::pin(answer(Arc::clone(&own), request)));
        match self.protocol {
            Protocol::Http1 => {
                let mut http = hyper::server::conn::http1::Builder::new();
                http.max_headers(MOST_HEADERS)
                    .max_buf_size(usize::try_from(HEADER_BYTES * 2).unwrap_or(usize::MAX));
                // The deadlines of heads and of idleness are `Activity`'s.
                http.timer(TokioTimer::new()).header_read_timeout(None);
                Box::pin(self.supervise(http.serve_connection(io, service), live)).await;
            }
            Protocol::Http2 => {
                let mut http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                http.timer(TokioTimer::new())
                    .max_concurrent_streams(STREAMS)
                    .max_header_list_size(HEADER_BYTES);
                http.keep_alive_interval(Duration::from_secs(20)).keep_alive_timeout(Duration::from_secs(10));
                http.max_pending_accept_reset_streams(16);
                Box::pin(self.supervise(http.serve_connection(io, service), live)).await;
            }
        }
    }

    /// Lets the connection go on until it ends, or until one of the reasons for which it must.
    async fn supervise<C: GracefulConnection>(&self, connection: C, live: &Live) {
        let mut connection = std::pin::pin!(connection);
        let mut changed = self.shared.changed.subscribe();
        // A reload that came during the handshake is not missed.
        changed.mark_changed();
        let mut must_end = Instant::now() + LIFETIME;
        let mut ending = false;
        let limits = live.settings.limits;
        loop {
            let judged_until = Instant::now() + self.standing.holds_for(&self.shared);
            tokio::select! {
                _ended = connection.as_mut() => return,
                _changed = changed.changed() => {}
                () = tokio::time::sleep_until(judged_until) => {}
                () = tokio::time::sleep_until(must_end) => return,
                () = self.shared.kill.cancelled() => return,
                () = tokio::time::sleep_until(must_end - NOTICE), if !ending => ending = true,
                () = self.shared.stop.cancelled(), if !ending => ending = true,
                () = self.end.notified(), if !ending => ending = true,
                () = self.activity.is_over(limits.header_timeout, limits.idle_timeout, self.protocol), if !ending => {
                    ending = true;
                    must_end = must_end.min(Instant::now() + FAREWELL);
                }
            }
            if self.standing.check(&self.shared).is_err() && self.standing.was_let_in() {
                return;
            }
            if ending {
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn answer(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<Content>, Infallible> {
    let in_flight = connection.activity.request();
    let mut answer = endpoint::respond(&connection.shared, &connection.standing, request).await;
    // HTTP/2 has no such header: the connection is told to end instead.
    if connection.protocol == Protocol::Http2 && answer.headers_mut().remove(CONNECTION).is_some() {
        connection.end.notify_one();
    }
    answer.body_mut().keep(in_flight);
    Ok(answer)
}
