//! A contract as written, and from it the contract as meant.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::{Contract, Entry};
use crate::config::{self, ConfigError};
use crate::operation::{Effect, Granted, Realm, catalogue};
use crate::policy::Verdict;
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
    recursive: Option<Spanned<bool>>,
    max_objects: Option<Spanned<u64>>,
    max_bytes: Option<Spanned<String>>,
    run_as_user: Option<Spanned<bool>>,
    at_least: Option<AtLeast>,
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
        }
    }
}

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
    let allow = written
        .allow
        .into_iter()
        .map(|entry| page.entry(entry, run_as.is_some()))
        .collect::<Result<_, _>>()?;
    Ok(Contract { principal, roles: written.roles, run_as, allow })
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
        let always_as_user = self.check_user(&entry, &operations, has_user)?;
        let granted = Realm::ALL
            .into_iter()
            .flat_map(|realm| entry.names(realm).iter().map(move |name| (realm, name)))
            .map(|(realm, name)| self.granted(realm, name))
            .collect::<Result<_, _>>()?;
        Ok(Entry {
            operations: entry.operations.into_iter().map(Spanned::into_inner).collect(),
            granted,
            recursive: entry.recursive.is_none_or(Spanned::into_inner),
            max_objects: entry.max_objects.map(Spanned::into_inner),
            max_bytes: entry.max_bytes.map(|size| self.size(size)).transpose()?,
            run_as_user: as_user.is_some() || always_as_user,
            at_least: match entry.at_least {
                Some(AtLeast::Review) => Verdict::Review,
                Some(AtLeast::Allow) | None => Verdict::Allow,
            },
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

    /// `10G`: a number with K, M, G, T or P, each 1024 times the one before, or plain bytes.
    fn size(&self, size: Spanned<String>) -> Result<u64, ConfigError> {
        let text = size.get_ref();
        let digits = text.trim_end_matches(['K', 'M', 'G', 'T', 'P']);
        let power = match text.strip_prefix(digits) {
            Some("") => Some(0),
            Some("K") => Some(1),
            Some("M") => Some(2),
            Some("G") => Some(3),
            Some("T") => Some(4),
            Some("P") => Some(5),
            Some(_) | None => None,
        };
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse::<u64>().ok().filter(|_| plain);
        let bytes = number.zip(power).and_then(|(number, power)| number.checked_mul(1024_u64.pow(power)));
        bytes.ok_or_else(|| self.wrong(&size, format!("`{text}` is no size such as 512M, 10G or 2T")))
    }
}

fn tool(entry: &crate::operation::Entry) -> String {
    format!("{}.{}", entry.kind, entry.op)
}
