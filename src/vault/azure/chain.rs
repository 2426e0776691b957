//! Who the host is to Azure: by the first way that is set up, and by no other when that one fails. A host that is somebody else whenever an answer
//! is late would act with rights that nobody meant.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex as Lock, OnceLock, PoisonError};
use std::time::Duration;

use azure_core::credentials::{AccessToken, Secret as AzureSecret, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::ClientOptions;
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredential,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use tokio::sync::Mutex;

use super::certificate::Certificate;
use super::cli::Az;
use super::words;
use crate::secret::{Consumer, PlacesAsWritten, Reference, Secret};
use crate::vault::config::{AzureSettings, CredentialKind};

/// Where Azure's machines are told who they are, and how long it is waited for somebody to listen there.
const METADATA: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), 80);
const METADATA_THERE: Duration = Duration::from_secs(1);
/// Azure's App Service tells so elsewhere.
const METADATA_ELSEWHERE: &str = "IDENTITY_ENDPOINT";

/// Why there is no credential of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Missing {
    /// Nothing says that this host is known by it: another one may be meant.
    NotSetUp(String),
    /// It is what is meant, and cannot be used.
    Broken(String),
}

/// A credential, or why there is none of its kind.
type Candidate = (CredentialKind, Result<Arc<dyn TokenCredential>, Missing>);
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// All that may be tried.
#[derive(Debug)]
pub(super) struct Chain {
    candidates: Vec<Candidate>,
    /// Whether a machine's identity is told at the address that all machines have for it.
    asks_metadata: bool,
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
        Self {
            candidates,
            asks_metadata: environment(METADATA_ELSEWHERE).is_none(),
            // What is asked with the token takes its time, too.
            patience: settings.patience / 2,
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

    /// Why nobody's is, once that is certain.
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
            let missing = match self.is_set_up(*kind, candidate).await {
                Ok(credential) => match self.ask(credential, scopes, options.clone()).await {
                    Ok(token) => {
                        self.chosen.get_or_init(|| (*kind, Arc::clone(credential)));
                        return Ok(token);
                    }
                    Err(trouble) => Missing::Broken(trouble),
                },
                Err(missing) => missing,
            };
            let (Missing::NotSetUp(why) | Missing::Broken(why)) = &missing;
            troubles.push(format!("{}: {why}", kind.name()));
            match missing {
                Missing::NotSetUp(_) => {}
                Missing::Broken(_) => break,
            }
        }
        let troubles = format!("nobody says who this host is: {}", troubles.join("; "));
        *self.troubles.lock().unwrap_or_else(PoisonError::into_inner) = Some(troubles.clone());
        Err(Error::with_message(ErrorKind::Credential, troubles))
    }

    /// Of a machine's identity only its metadata service shows whether there is one; it matters where another kind may be meant.
    async fn is_set_up<'a>(
        &self,
        kind: CredentialKind,
        candidate: &'a Result<Arc<dyn TokenCredential>, Missing>,
    ) -> Result<&'a Arc<dyn TokenCredential>, Missing> {
        let credential = candidate.as_ref().map_err(Clone::clone)?;
        let may_be_another = kind == CredentialKind::Managed && self.candidates.len() > 1;
        if !may_be_another || !self.asks_metadata {
            return Ok(credential);
        }
        let connects = tokio::net::TcpStream::connect(METADATA);
        match tokio::time::timeout(METADATA_THERE, connects).await {
            Ok(Ok(_there)) => Ok(credential),
            Ok(Err(_)) | Err(_) => {
                Err(Missing::NotSetUp(format!("no metadata service is at {}", METADATA.ip())))
            }
        }
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
) -> Result<Arc<dyn TokenCredential>, Missing> {
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
                    .map_err(|problem| Missing::Broken(format!("azure.client_certificate: {problem}")))?;
                *certificate_ends = Some(certificate.ends());
                let of_client = ClientAssertionCredentialOptions { client_options: options.clone() };
                return ClientAssertionCredential::new(tenant, client, certificate, Some(of_client))
                    .map(|made| made as _)
                    .map_err(|error| Missing::Broken(words(&error)));
            }
            let secret = client_secret(settings, environment)?;
            let options = ClientSecretCredentialOptions { client_options: options.clone() };
            ClientSecretCredential::new(&tenant, client, secret, Some(options)).map(|made| made as _)
        }
        CredentialKind::Cli => {
            let executor: Arc<dyn azure_identity::Executor> = Arc::new(Az::new(environment));
            let options = AzureCliCredentialOptions { executor: Some(executor), ..Default::default() };
            AzureCliCredential::new(Some(options)).map(|made| made as _)
        }
    };
    made.map_err(|error| Missing::Broken(words(&error)))
}

