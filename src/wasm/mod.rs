//! Tier W: the program `reeve-wasm`, which runs one module of WebAssembly. `reeve-tool` starts it as the tool's user, shut in,
//! with the module as the one file that it may read.
//!
//! Its arguments are what bounds the module, its path, and the module's own arguments. Bytes go in by standard input and come
//! out by the two outputs; the environment is the declared one. A status is the module's; everything else that can end it is
//! said by a signal ([`Said`]), with a line on standard error.

mod interface;
mod look;
mod store;

pub use look::fits;

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use sha2::{Digest, Sha256};
use wasmtime::{Config, Engine, Linker, Module, Store, Trap};

use crate::sandbox::module::{Bounds, MOST_BYTES, Said};
use crate::sandbox::report::Limit;
use crate::sys::harden;
use store::{Exit, Reached, State, Streams};

/// How much longer than its deadline a module has that is not in its own code: in the compiler, or in a call of ours.
const GRACE: Duration = Duration::from_millis(250);
/// What the module's own calls may take of the stack.
const MOST_STACK: usize = 512 << 10;
const USAGE: u8 = 2;

/// How a module ended.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    /// By itself, with this status.
    Exit(u8),
    /// By a limit.
    Limit(Limit),
    /// By a trap: which.
    Trap(String),
    /// It was not begun: why.
    Refused(String),
}

/// The program.
pub fn main() -> ExitCode {
    if let Err(error) = harden::start(&[]) {
        return usage(&error);
    }
    let mut args = std::env::args_os().skip(1);
    let bounds =
        args.next().and_then(|bounds| bounds.into_string().ok()).and_then(|text| Bounds::read(&text));
    let (Some(bounds), Some(path)) = (bounds, args.next()) else {
        return usage(&"reeve-tool starts it, with what a declaration of tier w says");
    };
    let name = Path::new(&path).file_stem().unwrap_or_default().to_owned();
    let whole = std::iter::once(name).chain(args).map(OsStringExt::into_vec).collect();
    let environment =
        std::env::vars_os().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat()).collect();
    let engine = match engine(&bounds) {
        Ok(engine) => engine,
        Err(error) => return end(Ending::Refused(error.to_string())),
    };
    if let Err(error) = watch(engine.clone(), Duration::from_secs(bounds.deadline)) {
        return end(Ending::Refused(format!("nobody would watch its deadline: {error}")));
    }
    let streams =
        Streams { input: Box::new(io::stdin()), out: Box::new(io::stdout()), err: Box::new(io::stderr()) };
    let ending = match pinned(&path, &bounds) {
        Ok(bytes) => run(&engine, &bytes, State::new(bounds, (whole, environment), streams)),
        Err(why) => Ending::Refused(why),
    };
    end(ending)
}

fn usage(why: &dyn fmt::Display) -> ExitCode {
    // Nobody to tell when it fails.
    let _ = writeln!(io::stderr(), "reeve-wasm: {why}");
    ExitCode::from(USAGE)
}

/// Ends this process as the module ended.
fn end(ending: Ending) -> ExitCode {
    let (said, why) = match ending {
        Ending::Exit(status) => return ExitCode::from(status),
        Ending::Limit(limit) => {
            (Said::Limit(limit), format!("the module reached its limit: {}", limit.as_str()))
        }
        Ending::Trap(why) => (Said::Trapped, format!("the module trapped: {why}")),
        Ending::Refused(why) => (Said::Refused, format!("the module was not begun: {why}")),
    };
    let _ = writeln!(io::stderr(), "reeve-wasm: {}", why.replace('\n', " "));
    by(said)
}

fn by(said: Said) -> ExitCode {
    let _ = Signal::try_from(said.signal()).map(raise);
    ExitCode::from(USAGE)
}

/// At its deadline the module's own code is interrupted; what is not its code has a moment more.
fn watch(engine: Engine, deadline: Duration) -> io::Result<()> {
    let wait = move || {
        std::thread::sleep(deadline);
        engine.increment_epoch();
        std::thread::sleep(GRACE);
        by(Said::Limit(Limit::Deadline));
    };
    std::thread::Builder::new().name("deadline".to_owned()).spawn(wait).map(drop)
}

/// The bytes that are run, which are the ones that were looked at.
fn pinned(path: &OsStr, bounds: &Bounds) -> Result<Vec<u8>, String> {
    let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(most).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if found == bounds.sha256 { Ok(bytes) } else { Err("it is not the pinned one".to_owned()) }
}

/// Nothing of the host's is in what it makes: no thread of its own, no cache, no address space beyond what is bounded.
fn engine(bounds: &Bounds) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(MOST_STACK)
        .cranelift_nan_canonicalization(true)
        .memory_init_cow(false)
        .memory_reservation(bounds.memory)
        .memory_reservation_for_growth(0)
        .memory_guard_size(1 << 16)
        .wasm_backtrace_max_frames(None);
    Engine::new(&config)
}

/// Runs a module to its end.
fn run(engine: &Engine, bytes: &[u8], state: State) -> Ending {
    let bounds = state.bounds.clone();
    if let Err(why) = fits(bytes, &bounds.imports) {
        return Ending::Refused(why);
    }
    let mut store = Store::new(engine, state);
    store.limiter(|state| state);
    store.set_epoch_deadline(1);
    let ran = store.set_fuel(bounds.fuel).and_then(|()| {
        let module = Module::new(engine, bytes)?;
        let mut linker = Linker::new(engine);
        interface::link(&mut linker, &bounds.imports)?;
        let instance = linker.instantiate(&mut store, &module)?;
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
        store.data_mut().has_begun = true;
        start.call(&mut store, ())
    });
    ran.map_or_else(|error| ending(&error, store.data().has_begun), |()| Ending::Exit(0))
}

fn ending(error: &wasmtime::Error, has_begun: bool) -> Ending {
    if let Some(Exit(status)) = error.downcast_ref() {
        return Ending::Exit(*status);
    }
    if let Some(Reached(limit)) = error.downcast_ref() {
        return Ending::Limit(*limit);
    }
    match error.downcast_ref() {
        Some(Trap::OutOfFuel) => Ending::Limit(Limit::Fuel),
        Some(Trap::Interrupt) => Ending::Limit(Limit::Deadline),
        Some(trap) => Ending::Trap(trap.to_string()),
        None if has_begun => Ending::Trap(error.to_string()),
        None => Ending::Refused(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
