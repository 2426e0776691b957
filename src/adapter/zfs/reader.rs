//! Reads of datasets, snapshots and bookmarks, in which "could not be read" and "is not there" are never the same.

use super::item::{COLUMNS, Item};
use crate::adapter::{Argv, Host, PlanRefusal, Program, Rule, ToolOutput};

/// How much of what a name stands for is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The thing alone.
    Itself,
    /// A dataset's own snapshots and bookmarks, without itself.
    Kept,
    /// A dataset and everything below.
    Tree,
}

/// A refusal because nothing is known.
pub(super) fn unreadable(reason: impl Into<String>) -> PlanRefusal {
    PlanRefusal::new(Rule::HostUnreadable, reason)
}

/// Runs a read.
pub(super) fn run(host: &dyn Host, argv: &Argv) -> Result<ToolOutput, PlanRefusal> {
    host.read(argv).map_err(|error| unreadable(error.to_string()))
}

/// Lists what `name` stands for; None when there is no such thing.
pub(super) fn list(host: &dyn Host, name: &str, scope: Scope) -> Result<Option<Vec<Item>>, PlanRefusal> {
    let reach: &[&str] = match scope {
        Scope::Itself => &["-t", "all", "-d", "0"],
        Scope::Kept => &["-t", "snapshot,bookmark", "-d", "1"],
        Scope::Tree => &["-t", "all", "-r"],
    };
    let mut args = vec!["list", "-Hp", "-o", COLUMNS];
    args.extend_from_slice(reach);
    args.push(name);
    let Some(stdout) = text(host, &Argv::zfs(args), name)? else { return Ok(None) };
    let items: Vec<Item> = stdout
        .lines()
        .map(|line| Item::from_line(line).ok_or_else(|| unreadable("zfs list printed an unknown line")))
        .collect::<Result<_, _>>()?;
    // A listing without the thing itself is no listing of it, however well it ended: to plan by it would be to find
    // nothing left to destroy.
    if scope != Scope::Kept && items.iter().all(|item| item.name != name) {
        return Err(unreadable(format!("zfs list answered without {name}")));
    }
    Ok(Some(items))
}

/// Runs a read of `name`; None when the tool says, in exactly the words for it, that there is no such thing.
pub(super) fn text(host: &dyn Host, argv: &Argv, name: &str) -> Result<Option<String>, PlanRefusal> {
    judge(run(host, argv)?, argv.program, name)
}

/// What an output of a read of `name` says: text, that there is no such thing, or nothing that can be relied on.
pub(super) fn judge(output: ToolOutput, program: Program, name: &str) -> Result<Option<String>, PlanRefusal> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.exit_code == 1 && output.stdout.is_empty() && is_absent(program, name, &stderr) {
        return Ok(None);
    }
    // The tools can end with status 0 and an error message after half a listing.
    let is_quiet = stderr.is_empty() || stderr == "no datasets available\n";
    if output.exit_code != 0 || !is_quiet {
        return Err(unreadable(format!("{} could not read {name}", program.name())));
    }
    let stdout = String::from_utf8(output.stdout);
    stdout.map(Some).map_err(|_| unreadable(format!("{} printed no text", program.name())))
}

fn is_absent(program: Program, name: &str, stderr: &str) -> bool {
    let words: &[&str] = match program {
        Program::Zfs => &["dataset does not exist", "no such pool or dataset"],
        Program::Zpool => &["no such pool"],
        Program::AnsiblePlaybook
        | Program::Systemctl
        | Program::Journalctl
        | Program::Git
        | Program::Stat
        | Program::Pct
        | Program::Pvesm
        | Program::HaManager
        | Program::Tool
        | Program::AzureManager => &[],
    };
    words.iter().any(|words| stderr == format!("cannot open '{name}': {words}\n"))
}

/// The thing of that name; None when there is none.
pub(super) fn find(host: &dyn Host, name: &str) -> Result<Option<Item>, PlanRefusal> {
    let Some(items) = list(host, name, Scope::Itself)? else { return Ok(None) };
    let found = items.into_iter().find(|item| item.name == name);
    found.map(Some).ok_or_else(|| unreadable(format!("zfs list answered without {name}")))
}

/// The thing of that name, which must be there.
pub(super) fn present(host: &dyn Host, name: &str) -> Result<Item, PlanRefusal> {
    match find(host, name)? {
        Some(item) => Ok(item),
        None => Err(missing(host, name)?),
    }
}

/// Everything in `scope` of the thing of that name, which must be there.
pub(super) fn present_list(host: &dyn Host, name: &str, scope: Scope) -> Result<Vec<Item>, PlanRefusal> {
    match list(host, name, scope)? {
        Some(items) => Ok(items),
        None => Err(missing(host, name)?),
    }
}

/// That there is nothing of that name, in a pool that is there.
pub(super) fn absent(host: &dyn Host, name: &str) -> Result<(), PlanRefusal> {
    free(host, name)?;
    pool_of(host, name)
}

/// That there is nothing of that name, in a pool that has been seen.
pub(super) fn free(host: &dyn Host, name: &str) -> Result<(), PlanRefusal> {
    let Some(item) = find(host, name)? else { return Ok(()) };
    let reason = format!("{} {name} exists already (guid {})", item.kind.as_str(), item.guid);
    Err(PlanRefusal::new(Rule::ZfsExists, reason))
}

/// That the pool in which `name` would lie is imported.
pub(super) fn pool_of(host: &dyn Host, name: &str) -> Result<(), PlanRefusal> {
    let pool = name.split(['/', '@', '#']).next().unwrap_or(name);
    match find(host, pool)? {
        Some(_) => Ok(()),
        None => Err(PlanRefusal::new(Rule::ZfsPoolMissing, format!("pool {pool} is not imported"))),
    }
}

/// The refusal for a thing that is not there: its pool may be what is missing.
fn missing(host: &dyn Host, name: &str) -> Result<PlanRefusal, PlanRefusal> {
    pool_of(host, name)?;
    Ok(PlanRefusal::new(Rule::ZfsNotFound, format!("{name} does not exist")))
}

/// A property's value and source, in the tool's exact form (`-p`).
pub(super) fn property(host: &dyn Host, name: &str, property: &str) -> Result<(String, String), PlanRefusal> {
    let argv = Argv::zfs(["get", "-Hp", "-o", "value,source", property, name]);
    let Some(stdout) = text(host, &argv, name)? else { return Err(missing(host, name)?) };
    // A user property's value may hold tabs and line ends; its source cannot.
    let cut = stdout.strip_suffix('\n').and_then(|line| line.rsplit_once('\t'));
    let (value, source) = cut.ok_or_else(|| unreadable(format!("zfs get printed no value of {property}")))?;
    Ok((value.to_owned(), source.to_owned()))
}

/// Names for a sentence: the first ten, and how many more there are.
pub(super) fn names<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 10;
    let all: Vec<&str> = all.into_iter().collect();
    let shown = all.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
