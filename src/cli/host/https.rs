//! One request to one server, and its answer: no pools, cookies, proxies, packing or redirects, so that nothing of that can
//! be turned on by an answer.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, HOST, USER_AGENT};
use http::{Method, Request, Response, request};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Position, Url};

use crate::cli::exit::with_causes;
use crate::secret::{Consumer, PlacesAsWritten, Reference};

/// Whom servers' certificates may be from.
pub(super) fn client(ca: &Path) -> Result<Arc<ClientConfig>, String> {
    client_as(ca, None)
}

/// Who we are to servers that ask: the file with our certificate, where its key is, and which process we are.
pub(super) type Own<'a> = (&'a Path, &'a Reference, Consumer);

/// The same, and who we are.
pub(super) fn client_as(ca: &Path, own: Option<Own<'_>>) -> Result<Arc<ClientConfig>, String> {
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
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key, consumer)) => {
            let (chain, secret) = (chain(certificate)?, secret(key, consumer)?);
            let mismatch = |_mismatch| format!("{key} is not the key of {}", certificate.display());
            builder.with_client_auth_cert(chain, secret).map_err(mismatch)?
        }
    };
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).collect();
    if chain.is_empty() { Err(format!("{}: holds no certificate", path.display())) } else { Ok(chain) }
}

fn secret(key: &Reference, consumer: Consumer) -> Result<PrivateKeyDer<'static>, String> {
    let places = PlacesAsWritten::default().meant(consumer)?;
    let found = places.read(key).map_err(|error| with_causes(&error))?;
    PrivateKeyDer::from_pem_slice(found.value.expose())
        .map_err(|_other| format!("{key}: holds no private key"))
}

/// A request for what the address names.
pub(super) fn request(method: Method, url: &Url) -> request::Builder {
    Request::builder()
        .method(method)
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(USER_AGENT, concat!("reeve/", env!("CARGO_PKG_VERSION")))
        // A few bytes that unpack to gigabytes are not asked for.
        .header(ACCEPT_ENCODING, "identity")
}

/// Sends it, over TLS unless there is none to be had on the way to this very host.
pub(super) async fn send(
    tls: &Arc<ClientConfig>,
    url: &Url,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, String> {
    let mut sender = if url.scheme() == "http" {
        speak(connect(url, 80).await?, url).await?
    } else {
        speak(connect_tls(tls, url, 443).await?, url).await?
    };
    sender.send_request(request).await.map_err(|error| told(url, &error))
}

/// Sends it in the clear, on a connection of which it is known whose it is.
pub(super) async fn send_on(
    stream: TcpStream,
    url: &Url,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, String> {
    speak(stream, url).await?.send_request(request).await.map_err(|error| told(url, &error))
}

/// A connection to the server over TLS, whose certificate is for the name in the address.
pub(super) async fn connect_tls(
    tls: &Arc<ClientConfig>,
    url: &Url,
    port: u16,
) -> Result<TlsStream<TcpStream>, String> {
    let name = ServerName::try_from(address(url)?).map_err(|error| told(url, &error))?;
    let stream = connect(url, port).await?;
    TlsConnector::from(Arc::clone(tls)).connect(name, stream).await.map_err(|error| told(url, &error))
}

/// A connection to the server, at the port in the address or else at this one.
pub(super) async fn connect(url: &Url, port: u16) -> Result<TcpStream, String> {
    let port = url.port_or_known_default().unwrap_or(port);
    TcpStream::connect((address(url)?, port)).await.map_err(|error| told(url, &error))
}

async fn speak<S>(stream: S, url: &Url) -> Result<SendRequest<Full<Bytes>>, String>
where
    TokioIo<S>: Read + Write + Send + Unpin + 'static,
{
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| told(url, &error))?;
    tokio::spawn(connection);
    Ok(sender)
}

fn address(url: &Url) -> Result<String, String> {
    let host = url.host_str().ok_or("has no host")?;
    Ok(host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

/// An error with whom it is about.
fn told(url: &Url, error: &dyn std::error::Error) -> String {
    format!("{}: {}", &url[Position::BeforeHost..Position::AfterPort], with_causes(error))
}
