//! Whether a host can enforce a confinement: asked by the wrapper before it spends a grant, and by `reeve check` and
//! `reeve doctor` of every declared tool, so that whoever declares one hears of it before an agent does.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::sandbox::{BUBBLEWRAP, Confinement, MemoryBy, Tier};
use crate::sys::{cgroup, ids, landlock, seccomp, trusted_file};

/// Where AppArmor shows each profile that it has loaded, in a directory of its own. Only root sees them.
const PROFILES: &str = "/sys/kernel/security/apparmor/policy/profiles";
const SETUID_OR_SETGID: u32 = 0o6000;

/// A layer that is not there, and what is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The part of the confinement.
    pub layer: &'static str,
    /// What is to be done.
    pub fix: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: cannot be enforced here: {}", self.layer, self.fix)
    }
}

/// What a host has to shut tools in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layers {
    /// Landlock's ABI; 0 without it.
    pub landlock: u32,
    /// Filters of system calls.
    pub seccomp: bool,
    /// Control groups that this process could make. Whether root could is for root to look at: `None` for everybody else.
    pub cgroup: Option<bool>,
    /// What is wrong with bubblewrap.
    pub bubblewrap: Result<(), String>,
    /// What keeps a user who is not root from a user namespace, with the fix.
    pub user_namespaces: Result<(), &'static str>,
}

impl Layers {
    /// Those of this host.
    #[must_use]
    pub fn of_this_host() -> Layers {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let apparmor = read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
        let namespaces = [
            (
                has_none(&read("/proc/sys/user/max_user_namespaces")),
                "sysctl user.max_user_namespaces above 0",
            ),
            (
                is_off(&read("/proc/sys/kernel/unprivileged_userns_clone")),
                "sysctl kernel.unprivileged_userns_clone=1",
            ),
            (is_restricted(&apparmor, || attachments(Path::new(PROFILES))), APPARMOR),
        ];
        Layers {
            landlock: landlock::abi(),
            seccomp: seccomp::is_there(),
            cgroup: ids::is_root().then(cgroup::is_there),
            bubblewrap: bubblewrap(Path::new(BUBBLEWRAP)),
            user_namespaces: namespaces
                .into_iter()
                .find(|(is_so, _)| *is_so)
                .map_or(Ok(()), |(_, fix)| Err(fix)),
        }
    }

    /// Whether all of a confinement can be enforced with them, as far as this process can see.
    ///
    /// # Errors
    /// The first layer that is missing.
    pub fn enforce(&self, confinement: &Confinement) -> Result<(), Missing> {
        let missing = |layer, fix: String| Err(Missing { layer, fix });
        let (abi, needed) = (self.landlock, confinement.landlock());
        if abi < needed {
            let kernel = if needed > 3 { "6.12" } else { "6.2" };
            let fix = format!(
                "tier {} needs Landlock's ABI {needed} (Linux {kernel}) and this kernel has {abi}: a newer kernel, or \
                 lsm=landlock,… on its command line",
                confinement.tier.as_str()
            );
            return missing("landlock", fix);
        }
        if !self.seccomp {
            return missing("seccomp", "a kernel with CONFIG_SECCOMP_FILTER".to_owned());
        }
        if confinement.limits.memory_by == MemoryBy::Cgroup && self.cgroup == Some(false) {
            let fix = "control groups for memory and processes, or memory_by = \"rlimit\" in the declaration";
            return missing("cgroup", fix.to_owned());
        }
        if confinement.tier == Tier::C {
            if let Err(fix) = &self.bubblewrap {
                return missing("bubblewrap", fix.clone());
            }
            if let Err(fix) = self.user_namespaces {
                return missing("user namespaces", fix.to_owned());
            }
        }
        Ok(())
    }
}

/// As root it would make namespaces that the tool's user could not, and what the wrapper looks for inside would not be there.
fn bubblewrap(path: &Path) -> Result<(), String> {
    let package = "Debian: apt-get install bubblewrap";
    match trusted_file::check(path) {
        Err(error) if error.is_not_found() => return Err(format!("{} ({package})", path.display())),
        Err(error) => return Err(format!("{error} ({package})")),
        Ok(()) => {}
    }
    match std::fs::metadata(path) {
        Ok(found) if found.mode() & SETUID_OR_SETGID == 0 => Ok(()),
        Ok(_) => {
            let path = path.display();
            Err(format!(
                "{path} is setuid: chmod u-s,g-s {path}, and dpkg-statoverride where it is to stay so"
            ))
        }
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

const APPARMOR: &str = "AppArmor keeps user namespaces from programs without a profile \
    (kernel.apparmor_restrict_unprivileged_userns = 1): a profile for /usr/bin/bwrap that has \"userns,\" (Ubuntu: the package \
    apparmor-profiles has bwrap-userns-restrict), or sysctl kernel.apparmor_restrict_unprivileged_userns=0";

/// Whether a limit says that there may be none; where there is no such file, the kernel has none either.
fn has_none(limit: &str) -> bool {
    limit.trim().parse::<u64>().unwrap_or(0) == 0
}

/// Whether a switch that not every kernel has is off.
fn is_off(switch: &str) -> bool {
    switch.trim() == "0"
}

/// Whether AppArmor lets bubblewrap make no user namespace: its switch is on, and nothing that is attached to a program is
/// bubblewrap's. Where that cannot be seen, bubblewrap itself says so when it is tried, and nothing runs without.
fn is_restricted(switch: &str, attachments: impl FnOnce() -> Option<String>) -> bool {
    switch.trim() == "1" && attachments().is_some_and(|attached| !attached.contains("bwrap"))
}

/// The names of AppArmor's profiles and what each is attached to, a line each.
fn attachments(profiles: &Path) -> Option<String> {
    let mut text = String::new();
    for profile in std::fs::read_dir(profiles).ok()?.flatten() {
        let attached = std::fs::read_to_string(profile.path().join("attach")).unwrap_or_default();
        text.push_str(&format!("{} {}\n", profile.file_name().to_string_lossy(), attached.trim()));
    }
    Some(text)
}

#[cfg(test)]
mod tests;
