//! Budgets: how much a principal may change or destroy in an hour and in a day. Who goes beyond is frozen, and people are
//! told. What was used is read from the job store at a start, so that a restart forgets nothing.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::Gate;
use super::config::{Amount, Budget};
use super::freeze::By;
use super::protocol::Problem;
use crate::approval::order::Whom;
use crate::job::{Job, Store, StoreError};
use crate::operation::Effect;
use crate::policy::{PolicyDecision, Verdict};
use crate::principal::PrincipalName;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What was used, and what may be.
pub(super) struct Budgets {
    limits: ArcSwap<Vec<Budget>>,
    used: Mutex<BTreeMap<PrincipalName, VecDeque<Use>>>,
    /// One at a time: each keeps what the one before it has kept.
    forgiving: Mutex<()>,
}

/// One operation's share.
#[derive(Debug, Clone)]
struct Use {
    at: u64,
    effect: Effect,
    /// Of each object that it changes, a hash of its kind and name.
    objects: Vec<u64>,
    /// Nothing where nobody can tell.
    bytes: Option<u64>,
}

/// What goes beyond a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Beyond {
    /// In words: `12 operations in an hour, and 10 are allowed`.
    why: String,
    /// How much it would be is not known, which is no reason to freeze.
    is_unknown: bool,
}

impl Use {
    fn of(job: &Job, at: u64) -> Option<Self> {
        let (plan, decision) = (job.plan.as_ref()?, job.decision.as_ref()?);
        let effect = job.submission.operation.effect();
        if plan.settled || decision.verdict == Verdict::Deny || effect == Effect::Read {
            return None;
        }
        let hash = |parts: (&str, &str)| {
            let mut hasher = DefaultHasher::new();
            parts.hash(&mut hasher);
            hasher.finish()
        };
        let objects = plan.effects.objects.iter().map(|object| hash((&object.kind, &object.name))).collect();
        Some(Self { at, effect, objects, bytes: plan.effects.bytes_freed })
    }
}

impl Budgets {
    /// What was used in the last day, from the store.
    pub(super) fn load(limits: Vec<Budget>, store: &Store, now: u64) -> Result<Self, StoreError> {
        let mut used: BTreeMap<PrincipalName, VecDeque<Use>> = BTreeMap::new();
        let forgiven: BTreeMap<String, u64> = store.note(NOTE)?.unwrap_or_default();
        for job in store.since(now.saturating_sub(DAY_MS))? {
            let at = job.created_at();
            let counts = forgiven.get(job.principal.as_str()).is_none_or(|until| at > *until);
            let Some(one) = Use::of(&job, at).filter(|_| counts) else { continue };
            used.entry(job.principal.clone()).or_default().push_back(one);
        }
        Ok(Self {
            limits: ArcSwap::from_pointee(limits),
            used: Mutex::new(used),
            forgiving: Mutex::default(),
        })
    }

    /// Other limits are in force from now on.
    pub(super) fn set(&self, limits: Vec<Budget>) {
        self.limits.store(Arc::new(limits));
    }

    /// The limits in force.
    pub(super) fn limits(&self) -> Arc<Vec<Budget>> {
        self.limits.load_full()
    }

    /// What a principal used so far counts no more, and that is kept.
    fn forgive(&self, principal: &str, store: &Store, now: u64) -> Result<(), StoreError> {
        let _one_at_a_time = self.forgiving.lock().unwrap_or_else(PoisonError::into_inner);
        self.used().retain(|name, _| name.as_str() != principal);
        let mut all: BTreeMap<String, u64> = store.note(NOTE)?.unwrap_or_default();
        all.retain(|_, at| at.saturating_add(DAY_MS) > now);
        all.insert(principal.to_owned(), now);
        store.put_note(NOTE, &all)
    }

