//! The CA as its users meet it: what it issues, what it refuses, and what OpenSSL and rustls think of that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on must say where; the system's clock is what OpenSSL compares with"
)]

#[path = "pki/issuing.rs"]
mod issuing;
#[path = "pki/requests.rs"]
mod requests;
#[path = "pki/keeping.rs"]
mod keeping;
#[path = "pki/revoking.rs"]
mod revoking;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reeve::pki::{Ca, Issued, KeySource, PkiError, Profile, Reason, RenewedKey, Request, Role, Selector};
use reeve::sys::clock::ManualClock;
use reeve::sys::process::{Command, Finished, run};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;

struct Place {
    root: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Place {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(SystemTime::now(), Duration::from_secs(3600)));
        Self { root: tempfile::tempdir().unwrap(), clock }
    }

    fn dir(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("pki")
    }

    fn ca(&self) -> Ca {
        Ca::init(&self.dir(), "test CA", 3650, self.clock.clone()).unwrap()
    }

    fn pass_days(&self, days: u64) {
        self.clock.advance(Duration::from_secs(days * 86_400));
    }
}

fn server(name: &str, dns: &[&str], ips: &[&str]) -> Request {
    let dns = dns.iter().map(|name| name.parse().unwrap()).collect();
    let ips = ips.iter().map(|ip| ip.parse().unwrap()).collect();
    Request {
        name: name.parse().unwrap(),
        profile: Profile::Server { dns, ips },
        days: 365,
        key: KeySource::New,
    }
}

fn agent(name: &str) -> Request {
    let profile = Profile::Agent { trust_domain: "reeve.example".parse().unwrap() };
    Request { name: name.parse().unwrap(), profile, days: 90, key: KeySource::New }
}

fn by(text: &str) -> Selector {
    Selector::Text(text.to_owned())
}

fn openssl(args: &[&str]) -> Finished {
    run(&Command::new("/usr/bin/openssl").args(args)).expect("the openssl package is needed")
}

fn text_of(path: &Path) -> String {
    let shown = openssl(&["x509", "-in", path.to_str().unwrap(), "-noout", "-text"]);
    assert!(shown.status.success());
    String::from_utf8(shown.stdout).unwrap()
}

fn verify(ca: &Ca, leaf: &Path, more: &[&str]) -> Result<(), String> {
    let (root, crl) = (ca.certificate_file(), ca.crl_file());
    let mut args = vec!["verify", "-x509_strict", "-CAfile", root.to_str().unwrap()];
    args.extend(["-crl_check", "-CRLfile", crl.to_str().unwrap()]);
    args.extend(more);
    args.push(leaf.to_str().unwrap());
    let done = openssl(&args);
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// What a host that was given the CA and its list thinks of a client.
fn as_a_host_sees(ca: &Ca, pem: &str, now: SystemTime) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca.certificate_file()).unwrap()).unwrap();
    let crl = CertificateRevocationListDer::from_pem_file(ca.crl_file()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
        .with_crls([crl])
        .enforce_revocation_expiration()
        .build()
        .unwrap();
    let leaf = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let now = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).unwrap());
    verifier.verify_client_cert(&leaf, &[], now).map(drop).map_err(|error| error.to_string())
}

fn public_key(issued: &Issued) -> Vec<u8> {
    openssl(&["x509", "-in", issued.certificate.to_str().unwrap(), "-noout", "-pubkey"]).stdout
}
