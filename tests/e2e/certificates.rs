//! Who is let in: every certificate that is none of ours, and what a revocation does to one that was.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::host::*;

const REEVE: &str = "/usr/local/bin/reeve";

/// The status of `GET /health` with this certificate; none when there was no answer.
fn knock(certificate: Option<&[PathBuf; 2]>) -> Option<u16> {
    let output = curl_as(certificate, &["--write-out", "\n%{http_code}", &format!("{URL}/health")]);
    let text = String::from_utf8(output.stdout).unwrap();
    let code: u16 = text.rsplit_once('\n').unwrap().1.parse().unwrap();
    assert_eq!(code == 0, !output.status.success(), "{text}");
    (code != 0).then_some(code)
}

/// How many callers the audit log says were refused for this reason.
fn noted(reason: &str) -> u64 {
    let failures = records().into_iter().filter(|record| record["kind"] == "auth_failure");
    let counts = failures.filter(|record| record["detail"]["reason"] == reason);
    counts.map(|record| record["detail"]["count"].as_u64().unwrap()).sum()
}

fn is_refused_and_recorded(certificate: Option<&[PathBuf; 2]>, reason: &str) {
    let before = noted(reason);
    assert_eq!(knock(certificate), None, "{reason}");
    wait_until(&format!("{reason} is in the audit log"), || noted(reason) > before);
}

