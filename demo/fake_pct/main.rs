//! A stand-in for Proxmox's tools where there are none: acts as `pct`, `pvesm` or `ha-manager`, whichever name it is
//! called by. For tests and the demo only; no installer knows it.
//!
//! Everything lies in one folder, `/run/fake-pct` (`FAKE_PCT_DIR` names another): configurations in Proxmox's grammar,
//! volumes, tasks. Containers are real ones, run by LXC; where the folder's file `backing` says `pure`, they are only
//! written down. Without that file it is LXC, and a host that has none of it is an error.

mod fake;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use nix::fcntl::{Flock, FlockArg};
use reeve::sys::clock::{Clock, SystemClock};
use reeve::sys::host::{PREFIX, prefixed};

use fake::{Backing, Machine, Output};

fn main() -> ExitCode {
    let mut args = std::env::args();
    let name = args.next().unwrap_or_default();
    let program = Path::new(&name).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let output = match on_machine(&program, &args.collect::<Vec<_>>()) {
        Ok(output) => output,
        Err(error) => {
            Output { code: 70, stdout: String::new(), stderr: format!("fake {program}: {error}\n") }
        }
    };
    // Nobody reads what a closed pipe swallows.
    let _closed = io::stdout().write_all(output.stdout.as_bytes());
    let _closed = io::stderr().write_all(output.stderr.as_bytes());
    ExitCode::from(output.code)
}

fn on_machine(program: &str, args: &[String]) -> io::Result<Output> {
    if !nix::unistd::geteuid().is_root() && PREFIX.is_empty() {
        return Ok(Output { code: 255, stdout: String::new(), stderr: "please run as root\n".to_owned() });
    }
    let dir = std::env::var_os("FAKE_PCT_DIR").map_or_else(|| prefixed("/run/fake-pct"), PathBuf::from);
    std::fs::create_dir_all(&dir)?;
    let _lock = lock(&dir.join("lock"))?;
    let backing = match std::fs::read_to_string(dir.join("backing")) {
        Ok(text) if text.trim() == "pure" => Backing::Pure,
        Ok(_) => Backing::Lxc,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Backing::Lxc,
        Err(error) => return Err(error),
    };
    let now = SystemClock.now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_secs();
    Ok(Machine { dir, backing, now }.run(program, args))
}

/// One call at a time, as the configuration's lock has it; what is started does not inherit it.
fn lock(path: &Path) -> io::Result<Flock<File>> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno.into())
}
