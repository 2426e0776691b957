//! The command line of bubblewrap for tier C: fixed but for paths and sizes that a confinement has.

use super::view::{NAMES, READABLE};
use super::{Confinement, Network};

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
    /// From here on lies what is bound.
    pub const FIRST_BOUND: i32 = 7;
}

/// How a place comes to be in the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Whatever this descriptor stands for, to read.
    ReadOnly(i32),
    /// The directory that is there already, which this descriptor stands for, as a mount of its own: it cannot be renamed.
    Same(i32),
    /// A directory in which nothing is.
    Empty,
    /// A file in which nothing is, from this descriptor.
    EmptyFile(i32),
}

/// A place in the root that is laid over what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// As the tool sees it.
    pub path: String,
    /// How.
    pub how: How,
}

/// The arguments, without `bwrap` itself. `inner` is the wrapper as it is found below `/usr`.
#[must_use]
pub fn arguments(confinement: &Confinement, inner: &str, bound: &[Bound]) -> Vec<String> {
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
    // They lie in memory there, bounded, before bubblewrap begins, and so does a fresh workspace.
    for (from, to) in
        [("/tmp", "/tmp"), ("/dev/shm", "/dev/shm"), (&confinement.workspace.path(), "/workspace")]
    {
        argv.add(&["--bind", from, to]);
    }
    // What lies deeper is laid over what is above it, so that a path inside of a hidden one is seen where it is granted.
    let mut bound: Vec<&Bound> = bound.iter().collect();
    bound.sort_by(|one, other| one.path.cmp(&other.path));
    for Bound { path, how } in &bound {
        match how {
            How::ReadOnly(from) => argv.add(&["--ro-bind-fd", &from.to_string(), path]),
            How::Same(from) => argv.add(&["--bind-fd", &from.to_string(), path]),
            How::Empty => argv.add(&["--perms", "0555", "--tmpfs", path]),
            How::EmptyFile(from) => argv.add(&["--ro-bind-data", &from.to_string(), path]),
        }
    }
    for Bound { path, .. } in bound.iter().filter(|bound| bound.how == How::Empty) {
        argv.add(&["--remount-ro", path]);
    }
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
    fn every_namespace_is_new_nothing_but_what_a_tool_writes_is_bound_writable_and_no_more_users_can_be_made()
    {
        let argv = arguments(&sample(Tier::C), "/usr/local/libexec/reeve/reeve-tool", &[]);
        for kind in ["user", "ipc", "pid", "net", "uts", "cgroup"] {
            assert!(argv.contains(&format!("--unshare-{kind}")), "{kind}");
        }
        assert!(argv.contains(&"--disable-userns".to_owned()));
        let bound: Vec<_> =
            argv.windows(3).filter(|three| three[0] == "--bind" || three[0] == "--dev-bind").collect();
        let workspace = ["--bind", "/var/lib/reeve-tools/principal/librarian", "/workspace"];
        assert_eq!(bound, [["--bind", "/tmp", "/tmp"], ["--bind", "/dev/shm", "/dev/shm"], workspace]);
        assert_eq!(argv[argv.len() - 3..], ["--", "/usr/local/libexec/reeve/reeve-tool", "--inside"]);
    }

    #[test]
    fn only_where_egress_is_advisory_the_network_is_the_hosts() {
        use crate::sandbox::egress::{Destination, Egress, Lists};
        let lists = Lists { allow: vec![Destination::read("a.com:443").unwrap()], never: vec![] };
        let has_own = |egress| {
            let confinement = Confinement { egress, ..sample(Tier::C) };
            arguments(&confinement, "/x", &[]).contains(&"--unshare-net".to_owned())
        };
        assert!(has_own(Egress::None) && has_own(Egress::Strict(lists.clone())));
        assert!(!has_own(Egress::Preflight(lists)));
    }

    #[test]
    fn what_is_hidden_is_laid_over_what_is_granted_and_what_is_granted_in_it_over_that() {
        let bound = [
            ("/srv/docs/private/open", How::ReadOnly(8)),
            ("/srv/docs/private", How::Empty),
            ("/srv/docs", How::ReadOnly(7)),
            ("/srv/docs/key", How::EmptyFile(9)),
        ]
        .map(|(path, how)| Bound { path: path.to_owned(), how });
        let argv = arguments(&sample(Tier::C), "/x", &bound).join(" ");
        let laid = "--ro-bind-fd 7 /srv/docs --ro-bind-data 9 /srv/docs/key --perms 0555 --tmpfs /srv/docs/private \
            --ro-bind-fd 8 /srv/docs/private/open --remount-ro /srv/docs/private --remount-ro /";
        assert!(argv.contains(laid), "{argv}");
    }

    #[test]
    fn a_directory_above_what_is_protected_is_mounted_before_that_and_written() {
        let bound = [
            ("/workspace/ci/release.sh", How::ReadOnly(8)),
            ("/workspace/ci-old/x", How::ReadOnly(10)),
            ("/workspace/ci", How::Same(7)),
            ("/workspace/ci-old", How::Same(9)),
        ]
        .map(|(path, how)| Bound { path: path.to_owned(), how });
        let argv = arguments(&sample(Tier::C), "/x", &bound).join(" ");
        let laid = "/workspace --bind-fd 7 /workspace/ci --bind-fd 9 /workspace/ci-old --ro-bind-fd 10 /workspace/ci-old/x \
            --ro-bind-fd 8 /workspace/ci/release.sh --remount-ro /";
        assert!(argv.contains(laid), "{argv}");
    }
}
