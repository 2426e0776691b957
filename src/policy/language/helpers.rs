//! What makes rules short: where, when, how often, and which names. All of it is decided by what is asked alone.

use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::list::UnpackList;
use starlark::values::none::NoneOr;

use super::builtins::misuse;
use super::session::Current;
use crate::domains::Domain;
use crate::operation::zfs::{DatasetName, Target};
use crate::policy::pattern;
use crate::policy::window::TimeWindow;

/// How far back it is known how often a caller asked.
pub const HOURS: i32 = 24;

#[starlark_module]
#[allow(clippy::unnecessary_wraps, reason = "the interpreter calls functions that can fail")]
pub(super) fn natives(builder: &mut GlobalsBuilder) {
    /// Whether a resource is a dataset, lies below it, or is a snapshot or bookmark there, by whole components.
    /// `under("tank/media")` is about what is asked for, `under(name, "tank/media")` about any name.
    fn under<'v>(
        #[starlark(require = pos)] first: &str,
        #[starlark(require = pos, default = NoneOr::None)] second: NoneOr<&str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<bool> {
        let (resource, dataset) = match second.into_option() {
            Some(dataset) => (first.to_owned(), dataset),
            None => (asked(eval)?.resource().ok_or_else(|| lacks("args", "resource"))?, first),
        };
        let outer = DatasetName::try_from(dataset.to_owned())
            .map_err(|invalid| misuse(format!("under: {dataset:?} {}", invalid.problem)))?;
        Ok(Target::try_from(resource).is_ok_and(|target| target.dataset().is_within(&outer)))
    }

    /// Whether a text as a whole is what a regular expression says. There are no back-references and no look-around.
    fn matches(
        #[starlark(require = pos)] text: &str,
        #[starlark(require = pos)] pattern: &str,
    ) -> starlark::Result<bool> {
        pattern::matches(text, pattern).map_err(|problem| misuse(format!("matches: {problem}")))
    }

    /// Whether what is asked is asked at such a time: `within_window("mon-fri 08:00-18:00 +01:00")`.
    fn within_window<'v>(
        #[starlark(require = pos)] window: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<bool> {
        let window =
            TimeWindow::parse(window).map_err(|refused| misuse(format!("within_window: {refused}")))?;
        let now = asked(eval)?.now().ok_or_else(|| lacks("context", "now"))?;
        Ok(window.contains(now))
    }

    /// Whether a host's name is one of these or lies below one, by whole labels: `in_list(domain, ["example.org"])`.
    fn in_list<'v>(
        #[starlark(require = pos)] domain: NoneOr<&str>,
        #[starlark(require = pos)] names: UnpackList<Value<'v>>,
    ) -> starlark::Result<bool> {
        let Some(domain) = domain.into_option() else { return Ok(false) };
        let read = |name: &str| {
            Domain::parse(name).ok_or_else(|| misuse(format!("in_list: {name:?} is no name of a host")))
        };
        let domain = read(domain)?;
        for name in names.items {
            let name = name.unpack_str().ok_or_else(|| misuse("in_list: the list holds names of hosts"))?;
            if domain.is_within(&read(name)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the caller has asked for something so often, or more, in the last so many hours, this time included.
    fn recent<'v>(
        #[starlark(require = pos)] count: i32,
        #[starlark(default = 1)] hours: i32,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<bool> {
        if !(1..=HOURS).contains(&hours) {
            return Err(misuse(format!("recent: hours is from 1 to {HOURS}, not {hours}")));
        }
        let least = u64::try_from(count)
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| misuse(format!("recent: count is 1 or more, not {count}")))?;
        let back = usize::try_from(hours).unwrap_or_default();
        let times = asked(eval)?.recent(back).ok_or_else(|| lacks("context[\"recent\"]", "hours"))?;
        Ok(times >= least)
    }
}

fn asked<'a>(eval: &Evaluator<'_, 'a, '_>) -> starlark::Result<Current<'a>> {
    Current::of(eval).ok_or_else(|| misuse("nothing is asked while a file loads"))
}

fn lacks(what: &str, key: &str) -> starlark::Error {
    misuse(format!("{what} has no {key:?} here"))
}
