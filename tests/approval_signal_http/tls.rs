//! A daemon elsewhere is reached over TLS, by its certificate and with ours.

use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::pki::{Ca, Leaf, Wish};
use crate::stage::{Bridge, PATIENCE, Stage, fault, say};
use crate::stand_in::Command;

fn chain(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap()
}

/// What stands before the daemon: lets in who has a certificate of that authority, and hands on.
async fn proxy(own: &Ca, clients: &Ca, to: String) -> String {
    let (leaf, ca) = (own.server(), clients);
    let mut roots = RootCertStore::empty();
    roots.add(chain(&ca.pem).remove(0)).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(&leaf.pem), key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                let Ok(mut near) = acceptor.accept(stream).await else { return };
                let mut far = TcpStream::connect(to).await.unwrap();
                // It ends as it ends.
                drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
            });
        }
    });
    format!("https://localhost:{port}/")
}

/// A bridge to the daemon behind the proxy, which trusts `ca` and comes with `leaf`.
async fn stage(server_ca: &Ca, ca: &Ca, leaf: &Leaf) -> Stage {
    let mut stage = Stage::with(|world| fault(world, json!({"any_host": true})), |_| {}).await;
    drop(stage.bridge.take());
    let address = std::fs::read_to_string(stage.dir.path().join("address")).unwrap();
    let url = proxy(server_ca, ca, address).await;
    let put = |name: &str, text: &str| {
        let path = stage.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    };
    let files = (put("ca.crt", &ca.pem), put("own.crt", &leaf.pem), put("own.key", &leaf.key));
    let more = format!("ca = {:?}\ncertificate = {:?}\nkey = {:?}\n", files.0, files.1, files.2);
    stage.bridge = Some(Bridge::start(stage.dir.path(), &url, &more));
    stage
}

async fn log_has(stage: &Stage, words: &str) {
    for _ in 0..400 {
        if stage.bridge_log().contains(words) {
            return;
        }
        tokio::time::sleep(PATIENCE / 400).await;
    }
    panic!("the bridge does not say {words:?}:\n{}", stage.bridge_log());
}

#[tokio::test]
async fn a_daemon_elsewhere_is_reached_over_tls_with_a_certificate_of_ours() {
    let ca = Ca::new("home");
    let leaf = ca.issue(&Wish { cns: vec!["bridge"], ..Wish::default() });
    let mut stage = stage(&ca, &ca, &leaf).await.up().await;
    assert!(stage.link.send(stage.approver("alice"), "hello", None).await.is_ok());
    stage.world.command(Command::Say(Box::new(say("alice", "hi"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("hi"));
}

#[tokio::test]
async fn whose_certificate_is_of_another_authority_is_told_nothing() {
    let (home, strange) = (Ca::new("home"), Ca::new("strange"));
    let leaf = home.issue(&Wish { cns: vec!["bridge"], ..Wish::default() });
    let stage = stage(&strange, &home, &leaf).await;
    log_has(&stage, "invalid peer certificate").await;
    assert!(!stage.link.is_up());
}

#[tokio::test]
async fn without_the_certificate_that_is_asked_for_it_is_no_channel() {
    let (home, strange) = (Ca::new("home"), Ca::new("strange"));
    let leaf = strange.issue(&Wish { cns: vec!["bridge"], ..Wish::default() });
    let stage = stage(&home, &home, &leaf).await;
    log_has(&stage, "https://localhost").await;
    assert!(!stage.link.is_up());
}