    fn used(&self) -> MutexGuard<'_, BTreeMap<PrincipalName, VecDeque<Use>>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more, unless that goes beyond.
    fn take(&self, principal: &PrincipalName, one: Use) -> Result<(), Beyond> {
        let limits = self.limits.load();
        let mut all = self.used();
        let used = all.entry(principal.clone()).or_default();
        let since = one.at.saturating_sub(DAY_MS);
        while used.front().is_some_and(|first| first.at < since) {
            used.pop_front();
        }
        for budget in limits.iter().filter(|budget| budget.is_for(principal, one.effect)) {
            for (window, name, amount) in
                [(HOUR_MS, "an hour", &budget.per_hour), (DAY_MS, "a day", &budget.per_day)]
            {
                let from = one.at.saturating_sub(window);
                let counts = |one: &&Use| one.at >= from && budget.counts(one.effect);
                let in_window = used.iter().filter(counts).chain(std::iter::once(&one));
                if let Some(beyond) = amount.is_passed_by(in_window, name) {
                    return Err(beyond);
                }
            }
        }
        used.push_back(one);
        Ok(())
    }
}

/// Where the store keeps since when each principal's use counts.
const NOTE: &str = "forgiven";

impl Amount {
    fn is_passed_by<'a>(&self, uses: impl Iterator<Item = &'a Use>, window: &str) -> Option<Beyond> {
        let (mut operations, mut bytes, mut is_unknown) = (0_u64, 0_u64, false);
        let mut objects: HashSet<u64> = HashSet::new();
        for one in uses {
            operations += 1;
            objects.extend(&one.objects);
            bytes = bytes.saturating_add(one.bytes.unwrap_or(0));
            is_unknown |= one.bytes.is_none();
        }
        let objects = u64::try_from(objects.len()).unwrap_or(u64::MAX);
        let beyond = |most: Option<u64>, used: u64, what: &str| {
            let most = most.filter(|most| used > *most)?;
            let why = format!("{used} {what} in {window}, and {most} are allowed");
            Some(Beyond { why, is_unknown: false })
        };
        let unknown = || {
            self.bytes.filter(|_| is_unknown).map(|_| Beyond {
                why: format!("how many bytes it would free in {window} is not known, and they are bounded"),
                is_unknown: true,
            })
        };
        beyond(self.operations, operations, "operations")
            .or_else(|| beyond(self.objects, objects, "objects"))
            .or_else(|| beyond(self.bytes, bytes, "bytes"))
            .or_else(unknown)
    }
}

impl Gate {
    /// Counts a decided operation against its principal's budgets. Who goes beyond is frozen.
    pub(super) async fn within_budget(self: &Arc<Self>, job: &mut Job) -> Result<(), Problem> {
        let Some(one) = Use::of(job, self.now_ms()) else { return Ok(()) };
        let Err(beyond) = self.budgets.take(&job.principal, one) else { return Ok(()) };
        if !beyond.is_unknown {
            let whom = Whom::Principal(job.principal.to_string());
            self.freeze(&whom, &By::Budget, Some(beyond.why.clone())).await;
        }
        let contract = job.decision.as_ref().and_then(|decision| decision.contract.clone());
        let revision = self.rules.load().revision.clone();
        let decision = PolicyDecision { contract, ..PolicyDecision::deny("budget", beyond.why, revision) };
        Err(self.deny(job, decision).await)
    }

