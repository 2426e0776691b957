//! Who the host is to Azure: one way after the other is tried, and the first that gets a token is kept.

use std::sync::{Arc, Mutex as Lock, OnceLock, PoisonError};
use std::time::Duration;

use azure_core::credentials::{AccessToken, Secret as AzureSecret, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::ClientOptions;
use azure_identity::{
    AzureCliCredential, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use tokio::sync::Mutex;

use super::certificate::Certificate;
use super::words;
use crate::secret::{Consumer, PlacesAsWritten, Reference, Secret};
use crate::vault::config::{AzureSettings, CredentialKind};

/// A credential, or why there is none of its kind.
type Candidate = (CredentialKind, Result<Arc<dyn TokenCredential>, String>);
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// All that may be tried.
#[derive(Debug)]
pub(super) struct Chain {
    candidates: Vec<Candidate>,
    patience: Duration,
    /// Held while they are tried, so that many secrets try them once.
    trying: Mutex<()>,
    chosen: OnceLock<(CredentialKind, Arc<dyn TokenCredential>)>,
    troubles: Lock<Option<String>>,
    certificate_ends: Option<i64>,
}

impl Chain {
    pub(super) fn new(
        settings: &AzureSettings,
        options: &ClientOptions,
        environment: Environment<'_>,
    ) -> Self {
        let mut certificate_ends = None;
        let of_kind = |kind: &CredentialKind| {
            (*kind, credential(*kind, (settings, options), environment, &mut certificate_ends))
        };
        let candidates: Vec<Candidate> = settings.credentials.iter().map(of_kind).collect();
        // Each gets its turn before nobody waits any more.
        let turns = u32::try_from(candidates.len()).unwrap_or(u32::MAX).saturating_add(1);
        Self {
            candidates,
            patience: settings.patience / turns,
            trying: Mutex::new(()),
            chosen: OnceLock::new(),
            troubles: Lock::new(None),
            certificate_ends,
        }
    }

    /// Whose word is used, once somebody's is.
    pub(super) fn answered(&self) -> Option<&'static str> {
        self.kind().map(CredentialKind::name)
    }

    /// What kind of one that is.
    pub(super) fn kind(&self) -> Option<CredentialKind> {
        self.chosen.get().map(|(kind, _)| *kind)
    }

    /// When the certificate ends of the service principal whose word is used, if it has one.
    pub(super) fn certificate_ends(&self) -> Option<i64> {
        let (kind, _) = self.chosen.get()?;
        self.certificate_ends.filter(|_| *kind == CredentialKind::Environment)
    }

    /// Why nobody's is, once all were tried.
    pub(super) fn troubles(&self) -> Option<String> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn choose(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let mut troubles = Vec::new();
        for (kind, candidate) in &self.candidates {
            let trouble = match candidate {
                Ok(credential) => match self.ask(credential, scopes, options.clone()).await {
                    Ok(token) => {
                        self.chosen.get_or_init(|| (*kind, Arc::clone(credential)));
                        return Ok(token);
                    }
                    Err(trouble) => trouble,
                },
                Err(missing) => missing.clone(),
            };
            troubles.push(format!("{}: {trouble}", kind.name()));
        }
        let troubles = format!("nobody says who this host is: {}", troubles.join("; "));
        *self.troubles.lock().unwrap_or_else(PoisonError::into_inner) = Some(troubles.clone());
        Err(Error::with_message(ErrorKind::Credential, troubles))
    }

    async fn ask(
        &self,
        credential: &Arc<dyn TokenCredential>,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> Result<AccessToken, String> {
        match tokio::time::timeout(self.patience, credential.get_token(scopes, options)).await {
            Ok(Ok(token)) => Ok(token),
            Ok(Err(error)) => Err(words(&error)),
            Err(_late) => Err(format!("no answer within {} ms", self.patience.as_millis())),
        }
    }
}

#[async_trait::async_trait]
impl TokenCredential for Chain {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let _one = self.trying.lock().await;
        if let Some((_, credential)) = self.chosen.get() {
            return credential.get_token(scopes, options).await;
        }
        match self.troubles() {
            Some(troubles) => Err(Error::with_message(ErrorKind::Credential, troubles)),
            None => self.choose(scopes, options).await,
        }
    }
}

fn credential(
    kind: CredentialKind,
    (settings, options): (&AzureSettings, &ClientOptions),
    environment: Environment<'_>,
    certificate_ends: &mut Option<i64>,
) -> Result<Arc<dyn TokenCredential>, String> {
    let made: azure_core::Result<Arc<dyn TokenCredential>> = match kind {
        CredentialKind::Workload => {
            let (tenant, client) = application(environment)?;
            let file = needed(environment, "AZURE_FEDERATED_TOKEN_FILE")?;
            let of_client = ClientAssertionCredentialOptions { client_options: options.clone() };
            WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options: of_client,
                client_id: Some(client),
                tenant_id: Some(tenant),
                token_file_path: Some(file.into()),
            }))
            .map(|made| made as _)
        }
        CredentialKind::Managed => ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
            user_assigned_id: settings.client_id.clone().map(UserAssignedId::ClientId),
            client_options: options.clone(),
        }))
        .map(|made| made as _),
        CredentialKind::Environment => {
            let (tenant, client) = application(environment)?;
            if let Some(pem) = client_certificate(settings, environment)? {
                let certificate = Certificate::new(&pem, &settings.authority, &tenant, &client)
                    .map_err(|problem| format!("azure.client_certificate: {problem}"))?;
                *certificate_ends = Some(certificate.ends());
                let of_client = ClientAssertionCredentialOptions { client_options: options.clone() };
                return ClientAssertionCredential::new(tenant, client, certificate, Some(of_client))
                    .map(|made| made as _)
                    .map_err(|error| words(&error));
            }
            let secret = client_secret(settings, environment)?;
            let options = ClientSecretCredentialOptions { client_options: options.clone() };
            ClientSecretCredential::new(&tenant, client, secret, Some(options)).map(|made| made as _)
        }
        CredentialKind::Cli => AzureCliCredential::new(None).map(|made| made as _),
    };
    made.map_err(|error| words(&error))
}

