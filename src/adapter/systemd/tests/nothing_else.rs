//! Whatever happens to units between the question and the deed, none stops that people did not see.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::adapter::{Growth, Still, still};

const UNITS: [&str; 4] = ["a.service", "b.service", "c.service", "d.service"];

/// What is known of one unit: whether it runs, which of the others cannot run without it, and its file.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    is_up: bool,
    required_by: BTreeSet<usize>,
    bound_by: BTreeSet<usize>,
    file: u8,
}

type Known4 = [Known; 4];

fn known() -> impl Strategy<Value = Known> {
    let others = || prop::collection::btree_set(0_usize..4, 0..2);
    (prop::bool::weighted(0.8), others(), others(), 0_u8..3)
        .prop_map(|(is_up, required_by, bound_by, file)| Known { is_up, required_by, bound_by, file })
}

/// One thing that changes on the host.
#[derive(Debug, Clone)]
enum Change {
    Up(usize),
    Needed(usize, usize),
    File(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0_usize..4).prop_map(Change::Up),
        (0_usize..4, 0_usize..4).prop_map(|(one, other)| Change::Needed(one, other)),
        (0_usize..4).prop_map(Change::File),
    ]
}

fn changed(mut units: Known4, change: &Change) -> Known4 {
    match change {
        Change::Up(at) => units[*at].is_up = !units[*at].is_up,
        Change::Needed(at, by) => {
            if !units[*at].required_by.remove(by) {
                units[*at].required_by.insert(*by);
            }
        }
        Change::File(at) => units[*at].file += 1,
    }
    units
}

fn host(units: &Known4) -> Fake {
    let names = |which: &BTreeSet<usize>| which.iter().map(|at| UNITS[*at]).collect::<Vec<_>>().join(" ");
    let mut fake = Fake::default();
    for (name, known) in UNITS.iter().zip(units) {
        let (required, bound) = (names(&known.required_by), names(&known.bound_by));
        let mut properties = vec![("RequiredBy", required.as_str()), ("BoundBy", bound.as_str())];
        properties.extend(DOWN.iter().filter(|_| !known.is_up));
        fake = fake.unit(name, &properties).file(name, &format!("# {name} {}\n", known.file));
    }
    fake
}

/// What stops when the first does, as systemd goes about it, and in which file each is written.
fn stopping(units: &Known4) -> BTreeMap<usize, u8> {
    let (mut all, mut look) = (BTreeSet::from([0]), vec![0]);
    while let Some(at) = look.pop() {
        for by in units[at].required_by.union(&units[at].bound_by) {
            if all.insert(*by) {
                look.push(*by);
            }
        }
    }
    all.into_iter().filter(|at| units[*at].is_up).map(|at| (at, units[at].file)).collect()
}

proptest! {
    #[test]
    fn no_unit_stops_but_those_that_were_approved_as_they_were_then(
        units in prop::array::uniform4(known()),
        changes in prop::collection::vec(change(), 0..4),
    ) {
        let op = operation("stop", UNITS[0]);
        let Ok(shown) = adapter::of(&op).plan(&host(&units)) else { return Ok(()) };
        if shown.settled {
            return Ok(());
        }
        let now = changes.iter().fold(units.clone(), changed);
        let plan = adapter::of(&op).plan(&host(&now));
        let (was, is) = (stopping(&units), stopping(&now));
        match still(&op, (Some(&shown.effects), Growth::default()), plan) {
            // What would stop is exactly what people saw, each by the file that they saw it by.
            Still::Retain(_) => prop_assert_eq!(was, is),
            Still::Clear => prop_assert!(!now[0].is_up),
            // Nothing runs. People may be asked once too often, as when the order changes, and never too seldom.
            Still::Replace(_) | Still::Not(_) => {}
        }
    }
}

#[test]
fn an_approval_about_a_unit_is_kept_replaced_or_cleared() {
    let alone = Known { is_up: true, required_by: BTreeSet::new(), bound_by: BTreeSet::new(), file: 0 };
    let units: Known4 = std::array::from_fn(|_| alone.clone());
    let op = operation("stop", UNITS[0]);
    let shown = adapter::of(&op).plan(&host(&units)).unwrap();
    let after = |change| {
        still(
            &op,
            (Some(&shown.effects), Growth::default()),
            adapter::of(&op).plan(&host(&changed(units.clone(), &change))),
        )
    };
    assert!(matches!(after(Change::File(1)), Still::Retain(_)), "another unit's file");
    assert!(matches!(after(Change::Needed(0, 2)), Still::Replace(_)));
    assert!(matches!(after(Change::File(0)), Still::Replace(_)));
    assert!(matches!(after(Change::Up(0)), Still::Clear));
}