fn application(environment: Environment<'_>) -> Result<(String, String), Missing> {
    Ok((needed(environment, "AZURE_TENANT_ID")?, needed(environment, "AZURE_CLIENT_ID")?))
}

fn needed(environment: Environment<'_>, name: &str) -> Result<String, Missing> {
    environment(name).ok_or_else(|| Missing::NotSetUp(format!("{name} is not set")))
}

/// The service principal's own secret, from where configuration says it is, so that it stands in no environment.
fn client_secret(settings: &AzureSettings, environment: Environment<'_>) -> Result<AzureSecret, Missing> {
    let Some(reference) = &settings.client_secret else {
        return Ok(AzureSecret::new(needed(environment, "AZURE_CLIENT_SECRET")?));
    };
    let secret = read(reference, "azure.client_secret")?;
    let text =
        secret.expose_text().map_err(|error| Missing::Broken(format!("azure.client_secret: {error}")))?;
    Ok(AzureSecret::new(text.to_owned()))
}

/// The service principal's certificate with its key, where it has one; it then needs no secret.
fn client_certificate(
    settings: &AzureSettings,
    environment: Environment<'_>,
) -> Result<Option<Secret>, Missing> {
    let of_environment = || environment("AZURE_CLIENT_CERTIFICATE_PATH");
    let reference = match (&settings.client_certificate, &settings.client_secret) {
        (Some(reference), _) => reference.clone(),
        (None, Some(_)) => return Ok(None),
        (None, None) => match of_environment() {
            Some(path) => path.parse().map_err(|problem: crate::secret::NotAReference| {
                Missing::Broken(format!("AZURE_CLIENT_CERTIFICATE_PATH: {problem}"))
            })?,
            None => return Ok(None),
        },
    };
    read(&reference, "azure.client_certificate").map(Some)
}

fn read(reference: &Reference, key: &str) -> Result<Secret, Missing> {
    let told = |error: &dyn std::fmt::Display| Missing::Broken(format!("{key}: {error}"));
    let places = PlacesAsWritten::default().meant(Consumer::Fetcher).map_err(|problem| told(&problem))?;
    places.read(reference).map(|found| found.value).map_err(|error| told(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::VaultsConfig;

    /// What is said when a token is asked for by these kinds.
    async fn trouble(credentials: &str, more: &str, environment: &[(&str, &str)]) -> String {
        let text = format!("[azure]\ncredentials = [{credentials}]\npatience = \"2s\"\n{more}");
        let settings = VaultsConfig::parse("secrets.toml", &text).unwrap().azure;
        let environment = |name: &str| {
            environment.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned())
        };
        let chain = Chain::new(&settings, &ClientOptions::default(), &environment);
        let asked = chain.get_token(&["https://vault.azure.net/.default"], None).await;
        assert_eq!(chain.answered(), None);
        asked.unwrap_err().to_string()
    }

    const APPLICATION: [(&str, &str); 2] =
        [("AZURE_TENANT_ID", "11111111-2222-3333-4444-555555555555"), ("AZURE_CLIENT_ID", "app")];

    #[tokio::test]
    async fn what_is_not_set_up_is_passed_over() {
        let said = trouble("\"workload\", \"environment\"", "", &[]).await;
        let none = "AZURE_TENANT_ID is not set";
        assert_eq!(
            said,
            format!(
                "nobody says who this host is: workload identity: {none}; service principal of the environment: {none}"
            )
        );
        let said = trouble("\"workload\", \"environment\"", "", &APPLICATION).await;
        assert!(
            said.ends_with("service principal of the environment: AZURE_CLIENT_SECRET is not set"),
            "{said}"
        );
    }

    #[tokio::test]
    async fn what_is_set_up_and_fails_is_never_followed_by_another() {
        // The token that a platform writes is not there yet.
        let late = [APPLICATION[0], APPLICATION[1], ("AZURE_FEDERATED_TOKEN_FILE", "/nonexistent/token")];
        let secret = "client_secret = \"/nonexistent/secret\"\n";
        let said = trouble("\"workload\", \"environment\"", secret, &late).await;
        assert!(said.contains("workload identity: ") && !said.contains("service principal"), "{said}");
        // Nor is a secret that cannot be read as good as none.
        let said = trouble("\"environment\", \"workload\"", secret, &late).await;
        assert!(said.contains("azure.client_secret: ") && !said.contains("workload"), "{said}");
        let certificate = "client_certificate = \"/nonexistent/pem\"\n";
        let said = trouble("\"environment\", \"workload\"", certificate, &late).await;
        assert!(said.contains("azure.client_certificate: ") && !said.contains("workload"), "{said}");
    }
}
