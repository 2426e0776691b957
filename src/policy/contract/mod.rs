//! Contracts: which operations on which resources within which bounds a principal may ask for at all. What no entry covers is refused.

mod checks;
mod constraint;
mod entry;
mod place;
mod schema;
mod set;
mod written;

use std::collections::BTreeSet;

pub use entry::{Circumstances, ContractGrant};
pub use set::Contracts;

use crate::config::ConfigError;
use crate::domains::{DomainBounds, Found};
use crate::operation::{Digest, Operation};
use crate::principal::{PrincipalName, Role};
use entry::{Apart, Entry};
use written::{File, Owner};

/// What one principal may ask for: by its own contract, by those of its roles, and where it has several, by all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    principal: PrincipalName,
    roles: BTreeSet<Role>,
    /// The roles whose contracts hold for it.
    named: Vec<String>,
    /// The entries of each.
    layers: Vec<Vec<Entry>>,
    /// Which hosts arguments may name, by each of them.
    domains: Vec<DomainBounds>,
    digest: Digest,
}

/// Why something may not be done: a value with its rule, for the caller and the record to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The bound that was met: `contract-operation`.
    pub rule: &'static str,
    /// What would have had to be otherwise.
    pub reason: String,
}

impl Contract {
    /// Reads a contract as written in TOML; `label` is what errors call the file.
    ///
    /// # Errors
    /// Says what in the text is wrong, and where.
    pub fn parse(label: &str, text: &str) -> Result<Self, ConfigError> {
        let file = written::parse(label, text)?;
        match &file.owner {
            Owner::Principal(principal) => Ok(Self::of(principal.clone(), &[&file])),
            Owner::Role { name, .. } => Err(ConfigError::in_file(
                label,
                format!("is the contract of the role {name}, of no principal"),
            )),
        }
    }

    /// What holds for a principal by all of these.
    fn of(principal: PrincipalName, files: &[&File]) -> Self {
        let in_all = |role: &Role| files.iter().all(|file| file.roles.contains(role));
        let roles = files.iter().flat_map(|file| &file.roles).copied().filter(in_all).collect();
        let named = files.iter().filter_map(|file| match &file.owner {
            Owner::Principal(_) => None,
            Owner::Role { name, .. } => Some(name.clone()),
        });
        let digest = match files {
            [file] => file.digest.clone(),
            several => {
                Digest::of(&serde_json::json!(several.iter().map(|file| &file.digest).collect::<Vec<_>>()))
            }
        };
        let layers = files.iter().map(|file| file.allow.clone()).collect();
        let domains = files.iter().map(|file| file.domains.clone()).collect();
        Self { principal, roles, named: named.collect(), layers, domains, digest }
    }

    /// Whose it is.
    #[must_use]
    pub fn principal(&self) -> &PrincipalName {
        &self.principal
    }

    /// What the principal may do besides.
    #[must_use]
    pub fn roles(&self) -> &BTreeSet<Role> {
        &self.roles
    }

    /// The roles whose contracts hold for it, in order.
    #[must_use]
    pub fn named_roles(&self) -> &[String] {
        &self.named
    }

    /// Which hosts arguments may name: what holds by all of its contracts.
    #[must_use]
    pub fn domains(&self) -> &[DomainBounds] {
        &self.domains
    }

    /// That the arguments name no host that they may not name.
    ///
    /// # Errors
    /// Names the first one.
    pub fn check_domains(&self, found: &Found) -> Result<(), Refusal> {
        match self.domains.iter().find_map(|bounds| bounds.refuse(found)) {
            Some(lacks) => Err(self.refuse("contract-domain", &lacks)),
            None => Ok(()),
        }
    }

    /// SHA-256 over the file, or over those of all that hold: the contract's version.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The entries that have the operation, as they stand in the file.
    #[must_use]
    pub fn entries(&self, tool: &str) -> Vec<&serde_json::Value> {
        let entries = self.layers.iter().flatten().filter(|entry| self.has(tool) && entry.has(tool));
        entries.map(|entry| &entry.shown).collect()
    }

    /// Every entry, as it stands in its file.
    pub fn all_entries(&self) -> impl Iterator<Item = &serde_json::Value> {
        self.layers.iter().flatten().map(|entry| &entry.shown)
    }

    /// Whether any entry has the operation: `zfs.snapshot`.
    #[must_use]
    pub fn has(&self, tool: &str) -> bool {
        let has = |layer: &Vec<Entry>| layer.iter().any(|entry| entry.has(tool));
        self.is_agent() && !self.layers.is_empty() && self.layers.iter().all(has)
    }

    /// Whether the principal may ask for this operation, and on which terms.
    ///
    /// # Errors
    /// Names the bound that no entry goes past: the role, the operation, the resource or the recursion.
    pub fn check(&self, operation: &Operation) -> Result<ContractGrant, Refusal> {
        if !self.is_agent() {
            return Err(self.refuse("contract-role", "lacks the role agent"));
        }
        let layers = self.layers.iter().map(|layer| covering(layer, operation));
        let layers = layers.collect::<Result<Vec<_>, _>>().and_then(ContractGrant::of);
        layers.map_err(|Apart(rule, lacks)| self.refuse(rule, &lacks))
    }

    fn is_agent(&self) -> bool {
        self.roles.contains(&Role::Agent)
    }

    fn refuse(&self, rule: &'static str, lacks: &str) -> Refusal {
        Refusal { rule, reason: format!("the contract of {} {lacks}", self.principal) }
    }
}

/// The entries of one contract that cover an operation; or the bound that no entry goes past.
fn covering(layer: &[Entry], operation: &Operation) -> Result<Vec<Entry>, Apart> {
    let tool = operation.tool();
    let with_operation: Vec<&Entry> = layer.iter().filter(|entry| entry.has(&tool)).collect();
    if with_operation.is_empty() {
        return Err(Apart("contract-operation", format!("does not have {tool}")));
    }
    let with_resource: Vec<&Entry> =
        with_operation.into_iter().filter(|entry| entry.reaches(operation)).collect();
    if with_resource.is_empty() {
        let touched = operation.touched();
        let names: Vec<&str> = touched.iter().map(|touched| touched.name.as_str()).collect();
        let names = names.join(" and ");
        return Err(Apart("contract-resource", format!("does not have {tool} on {names}")));
    }
    let mut args = operation.params();
    args.insert("resource".to_owned(), operation.resource().into());
    let args = serde_json::Value::Object(args);
    let (mut covering, mut exceeded) = (Vec::new(), None);
    for entry in with_resource {
        match entry.exceeded_by(operation, &args) {
            None => covering.push(entry.clone()),
            Some(bound) => exceeded = exceeded.or(Some(bound)),
        }
    }
    match exceeded.filter(|_| covering.is_empty()) {
        None => Ok(covering),
        Some((rule, lacks)) => Err(Apart(rule, lacks)),
    }
}

#[cfg(test)]
mod bound_tests;
#[cfg(test)]
mod role_tests;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod shown_tests;
#[cfg(test)]
mod tests;
