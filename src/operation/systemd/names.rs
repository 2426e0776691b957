//! Names of units, by the rules of systemd (`unit_name_is_valid`) and stricter where that is safe: no glob, no path, nothing that begins with `-`,
//! escapes only as systemd writes them, and one `@`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::operation::Invalid;

/// `UNIT_NAME_MAX` is 256 with the closing NUL.
const MAX_BYTES: usize = 255;

/// The service manager itself, where an operation is about no unit alone.
pub const SYSTEM: &str = "system";

/// A unit that systemd can have: `nginx.service`, `app@web.service`. Never a template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName(String);

/// What a unit is, by the end of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitKind {
    /// A process, or several.
    Service,
    /// A socket that starts a service when somebody connects.
    Socket,
    /// A group of units, or a point in time.
    Target,
    /// A timer that starts a unit.
    Timer,
    /// A path whose change starts a unit.
    Path,
    /// A mounted file system.
    Mount,
    /// A mount point that mounts itself when used.
    Automount,
    /// Swap space.
    Swap,
    /// A device that the kernel has.
    Device,
    /// A branch of the tree of control groups.
    Slice,
    /// Processes that something else than systemd started.
    Scope,
}

/// What a read is about: one unit, or the service manager with all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// systemd itself: `system`.
    System,
    /// One unit.
    Unit(UnitName),
}

impl UnitKind {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::Service,
        Self::Socket,
        Self::Target,
        Self::Timer,
        Self::Path,
        Self::Mount,
        Self::Automount,
        Self::Swap,
        Self::Device,
        Self::Slice,
        Self::Scope,
    ];

    /// What stands behind the last dot of a unit's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Socket => "socket",
            Self::Target => "target",
            Self::Timer => "timer",
            Self::Path => "path",
            Self::Mount => "mount",
            Self::Automount => "automount",
            Self::Swap => "swap",
            Self::Device => "device",
            Self::Slice => "slice",
            Self::Scope => "scope",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether it is more than a view of something else: the kernel makes devices, processes make scopes, and a slice is
    /// all that runs in it.
    pub fn can_be_changed(self) -> bool {
        match self {
            Self::Service
            | Self::Socket
            | Self::Target
            | Self::Timer
            | Self::Path
            | Self::Mount
            | Self::Automount
            | Self::Swap => true,
            Self::Device | Self::Slice | Self::Scope => false,
        }
    }
}

impl UnitName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is.
    pub fn kind(&self) -> UnitKind {
        // Parsing has found one of the kinds there.
        split_kind(&self.0).map_or(UnitKind::Service, |(_, kind)| kind)
    }

    /// The template that it is an instance of: `app@.service`.
    pub fn template(&self) -> Option<String> {
        let (prefix, _) = self.0.split_once('@')?;
        Some(format!("{prefix}@.{}", self.kind().as_str()))
    }
}

impl TryFrom<String> for UnitName {
    type Error = Invalid;

    fn try_from(name: String) -> Result<Self, Invalid> {
        let stem = check(&name)?;
        if stem.ends_with('@') {
            return Err(Invalid::here(format!(
                "is a template, which never runs itself; name an instance of it, as {stem}NAME.{}",
                name.rsplit('.').next().unwrap_or_default()
            )));
        }
        Ok(Self(name))
    }
}

impl From<UnitName> for String {
    fn from(name: UnitName) -> Self {
        name.0
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Subject {
    type Error = Invalid;

    fn try_from(name: String) -> Result<Self, Invalid> {
        if name == SYSTEM { Ok(Self::System) } else { UnitName::try_from(name).map(Self::Unit) }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str(SYSTEM),
            Self::Unit(unit) => unit.fmt(f),
        }
    }
}

/// What a contract grants: a unit by its exact name, every instance of a template by the template's (`app@.service`),
/// or `system`. There are no patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedUnit(String);

impl GrantedUnit {
    /// Whether it grants the unit of that name.
    pub fn covers(&self, name: &str) -> bool {
        let is_instance = || {
            let name = UnitName::try_from(name.to_owned()).ok();
            name.and_then(|name| name.template()).is_some_and(|template| template == self.0)
        };
        self.0 == name || is_instance()
    }
}

impl TryFrom<String> for GrantedUnit {
    type Error = Invalid;

