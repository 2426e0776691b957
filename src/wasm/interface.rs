//! What a module can call: those functions of WASI's first preview that open nothing. Bytes come from standard input and go
//! to the outputs; there is no file, no socket, no way to wait, and no list of anything.
//!
//! Every byte that is moved for a module costs it one unit of fuel, and so does each string that is looked at, before that is done: so
//! fuel bounds our work, too.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use wasmtime::{Caller, Linker, Memory};

use super::store::{Exit, Reached, State};
use crate::sandbox::module::{INTERFACE, Import};
use crate::sandbox::report::Limit;
use crate::sys::clock::{Clock, SystemClock};
use crate::sys::random;

type Result<T> = wasmtime::Result<T>;

/// WASI's numbers of errors.
const DONE: i32 = 0;
const BAD_DESCRIPTOR: i32 = 8;
const FAULT: i32 = 21;
const INVALID: i32 = 28;
const IO: i32 = 29;
const NO_SEEKING: i32 = 70;

/// What may be done with a descriptor, in WASI's bits.
const READING: u64 = 1 << 1;
const WRITING: u64 = 1 << 6;

/// Gives a module what it was granted, and nothing else.
pub(super) fn link(linker: &mut Linker<State>, imports: &[Import]) -> Result<()> {
    for import in imports {
        one(linker, import.as_str())?;
    }
    Ok(())
}

fn one(linker: &mut Linker<State>, name: &str) -> Result<()> {
    let bad_descriptor = |_: Caller<'_, State>, _: i32, _: i32| BAD_DESCRIPTOR;
    match name {
        "args_get" => {
            linker.func_wrap(INTERFACE, name, |mut caller: Caller<'_, State>, list: i32, text: i32| {
                let all = Arc::clone(&caller.data().args);
                strings(&mut caller, &all, [list, text])
            })
        }
        "args_sizes_get" => {
            linker.func_wrap(INTERFACE, name, |mut caller: Caller<'_, State>, count: i32, bytes: i32| {
                let all = Arc::clone(&caller.data().args);
                sizes(&mut caller, &all, [count, bytes])
            })
        }
        "environ_get" => {
            linker.func_wrap(INTERFACE, name, |mut caller: Caller<'_, State>, list: i32, text: i32| {
                let all = Arc::clone(&caller.data().environment);
                strings(&mut caller, &all, [list, text])
            })
        }
        "environ_sizes_get" => {
            linker.func_wrap(INTERFACE, name, |mut caller: Caller<'_, State>, count: i32, bytes: i32| {
                let all = Arc::clone(&caller.data().environment);
                sizes(&mut caller, &all, [count, bytes])
            })
        }
        "clock_res_get" => {
            linker.func_wrap(INTERFACE, name, |mut caller: Caller<'_, State>, clock: i32, at: i32| {
                if clock_of(clock).is_none() {
                    return Ok(INVALID);
                }
                put(&mut caller, at, &1_u64.to_le_bytes())
            })
        }
        "clock_time_get" => linker.func_wrap(
            INTERFACE,
            name,
            |mut caller: Caller<'_, State>, clock: i32, _precision: i64, at: i32| match clock_of(clock) {
                Some(nanoseconds) => put(&mut caller, at, &nanoseconds.to_le_bytes()),
                None => Ok(INVALID),
            },
        ),
        "fd_close" => linker.func_wrap(INTERFACE, name, |_: Caller<'_, State>, fd: i32| of_three(fd, DONE)),
        "fd_fdstat_get" => linker.func_wrap(INTERFACE, name, describe),
        "fd_prestat_dir_name" => {
            linker.func_wrap(INTERFACE, name, |_: Caller<'_, State>, _: i32, _: i32, _: i32| BAD_DESCRIPTOR)
        }
        "fd_prestat_get" => linker.func_wrap(INTERFACE, name, bad_descriptor),
        "fd_read" => linker.func_wrap(INTERFACE, name, read),
        "fd_seek" => linker.func_wrap(
            INTERFACE,
            name,
            |_: Caller<'_, State>, fd: i32, _by: i64, _from: i32, _at: i32| of_three(fd, NO_SEEKING),
        ),
        "fd_write" => linker.func_wrap(INTERFACE, name, write),
        "proc_exit" => linker.func_wrap(INTERFACE, name, |_: Caller<'_, State>, status: i32| -> Result<()> {
            Err(wasmtime::Error::new(Exit(u8::try_from(status).unwrap_or(u8::MAX))))
        }),
        "random_get" => linker.func_wrap(INTERFACE, name, draw),
        "sched_yield" => linker.func_wrap(INTERFACE, name, |_: Caller<'_, State>| DONE),
        other => Err(wasmtime::Error::msg(format!("there is no {other}"))),
    }?;
    Ok(())
}

