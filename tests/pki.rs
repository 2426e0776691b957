//! The CA as its users meet it: what it issues, what it refuses, and what OpenSSL and rustls think of that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on must say where; the system's clock is what OpenSSL compares with"
)]

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

#[test]
fn a_new_ca_signs_certificates_and_lists_and_nothing_below_it_may_sign() {
    let place = Place::new();
    let ca = place.ca();
    let text = text_of(&ca.certificate_file());
    assert!(text.contains("Version: 3"), "{text}");
    assert!(text.contains("CA:TRUE, pathlen:0"), "{text}");
    assert!(text.contains("Certificate Sign, CRL Sign\n"), "{text}");
    assert!(text.contains("ASN1 OID: prime256v1"), "{text}");
    assert!(text.contains("Subject Key Identifier"), "{text}");
    assert_eq!(ca.entries().unwrap(), []);
    assert_eq!(ca.crl_state().unwrap().0, 1);
}

#[test]
fn a_servers_certificate_holds_its_names_and_serves_only() {
    let place = Place::new();
    let ca = place.ca();
    let issued =
        ca.issue(&server("host01", &["host01.example", "localhost"], &["192.0.2.7", "::1"])).unwrap();
    let text = text_of(&issued.certificate);
    assert!(text.contains("TLS Web Server Authentication\n"), "{text}");
    assert!(!text.contains("Client Authentication"), "{text}");
    assert!(
        text.contains("DNS:host01.example, DNS:localhost, IP Address:192.0.2.7, IP Address:0:0:0:0:0:0:0:1"),
        "{text}"
    );
    assert!(text.contains("CA:FALSE") && text.contains("Authority Key Identifier"), "{text}");
    assert!(text.contains("X509v3 Key Usage: critical\n                Digital Signature\n"), "{text}");
    verify(&ca, &issued.certificate, &["-purpose", "sslserver", "-verify_hostname", "host01.example"])
        .unwrap();
    verify(&ca, &issued.certificate, &["-purpose", "sslclient"]).unwrap_err();
    let refused = as_a_host_sees(&ca, &issued.certificate_pem, SystemTime::now()).unwrap_err();
    assert!(refused.contains("extended key usage") || refused.contains("not valid for"), "{refused}");
}

#[test]
fn a_server_without_names_gets_the_one_it_has_in_the_ca() {
    let place = Place::new();
    let ca = place.ca();
    let issued = ca.issue(&server("host01.example", &[], &[])).unwrap();
    assert_eq!(issued.entry.sans, ["DNS:host01.example"]);
}

#[test]
fn an_agents_certificate_holds_its_spiffe_id_and_calls_only() {
    let place = Place::new();
    let ca = place.ca();
    let issued = ca.issue(&agent("librarian")).unwrap();
    let text = text_of(&issued.certificate);
    assert!(text.contains("URI:spiffe://reeve.example/agent/librarian\n"), "{text}");
    assert!(text.contains("TLS Web Client Authentication\n"), "{text}");
    assert!(!text.contains("Server Authentication"), "{text}");
    verify(&ca, &issued.certificate, &["-purpose", "sslclient"]).unwrap();
    verify(&ca, &issued.certificate, &["-purpose", "sslserver"]).unwrap_err();
    as_a_host_sees(&ca, &issued.certificate_pem, SystemTime::now()).unwrap();
}

#[test]
fn keys_are_for_their_owner_alone_and_fit_their_certificates() {
    let place = Place::new();
    let ca = place.ca();
    let issued = ca.issue(&agent("librarian")).unwrap();
    let key = issued.key.unwrap();
    assert_eq!((mode(&key), mode(&ca.dir().join("ca.key")), mode(ca.dir())), (0o600, 0o600, 0o700));
    assert_eq!(mode(&issued.certificate), 0o644);
    let of_key = openssl(&["pkey", "-in", key.to_str().unwrap(), "-pubout"]).stdout;
    let of_certificate =
        openssl(&["x509", "-in", issued.certificate.to_str().unwrap(), "-noout", "-pubkey"]).stdout;
    assert!(!of_key.is_empty());
    assert_eq!(of_key, of_certificate);
}

