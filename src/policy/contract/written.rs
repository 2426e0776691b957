//! A contract as written, and from it the contract as meant.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::constraint::{Constraint, WrittenConstraint};
use super::entry::Terms;
use super::{Contract, Entry};
use crate::config::{self, ConfigError};
use crate::operation::{Digest, Effect, Form, Granted, Realm, catalogue};
use crate::policy::Verdict;
use crate::policy::window::TimeWindow;
use crate::principal::{PrincipalName, Role};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenContract {
    principal: Spanned<String>,
    roles: BTreeSet<Role>,
    run_as: Option<Spanned<String>>,
    #[serde(default)]
    allow: Vec<Spanned<WrittenEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    operations: Vec<Spanned<String>>,
    #[serde(default)]
    datasets: Vec<Spanned<String>>,
    #[serde(default)]
    pools: Vec<Spanned<String>>,
    #[serde(default)]
    playbooks: Vec<Spanned<String>>,
    #[serde(default)]
    units: Vec<Spanned<String>>,
    #[serde(default)]
    repositories: Vec<Spanned<String>>,
    #[serde(default)]
    containers: Vec<Spanned<String>>,
    #[serde(default)]
    tools: Vec<Spanned<String>>,
    recursive: Option<Spanned<bool>>,
    max_objects: Option<Spanned<u64>>,
    max_bytes: Option<Spanned<String>>,
    run_as_user: Option<Spanned<bool>>,
    at_least: Option<AtLeast>,
    approvals: Option<Spanned<u32>>,
    max_per_hour: Option<Spanned<u64>>,
    time_window: Option<Spanned<String>>,
    require_reason: Option<bool>,
    #[serde(default, rename = "where")]
    bounds: BTreeMap<String, Spanned<WrittenConstraint>>,
}

impl WrittenEntry {
    fn names(&self, realm: Realm) -> &[Spanned<String>] {
        match realm {
            Realm::Dataset => &self.datasets,
            Realm::Pool => &self.pools,
            Realm::Playbook => &self.playbooks,
            Realm::Unit => &self.units,
            Realm::Repository => &self.repositories,
            Realm::Container => &self.containers,
            Realm::Tool => &self.tools,
        }
    }
}

/// More than that is not counted of a caller.
const MOST_PER_HOUR: u64 = 9_999;

/// An entry of a contract grants; it cannot deny.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AtLeast {
    Allow,
    Review,
}

pub(super) fn parse(label: &str, text: &str) -> Result<Contract, ConfigError> {
    let written: WrittenContract = config::parse(label, text)?;
    let page = Page { label, text };
    let principal = PrincipalName::try_from(written.principal.get_ref().clone())
        .map_err(|error| page.wrong(&written.principal, error.to_string()))?;
    let run_as = written.run_as.map(|user| page.user(user)).transpose()?;
    let entries = written.allow.into_iter().map(|entry| page.entry(entry, run_as.is_some()));
    let mut allow = entries.collect::<Result<Vec<Entry>, _>>()?;
    for (entry, shown) in allow.iter_mut().zip(as_written(label, text)?) {
        entry.shown = shown;
    }
    let digest = Digest::of_bytes(text.as_bytes());
    Ok(Contract { principal, roles: written.roles, run_as, allow, digest })
}

/// The entries as they stand in the file, for their principal to see.
fn as_written(label: &str, text: &str) -> Result<Vec<serde_json::Value>, ConfigError> {
    #[derive(Deserialize)]
    struct Entries {
        #[serde(default)]
        allow: Vec<serde_json::Value>,
    }
    config::parse::<Entries>(label, text).map(|entries| entries.allow)
}

/// The file, so that what is wrong can be shown in it.
struct Page<'a> {
    label: &'a str,
    text: &'a str,
}

