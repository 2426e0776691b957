//! Names of pools, datasets, snapshots, bookmarks and holds, by the rules of OpenZFS (`zcommon/zfs_namecheck.c`) and stricter where that is safe:
//! no blank, no component that begins with `-`, no `.` or `..`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::operation::Invalid;
use crate::operation::name_type::name_type;

/// `ZFS_MAX_DATASET_NAME_LEN` is 256 with the closing NUL.
const MAX_BYTES: usize = 255;
/// `zfs_max_dataset_nesting`.
const MAX_DEPTH: usize = 50;
/// Names that a pool may not begin with, since `zpool create` reads them as kinds of devices.
const RESERVED_POOLS: [&str; 5] = ["mirror", "raidz", "draid", "spare", "log"];

/// Where `destroy` with `quarantine` puts datasets, below each pool.
pub const QUARANTINE: &str = "reeve-quarantine";

name_type! {
    /// A pool: `tank`.
    PoolName, check_pool
}
name_type! {
    /// A filesystem or volume, the pool's root dataset included: `tank/media`.
    DatasetName, check_dataset
}
name_type! {
    /// A snapshot: `tank/media@daily`.
    SnapshotName, check_snapshot
}
name_type! {
    /// A bookmark: `tank/media#daily`.
    BookmarkName, check_bookmark
}
name_type! {
    /// What stands behind `@` or `#`: `daily`.
    ShortName, check_component
}
name_type! {
    /// The tag of a hold; those that begin with `.` are OpenZFS's own.
    HoldTag, check_tag
}

impl DatasetName {
    /// The pool that it lies in.
    pub fn pool(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// Whether this is `other` or lies below it.
    pub fn is_within(&self, other: &DatasetName) -> bool {
        self == other || self.0.strip_prefix(&other.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The snapshot of this dataset with that short name, when the whole is not too long.
    pub fn snapshot(&self, name: &ShortName) -> Result<SnapshotName, Invalid> {
        SnapshotName::try_from(format!("{self}@{name}"))
    }

    /// The bookmark of this dataset with that short name, when the whole is not too long.
    pub fn bookmark(&self, name: &ShortName) -> Result<BookmarkName, Invalid> {
        BookmarkName::try_from(format!("{self}#{name}"))
    }
}

impl SnapshotName {
    /// The dataset that it is of.
    pub fn dataset(&self) -> DatasetName {
        DatasetName(self.split('@').0.to_owned())
    }

    /// What stands behind the `@`.
    pub fn short(&self) -> ShortName {
        ShortName(self.split('@').1.to_owned())
    }
}

impl BookmarkName {
    /// The dataset that it is of.
    pub fn dataset(&self) -> DatasetName {
        DatasetName(self.split('#').0.to_owned())
    }
}

/// Names are checked to hold their delimiter, so the empty second half never happens.
trait Halves {
    fn split(&self, delimiter: char) -> (&str, &str);
}

impl<T: AsStrName> Halves for T {
    fn split(&self, delimiter: char) -> (&str, &str) {
        self.name().split_once(delimiter).unwrap_or((self.name(), ""))
    }
}

trait AsStrName {
    fn name(&self) -> &str;
}

impl AsStrName for SnapshotName {
    fn name(&self) -> &str {
        &self.0
    }
}

impl AsStrName for BookmarkName {
    fn name(&self) -> &str {
        &self.0
    }
}

/// Anything that has a name in ZFS below a pool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// A filesystem or volume.
    Dataset(DatasetName),
    /// A snapshot.
    Snapshot(SnapshotName),
    /// A bookmark.
    Bookmark(BookmarkName),
}

impl Target {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Dataset(name) => name.as_str(),
            Self::Snapshot(name) => name.as_str(),
            Self::Bookmark(name) => name.as_str(),
        }
    }

