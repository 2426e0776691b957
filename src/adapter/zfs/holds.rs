//! Holds: who keeps a snapshot.

use super::item::Item;
use super::reader;
use crate::adapter::{Argv, Host, PlanRefusal, Rule};
use crate::operation::Operation;
use crate::operation::zfs::{HoldTag, SnapshotName, ZfsOperation};

/// How many held snapshots one call of `zfs holds` names.
const AT_ONCE: usize = 50;
/// How many releases a refusal offers.
const OFFERED: usize = 5;

/// The tags on a snapshot.
pub(super) fn tags(host: &dyn Host, snapshot: &str) -> Result<Vec<String>, PlanRefusal> {
    Ok(of(host, &[snapshot])?.into_iter().map(|(_, tag)| tag).collect())
}

/// That no snapshot among `items` is held; the refusal names each with its tags.
pub(super) fn none_among<'a>(
    host: &dyn Host,
    items: impl IntoIterator<Item = &'a Item>,
) -> Result<(), PlanRefusal> {
    let held: Vec<&str> =
        items.into_iter().filter(|item| item.holds > 0).map(|item| item.name.as_str()).collect();
    if held.is_empty() {
        return Ok(());
    }
    let mut found = Vec::new();
    for some in held.chunks(AT_ONCE) {
        found.extend(of(host, some)?);
    }
    let described: Vec<String> = held
        .iter()
        .map(|snapshot| {
            let tags: Vec<&str> =
                found.iter().filter(|(held, _)| held == snapshot).map(|(_, tag)| tag.as_str()).collect();
            format!("{snapshot} is held by {}", reader::names(tags))
        })
        .collect();
    let reason = reader::names(described.iter().map(String::as_str));
    Err(PlanRefusal::new(Rule::ZfsHold, reason).or(found.into_iter().filter_map(release).take(OFFERED)))
}

/// Snapshot and tag of every hold on these snapshots, which are there.
fn of(host: &dyn Host, snapshots: &[&str]) -> Result<Vec<(String, String)>, PlanRefusal> {
    let argv = Argv::zfs(["holds", "-Hp"].into_iter().chain(snapshots.iter().copied()));
    let output = reader::run(host, &argv)?;
    if output.exit_code != 0 || !output.stderr.is_empty() {
        return Err(reader::unreadable("zfs holds could not read every snapshot"));
    }
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    stdout
        .lines()
        .map(|line| {
            let mut columns = line.split('\t');
            match (columns.next(), columns.next(), columns.next(), columns.next()) {
                (Some(snapshot), Some(tag), Some(_), None) => Ok((snapshot.to_owned(), tag.to_owned())),
                _unknown => Err(reader::unreadable("zfs holds printed an unknown line")),
            }
        })
        .collect()
}

fn release((snapshot, tag): (String, String)) -> Option<Operation> {
    let (snapshot, tag) = (SnapshotName::try_from(snapshot).ok()?, HoldTag::try_from(tag).ok()?);
    Some(Operation::Zfs(ZfsOperation::Release { snapshot, tag }))
}
