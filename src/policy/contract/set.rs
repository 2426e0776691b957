//! All contracts of a host: a file for each principal, named as the principal is, and for each role.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Contract;
use super::written::{self, File, Owner};
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
        let (mut read, mut texts) = (Vec::new(), serde_json::Map::new());
        for path in contract_files(directory)? {
            let text = config::read_text(&path)?;
            let label = path.display().to_string();
            let file = written::parse(&label, &text)?;
            let stem = file.stem();
            if path.file_stem().and_then(|stem| stem.to_str()) != Some(stem.as_str()) {
                let whose = match &file.owner {
                    Owner::Principal(principal) => format!("the contract of {principal}"),
                    Owner::Role { name, .. } => format!("the contract of the role {name}"),
                };
                let problem = format!("is {whose}: its name must be {stem}.toml");
                return Err(ConfigError::in_file(&label, problem));
            }
            texts.insert(stem, text.into());
            read.push(file);
        }
        Ok(Self { contracts: by_principal(&read), revision: Digest::of(&texts.into()) })
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

/// What holds for each: its own contract first, then those of its roles in the order of their files.
fn by_principal(files: &[File]) -> BTreeMap<PrincipalName, Contract> {
    let mut held: BTreeMap<&PrincipalName, (Vec<&File>, Vec<&File>)> = BTreeMap::new();
    for file in files {
        match &file.owner {
            Owner::Principal(principal) => held.entry(principal).or_default().0.push(file),
            Owner::Role { members, .. } => {
                members.iter().for_each(|member| held.entry(member).or_default().1.push(file));
            }
        }
    }
    let all = held.into_iter().map(|(principal, (own, roles))| {
        let files: Vec<&File> = own.into_iter().chain(roles).collect();
        (principal.clone(), Contract::of(principal.clone(), &files))
    });
    all.collect()
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
