//! When a host is not reached: whose fault it is, and what to do.

use std::sync::Arc;

use reeve::pki::{Reason, RenewedKey, Selector};

use crate::host::{Host, agent, reeve, server};

fn by(name: &str) -> Selector {
    Selector::Text(name.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_is_told_to_be_revoked() {
    let host = Host::with(|ca| {
        let gone = ca.issue(&agent("gone")).unwrap();
        std::fs::copy(&gone.certificate, ca.dir().join("gone.crt")).unwrap();
        ca.revoke(&by("gone"), Reason::KeyCompromise).unwrap();
    })
    .await;
    let mut gone = host.librarian.clone();
    gone.certificate = host.ca.dir().join("gone.crt");
    gone.key = Some(host.ca.dir().join("agent/gone.key"));
    let ran = host.caller(&gone, &["health"]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (6, ""));
    assert!(ran.err.contains("refuses our certificate") && ran.err.contains("it is revoked"), "{ran:?}");
    assert!(ran.err.contains("reeve pki issue agent"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_from_elsewhere_is_told_to_be_unknown_there() {
    let (host, other) = (Host::start().await, Host::start().await);
    let ran = host.caller(&other.librarian, &["health"]).await;
    assert_eq!(ran.exit, 6);
    assert!(ran.err.contains("it does not know the CA"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_of_another_ca_is_not_spoken_to() {
    let (host, other) = (Host::start().await, Host::start().await);
    let url = format!("https://{}", host.address);
    let ran = host.with_ca(&other.ca.certificate_file(), &url, &host.librarian, &["health"]).await;
    assert_eq!(ran.exit, 6);
    assert!(ran.err.contains("its certificate is not from the CA in"), "{ran:?}");
    assert_eq!(host.gate.asked(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_certificate_does_not_hold_is_told_with_those_it_does() {
    let host = Host::start().await;
    let url = format!("https://127.0.0.2:{}", host.address.port());
    // Nothing listens on that address of the loopback; the name is what is wrong with this one.
    let named = format!("https://ip6-localhost:{}", host.address.port());
    for (url, wanted) in [(url, "nothing listens there"), (named, "cannot speak to")] {
        let ran = host.at(&url, &host.librarian, &["health"]).await;
        assert_eq!(ran.exit, 6, "{ran:?}");
        assert!(ran.err.contains(wanted), "{ran:?}");
    }
    let wrong = Host::with(|ca| {
        ca.revoke(&by("host01"), Reason::Superseded).unwrap();
        ca.issue(&{
            let mut other = server(&["other.example"]);
            other.profile =
                reeve::pki::Profile::Server { dns: vec!["other.example".parse().unwrap()], ips: vec![] };
            other
        })
        .unwrap();
    })
    .await;
    let ran = wrong.librarian(&["health"]).await;
    assert_eq!(ran.exit, 6);
    assert!(ran.err.contains("its certificate is not for 127.0.0.1, but for"), "{ran:?}");
    assert!(ran.err.contains("other.example") && ran.err.contains("--ip"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_servers_certificate_is_none_for_an_agent() {
    let host = Host::start().await;
    let mut server = host.librarian.clone();
    server.certificate = host.ca.dir().join("server/host01.crt");
    server.key = Some(host.ca.dir().join("server/host01.key"));
    let ran = host.caller(&server, &["health"]).await;
    assert_eq!(ran.exit, 6);
    assert!(ran.err.contains("refuses our certificate"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_has_no_name_on_the_host_is_denied() {
    let host = Host::start().await;
    let stranger = host.ca.issue(&agent("stranger")).unwrap();
    let ran = host.caller(&stranger, &["health"]).await;
    assert_eq!(ran.exit, 3);
    assert!(ran.err.contains("no principal is configured") && ran.err.contains("[[identity]]"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_is_down_is_told_and_nothing_ran() {
    let host = Host::start().await;
    host.gate.stop();
    let ran = host.librarian(&["op", "zfs", "list", "tank"]).await;
    assert_eq!(ran.exit, 6);
    assert!(ran.err.contains("systemctl status reeve-gate"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_speak_tls_is_told() {
    let host = Host::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::AsyncWriteExt;
            stream.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n").await.unwrap();
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        }
    });
    let ran = host.at(&url, &host.librarian, &["health"]).await;
    assert_eq!(ran.exit, 6);
    assert!(ran.err.contains("does not speak TLS"), "{ran:?}");
}

/// Speaks TLS with the host's certificate, reads a little, and hangs up.
async fn hangs_up(host: &Host) -> String {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::AsyncReadExt;
    let own = |name: &str| host.ca.dir().join("server").join(name);
    let chain = vec![CertificateDer::from_pem_file(own("host01.crt")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(own("host01.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _read = stream.read(&mut [0; 16]).await;
            }
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_is_no_proof_that_nothing_ran() {
    let host = Host::start().await;
    let url = hangs_up(&host).await;
    let asked = host.at(&url, &host.librarian, &["op", "zfs", "destroy", "tank/vm"]).await;
    assert_eq!((asked.exit, asked.out.as_str()), (1, ""));
    assert!(
        asked.err.contains("hung up before it answered") && asked.err.contains("reeve list"),
        "{asked:?}"
    );
    let looked = host.at(&url, &host.librarian, &["status", "op_1"]).await;
    assert_eq!(looked.exit, 6, "{looked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_everybody_may_read_or_that_is_another_s_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::start().await;
    let old = std::fs::read(host.librarian.key.as_ref().unwrap()).unwrap();
    let renewed = host.ca.renew(&by("librarian"), None, RenewedKey::New).unwrap();
    let key = renewed.key.clone().unwrap();
    assert_eq!(host.caller(&renewed, &["list"]).await.exit, 0);
    std::fs::write(&key, old).unwrap();
    let ran = host.caller(&renewed, &["list"]).await;
    assert!(ran.exit == 2 && ran.err.contains("is not the key of"), "{ran:?}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = host.caller(&renewed, &["list"]).await;
    assert!(ran.exit == 2 && ran.err.contains("chmod 600"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_enough_to_reach_a_host() {
    let host = Host::start().await;
    let config = host.path("config.toml");
    let text = format!(
        "[default]\nurl = \"https://127.0.0.1:1\"\n[lab]\nurl = \"https://{}\"\nca = \"pki/ca.crt\"\n\
         cert = \"pki/agent/librarian.crt\"\nkey = \"pki/agent/librarian.key\"\n",
        host.address
    );
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap().to_owned();
    let (lab, default, missing) = tokio::task::spawn_blocking(move || {
        let env = [("REEVE_CONFIG", config.as_str())];
        (
            reeve(&["list", "--profile", "lab"], &env),
            reeve(&["list"], &env),
            reeve(&["list", "--profile", "prod"], &env),
        )
    })
    .await
    .unwrap();
    assert_eq!(lab.exit, 0, "{lab:?}");
    assert!(
        default.exit == 2 && default.err.contains("There is no ca") && default.err.contains("[default]"),
        "{default:?}"
    );
    assert!(missing.exit == 2 && missing.err.contains("it has default, lab"), "{missing:?}");
}
