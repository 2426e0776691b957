//! What else starts or stops when a unit does, by the relations that systemd follows when it makes a transaction.

use std::collections::{BTreeMap, BTreeSet};

use super::reader;
use super::unit::{Load, Unit};
use crate::adapter::{Host, PlanRefusal, Rule};

/// Relations by which a unit stops with this one.
const STOPPING: [&str; 5] = ["RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo"];
/// Relations by which a unit starts with this one.
const STARTING: [&str; 4] = ["Requires", "BindsTo", "Wants", "Upholds"];
/// Relations by which a unit stops when this one starts.
const CONFLICTING: [&str; 2] = ["Conflicts", "ConflictedBy"];
/// Relations by which a unit is started when this one ends.
const FOLLOWING: [&str; 2] = ["OnSuccess", "OnFailure"];
/// Relations by which this one is started again after it has stopped.
const AWAKENING: [&str; 2] = ["TriggeredBy", "UpheldBy"];
/// Relations by which a unit needs another, and by which that one knows it: both hold a unit that stops when nothing does.
const NEEDING: [&str; 5] = ["Requires", "Requisite", "BindsTo", "Wants", "Upholds"];
const NEEDED_BY: [&str; 5] = ["RequiredBy", "RequisiteOf", "BoundBy", "WantedBy", "UpheldBy"];
/// How many units are looked at for one operation; what reaches further is not for one operation.
const MOST: usize = 1_000;

/// The units of a host, each read once.
pub(super) struct Units<'h> {
    host: &'h dyn Host,
    known: BTreeMap<String, Unit>,
}

impl<'h> Units<'h> {
    pub(super) fn new(host: &'h dyn Host) -> Self {
        Self { host, known: BTreeMap::new() }
    }

    /// The units of these names.
    fn named(&mut self, names: &[String]) -> Result<Vec<Unit>, PlanRefusal> {
        let missing: BTreeSet<&str> =
            names.iter().filter(|name| !self.known.contains_key(*name)).map(String::as_str).collect();
        if self.known.len() + missing.len() > MOST {
            let reason = format!("more than {MOST} units hang together here");
            return Err(PlanRefusal::new(Rule::SystemdTooMany, reason));
        }
        let missing: Vec<&str> = missing.into_iter().collect();
        for (name, unit) in missing.iter().zip(reader::units(self.host, &missing)?) {
            self.known.insert((*name).to_owned(), unit);
        }
        Ok(names.iter().filter_map(|name| self.known.get(name).cloned()).collect())
    }

    /// Everything that hangs on these by the relations, without themselves; it is followed where `goes_on` says so.
    fn beyond(
        &mut self,
        roots: &[Unit],
        relations: &[&str],
        goes_on: fn(&Unit) -> bool,
    ) -> Result<Vec<Unit>, PlanRefusal> {
        let mut seen: BTreeSet<String> = roots.iter().map(|unit| unit.id.clone()).collect();
        let mut found = Vec::new();
        let mut edge: Vec<Unit> = roots.to_vec();
        while !edge.is_empty() {
            let next = self.named(&related(&edge, relations))?;
            let next: Vec<Unit> = next.into_iter().filter(|unit| seen.insert(unit.id.clone())).collect();
            found.extend(next.iter().cloned());
            edge = next.into_iter().filter(goes_on).collect();
        }
        Ok(found)
    }

    /// What would stop together with these, running or not.
    pub(super) fn stopping_with(&mut self, roots: &[Unit]) -> Result<Vec<Unit>, PlanRefusal> {
        // systemd goes on through units that do not run.
        self.beyond(roots, &STOPPING, |_| true)
    }

