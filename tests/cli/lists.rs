//! `reeve lists` against servers that are well, and servers that are not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::host::{Ran, reeve};
use crate::pki::Ca;

/// A server on the loopback that gives one answer to everybody, as bytes.
struct Server {
    port: u16,
    requests: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Server {
    async fn start(ca: &Ca, answer: impl Fn(u16, &str) -> String + Send + Sync + 'static) -> Self {
        let leaf = ca.server();
        let chain = CertificateDer::pem_slice_iter(leaf.pem.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let (acceptor, listener) =
            (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let answer = answer(port, request.split(' ').nth(1).unwrap());
                seen.lock().unwrap().push(request);
                // Whoever has read enough hangs up.
                drop(stream.write_all(answer.as_bytes()).await);
                drop(stream.shutdown().await);
            }
        });
        Self { port, requests }
    }
}

fn ok(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}", text.len())
}

struct Place(tempfile::TempDir);

impl Place {
    fn new(ca: &Ca) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::write(place.path("ca.pem"), &ca.pem).unwrap();
        std::fs::create_dir(place.path("fetched")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self, url: &str) -> PathBuf {
        let (ca, directory) = (self.path("ca.pem"), self.path("fetched"));
        let text = format!(
            "user = \"root\"\ndirectory = {directory:?}\n[[list]]\nname = \"bad\"\nurl = {url:?}\nca = {ca:?}\nmax_megabytes = 1\n"
        );
        std::fs::write(self.path("lists.toml"), text).unwrap();
        self.path("lists.toml")
    }

    fn fetched(&self) -> String {
        std::fs::read_to_string(self.path("fetched/bad.list")).unwrap_or_default()
    }
}

async fn lists(config: &Path, args: &[&str]) -> (Ran, Value) {
    let mut all = vec!["--json".to_owned(), "lists".to_owned()];
    all.extend(args.iter().map(|arg| (*arg).to_owned()));
    all.extend(["--config".to_owned(), config.to_str().unwrap().to_owned()]);
    let running =
        tokio::task::spawn_blocking(move || reeve(&all.iter().map(String::as_str).collect::<Vec<_>>(), &[]));
    let ran = running.await.unwrap();
    let document = serde_json::from_str(&ran.out).unwrap_or_default();
    (ran, document)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_fetched_when_its_time_has_come_and_checked_as_the_gate_reads_it() {
    let ca = Ca::new("lists");
    let server = Server::start(&ca, |_, _| ok("one.example\nno name\n0.0.0.0 two.example\n")).await;
    let place = Place::new(&ca);
    let config = place.config(&format!("https://localhost:{}/bad.txt?v=1", server.port));
    let (ran, document) = lists(&config, &["fetch"]).await;
    assert_eq!(
        document,
        json!({"ok": true, "fetched": [{"list": "bad", "entries": 2, "problem": null}]}),
        "{ran:?}"
    );
    assert_eq!(place.fetched(), "one.example\nno name\n0.0.0.0 two.example\n");
    let (_, document) = lists(&config, &["fetch"]).await;
    assert_eq!(document, json!({"ok": true, "fetched": []}));
    let (_, document) = lists(&config, &["fetch", "--now"]).await;
    assert_eq!(document["fetched"][0]["entries"], 2);
    let requests = server.requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 2);
    assert!(
        requests[0].starts_with("GET /bad.txt?v=1 HTTP/1.1\r\n")
            && requests[0].contains("accept-encoding: identity")
    );
    let (_, document) = lists(&config, &["check"]).await;
    assert_eq!((&document["ok"], &document["lists"][0]["entries"]), (&json!(true), &json!(2)));
    assert_eq!(document["lists"][0]["bad"][0]["line"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_server_does_the_list_before_stays() {
    let ca = Ca::new("lists");
    let server = Server::start(&ca, |port, path| match path {
        "/good" => ok("one.example\n"),
        "/plain" => format!(
            "HTTP/1.1 302 Found\r\nlocation: http://localhost:{port}/good\r\ncontent-length: 0\r\n\r\n"
        ),
        "/file" => {
            "HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n".to_owned()
        }
        "/inside" => {
            "HTTP/1.1 302 Found\r\nlocation: https://127.0.0.1:1/good\r\ncontent-length: 0\r\n\r\n".to_owned()
        }
        "/round" => "HTTP/1.1 302 Found\r\nlocation: /round\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "/moved" => "HTTP/1.1 301 Moved\r\nlocation: /good\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "/large" => ok(&"x".repeat((1 << 20) + 1)),
        "/endless" => format!("HTTP/1.1 200 OK\r\n\r\n{}", "a.example\n".repeat(200_000)),
        "/cut" => "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\none.example\n".to_owned(),
        "/packed" => "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc".to_owned(),
        "/page" => ok("<html>\n<body>\n<p>gone\n"),
        "/empty" => ok(""),
        _ => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
    })
    .await;
    let place = Place::new(&ca);
    let url = |path: &str| format!("https://localhost:{}{path}", server.port);
    let (_, document) = lists(&place.config(&url("/moved")), &["fetch", "--now"]).await;
    assert_eq!(document["ok"], true, "{document}");
    for (path, problem) in [
        ("/plain", "redirects to http://"),
        ("/file", "redirects to file:"),
        ("/inside", "redirects to https://127.0.0.1"),
        ("/round", "redirects more than"),
        ("/large", "larger than"),
        ("/endless", "larger than"),
        ("/cut", "broke off"),
        ("/packed", "comes packed"),
        ("/page", "none of a list"),
        ("/empty", "no entry"),
        ("/none", "404"),
    ] {
        let (ran, document) = lists(&place.config(&url(path)), &["fetch", "--now"]).await;
        let said = document["fetched"][0]["problem"].as_str().unwrap_or_default();
        assert!(said.contains(problem) && ran.exit == 1, "{path}: {ran:?}");
        assert_eq!(place.fetched(), "one.example\n", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_the_one_that_is_named_is_not_believed() {
    let (ca, other) = (Ca::new("lists"), Ca::new("other"));
    let server = Server::start(&other, |_, _| ok("one.example\n")).await;
    let place = Place::new(&ca);
    let (_, document) =
        lists(&place.config(&format!("https://localhost:{}/", server.port)), &["fetch"]).await;
    assert_eq!(document["ok"], false, "{document}");
    let server = Server::start(&ca, |_, _| ok("one.example\n")).await;
    let (_, document) =
        lists(&place.config(&format!("https://127.0.0.1:{}/", server.port)), &["fetch"]).await;
    assert_eq!(document["ok"], false, "{document}");
    assert_eq!(place.fetched(), "");
    assert!(server.requests.lock().unwrap().is_empty());
}
