//! What keeps an entry of a contract out: names that nothing looks at, bounds without effect, users that cannot be.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;

use super::constraint::{CONDITIONS, Constraint, WrittenConstraint};
use super::written::{Page, WrittenEntry};
use crate::config::{self, ConfigError};
use crate::operation::{Effect, Entry as Known, Form, Realm};

/// Operations that take something away which a snapshot holds, and leave snapshots behind.
const UNDER_SNAPSHOTS: [&str; 8] = [
    "zfs.set",
    "zfs.rollback",
    "zfs.destroy",
    "pct.set",
    "pct.resize",
    "pct.rollback",
    "pct.delete-snapshot",
    "pct.destroy",
];

impl Page<'_> {
    /// What runs as a user, named at that place, has to have one, and be what a user can do.
    pub(super) fn check_as_user(
        &self,
        at: Range<usize>,
        operations: &[&Known],
        has_user: bool,
    ) -> Result<(), ConfigError> {
        if !has_user {
            return Err(self
                .wrong_at(at, "run_as_user needs the contract's run_as")
                .help("write run_as = \"USER\" above the first [[allow]]"));
        }
        // A unit is root's, whoever asks: the wrapper would refuse to change one as a user.
        for (realm, problem) in [
            (Realm::Unit, "run_as_user and run_as are not for units, which only root can change"),
            (Realm::Container, "containers are root's alone"),
            (Realm::Tool, "a tool runs as the user of its own declaration"),
            (Realm::Azure, "what is done at Azure is done as reeve-azure alone"),
        ] {
            if operations.iter().any(|operation| operation.realm == realm) {
                return Err(self.wrong_at(at, problem).help("give these operations an entry without it"));
            }
        }
        Ok(())
    }

    /// Whether the entry's operations only ever run as the contract's user, which has to be named then.
    pub(super) fn check_user(
        &self,
        entry: &WrittenEntry,
        operations: &[&Known],
        has_user: bool,
    ) -> Result<bool, ConfigError> {
        let Some(repository) = entry.repositories.first() else { return Ok(false) };
        if !has_user {
            return Err(self
                .wrong(repository, "repositories need the contract's run_as: git never runs as root")
                .help("write run_as = \"USER\" above the first [[allow]]"));
        }
        if let Some(key) = entry.run_as_user.as_ref().filter(|on| !*on.get_ref()) {
            return Err(self.wrong(key, "git always runs as the contract's user").help("leave it out"));
        }
        if operations.iter().any(|operation| operation.realm != Realm::Repository) {
            let problem = "operations on repositories have an entry of their own, since they run as the user";
            return Err(self.wrong(repository, problem).help("write another [[allow]] for the others"));
        }
        Ok(true)
    }

    /// An entry names exactly the resources that its operations act on: none missing, and none that would never be looked at.
    pub(super) fn check_reach(
        &self,
        entry: &WrittenEntry,
        operations: &[&Known],
        span: Range<usize>,
    ) -> Result<(), ConfigError> {
        if operations.is_empty() {
            return Err(self
                .wrong_at(span, "the entry grants nothing: operations is empty")
                .help("write operations = [\"zfs.list\"], or take the entry out"));
        }
        let is_used = |realm: Realm| operations.iter().any(|operation| operation.realm == realm);
        for realm in Realm::ALL.into_iter().filter(|realm| is_used(*realm)) {
            if entry.names(realm).is_empty() {
                let problem = format!("the entry has operations on {0} and no {0}", realm.key());
                return Err(self.wrong_at(span, problem).help(format!("write {} = [\"NAME\"]", realm.key())));
            }
        }
        for realm in Realm::ALL.into_iter().filter(|realm| !is_used(*realm)) {
            if let Some(name) = entry.names(realm).first() {
                return Err(self
                    .wrong(name, format!("no operation of this entry acts on {}", realm.key()))
                    .help(format!("take {} out, or add an operation that does", realm.key())));
            }
        }
        Ok(())
    }

    /// A bound on something that no operation of the entry does would only seem to protect.
    pub(super) fn check_bounds(
        &self,
        entry: &WrittenEntry,
        operations: &[&Known],
    ) -> Result<(), ConfigError> {
        let recurses = |operation: &Known| operation.fields.iter().any(|field| field.name == "recursive");
        if let Some(key) =
            entry.recursive.as_ref().filter(|_| !operations.iter().any(|known| recurses(known)))
        {
            return Err(self.wrong(key, "no operation of this entry can be recursive").help("take it out"));
        }
        if operations.iter().all(|operation| operation.effect == Effect::Read) {
            let (objects, bytes) = (entry.max_objects.as_ref(), entry.max_bytes.as_ref());
            if let Some(span) = objects.map(Spanned::span).or(bytes.map(Spanned::span)) {
                return Err(self
                    .wrong_at(span, "bounds what changes, and this entry has reads only")
                    .help("take it out"));
            }
        }
        Ok(())
    }

    /// The bounds on single parameters. A pointer begins with a parameter that every operation of the entry has.
    pub(super) fn constraints(
        &self,
        written: BTreeMap<Spanned<String>, Spanned<WrittenConstraint>>,
        operations: &[&Known],
    ) -> Result<Vec<Constraint>, ConfigError> {
        let mut constraints = Vec::new();
        for (key, constraint) in written {
            let at = key.get_ref().as_str();
            let mut forms = Vec::new();
            for operation in operations {
                let form = form_of(operation, at);
                forms.extend(form.map_err(|(problem, help)| self.wrong(&key, problem).help(help))?);
            }
            // Where operations take different things under one name, the condition has to fit the first of them.
            let meant = constraint.get_ref().clone().meant(at, forms.first().copied());
            let wrong = |problem: String| {
                self.wrong(&constraint, problem).help(format!("the conditions are {}", CONDITIONS.join(", ")))
            };
            constraints.push(meant.map_err(wrong)?);
        }
        Ok(constraints)
    }

    /// How old the youngest snapshot that is left may be, of what the entry's operations take something from.
    pub(super) fn snapshot_first(
        &self,
        written: &Spanned<String>,
        operations: &[&Known],
    ) -> Result<u64, ConfigError> {
        let text = written.get_ref();
        let problem = || format!("`{text}` is no age such as 30m, 24h or 7d, from 1m to 366d");
        let age = humantime::parse_duration(text).map_err(|_unread| self.wrong(written, problem()))?;
        if !(60..=366 * 24 * 3_600).contains(&age.as_secs()) {
            return Err(self.wrong(written, problem()));
        }
        match operations
            .iter()
            .map(|known| known.name())
            .find(|tool| !UNDER_SNAPSHOTS.contains(&tool.as_str()))
        {
            None => Ok(age.as_secs()),
            Some(other) => {
                let help = format!(
                    "an entry with require_snapshot_first has {} and nothing else; give {other} an entry of its own",
                    UNDER_SNAPSHOTS.join(", ")
                );
                Err(self.wrong(written, help))
            }
        }
    }
}

