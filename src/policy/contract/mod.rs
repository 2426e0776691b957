//! Contracts: which operations on which resources within which bounds a principal may ask for at all. What no entry covers is refused.

mod constraint;
mod entry;
mod set;
mod written;

use std::collections::BTreeSet;

pub use entry::{Circumstances, ContractGrant};
pub use set::Contracts;

use crate::config::ConfigError;
use crate::operation::{Digest, Operation};
use crate::principal::{PrincipalName, Role};
use entry::Entry;

/// What one principal may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    principal: PrincipalName,
    roles: BTreeSet<Role>,
    run_as: Option<String>,
    allow: Vec<Entry>,
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
        written::parse(label, text)
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

    /// The principal's Unix user.
    #[must_use]
    pub fn run_as(&self) -> Option<&str> {
        self.run_as.as_deref()
    }

    /// SHA-256 over the file: the contract's version.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The entries that have the operation, as they stand in the file.
    #[must_use]
    pub fn entries(&self, tool: &str) -> Vec<&serde_json::Value> {
        let entries = self.allow.iter().filter(|entry| self.is_agent() && entry.has(tool));
        entries.map(|entry| &entry.shown).collect()
    }

    /// Whether any entry has the operation: `zfs.snapshot`.
    #[must_use]
    pub fn has(&self, tool: &str) -> bool {
        self.is_agent() && self.allow.iter().any(|entry| entry.has(tool))
    }

    /// Whether the principal may ask for this operation, and on which terms.
    ///
    /// # Errors
    /// Names the bound that no entry goes past: the role, the operation, the resource or the recursion.
    pub fn check(&self, operation: &Operation) -> Result<ContractGrant, Refusal> {
        if !self.is_agent() {
            return Err(self.refuse("contract-role", "lacks the role agent"));
        }
        let tool = operation.tool();
        let with_operation: Vec<&Entry> = self.allow.iter().filter(|entry| entry.has(&tool)).collect();
        if with_operation.is_empty() {
            return Err(self.refuse("contract-operation", &format!("does not have {tool}")));
        }
        let with_resource: Vec<&Entry> =
            with_operation.into_iter().filter(|entry| entry.reaches(operation)).collect();
        if with_resource.is_empty() {
            let touched = operation.touched();
            let names: Vec<&str> = touched.iter().map(|touched| touched.name.as_str()).collect();
            let names = names.join(" and ");
            return Err(self.refuse("contract-resource", &format!("does not have {tool} on {names}")));
        }
        let mut args = operation.params();
        args.insert("resource".to_owned(), operation.resource().into());
        let args = serde_json::Value::Object(args);
        let (mut covering, mut exceeded) = (Vec::new(), None);
        for entry in with_resource {
            match entry.exceeded_by(operation, &args) {
                None => covering.push(entry),
                Some(bound) => exceeded = exceeded.or(Some(bound)),
            }
        }
        ContractGrant::of(&covering, self.run_as.as_deref()).ok_or_else(|| {
            let nothing = ("contract-resource", format!("does not have {tool} here"));
            let (rule, words) = exceeded.unwrap_or(nothing);
            self.refuse(rule, &words)
        })
    }

    fn is_agent(&self) -> bool {
        self.roles.contains(&Role::Agent)
    }

    fn refuse(&self, rule: &'static str, lacks: &str) -> Refusal {
        Refusal { rule, reason: format!("the contract of {} {lacks}", self.principal) }
    }
}

#[cfg(test)]
mod bound_tests;
#[cfg(test)]
mod tests;
