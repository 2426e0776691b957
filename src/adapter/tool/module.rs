//! Tier W in a declaration: a module of WebAssembly, whose key vouches for it, what it may call, and how much it may use.

use std::collections::BTreeSet;

use super::declaration::{AsWritten, Wrong, size, time};
use crate::sandbox::Tier;
use crate::sandbox::module::{Bounds, Import, Module, PLACE, RUNNER};
use crate::wrapper::module::vouched;

/// As long as a module may take at most, in seconds.
const MOST_DEADLINE: u64 = 3600;

/// Reads what a declaration of tier W says of its module, and refuses there what means nothing; and in every other tier, what
/// means something only there.
pub(super) fn complete(written: &mut AsWritten, tier: Tier) -> Result<Option<Module>, Wrong> {
    match tier {
        Tier::A | Tier::B | Tier::C => return apart(written).map(|()| None),
        Tier::W if !cfg!(feature = "wasm") => {
            return Err((
                "tier",
                "\"w\" needs a Reeve that was built with --features wasm, which this one was not".to_owned(),
            ));
        }
        Tier::W => means_something(written)?,
    }
    let path = needed(written.module.take(), ("module", "says which file is run"))?;
    if !path.starts_with(&format!("{PLACE}/")) {
        return Err(("module", format!("{path} does not lie below {PLACE}, as it has to")));
    }
    let key = needed(written.signed_by.take(), ("signed_by", "names the key that signed the module"))?;
    let sha256 = needed(written.sha256.take(), ("sha256", "the module has to be pinned"))?;
    let limits = &written.limits;
    let bounds = Bounds {
        sha256,
        key,
        fuel: limits.fuel.unwrap_or(1_000_000_000),
        deadline: time("limits.deadline", limits.deadline.as_deref().unwrap_or("10s"), MOST_DEADLINE)?
            .as_secs(),
        memory: size("limits.memory", &limits.memory)?,
        table: limits.table.unwrap_or(10_000),
        imports: imports(&written.imports)?,
    };
    written.program = Some(RUNNER.to_owned());
    // As with what is built in: it is known when it runs.
    written.sha256 = Some("0".repeat(64));
    Ok(Some(Module { path, bounds }))
}

fn needed(text: Option<String>, (key, what): (&'static str, &str)) -> Result<String, Wrong> {
    text.ok_or_else(|| (key, what.to_owned()))
}

fn imports(names: &[String]) -> Result<Vec<Import>, Wrong> {
    let read = |name: &String| {
        Import::read(name).ok_or_else(|| {
            let all: Vec<&str> = Import::ALL.iter().map(|import| import.as_str()).collect();
            ("imports", format!("{name:?} is none of {}", all.join(", ")))
        })
    };
    let all: BTreeSet<Import> = names.iter().map(read).collect::<Result<_, _>>()?;
    Ok(all.into_iter().collect())
}

fn apart(written: &AsWritten) -> Result<(), Wrong> {
    let keys = [
        ("module", written.module.is_some()),
        ("signed_by", written.signed_by.is_some()),
        ("imports", !written.imports.is_empty()),
        ("limits.fuel", written.limits.fuel.is_some()),
        ("limits.deadline", written.limits.deadline.is_some()),
        ("limits.table", written.limits.table.is_some()),
    ];
    match keys.into_iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((key, _)) => Err((key, "only tier w takes it".to_owned())),
    }
}

fn means_something(written: &AsWritten) -> Result<(), Wrong> {
    let keys = [
        ("program", written.program.is_some()),
        ("builtin", written.builtin.is_some()),
        ("package", written.package.is_some()),
        ("runs_code", written.runs_code),
        ("workspace", written.workspace != "fresh"),
        ("workspace_exec", written.workspace_exec),
        ("single_program", written.single_program),
        ("debug", written.debug),
        ("read_only", !written.read_only.is_empty()),
        ("hidden", !written.hidden.is_empty()),
        ("protected", !written.protected.is_empty()),
        ("egress_allow", !written.egress_allow.is_empty()),
        ("egress_deny", !written.egress_deny.is_empty()),
        ("egress_parameters", !written.egress_parameters.is_empty()),
        ("egress", written.egress != "none"),
    ];
    match keys.into_iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((key, _)) => {
            Err((key, "tier w takes none: a module has bytes in and out, and nothing else".to_owned()))
        }
    }
}

/// Whether the module that a declaration names is there as it is pinned and signed, and calls nothing that it is not given.
///
/// # Errors
/// The key, and what would be refused when it runs.
pub(super) fn check(module: &Module) -> Result<(), String> {
    let bytes = vouched(module).map_err(|doubt| match doubt.found() {
        Some(found) => format!("{doubt}; it has {found}"),
        None => doubt.to_string(),
    })?;
    fits(&bytes, module).map_err(|why| format!("module: {} {why}", module.path))
}

#[cfg(feature = "wasm")]
fn fits(bytes: &[u8], module: &Module) -> Result<(), String> {
    crate::wasm::fits(bytes, &module.bounds.imports)
}

#[cfg(not(feature = "wasm"))]
fn fits(_bytes: &[u8], _module: &Module) -> Result<(), String> {
    Err("cannot be looked into by a Reeve that was built without WebAssembly".to_owned())
}