    /// The dataset that it is, or is of.
    pub fn dataset(&self) -> DatasetName {
        match self {
            Self::Dataset(name) => name.clone(),
            Self::Snapshot(name) => name.dataset(),
            Self::Bookmark(name) => name.dataset(),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = Invalid;

    fn try_from(name: String) -> Result<Self, Invalid> {
        if name.contains('@') {
            return SnapshotName::try_from(name).map(Self::Snapshot);
        }
        if name.contains('#') {
            return BookmarkName::try_from(name).map(Self::Bookmark);
        }
        DatasetName::try_from(name).map(Self::Dataset)
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.as_str().to_owned()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn check_length(name: &str) -> Result<(), Invalid> {
    if name.len() > MAX_BYTES {
        return Err(Invalid::here(format!("has {} bytes; OpenZFS takes at most {MAX_BYTES}", name.len())));
    }
    Ok(())
}

fn check_component(component: &str) -> Result<(), Invalid> {
    check_length(component)?;
    if component.is_empty() {
        return Err(Invalid::here("has an empty part"));
    }
    if component == "." || component == ".." {
        return Err(Invalid::here("has `.` or `..` as a part"));
    }
    if component.starts_with('-') {
        return Err(Invalid::here("has a part that begins with `-`, which tools would read as an option"));
    }
    let stranger =
        component.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-')));
    match stranger {
        Some(c) => Err(Invalid::here(format!("has {c:?} in it; ZFS names are A-Z a-z 0-9 _ . : -"))),
        None => Ok(()),
    }
}

fn check_pool(name: &str) -> Result<(), Invalid> {
    check_component(name)?;
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(Invalid::here("is no pool: a pool's name begins with a letter"));
    }
    let is_reserved = RESERVED_POOLS.iter().any(|word| name.starts_with(word));
    let is_disk = name.starts_with('c') && name.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
    if is_reserved || is_disk {
        return Err(Invalid::here(format!("is no pool: zpool reads {name:?} as a kind of device")));
    }
    Ok(())
}

fn check_dataset(name: &str) -> Result<(), Invalid> {
    check_length(name)?;
    let mut components = name.split('/');
    check_pool(components.next().unwrap_or_default())?;
    components.try_for_each(check_component)?;
    if name.split('/').count() > MAX_DEPTH {
        return Err(Invalid::here(format!("is more than {MAX_DEPTH} levels deep")));
    }
    Ok(())
}

fn check_snapshot(name: &str) -> Result<(), Invalid> {
    check_two_parts(name, '@', "snapshot")
}

fn check_bookmark(name: &str) -> Result<(), Invalid> {
    check_two_parts(name, '#', "bookmark")
}

fn check_two_parts(name: &str, delimiter: char, what: &str) -> Result<(), Invalid> {
    check_length(name)?;
    let Some((dataset, short)) = name.split_once(delimiter) else {
        return Err(Invalid::here(format!("is no {what}: it has no `{delimiter}`")));
    };
    check_dataset(dataset)?;
    check_component(short)
}

fn check_tag(tag: &str) -> Result<(), Invalid> {
    check_component(tag)?;
    if tag.starts_with('.') {
        return Err(Invalid::here("begins with `.`; such holds are OpenZFS's own"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(name: &str) -> Result<DatasetName, Invalid> {
        DatasetName::try_from(name.to_owned())
    }

    #[test]
    fn names_that_openzfs_takes_are_taken() {
        for name in ["tank", "tank/a", "tank/a.b_c:d-e/9", "Tank/.hidden"] {
            assert_eq!(dataset(name).unwrap().as_str(), name);
        }
        assert!(SnapshotName::try_from("tank/a@2026-11-20T10:00".to_owned()).is_ok());
        assert!(BookmarkName::try_from("tank/a#b".to_owned()).is_ok());
    }

    #[test]
    fn names_that_could_mean_something_else_are_refused() {
        for name in [
            "",
            "/",
            "tank/",
            "/tank",
            "tank//a",
            "tank/..",
            "tank/../x",
            "tank/.",
            "-r",
            "tank/-r",
            "tank/a b",
            "tank/a*",
            "tank/a%b",
            "tank/ä",
            "tank/a\n",
            "tank/a\0",
            "9tank",
            "_tank",
            "mirror",
            "raidz1",
            "log",
            "c0t0",
            "tank@a",
            "tank#a",
            "tank/a;b",
            "tank/$(id)",
        ] {
            assert!(dataset(name).is_err(), "{name:?}");
        }
        for name in
            ["tank/a", "tank/a@", "@a", "tank@a@b", "tank/a@b/c", "tank/a@-r", "tank/a@..", "tank/a@b,c"]
        {
            assert!(SnapshotName::try_from(name.to_owned()).is_err(), "{name:?}");
        }
    }

    #[test]
    fn names_of_255_bytes_are_taken_and_of_256_refused() {
        let name = |bytes: usize| format!("tank/{}", "x".repeat(bytes - 5));
        assert!(dataset(&name(255)).is_ok());
        assert!(dataset(&name(256)).is_err());
        let snapshot = |bytes: usize| format!("tank@{}", "x".repeat(bytes - 5));
        assert!(SnapshotName::try_from(snapshot(255)).is_ok());
        assert!(SnapshotName::try_from(snapshot(256)).is_err());
        let short = ShortName::try_from("x".repeat(251)).unwrap();
        assert!(dataset("tank").unwrap().snapshot(&short).is_err());
    }

    #[test]
    fn fifty_levels_are_taken_and_fifty_one_refused() {
        assert!(dataset(&["a"; 50].join("/")).is_ok());
        assert!(dataset(&["a"; 51].join("/")).is_err());
    }

    #[test]
    fn within_goes_by_whole_parts() {
        let repo = dataset("tank/repo").unwrap();
        assert!(dataset("tank/repo/a").unwrap().is_within(&repo));
        assert!(repo.is_within(&repo));
        assert!(!dataset("tank/repo-evil").unwrap().is_within(&repo));
        assert!(!dataset("tank").unwrap().is_within(&repo));
    }

    #[test]
    fn holds_of_openzfs_itself_cannot_be_named() {
        assert!(HoldTag::try_from(".send-1".to_owned()).is_err());
        assert!(HoldTag::try_from("keep".to_owned()).is_ok());
    }
}