    fn try_from(name: String) -> Result<Self, Invalid> {
        if name != SYSTEM {
            check(&name)?;
        }
        Ok(Self(name))
    }
}

/// The name without its end, when the whole is a unit's or a template's.
fn check(name: &str) -> Result<&str, Invalid> {
    if name.len() > MAX_BYTES {
        return Err(Invalid::here(format!("is at most {MAX_BYTES} bytes")));
    }
    let Some((stem, _)) = split_kind(name) else {
        let kinds = UnitKind::ALL.map(UnitKind::as_str).join(", .");
        return Err(Invalid::here(format!("is no unit: it ends in one of .{kinds}")));
    };
    if stem.is_empty() || stem.starts_with(['-', '.', '@']) {
        return Err(Invalid::here("is no unit: it begins with a letter, a digit, `_`, `:` or an escape"));
    }
    if stem.matches('@').count() > 1 {
        return Err(Invalid::here("has one @ at most, between a template and its instance"));
    }
    check_characters(stem)?;
    Ok(stem)
}

fn split_kind(name: &str) -> Option<(&str, UnitKind)> {
    let (stem, kind) = name.rsplit_once('.')?;
    UnitKind::named(kind).map(|kind| (stem, kind))
}

/// ASCII letters and digits, `:`, `-`, `_`, `.`, `@`, and other bytes as `\x2d`. So no blank, `/`, `*`, `?` or `[`.
fn check_characters(stem: &str) -> Result<(), Invalid> {
    let mut rest = stem.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let is_plain = first.is_ascii_alphanumeric() || matches!(first, b':' | b'-' | b'_' | b'.' | b'@');
        rest = match after.split_at_checked(3) {
            _plain if is_plain => after,
            Some(([b'x', high, low], after)) if first == b'\\' && is_hex(*high) && is_hex(*low) => after,
            Some(_) | None => {
                return Err(Invalid::here(
                    "has only letters, digits, `:`, `-`, `_`, `.`, `@`, and escapes such as \\x2d",
                ));
            }
        };
    }
    Ok(())
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str) -> Result<UnitName, Invalid> {
        UnitName::try_from(name.to_owned())
    }

    #[test]
    fn units_of_every_kind_instances_and_escapes_are_units() {
        for kind in UnitKind::ALL {
            assert_eq!(unit(&format!("a.{}", kind.as_str())).unwrap().kind(), kind);
        }
        for name in [
            "nginx.service",
            "app@web.service",
            "app@web-1:2.x.service",
            r"dev-disk-by\x2dlabel-x.swap",
            r"app@a\x40b.service",
            "org.example.App.service",
            "dbus-org.freedesktop.login1.service",
            "_x.timer",
            "3proxy.service",
        ] {
            assert_eq!(unit(name).unwrap().as_str(), name);
        }
        assert!(unit(&format!("{}.service", "x".repeat(247))).is_ok());
    }

    #[test]
    fn globs_paths_options_and_templates_are_no_units() {
        for name in [
            "",
            ".service",
            "service",
            "nginx",
            "nginx.conf",
            "nginx.service ",
            " nginx.service",
            "a b.service",
            "*.service",
            "ngin?.service",
            "[a].service",
            "../x.service",
            "/etc/x.service",
            "a/b.service",
            "-x.service",
            "--now.service",
            "--.service",
            "-.mount",
            "-.slice",
            ".hidden.service",
            "@a.service",
            "app@.service",
            "a@b@c.service",
            r"a\x2D.service",
            r"a\x2.service",
            r"a\.service",
            r"a\n.service",
            r"a\x.service",
            "ä.service",
            "a\n.service",
            "a\0.service",
            "a,b.service",
            "a;b.service",
            "a%i.service",
            "$(id).service",
            "a.service.",
            "a.SERVICE",
            "a.snapshot",
        ] {
            assert!(unit(name).is_err(), "{name:?}");
        }
        assert!(unit(&format!("{}.service", "x".repeat(248))).is_err());
    }

    #[test]
    fn an_instance_knows_its_template() {
        assert_eq!(unit("app@web.service").unwrap().template().unwrap(), "app@.service");
        assert_eq!(unit("app@web.x.socket").unwrap().template().unwrap(), "app@.socket");
        assert_eq!(unit("app.service").unwrap().template(), None);
    }

    #[test]
    fn a_grant_covers_its_unit_or_the_instances_of_its_template_and_nothing_else() {
        let granted = |name: &str| GrantedUnit::try_from(name.to_owned());
        for (grant, name, is_covered) in [
            ("nginx.service", "nginx.service", true),
            ("nginx.service", "nginx2.service", false),
            ("nginx.service", "system", false),
            ("app@.service", "app@web.service", true),
            ("app@.service", "app@web.socket", false),
            ("app@.service", "app2@web.service", false),
            ("app@.service", "app.service", false),
            ("app@.service", "xapp@web.service", false),
            ("app@web.service", "app@web2.service", false),
            ("system", "system", true),
            ("system", "system.service", false),
        ] {
            assert_eq!(granted(grant).unwrap().covers(name), is_covered, "{grant} {name}");
        }
        for pattern in ["*", "app@*.service", "*.service", "app", "system*", "-.mount", ""] {
            assert!(granted(pattern).is_err(), "{pattern:?}");
        }
    }
}
