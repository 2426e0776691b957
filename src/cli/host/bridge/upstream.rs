//! Connections to the one server: it is the right one before anything of worth is said, and every answer is bounded in size and time.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use url::Url;

use super::config::{BridgeConfig, Transport, Trust};
use super::request;
use crate::cli::exit::with_causes;
use crate::cli::host::https;
use crate::secret::Consumer;
use crate::sys::{ids, tcp_peer};

/// How long connecting may take, until it is known who answers.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long an answer may take: longer than the gate waits, so that it is the gate that gives up.
const ANSWERING: Duration = Duration::from_secs(40);
/// How long a connection is used again: less than any server keeps one.
const FRESH: Duration = Duration::from_secs(4);
/// How often it is looked whether a connection was accepted.
const LOOK: Duration = Duration::from_millis(10);
/// No answer of signal-cli comes near this.
const LONGEST: usize = 1 << 20;

/// Bytes both ways, packed in TLS or not.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

pub(super) type Connection = SendRequest<Full<Bytes>>;

/// The two ends of a connection on this host.
pub(super) type Ends = (SocketAddr, SocketAddr);

/// The server.
pub(super) struct Upstream {
    pub(super) url: Url,
    tls: Option<Arc<ClientConfig>>,
    /// Whose process must answer, where it is on this host.
    owner: Option<(String, u32)>,
    /// A question to which there is nothing to know.
    harmless: &'static str,
    idle: Mutex<Vec<(Instant, Connection)>>,
}

impl Upstream {
    pub(super) fn new(config: &BridgeConfig) -> Result<Self, String> {
        let (tls, owner) = match &config.trust {
            Trust::User(name) => {
                let user = ids::user(name).map_err(|error| format!("user: {error}"))?;
                let user = user.ok_or_else(|| format!("user: there is no Unix user {name}"))?;
                (None, Some((name.clone(), user.uid)))
            }
            Trust::Certificate { ca, own } => {
                let own =
                    own.as_ref().map(|(certificate, key)| (certificate.as_path(), key, Consumer::Bridge));
                (Some(https::client_as(ca, own)?), None)
            }
        };
        let harmless = match config.transport {
            Transport::Http => "api/v1/check",
            Transport::RestApi => "v1/health",
        };
        Ok(Self { url: config.url.clone(), tls, owner, harmless, idle: Mutex::default() })
    }

    /// Asks, and waits for the whole answer.
    pub(super) async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), String> {
        let mut connection = match self.idle_one() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let answering = async {
            let response = connection.send_request(request).await.map_err(|error| self.told(&error))?;
            let status = response.status();
            let body = whole(response).await.map_err(|problem| self.named(&problem))?;
            // Kept only once it can take another.
            let is_good = connection.ready().await.is_ok();
            Ok((status, body, is_good))
        };
        let answered = timeout(ANSWERING, answering).await;
        let (status, body, is_good) =
            answered.unwrap_or_else(|_elapsed| Err(self.named("does not answer")))?;
        if is_good {
            self.idle().push((Instant::now(), connection));
        }
        Ok((status, body))
    }

    /// A connection of which it is known whose it is.
    pub(super) async fn connect(&self) -> Result<Connection, String> {
        let connecting = async {
            let (stream, ends) = self.open().await?;
            let (mut connection, driver) =
                http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.told(&error))?;
            tokio::spawn(driver);
            let Some(ends) = ends else { return Ok(connection) };
            // Somebody has accepted a connection that answers, so the kernel can say who.
            let asked = request::get(&self.at(&self.harmless.split('/').collect::<Vec<_>>()))?;
            let response = connection.send_request(asked).await.map_err(|error| self.told(&error))?;
            let status = response.status();
            whole(response).await.map_err(|problem| self.named(&problem))?;
            if !status.is_success() {
                return Err(self.named(&format!("answers {status} to /{}", self.harmless)));
            }
            self.check(ends)?;
            connection.ready().await.map_err(|error| self.told(&error))?;
            Ok(connection)
        };
        let connected = timeout(CONNECTING, connecting).await;
        connected.unwrap_or_else(|_elapsed| Err(self.named("does not answer")))
    }

    /// A connection, of which on this host the two ends are to be [checked](Self::check) once it was answered.
    pub(super) async fn open(&self) -> Result<(Box<dyn Wire>, Option<Ends>), String> {
        let Some(tls) = &self.tls else {
            let stream = https::connect(&self.url, 80).await?;
            let plain = |error: std::io::Error| self.told(&error);
            stream.set_nodelay(true).map_err(plain)?;
            let ends = (stream.local_addr().map_err(plain)?, stream.peer_addr().map_err(plain)?);
            return Ok((Box::new(stream), Some(ends)));
        };
        let stream = https::connect_tls(tls, &self.url, 443).await?;
        stream.get_ref().0.set_nodelay(true).map_err(|error| self.told(&error))?;
        Ok((Box::new(stream), None))
    }

    /// [Checks](Self::check) a connection on which nothing was said yet, as soon as somebody has accepted it.
    pub(super) async fn accepted(&self, ends: Ends) -> Result<(), String> {
        let (own, peer) = ends;
        while tcp_peer::accepted_by(own, peer).map_err(|error| self.told(&error))?.is_none() {
            tokio::time::sleep(LOOK).await;
        }
        self.check(ends)
    }

    /// That the connection ends at the process of the user who is meant. Any user can listen where the daemon did before it fell.
    pub(super) fn check(&self, (own, peer): Ends) -> Result<(), String> {
        let Some((name, uid)) = &self.owner else { return Ok(()) };
        match tcp_peer::accepted_by(own, peer).map_err(|error| self.told(&error))? {
            Some(found) if found == *uid => Ok(()),
            Some(found) => Err(self.named(&format!(
                "is answered by a process of uid {found}, and `user` is {name}: nothing was said to it"
            ))),
            None => Err(self.named(
                "is answered by no process of this host: a network that is led elsewhere needs https://",
            )),
        }
    }

    /// An address below the configured one.
    pub(super) fn at(&self, path: &[&str]) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    fn idle_one(&self) -> Option<Connection> {
        let mut idle = self.idle();
        idle.retain(|(since, connection)| since.elapsed() < FRESH && connection.is_ready());
        idle.pop().map(|(_, connection)| connection)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Connection)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn told(&self, error: &dyn std::error::Error) -> String {
        self.named(&with_causes(error))
    }

    pub(super) fn named(&self, problem: &str) -> String {
        format!("{}: {problem}", self.url)
    }
}

/// A body in full, if it is not too long.
async fn whole(response: Response<Incoming>) -> Result<Bytes, String> {
    let read = Limited::new(response.into_body(), LONGEST).collect().await;
    read.map(http_body_util::Collected::to_bytes).map_err(|error| format!("its answer broke off: {error}"))
}
