//! A contract as written, and from it the contract as meant.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::Entry;
use super::constraint::WrittenConstraint;
use super::entry::Terms;
use super::place;
use super::schema::Schema;
use crate::config::{self, ConfigError};
use crate::domains::DomainBounds;
use crate::operation::{Digest, Entry as Known, Granted, Realm, catalogue, named};
use crate::policy::Verdict;
use crate::policy::window::TimeWindow;
use crate::principal::{PrincipalName, Role};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenContract {
    principal: Option<Spanned<String>>,
    role: Option<Spanned<String>>,
    #[serde(default)]
    members: Vec<Spanned<String>>,
    roles: BTreeSet<Role>,
    run_as: Option<Spanned<String>>,
    #[serde(default)]
    allowed_domains: Vec<Spanned<String>>,
    #[serde(default)]
    denied_domains: Vec<Spanned<String>>,
    #[serde(default)]
    allow: Vec<Spanned<WrittenEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenEntry {
    pub(super) operations: Vec<Spanned<String>>,
    #[serde(default)]
    datasets: Vec<Spanned<String>>,
    #[serde(default)]
    pools: Vec<Spanned<String>>,
    #[serde(default)]
    playbooks: Vec<Spanned<String>>,
    #[serde(default)]
    units: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) repositories: Vec<Spanned<String>>,
    #[serde(default)]
    containers: Vec<Spanned<String>>,
    #[serde(default)]
    tools: Vec<Spanned<String>>,
    #[serde(default)]
    azure: Vec<Spanned<String>>,
    pub(super) recursive: Option<Spanned<bool>>,
    pub(super) max_objects: Option<Spanned<u64>>,
    pub(super) max_bytes: Option<Spanned<String>>,
    pub(super) run_as_user: Option<Spanned<bool>>,
    run_as: Option<Spanned<String>>,
    at_least: Option<AtLeast>,
    approvals: Option<Spanned<u32>>,
    max_per_hour: Option<Spanned<u64>>,
    time_window: Option<Spanned<String>>,
    require_reason: Option<bool>,
    require_snapshot_first: Option<Spanned<String>>,
    schema: Option<Spanned<serde_json::Value>>,
    #[serde(default, rename = "where")]
    bounds: BTreeMap<Spanned<String>, Spanned<WrittenConstraint>>,
}

