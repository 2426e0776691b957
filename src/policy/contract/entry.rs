//! One entry of a contract, and the terms on which the entries that cover an operation grant it together.

use std::collections::BTreeSet;

use crate::operation::{Granted, Operation, Touched};
use crate::policy::Verdict;

use super::Refusal;

/// One `[[allow]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) operations: BTreeSet<String>,
    pub(super) granted: Vec<Granted>,
    pub(super) recursive: bool,
    pub(super) max_objects: Option<u64>,
    pub(super) max_bytes: Option<u64>,
    pub(super) run_as_user: bool,
    pub(super) at_least: Verdict,
}

impl Entry {
    pub(super) fn has(&self, tool: &str) -> bool {
        self.operations.contains(tool)
    }

    /// Whether every name in the operation lies inside.
    pub(super) fn reaches(&self, operation: &Operation) -> bool {
        operation.touched().iter().all(|touched| self.grants(touched))
    }

    fn grants(&self, touched: &Touched) -> bool {
        self.granted.iter().any(|granted| granted.realm() == touched.realm && granted.covers(&touched.name))
    }

    /// Whether the entry goes as far as the operation's parameters.
    pub(super) fn bounds(&self, operation: &Operation) -> bool {
        let wants_recursion = operation.params().get("recursive").is_some_and(|value| value == true);
        self.recursive || !wants_recursion
    }
}

/// That a contract grants an operation, and on which terms. Only [`super::Contract::check`] makes it.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct ContractGrant {
    at_least: Verdict,
    run_as: Option<String>,
    max_objects: Option<u64>,
    max_bytes: Option<u64>,
    entries: Vec<Entry>,
}

impl ContractGrant {
    /// The terms of entries that each cover the operation, the strictest of each; `None` when there is no entry.
    pub(super) fn of(entries: &[&Entry], user: Option<&str>) -> Option<Self> {
        let at_least = entries.iter().map(|entry| entry.at_least).max()?;
        let as_user = entries.iter().any(|entry| entry.run_as_user);
        Some(Self {
            at_least,
            run_as: user.filter(|_| as_user).map(str::to_owned),
            max_objects: entries.iter().filter_map(|entry| entry.max_objects).min(),
            max_bytes: entries.iter().filter_map(|entry| entry.max_bytes).min(),
            entries: entries.iter().copied().cloned().collect(),
        })
    }

    /// The mildest verdict that the contract lets pass.
    #[must_use]
    pub fn at_least(&self) -> Verdict {
        self.at_least
    }

    /// The Unix user to run as; root when there is none.
    #[must_use]
    pub fn run_as(&self) -> Option<&str> {
        self.run_as.as_deref()
    }

    /// How many objects the operation may change.
    #[must_use]
    pub fn max_objects(&self) -> Option<u64> {
        self.max_objects
    }

    /// How many bytes it may free.
    #[must_use]
    pub fn max_bytes(&self) -> Option<u64> {
        self.max_bytes
    }

    /// Whether the planned effects are within the bounds; `bytes` is `None` when nobody can tell, which no bound lets pass.
    ///
    /// # Errors
    /// Names the bound that is crossed.
    pub fn check_effects(&self, objects: u64, bytes: Option<u64>) -> Result<(), Refusal> {
        if let Some(most) = self.max_objects.filter(|most| objects > *most) {
            let reason = format!("{objects} objects would change, and the contract bounds them to {most}");
            return Err(Refusal { rule: "contract-objects", reason });
        }
        let Some(most) = self.max_bytes else { return Ok(()) };
        let reason = match bytes {
            Some(bytes) if bytes <= most => return Ok(()),
            Some(bytes) => format!("{bytes} bytes would be freed, and the contract bounds them to {most}"),
            None => format!(
                "nobody can tell how many bytes would be freed, and the contract bounds them to {most}"
            ),
        };
        Err(Refusal { rule: "contract-bytes", reason })
    }

    /// Whether everything that would change lies inside, which the operation alone cannot tell: clones can be anywhere.
    ///
    /// # Errors
    /// Names the first that does not.
    pub fn check_names<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), Refusal> {
        let outside = names.into_iter().find(|name| {
            !self.entries.iter().any(|entry| entry.granted.iter().any(|granted| granted.covers(name)))
        });
        match outside {
            None => Ok(()),
            Some(name) => Err(Refusal {
                rule: "contract-effects",
                reason: format!("{name} would change too, and lies outside of the contract"),
            }),
        }
    }
}
