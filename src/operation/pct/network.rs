//! A network interface and a new volume as `pct` writes them: lists of `key=value`, read key by key.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::StorageName;
use crate::operation::Invalid;

/// The value of `net0`: `name=eth0,bridge=vmbr0,ip=dhcp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    parts: Vec<(&'static str, String)>,
}

/// The value of `mp0` for a volume that does not exist yet: `local-zfs:8,mp=/data`. A path of the host or a volume of
/// another container has no place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    storage: StorageName,
    gib: u32,
    parts: Vec<(&'static str, String)>,
}

type Takes = fn(&str) -> bool;

/// In the order in which they are written.
const NETWORK: &[(&str, Takes)] = &[
    ("name", is_interface),
    ("bridge", is_interface),
    ("firewall", is_switch),
    ("gw", is_v4),
    ("gw6", is_v6),
    ("hwaddr", is_unicast),
    ("ip", |text| matches!(text, "dhcp" | "manual") || is_cidr::<Ipv4Addr>(text, 32)),
    ("ip6", |text| matches!(text, "dhcp" | "auto" | "manual") || is_cidr::<Ipv6Addr>(text, 128)),
    ("link_down", is_switch),
    ("mtu", |text| is_number(text, 64, 65_535)),
    ("rate", |text| is_number(text, 1, 1_000_000)),
    ("tag", |text| is_number(text, 1, 4094)),
    ("type", |text| text == "veth"),
];

/// What holds an interface to its place and its bounds.
const GUARDS: [&str; 4] = ["firewall", "hwaddr", "rate", "tag"];

const VOLUME: &[(&str, Takes)] = &[("mp", is_inner_path), ("backup", is_switch), ("ro", is_switch)];

/// The largest volume: 64 TiB.
const MOST_GIB: u64 = 65_536;

impl Network {
    /// The bridge of the host that it is on.
    pub fn bridge(&self) -> &str {
        self.part("bridge").unwrap_or_default()
    }

    /// The VLAN that it is in.
    pub fn tag(&self) -> Option<u16> {
        self.part("tag")?.parse().ok()
    }

    /// The same interface, with what guards and places another that it shall replace, wherever it does not say it itself.
    #[must_use]
    pub fn keeping(&self, other: &Self) -> Self {
        let is_kept = |key: &str| GUARDS.contains(&key) && self.part(key).is_none();
        let kept = other.parts.iter().filter(|(key, _)| is_kept(key)).cloned();
        let mut parts: Vec<_> = self.parts.iter().cloned().chain(kept).collect();
        let place = |key: &str| NETWORK.iter().position(|(own, _)| *own == key);
        parts.sort_by_key(|(key, _)| place(key));
        Self { parts }
    }

    /// Whether it says anything of what guards and places an interface, but to turn the firewall on.
    pub fn loosens(&self) -> bool {
        self.parts().any(|(key, value)| GUARDS.contains(&key) && (key, value) != ("firewall", "1"))
    }

    /// What it says, key by key.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parts.iter().map(|(key, value)| (*key, value.as_str()))
    }

    fn part(&self, key: &str) -> Option<&str> {
        self.parts().find(|(own, _)| *own == key).map(|(_, value)| value)
    }
}

impl Volume {
    /// Where it is made.
    pub fn storage(&self) -> &StorageName {
        &self.storage
    }

    /// How large.
    pub fn gib(&self) -> u32 {
        self.gib
    }

    /// What else it says, key by key.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parts.iter().map(|(key, value)| (*key, value.as_str()))
    }
}

impl FromStr for Network {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parts = keyed(text.split(','), NETWORK)?;
        let network = Self { parts };
        for needed in ["name", "bridge"] {
            if network.part(needed).is_none() {
                return Err(Invalid::here(format!("has no {needed}: name=eth0,bridge=vmbr0,ip=dhcp")));
            }
        }
        Ok(network)
    }
}

impl FromStr for Volume {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let what = || {
            Invalid::here("is no new volume: STORAGE:GIB,mp=/PATH, where both backup=1 and ro=1 may follow")
        };
        let mut pieces = text.split(',');
        let (storage, gib) = pieces.next().and_then(|first| first.split_once(':')).ok_or_else(what)?;
        let storage = StorageName::try_from(storage.to_owned()).map_err(|_| what())?;
        let gib = gib.parse().ok().filter(|_| is_number(gib, 1, MOST_GIB)).ok_or_else(what)?;
        let parts = keyed(pieces, VOLUME)?;
        if parts.iter().all(|(key, _)| *key != "mp") {
            return Err(what());
        }
        Ok(Self { storage, gib, parts })
    }
}

/// Each `key=value` once, of the keys that may be, in their canonical order.
fn keyed<'a>(
    pieces: impl Iterator<Item = &'a str>,
    known: &'static [(&'static str, Takes)],
) -> Result<Vec<(&'static str, String)>, Invalid> {
    let mut given: Vec<(usize, &'static str, String)> = Vec::new();
    for piece in pieces {
        let (key, value) =
            piece.split_once('=').ok_or_else(|| Invalid::here(format!("{piece:?} is no key=value")))?;
        let place = known.iter().position(|(own, _)| *own == key);
        let Some((place, (name, takes))) = place.and_then(|place| Some((place, known.get(place)?))) else {
            let keys: Vec<&str> = known.iter().map(|(own, _)| *own).collect();
            return Err(Invalid::here(format!("{key:?} is none of {}", keys.join(", "))));
        };
        if given.iter().any(|(other, _, _)| *other == place) {
            return Err(Invalid::here(format!("{key} stands twice")));
        }
        if !takes(value) {
            return Err(Invalid::here(format!("{value:?} is not what {key} takes")));
        }
        given.push((place, name, value.to_owned()));
    }
    given.sort();
    Ok(given.into_iter().map(|(_, name, value)| (name, value)).collect())
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (key, value)) in self.parts().enumerate() {
            write!(f, "{}{key}={value}", if place == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.storage, self.gib)?;
        self.parts().try_for_each(|(key, value)| write!(f, ",{key}={value}"))
    }
}

