//! A client with real TLS: requests over HTTP/1.1 and HTTP/2, and streams for what no HTTP client would send.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::answers;
use crate::pki::Leaf;

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) config: ClientConfig,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status and the code of a problem.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16());
        assert_eq!(body["type"], format!("urn:reeve:problem:{}", body["code"].as_str().unwrap()));
        (self.status.as_u16(), body["code"].as_str().unwrap().to_owned())
    }
}

/// One connection, on which requests go one after the other or at once.
pub(crate) enum Connection {
    Http1(hyper::client::conn::http1::SendRequest<Full<Bytes>>),
    Http2(hyper::client::conn::http2::SendRequest<Full<Bytes>>),
}

impl Client {
    pub(crate) fn new(address: SocketAddr, ca: &str, leaf: Option<&Leaf>) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let config = match leaf {
            Some(leaf) => {
                let chain = CertificateDer::pem_slice_iter(leaf.pem.as_bytes()).map(Result::unwrap).collect();
                let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
                config.with_client_auth_cert(chain, key).unwrap()
            }
            None => config.with_no_client_auth(),
        };
        Self { address, config }
    }

    /// TLS, and no HTTP yet.
    pub(crate) async fn tls(&self, alpn: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut config = self.config.clone();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        let stream = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    pub(crate) async fn http1(&self) -> Connection {
        let io = TokioIo::new(self.tls("http/1.1").await.unwrap());
        let (sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        Connection::Http1(sender)
    }

    pub(crate) async fn http2(&self) -> Connection {
        let io = TokioIo::new(self.tls("h2").await.unwrap());
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        Connection::Http2(sender)
    }

    pub(crate) async fn http(&self, alpn: &str) -> Connection {
        if alpn == "h2" { self.http2().await } else { self.http1().await }
    }

    /// One request on a connection of its own.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.http1().await.send(get(path)).await.unwrap()
    }

    /// As `get`, where the server may not be able to answer; nothing then, or after two seconds.
    pub(crate) async fn try_get(&self, path: &str) -> Option<Answer> {
        let asked = async {
            let io = TokioIo::new(self.tls("http/1.1").await.ok()?);
            let (sender, connection) = hyper::client::conn::http1::handshake(io).await.ok()?;
            tokio::spawn(connection);
            Connection::Http1(sender).send(get(path)).await.ok()
        };
        tokio::time::timeout(std::time::Duration::from_secs(2), asked).await.ok()?
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.http1().await.send(post(path, body)).await.unwrap()
    }

    /// Why the server does not let this client in: the alert that comes with the first read, or the refusal to connect.
    pub(crate) async fn refusal(&self) -> String {
        use tokio::io::AsyncReadExt;
        let mut stream = match self.tls("http/1.1").await {
            Ok(stream) => stream,
            Err(error) => return error.to_string(),
        };
        let mut byte = [0];
        match tokio::time::timeout(std::time::Duration::from_secs(5), stream.read(&mut byte)).await {
            Ok(Err(error)) => error.to_string(),
            other => panic!("let in: {other:?}"),
        }
    }
}

impl Connection {
    pub(crate) async fn begin(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<http::Response<Incoming>> {
        match self {
            Self::Http1(sender) => sender.send_request(request).await,
            Self::Http2(sender) => sender.send_request(request).await,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_closed(),
            Self::Http2(sender) => sender.is_closed(),
        }
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Answer> {
        let (head, body) = self.begin(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        holds_what_it_may(&body);
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

/// What must hold of every answer, whatever its test is about.
pub(crate) fn holds_what_it_may(body: &[u8]) {
    let text = String::from_utf8_lossy(body);
    assert!(answers::tokens(&text).is_empty(), "a token stands in {text}");
    let Ok(json) = serde_json::from_str::<Value>(&text) else { return };
    let found: Vec<String> =
        Some(json).filter(answers::is_refusal).iter().flat_map(answers::ways_around).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// One request without TLS, by its first line.
pub(crate) async fn plain(address: SocketAddr, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{request}\r\nhost: h\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

pub(crate) fn get(path: &str) -> Request<Full<Bytes>> {
    request(Method::GET, path, &[], "")
}

pub(crate) fn post(path: &str, body: &str) -> Request<Full<Bytes>> {
    request(Method::POST, path, &[("content-type", "application/json")], body)
}

pub(crate) fn request(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(format!("https://localhost{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::from(body.to_owned())).unwrap()
}
