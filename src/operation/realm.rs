//! What contracts grant by name: one list for each realm, and the rules by which a name lies inside of what was granted.

use serde::{Deserialize, Serialize};

use super::Invalid;
use super::ansible::PlaybookName;
use super::azure::AzureScope;
use super::git::RepositoryPath;
use super::pct::{VmId, VmRange};
use super::systemd::GrantedUnit;
use super::tool::ToolName;
use super::zfs::{DatasetName, PoolName, Target};

/// A realm of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Realm {
    /// ZFS datasets, with what lies below them.
    Dataset,
    /// ZFS pools.
    Pool,
    /// Playbooks, by their names in root's configuration.
    Playbook,
    /// systemd's units, and `system` for what is about no unit alone.
    Unit,
    /// Git repositories, at and below a path.
    Repository,
    /// Proxmox containers.
    Container,
    /// Declared tools, by their names.
    Tool,
    /// Azure's subscriptions, with their groups and what is in these.
    Azure,
}

impl Realm {
    /// Every one of them.
    pub const ALL: [Self; 8] = [
        Self::Dataset,
        Self::Pool,
        Self::Playbook,
        Self::Unit,
        Self::Repository,
        Self::Container,
        Self::Tool,
        Self::Azure,
    ];

    /// The key in contracts.
    pub fn key(self) -> &'static str {
        match self {
            Self::Dataset => "datasets",
            Self::Pool => "pools",
            Self::Playbook => "playbooks",
            Self::Unit => "units",
            Self::Repository => "repositories",
            Self::Container => "containers",
            Self::Tool => "tools",
            Self::Azure => "azure",
        }
    }

    /// Reads what a contract grants.
    ///
    /// # Errors
    /// When it is no name of this realm.
    pub fn grant(self, written: String) -> Result<Granted, Invalid> {
        match self {
            Self::Dataset => DatasetName::try_from(written).map(Granted::Dataset),
            Self::Pool => PoolName::try_from(written).map(Granted::Pool),
            Self::Playbook => PlaybookName::try_from(written).map(Granted::Playbook),
            Self::Unit => GrantedUnit::try_from(written).map(Granted::Unit),
            Self::Repository => RepositoryPath::try_from(written).map(Granted::Repository),
            Self::Container => VmRange::try_from(written).map(Granted::Container),
            Self::Tool => ToolName::try_from(written).map(Granted::Tool),
            Self::Azure => AzureScope::try_from(written).map(Granted::Azure),
        }
    }
}

/// A name in an operation that a contract must grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Where it lies.
    pub realm: Realm,
    /// The name.
    pub name: String,
}

impl Touched {
    /// A name in a realm.
    pub fn new(realm: Realm, name: impl Into<String>) -> Self {
        Self { realm, name: name.into() }
    }
}

/// What a contract grants: a name of a realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// A dataset, its snapshots and bookmarks, and all that lies below.
    Dataset(DatasetName),
    /// A pool.
    Pool(PoolName),
    /// A playbook.
    Playbook(PlaybookName),
    /// A unit, the instances of a template, or `system`.
    Unit(GrantedUnit),
    /// A repository, what is in it, and all repositories below.
    Repository(RepositoryPath),
    /// Containers, with their snapshots.
    Container(VmRange),
    /// A tool.
    Tool(ToolName),
    /// A subscription, a group or an app, and what lies below.
    Azure(AzureScope),
}

impl Granted {
    /// Whether a name lies inside.
    pub fn covers(&self, name: &str) -> bool {
        match self {
            Self::Dataset(granted) => {
                Target::try_from(name.to_owned()).is_ok_and(|target| target.dataset().is_within(granted))
            }
            Self::Pool(granted) => granted.as_str() == name,
            Self::Playbook(granted) => granted.as_str() == name,
            Self::Unit(granted) => granted.covers(name),
            // What is in a repository is called `/srv/app:main`, and no repository has a colon.
            Self::Repository(granted) => {
                let path = name.split_once(':').map_or(name, |(path, _)| path);
                RepositoryPath::try_from(path.to_owned()).is_ok_and(|path| path.is_within(granted))
            }
            Self::Container(granted) => covers(*granted, name),
            Self::Tool(granted) => granted.as_str() == name,
            Self::Azure(granted) => granted.covers(name),
        }
    }

    /// The realm that it is of.
    pub fn realm(&self) -> Realm {
        match self {
            Self::Dataset(_) => Realm::Dataset,
            Self::Pool(_) => Realm::Pool,
            Self::Playbook(_) => Realm::Playbook,
            Self::Unit(_) => Realm::Unit,
            Self::Repository(_) => Realm::Repository,
            Self::Container(_) => Realm::Container,
            Self::Tool(_) => Realm::Tool,
            Self::Azure(_) => Realm::Azure,
        }
    }
}

/// A container, a snapshot of one (`101@before`), or a range of them.
fn covers(granted: VmRange, name: &str) -> bool {
    let named = match name.split_once('@') {
        Some((_, "")) => return false,
        Some((vm, _)) => VmId::try_from(vm.to_owned()).map(VmRange::from),
        None => VmRange::try_from(name.to_owned()),
    };
    named.is_ok_and(|named| granted.covers(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_containers_covers_their_snapshots_and_no_number_beside_it() {
        let granted = Realm::Container.grant("200-299".to_owned()).unwrap();
        for inside in ["200", "299", "250@before", "210-220", "200-299"] {
            assert!(granted.covers(inside), "{inside}");
        }
        for outside in
            ["199", "300", "2000", "20", "199-200", "299-300", "300@before", "200@", "0200", "", "tank"]
        {
            assert!(!granted.covers(outside), "{outside}");
        }
    }
}