fn of_three(fd: i32, answer: i32) -> i32 {
    if (0..=2).contains(&fd) { answer } else { BAD_DESCRIPTOR }
}

/// The time in nanoseconds by the wall, or since the start of the host.
fn clock_of(clock: i32) -> Option<u64> {
    let now = match clock {
        0 => SystemClock.now().duration_since(UNIX_EPOCH).ok()?,
        1 => SystemClock.boot(),
        _ => return None,
    };
    u64::try_from(now.as_nanos()).ok()
}

/// A type that is nobody's, no flags, and what can be done.
fn describe(mut caller: Caller<'_, State>, fd: i32, at: i32) -> Result<i32> {
    let rights = match fd {
        0 => READING,
        1 | 2 => WRITING,
        _ => return Ok(BAD_DESCRIPTOR),
    };
    put(&mut caller, at, &[[0; 8], rights.to_le_bytes(), [0; 8]].concat())
}

fn read(mut caller: Caller<'_, State>, fd: i32, list: i32, count: i32, at: i32) -> Result<i32> {
    if fd != 0 {
        return Ok(BAD_DESCRIPTOR);
    }
    let mut all = 0_u32;
    for place in 0..unsigned(count) {
        let Some((start, length)) = buffer(&mut caller, list, place)? else { return Ok(FAULT) };
        let memory = memory(&mut caller)?;
        let (bytes, state) = memory.data_and_store_mut(&mut caller);
        let Some(into) = slice(bytes, start, length) else { return Ok(FAULT) };
        let Ok(taken) = state.streams.input.read(into) else { return Ok(IO) };
        let taken = u32::try_from(taken).unwrap_or(u32::MAX);
        spend(&mut caller, taken)?;
        all = all.saturating_add(taken);
        if taken < length {
            break;
        }
    }
    put(&mut caller, at, &all.to_le_bytes())
}

fn write(mut caller: Caller<'_, State>, fd: i32, list: i32, count: i32, at: i32) -> Result<i32> {
    if !matches!(fd, 1 | 2) {
        return Ok(BAD_DESCRIPTOR);
    }
    let mut all = 0_u32;
    for place in 0..unsigned(count) {
        let Some((start, length)) = buffer(&mut caller, list, place)? else { return Ok(FAULT) };
        spend(&mut caller, length)?;
        let memory = memory(&mut caller)?;
        let (bytes, state) = memory.data_and_store_mut(&mut caller);
        let Some(from) = slice(bytes, start, length) else { return Ok(FAULT) };
        let stream = if fd == 1 { &mut state.streams.out } else { &mut state.streams.err };
        if stream.write_all(from).and_then(|()| stream.flush()).is_err() {
            return Ok(IO);
        }
        all = all.saturating_add(length);
    }
    put(&mut caller, at, &all.to_le_bytes())
}

fn draw(mut caller: Caller<'_, State>, at: i32, length: i32) -> Result<i32> {
    let length = unsigned(length);
    spend(&mut caller, length)?;
    let memory = memory(&mut caller)?;
    let Some(into) = slice(memory.data_mut(&mut caller), unsigned(at), length) else { return Ok(FAULT) };
    Ok(if random::fill(into).is_ok() { DONE } else { IO })
}

