//! A host with certificates of its own CA, and the program as a caller runs it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reeve::api::{Server, Settings};
use reeve::pki::{Ca, Issued, KeySource, Profile, Request};
use reeve::sys::clock::SystemClock;
use reeve::sys::process::{Command, Exit, run};
use serde_json::Value;
use tempfile::TempDir;

use crate::fake_gate::FakeGate;

pub(crate) struct Host {
    pub(crate) directory: TempDir,
    pub(crate) ca: Ca,
    pub(crate) gate: FakeGate,
    pub(crate) address: SocketAddr,
    pub(crate) librarian: Issued,
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs the program with nothing in its environment but what is given.
pub(crate) fn reeve(args: &[&str], env: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reeve")).args(args);
    for (name, value) in env {
        command = command.env(*name, *value);
    }
    let done = run(&command).unwrap();
    let Exit::Code(exit) = done.status else { panic!("{:?}", done.status) };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { exit, out: text(done.stdout), err: text(done.stderr) }
}

pub(crate) fn agent(name: &str) -> Request {
    let profile = Profile::Agent { trust_domain: "reeve.example".parse().unwrap() };
    Request { name: name.parse().unwrap(), profile, days: 30, key: KeySource::New }
}

pub(crate) fn server(names: &[&str]) -> Request {
    let dns = names.iter().map(|name| name.parse().unwrap()).collect();
    let profile = Profile::Server { dns, ips: vec!["127.0.0.1".parse().unwrap()] };
    Request { name: "host01".parse().unwrap(), profile, days: 30, key: KeySource::New }
}

impl Host {
    pub(crate) async fn start() -> Self {
        Self::with(|_ca| ()).await
    }

    /// A host that starts after something was done with its CA.
    pub(crate) async fn with(first: impl FnOnce(&Ca)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().canonicalize().unwrap();
        let ca = Ca::init(&at.join("pki"), "test CA", 365, Arc::new(SystemClock)).unwrap();
        let own = ca.issue(&server(&["localhost"])).unwrap();
        let librarian = ca.issue(&agent("librarian")).unwrap();
        first(&ca);
        let gate = FakeGate::start(&at.join("gate.sock"));
        let config = at.join("reeved.toml");
        std::fs::write(&config, configuration(&at, &ca, &own)).unwrap();
        let settings = Settings::read(&config).unwrap();
        let bound = Server::bind(&config, settings, Arc::new(SystemClock)).await.unwrap();
        let address = bound.local_addr().unwrap();
        tokio::spawn(bound.run());
        Self { directory, ca, gate, address, librarian }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs the program as the librarian.
    pub(crate) async fn librarian(&self, args: &[&str]) -> Ran {
        self.caller(&self.librarian, args).await
    }

    pub(crate) async fn caller(&self, who: &Issued, args: &[&str]) -> Ran {
        let url = format!("https://{}", self.address);
        self.at(&url, who, args).await
    }

    pub(crate) async fn at(&self, url: &str, who: &Issued, args: &[&str]) -> Ran {
        let ca = self.ca.certificate_file();
        self.with_ca(&ca, url, who, args).await
    }

    pub(crate) async fn with_ca(&self, ca: &Path, url: &str, who: &Issued, args: &[&str]) -> Ran {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let env = [
            ("REEVE_URL", url.to_owned()),
            ("REEVE_CA", text(ca)),
            ("REEVE_CERT", text(&who.certificate)),
            ("REEVE_KEY", text(who.key.as_ref().unwrap())),
        ];
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        // The program is waited for elsewhere: its host lives in this process.
        let running = tokio::task::spawn_blocking(move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
            reeve(&args, &env)
        });
        running.await.unwrap()
    }
}

fn configuration(at: &Path, ca: &Ca, own: &Issued) -> String {
    let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let (at, own_key) = (at.display(), own.key.as_ref().unwrap().display());
    let (certificate, root, crl) = (own.certificate.display(), ca.certificate_file(), ca.crl_file());
    format!(
        "listen = \"127.0.0.1:0\"\ngate_socket = \"{at}/gate.sock\"\ngate_user = \"{me}\"\n\
         tls.certificate = \"{certificate}\"\ntls.key = \"{own_key}\"\n\
         tls.client_ca = \"{}\"\ntls.crl = \"{}\"\n\n\
         [[identity]]\nuri = \"spiffe://reeve.example/agent/librarian\"\nprincipal = \"librarian\"\n",
        root.display(),
        crl.display()
    )
}
