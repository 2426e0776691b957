//! HTTP/1.1 on one connection: enough for a command that asks one to three things, and quick to start.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::events::{Event, Parser};
use super::{Target, problem, tls, trouble};
use crate::cli::exit::{Exit, Failure};

/// How long a host may take to let us in.
const CONNECT: Duration = Duration::from_secs(10);
/// How long it may take to answer: it may read pools for minutes.
const ANSWER: Duration = Duration::from_secs(330);
/// The longest answer.
const LONGEST: usize = 16 << 20;
/// How long a connection that was refused is listened to for the reason.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A connection to a host.
pub(in crate::cli) struct Client {
    target: Target,
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<Result<(), hyper::Error>>,
}

/// An answer that is a success.
#[derive(Debug)]
pub(in crate::cli) struct Reply {
    body: Bytes,
}

impl Reply {
    /// The body as JSON, as it came.
    pub(in crate::cli) fn json(&self) -> Result<Value, Failure> {
        self.read()
    }

    /// The body as what it should be.
    pub(in crate::cli) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| not_understood(&error))
    }
}

/// A failure to read what a host says.
pub(in crate::cli) fn not_understood(error: &serde_json::Error) -> Failure {
    Failure::new(Exit::Failed, format!("the host's answer is not understood: {error}"))
        .hint("are the two of one version? `reeve health` and `reeve --version` say")
}

impl Client {
    /// Connects to a host.
    pub(in crate::cli) async fn connect(target: &Target) -> Result<Self, Failure> {
        let stream = TokioIo::new(handshake(target).await?);
        let (sender, connection) =
            http1::handshake(stream).await.map_err(|error| trouble::explain(target, &error))?;
        Ok(Self { target: target.clone(), sender, driver: tokio::spawn(connection) })
    }

    /// Asks for something.
    pub(in crate::cli) async fn get(&mut self, path: &str) -> Result<Reply, Failure> {
        self.ask(Method::GET, path, HeaderMap::new(), Bytes::new()).await
    }

    /// Takes something back.
    pub(in crate::cli) async fn delete(&mut self, path: &str) -> Result<Reply, Failure> {
        self.ask(Method::DELETE, path, HeaderMap::new(), Bytes::new()).await
    }

    /// Submits something.
    pub(in crate::cli) async fn post(
        &mut self,
        path: &str,
        body: &Value,
        mut headers: HeaderMap,
    ) -> Result<Reply, Failure> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.ask(Method::POST, path, headers, Bytes::from(body.to_string())).await
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Reply, Failure> {
        let response = self.send(method.clone(), path, headers, body).await?;
        let (parts, body) = response.into_parts();
        let broke_off = |_error| trouble::no_answer(&self.target, "its answer broke off", &method);
        let whole = Limited::new(body, LONGEST).collect().await.map_err(broke_off)?;
        let body = whole.to_bytes();
        if parts.status.is_success() {
            return Ok(Reply { body });
        }
        Err(refusal(parts.status, &parts.headers, &body))
    }

    /// Listens to a stream of events, from the one after `last`. Nothing when there will be no more.
    pub(in crate::cli) async fn events(
        &mut self,
        path: &str,
        last: Option<&str>,
    ) -> Result<Option<Events>, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(last) = last.and_then(|last| HeaderValue::from_str(last).ok()) {
            headers.insert("last-event-id", last);
        }
        let response = self.send(Method::GET, path, headers, Bytes::new()).await?;
        let (parts, body) = response.into_parts();
        if parts.status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        if parts.status.is_success() {
            return Ok(Some(Events { body, parser: Parser::default(), ready: Vec::new().into_iter() }));
        }
        let body =
            Limited::new(body, LONGEST).collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
        Err(refusal(parts.status, &parts.headers, &body))
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        let asked = method.clone();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|_error| {
            Failure::new(Exit::Usage, format!("{path:?} cannot stand in a request: is the id right?"))
        })?;
        *request.headers_mut() = headers;
        let host = HeaderValue::from_str(&self.target.to_string())
            .map_err(|_error| Failure::new(Exit::Usage, "the host's name cannot stand in a request"))?;
        request.headers_mut().insert(HOST, host);
        match tokio::time::timeout(ANSWER, self.sender.send_request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.why(error, &asked).await),
            Err(_elapsed) => {
                Err(trouble::no_answer(&self.target, "it took the request and does not answer", &asked))
            }
        }
    }

    /// Why a request failed: the connection knows better than the request does; failing that, another connection that
    /// only listens.
    async fn why(&mut self, error: hyper::Error, asked: &Method) -> Failure {
        if trouble::tls_error(&error).is_some() {
            return trouble::explain(&self.target, &error);
        }
        if let Ok(Ok(Err(cause))) = tokio::time::timeout(LAST_WORDS, &mut self.driver).await
            && trouble::tls_error(&cause).is_some()
        {
            return trouble::explain(&self.target, &cause);
        }
        match last_words(&self.target).await {
            Some(failure) => failure,
            None => trouble::no_answer(&self.target, "it hung up before it answered", asked),
        }
    }
}

fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
    let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    problem::failure(status, body, retry_after)
}

async fn handshake(target: &Target) -> Result<TlsStream<TcpStream>, Failure> {
    let (config, name) = tls::config(target)?;
    let stream = tcp(target).await?;
    let connecting = TlsConnector::from(config).connect(name, stream);
    match tokio::time::timeout(CONNECT, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(trouble::explain(target, &error)),
        Err(_elapsed) => Err(trouble::cannot_connect(target, &io::ErrorKind::TimedOut.into())),
    }
}

async fn tcp(target: &Target) -> Result<TcpStream, Failure> {
    // An address needs no look-up, and so no thread for it.
    let addresses = match target.host.parse::<std::net::IpAddr>() {
        Ok(ip) => vec![(ip, target.port).into()],
        Err(_name) => tokio::net::lookup_host((target.host.as_str(), target.port))
            .await
            .map_err(|error| trouble::no_address(target, &error))?
            .collect::<Vec<_>>(),
    };
    let connecting = TcpStream::connect(addresses.as_slice());
    let stream = match tokio::time::timeout(CONNECT, connecting).await {
        Ok(connected) => connected.map_err(|error| trouble::cannot_connect(target, &error))?,
        Err(_elapsed) => return Err(trouble::cannot_connect(target, &io::ErrorKind::TimedOut.into())),
    };
    stream.set_nodelay(true).map_err(|error| trouble::cannot_connect(target, &error))?;
    Ok(stream)
}

/// Connects once more and only listens: what a host says before anything was asked is why it refuses us.
async fn last_words(target: &Target) -> Option<Failure> {
    let mut stream = match handshake(target).await {
        Ok(stream) => stream,
        Err(failure) => return Some(failure),
    };
    let read = tokio::time::timeout(LAST_WORDS, stream.read_u8()).await;
    let error = read.ok()?.err()?;
    trouble::tls_error(&error).is_some().then(|| trouble::explain(target, &error))
}

/// A stream of events.
pub(in crate::cli) struct Events {
    body: Incoming,
    parser: Parser,
    ready: std::vec::IntoIter<Event>,
}

impl Events {
    /// The next event; nothing when the stream ends or breaks off.
    pub(in crate::cli) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.next() {
                return Some(event);
            }
            let frame = self.body.frame().await?.ok()?;
            let Ok(bytes) = frame.into_data() else { continue };
            self.ready = self.parser.take(&bytes).ok()?.into_iter();
        }
    }
}
