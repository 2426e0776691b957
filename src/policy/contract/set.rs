//! All contracts of a host: one file for each principal, named as the principal is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Contract;
use crate::config::{self, ConfigError};
use crate::operation::Digest;
use crate::principal::PrincipalName;

/// The contracts in a directory.
#[derive(Debug, Clone)]
pub struct Contracts {
    contracts: BTreeMap<PrincipalName, Contract>,
    revision: Digest,
}

impl Contracts {
    /// Reads every `NAME.toml` in a directory. One that is wrong keeps all out.
    ///
    /// # Errors
    /// Says which file is wrong, where and how.
    pub fn load(directory: &Path) -> Result<Self, ConfigError> {
        let mut contracts = BTreeMap::new();
        let mut files = serde_json::Map::new();
        for path in contract_files(directory)? {
            let text = config::read_text(&path)?;
            let label = path.display().to_string();
            let contract = Contract::parse(&label, &text)?;
            let principal = contract.principal.clone();
            if path.file_stem().and_then(|stem| stem.to_str()) != Some(principal.as_str()) {
                let problem = format!("is the contract of {principal}: its name must be {principal}.toml");
                return Err(ConfigError::in_file(&label, problem));
            }
            files.insert(principal.to_string(), text.into());
            contracts.insert(principal, contract);
        }
        Ok(Self { contracts, revision: Digest::of(&files.into()) })
    }

    /// No contracts at all: nobody may ask for anything.
    #[must_use]
    pub fn none() -> Self {
        Self { contracts: BTreeMap::new(), revision: Digest::of(&serde_json::json!({})) }
    }

    /// The contract of a principal. There is none by default.
    #[must_use]
    pub fn get(&self, principal: &PrincipalName) -> Option<&Contract> {
        self.contracts.get(principal)
    }

    /// Every principal that has one, in order.
    pub fn names(&self) -> impl Iterator<Item = &PrincipalName> {
        self.contracts.keys()
    }

    /// SHA-256 over all of them as written.
    #[must_use]
    pub fn revision(&self) -> &Digest {
        &self.revision
    }
}

/// The files to read. Editors and package managers leave others (`librarian.toml~`), which grant nothing and are passed over.
fn contract_files(directory: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let cannot_list = |source| ConfigError::Directory { path: directory.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(cannot_list)? {
        let path = entry.map_err(cannot_list)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
