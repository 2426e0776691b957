//! The keys of a container's configuration that may be set, and to what: those that cannot open a way onto the host.

use std::net::IpAddr;
use std::str::FromStr;

use super::names::{Hostname, Line, Tag, index};
use super::network::{Network, Volume};
use crate::operation::Invalid;

/// What a key takes.
#[derive(Clone, Copy)]
enum Takes {
    /// A whole number from one to another.
    Number(u64, u64),
    /// 0 or 1.
    Switch,
    /// A host name.
    Hostname,
    /// Tags between `;`.
    Tags,
    /// One line of text.
    Line,
    /// Addresses between blanks.
    Addresses,
    /// Domains between blanks.
    Domains,
    /// `order=1,up=30,down=60`, any of them.
    Startup,
}

/// Left out on purpose: `lxc.*`, `hookscript`, `dev0` and its kin, `env`, `entrypoint`, `features`, `unprivileged`,
/// `arch`, `ostype`, `rootfs`, `lock` and `template`, each of which lets the inside out or makes root run something.
const SETTABLE: &[(&str, Takes)] = &[
    ("cores", Takes::Number(1, 8192)),
    ("cpulimit", Takes::Number(0, 8192)),
    ("cpuunits", Takes::Number(0, 500_000)),
    ("description", Takes::Line),
    ("hostname", Takes::Hostname),
    ("memory", Takes::Number(16, 16_777_216)),
    ("nameserver", Takes::Addresses),
    ("onboot", Takes::Switch),
    ("protection", Takes::Switch),
    ("searchdomain", Takes::Domains),
    ("startup", Takes::Startup),
    ("swap", Takes::Number(0, 16_777_216)),
    ("tags", Takes::Tags),
];

/// `net0` to `net15`.
const NETWORKS: u16 = 16;
/// `mp0` to `mp15`.
const MOUNT_POINTS: u16 = 16;

/// A key of the list above, of a network interface or of a mount point.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(String);

/// A key with the value that it shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    key: Key,
    value: Wanted,
}

/// A value, as far as it must be looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// As `pct set` takes it.
    Plain(String),
    /// A network interface.
    Network(Network),
    /// A new volume on a mount point.
    Volume(Volume),
}

/// What kind of key it is.
#[derive(Clone, Copy)]
enum KeyKind {
    Plain(Takes),
    Network,
    MountPoint,
}

impl Key {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a mount point, whose deletion takes a volume away from the container.
    pub fn is_mount_point(&self) -> bool {
        matches!(kind(&self.0), Some(KeyKind::MountPoint))
    }

    /// Whether deleting it takes away what guards the container, or something of it: a volume, or an interface with its
    /// firewall.
    pub fn is_guard(&self) -> bool {
        self.0 == "protection" || matches!(kind(&self.0), Some(KeyKind::MountPoint | KeyKind::Network))
    }
}

impl TryFrom<String> for Key {
    type Error = Invalid;

    fn try_from(key: String) -> Result<Self, Invalid> {
        if kind(&key).is_some() {
            return Ok(Self(key));
        }
        Err(Invalid::here(format!("{key:?} is not a key that Reeve sets: {}", settable())))
    }
}

impl Setting {
    /// Checks the key against the list and the value against what the key takes.
    pub fn new(key: String, value: String) -> Result<Self, Invalid> {
        let key = Key::try_from(key)?;
        let value = match kind(key.as_str()) {
            Some(KeyKind::Plain(takes)) => takes.check(&value).map(|()| Wanted::Plain(value)),
            Some(KeyKind::Network) => Network::from_str(&value).map(Wanted::Network),
            Some(KeyKind::MountPoint) => Volume::from_str(&value).map(Wanted::Volume),
            None => Err(Invalid::here("is no key")),
        };
        value.map(|value| Self { key, value })
    }

    /// Which key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// To what.
    pub fn wanted(&self) -> &Wanted {
        &self.value
    }

    /// The value as `pct set` takes it.
    pub fn value(&self) -> String {
        match &self.value {
            Wanted::Plain(text) => text.clone(),
            Wanted::Network(network) => network.to_string(),
            Wanted::Volume(volume) => volume.to_string(),
        }
    }

    /// Whether it may take away what guards the container: its protection, or an interface's firewall, address, bound or
    /// VLAN. Only the host knows what these are now, so whatever names one of them counts.
    pub fn loosens(&self) -> bool {
        match &self.value {
            Wanted::Plain(value) => self.key.as_str() == "protection" && value == "0",
            Wanted::Network(network) => network.loosens(),
            Wanted::Volume(_) => false,
        }
    }

    /// The same setting; an interface keeps what guards and places the one that it replaces.
    #[must_use]
    pub fn keeping(&self, now: &Network) -> Self {
        let value = match &self.value {
            Wanted::Network(network) => Wanted::Network(network.keeping(now)),
            Wanted::Plain(_) | Wanted::Volume(_) => self.value.clone(),
        };
        Self { key: self.key.clone(), value }
    }
}

/// The keys that may be set, for messages and the catalogue.
pub fn settable() -> String {
    let plain: Vec<&str> = SETTABLE.iter().map(|(key, _)| *key).collect();
    format!("{}, net0 to net15, mp0 to mp15", plain.join(", "))
}

