//! What a tool may reach of the file system, path by path.

use super::{Confinement, Network, Tier};
use crate::sys::landlock::fs;

/// What may be done at and below a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read it, and run what is there.
    Run,
    /// Read it.
    Read,
    /// See the names of what is there.
    List,
    /// Read and write what is there, and make nothing.
    Device,
    /// Everything but making devices and running files.
    Write,
    /// The same, and running files.
    WriteAndRun,
}

/// One path, and what may be done there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// As the tool sees it.
    pub path: String,
    /// What may be done.
    pub access: Access,
    /// Whether a host may do without it.
    pub optional: bool,
}

/// What of `/etc` programs need to start, to know names and time zones, and to check certificates.
pub const READABLE: [&str; 12] = [
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/gitconfig",
    "/etc/localtime",
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/protocols",
    "/etc/services",
    "/etc/mime.types",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
];

/// What it takes to look names up, where there is somebody to ask.
pub(super) const NAMES: [&str; 4] = ["/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf"];

/// Devices that hold nothing.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Everything that a tool may reach.
#[must_use]
pub fn view(confinement: &Confinement) -> Vec<View> {
    let seen = |path: &str, access, optional| View { path: path.to_owned(), access, optional };
    // What is Reeve's own has what it takes to load one program, and the files that it reads.
    let one_program = |reads: &str| {
        vec![
            seen("/usr/lib", Access::Run, false),
            seen("/usr/lib64", Access::Run, true),
            seen("/etc/ld.so.cache", Access::Read, true),
            seen(reads, Access::Read, false),
        ]
    };
    match (confinement.tier, &confinement.module) {
        (Tier::A, _) => return one_program(&confinement.workspace_inside()),
        (Tier::W, Some(module)) => return one_program(&module.path),
        (Tier::B | Tier::C | Tier::W, _) => {}
    }
    let own = if confinement.workspace_exec { Access::WriteAndRun } else { Access::Write };
    let mut all = vec![
        seen("/usr", Access::Run, false),
        seen(&confinement.workspace_inside(), own, false),
        seen("/tmp", own, false),
    ];
    all.extend(READABLE.map(|path| seen(path, Access::Read, true)));
    match confinement.network() {
        Network::Hosts => all.extend(NAMES.map(|path| seen(path, Access::Read, true))),
        Network::None | Network::Own => {}
    }
    all.extend(DEVICES.map(|path| seen(path, Access::Device, false)));
    if confinement.tier == Tier::C {
        // Its root holds nothing but what is named here.
        all.push(seen("/", Access::List, false));
        all.push(seen("/proc", Access::Read, false));
        all.push(seen("/dev/pts", Access::Device, false));
        all.push(seen("/dev/shm", Access::Write, false));
    }
    all.extend(confinement.read_only.iter().map(|path| seen(path, Access::Read, false)));
    if !confinement.program.starts_with("/usr/") {
        all.push(seen(&confinement.program, Access::Run, false));
    }
    all
}

/// The access in Landlock's rights.
#[must_use]
pub fn rights(access: Access) -> u64 {
    let read = fs::READ_FILE | fs::READ_DIR;
    let devices = fs::MAKE_CHAR | fs::MAKE_BLOCK | fs::IOCTL_DEV;
    match access {
        Access::Run => read | fs::EXECUTE,
        Access::Read => read,
        Access::List => fs::READ_DIR,
        Access::Device => read | fs::WRITE_FILE | fs::TRUNCATE,
        Access::Write => !(devices | fs::EXECUTE),
        Access::WriteAndRun => !devices,
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoding::tests::sample;
    use super::*;

    #[test]
    fn only_the_workspace_and_private_places_are_written() {
        for tier in [Tier::B, Tier::C] {
            let confinement = sample(tier);
            let own = [confinement.workspace_inside(), "/tmp".to_owned(), "/dev/shm".to_owned()];
            for View { path, access, .. } in view(&confinement) {
                let is_written = rights(access) & fs::MAKE_CHAR << 1 != 0;
                assert_eq!(is_written, own.contains(&path), "{path}");
                assert_eq!(rights(access) & (fs::MAKE_CHAR | fs::MAKE_BLOCK), 0, "{path}");
                assert_eq!(rights(access) & fs::EXECUTE != 0, path == "/usr", "{path}");
            }
        }
    }

    #[test]
    fn what_is_built_in_writes_nothing_and_reads_the_workspace() {
        let confinement = sample(Tier::A);
        for View { path, access, .. } in view(&confinement) {
            assert!(matches!(access, Access::Run | Access::Read), "{path}");
            assert_eq!(
                path == "/var/lib/reeve-tools/principal/librarian",
                !path.starts_with("/usr/lib") && !path.starts_with("/etc/ld.so"),
                "{path}"
            );
        }
    }

    #[test]
    fn what_runs_a_module_has_the_module_and_neither_a_workspace_nor_a_device() {
        let confinement = sample(Tier::W);
        let seen: Vec<_> = view(&confinement).into_iter().map(|seen| seen.path).collect();
        assert_eq!(
            seen,
            ["/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/local/lib/reeve/modules/count.wasm"]
        );
    }

    #[test]
    fn a_workspace_whose_files_may_run_says_so() {
        let mut confinement = sample(Tier::C);
        confinement.workspace_exec = true;
        let own = view(&confinement).into_iter().find(|seen| seen.path == "/workspace").unwrap();
        assert_eq!(own.access, Access::WriteAndRun);
    }
}
