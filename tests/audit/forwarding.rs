//! Records reach another host whole and all of them: Debian's rsyslog, as the example configures it, to a listener for syslog over
//! TLS, over rotations and over a time in which nobody reads.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reeve::audit::verify::{Options, verify};
use reeve::audit::{Event, EventKind};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::home::{Home, append, open_in};
use crate::rotation::block_on;

const EXAMPLE: &str = include_str!("../../docs/examples/rsyslog/reeve.conf");
const PATIENCE: Duration = Duration::from_secs(60);

/// What has arrived: each record's line by its number, and how often anything came.
type Arrived = Arc<Mutex<BTreeMap<u64, String>>>;

/// A host that takes syslog over TLS from whoever its authority knows.
struct Listener {
    port: u16,
    arrived: Arrived,
}

fn issue(issuer: &Issuer<'_, KeyPair>, name: &str, at: &Path) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    fs::write(at.join(format!("{name}.crt")), params.signed_by(&key, issuer).unwrap().pem()).unwrap();
    fs::write(at.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

fn certificates(at: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(at.join("ca.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);
    issue(&issuer, "logs.example", at);
    issue(&issuer, "host", at);
}

fn config(at: &Path) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(at.join("ca.crt")).unwrap()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let chain = vec![CertificateDer::from_pem_file(at.join("logs.example.crt")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(at.join("logs.example.key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config)
}

impl Listener {
    fn start(at: &Path) -> Self {
        let config = config(at);
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let arrived = Arrived::default();
        let into = Arc::clone(&arrived);
        std::thread::spawn(move || {
            for stream in socket.incoming() {
                let (config, into) = (Arc::clone(&config), Arc::clone(&into));
                std::thread::spawn(move || take(stream.unwrap(), config, &into));
            }
        });
        Self { port, arrived }
    }

    /// Waits until that many records are here.
    fn until(&self, wanted: usize, rsyslog: &Rsyslog) {
        let begun = Instant::now();
        while self.arrived.lock().unwrap().len() < wanted {
            let here = self.arrived.lock().unwrap().len();
            assert!(begun.elapsed() < PATIENCE, "{here} of {wanted} have arrived: {}", rsyslog.said());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Takes frames of one connection: a length, a blank, and a message of that length.
fn take(stream: TcpStream, config: Arc<ServerConfig>, into: &Arrived) {
    let mut reader = BufReader::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream));
    loop {
        let mut length = Vec::new();
        match reader.read_until(b' ', &mut length) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let length: usize = String::from_utf8(length).unwrap().trim().parse().unwrap();
        let mut message = vec![0; length];
        if reader.read_exact(&mut message).is_err() {
            return;
        }
        let message = String::from_utf8(message).unwrap();
        // local0.notice, version 1, a time, a host, the program, no process, the kind of message, no structured data.
        let (head, line) = message.split_once(" reeve - audit - ").unwrap_or_else(|| panic!("{message}"));
        assert!(head.starts_with("<133>1 20") && head.split(' ').count() == 3, "{head}");
        let record: serde_json::Value =
            serde_json::from_str(line.trim()).unwrap_or_else(|_| panic!("cut: {line}"));
        let before = into.lock().unwrap().insert(record["seq"].as_u64().unwrap(), line.trim().to_owned());
        assert!(before.is_none_or(|before| before == line.trim()), "the same record in two forms: {line}");
    }
}

struct Rsyslog {
    child: Child,
    log: std::path::PathBuf,
}

impl Rsyslog {
    fn start(home: &Home, at: &Path, port: u16) -> Self {
        let spool = at.join("spool");
        fs::create_dir_all(&spool).unwrap();
        let configuration = EXAMPLE
            .replace("/var/log/reeve/", &format!("{}/", home.directory.display()))
            .replace(
                "target=\"logs.example\" port=\"6514\"",
                &format!("target=\"127.0.0.1\" port=\"{port}\""),
            )
            .replace("/etc/rsyslog.d/reeve/", &format!("{}/", at.display()))
            .replace("global(", &format!("global(workDirectory=\"{}\" ", spool.display()))
            .replace("action.resumeInterval=\"5\"", "action.resumeInterval=\"1\"");
        fs::write(at.join("rsyslog.conf"), configuration).unwrap();
        let log = at.join("said");
        let child = Command::new("/usr/sbin/rsyslogd")
            .args(["-n", "-i", "NONE", "-f"])
            .arg(at.join("rsyslog.conf"))
            .stdin(std::process::Stdio::null())
            .stderr(fs::OpenOptions::new().append(true).create(true).open(&log).unwrap())
            .spawn()
            .expect("rsyslogd: tests/install-packages.sh test");
        Self { child, log }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn stop(mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.child.wait().unwrap();
    }
}

/// How many records the host itself has.
fn here(home: &Home) -> usize {
    let count = |name: &String| fs::read_to_string(home.directory.join(name)).unwrap().lines().count();
    home.files().iter().map(count).sum()
}

#[test]
fn rsyslog_brings_every_record_whole_over_rotations_and_a_time_in_which_nobody_reads() {
    let (home, at) = (Home::new(), tempfile::tempdir().unwrap());
    certificates(at.path());
    let listener = Listener::start(at.path());
    let rsyslog = Rsyslog::start(&home, at.path(), listener.port);
    let log = open_in(&home.directory, 20_000).unwrap();
    append(&log, 20);
    listener.until(here(&home), &rsyslog);
    // Rotated while it is read; among them one record that is longer than syslog's messages are by habit.
    let long = Event::new(EventKind::Plan).with("diff", "x".repeat(200_000));
    log.append_blocking(long).unwrap();
    append(&log, 300);
    block_on(log.rotate()).unwrap();
    append(&log, 20);
    listener.until(here(&home), &rsyslog);
    rsyslog.stop();
    // Rotated more than once while nobody reads.
    append(&log, 200);
    block_on(log.rotate()).unwrap();
    append(&log, 50);
    let rsyslog = Rsyslog::start(&home, at.path(), listener.port);
    listener.until(here(&home), &rsyslog);
    append(&log, 20);
    listener.until(here(&home), &rsyslog);
    rsyslog.stop();
    assert!(home.files().len() > 4, "{:?}", home.files());
    // What has arrived is the log: it can be verified where it is.
    let there = tempfile::tempdir().unwrap();
    let lines: Vec<String> = listener.arrived.lock().unwrap().values().cloned().collect();
    let mut file: Vec<String> = Vec::new();
    let mut first = 1;
    for (number, line) in lines.iter().enumerate() {
        if line.contains("\"kind\":\"log_rotated\"") {
            fs::write(there.path().join(format!("audit-{first:012}.jsonl")), file.join("\n") + "\n").unwrap();
            file.clear();
            first = number + 1;
        }
        file.push(line.clone());
    }
    fs::write(there.path().join("audit.jsonl"), file.join("\n") + "\n").unwrap();
    let report = verify(there.path(), &Options::default());
    assert!(report.ok, "{report}");
    assert_eq!(report.records as usize, here(&home));
}
