//! `reeve-launcher`: starts wrappers for the gate, and does nothing else. See [`reeve::launcher`].

use std::convert::Infallible;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::ExitCode;

use reeve::launcher::options::{Options, USAGE};
use reeve::launcher::server::{Launcher, Start};
use reeve::sys::activation::{self, Passed};
use reeve::sys::{harden, ids};

fn main() -> ExitCode {
    let why = match serve() {
        Ok(never) => match never {},
        Err(why) => why,
    };
    eprintln!("reeve-launcher: {why}");
    ExitCode::FAILURE
}

fn serve() -> Result<Infallible, String> {
    let passed = activation::passed(|name| std::env::var(name).ok()).map_err(told("socket from systemd"))?;
    let keep: Vec<_> = passed.iter().map(Passed::descriptor).collect();
    harden::start(&keep).map_err(told("hardening"))?;
    let options = Options::parse(std::env::args().skip(1)).map_err(|wrong| format!("{wrong}\n{USAGE}"))?;
    let gate = ids::user(&options.gate_user)
        .map_err(told("looking up the gate's user"))?
        .ok_or_else(|| format!("there is no user {:?}", options.gate_user))?;
    if options.start == Start::Direct {
        // Without sudo nothing below here has to become more than this process is.
        harden::no_new_privileges().map_err(told("giving up new privileges"))?;
        if !ids::is_root() {
            eprintln!(
                "reeve-launcher: not root and told to start wrappers directly: nothing they start will be root"
            );
        }
    }
    let listener = match passed {
        Some(passed) => passed.into_listener().map_err(told("socket from systemd"))?,
        None => listen(&options.socket, gate.uid).map_err(told("listening"))?,
    };
    let launcher = Launcher { gate_uid: gate.uid, wrappers: options.wrappers, start: options.start };
    launcher.serve(&listener).map_err(told("starting threads"))
}

/// Listens where only the gate can connect; or, without the right to give a socket away, where everybody can connect
/// and the gate alone is answered.
fn listen(path: &Path, gate_uid: u32) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    let mode = if chown(path, Some(gate_uid), None).is_ok() { 0o600 } else { 0o666 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

fn told(doing: &'static str) -> impl Fn(io::Error) -> String {
    move |error| format!("{doing}: {error}")
}