fn application(environment: Environment<'_>) -> Result<(String, String), String> {
    Ok((needed(environment, "AZURE_TENANT_ID")?, needed(environment, "AZURE_CLIENT_ID")?))
}

fn needed(environment: Environment<'_>, name: &str) -> Result<String, String> {
    environment(name).ok_or_else(|| format!("{name} is not set"))
}

/// The service principal's own secret, from where configuration says it is, so that it stands in no environment.
fn client_secret(settings: &AzureSettings, environment: Environment<'_>) -> Result<AzureSecret, String> {
    let Some(reference) = &settings.client_secret else {
        return Ok(AzureSecret::new(needed(environment, "AZURE_CLIENT_SECRET")?));
    };
    let secret = read(reference, "azure.client_secret")?;
    let text = secret.expose_text().map_err(|error| format!("azure.client_secret: {error}"))?;
    Ok(AzureSecret::new(text.to_owned()))
}

/// The service principal's certificate with its key, where it has one; it then needs no secret.
fn client_certificate(
    settings: &AzureSettings,
    environment: Environment<'_>,
) -> Result<Option<Secret>, String> {
    let of_environment = || environment("AZURE_CLIENT_CERTIFICATE_PATH");
    let reference = match (&settings.client_certificate, &settings.client_secret) {
        (Some(reference), _) => reference.clone(),
        (None, Some(_)) => return Ok(None),
        (None, None) => match of_environment() {
            Some(path) => path.parse().map_err(|problem: crate::secret::NotAReference| {
                format!("AZURE_CLIENT_CERTIFICATE_PATH: {problem}")
            })?,
            None => return Ok(None),
        },
    };
    read(&reference, "azure.client_certificate").map(Some)
}

fn read(reference: &Reference, key: &str) -> Result<Secret, String> {
    let told = |error: &dyn std::fmt::Display| format!("{key}: {error}");
    let places = PlacesAsWritten::default().meant(Consumer::Fetcher).map_err(|problem| told(&problem))?;
    places.read(reference).map(|found| found.value).map_err(|error| told(&error))
}