/// A directory for certificates that are not the host's.
fn elsewhere(name: &str) -> PathBuf {
    let dir = Path::new(DIR).join("elsewhere").join(name);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn openssl(args: &str) -> String {
    run("/usr/bin/openssl", &args.split_whitespace().collect::<Vec<_>>())
}

/// A new key and a request for a certificate, by openssl.
fn request(dir: &Path) -> String {
    let dir = dir.display().to_string();
    openssl(&format!(
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=librarian -keyout {dir}/it.key -out {dir}/it.csr"
    ));
    dir
}

fn pair(dir: &str) -> [PathBuf; 2] {
    ["crt", "key"].map(|kind| PathBuf::from(format!("{dir}/it.{kind}")))
}

/// A certificate signed with the host's own CA key, with dates and extensions as told.
fn signed_by_our_ca(dir: &Path, dates: &str, usage: &str) -> [PathBuf; 2] {
    let dir = request(dir);
    std::fs::write(
        format!("{dir}/ca.cnf"),
        format!(
            "[ca]\ndefault_ca = it\n[it]\ndatabase = {dir}/index\nserial = {dir}/serial\nnew_certs_dir = {dir}\n\
             default_md = sha256\npolicy = any\nx509_extensions = leaf\ncertificate = {DIR}/pki/ca.crt\n\
             private_key = {DIR}/pki/ca.key\n[any]\ncommonName = supplied\n[leaf]\nbasicConstraints = critical,CA:false\n\
             keyUsage = critical,digitalSignature\nextendedKeyUsage = {usage}\nauthorityKeyIdentifier = keyid\n\
             subjectAltName = URI:spiffe://reeve.example/agent/librarian\n"
        ),
    )
    .unwrap();
    std::fs::write(format!("{dir}/index"), "").unwrap();
    std::fs::write(format!("{dir}/serial"), "7EADBEEF01\n").unwrap();
    openssl(&format!("ca -batch -notext -config {dir}/ca.cnf {dates} -in {dir}/it.csr -out {dir}/it.crt"));
    pair(&dir)
}

#[test]
fn only_a_certificate_of_our_ca_that_is_good_now_and_for_clients_gets_an_answer() {
    up();
    assert_eq!(knock(Some(&certificate("librarian"))), Some(200));
    is_refused_and_recorded(None, "no_certificate");
    let good = signed_by_our_ca(&elsewhere("good"), "-days 2", "clientAuth");
    assert_eq!(knock(Some(&good)), Some(200), "the way these are made is right");
    let old = signed_by_our_ca(
        &elsewhere("old"),
        "-startdate 20200101000000Z -enddate 20200201000000Z",
        "clientAuth",
    );
    is_refused_and_recorded(Some(&old), "expired");
    let early = signed_by_our_ca(
        &elsewhere("early"),
        "-startdate 20450101000000Z -enddate 20450201000000Z",
        "clientAuth",
    );
    is_refused_and_recorded(Some(&early), "not_yet_valid");
    let server = signed_by_our_ca(&elsewhere("server"), "-days 2", "serverAuth");
    is_refused_and_recorded(Some(&server), "wrong_purpose");
    let hosts_own = ["crt", "key"].map(|kind| PathBuf::from(format!("{DIR}/pki/server/host01.{kind}")));
    is_refused_and_recorded(Some(&hosts_own), "wrong_purpose");
}

#[test]
fn another_ca_with_the_same_names_and_a_certificate_of_ones_own_are_refused() {
    up();
    let dir = elsewhere("other-ca").display().to_string();
    run(REEVE, &["pki", "--dir", &dir, "init", "--name", "Throw-away CA"]);
    run(REEVE, &["pki", "--dir", &dir, "issue", "agent", "librarian", "--trust-domain", "reeve.example"]);
    let theirs = ["crt", "key"].map(|kind| PathBuf::from(format!("{dir}/agent/librarian.{kind}")));
    // It goes by our CA's name, and its signature is not our CA's.
    is_refused_and_recorded(Some(&theirs), "bad_certificate");
    let own = request(&elsewhere("self-signed"));
    std::fs::write(format!("{own}/ext"), "basicConstraints=CA:false\nextendedKeyUsage=clientAuth\n").unwrap();
    openssl(&format!(
        "x509 -req -days 2 -extfile {own}/ext -in {own}/it.csr -signkey {own}/it.key -out {own}/it.crt"
    ));
    is_refused_and_recorded(Some(&pair(&own)), "unknown_ca");
}

/// A version 1 certificate for the request's key, put together by hand: newer releases of openssl make version 3 of
/// everything.
fn sign_version_1(dir: &str) {
    const ECDSA_WITH_SHA256: [u8; 12] = [0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    openssl(&format!("x509 -in {DIR}/pki/ca.crt -outform DER -out {dir}/ca.der"));
    openssl(&format!("pkey -in {dir}/it.key -pubout -outform DER -out {dir}/key.der"));
    let authority = std::fs::read(format!("{dir}/ca.der")).unwrap();
    let (_, authority) = x509_parser::parse_x509_certificate(&authority).unwrap();
    let name = authority.subject().as_raw();
    let validity = der(0x30, &[&der(0x17, &[b"260101000000Z"]), &der(0x17, &[b"460101000000Z"])]);
    let key = std::fs::read(format!("{dir}/key.der")).unwrap();
    let to_sign = der(0x30, &[&der(2, &[&[1]]), &ECDSA_WITH_SHA256, name, &validity, name, &key]);
    std::fs::write(format!("{dir}/to-sign"), &to_sign).unwrap();
    openssl(&format!("dgst -sha256 -sign {DIR}/pki/ca.key -out {dir}/signature {dir}/to-sign"));
    let signature = std::fs::read(format!("{dir}/signature")).unwrap();
    let whole = der(0x30, &[&to_sign, &ECDSA_WITH_SHA256, &der(3, &[&[0], &signature])]);
    std::fs::write(format!("{dir}/it.der"), whole).unwrap();
    openssl(&format!("x509 -inform DER -in {dir}/it.der -out {dir}/it.crt"));
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length = match (high, low) {
        (0, 0..0x80) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [vec![tag], length, content].concat()
}

#[test]
fn a_certificate_of_x509_version_1_is_refused_although_our_ca_signed_it() {
    up();
    let dir = request(&elsewhere("v1"));
    sign_version_1(&dir);
    assert!(openssl(&format!("x509 -noout -text -in {dir}/it.crt")).contains("Version: 1 "));
    is_refused_and_recorded(Some(&pair(&dir)), "bad_certificate");
}

#[test]
fn a_good_certificate_without_a_configured_name_is_refused_and_recorded() {
    up();
    let before = noted("no_principal");
    let refused = zfs_op("stranger", "list", "tank/media", json!({}));
    assert_eq!((refused.code, &refused.body["code"]), (403, &json!("no_principal")), "{refused:?}");
    assert_eq!(get("stranger", "/health").code, 403);
    wait_until("the stranger is in the audit log", || noted("no_principal") > before);
}

#[test]
fn tls_before_1_3_is_refused() {
    up();
    let before = noted("protocol");
    let output = curl("librarian", &["--tls-max", "1.2", &format!("{URL}/health")]);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    wait_until("it is in the audit log", || noted("protocol") > before);
}

/// A connection that stays: openssl with the certificate, spoken to line by line.
struct Kept {
    process: std::process::Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Kept {
    fn open([certificate, key]: &[PathBuf; 2]) -> Self {
        let mut process = Command::new("/usr/bin/openssl")
            .args([
                "s_client",
                "-connect",
                "localhost:18443",
                "-quiet",
                "-verify_quiet",
                "-CAfile",
                &format!("{DIR}/pki/ca.crt"),
            ])
            .arg("-cert")
            .arg(certificate)
            .arg("-key")
            .arg(key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, answers }
    }

    fn write(&mut self, text: &str) -> bool {
        let stdin = self.process.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).is_ok()
    }

    /// The status line of the next answer; empty when the connection has ended.
    fn ask(&mut self) -> String {
        self.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut status = String::new();
        self.answers.read_line(&mut status).unwrap();
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            if self.answers.read_line(&mut line).unwrap() == 0 {
                return status;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.answers.read_exact(&mut body).unwrap();
        received(&String::from_utf8(body).unwrap());
        status
    }

    /// Waits until the other end has hung up.
    fn ends_within(&mut self, patience: Duration) {
        let begun = Instant::now();
        let mut rest = Vec::new();
        self.answers.read_to_end(&mut rest).unwrap();
        assert!(begun.elapsed() < patience, "it took {:?}", begun.elapsed());
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn a_revocation_ends_new_connections_and_those_that_live() {
    up();
    let old = ["crt", "key"].map(|kind| elsewhere("renewed").join(format!("old.{kind}")));
    for (from, to) in certificate("librarian").iter().zip(&old) {
        std::fs::copy(from, to).unwrap();
    }
    let pki = format!("{DIR}/pki");
    run(REEVE, &["pki", "--dir", &pki, "renew", "librarian"]);
    let mut kept = Kept::open(&old);
    assert!(kept.ask().contains(" 200 "));
    assert_eq!(knock(Some(&old)), Some(200), "renewing takes nothing back");
    run(REEVE, &["pki", "--dir", &pki, "revoke", old[0].to_str().unwrap(), "--reason", "key-compromise"]);
    script(&["certificates"]);
    script(&["hup", "front"]);
    kept.ends_within(Duration::from_secs(10));
    assert_eq!(kept.ask(), "");
    is_refused_and_recorded(Some(&old), "revoked");
    assert_eq!(knock(Some(&certificate("librarian"))), Some(200), "its successor goes on");
}

#[test]
fn whoever_sends_nothing_or_only_half_a_request_is_hung_up_on() {
    up();
    let file = "/etc/reeve/reeved.toml";
    let before = std::fs::read_to_string(file).unwrap();
    std::fs::write(
        file,
        before.clone() + "\n[limits]\nhandshake_timeout = \"1s\"\nheader_timeout = \"1s\"\n",
    )
    .unwrap();
    script(&["hup", "front"]);
    let silent = || {
        let mut stream = TcpStream::connect("127.0.0.1:18443").unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let begun = Instant::now();
        assert_eq!(stream.read(&mut [0; 64]).unwrap_or(0), 0);
        begun.elapsed()
    };
    wait_until("the short limits are in force", || silent() < Duration::from_secs(5));
    let mut loris = Kept::open(&certificate("librarian"));
    assert!(loris.ask().contains(" 200 "));
    loris.write("GET /health HTTP/1.1\r\nHost: loc");
    loris.ends_within(Duration::from_secs(10));
    std::fs::write(file, before).unwrap();
    script(&["hup", "front"]);
    assert_eq!(knock(Some(&certificate("librarian"))), Some(200));
}
