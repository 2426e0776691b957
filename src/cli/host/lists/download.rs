//! One text from one https address: bounded in size and time, and from nowhere else than the host that is named.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, LOCATION};
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use rustls::ClientConfig;
use url::Url;

use crate::cli::host::https;

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
    let (tls, mut url) = (https::client(ca)?, first.clone());
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
    let request = https::request(Method::GET, url).body(Full::<Bytes>::default());
    https::send(tls, url, request.map_err(|error| error.to_string())?).await
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
