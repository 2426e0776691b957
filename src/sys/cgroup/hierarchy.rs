//! Where groups of runs may lie: at the top of what this host sees, or, where the top is not for us to write, below the group
//! that systemd delegated (`Delegate=`) to the container or unit that this process runs in.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{AccessFlags, access, geteuid};

use super::super::attribute;

const TOP: &str = "/sys/fs/cgroup";

/// Which kind of hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Unified,
    Separate,
}

/// A hierarchy, and the directory in it that is ours to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hierarchy {
    pub(super) layout: Layout,
    pub(super) base: PathBuf,
}

/// What is asked of a group: whether this process can write there, and whether systemd delegated it.
pub(super) struct Asked<'a> {
    pub(super) is_writable: &'a dyn Fn(&Path) -> bool,
    pub(super) is_delegated: &'a dyn Fn(&Path) -> bool,
}

impl Hierarchy {
    /// That of this host, as this process may use it.
    pub(super) fn of_this_host() -> Option<Hierarchy> {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let asked = Asked { is_writable: &is_writable, is_delegated: &is_delegated };
        Hierarchy::below(Path::new(TOP), &own, &asked)
    }

    /// That of a tree. `own` are the lines of `/proc/self/cgroup`.
    pub(super) fn below(top: &Path, own: &str, asked: &Asked<'_>) -> Option<Hierarchy> {
        if !top.join("cgroup.controllers").exists() {
            let has = |name: &str| top.join(name).join("cgroup.procs").exists();
            let has_all = has("memory") && has("pids") && has("cpuacct");
            return has_all.then(|| Hierarchy { layout: Layout::Separate, base: top.to_owned() });
        }
        let base = if (asked.is_writable)(top) {
            top.to_owned()
        } else {
            let own = Path::new(own.lines().find_map(|line| line.strip_prefix("0::/"))?);
            // A group outside of what is mounted begins with `..`.
            if own.components().any(|part| !matches!(part, Component::Normal(_))) {
                return None;
            }
            let own = top.join(own);
            let mut above = own.ancestors().take_while(|group| group.starts_with(top));
            // What is further up was delegated to somebody who handed on this one.
            let delegated = above.find(|group| (asked.is_delegated)(group))?;
            (asked.is_writable)(delegated).then(|| delegated.to_owned())?
        };
        has_controllers(&base).then_some(Hierarchy { layout: Layout::Unified, base })
    }
}

fn has_controllers(group: &Path) -> bool {
    let controllers = fs::read_to_string(group.join("cgroup.controllers")).unwrap_or_default();
    let has = |name: &str| controllers.split_ascii_whitespace().any(|word| word == name);
    has("memory") && has("pids")
}

/// Somebody else's group is not for us, also where we may write it: whose it is could take a run out of its bounds.
fn is_writable(group: &Path) -> bool {
    let is_own = fs::metadata(group).is_ok_and(|found| found.uid() == geteuid().as_raw());
    is_own && access(group, AccessFlags::W_OK).is_ok()
}

/// systemd marks what it delegates.
fn is_delegated(group: &Path) -> bool {
    ["trusted.delegate", "user.delegate"].into_iter().any(|name| attribute::is_one(group, name))
}