/// What the parameter at a pointer is, for the first part of it; nothing where the pointer goes further in. Or what is wrong
/// with the pointer, and what to do about it.
fn form_of(operation: &Known, at: &str) -> Result<Option<Form>, (String, String)> {
    let tool = operation.name();
    let names = || operation.fields.iter().map(|field| field.name).chain(["resource"]);
    let help =
        format!("{tool} takes {}", names().map(|name| format!("/{name}")).collect::<Vec<_>>().join(", "));
    let Some(rest) = at.strip_prefix('/').filter(|_| is_escaped(at)) else {
        let rule = "begins with /, and in which ~ is written as ~0 and / as ~1";
        return Err((format!("`{at}` is no JSON Pointer, which {rule}"), help));
    };
    let (name, is_whole) = rest.split_once('/').map_or((rest, true), |(name, _)| (name, false));
    let form = match operation.fields.iter().find(|field| field.name == name) {
        Some(field) => field.shape.form(),
        None if name == "resource" => Form::Text,
        None => {
            let nearest = config::did_you_mean(name, names());
            return Err((format!("{tool} has no parameter `{name}`{nearest}"), help));
        }
    };
    let has_parts = match form {
        Form::List | Form::Object | Form::Json => true,
        Form::Text | Form::Switch | Form::Number | Form::Size => false,
    };
    if !is_whole && !has_parts {
        return Err((format!("`{at}` is never there: /{name} is one value"), format!("write \"/{name}\"")));
    }
    Ok(is_whole.then_some(form))
}

/// Whether each `~` of a pointer is `~0` or `~1`.
fn is_escaped(pointer: &str) -> bool {
    pointer.split('~').skip(1).all(|after| after.starts_with(['0', '1']))
}
