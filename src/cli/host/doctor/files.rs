//! Who owns what everything else stands on, and whether it is what was built.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::found::Found;
use crate::cli::exit::with_causes;
use crate::cli::host::at_azure;
use crate::gate::config::GateConfig;
use crate::gate::preflight::Status;
use crate::grant::WrapperName;
use crate::operation::Digest;
use crate::sys::{host, ids, trusted_file};

/// The directories with their owners and modes, as systemd and the installer have them.
const DIRECTORIES: &str = include_str!("../../../../systemd/reeve.tmpfiles");
const PROGRAMS: [&str; 4] = ["reeve", "reeved", "reeve-gate", "reeve-launcher"];
const WRAPPERS: &str = "/usr/local/libexec/reeve";
/// No program comes near this.
const MOST_PROGRAM: usize = 1 << 30;
const READABLE_BY_OTHERS: u32 = 0o004;

/// Programs and wrappers: nobody but root can have written them, or can put others in their places.
pub(super) fn programs() -> Found {
    let programs = PROGRAMS.iter().map(|name| format!("/usr/local/bin/{name}"));
    let wrappers = WrapperName::ALL.iter().map(|name| format!("{WRAPPERS}/{}", name.as_str()));
    let paths: Vec<PathBuf> = programs.chain(wrappers).map(|path| host::prefixed(&path)).collect();
    Found::worst(untrusted(&paths), format!("{} programs are root's alone to write", paths.len()))
}

/// What decides anything: nobody but root can have written it.
pub(super) fn configuration(config: &GateConfig, sudoers: &Path) -> Found {
    let mut paths = vec![host::prefixed("/etc/reeve/grant.pub"), config.policy.clone(), sudoers.to_owned()];
    for name in ["gate.toml", "reeved.toml"] {
        paths.push(host::prefixed("/etc/reeve").join(name));
    }
    let at_azure =
        ["secrets.toml", "shields.toml", "azure.toml"].map(|name| host::prefixed("/etc/reeve").join(name));
    paths.extend(at_azure.into_iter().filter(|path| path.exists()));
    let tls = host::prefixed("/etc/reeve/tls");
    let mut problems = Vec::new();
    for directory in [&config.contracts, &config.tools, &tls] {
        match entries(directory) {
            Ok(found) => paths.extend(found),
            Err(error) => problems.push((Status::CouldNotCheck, format!("{}: {error}", directory.display()))),
        }
    }
    // One that is missing is found where it is tried.
    let identities =
        at_azure::secret_files(config).into_iter().map(|(path, _)| path).filter(|path| path.exists());
    let identities: Vec<PathBuf> = identities.collect();
    paths.extend(identities.iter().cloned());
    problems.extend(untrusted(&paths));
    let keys = entries(&tls).unwrap_or_default().into_iter().filter(|path| is_key(path));
    for path in keys.chain(identities) {
        let readable = fs::metadata(&path).is_ok_and(|found| found.mode() & READABLE_BY_OTHERS != 0);
        if readable {
            problems.push((Status::Fail, format!("{}: everybody may read this key", path.display())));
        }
    }
    Found::worst(problems, format!("{} files are root's alone to write", paths.len()))
}

fn is_key(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "key")
}

fn entries(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

fn untrusted(paths: &[PathBuf]) -> Vec<(Status, String)> {
    let wrong = paths.iter().filter_map(|path| trusted_file::check(path).err());
    let status = |error: &trusted_file::TrustedFileError| match error.problem() {
        trusted_file::Problem::Io(_) => Status::CouldNotCheck,
        trusted_file::Problem::NotAbsolute
        | trusted_file::Problem::SymbolicLink
        | trusted_file::Problem::WrongKind
        | trusted_file::Problem::Owner(_)
        | trusted_file::Problem::Writable { .. }
        | trusted_file::Problem::Readable { .. }
        | trusted_file::Problem::TooLarge { .. } => Status::Fail,
    };
    wrong.map(|error| (status(&error), with_causes(&error))).collect()
}

/// Every directory is its owner's, with its mode, and stands in a place that only root can give to another.
pub(super) fn directories() -> Found {
    let rows: Vec<Vec<&str>> = DIRECTORIES
        .lines()
        .filter(|line| line.starts_with("d "))
        .map(|line| line.split(' ').collect())
        .collect();
    let mut problems = Vec::new();
    for row in &rows {
        let [_, path, mode, user, group, ..] = row.as_slice() else { continue };
        if let Some(problem) = directory(&host::prefixed(path), mode, user, group) {
            problems.push(problem);
        }
    }
    Found::worst(problems, format!("{} directories are as they were installed", rows.len()))
}

fn directory(path: &Path, mode: &str, user: &str, group: &str) -> Option<(Status, String)> {
    let shown = path.display();
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) => return Some((Status::CouldNotCheck, format!("{shown}: {error}"))),
    };
    if !found.is_dir() {
        return Some((Status::Fail, format!("{shown}: is no directory")));
    }
    let (Ok(Some(user_id)), Ok(Some(group_id))) = (ids::user(user), ids::group(group)) else {
        return Some((Status::CouldNotCheck, format!("{shown}: there is no {user} or no group {group}")));
    };
    let mode_found = format!("{:04o}", found.permissions().mode() & 0o7777);
    if (found.uid(), found.gid()) != (user_id.uid, group_id) || mode_found != mode {
        return Some((
            Status::Fail,
            format!(
                "{shown}: belongs to {}:{} with mode {mode_found}, and should to {user}:{group} with {mode}",
                found.uid(),
                found.gid()
            ),
        ));
    }
    let place = trusted_file::check_place(path).err()?;
    Some((Status::Fail, with_causes(&place)))
}

/// Every wrapper is the one that was installed, by the list that the installer wrote beside them.
pub(super) fn wrapper_hashes() -> Found {
    let directory = host::prefixed(WRAPPERS);
    let list = directory.join("SHA256SUMS");
    let bytes = match trusted_file::read(&list, 64 << 10) {
        Ok(bytes) => bytes,
        Err(error) => return Found::unseen(with_causes(&error)),
    };
    let text = String::from_utf8_lossy(&bytes);
    let listed: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once("  ")).collect();
    let mut problems = Vec::new();
    for name in WrapperName::ALL {
        let name = name.as_str();
        let Some((wanted, _)) = listed.iter().find(|(_, listed)| *listed == name) else {
            problems.push((Status::CouldNotCheck, format!("{name}: is not in {}", list.display())));
            continue;
        };
        match trusted_file::read(&directory.join(name), MOST_PROGRAM) {
            Ok(bytes) => {
                let found = Digest::of_bytes(&bytes);
                if found.as_str().trim_start_matches("sha256:") != *wanted {
                    problems
                        .push((Status::Fail, format!("{name}: is not the one that was installed: {found}")));
                }
            }
            Err(error) => problems.push((Status::CouldNotCheck, with_causes(&error))),
        }
    }
    Found::worst(problems, format!("{} wrappers are the ones that were installed", WrapperName::ALL.len()))
}

/// What root added to the units: it may be meant, and it may undo what confines them.
pub(super) fn units() -> Found {
    let mut problems = Vec::new();
    for directory in ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system"] {
        let Ok(found) = entries(Path::new(directory)) else { continue };
        let is_ours = |path: &&PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with("reeve") && name.ends_with(".d")
        };
        for drop_in in found.iter().filter(is_ours).flat_map(|path| entries(path).unwrap_or_default()) {
            problems.push((Status::Warn, format!("{}: changes a unit", drop_in.display())));
        }
    }
    Found::worst(problems, "no unit of Reeve's is changed by another file")
}
