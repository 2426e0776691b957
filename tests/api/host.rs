//! A host for one test: a directory with certificates and configuration, a fake gate, and the server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reeve::api::{Handle, Server, Settings};
use reeve::sys::clock::SystemClock;
use tempfile::TempDir;

use crate::client::Client;
use crate::fake_gate::FakeGate;
use crate::pki::{Ca, Leaf};

pub(crate) const LIBRARIAN: &str = "spiffe://example.org/agent/librarian";

pub(crate) struct Host {
    pub(crate) directory: TempDir,
    pub(crate) ca: Ca,
    pub(crate) gate: FakeGate,
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) handle: Handle,
    pub(crate) librarian: Leaf,
}

/// A directory with certificates and a configuration, to which `more` is added.
pub(crate) struct Files {
    pub(crate) directory: TempDir,
    pub(crate) ca: Ca,
}

impl Files {
    pub(crate) fn new(more: &str) -> Self {
        let files = Self { directory: tempfile::tempdir().unwrap(), ca: Ca::new("reeve test CA") };
        let server = files.ca.server();
        files.write("server.pem", &server.pem);
        files.write("server.key", &server.key);
        files.write("ca.pem", &files.ca.pem);
        files.write("ca.crl", &files.ca.crl(&[], time::Duration::days(7)));
        files.configure(more);
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write(&self.path(name), text);
    }

    pub(crate) fn configure(&self, more: &str) {
        self.write("reeved.toml", &configuration(&self.directory, more));
    }

    /// Listens there, and not where there is room.
    pub(crate) fn listen(&self, at: SocketAddr) {
        let text = std::fs::read_to_string(self.path("reeved.toml")).unwrap();
        self.write("reeved.toml", &text.replace("127.0.0.1:0", &at.to_string()));
    }

    pub(crate) async fn start(self) -> Host {
        let gate = FakeGate::start(&self.path("gate.sock"));
        let config = self.path("reeved.toml");
        let settings = Settings::read(&config).unwrap();
        let server = Server::bind(&config, settings, Arc::new(SystemClock)).await.unwrap();
        let (address, metrics, handle) =
            (server.local_addr().unwrap(), server.metrics_addr(), server.handle());
        tokio::spawn(server.run());
        let librarian = self.ca.client(LIBRARIAN);
        Host { directory: self.directory, ca: self.ca, gate, address, metrics, handle, librarian }
    }
}

/// Replaces a file as a careful administrator does: at once. Keys are for nobody else's eyes.
pub(crate) fn write(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(&new, path).unwrap();
}

fn configuration(directory: &TempDir, more: &str) -> String {
    let at = directory.path().display();
    let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    format!(
        "listen = \"127.0.0.1:0\"\ngate_socket = \"{at}/gate.sock\"\ngate_user = \"{me}\"\n\
         tls.certificate = \"{at}/server.pem\"\ntls.key = \"{at}/server.key\"\n\
         tls.client_ca = \"{at}/ca.pem\"\ntls.crl = \"{at}/ca.crl\"\n{more}\n\
         [[identity]]\nuri = \"{LIBRARIAN}\"\nprincipal = \"librarian\"\n"
    )
}

impl Host {
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    pub(crate) async fn with(more: &str) -> Self {
        Files::new(more).start().await
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write(&self.directory.path().join(name), text);
    }

    pub(crate) fn configure(&self, more: &str) {
        self.write("reeved.toml", &configuration(&self.directory, more));
    }

    /// A client with this certificate.
    pub(crate) fn client(&self, leaf: &Leaf) -> Client {
        Client::new(self.address, &self.ca.pem, Some(leaf))
    }

    /// What the loopback listener says.
    pub(crate) async fn metrics(&self) -> String {
        let answer = crate::client::plain(self.metrics.unwrap(), "GET /metrics HTTP/1.1").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        answer
    }

    pub(crate) fn librarian(&self) -> Client {
        self.client(&self.librarian)
    }
}

/// Waits for something that is about to be true, and not for ever.
pub(crate) async fn eventually(what: &str, mut is: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if is().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not after 5 seconds");
}