impl Page<'_> {
    fn wrong<T>(&self, at: &Spanned<T>, problem: impl Into<String>) -> ConfigError {
        self.wrong_at(at.span(), problem)
    }

    fn wrong_at(&self, span: Range<usize>, problem: impl Into<String>) -> ConfigError {
        ConfigError::at(self.label, self.text, span, problem)
    }

    fn user(&self, user: Spanned<String>) -> Result<String, ConfigError> {
        let name = user.get_ref();
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
            && name.len() <= 32;
        if !is_name || name == "root" {
            return Err(self.wrong(&user, "run_as names a Unix user other than root"));
        }
        Ok(user.into_inner())
    }

    fn entry(&self, entry: Spanned<WrittenEntry>, has_user: bool) -> Result<Entry, ConfigError> {
        let span = entry.span();
        let entry = entry.into_inner();
        let operations =
            entry.operations.iter().map(|name| self.operation(name)).collect::<Result<Vec<_>, _>>()?;
        self.check_reach(&entry, &operations, span)?;
        self.check_bounds(&entry, &operations)?;
        let as_user = entry.run_as_user.as_ref().filter(|on| *on.get_ref());
        if let Some(key) = as_user.filter(|_| !has_user) {
            return Err(self.wrong(key, "run_as_user needs the contract's run_as"));
        }
        // A unit is root's, whoever asks: the wrapper would refuse to change one as a user.
        if let Some(key) =
            as_user.filter(|_| operations.iter().any(|operation| operation.realm == Realm::Unit))
        {
            return Err(self.wrong(key, "run_as_user is not for units, which only root can change"));
        }
        if let Some(key) = as_user.filter(|_| operations.iter().any(|known| known.realm == Realm::Container))
        {
            return Err(self.wrong(key, "containers are root's alone"));
        }
        if let Some(key) = as_user.filter(|_| operations.iter().any(|known| known.realm == Realm::Tool)) {
            return Err(self.wrong(key, "a tool runs as the user of its own declaration"));
        }
        let always_as_user = self.check_user(&entry, &operations, has_user)?;
        let granted = Realm::ALL
            .into_iter()
            .flat_map(|realm| entry.names(realm).iter().map(move |name| (realm, name)))
            .map(|(realm, name)| self.granted(realm, name))
            .collect::<Result<_, _>>()?;
        let terms = Terms {
            approvals: entry.approvals.as_ref().map(|count| self.within(count, (1, 16))).transpose()?,
            max_per_hour: entry
                .max_per_hour
                .as_ref()
                .map(|count| self.within(count, (1, MOST_PER_HOUR)))
                .transpose()?,
            window: entry.time_window.map(|window| self.window(window)).transpose()?,
            reason: entry.require_reason.unwrap_or(false),
        };
        let constraints = self.constraints(entry.bounds, &operations)?;
        let asks_people = terms.approvals.is_some();
        Ok(Entry {
            operations: entry.operations.into_iter().map(Spanned::into_inner).collect(),
            granted,
            recursive: entry.recursive.is_none_or(Spanned::into_inner),
            max_objects: entry.max_objects.map(Spanned::into_inner),
            max_bytes: entry.max_bytes.map(|size| self.size(size)).transpose()?,
            run_as_user: as_user.is_some() || always_as_user,
            at_least: match entry.at_least {
                Some(AtLeast::Review) => Verdict::Review,
                Some(AtLeast::Allow) | None if asks_people => Verdict::Review,
                Some(AtLeast::Allow) | None => Verdict::Allow,
            },
            constraints,
            terms,
            shown: serde_json::Value::Null,
        })
    }

    /// Whether the entry's operations only ever run as the contract's user, which has to be named then.
    fn check_user(
        &self,
        entry: &WrittenEntry,
        operations: &[&crate::operation::Entry],
        has_user: bool,
    ) -> Result<bool, ConfigError> {
        let Some(repository) = entry.repositories.first() else { return Ok(false) };
        if !has_user {
            return Err(
                self.wrong(repository, "repositories need the contract's run_as: git never runs as root")
            );
        }
        if let Some(key) = entry.run_as_user.as_ref().filter(|on| !*on.get_ref()) {
            return Err(self.wrong(key, "git always runs as the contract's user"));
        }
        if operations.iter().any(|operation| operation.realm != Realm::Repository) {
            let problem = "operations on repositories have an entry of their own, since they run as the user";
            return Err(self.wrong(repository, problem));
        }
        Ok(true)
    }

    fn operation(&self, name: &Spanned<String>) -> Result<&'static crate::operation::Entry, ConfigError> {
        let written = name.get_ref();
        catalogue().find(|known| tool(known) == *written).ok_or_else(|| {
            let known: Vec<String> = catalogue().map(tool).collect();
            let nearest = config::did_you_mean(written, known.iter().map(String::as_str));
            self.wrong(name, format!("there is no operation `{written}`{nearest}"))
        })
    }

    /// An entry names exactly the resources that its operations act on: none missing, and none that would never be looked at.
    fn check_reach(
        &self,
        entry: &WrittenEntry,
        operations: &[&crate::operation::Entry],
        span: Range<usize>,
    ) -> Result<(), ConfigError> {
        if operations.is_empty() {
            return Err(self.wrong_at(span, "the entry grants nothing: operations is empty"));
        }
        let is_used = |realm: Realm| operations.iter().any(|operation| operation.realm == realm);
        for realm in Realm::ALL.into_iter().filter(|realm| is_used(*realm)) {
            if entry.names(realm).is_empty() {
                let problem = format!("the entry has operations on {0} and no {0}", realm.key());
                return Err(self.wrong_at(span, problem));
            }
        }
        for realm in Realm::ALL.into_iter().filter(|realm| !is_used(*realm)) {
            if let Some(name) = entry.names(realm).first() {
                return Err(self.wrong(name, format!("no operation of this entry acts on {}", realm.key())));
            }
        }
        Ok(())
    }

    /// A bound on something that no operation of the entry does would only seem to protect.
    fn check_bounds(
        &self,
        entry: &WrittenEntry,
        operations: &[&crate::operation::Entry],
    ) -> Result<(), ConfigError> {
        let recurses = |operation: &crate::operation::Entry| {
            operation.fields.iter().any(|field| field.name == "recursive")
        };
        if let Some(key) =
            entry.recursive.as_ref().filter(|_| !operations.iter().any(|known| recurses(known)))
        {
            return Err(self.wrong(key, "no operation of this entry can be recursive"));
        }
        if operations.iter().all(|operation| operation.effect == Effect::Read) {
            let (objects, bytes) = (entry.max_objects.as_ref(), entry.max_bytes.as_ref());
            if let Some(span) = objects.map(Spanned::span).or(bytes.map(Spanned::span)) {
                return Err(self.wrong_at(span, "bounds what changes, and this entry has reads only"));
            }
        }
        Ok(())
    }

    fn granted(&self, realm: Realm, name: &Spanned<String>) -> Result<Granted, ConfigError> {
        let written = name.get_ref();
        realm
            .grant(written.clone())
            .map_err(|invalid| self.wrong(name, format!("`{written}` {}", invalid.problem)))
    }

    fn size(&self, written: Spanned<String>) -> Result<u64, ConfigError> {
        let text = written.get_ref();
        size(text).ok_or_else(|| self.wrong(&written, format!("`{text}` is no size such as 512M, 10G or 2T")))
    }

    /// The bounds on single parameters. A pointer begins with a parameter that every operation of the entry has.
    fn constraints(
        &self,
        written: BTreeMap<String, Spanned<WrittenConstraint>>,
        operations: &[&crate::operation::Entry],
    ) -> Result<Vec<Constraint>, ConfigError> {
        let mut constraints = Vec::new();
        for (at, constraint) in written {
            let wrong = |problem: String| self.wrong_at(constraint.span(), problem);
            let mut forms = Vec::new();
            for operation in operations {
                forms.extend(form_of(operation, &at).map_err(wrong)?);
            }
            // Where operations take different things under one name, the condition has to fit the first of them.
            let meant = constraint.get_ref().clone().meant(&at, forms.first().copied());
            constraints.push(meant.map_err(wrong)?);
        }
        Ok(constraints)
    }

    fn window(&self, written: Spanned<String>) -> Result<TimeWindow, ConfigError> {
        TimeWindow::parse(written.get_ref()).map_err(|refused| self.wrong(&written, refused.to_string()))
    }

    fn within<T: Copy + PartialOrd + std::fmt::Display>(
        &self,
        written: &Spanned<T>,
        (least, most): (T, T),
    ) -> Result<T, ConfigError> {
        let value = *written.get_ref();
        if value >= least && value <= most {
            return Ok(value);
        }
        Err(self.wrong(written, format!("{value} is not from {least} to {most}")))
    }
}

