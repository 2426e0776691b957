//! Which lists are fetched, and what becomes of what came.

use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::download;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::domains::DomainList;
use crate::domains::config::{ListConfig, ListsConfig, Origin};
use crate::pki;
use crate::sys::clock::Clock;

/// Fetches the lists whose time has come, one after the other. One that fails does not keep the others.
pub(super) async fn run(
    config: &ListsConfig,
    screen: Screen,
    clock: &dyn Clock,
    all: bool,
) -> Result<Exit, Failure> {
    let mut told: Vec<Value> = Vec::new();
    for list in &config.lists {
        let Origin::Url { url, ca } = &list.origin else { continue };
        let path = config.fetched(list);
        if !all && !is_due(&path, list, clock.now()) {
            continue;
        }
        let fetched = match download::get(url, ca, list.max_bytes).await {
            Ok(text) => put(&path, list, &text),
            Err(problem) => Err(problem),
        };
        let (entries, problem) = match fetched {
            Ok(entries) => (Some(entries), None),
            Err(problem) => (None, Some(problem)),
        };
        if !screen.is_json() {
            screen.line(&line(list, entries, problem.as_deref()))?;
        }
        told.push(json!({"list": list.name, "entries": entries, "problem": problem}));
    }
    let ok = told.iter().all(|list| list.get("problem").is_some_and(Value::is_null));
    if screen.is_json() {
        screen.document(&json!({"ok": ok, "fetched": told}))?;
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

fn is_due(path: &Path, list: &ListConfig, now: SystemTime) -> bool {
    let written = std::fs::metadata(path).and_then(|status| status.modified());
    // One from the future was written by a clock that was wrong.
    written.map_or(true, |written| now.duration_since(written).map_or(true, |since| since >= list.refresh))
}

/// Puts what came in the place of what was there, when it is a list at all; the gate judges it once more.
fn put(path: &Path, list: &ListConfig, text: &[u8]) -> Result<usize, String> {
    let read = DomainList::read(text, list.limits).map_err(|error| error.to_string())?;
    pki::write_atomically(path, text, pki::Access::Public).map_err(|error| with_causes(&error))?;
    Ok(read.list.entries())
}

fn line(list: &ListConfig, entries: Option<usize>, problem: Option<&str>) -> String {
    match problem {
        Some(problem) => {
            format!("{} {}: {}; the one before stays", paint("✗", Tone::Bad), list.name, harmless(problem))
        }
        None => format!("{} {}: {} entries", paint("✓", Tone::Good), list.name, entries.unwrap_or_default()),
    }
}
