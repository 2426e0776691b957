//! How much a process says about itself, to the journal or on standard error: begun once, changed by a reload.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, registry, reload};

use super::journal::Journal;

type Change = Box<dyn Fn(EnvFilter) -> bool + Send + Sync>;

/// Puts another filter in the place of the one in force.
static CHANGE: OnceLock<Change> = OnceLock::new();

/// That the text is a filter: `info`, or `warn,reeve::approval=debug`.
///
/// # Errors
/// Says what of it is none.
pub fn check(filter: &str) -> Result<(), ParseError> {
    EnvFilter::try_new(filter).map(drop)
}

/// Begins to log by this filter. Once for a process.
///
/// # Errors
/// As [`check`].
pub fn begin(filter: &str) -> Result<(), ParseError> {
    let (filter, handle) = reload::Layer::new(EnvFilter::try_new(filter)?);
    let log = registry().with(filter);
    match Journal::behind_stderr() {
        Some(journal) => log.with(journal).init(),
        None => {
            let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
            log.with(lines).init();
        }
    }
    // The second of two would have ended in `init`.
    drop(CHANGE.set(Box::new(move |filter| handle.reload(filter).is_ok())));
    Ok(())
}

/// Goes on by this filter. Where nothing logs, nothing changes.
///
/// # Errors
/// As [`check`].
pub fn change(filter: &str) -> Result<(), ParseError> {
    let parsed = EnvFilter::try_new(filter)?;
    if let Some(change) = CHANGE.get()
        && !change(parsed)
    {
        tracing::error!(filter, "the log could not be changed, and goes on as before");
    }
    Ok(())
}
