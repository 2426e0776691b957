//! A stand-in for OpenZFS where there is none: acts as `zfs` or `zpool`, whichever name it is called by. For tests and the
//! demo only; no installer knows it. It earns its place by passing `tests/zfs_conformance.rs`, as real OpenZFS does.
//!
//! Pools live in one JSON file, `/run/fake-zfs/state.json` (`FAKE_ZFS_DIR` names another folder), under a lock.

mod fake;

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use nix::fcntl::{Flock, FlockArg};
use reeve::sys::clock::{Clock, SystemClock};
use reeve::sys::host::{PREFIX, prefixed};

use fake::{Call, Caller, Output, State, run};

fn main() -> ExitCode {
    let mut args = std::env::args();
    let name = args.next().unwrap_or_default();
    let program = Path::new(&name).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let output = match in_state(&program, args.collect()) {
        Ok(output) => output,
        Err(error) => {
            Output { code: 70, stdout: String::new(), stderr: format!("fake {program}: {error}\n") }
        }
    };
    // Nobody reads what a closed pipe swallows.
    let _closed = io::stderr().write_all(output.stderr.as_bytes());
    let _closed = io::stdout().write_all(output.stdout.as_bytes());
    ExitCode::from(output.code)
}

fn in_state(program: &str, args: Vec<String>) -> io::Result<Output> {
    let directory = std::env::var_os("FAKE_ZFS_DIR").map_or_else(|| prefixed("/run/fake-zfs"), PathBuf::from);
    std::fs::create_dir_all(&directory)?;
    let _lock = lock(&directory.join("lock"))?;
    let path = directory.join("state.json");
    let mut state = load(&path)?;
    let before = serde_json::to_string(&state)?;
    let now = SystemClock.now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_secs();
    let output = run(&mut state, &Call { program, args: &args, caller: caller()?, now });
    let after = serde_json::to_string(&state)?;
    if after != before {
        save(&directory, &path, &after)?;
    }
    Ok(output)
}

fn lock(path: &Path) -> io::Result<Flock<File>> {
    let file =
        match OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o666).open(path) {
            // Whoever made it may have had a umask; a lock needs no write permission.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => File::open(path)?,
            other => other?,
        };
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno.into())
}

fn load(path: &Path) -> io::Result<State> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::default()),
        Err(error) => Err(error),
    }
}

fn save(directory: &Path, path: &Path, text: &str) -> io::Result<()> {
    let new = directory.join(format!("state.{}", std::process::id()));
    std::fs::write(&new, text)?;
    std::fs::set_permissions(&new, Permissions::from_mode(0o666))?;
    std::fs::rename(&new, path)
}

/// Root may do everything; so may everyone in a build for the demo without root. Tests say who they play.
fn caller() -> io::Result<Caller> {
    if let Ok(name) = std::env::var("FAKE_ZFS_CALLER") {
        return Ok(if name == "root" { Caller::Root } else { Caller::User(name) });
    }
    let uid = nix::unistd::geteuid();
    if uid.is_root() || !PREFIX.is_empty() {
        return Ok(Caller::Root);
    }
    let user = nix::unistd::User::from_uid(uid)?;
    Ok(Caller::User(user.map_or_else(|| uid.to_string(), |user| user.name)))
}
