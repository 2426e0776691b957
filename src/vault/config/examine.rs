//! What `secrets.toml` says about how the host's identity is examined.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

use super::server_address;
use crate::secret::Alias;
use crate::vault::scope::Scope;

/// How the host's identity is examined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExamineSettings {
    /// Who knows about roles.
    pub management: Url,
    /// Where the host may have roles besides its vaults.
    pub scopes: Vec<Scope>,
    /// What is tried with each vault.
    pub trials: BTreeMap<Alias, Trial>,
}

/// What is tried with a vault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trial {
    /// Its resource id, by which roles are asked for.
    pub id: Option<Scope>,
    /// A secret that has to be readable, and that nothing needs.
    pub canary: Option<String>,
    /// Secrets that must not be readable.
    pub forbidden: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExamineAsWritten {
    management: String,
    scopes: Vec<String>,
}

/// The part of `[vault.NAME]` that is tried.
#[derive(Default)]
pub(super) struct TrialAsWritten {
    pub(super) id: Option<String>,
    pub(super) canary: Option<String>,
    pub(super) forbidden: Vec<String>,
}

impl Default for ExamineAsWritten {
    fn default() -> Self {
        Self { management: "https://management.azure.com".to_owned(), scopes: Vec::new() }
    }
}

impl ExamineAsWritten {
    pub(super) fn meant(self, trials: BTreeMap<Alias, Trial>) -> Result<ExamineSettings, String> {
        let management =
            server_address(&self.management).map_err(|problem| format!("examine.management: {problem}"))?;
        let scope = |text: String| {
            text.parse::<Scope>().map_err(|problem| format!("examine.scopes: {text:?} {problem}"))
        };
        Ok(ExamineSettings {
            management,
            scopes: self.scopes.into_iter().map(scope).collect::<Result<_, _>>()?,
            trials,
        })
    }
}

impl TrialAsWritten {
    pub(super) fn meant(self, vault: &Alias) -> Result<Trial, String> {
        let id =
            self.id.map(|text| text.parse::<Scope>().ok().filter(Scope::is_vault).ok_or(text)).transpose();
        let id = id.map_err(|text| {
            format!("vault.{vault}.id: {text:?} is none of a vault: /subscriptions/ID/resourceGroups/NAME/providers/Microsoft.KeyVault/vaults/NAME")
        })?;
        for name in self.canary.iter().chain(&self.forbidden) {
            crate::secret::VaultReference::newest(None, name).map_err(|_none| {
                format!("vault.{vault}: {name:?} is no name of a secret: letters, digits and -")
            })?;
        }
        Ok(Trial { id, canary: self.canary, forbidden: self.forbidden })
    }
}
