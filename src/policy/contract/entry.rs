//! One entry of a contract, and the terms on which the entries that cover an operation grant it together.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::Refusal;
use super::constraint::Constraint;
use super::schema::Schema;
use crate::adapter::Past;
use crate::operation::{Granted, Operation, Touched};
use crate::policy::window::TimeWindow;
use crate::policy::{Recent, Verdict};

/// One `[[allow]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) operations: BTreeSet<String>,
    pub(super) granted: Vec<Granted>,
    pub(super) recursive: bool,
    pub(super) max_objects: Option<u64>,
    pub(super) max_bytes: Option<u64>,
    /// The Unix user that it runs as, instead of root.
    pub(super) user: Option<String>,
    pub(super) at_least: Verdict,
    pub(super) constraints: Vec<Constraint>,
    pub(super) schema: Option<Schema>,
    pub(super) terms: Terms,
    /// As it stands in the file, for its principal to see.
    pub(super) shown: Value,
}

/// What has to be so besides, when something is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Terms {
    /// How many people have to agree.
    pub(super) approvals: Option<u32>,
    /// How often an hour the entry's operations may be asked for.
    pub(super) max_per_hour: Option<u64>,
    /// When.
    pub(super) window: Option<TimeWindow>,
    /// Whether the caller has to say why.
    pub(super) reason: bool,
    /// How many seconds old the youngest snapshot that is left may be.
    pub(super) snapshot_first: Option<u64>,
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

    /// What of the operation's parameters goes further than the entry does: the rule, and in words.
    pub(super) fn exceeded_by(&self, operation: &Operation, args: &Value) -> Option<(&'static str, String)> {
        let wants_recursion = args.get("recursive").is_some_and(|value| value == true);
        if wants_recursion && !self.recursive {
            let words = format!("has {} here without recursion only", operation.tool());
            return Some(("contract-recursive", words));
        }
        if let Some(broken) = self.constraints.iter().find_map(|constraint| constraint.broken_by(args)) {
            return Some(("contract-constraint", format!("has {} with bounds: {broken}", operation.tool())));
        }
        let broken = self.schema.as_ref()?.broken_by(operation)?;
        Some(("contract-schema", format!("has {} with a schema: {broken}", operation.tool())))
    }

    /// That what has to be so besides is not: how often, when, and why.
    fn unmet(&self, asked: &Circumstances<'_>) -> Option<Refusal> {
        let refuse = |rule, reason| Some(Refusal { rule, reason });
        if self.terms.reason && asked.reason.is_none_or(|reason| reason.trim().is_empty()) {
            return refuse("contract-reason", "the contract asks for a reason, and none is given".to_owned());
        }
        if let Some(window) = self.terms.window.as_ref().filter(|window| !window.contains(asked.now)) {
            return refuse("contract-window", format!("the contract grants this at {}", window.as_str()));
        }
        let most = self.terms.max_per_hour?;
        let times = |tool: &String| asked.recent.tools.get(tool).copied().unwrap_or_default();
        let times: u64 = self.operations.iter().map(times).sum();
        if times <= most {
            return None;
        }
        refuse("contract-rate", format!("the contract grants this {most} times an hour"))
    }
}

/// What a contract looks at besides the operation.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// Why, in the caller's words.
    pub reason: Option<&'a str>,
    /// Seconds since 1970.
    pub now: u64,
    /// How often the caller asked lately, this time included.
    pub recent: &'a Recent,
}

/// That a contract grants an operation, and on which terms. Only [`super::Contract::check`] makes it.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct ContractGrant {
    at_least: Verdict,
    run_as: Option<String>,
    max_objects: Option<u64>,
    max_bytes: Option<u64>,
    /// The entries that cover the operation, of the principal's own contract and of each of its roles.
    layers: Vec<Vec<Entry>>,
}

/// Why entries that each cover an operation do not grant it together.
#[derive(Debug)]
pub(super) struct Apart(pub(super) &'static str, pub(super) String);

impl ContractGrant {
    /// The terms of entries that each cover the operation, the strictest of each. Every layer has some.
    pub(super) fn of(layers: Vec<Vec<Entry>>) -> Result<Self, Apart> {
        let entries = || layers.iter().flatten();
        let at_least = entries().map(|entry| entry.at_least).max();
        let at_least = at_least
            .filter(|_| layers.iter().all(|layer| !layer.is_empty()))
            .ok_or_else(|| Apart("contract-resource", "has no entry that covers this".to_owned()))?;
        let users: BTreeSet<&String> = entries().filter_map(|entry| entry.user.as_ref()).collect();
        let run_as = match users.iter().collect::<Vec<_>>().as_slice() {
            [one, other, ..] => {
                return Err(Apart("contract-run-as", format!("has this as {one} and as {other}")));
            }
            one => one.first().map(|user| (**user).clone()),
        };
        let max_objects = entries().filter_map(|entry| entry.max_objects).min();
        let max_bytes = entries().filter_map(|entry| entry.max_bytes).min();
        Ok(Self { at_least, run_as, max_objects, max_bytes, layers })
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.layers.iter().flatten()
    }

    /// The mildest verdict that the contract lets pass.
    #[must_use]
    pub fn at_least(&self) -> Verdict {
        self.at_least
    }

    /// How many people have to agree, where the contract says so.
    #[must_use]
    pub fn approvals(&self) -> Option<u32> {
        self.entries().filter_map(|entry| entry.terms.approvals).max()
    }

    /// Whether it is granted now, so often, and for what was said.
    ///
    /// # Errors
    /// Names the term that is not met.
    pub fn check_circumstances(&self, asked: &Circumstances<'_>) -> Result<(), Refusal> {
        self.entries().find_map(|entry| entry.unmet(asked)).map_or(Ok(()), Err)
    }

    /// How many seconds old the youngest snapshot may be that is left of what something is taken from, where the
    /// contract asks for one.
    #[must_use]
    pub fn snapshot_first(&self) -> Option<u64> {
        self.entries().filter_map(|entry| entry.terms.snapshot_first).min()
    }

    /// Whether of each thing that something is taken from a young enough snapshot is left.
    ///
    /// # Errors
    /// Says of which there is none, and what to do first.
    pub fn check_past(&self, past: Option<&[Past]>, now: u64) -> Result<(), Refusal> {
        let Some(oldest) = self.snapshot_first() else { return Ok(()) };
        let refuse = |reason: String| Err(Refusal { rule: "contract-snapshot", reason });
        let Some(past) = past else {
            return refuse("nobody looked for snapshots, and the contract asks for one first".to_owned());
        };
        let is_young = |taken: u64| now.saturating_sub(taken) <= oldest;
        let Some(bare) = past.iter().find(|past| !past.youngest.is_some_and(is_young)) else { return Ok(()) };
        let age = humantime::format_duration(Duration::from_secs(oldest));
        refuse(format!("{} has no snapshot of the last {age} that would be left: {}", bare.name, bare.help))
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
            let is_inside = |layer: &Vec<Entry>| {
                layer.iter().any(|entry| entry.granted.iter().any(|granted| granted.covers(name)))
            };
            !self.layers.iter().all(is_inside)
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