#[test]
fn an_existing_ca_is_never_overwritten() {
    let place = Place::new();
    let ca = place.ca();
    let before = std::fs::read(ca.dir().join("ca.key")).unwrap();
    let refused = Ca::init(&place.dir(), "another", 30, place.clock.clone()).err().unwrap();
    assert!(matches!(refused, PkiError::Exists(_)));
    assert!(refused.to_string().contains("--dir"), "{refused}");
    assert_eq!(std::fs::read(ca.dir().join("ca.key")).unwrap(), before);
    let files: Vec<_> = std::fs::read_dir(place.root.path()).unwrap().collect();
    assert_eq!(files.len(), 1, "a draft was left behind");
}

#[test]
fn a_place_without_a_ca_says_how_to_make_one() {
    let place = Place::new();
    let refused = Ca::open(&place.dir(), place.clock.clone()).err().unwrap();
    assert!(refused.to_string().contains("reeve pki init"), "{refused}");
}

#[test]
fn a_name_has_one_certificate_in_force_at_a_time() {
    let place = Place::new();
    let ca = place.ca();
    ca.issue(&agent("librarian")).unwrap();
    let refused = ca.issue(&agent("librarian")).unwrap_err();
    assert!(refused.to_string().contains("reeve pki renew librarian"), "{refused}");
    ca.issue(&server("librarian", &[], &[])).unwrap();
    place.pass_days(91);
    ca.issue(&agent("librarian")).unwrap();
}

#[test]
fn days_have_bounds_and_nothing_outlives_the_ca() {
    let place = Place::new();
    for days in [0, 7301] {
        let refused = Ca::init(&place.dir(), "test CA", days, place.clock.clone()).err().unwrap();
        assert!(matches!(refused, PkiError::Days { .. }), "{refused}");
    }
    let ca = Ca::init(&place.dir(), "test CA", 100, place.clock.clone()).unwrap();
    for days in [0, 826] {
        let refused = ca.issue(&Request { days, ..agent("librarian") }).unwrap_err();
        assert!(matches!(refused, PkiError::Days { .. }), "{refused}");
    }
    let refused = ca.issue(&Request { days: 101, ..agent("librarian") }).unwrap_err();
    assert!(matches!(refused, PkiError::OutlivesCa(_)), "{refused}");
    ca.issue(&Request { days: 100, ..agent("librarian") }).unwrap();
    for days in [0, 366] {
        assert!(matches!(ca.crl(days), Err(PkiError::Days { .. })));
    }
}

