//! The load: one client for every server, with persistent mTLS connections on which requests go one after the other.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, LocalSet};
use tokio_rustls::TlsConnector;

/// How many connections ask at once.
pub(crate) const CONNECTIONS: usize = 64;
/// How long a server runs warm before anything is counted.
const WARM_UP: Duration = Duration::from_millis(300);
/// How long is counted.
const COUNTED: Duration = Duration::from_millis(1500);

/// What is asked, again and again.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) body: Bytes,
    /// Words that a right answer has.
    pub(crate) expect: &'static str,
}

/// A server's address, and a certificate that it lets in.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    tls: TlsConnector,
}

/// One persistent connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<hyper::Result<()>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    /// The librarian of the throw-away PKI. Nothing is resumed, so that every connection is a full handshake.
    pub(crate) fn new(port: u16, pki: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(pki.join("ca.crt")).unwrap()).unwrap();
        let chain = CertificateDer::pem_file_iter(pki.join("agent/librarian.crt")).unwrap();
        let key = PrivateKeyDer::from_pem_file(pki.join("agent/librarian.key")).unwrap();
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&rustls::version::TLS13])
                .unwrap()
                .with_root_certificates(roots)
                .with_client_auth_cert(chain.map(Result::unwrap).collect(), key)
                .unwrap();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), tls: Arc::new(config).into() }
    }

    pub(crate) async fn connect(&self) -> std::io::Result<Connection> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::try_from("localhost").unwrap(), stream).await?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(std::io::Error::other)?;
        Ok(Connection { sender, task: tokio::spawn(connection) })
    }

    /// Whether the server gives a right answer now.
    pub(crate) async fn answers(&self, question: &Question) -> bool {
        let Ok(mut connection) = self.connect().await else { return false };
        matches!(connection.try_ask(question).await, Ok((StatusCode::OK, body)) if contains(&body, question.expect))
    }

    /// Waits until the server gives a right answer.
    pub(crate) async fn until_right(&self, question: &Question) {
        let mut last = String::new();
        for _ in 0..500 {
            match self.connect().await {
                Ok(mut connection) => match connection.try_ask(question).await {
                    Ok((StatusCode::OK, body)) if contains(&body, question.expect) => return,
                    other => last = format!("{other:?}"),
                },
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} {} is not answered with {:?}: {last}", question.method, question.path, question.expect);
    }
}

impl Connection {
    /// Asks, and fails on any answer but a right one.
    pub(crate) async fn ask(&mut self, question: &Question) -> Bytes {
        let (status, body) = self.try_ask(question).await.unwrap();
        assert!(
            status == StatusCode::OK && contains(&body, question.expect),
            "{} {}: {status} {body:?}",
            question.method,
            question.path
        );
        body
    }

    /// Submits an operation; its envelope.
    pub(crate) async fn submit(&mut self, operation: String) -> Value {
        self.envelope(Method::POST, "/host/op", operation.into()).await
    }

    /// The envelope of an operation, once it is final.
    pub(crate) async fn wait_for(&mut self, id: &str) -> Value {
        self.envelope(Method::GET, &format!("/host/op/{id}?wait=60"), Bytes::new()).await
    }

    async fn envelope(&mut self, method: Method, path: &str, body: Bytes) -> Value {
        let (status, body) = self.send(method, path, body).await.unwrap();
        assert!(matches!(status.as_u16(), 200 | 202), "{path}: {status} {body:?}");
        serde_json::from_slice(&body).unwrap()
    }

    async fn try_ask(&mut self, question: &Question) -> hyper::Result<(StatusCode, Bytes)> {
        self.send(question.method.clone(), question.path, question.body.clone()).await
    }

    async fn send(&mut self, method: Method, path: &str, body: Bytes) -> hyper::Result<(StatusCode, Bytes)> {
        self.sender.ready().await?;
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Full::new(body)).unwrap();
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        Ok((head.status, body.collect().await?.to_bytes()))
    }
}

fn contains(body: &[u8], words: &str) -> bool {
    words.is_empty() || body.windows(words.len()).any(|window| window == words.as_bytes())
}

/// What a server did in the counted time.
pub(crate) struct Load {
    pub(crate) per_second: f64,
    /// µs of the servers' processors for each answer.
    pub(crate) cpu: f64,
}

/// Asks on [`CONNECTIONS`] persistent connections at once.
pub(crate) async fn keep_alive(client: &Client, question: &Question, cpu: impl Fn() -> Duration) -> Load {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(client.connect().await.unwrap());
    }
    let answers = Rc::new(Cell::new(0u64));
    let tasks = LocalSet::new();
    for mut connection in connections {
        let (answers, question) = (Rc::clone(&answers), question.clone());
        tasks.spawn_local(async move {
            loop {
                connection.ask(&question).await;
                answers.set(answers.get() + 1);
            }
        });
    }
    tasks.run_until(count(&answers, cpu)).await
}

/// Handshakes in full, asks once and hangs up, [`HANDSHAKES_AT_ONCE`] at once.
pub(crate) async fn handshakes(client: &Client, question: &Question, cpu: impl Fn() -> Duration) -> Load {
    let answers = Rc::new(Cell::new(0u64));
    let tasks = LocalSet::new();
    for _ in 0..HANDSHAKES_AT_ONCE {
        let (answers, question, client) = (Rc::clone(&answers), question.clone(), client.clone());
        tasks.spawn_local(async move {
            loop {
                client.connect().await.unwrap().ask(&question).await;
                answers.set(answers.get() + 1);
            }
        });
    }
    tasks.run_until(count(&answers, cpu)).await
}

/// Enough to keep the server busy, and few enough that no accept queue is full.
const HANDSHAKES_AT_ONCE: usize = 8;

async fn count(answers: &Cell<u64>, cpu: impl Fn() -> Duration) -> Load {
    tokio::time::sleep(WARM_UP).await;
    let (began, before, spent) = (Instant::now(), answers.get(), cpu());
    tokio::time::sleep(COUNTED).await;
    let (took, after, spent) = (began.elapsed(), answers.get(), cpu() - spent);
    let answered = (after - before) as f64;
    assert!(answered > 0.0, "nothing was answered");
    Load { per_second: answered / took.as_secs_f64(), cpu: spent.as_secs_f64() * 1e6 / answered }
}
