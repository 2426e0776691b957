//! One text from one https address: bounded in size and time, and from nowhere else than the host that is named.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HOST, LOCATION, USER_AGENT};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use crate::cli::exit::with_causes;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// How many redirects are followed.
const REDIRECTS: usize = 3;

/// Gets a text of at most so many bytes.
pub(super) async fn get(url: &Url, ca: &Path, max_bytes: usize) -> Result<Vec<u8>, String> {
    match tokio::time::timeout(PATIENCE, follow(url, ca, max_bytes)).await {
        Ok(got) => got,
        Err(_elapsed) => Err(format!("took longer than {} s", PATIENCE.as_secs())),
    }
}

async fn follow(first: &Url, ca: &Path, max_bytes: usize) -> Result<Vec<u8>, String> {
    let (tls, mut url) = (client(ca)?, first.clone());
    for _ in 0..=REDIRECTS {
        let response = ask(&tls, &url).await?;
        if !response.status().is_redirection() {
            return body(response, max_bytes).await;
        }
        url = redirected(first, &url, &response)?;
    }
    Err(format!("redirects more than {REDIRECTS} times"))
}

/// Where a redirect leads: to the same host over https, or nowhere. Whoever answers for a list does not choose whom we ask.
fn redirected(first: &Url, url: &Url, response: &Response<Incoming>) -> Result<Url, String> {
    let to = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let to = to.and_then(|to| url.join(to).ok()).ok_or("redirects to nowhere")?;
    let is_same = to.scheme() == "https"
        && to.host() == first.host()
        && to.port_or_known_default() == first.port_or_known_default();
    if is_same {
        Ok(to)
    } else {
        Err(format!("redirects to {to}, which is not followed; name the address where it really is"))
    }
}

async fn ask(tls: &Arc<ClientConfig>, url: &Url) -> Result<Response<Incoming>, String> {
    let host = url.host_str().ok_or("has no host")?;
    let port = url.port_or_known_default().unwrap_or(443);
    let told = |error: &dyn std::error::Error| format!("{host}:{port}: {}", with_causes(error));
    let address = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(address.clone()).map_err(|error| told(&error))?;
    let stream = TcpStream::connect((address, port)).await.map_err(|error| told(&error))?;
    let stream =
        TlsConnector::from(Arc::clone(tls)).connect(name, stream).await.map_err(|error| told(&error))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| told(&error))?;
    tokio::spawn(connection);
    let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(USER_AGENT, concat!("reeve/", env!("CARGO_PKG_VERSION")))
        // A few bytes that unpack to gigabytes are not asked for.
        .header(ACCEPT_ENCODING, "identity")
        .body(Empty::<Bytes>::new())
        .map_err(|error| told(&error))?;
    sender.send_request(request).await.map_err(|error| told(&error))
}

async fn body(response: Response<Incoming>, max_bytes: usize) -> Result<Vec<u8>, String> {
    if response.status() != StatusCode::OK {
        return Err(format!("the server answers {}", response.status()));
    }
    if let Some(encoding) =
        response.headers().get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity")
    {
        return Err(format!("comes packed as {encoding:?}, which was not asked for"));
    }
    let length =
        response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > max_bytes) {
        return Err(format!("is larger than {max_bytes} bytes"));
    }
    let whole = Limited::new(response.into_body(), max_bytes).collect().await;
    let whole = whole.map_err(|error| format!("broke off, or is larger than {max_bytes} bytes: {error}"))?;
    Ok(whole.to_bytes().to_vec())
}

fn client(ca: &Path) -> Result<Arc<ClientConfig>, String> {
    let text = std::fs::read(ca).map_err(|error| format!("{}: {error}", ca.display()))?;
    let mut roots = RootCertStore::empty();
    let (added, _other) =
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&text).filter_map(Result::ok));
    if added == 0 {
        return Err(format!("{}: holds no certificate of an authority", ca.display()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}