fn kind(key: &str) -> Option<KeyKind> {
    if let Some((_, takes)) = SETTABLE.iter().find(|(own, _)| *own == key) {
        return Some(KeyKind::Plain(*takes));
    }
    if let Some(digits) = key.strip_prefix("net") {
        return index(digits, NETWORKS).map(|_| KeyKind::Network);
    }
    let digits = key.strip_prefix("mp")?;
    index(digits, MOUNT_POINTS).map(|_| KeyKind::MountPoint)
}

impl Takes {
    fn check(self, value: &str) -> Result<(), Invalid> {
        let (is_fine, wanted) = match self {
            Self::Number(least, most) => {
                (is_number(value, least, most), format!("a whole number from {least} to {most}"))
            }
            Self::Switch => (matches!(value, "0" | "1"), "0 or 1".to_owned()),
            Self::Hostname => (Hostname::try_from(value.to_owned()).is_ok(), "a host name".to_owned()),
            Self::Tags => {
                let is_tag = |tag: &str| Tag::try_from(tag.to_owned()).is_ok();
                (
                    value.split(';').all(is_tag),
                    "tags between ;, none of them Reeve's own (reeve-…)".to_owned(),
                )
            }
            Self::Line => {
                (Line::try_from(value.to_owned()).is_ok(), "one line of at most 500 characters".to_owned())
            }
            Self::Addresses => {
                let is_address = |text: &str| IpAddr::from_str(text).is_ok();
                (value.split(' ').all(is_address), "IP addresses between blanks".to_owned())
            }
            Self::Domains => {
                let is_domain = |text: &str| Hostname::try_from(text.to_owned()).is_ok();
                (value.split(' ').all(is_domain), "domains between blanks".to_owned())
            }
            Self::Startup => {
                (is_startup(value), "order=, up= and down=, with numbers, between commas".to_owned())
            }
        };
        if is_fine {
            return Ok(());
        }
        Err(Invalid::here(format!("{value:?} is not what this key takes: {wanted}")))
    }
}

fn is_number(value: &str, least: u64, most: u64) -> bool {
    let is_plain = value.bytes().all(|b| b.is_ascii_digit()) && (value == "0" || !value.starts_with('0'));
    value.parse().is_ok_and(|number: u64| is_plain && (least..=most).contains(&number))
}

fn is_startup(value: &str) -> bool {
    let mut seen: Vec<&str> = Vec::new();
    value.split(',').all(|piece| {
        let Some((key, number)) = piece.split_once('=') else { return false };
        let is_new = matches!(key, "order" | "up" | "down") && !seen.contains(&key);
        seen.push(key);
        is_new && is_number(number, 0, 100_000)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: &str) -> Result<Setting, Invalid> {
        Setting::new(key.to_owned(), value.to_owned())
    }

    #[test]
    fn listed_keys_take_their_values() {
        for (key, value) in [
            ("memory", "512"),
            ("swap", "0"),
            ("onboot", "1"),
            ("tags", "a;team-b"),
            ("nameserver", "192.0.2.1 2001:db8::1"),
            ("searchdomain", "example.org"),
            ("startup", "order=2,up=30"),
            ("description", "web of the library"),
            ("net15", "name=eth0,bridge=vmbr0,ip=dhcp"),
            ("mp0", "local-zfs:8,mp=/data"),
        ] {
            assert_eq!(set(key, value).unwrap().value(), value);
        }
    }

    #[test]
    fn keys_that_let_the_inside_out_and_values_that_do_not_fit_are_refused() {
        for (key, value) in [
            ("lxc.mount.entry", "/etc etc none bind"),
            ("lxc.apparmor.profile", "unconfined"),
            ("hookscript", "local:snippets/x.pl"),
            ("dev0", "/dev/sda"),
            ("features", "mount=nfs"),
            ("unprivileged", "0"),
            ("rootfs", "/"),
            ("mp0", "/etc,mp=/host"),
            ("mp16", "local-zfs:8,mp=/data"),
            ("net16", "name=eth0,bridge=vmbr0"),
            ("net01", "name=eth0,bridge=vmbr0"),
            ("lock", "backup"),
            ("template", "1"),
            ("password", "secret"),
            ("memory", "-1"),
            ("memory", "0512"),
            ("memory", "512M"),
            ("onboot", "yes"),
            ("tags", "a;reeve-retired"),
            ("tags", ""),
            ("nameserver", "host"),
            ("startup", "order=1,order=2"),
            ("description", "a\nlxc.cap.drop:"),
            ("-delete", "x"),
        ] {
            assert!(set(key, value).is_err(), "{key}={value}");
        }
    }

    #[test]
    fn what_ends_protection_or_names_an_interfaces_guards_loosens() {
        for (key, value, loosens) in [
            ("protection", "0", true),
            ("protection", "1", false),
            ("onboot", "0", false),
            ("net0", "name=eth0,bridge=vmbr0,ip=dhcp", false),
            ("net0", "name=eth0,bridge=vmbr0,firewall=1", false),
            ("net0", "name=eth0,bridge=vmbr0,firewall=0", true),
            ("net0", "name=eth0,bridge=vmbr0,tag=7", true),
            ("net0", "name=eth0,bridge=vmbr0,rate=7", true),
            ("net0", "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01", true),
        ] {
            assert_eq!(set(key, value).unwrap().loosens(), loosens, "{key}={value}");
        }
        let is_guard = |key: &str| Key::try_from(key.to_owned()).unwrap().is_guard();
        assert_eq!(["net0", "mp1", "protection", "hostname"].map(is_guard), [true, true, true, false]);
    }
}
