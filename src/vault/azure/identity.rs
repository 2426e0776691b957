//! Who the host is to Azure, for a process that lives long and needs tokens and nothing else of the SDK.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::http::ClientOptions;
use tokio::time::Instant;

use super::chain::Chain;
use super::{client, options, words};
use crate::vault::config::{AzureSettings, CredentialKind};
use crate::vault::fetch::Trouble;

/// How long after nobody could say who the host is they are asked again.
const PAUSE: Duration = Duration::from_secs(5);

type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The host's identity.
pub struct Identity {
    settings: AzureSettings,
    options: ClientOptions,
    http: reqwest::Client,
    environment: Environment,
    state: Mutex<State>,
}

struct State {
    chain: Arc<Chain>,
    /// Whose word is used, once it was told.
    told: Option<CredentialKind>,
    failed: Option<(Instant, Trouble)>,
}

impl Identity {
    /// Looks for what can say who the host is. Nobody is asked yet.
    ///
    /// # Errors
    /// When the authorities of servers cannot be read.
    pub fn new(
        settings: &AzureSettings,
        environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let http = client(settings)?;
        let options = options(settings, &http);
        let chain = Arc::new(Chain::new(settings, &options, &environment));
        let state = Mutex::new(State { chain, told: None, failed: None });
        Ok(Self { settings: settings.clone(), options, http, environment: Box::new(environment), state })
    }

    /// What speaks to the authorities' servers and to nobody else.
    #[must_use]
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Whose word was used last.
    #[must_use]
    pub fn answered(&self) -> Option<CredentialKind> {
        self.state().told
    }

    /// A token for a scope. Whoever stops waiting for it does not keep it from coming.
    ///
    /// # Errors
    /// When nobody says who the host is.
    pub async fn token(self: &Arc<Self>, scope: &str) -> Result<String, Trouble> {
        if let Some((at, trouble)) = self.state().failed.clone()
            && at.elapsed() < PAUSE
        {
            return Err(trouble);
        }
        let (identity, scope) = (Arc::clone(self), scope.to_owned());
        let asking = tokio::spawn(async move { identity.ask(&scope).await });
        let panicked =
            |_error| Trouble { problem: "the thread that asks has ended".to_owned(), credential: None };
        asking.await.map_err(panicked)?
    }

    /// What is known is known no more: the next token is another one.
    pub fn forget(&self) {
        let chain = Arc::new(Chain::new(&self.settings, &self.options, &*self.environment));
        self.state().chain = chain;
    }

    async fn ask(&self, scope: &str) -> Result<String, Trouble> {
        let chain = Arc::clone(&self.state().chain);
        let asked = chain.get_token(&[scope], None).await;
        let (kind, credential) = (chain.kind(), chain.answered());
        match asked {
            Ok(token) => {
                let mut state = self.state();
                state.failed = None;
                if state.told != kind {
                    state.told = kind;
                    tracing::info!(credential, "who this host is to Azure is known");
                }
                Ok(token.token.secret().to_owned())
            }
            Err(error) => {
                let problem = match (credential, chain.troubles()) {
                    (None, Some(troubles)) => troubles,
                    (Some(_), _) | (None, None) => words(&error),
                };
                tracing::warn!(problem, credential, "there is no token");
                let trouble = Trouble { problem, credential };
                self.forget();
                let mut state = self.state();
                (state.told, state.failed) = (None, Some((Instant::now(), trouble.clone())));
                Err(trouble)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