    /// What runs and would stop once these have, since nothing needs it any more (`StopWhenUnneeded=`), with all that stops
    /// with that. What starts meanwhile needs what it needs.
    pub(super) fn unneeded_without(
        &mut self,
        stopping: &[Unit],
        starting: &[Unit],
    ) -> Result<Vec<Unit>, PlanRefusal> {
        let (mut gone, mut found) = (stopping.to_vec(), Vec::new());
        loop {
            let mut next = Vec::new();
            for unit in self.named(&related(&gone, &NEEDING))? {
                if !unit.is_up() || !unit.says_yes("StopWhenUnneeded") || is_among(&unit, &gone) {
                    continue;
                }
                let needing = self.named(&related(std::slice::from_ref(&unit), &NEEDED_BY))?;
                let stays =
                    |other: &Unit| other.is_up() && !is_among(other, &gone) || is_among(other, starting);
                if !needing.iter().any(stays) {
                    next.push(unit);
                }
            }
            let with_them = self.stopping_with(&next)?;
            next.extend(with_them.into_iter().filter(|unit| unit.is_up() && !is_among(unit, &gone)));
            if next.is_empty() {
                return Ok(found);
            }
            gone.extend(next.iter().cloned());
            found.extend(next);
        }
    }

    /// What does not run yet and would be started for these. What runs already has had its own started with it.
    pub(super) fn starting_for(&mut self, roots: &[Unit]) -> Result<Vec<Unit>, PlanRefusal> {
        let is_new = |unit: &Unit| !unit.is_up() && unit.load == Load::Loaded;
        let found = self.beyond(roots, &STARTING, |unit| !unit.is_up() && unit.load == Load::Loaded)?;
        Ok(found.into_iter().filter(is_new).collect())
    }

    /// What runs and would stop because these start.
    pub(super) fn stopped_by_starting(&mut self, starting: &[Unit]) -> Result<Vec<Unit>, PlanRefusal> {
        let opposed = self.named(&related(starting, &CONFLICTING))?;
        let is_itself = |unit: &Unit| starting.iter().any(|other| other.id == unit.id);
        let mut stopping: Vec<Unit> =
            opposed.into_iter().filter(|unit| unit.is_up() && !is_itself(unit)).collect();
        stopping.sort_by(|one, other| one.id.cmp(&other.id));
        stopping.dedup_by(|one, other| one.id == other.id);
        let with_them = self.stopping_with(&stopping)?;
        stopping.extend(with_them.into_iter().filter(|unit| unit.is_up() && !is_itself(unit)));
        let unneeded = self.unneeded_without(&stopping, starting)?;
        stopping.extend(unneeded.into_iter().filter(|unit| !is_itself(unit)));
        Ok(stopping)
    }

    /// What is started when these end, however they end.
    pub(super) fn following(&mut self, roots: &[Unit]) -> Result<Vec<Unit>, PlanRefusal> {
        self.named(&related(roots, &FOLLOWING))
    }

    /// What has the unit reloaded with it.
    pub(super) fn reloading_with(&mut self, root: &Unit) -> Result<Vec<Unit>, PlanRefusal> {
        let found = self.beyond(std::slice::from_ref(root), &["PropagatesReloadTo"], |_| true)?;
        Ok(found.into_iter().filter(Unit::is_up).collect())
    }

    /// What runs and would start the unit again.
    pub(super) fn awakening(&mut self, root: &Unit, stopping: &[Unit]) -> Result<Vec<Unit>, PlanRefusal> {
        let found = self.named(&related(std::slice::from_ref(root), &AWAKENING))?;
        let stops_too = |unit: &Unit| stopping.iter().any(|other| other.id == unit.id);
        Ok(found.into_iter().filter(|unit| unit.is_up() && !stops_too(unit)).collect())
    }
}

fn is_among(unit: &Unit, units: &[Unit]) -> bool {
    units.iter().any(|other| other.id == unit.id)
}

fn related(units: &[Unit], relations: &[&str]) -> Vec<String> {
    let names: BTreeSet<String> =
        units.iter().flat_map(|unit| relations.iter().flat_map(|relation| unit.related(relation))).collect();
    names.into_iter().collect()
}