impl WrittenEntry {
    pub(super) fn names(&self, realm: Realm) -> &[Spanned<String>] {
        match realm {
            Realm::Dataset => &self.datasets,
            Realm::Pool => &self.pools,
            Realm::Playbook => &self.playbooks,
            Realm::Unit => &self.units,
            Realm::Repository => &self.repositories,
            Realm::Container => &self.containers,
            Realm::Tool => &self.tools,
            Realm::Azure => &self.azure,
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

/// One file of contracts.
pub(super) struct File {
    pub(super) owner: Owner,
    pub(super) roles: BTreeSet<Role>,
    pub(super) domains: DomainBounds,
    pub(super) allow: Vec<Entry>,
    pub(super) digest: Digest,
}

/// Whose contract a file is.
pub(super) enum Owner {
    Principal(PrincipalName),
    /// Of a role, which all of its members have.
    Role {
        name: String,
        members: BTreeSet<PrincipalName>,
    },
}

impl File {
    /// What the file is called.
    pub(super) fn stem(&self) -> String {
        match &self.owner {
            Owner::Principal(name) => name.to_string(),
            Owner::Role { name, .. } => format!("{name}.role"),
        }
    }
}

pub(super) fn parse(label: &str, text: &str) -> Result<File, ConfigError> {
    let written: WrittenContract = config::parse(label, text)?;
    let page = Page { label, text };
    let owner = page.owner(&written)?;
    let run_as = written.run_as.map(|user| page.user(&user)).transpose()?;
    let entries = written.allow.into_iter().map(|entry| page.entry(entry, run_as.as_deref()));
    let mut allow = entries.collect::<Result<Vec<Entry>, _>>()?;
    for (entry, shown) in allow.iter_mut().zip(as_written(label, text)?) {
        entry.shown = shown;
    }
    let mut domains = DomainBounds::default();
    for name in &written.allowed_domains {
        domains.allow(name.get_ref()).map_err(|problem| page.no_host(name, problem))?;
    }
    for name in &written.denied_domains {
        domains.deny(name.get_ref()).map_err(|problem| page.no_host(name, problem))?;
    }
    let digest = Digest::of_bytes(text.as_bytes());
    Ok(File { owner, roles: written.roles, domains, allow, digest })
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
pub(super) struct Page<'a> {
    label: &'a str,
    text: &'a str,
}

impl Page<'_> {
    pub(super) fn wrong<T>(&self, at: &Spanned<T>, problem: impl Into<String>) -> ConfigError {
        self.wrong_at(at.span(), problem)
    }

    pub(super) fn wrong_at(&self, span: Range<usize>, problem: impl Into<String>) -> ConfigError {
        ConfigError::at(self.label, self.text, span, problem)
    }

    fn no_host(&self, name: &Spanned<String>, problem: String) -> ConfigError {
        let help = "write example.org for it and all below, =example.org for it alone, *.example.org for what lies below";
        self.wrong(name, problem).help(help)
    }

    fn owner(&self, written: &WrittenContract) -> Result<Owner, ConfigError> {
        let name = |text: &Spanned<String>| {
            PrincipalName::try_from(text.get_ref().clone())
                .map_err(|error| self.wrong(text, error.to_string()))
        };
        match (&written.principal, &written.role) {
            (Some(principal), None) => match written.members.first() {
                None => Ok(Owner::Principal(name(principal)?)),
                Some(member) => Err(self
                    .wrong(member, "members belong to the contract of a role")
                    .help("write role = \"NAME\" in place of principal, or take members out")),
            },
            (None, Some(role)) => {
                let own = ["agent", "admin", "metrics"];
                let text = role.get_ref();
                if name(role).is_err() || own.contains(&text.as_str()) {
                    let problem = "a role is named as principals are, and not agent, admin or metrics";
                    return Err(self.wrong(role, problem));
                }
                if written.members.is_empty() {
                    return Err(self
                        .wrong(role, "the role has no members, so nobody has its contract")
                        .help("write members = [\"NAME\"]"));
                }
                let members = written.members.iter().map(name).collect::<Result<_, _>>()?;
                Ok(Owner::Role { name: text.clone(), members })
            }
            (Some(_), Some(role)) => Err(self
                .wrong(role, "a contract is of a principal or of a role")
                .help("leave one of the two out; a file each")),
            (None, None) => Err(self
                .wrong_at(0..0, "missing key `principal`, or `role` for the contract of a role")
                .help("write principal = \"NAME\" at the top")),
        }
    }

    fn user(&self, user: &Spanned<String>) -> Result<String, ConfigError> {
        let name = user.get_ref();
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
            && name.len() <= 32;
        if !is_name || name == "root" {
            return Err(self
                .wrong(user, "run_as names a Unix user other than root")
                .help("leave it out for what runs as root"));
        }
        Ok(name.clone())
    }

    fn entry(&self, entry: Spanned<WrittenEntry>, user: Option<&str>) -> Result<Entry, ConfigError> {
        let span = entry.span();
        let mut entry = entry.into_inner();
        let operations =
            entry.operations.iter().map(|name| self.operation(name)).collect::<Result<Vec<_>, _>>()?;
        self.check_reach(&entry, &operations, span)?;
        self.check_bounds(&entry, &operations)?;
        let own_user = entry.run_as.as_ref().map(|user| self.user(user)).transpose()?;
        let wants_user = entry.run_as_user.as_ref().filter(|on| *on.get_ref()).map(Spanned::span);
        let as_user = entry.run_as.as_ref().map(Spanned::span).or(wants_user);
        let user = own_user.or_else(|| user.map(str::to_owned));
        if let Some(span) = as_user.clone() {
            self.check_as_user(span, &operations, user.is_some())?;
        }
        let always_as_user = self.check_user(&entry, &operations, user.is_some())?;
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
            snapshot_first: entry
                .require_snapshot_first
                .as_ref()
                .map(|age| self.snapshot_first(age, &operations))
                .transpose()?,
        };
        let schema = entry.schema.take().map(|written| self.schema(written, &operations)).transpose()?;
        let constraints = self.constraints(entry.bounds, &operations)?;
        let asks_people = terms.approvals.is_some();
        let asks_first = operations.iter().any(|operation| operation.asks_first());
        Ok(Entry {
            operations: entry.operations.into_iter().map(Spanned::into_inner).collect(),
            granted,
            recursive: entry.recursive.is_none_or(Spanned::into_inner),
            max_objects: entry.max_objects.map(Spanned::into_inner),
            max_bytes: entry.max_bytes.map(|size| self.size(size)).transpose()?,
            user: user.filter(|_| as_user.is_some() || always_as_user),
            at_least: match entry.at_least {
                Some(AtLeast::Review) => Verdict::Review,
                Some(AtLeast::Allow) | None if asks_people => Verdict::Review,
                None if asks_first => Verdict::Review,
                Some(AtLeast::Allow) | None => Verdict::Allow,
            },
            constraints,
            schema,
            terms,
            shown: serde_json::Value::Null,
        })
    }

    fn operation(&self, name: &Spanned<String>) -> Result<&'static Known, ConfigError> {
        let written = name.get_ref();
        named(written).ok_or_else(|| {
            let known: Vec<String> = catalogue().map(Known::name).collect();
            let nearest = config::did_you_mean(written, known.iter().map(String::as_str));
            let kind = written.split('.').next().unwrap_or_default();
            let of_kind: Vec<&str> = known
                .iter()
                .map(String::as_str)
                .filter(|name| name.split('.').next() == Some(kind))
                .collect();
            let help = if of_kind.is_empty() {
                "`reeve ops` lists what there is".to_owned()
            } else {
                format!("there are {}", of_kind.join(", "))
            };
            self.wrong(name, format!("there is no operation `{written}`{nearest}")).help(help)
        })
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

    fn schema(
        &self,
        written: Spanned<serde_json::Value>,
        operations: &[&Known],
    ) -> Result<Schema, ConfigError> {
        let span = written.span();
        Schema::of(written.into_inner(), operations).map_err(|wrong| {
            let error =
                self.wrong_at(place::within(self.text, &span, &wrong.at), format!("schema{}", wrong.problem));
            match wrong.help {
                Some(help) => error.help(help),
                None => error,
            }
        })
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
        Err(self
            .wrong(written, format!("{value} is not from {least} to {most}"))
            .help("leave it out where it bounds nothing"))
    }
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
