//! Who is let in, who is not, and what becomes of those who are when that changes.

use rcgen::ExtendedKeyUsagePurpose;
use reeve::gate::protocol::NetworkEvent;
use reeve::sys::process::{Command, run};

use crate::client::{Client, get};
use crate::host::{Files, Host, LIBRARIAN, eventually};
use crate::pki::{Ca, Wish, self_signed};

const METRICS: &str = "metrics_listen = \"127.0.0.1:0\"";

fn wish(uri: &'static str) -> Wish {
    Wish { uris: vec![uri], ..Wish::default() }
}

/// What openssl says on stderr.
async fn openssl(arguments: Vec<String>) -> (bool, String) {
    let done =
        tokio::task::spawn_blocking(move || run(&Command::new("/usr/bin/openssl").args(arguments)).unwrap());
    let done = done.await.unwrap();
    (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[tokio::test]
async fn a_certificate_of_x509_version_1_is_refused() {
    let host = Host::with(METRICS).await;
    let at = |name: &str| host.directory.path().join(name).display().to_string();
    host.write("test-ca.key", &host.ca.key_pem());
    // rustls' client would not even send one; openssl makes and sends it.
    let request = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=librarian";
    let signing = "x509 -req -set_serial 99";
    let connecting =
        format!("s_client -connect {} -cert {} -key {}", host.address, at("v1.pem"), at("v1.key"));
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut make = words(request);
    make.extend(["-keyout".to_owned(), at("v1.key"), "-out".to_owned(), at("v1.csr")]);
    let mut sign = words(signing);
    for (option, file) in
        [("-in", "v1.csr"), ("-CA", "ca.pem"), ("-CAkey", "test-ca.key"), ("-out", "v1.pem")]
    {
        sign.extend([option.to_owned(), at(file)]);
    }
    for step in [make, sign] {
        let (made, said) = openssl(step).await;
        assert!(made, "{said}");
    }
    openssl(words(&connecting)).await;
    let metrics = host.metrics().await;
    assert!(metrics.contains("reeve_tls_handshakes_total{result=\"bad_certificate\"} 1"), "{metrics}");
}

#[tokio::test]
async fn no_certificate_that_is_not_a_good_one_gets_through_the_handshake() {
    let host = Host::with(METRICS).await;
    let other = Ca::new("other CA");
    let namesake = Ca::new("reeve test CA");
    let revoked = host.ca.client(LIBRARIAN);
    host.write("ca.crl", &host.ca.crl(&[revoked.serial], time::Duration::days(1)));
    host.handle.reload().await.unwrap();
    let bad = [
        ("unknown_ca", Some(other.client(LIBRARIAN)), 1),
        ("unknown_ca", Some(self_signed(LIBRARIAN)), 2),
        ("bad_certificate", Some(namesake.client(LIBRARIAN)), 1),
        ("expired", Some(host.ca.issue(&Wish { until: time::Duration::minutes(-1), ..wish(LIBRARIAN) })), 1),
        (
            "not_yet_valid",
            Some(host.ca.issue(&Wish { from: time::Duration::minutes(1), ..wish(LIBRARIAN) })),
            1,
        ),
        ("revoked", Some(revoked), 1),
        (
            "wrong_purpose",
            Some(
                host.ca.issue(&Wish { usage: vec![ExtendedKeyUsagePurpose::ServerAuth], ..wish(LIBRARIAN) }),
            ),
            1,
        ),
        ("bad_certificate", Some(host.ca.issue(&Wish { is_ca: true, ..wish(LIBRARIAN) })), 2),
        ("no_certificate", None, 1),
    ];
    for (reason, leaf, count) in bad {
        let refusal = Client::new(host.address, &host.ca.pem, leaf.as_ref()).refusal().await;
        assert!(refusal.contains("fatal alert"), "{reason}: {refusal}");
        let metrics = host.metrics().await;
        for line in [
            format!("reeve_tls_handshakes_total{{result=\"{reason}\"}} {count}"),
            format!("reeve_auth_failures_total{{reason=\"{reason}\"}} {count}"),
        ] {
            assert!(metrics.lines().any(|there| there == line), "{line} is not in\n{metrics}");
        }
    }
    eventually("failures are noted", async || {
        host.gate.notes().iter().any(|note| {
            matches!(note, NetworkEvent::AuthFailure { reason, peer, .. } if reason == "revoked" && peer == "127.0.0.1")
        })
    })
    .await;
    assert_eq!(host.gate.callers(), [""; 0]);
}

#[tokio::test]
async fn a_certificate_without_a_principal_gets_403_which_is_noted() {
    let host = Host::start().await;
    for uri in ["spiffe://example.org/agent/librarianevil", "spiffe://example.org/agent/stranger"] {
        let stranger = host.client(&host.ca.client(uri));
        for mut connection in [stranger.http1().await, stranger.http2().await] {
            for path in ["/health", "/host/op"] {
                let Ok(answer) = connection.send(get(path)).await else { continue };
                assert_eq!(answer.problem(), (403, "no_principal".to_owned()));
            }
        }
    }
    eventually("the strangers are noted", async || {
        let counts = host.gate.notes().into_iter().map(|note| match note {
            NetworkEvent::AuthFailure { reason, count, .. } if reason == "no_principal" => count,
            NetworkEvent::AuthFailure { .. }
            | NetworkEvent::RateLimited { .. }
            | NetworkEvent::Reloaded { .. } => 0,
        });
        counts.sum::<u64>() == 4
    })
    .await;
    assert!(host.gate.asked().is_empty());
}

#[tokio::test]
async fn a_common_name_names_its_holder_only_where_that_is_allowed() {
    let identity = "\n[[identity]]\ncn = \"by-name\"\nprincipal = \"archivist\"\n";
    let host = Host::with(&format!("allow_cn = true\n{identity}")).await;
    let by_name = host.ca.issue(&Wish { cns: vec!["by-name"], ..Wish::default() });
    host.client(&by_name).get("/host/ops").await;
    assert_eq!(host.gate.callers(), ["archivist"]);
}

#[tokio::test]
async fn a_client_of_tls_1_2_is_refused() {
    let host = Host::with(METRICS).await;
    let words = format!("s_client -connect {} -tls1_2", host.address);
    let (connected, said) = openssl(words.split(' ').map(str::to_owned).collect()).await;
    assert!(!connected);
    assert!(said.contains("alert protocol version"), "{said}");
    assert!(host.metrics().await.contains("reeve_tls_handshakes_total{result=\"protocol\"} 1"));
}

#[tokio::test]
async fn no_session_is_ever_resumed() {
    let host = Host::start().await;
    let client = host.librarian();
    for _ in 0..3 {
        let mut stream = client.tls("http/1.1").await.unwrap();
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0);
    }
}

#[tokio::test]
async fn a_connection_does_not_outlive_its_certificates_revocation() {
    let host = Host::start().await;
    let archivist = host.ca.client(LIBRARIAN);
    let mut own = [host.librarian().http1().await, host.librarian().http2().await];
    let mut others = [host.client(&archivist).http1().await, host.client(&archivist).http2().await];
    for connection in own.iter_mut().chain(&mut others) {
        assert_eq!(connection.send(get("/health")).await.unwrap().status, 200);
    }
    host.write("ca.crl", &host.ca.crl(&[host.librarian.serial], time::Duration::days(1)));
    host.handle.reload().await.unwrap();
    for connection in &mut own {
        // Refused with an answer, or cut off before: never served.
        if let Ok(answer) = connection.send(get("/health")).await {
            assert_eq!(answer.problem(), (403, "revoked".to_owned()));
        }
        eventually("the connection is closed", async || connection.is_closed()).await;
    }
    for connection in &mut others {
        assert_eq!(connection.send(get("/health")).await.unwrap().status, 200);
    }
    assert!(host.librarian().refusal().await.contains("CertificateRevoked"));
}

#[tokio::test]
async fn an_idle_connection_and_a_stream_of_events_end_with_a_revocation() {
    let host = Host::start().await;
    host.gate.set("op_1", reeve::gate::protocol::State::Pending);
    let idle = host.librarian().http1().await;
    let mut connection = host.librarian().http2().await;
    let mut events = connection.begin(get("/host/op/op_1/events")).await.unwrap().into_body();
    use http_body_util::BodyExt;
    events.frame().await.unwrap().unwrap();
    // No reload: the file's change alone is seen.
    host.write("ca.crl", &host.ca.crl(&[host.librarian.serial], time::Duration::days(1)));
    eventually("the idle connection is closed", async || idle.is_closed()).await;
    assert!(events.frame().await.is_none_or(|frame| frame.is_err()));
}

#[tokio::test]
async fn a_revocation_list_that_is_too_old_lets_nobody_in() {
    let files = Files::new(METRICS);
    files.write("ca.crl", &files.ca.crl(&[], time::Duration::minutes(-1)));
    let host = files.start().await;
    assert!(host.librarian().refusal().await.contains("fatal alert"));
    let metrics = host.metrics().await;
    assert!(metrics.contains("reeve_auth_failures_total{reason=\"crl_expired\"} 1"), "{metrics}");
    assert!(metrics.contains("reeve_certificate_expiry_timestamp_seconds{cert=\"crl\"}"), "{metrics}");
    host.write("ca.crl", &host.ca.crl(&[], time::Duration::days(1)));
    host.handle.reload().await.unwrap();
    assert_eq!(host.librarian().get("/health").await.status, 200);
}

#[tokio::test]
async fn an_authority_without_a_list_has_its_callers_refused_unless_no_list_is_configured() {
    let files = Files::new(METRICS);
    let second = Ca::new("second CA");
    files.write("ca.pem", &format!("{}{}", files.ca.pem, second.pem));
    let host = files.start().await;
    assert!(host.client(&second.client(LIBRARIAN)).refusal().await.contains("fatal alert"));
    assert!(host.metrics().await.contains("reeve_auth_failures_total{reason=\"no_crl\"} 1"));
    assert_eq!(host.librarian().get("/health").await.status, 200);
    let text = std::fs::read_to_string(host.directory.path().join("reeved.toml")).unwrap();
    let without: String =
        text.lines().filter(|line| !line.starts_with("tls.crl")).map(|l| l.to_owned() + "\n").collect();
    host.write("reeved.toml", &without);
    host.handle.reload().await.unwrap();
    assert_eq!(host.client(&second.client(LIBRARIAN)).get("/health").await.status, 200);
}

#[tokio::test]
async fn a_bad_reload_keeps_what_was_in_force_and_says_so() {
    let host = Host::with(METRICS).await;
    let client = host.librarian();
    let reload = async |what: &str| {
        host.handle.reload().await.err().map_or_else(|| panic!("{what} was taken"), |error| error.to_string())
    };
    let ok = "reeve_config_last_reload_successful 1";
    assert!(host.metrics().await.contains(ok));
    let good = |name: &str| std::fs::read_to_string(host.directory.path().join(name)).unwrap();
    for (name, bad, why) in [
        ("reeved.toml", "listen = 1".to_owned(), "reeved.toml:1:10: invalid type"),
        ("server.key", Ca::new("x").client(LIBRARIAN).key, "the server's certificate and key cannot be used"),
        ("server.pem", String::new(), "holds no certificate in PEM"),
        ("ca.pem", host.librarian.pem.clone(), "holds a certificate that is no authority's"),
        (
            "ca.crl",
            Ca::new("reeve test CA").crl(&[], time::Duration::days(1)),
            "ca.crl: cannot be used as tls.crl",
        ),
    ] {
        let before = good(name);
        host.write(name, &bad);
        let error = reload(name).await;
        assert!(error.contains(why), "{name}: {error}");
        assert!(host.metrics().await.contains("reeve_config_last_reload_successful 0"), "{name}");
        assert_eq!(client.get("/health").await.status, 200, "{name}");
        host.write(name, &before);
        host.handle.reload().await.unwrap();
        assert!(host.metrics().await.contains(ok), "{name}");
    }
}

#[tokio::test]
async fn a_key_that_everybody_may_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::start().await;
    let key = host.directory.path().join("server.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(host.handle.reload().await.unwrap_err().to_string().contains("everybody may read this secret"));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    host.handle.reload().await.unwrap();
}

#[tokio::test]
async fn a_new_server_certificate_is_used_after_a_reload() {
    let host = Host::start().await;
    let (client, server) = (host.librarian(), host.ca.server());
    let mut before = client.http1().await;
    host.write("server.pem", &server.pem);
    host.write("server.key", &server.key);
    host.handle.reload().await.unwrap();
    let stream = client.tls("h2").await.unwrap();
    let seen = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    use rustls::pki_types::pem::PemObject;
    let wanted = rustls::pki_types::CertificateDer::from_pem_slice(server.pem.as_bytes()).unwrap();
    assert_eq!(seen, wanted.to_vec());
    assert_eq!(before.send(get("/health")).await.unwrap().status, 200, "a live connection goes on");
}

#[tokio::test]
async fn a_connection_whose_holder_is_given_another_name_ends() {
    let host = Host::start().await;
    let mut connection = host.librarian().http1().await;
    assert_eq!(connection.send(get("/health")).await.unwrap().status, 200);
    let text = std::fs::read_to_string(host.directory.path().join("reeved.toml")).unwrap();
    host.write("reeved.toml", &text.replace("principal = \"librarian\"", "principal = \"archivist\""));
    host.handle.reload().await.unwrap();
    if let Ok(answer) = connection.send(get("/health")).await {
        assert_eq!(answer.problem(), (403, "renamed".to_owned()));
    }
    eventually("the connection is closed", async || connection.is_closed()).await;
    host.librarian().get("/host/ops").await;
    assert_eq!(host.gate.callers(), ["archivist"]);
}

#[tokio::test]
async fn a_connection_ends_when_its_certificate_does() {
    let host = Host::start().await;
    let brief = host.ca.issue(&Wish { until: time::Duration::seconds(2), ..wish(LIBRARIAN) });
    let mut connection = host.client(&brief).http2().await;
    assert_eq!(connection.send(get("/health")).await.unwrap().status, 200);
    eventually("the connection is closed", async || connection.is_closed()).await;
}