    /// Keeps that what a principal used so far counts no more.
    pub(super) fn keep_forgiven(&self, principal: &str) -> Result<(), StoreError> {
        self.budgets.forgive(principal, &self.store, self.now_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(text: &str) -> Vec<Budget> {
        let config = super::super::config::GateConfig::parse("gate.toml", text, "box").unwrap();
        config.budgets
    }

    fn budgets(text: &str) -> Budgets {
        Budgets {
            limits: ArcSwap::from_pointee(limits(text)),
            used: Mutex::default(),
            forgiving: Mutex::default(),
        }
    }

    fn one(at: u64, objects: &[u64], bytes: Option<u64>) -> Use {
        Use { at, effect: Effect::Destroy, objects: objects.to_vec(), bytes }
    }

    fn who(name: &str) -> PrincipalName {
        PrincipalName::try_from(name.to_owned()).unwrap()
    }

    fn why(result: Result<(), Beyond>) -> String {
        result.unwrap_err().why
    }

    #[test]
    fn operations_are_counted_in_a_window_that_moves_and_for_each_principal_apart() {
        let budgets = budgets("[[budget]]\neffect = \"destroy\"\noperations_per_hour = 2");
        for at in [0, 1000] {
            budgets.take(&who("librarian"), one(at, &[], Some(0))).unwrap();
        }
        let beyond = budgets.take(&who("librarian"), one(2000, &[], Some(0)));
        assert_eq!(why(beyond), "3 operations in an hour, and 2 are allowed");
        budgets.take(&who("archivist"), one(2000, &[], Some(0))).unwrap();
        let change = Use { effect: Effect::Change, ..one(2000, &[], Some(0)) };
        budgets.take(&who("librarian"), change).unwrap();
        budgets.take(&who("librarian"), one(HOUR_MS + 1, &[], Some(0))).unwrap();
    }

    #[test]
    fn what_was_refused_is_not_counted_as_used() {
        let budgets = budgets("[[budget]]\noperations_per_day = 1");
        budgets.take(&who("librarian"), one(0, &[], Some(0))).unwrap();
        for _ in 0..3 {
            let beyond = budgets.take(&who("librarian"), one(1, &[], Some(0)));
            assert_eq!(why(beyond), "2 operations in a day, and 1 are allowed");
        }
    }

    #[test]
    fn objects_are_counted_once_and_bytes_are_added_up() {
        let objects = budgets("[[budget]]\nprincipal = \"librarian\"\nobjects_per_day = 3");
        objects.take(&who("librarian"), one(0, &[1, 2], None)).unwrap();
        objects.take(&who("librarian"), one(1, &[2, 3], None)).unwrap();
        let beyond = objects.take(&who("librarian"), one(2, &[4], None));
        assert_eq!(why(beyond), "4 objects in a day, and 3 are allowed");
        objects.take(&who("archivist"), one(2, &[1, 2, 3, 4, 5], None)).unwrap();
        let bytes = budgets("[[budget]]\nbytes_per_hour = \"1K\"");
        bytes.take(&who("librarian"), one(0, &[], Some(1000))).unwrap();
        assert_eq!(
            why(bytes.take(&who("librarian"), one(1, &[], Some(25)))),
            "1025 bytes in an hour, and 1024 are allowed"
        );
        bytes.take(&who("librarian"), one(1, &[], Some(24))).unwrap();
    }

    #[test]
    fn budgets_that_are_forgiven_at_once_are_all_forgiven_after_a_restart_too() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("state.redb")).unwrap();
        let budgets = budgets("[[budget]]\noperations_per_day = 1");
        let names: Vec<String> = (0..8).map(|one| format!("agent-{one}")).collect();
        for round in 0..10 {
            let now = DAY_MS * round;
            std::thread::scope(|scope| {
                for name in &names {
                    scope.spawn(|| budgets.forgive(name, &store, now).unwrap());
                }
            });
            let kept: BTreeMap<String, u64> = store.note(NOTE).unwrap().unwrap();
            assert_eq!(kept, names.iter().map(|name| (name.clone(), now)).collect());
        }
    }

    #[test]
    fn bytes_that_nobody_can_tell_are_refused_where_they_are_bounded_and_freeze_nobody() {
        let bytes = budgets("[[budget]]\nbytes_per_hour = \"1K\"");
        let beyond = bytes.take(&who("librarian"), one(0, &[], None)).unwrap_err();
        assert!(beyond.is_unknown, "{beyond:?}");
    }
}
