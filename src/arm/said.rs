//! What the program says: what of Azure's answers somebody here has a use for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::vault::CredentialKind;

/// The last line: the answer, and by what the host was known that got it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// What came of it.
    pub answer: Answer,
    /// The credential that Azure took.
    #[serde(default)]
    pub credential: Option<CredentialKind>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// The resource groups of a subscription, all of them.
    Groups(Vec<Group>),
    /// The resources of a group, all of them.
    Resources(Vec<Resource>),
    /// A container app.
    App(Box<App>),
    /// How many replicas each revision has had replaced.
    Restarted(BTreeMap<String, usize>),
    /// Its scale was taken.
    Scaled,
    /// The resources of a group, all of them, and who claims each.
    Claimed(Vec<Claimable>),
    /// Whether a resource is there.
    There(bool),
    /// It is there no more.
    Deleted,
    /// How a vault's firewall is.
    Firewall(Box<Firewall>),
    /// It is as it was to be.
    FirewallSet,
}

/// The firewall of a vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Firewall {
    /// The vault's id.
    pub id: String,
    /// `Enabled`, `Disabled`: whether it can be reached from outside at all.
    pub access: Option<String>,
    /// `Deny`, `Allow`: what becomes of those whom no rule names.
    pub default_action: Option<String>,
    /// The addresses that are let in, with their bits.
    pub rules: Vec<String>,
    /// Those that this host has added, as far as its own list says.
    pub added: Vec<String>,
    /// This host's own address, where that was asked for.
    pub address: Option<String>,
    /// What tells it from what it was before.
    pub mark: String,
}

impl Firewall {
    /// Whether it keeps out whom no rule names, and lets in whom one does.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let is_public = self.access.as_deref().is_none_or(|access| access.eq_ignore_ascii_case("enabled"));
        is_public && self.default_action.as_deref() == Some("Deny")
    }

    /// Whether a rule names just that.
    #[must_use]
    pub fn lets_in(&self, address: &str) -> bool {
        self.rules.iter().any(|rule| rule == address)
    }

    /// Whether this host has added that.
    #[must_use]
    pub fn has_added(&self, address: &str) -> bool {
        self.added.iter().any(|added| added == address)
    }
}

/// A resource, as it is for somebody who may want it gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claimable {
    /// Below its group, in small letters: `microsoft.app/containerapps/shop`.
    pub name: String,
    /// Its id, as Azure writes it.
    pub id: String,
    /// `Microsoft.App/containerApps`.
    pub kind: String,
    /// Where it is.
    pub location: Option<String>,
    /// `Succeeded`, unless something is being done to it.
    pub state: Option<String>,
    /// When it was made.
    pub created: Option<String>,
    /// Its version: an etag, or when it was changed last. Only of what this host claims.
    pub version: Option<String>,
    /// The etag alone.
    pub etag: Option<String>,
    /// What tells it from what it was before; nothing, where Azure does not say enough.
    pub mark: Option<String>,
    /// What this host's own list says of it.
    pub host: Word,
    /// What its tag says.
    pub tag: Word,
}

/// What somebody says of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// That it is this host's.
    Claims,
    /// Nothing.
    Silent,
    /// That something else is: the list means one of that name that was made at another time, the tag another host.
    Other,
}

impl Claimable {
    /// Whether both claim it.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        (self.host, self.tag) == (Word::Claims, Word::Claims)
    }

    /// Whether at least one does.
    #[must_use]
    pub fn is_half_claimed(&self) -> bool {
        self.host == Word::Claims || self.tag == Word::Claims
    }
}

/// A resource group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub location: String,
    /// `Succeeded`, unless it is being made or deleted.
    pub state: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// `Microsoft.App/containerApps`.
    pub kind: String,
    /// Where it is.
    pub location: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A container app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Its name.
    pub name: String,
    /// Its id at Azure.
    pub id: String,
    /// Where it is.
    pub location: String,
    /// `Succeeded`, unless it is being changed.
    pub state: String,
    /// `Running`, `Stopped`.
    pub running: Option<String>,
    /// As many replicas at least, by the template that its next revision is made from.
    pub min: u32,
    /// As many at most.
    pub max: u32,
    /// `Single`, `Multiple`: whether a new revision takes the place of the one before, or stands beside it.
    pub mode: Option<String>,
    /// The revision that was made last.
    pub latest: Option<String>,
    /// Its active revisions.
    pub revisions: Vec<Revision>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl App {
    /// How many replicas its template asks for.
    #[must_use]
    pub fn scale(&self) -> (u32, u32) {
        (self.min, self.max)
    }

    /// Whether a new revision takes the place of the one before.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.mode.as_deref().is_some_and(|mode| mode.eq_ignore_ascii_case("single"))
    }

    /// The revision that serves, where that is one, and the one that was made last.
    #[must_use]
    pub fn serving(&self) -> Option<&Revision> {
        match self.revisions.as_slice() {
            [one] if self.latest.as_deref() == Some(one.name.as_str()) => Some(one),
            _several_or_none => None,
        }
    }

    /// Whether what serves has that scale, and so will what is made next.
    #[must_use]
    pub fn serves_at(&self, scale: (u32, u32)) -> bool {
        self.scale() == scale && self.serving().is_some_and(|revision| revision.scale() == scale)
    }
}

/// An active revision of a container app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Option<String>,
    /// `Running`, `ScaledToZero`, `Failed`.
    pub running: Option<String>,
    /// The share of requests that it gets, in percent.
    pub traffic: u32,
    /// As many replicas at least. A revision has the scale that it was made with.
    pub min: u32,
    /// As many at most.
    pub max: u32,
    /// The names of its replicas.
    pub replicas: Vec<String>,
}

impl Revision {
    /// How many replicas it was made to have.
    #[must_use]
    pub fn scale(&self) -> (u32, u32) {
        (self.min, self.max)
    }
}