fn is_interface(text: &str) -> bool {
    (2..=15).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

fn is_switch(text: &str) -> bool {
    matches!(text, "0" | "1")
}

fn is_number(text: &str, least: u64, most: u64) -> bool {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().is_ok_and(|number: u64| is_plain && (least..=most).contains(&number))
}

fn is_v4(text: &str) -> bool {
    Ipv4Addr::from_str(text).is_ok()
}

fn is_v6(text: &str) -> bool {
    Ipv6Addr::from_str(text).is_ok()
}

fn is_cidr<A: FromStr>(text: &str, most: u64) -> bool {
    text.split_once('/')
        .is_some_and(|(address, bits)| A::from_str(address).is_ok() && is_number(bits, 0, most))
}

/// A MAC address that one interface may have, in upper case as Proxmox writes them.
fn is_unicast(text: &str) -> bool {
    let is_octet = |octet: &str| {
        octet.len() == 2
            && octet.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'A'..=b'F' | b'a'..=b'f'))
    };
    let first = text.get(..2).and_then(|octet| u8::from_str_radix(octet, 16).ok());
    text.split(':').count() == 6 && text.split(':').all(is_octet) && first.is_some_and(|octet| octet & 1 == 0)
}

/// A path inside the container: absolute, without `.`, `..` or empty parts, and nothing that `pct` reads as its own.
fn is_inner_path(text: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    text.len() <= 255 && text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Option<String> {
        Network::from_str(text).ok().map(|network| network.to_string())
    }

    fn volume(text: &str) -> Option<String> {
        Volume::from_str(text).ok().map(|volume| volume.to_string())
    }

    #[test]
    fn an_interface_is_written_in_one_order() {
        assert_eq!(
            network("ip=dhcp,bridge=vmbr0,name=eth0").as_deref(),
            Some("name=eth0,bridge=vmbr0,ip=dhcp")
        );
        let whole = "name=eth0,bridge=vmbr0,firewall=1,gw=192.0.2.1,hwaddr=BC:24:11:00:00:01,ip=192.0.2.5/24,ip6=auto,mtu=1500,tag=7,type=veth";
        assert_eq!(network(whole).as_deref(), Some(whole));
    }

    #[test]
    fn what_guards_an_interface_stays_unless_it_is_named() {
        let now = Network::from_str(
            "name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11:00:00:01,ip=dhcp,rate=5,tag=7",
        )
        .unwrap();
        let kept = |text: &str| Network::from_str(text).unwrap().keeping(&now).to_string();
        assert_eq!(
            kept("name=eth0,bridge=vmbr0,ip=manual"),
            "name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11:00:00:01,ip=manual,rate=5,tag=7"
        );
        assert_eq!(
            kept("name=eth0,bridge=vmbr0,firewall=0,tag=8"),
            "name=eth0,bridge=vmbr0,firewall=0,hwaddr=BC:24:11:00:00:01,rate=5,tag=8"
        );
    }

    #[test]
    fn an_interface_takes_nothing_else() {
        for wrong in [
            "",
            "name=eth0",
            "bridge=vmbr0",
            "name=eth0,bridge=vmbr0,ip=192.0.2.5",
            "name=eth0,bridge=vmbr0,ip=192.0.2.5/33",
            "name=eth0,bridge=vmbr0,name=eth1",
            "name=eth0,bridge=-x",
            "name=eth0,bridge=vmbr0,script=/bin/sh",
            "name=eth0,bridge=vmbr0,trunks=1;2",
            "name=eth0,bridge=vmbr0,hwaddr=01:00:00:00:00:00",
            "name=eth0,bridge=vmbr0,tag=4095",
            "name=eth0,bridge=vmbr0,",
            "name=eth0,bridge=vmbr0,type=phys",
        ] {
            assert_eq!(network(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_volume_is_a_new_one_on_a_storage() {
        assert_eq!(volume("local-zfs:8,backup=1,mp=/data").as_deref(), Some("local-zfs:8,mp=/data,backup=1"));
        for wrong in [
            "/etc,mp=/data",
            "/dev/sda1,mp=/data",
            "local-zfs:subvol-102-disk-0,mp=/data",
            "local-zfs:8",
            "local-zfs:0,mp=/data",
            "local-zfs:8,mp=data",
            "local-zfs:8,mp=/a/../etc",
            "local-zfs:8,mp=/data,mountoptions=dev",
            "local-zfs:8,mp=/data,shared=1",
            "local-zfs:8,mp=/data,acl=1",
            "local-zfs:08,mp=/data",
            "volume=/etc,mp=/data",
        ] {
            assert_eq!(volume(wrong), None, "{wrong}");
        }
    }
}
