//! Secrets from Azure Key Vaults: fetched by a process that does nothing else, and put where the one process that needs each finds it.
//!
//! `reeve secret fetch` runs this as the user `reeve-secrets`. What speaks to Azure is behind the feature `azure`; without it everything else
//! is the same, and each reference to a vault has the problem that this build knows none.

#[cfg(feature = "azure")]
mod azure;
mod config;
pub mod enrolment;
pub mod examine;
mod fetch;
mod folder;
pub mod roles;
pub mod scope;
mod store;
mod wanted;

#[cfg(feature = "azure")]
pub use azure::Identity;
pub use config::{
    AzureAsWritten, AzureSettings, CredentialKind, ExamineSettings, Trial, VaultsConfig, server_address,
};
pub use fetch::{AT_MOST, Got, Trouble, Vaults, fetch};
pub use store::{About, Keeper, Kept, MOST_IN_VAULT, Move, Moved, Taken, store_all};
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
        Ok(azure) => fetch(config, wanted, std::sync::Arc::new(azure), (clock, AT_MOST)).await,
        Err(problem) => fetch(config, wanted, std::sync::Arc::new(Unable(problem)), (clock, AT_MOST)).await,
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
    fetch(config, wanted, std::sync::Arc::new(Unable(UNABLE.to_owned())), (clock, AT_MOST)).await
}

/// Vaults that can be written to, as whoever the settings say, in a build that can.
///
/// # Errors
/// When that cannot be set up.
#[cfg(feature = "azure")]
pub fn azure_keeper(
    settings: &AzureSettings,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<impl Keeper + use<>, String> {
    azure::Azure::new(settings, environment)
}

/// None, in this build.
///
/// # Errors
/// Always.
#[cfg(not(feature = "azure"))]
pub fn azure_keeper(
    _settings: &AzureSettings,
    _environment: &dyn Fn(&str) -> Option<String>,
) -> Result<impl Keeper + use<>, String> {
    Err::<Unable, _>(UNABLE.replace("reads", "writes"))
}

/// Looks whether the host's identity in Azure is what it should be, in a build that can.
#[cfg(feature = "azure")]
pub async fn examine_azure(
    config: &VaultsConfig,
    wanted: &Wanted,
    clock: &dyn Clock,
    environment: &dyn Fn(&str) -> Option<String>,
) -> examine::Examined {
    match azure::Register::new(&config.azure, &config.examine.management, environment) {
        Ok(register) => examine::examine(config, wanted, &register, clock.now()).await,
        Err(problem) => examine::Examined::unable(&problem, clock.now()),
    }
}

/// Looks whether an identity that acts is what it should be, in a build that can.
#[cfg(feature = "azure")]
pub async fn examine_acting_azure(
    (settings, manager): (&AzureSettings, &url::Url),
    acting: &examine::Acting,
    clock: &dyn Clock,
    environment: &dyn Fn(&str) -> Option<String>,
) -> examine::Examined {
    match azure::Register::new(settings, manager, environment) {
        Ok(register) => examine::examine_acting(acting, &register, clock.now()).await,
        Err(problem) => examine::Examined::unable(&problem, clock.now()),
    }
}

/// Says that this build cannot.
#[cfg(not(feature = "azure"))]
pub async fn examine_acting_azure(
    _settings: (&AzureSettings, &url::Url),
    _acting: &examine::Acting,
    clock: &dyn Clock,
    _environment: &dyn Fn(&str) -> Option<String>,
) -> examine::Examined {
    examine::Examined::unable(&UNABLE.replace("reads no Azure Key Vault", "cannot ask Azure"), clock.now())
}

/// Says that this build cannot.
#[cfg(not(feature = "azure"))]
pub async fn examine_azure(
    _config: &VaultsConfig,
    _wanted: &Wanted,
    clock: &dyn Clock,
    _environment: &dyn Fn(&str) -> Option<String>,
) -> examine::Examined {
    examine::Examined::unable(UNABLE, clock.now())
}

#[cfg(not(feature = "azure"))]
const UNABLE: &str = "this build reads no Azure Key Vault: it takes one with the feature `azure`";

/// Vaults that cannot be asked at all.
struct Unable(String);

impl Vaults for Unable {
    async fn get(&self, _url: &url::Url, _name: &str, _version: Option<&str>) -> Result<Got, Trouble> {
        Err(Trouble { problem: self.0.clone(), credential: None })
    }
}

#[cfg(not(feature = "azure"))]
impl Keeper for Unable {
    async fn newest(&self, _url: &url::Url, _name: &str) -> Result<Kept, Trouble> {
        Err(Trouble { problem: self.0.clone(), credential: None })
    }

    async fn put(
        &self,
        _url: &url::Url,
        _name: &str,
        _value: &crate::secret::Secret,
        _about: &About,
    ) -> Result<String, Trouble> {
        Err(Trouble { problem: self.0.clone(), credential: None })
    }

    async fn disable(&self, _url: &url::Url, _name: &str, _version: &str) -> Result<(), Trouble> {
        Err(Trouble { problem: self.0.clone(), credential: None })
    }
}
