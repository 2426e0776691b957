//! Limits inside of the interpreter. They stop honest mistakes with a message; the process's own limits stop the rest.

use std::cell::Cell;
use std::time::Duration;

use starlark::eval::Evaluator;

use crate::sys::confine::thread_cpu_time;

/// Loop rounds and calls.
const TICKS: u64 = 1_000_000;
/// Bytes of the interpreter's own heap.
const HEAP: usize = 32 << 20;
/// Nested calls.
const STACK: usize = 50;
/// CPU time of one decision.
const DECISION: Duration = Duration::from_millis(250);
/// CPU time of one file's top level.
const LOADING: Duration = Duration::from_secs(2);

pub(super) fn evaluation(evaluator: &mut Evaluator<'_, '_, '_>) -> starlark::Result<()> {
    set(evaluator, DECISION)
}

pub(super) fn loading(evaluator: &mut Evaluator<'_, '_, '_>) -> starlark::Result<()> {
    set(evaluator, LOADING)
}

fn set(evaluator: &mut Evaluator<'_, '_, '_>, cpu: Duration) -> starlark::Result<()> {
    evaluator
        .set_max_tick_count(TICKS)
        .and_then(|()| evaluator.set_max_heap_size(HEAP))
        .and_then(|()| evaluator.set_max_callstack_size(STACK))
        .map_err(starlark::Error::new_other)?;
    // Asked every thousand ticks, so most evaluations never read the clock. CPU time, since a wall clock would refuse
    // honest work on a busy host; without one, stop.
    let begun = Cell::new(None);
    evaluator.set_check_cancelled(Box::new(move || {
        let Ok(now) = thread_cpu_time() else { return true };
        let since = begun.get().unwrap_or(now);
        begun.set(Some(since));
        now.saturating_sub(since) > cpu
    }));
    Ok(())
}

/// The limits in words, for the reference.
#[cfg(test)]
pub(super) fn described() -> String {
    format!(
        "\n## Limits of one decision\n\n{TICKS} loop rounds and calls, {STACK} nested calls, {} MiB of the interpreter's heap, {} ms of CPU \
         time; of one file's top level {} s.\n",
        HEAP >> 20,
        DECISION.as_millis(),
        LOADING.as_secs()
    )
}