/// A request for everything that must not be given, made by OpenSSL.
fn hostile_request(place: &Place) -> String {
    let (key, csr) = (place.root.path().join("k.pem"), place.root.path().join("r.pem"));
    let done = openssl(&[
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        key.to_str().unwrap(),
        "-out",
        csr.to_str().unwrap(),
        "-subj",
        "/O=root/CN=administrator",
        "-addext",
        "subjectAltName=URI:spiffe://reeve.example/agent/administrator,DNS:host01.example,email:a@b.c",
        "-addext",
        "basicConstraints=critical,CA:TRUE",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
        "-addext",
        "extendedKeyUsage=serverAuth,clientAuth,codeSigning,1.2.3.4",
        "-addext",
        "nameConstraints=permitted;DNS:example",
    ]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read_to_string(csr).unwrap()
}

#[test]
fn nothing_a_signing_request_asks_for_is_given_but_its_key() {
    let place = Place::new();
    let ca = place.ca();
    let request = Request { key: KeySource::Csr(hostile_request(&place)), ..agent("librarian") };
    let issued = ca.issue(&request).unwrap();
    assert_eq!(issued.key, None);
    let text = text_of(&issued.certificate);
    for asked in [
        "administrator",
        "O = root",
        "host01",
        "a@b.c",
        "CA:TRUE",
        "Certificate Sign",
        "Server Auth",
        "Code Signing",
        "1.2.3.4",
        "Name Constraints",
    ] {
        assert!(!text.contains(asked), "{asked} in {text}");
    }
    assert!(text.contains("Subject: CN = librarian\n"), "{text}");
    assert!(text.contains("URI:spiffe://reeve.example/agent/librarian\n"), "{text}");
    verify(&ca, &issued.certificate, &["-purpose", "sslclient"]).unwrap();
    let own = openssl(&["pkey", "-in", place.root.path().join("k.pem").to_str().unwrap(), "-pubout"]).stdout;
    let certified =
        openssl(&["x509", "-in", issued.certificate.to_str().unwrap(), "-noout", "-pubkey"]).stdout;
    assert_eq!(own, certified);
}

#[test]
fn a_signing_request_that_was_tampered_with_is_refused() {
    let place = Place::new();
    let ca = place.ca();
    let csr = hostile_request(&place);
    let der = rustls::pki_types::CertificateSigningRequestDer::from_pem_slice(csr.as_bytes()).unwrap();
    let mut refused = 0;
    // Somewhere in the names, and somewhere in the signature.
    for position in [40, 60, der.len() - 5] {
        let mut bytes = der.to_vec();
        bytes[position] ^= 1;
        let body = base64_lines(&bytes);
        let pem = format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n");
        let error = ca.issue(&Request { key: KeySource::Csr(pem), ..agent("librarian") }).unwrap_err();
        assert!(matches!(error, PkiError::Request(_)), "{error}");
        refused += 1;
    }
    assert_eq!((refused, ca.entries().unwrap().len()), (3, 0));
}

fn base64_lines(bytes: &[u8]) -> String {
    let done = run(&Command::new("/usr/bin/openssl").args(["base64"]).stdin(bytes)).unwrap();
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn a_request_with_an_rsa_key_or_that_is_something_else_is_refused() {
    let place = Place::new();
    let ca = place.ca();
    let (key, csr) = (place.root.path().join("k.pem"), place.root.path().join("r.pem"));
    let done = openssl(&[
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        key.to_str().unwrap(),
        "-out",
        csr.to_str().unwrap(),
        "-subj",
        "/CN=x",
    ]);
    assert!(done.status.success());
    let certificate = std::fs::read_to_string(ca.certificate_file()).unwrap();
    for pem in [std::fs::read_to_string(csr).unwrap(), certificate, String::new(), "x".repeat(5000)] {
        let error = ca.issue(&Request { key: KeySource::Csr(pem), ..agent("librarian") }).unwrap_err();
        assert!(matches!(error, PkiError::Request(_)), "{error}");
    }
}

fn public_key(issued: &Issued) -> Vec<u8> {
    openssl(&["x509", "-in", issued.certificate.to_str().unwrap(), "-noout", "-pubkey"]).stdout
}

#[test]
fn a_renewed_certificate_has_the_same_names_and_a_key_and_serial_of_its_own() {
    let place = Place::new();
    let ca = place.ca();
    let old = ca.issue(&server("host01", &["host01.example"], &["192.0.2.7"])).unwrap();
    let old_key = public_key(&old);
    place.pass_days(1);
    let new = ca.renew(&by("host01"), Some(30), RenewedKey::New).unwrap();
    assert_eq!(new.entry.sans, old.entry.sans);
    assert_eq!(new.certificate, old.certificate);
    assert_ne!(new.entry.serial, old.entry.serial);
    assert_ne!(public_key(&new), old_key);
    let kept = ca.renew(&by("host01"), None, RenewedKey::Kept).unwrap();
    assert_eq!(public_key(&kept), public_key(&new));
    let of_key = openssl(&["pkey", "-in", kept.key.unwrap().to_str().unwrap(), "-pubout"]).stdout;
    assert_eq!(public_key(&new), of_key);
    assert_eq!(ca.entries().unwrap().len(), 3);
}

#[test]
fn a_key_made_elsewhere_is_kept_at_renewal_and_cannot_be_replaced_here() {
    let place = Place::new();
    let ca = place.ca();
    let request = Request { key: KeySource::Csr(hostile_request(&place)), ..agent("librarian") };
    let old = ca.issue(&request).unwrap();
    let refused = ca.renew(&by("librarian"), None, RenewedKey::New).unwrap_err();
    assert!(refused.to_string().contains("--keep-key"), "{refused}");
    let before = public_key(&old);
    let new = ca.renew(&by("librarian"), None, RenewedKey::Kept).unwrap();
    assert_eq!(public_key(&new), before);
    assert_ne!(new.entry.serial, old.entry.serial);
}

#[test]
fn a_revoked_certificate_is_refused_by_hosts_and_others_go_on() {
    let place = Place::new();
    let ca = place.ca();
    let gone = ca.issue(&agent("gone")).unwrap();
    let stays = ca.issue(&agent("stays")).unwrap();
    let (revoked, crl) = ca.revoke(&by(&gone.entry.serial), Reason::KeyCompromise).unwrap();
    assert_eq!(revoked.len(), 1);
    assert_eq!((crl.number, ca.crl_state().unwrap().0), (2, 2));
    let error = verify(&ca, &gone.certificate, &[]).unwrap_err();
    assert!(error.contains("certificate revoked"), "{error}");
    verify(&ca, &stays.certificate, &[]).unwrap();
    let refused = as_a_host_sees(&ca, &gone.certificate_pem, SystemTime::now()).unwrap_err();
    assert!(refused.contains("Revoked"), "{refused}");
    as_a_host_sees(&ca, &stays.certificate_pem, SystemTime::now()).unwrap();
    let listed = openssl(&["crl", "-in", crl.path.to_str().unwrap(), "-noout", "-text"]).stdout;
    assert!(String::from_utf8(listed).unwrap().contains("Key Compromise"));
}

#[test]
fn a_name_is_revoked_with_every_certificate_it_has_in_force() {
    let place = Place::new();
    let ca = place.ca();
    let first = ca.issue(&agent("librarian")).unwrap();
    let first_pem = first.certificate_pem;
    let second = ca.renew(&by("librarian"), None, RenewedKey::New).unwrap();
    let (revoked, _) = ca.revoke(&by("librarian"), Reason::PrivilegeWithdrawn).unwrap();
    assert_eq!(revoked.len(), 2);
    for pem in [first_pem, second.certificate_pem] {
        assert!(as_a_host_sees(&ca, &pem, SystemTime::now()).unwrap_err().contains("Revoked"));
    }
    assert!(matches!(ca.revoke(&by("librarian"), Reason::Unspecified), Err(PkiError::Revoked { .. })));
    assert!(matches!(ca.renew(&by("librarian"), None, RenewedKey::New), Err(PkiError::Revoked { .. })));
    ca.issue(&agent("librarian")).unwrap();
}

#[test]
fn a_certificates_file_names_it_and_a_strangers_does_not() {
    let (place, elsewhere) = (Place::new(), Place::new());
    let (ca, other) = (place.ca(), elsewhere.ca());
    let ours = ca.issue(&agent("librarian")).unwrap();
    let theirs = other.issue(&agent("librarian")).unwrap();
    let theirs = Selector::from_argument(theirs.certificate.to_str().unwrap()).unwrap();
    assert!(matches!(ca.revoke(&theirs, Reason::Unspecified), Err(PkiError::Unknown(_))));
    let own = Selector::from_argument(ours.certificate.to_str().unwrap()).unwrap();
    assert_eq!(ca.revoke(&own, Reason::Unspecified).unwrap().0[0].serial, ours.entry.serial);
    assert!(Selector::from_argument(ca.dir().join("index.json").to_str().unwrap()).is_err());
    assert!(matches!(ca.revoke(&by("nobody"), Reason::Unspecified), Err(PkiError::Unknown(_))));
}

#[test]
fn a_name_that_a_server_and_an_agent_share_must_be_told_apart() {
    let place = Place::new();
    let ca = place.ca();
    ca.issue(&agent("host01")).unwrap();
    let server = ca.issue(&server("host01", &[], &[])).unwrap();
    assert!(matches!(ca.revoke(&by("host01"), Reason::Unspecified), Err(PkiError::Ambiguous(_))));
    let (revoked, _) = ca.revoke(&by(&server.entry.serial.to_uppercase()), Reason::Superseded).unwrap();
    assert_eq!(revoked[0].role, Role::Server);
}

#[test]
fn the_lists_number_grows_and_a_list_that_has_ended_lets_nobody_in() {
    let place = Place::new();
    let ca = place.ca();
    let issued = ca.issue(&agent("librarian")).unwrap();
    assert_eq!(ca.crl(7).unwrap().number, 2);
    assert_eq!(ca.crl(7).unwrap().number, 3);
    let shown = openssl(&["crl", "-in", ca.crl_file().to_str().unwrap(), "-noout", "-crlnumber"]).stdout;
    assert_eq!(String::from_utf8(shown).unwrap().trim(), "crlNumber=0x03");
    let later = SystemTime::now() + Duration::from_secs(8 * 86_400);
    let refused = as_a_host_sees(&ca, &issued.certificate_pem, later).unwrap_err();
    assert!(refused.contains("revocation list expired"), "{refused}");
    place.pass_days(8);
    ca.crl(7).unwrap();
    as_a_host_sees(&ca, &issued.certificate_pem, later).unwrap();
}

#[test]
fn what_a_kill_left_between_two_files_is_carried_on_or_cleared_away() {
    let place = Place::new();
    let ca = place.ca();
    let issued = ca.issue(&agent("librarian")).unwrap();
    let key = issued.key.clone().unwrap();
    let (key_pem, directory) = (std::fs::read(&key).unwrap(), ca.dir().join("agent"));

    // After the index: the key waits under its serial, the certificate is not in place.
    let staged = directory.join(format!("librarian.key.{}", issued.entry.serial));
    std::fs::rename(&key, &staged).unwrap();
    std::fs::remove_file(&issued.certificate).unwrap();
    // Before the index: a key that no certificate has.
    let orphan = directory.join("other.key.40aa");
    std::fs::write(&orphan, b"secret").unwrap();
    // Between the index and the list.
    std::fs::remove_file(ca.crl_file()).unwrap();

    ca.issue(&agent("another")).unwrap();
    assert_eq!(std::fs::read(&key).unwrap(), key_pem);
    assert_eq!(std::fs::read_to_string(&issued.certificate).unwrap(), issued.certificate_pem);
    assert!(!staged.exists() && !orphan.exists());
    verify(&ca, &issued.certificate, &[]).unwrap();
}

#[test]
fn a_key_that_is_not_the_cas_or_that_others_may_read_is_refused() {
    let (place, elsewhere) = (Place::new(), Place::new());
    let (ca, other) = (place.ca(), elsewhere.ca());
    let key = ca.dir().join("ca.key");
    std::fs::copy(other.dir().join("ca.key"), &key).unwrap();
    let refused = ca.issue(&agent("librarian")).unwrap_err();
    assert!(refused.to_string().contains("is not the key of ca.crt"), "{refused}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = ca.issue(&agent("librarian")).unwrap_err();
    assert!(refused.to_string().contains("others may read it"), "{refused}");
}

#[test]
fn two_at_once_both_get_their_certificates() {
    let place = Place::new();
    let ca = place.ca();
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let ca = ca.clone();
            scope.spawn(move || ca.issue(&agent(name)).unwrap());
        }
    });
    assert_eq!(ca.entries().unwrap().len(), 4);
}