/// What the parameter at a pointer is, for the first part of it; nothing where the pointer goes further in.
fn form_of(operation: &crate::operation::Entry, at: &str) -> Result<Option<Form>, String> {
    let help = "a pointer is /resource or / and a parameter, such as /name";
    let rest = at.strip_prefix('/').ok_or_else(|| format!("`{at}` is no JSON Pointer: {help}"))?;
    let (name, is_whole) = rest.split_once('/').map_or((rest, true), |(name, _)| (name, false));
    if name == "resource" && is_whole {
        return Ok(Some(Form::Text));
    }
    let Some(field) = operation.fields.iter().find(|field| field.name == name) else {
        let known = operation.fields.iter().map(|field| field.name).chain(["resource"]);
        let nearest = config::did_you_mean(name, known);
        return Err(format!("{} has no parameter `{name}`{nearest}", tool(operation)));
    };
    Ok(is_whole.then(|| field.shape.form()))
}

/// `10G`: a number with K, M, G, T or P, each 1024 times the one before, or plain bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(['K', 'M', 'G', 'T', 'P']);
    let power = match text.strip_prefix(digits)? {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        _ => return None,
    };
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| plain)?;
    number.checked_mul(1024_u64.pow(power))
}

fn tool(entry: &crate::operation::Entry) -> String {
    format!("{}.{}", entry.kind, entry.op)
}
