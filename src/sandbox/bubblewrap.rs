//! The command line of bubblewrap for tier C: fixed but for paths and sizes that a confinement has.

use super::view::{NAMES, READABLE};
use super::{Confinement, Network, Workspace};

/// Debian's, which is neither setuid nor given capabilities.
pub const BUBBLEWRAP: &str = "/usr/bin/bwrap";

/// The descriptors that pass through bubblewrap to the wrapper's inner stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// What is to be done.
    pub order: i32,
    /// Where it is reported.
    pub report: i32,
    /// The program.
    pub program: i32,
    /// Where the tool's proxy takes the socket that it is to listen on, when it has one.
    pub proxy: i32,
}

impl Descriptors {
    /// Where they are on the other side.
    pub const FIXED: Descriptors = Descriptors { order: 3, report: 4, program: 5, proxy: 6 };
}

/// The arguments, without `bwrap` itself. `inner` is the wrapper as it is found below `/usr`.
#[must_use]
pub fn arguments(confinement: &Confinement, inner: &str) -> Vec<String> {
    let mut argv = Argv(Vec::new());
    argv.add(&[
        "--unshare-user",
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-uts",
        "--unshare-cgroup",
        "--disable-userns",
        "--die-with-parent",
        "--new-session",
        "--as-pid-1",
        "--clearenv",
    ]);
    match confinement.network() {
        Network::None | Network::Own => argv.add(&["--unshare-net"]),
        Network::Hosts => NAMES.into_iter().for_each(|path| argv.add(&["--ro-bind-try", path, path])),
    }
    argv.add(&["--cap-drop", "ALL", "--hostname", "tool"]);
    argv.add(&["--ro-bind", "/usr", "/usr"]);
    for (to, link) in
        [("usr/bin", "/bin"), ("usr/sbin", "/sbin"), ("usr/lib", "/lib"), ("usr/lib64", "/lib64")]
    {
        argv.add(&["--symlink", to, link]);
    }
    READABLE.into_iter().for_each(|path| argv.add(&["--ro-bind-try", path, path]));
    argv.add(&["--proc", "/proc", "--dev", "/dev"]);
    let size = confinement.limits.workspace.to_string();
    argv.add(&["--perms", "0700", "--size", &size, "--tmpfs", "/tmp"]);
    argv.add(&["--perms", "0700", "--size", &size, "--tmpfs", "/dev/shm"]);
    match &confinement.workspace {
        Workspace::Fresh => argv.add(&["--perms", "0700", "--size", &size, "--tmpfs", "/workspace"]),
        kept @ (Workspace::Principal(_) | Workspace::Named(_)) => {
            argv.add(&["--bind", &kept.path(), "/workspace"])
        }
    }
    confinement.read_only.iter().for_each(|path| argv.add(&["--ro-bind", path, path]));
    argv.add(&["--remount-ro", "/", "--chdir", "/workspace", "--", inner, "--inside"]);
    argv.0
}

struct Argv(Vec<String>);

impl Argv {
    fn add(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(|word| (*word).to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Tier, encoding::tests::sample};
    use super::*;

    #[test]
    fn every_namespace_is_new_nothing_but_the_workspace_is_bound_writable_and_no_more_users_can_be_made() {
        let argv = arguments(&sample(Tier::C), "/usr/local/libexec/reeve/reeve-tool");
        for kind in ["user", "ipc", "pid", "net", "uts", "cgroup"] {
            assert!(argv.contains(&format!("--unshare-{kind}")), "{kind}");
        }
        assert!(argv.contains(&"--disable-userns".to_owned()));
        let bound: Vec<_> =
            argv.windows(3).filter(|three| three[0] == "--bind" || three[0] == "--dev-bind").collect();
        assert_eq!(bound, [["--bind", "/var/lib/reeve-tools/principal/librarian", "/workspace"]]);
        assert_eq!(argv[argv.len() - 3..], ["--", "/usr/local/libexec/reeve/reeve-tool", "--inside"]);
    }

    #[test]
    fn only_where_egress_is_advisory_the_network_is_the_hosts() {
        use crate::sandbox::egress::{Destination, Egress, Lists};
        let lists = Lists { allow: vec![Destination::read("a.com:443").unwrap()], never: vec![] };
        let has_own = |egress| {
            let confinement = Confinement { egress, ..sample(Tier::C) };
            arguments(&confinement, "/x").contains(&"--unshare-net".to_owned())
        };
        assert!(has_own(Egress::None) && has_own(Egress::Strict(lists.clone())));
        assert!(!has_own(Egress::Preflight(lists)));
    }

    #[test]
    fn a_fresh_workspace_is_in_memory_and_bounded() {
        let confinement = Confinement { workspace: Workspace::Fresh, ..sample(Tier::C) };
        let argv = arguments(&confinement, "/x");
        let at = argv.iter().position(|word| word == "/workspace").unwrap();
        assert_eq!(argv[at - 5..=at], ["--perms", "0700", "--size", "1048576", "--tmpfs", "/workspace"]);
        assert!(!argv.contains(&"--bind".to_owned()));
    }
}
