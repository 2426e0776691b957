//! Azure itself, by Microsoft's own SDK: who the host is, and what a vault answers. What goes wrong is told in Azure's codes, and never with
//! what a successful answer held.

mod bounded;
mod certificate;
mod chain;
mod cli;
mod keep;
mod registry;
mod identity;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport};
use azure_security_keyvault_secrets::models::SecretClientGetSecretOptions;
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use serde_json::Value;
use url::Url;
use zeroize::Zeroize;

use super::config::AzureSettings;
use super::fetch::{Got, Trouble, Vaults};
use crate::secret::Secret;
use bounded::Bounded;
use chain::Chain;
pub use identity::Identity;
pub(super) use registry::Register;

/// How long making a connection may take: a metadata service that is not there does not say so.
const CONNECT: Duration = Duration::from_secs(3);
/// What Azure says of itself is not longer, where it says something of use.
const LONGEST_WORDS: usize = 240;

/// Azure, as this host.
pub(super) struct Azure {
    chain: Arc<Chain>,
    options: ClientOptions,
    clients: Mutex<BTreeMap<String, Arc<SecretClient>>>,
}

impl Azure {
    /// Looks for what can say who the host is. Nobody is asked yet.
    pub(super) fn new(
        settings: &AzureSettings,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let options = options(settings, &client(settings)?);
        let chain = Arc::new(Chain::new(settings, &options, environment));
        Ok(Self { chain, options, clients: Mutex::default() })
    }

    fn client(&self, url: &Url) -> Result<Arc<SecretClient>, Error> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(url.as_str()) {
            return Ok(Arc::clone(client));
        }
        let options = SecretClientOptions { client_options: self.options.clone(), ..Default::default() };
        let client = Arc::new(SecretClient::new(url.as_str(), self.chain.clone(), Some(options))?);
        clients.insert(url.as_str().to_owned(), Arc::clone(&client));
        Ok(client)
    }

    async fn value(&self, url: &Url, name: &str, version: Option<&str>) -> Result<Option<String>, Error> {
        let options =
            SecretClientGetSecretOptions { secret_version: version.map(str::to_owned), ..Default::default() };
        Ok(self.client(url)?.get_secret(name, Some(options)).await?.into_model()?.value)
    }
}

impl Vaults for Azure {
    async fn get(&self, url: &Url, name: &str, version: Option<&str>) -> Result<Got, Trouble> {
        let value = self.value(url, name, version).await;
        let credential = self.chain.answered();
        let trouble = |problem: String| Trouble { problem, credential };
        match value {
            Ok(Some(mut text)) => {
                let value = Secret::new(text.as_bytes().to_vec());
                text.zeroize();
                Ok(Got { value, credential: credential.unwrap_or("nobody") })
            }
            Ok(None) => Err(trouble("the answer holds no value".to_owned())),
            Err(error) => Err(self.trouble(&error)),
        }
    }
}

/// What speaks to servers.
fn client(settings: &AzureSettings) -> Result<reqwest::Client, String> {
    let ca = settings.ca.display();
    let pem = std::fs::read(&settings.ca).map_err(|error| format!("{ca}: {error}"))?;
    let authorities =
        reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| format!("{ca}: {error}"))?;
    if authorities.is_empty() {
        return Err(format!("{ca}: holds no certificate of an authority"));
    }
    reqwest::Client::builder()
        .tls_certs_only(authorities)
        // Neither the environment nor an answer chooses whom the host's identity is shown to.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(settings.patience)
        .build()
        .map_err(|error| format!("TLS cannot be set up: {error}"))
}

fn options(settings: &AzureSettings, http: &reqwest::Client) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = settings.authority.as_str().trim_end_matches('/').to_owned();
    ClientOptions {
        transport: Some(Transport::new(Arc::new(Bounded(http.clone())))),
        cloud: Some(Arc::new(CloudConfiguration::from(cloud))),
        retry: RetryOptions::exponential(ExponentialRetryOptions { max_retries: 3, ..Default::default() }),
        ..Default::default()
    }
}

/// What is wrong, as Azure says it: its codes, or what kept it from being reached.
fn words(error: &Error) -> String {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(said) = inner.downcast_ref::<Error>().and_then(said) {
            return said;
        }
        cause = inner.source();
    }
    // Of anything else than these, the text may hold what could not be read, and that may be the value.
    if matches!(error.kind(), ErrorKind::Io | ErrorKind::Connection) {
        return cut(&format!("cannot be reached: {}", innermost(error)));
    }
    if matches!(error.kind(), ErrorKind::Credential) {
        return cut(&error.to_string());
    }
    "the answer is none that a vault gives".to_owned()
}

/// `HTTP 403 Forbidden (SecretDisabled)`, where the error is an answer.
fn said(error: &Error) -> Option<String> {
    let ErrorKind::HttpResponse { status, error_code, raw_response } = error.kind() else { return None };
    let mut text = format!("HTTP {}", u16::from(*status));
    if let Some(code) = error_code {
        text = format!("{text} {code}");
    }
    let body = raw_response.as_ref().and_then(|raw| serde_json::from_slice::<Value>(raw.body()).ok());
    let body = body.unwrap_or_default();
    let inner = body.pointer("/error/innererror/code").or_else(|| body.pointer("/error_description"));
    if let Some(inner) = inner.and_then(Value::as_str) {
        text = format!("{text} ({inner})");
    }
    Some(cut(&text))
}

/// What it comes down to. What stands above it is which request was made, and how often.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text
}

/// On one line, and no longer than it is of use.
fn cut(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST_WORDS).collect()
}