/// How many strings there are, and how many bytes they have with the zero at the end of each.
fn sizes(caller: &mut Caller<'_, State>, all: &[Vec<u8>], [count, bytes]: [i32; 2]) -> Result<i32> {
    spend(caller, u32::try_from(all.len()).unwrap_or(u32::MAX))?;
    let length = length_of(all);
    for (at, number) in [(count, all.len()), (bytes, length)] {
        let done = put(caller, at, &u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes())?;
        if done != DONE {
            return Ok(done);
        }
    }
    Ok(DONE)
}

fn length_of(all: &[Vec<u8>]) -> usize {
    all.iter().map(|one| one.len() + 1).sum()
}

/// The strings, each with a zero at its end, and where each begins.
fn strings(caller: &mut Caller<'_, State>, all: &[Vec<u8>], [list, text]: [i32; 2]) -> Result<i32> {
    let moved = length_of(all).saturating_add(all.len() * 4);
    spend(caller, u32::try_from(moved).unwrap_or(u32::MAX))?;
    let (mut begins, mut bytes) = (Vec::new(), Vec::new());
    for one in all {
        let place = u32::try_from(bytes.len()).ok().and_then(|length| unsigned(text).checked_add(length));
        let Some(place) = place else { return Ok(FAULT) };
        begins.extend(place.to_le_bytes());
        bytes.extend(one);
        bytes.push(0);
    }
    match set(caller, text, &bytes)? {
        DONE => set(caller, list, &begins),
        other => Ok(other),
    }
}

/// Where one of a list of buffers lies, and how long it is. A unit of fuel for each, so that empty ones are not for nothing.
fn buffer(caller: &mut Caller<'_, State>, list: i32, place: u32) -> Result<Option<(u32, u32)>> {
    spend(caller, 1)?;
    let memory = memory(caller)?;
    let at = place.checked_mul(8).and_then(|offset| unsigned(list).checked_add(offset));
    let entry =
        at.and_then(|at| slice(memory.data_mut(caller), at, 8)).and_then(|entry| entry.first_chunk::<8>());
    Ok(entry.map(|[a, b, c, d, e, f, g, h]| {
        (u32::from_le_bytes([*a, *b, *c, *d]), u32::from_le_bytes([*e, *f, *g, *h]))
    }))
}

fn put(caller: &mut Caller<'_, State>, at: i32, bytes: &[u8]) -> Result<i32> {
    spend(caller, u32::try_from(bytes.len()).unwrap_or(u32::MAX))?;
    set(caller, at, bytes)
}

/// The same, where it is paid for already.
fn set(caller: &mut Caller<'_, State>, at: i32, bytes: &[u8]) -> Result<i32> {
    let memory = memory(caller)?;
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let Some(into) = slice(memory.data_mut(caller), unsigned(at), length) else { return Ok(FAULT) };
    into.copy_from_slice(bytes);
    Ok(DONE)
}

fn slice(memory: &mut [u8], at: u32, length: u32) -> Option<&mut [u8]> {
    let (at, length) = (usize::try_from(at).ok()?, usize::try_from(length).ok()?);
    memory.get_mut(at..at.checked_add(length)?)
}

fn memory(caller: &mut Caller<'_, State>) -> Result<Memory> {
    let memory = caller.get_export("memory").and_then(wasmtime::Extern::into_memory);
    memory.ok_or_else(|| wasmtime::Error::msg("it calls and exports no memory"))
}

fn spend(caller: &mut Caller<'_, State>, units: u32) -> Result<()> {
    match caller.get_fuel()?.checked_sub(units.into()) {
        Some(left) => caller.set_fuel(left),
        None => Err(wasmtime::Error::new(Reached(Limit::Fuel))),
    }
}

/// A module's addresses and lengths, which it writes as the interface has them.
fn unsigned(number: i32) -> u32 {
    number.cast_unsigned()
}
