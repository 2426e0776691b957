//! What belongs to one run of a module: what it was given, what it has used, and what bounds that.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;

use wasmtime::ResourceLimiter;

use crate::sandbox::module::Bounds;
use crate::sandbox::report::Limit;

/// Where bytes come from and go to.
pub(super) struct Streams {
    pub(super) input: Box<dyn Read + Send>,
    pub(super) out: Box<dyn Write + Send>,
    pub(super) err: Box<dyn Write + Send>,
}

/// One run.
pub(super) struct State {
    pub(super) bounds: Bounds,
    pub(super) args: Arc<Strings>,
    pub(super) environment: Arc<Strings>,
    pub(super) streams: Streams,
    pub(super) has_begun: bool,
    memory: u64,
    table: u64,
}

/// A list of strings, as a module is given it.
type Strings = Vec<Vec<u8>>;

impl State {
    pub(super) fn new(bounds: Bounds, (args, environment): (Strings, Strings), streams: Streams) -> State {
        let (args, environment) = (Arc::new(args), Arc::new(environment));
        State { bounds, args, environment, streams, has_begun: false, memory: 0, table: 0 }
    }
}

/// The module ended itself, with this status.
#[derive(Debug)]
pub(super) struct Exit(pub(super) u8);

/// The module reached this limit.
#[derive(Debug)]
pub(super) struct Reached(pub(super) Limit);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.0)
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl std::error::Error for Exit {}
impl std::error::Error for Reached {}

/// What one kind of thing comes to when one of them grows, all of them together; nothing when that is too much.
fn grown(all: u64, (current, desired): (usize, usize), most: u64) -> Option<u64> {
    let size = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
    let all = all.saturating_sub(size(current)).saturating_add(size(desired));
    (all <= most).then_some(all)
}

/// Growing beyond a limit ends the module, so that the outcome can name the limit. Beyond what the module itself says to be
/// the most, it is told that it cannot, as everywhere.
impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|most| desired > most) {
            return Ok(false);
        }
        self.memory = grown(self.memory, (current, desired), self.bounds.memory)
            .ok_or_else(|| wasmtime::Error::new(Reached(Limit::Memory)))?;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|most| desired > most) {
            return Ok(false);
        }
        self.table = grown(self.table, (current, desired), self.bounds.table)
            .ok_or_else(|| wasmtime::Error::new(Reached(Limit::Table)))?;
        Ok(true)
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        16
    }
}
