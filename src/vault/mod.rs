//! Secrets from Azure Key Vaults: fetched by a process that does nothing else, and put where the one process that needs each finds it.
//!
//! `reeve secret fetch` runs this as the user `reeve-secrets`. What speaks to Azure is behind the feature `azure`; without it everything else
//! is the same, and each reference to a vault has the problem that this build knows none.

#[cfg(feature = "azure")]
mod azure;
mod config;
mod fetch;
mod folder;
mod wanted;

#[cfg(feature = "azure")]
pub use azure::Identity;
pub use config::{AzureAsWritten, AzureSettings, CredentialKind, VaultsConfig, server_address};
pub use fetch::{Got, Trouble, Vaults, fetch};
pub use wanted::Wanted;

use crate::sys::clock::Clock;

/// Fetches from the vaults that are meant, in a build that can.
#[cfg(feature = "azure")]
pub async fn from_azure(
    config: &VaultsConfig,
    wanted: &Wanted,
    clock: &dyn Clock,
    environment: &dyn Fn(&str) -> Option<String>,
) -> std::io::Result<crate::secret::State> {
    match azure::Azure::new(&config.azure, environment) {
        Ok(azure) => fetch(config, wanted, std::sync::Arc::new(azure), clock).await,
        Err(problem) => fetch(config, wanted, std::sync::Arc::new(Unable(problem)), clock).await,
    }
}

/// Says of each that this build cannot.
#[cfg(not(feature = "azure"))]
pub async fn from_azure(
    config: &VaultsConfig,
    wanted: &Wanted,
    clock: &dyn Clock,
    _environment: &dyn Fn(&str) -> Option<String>,
) -> std::io::Result<crate::secret::State> {
    let unable =
        Unable("this build reads no Azure Key Vault: it takes one with the feature `azure`".to_owned());
    fetch(config, wanted, std::sync::Arc::new(unable), clock).await
}

/// Vaults that cannot be asked at all.
struct Unable(String);

impl Vaults for Unable {
    async fn get(&self, _url: &url::Url, _name: &str, _version: Option<&str>) -> Result<Got, Trouble> {
        Err(Trouble { problem: self.0.clone(), credential: None })
    }
}
