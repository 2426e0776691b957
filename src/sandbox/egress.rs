//! Where a tool may go over the network: hosts and ports in one form, on the declaration's lists and on root's own.
//!
//! Nothing here looks a name up. What a name leads to is judged once more, address by address, by whoever connects.

use std::net::IpAddr;

use super::destination::denies;
pub use super::destination::{Destination, Host, is_name, read_authority};
use super::networks::{Network, is_public};

/// Root's own list: what tools may reach at most, whoever signs.
pub const ROOTS_LIST: &str = "/etc/reeve/egress";
/// The Unix user that the proxy runs as.
pub const PROXY_USER: &str = "reeve-egress";
/// The proxy.
pub const PROXY: &str = "/usr/local/libexec/reeve/reeve-egress";
/// Where it listens in the tool's own network.
pub const PROXY_PORT: u16 = 3128;

/// What a tool may reach, and what never, in which case that counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// What it may.
    pub allow: Vec<Destination>,
    /// Names that it may not reach: `example.org` with all below, `=example.org` alone, `*.example.org` what lies below. The
    /// declaration's, and what contracts and lists deny of what `allow` has.
    pub never: Vec<String>,
}

/// How a tool gets to a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Egress {
    /// Not at all.
    None,
    /// The host's own network; hosts that stand in parameters were looked at. Advisory.
    Preflight(Lists),
    /// By the proxy alone.
    Strict(Lists),
}

impl Egress {
    /// Its word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Egress::None => "none",
            Egress::Preflight(_) => "preflight",
            Egress::Strict(_) => "strict",
        }
    }

    /// The lists, where there are any.
    #[must_use]
    pub fn lists(&self) -> Option<&Lists> {
        match self {
            Egress::None => None,
            Egress::Preflight(lists) | Egress::Strict(lists) => Some(lists),
        }
    }
}

/// Why somebody is not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// The request cannot be read, or what begins as TLS cannot.
    Malformed,
    /// It is on none of the tool's entries.
    NotListed,
    /// It is on a list of those that are never reached.
    Never,
    /// It is not on root's own list.
    NotRoots,
    /// Its name leads to no address that may be reached: private, this host's own, or none's.
    Address,
    /// Nobody knows the name.
    Unknown,
    /// Nobody answers.
    Unreachable,
    /// TLS names another host than the one that was asked for.
    OtherName,
    /// There are as many connections as there may be.
    TooMany,
}

impl Stop {
    /// Every one of them.
    pub const ALL: [Stop; 9] = [
        Stop::Malformed,
        Stop::NotListed,
        Stop::Never,
        Stop::NotRoots,
        Stop::Address,
        Stop::Unknown,
        Stop::Unreachable,
        Stop::OtherName,
        Stop::TooMany,
    ];

    /// One word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Stop::Malformed => "malformed",
            Stop::NotListed => "not_listed",
            Stop::Never => "never",
            Stop::NotRoots => "not_on_roots_list",
            Stop::Address => "address",
            Stop::Unknown => "unknown_name",
            Stop::Unreachable => "unreachable",
            Stop::OtherName => "other_name",
            Stop::TooMany => "too_many",
        }
    }
}

impl Lists {
    /// Whether a host may be asked for.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, host: &Host, port: u16) -> Result<(), Stop> {
        let is_never = match host {
            Host::Name(name) => self.never.iter().any(|entry| denies(entry, name)),
            Host::Address(_) => false,
        };
        if is_never {
            return Err(Stop::Never);
        }
        if self.allow.iter().any(|entry| entry.has(host, port)) { Ok(()) } else { Err(Stop::NotListed) }
    }
}

/// Root's own list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootsList {
    hosts: Vec<Destination>,
    networks: Vec<Network>,
    /// Whether tools may have the host's own network at all.
    pub preflight: bool,
}

impl RootsList {
    /// Reads it, line by line: `host NAME:PORT`, `network ADDRESS/BITS`, `preflight`; `#` begins a comment.
    ///
    /// # Errors
    /// The number of the first line that is none of these, and the line.
    pub fn read(text: &str) -> Result<RootsList, (usize, String)> {
        let mut list = RootsList::default();
        for (place, line) in text.lines().enumerate() {
            let words: Vec<&str> =
                line.split('#').next().unwrap_or_default().split_ascii_whitespace().collect();
            let wrong = || (place + 1, line.trim().to_owned());
            match words.as_slice() {
                [] => {}
                ["preflight"] => list.preflight = true,
                ["host", entry] => list.hosts.push(Destination::read(entry).ok_or_else(wrong)?),
                ["network", network] => list.networks.push(Network::read(network).ok_or_else(wrong)?),
                _other => return Err(wrong()),
            }
        }
        Ok(list)
    }

    /// Whom tools may reach.
    #[cfg(feature = "full")]
    #[must_use]
    pub fn hosts(&self) -> &[Destination] {
        &self.hosts
    }

    /// The networks that are let in though they are not public, as they are written.
    #[cfg(feature = "full")]
    #[must_use]
    pub fn networks(&self) -> Vec<String> {
        self.networks.iter().map(ToString::to_string).collect()
    }

    /// Whether tools may reach anybody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Whether a host may be asked for.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, host: &Host, port: u16) -> Result<(), Stop> {
        if self.hosts.iter().any(|entry| entry.has(host, port)) { Ok(()) } else { Err(Stop::NotRoots) }
    }

    /// Whether root says so of this address, public or not.
    #[must_use]
    pub fn has_network(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.has(address))
    }

    /// Whether an address may be connected to: a public one, or one that root names.
    #[must_use]
    pub fn may_reach(&self, address: IpAddr) -> bool {
        is_public(address) || self.has_network(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        Host::read(text).unwrap()
    }

    fn lists(allow: &[&str], never: &[&str]) -> Lists {
        Lists {
            allow: allow.iter().map(|entry| Destination::read(entry).unwrap()).collect(),
            never: never.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    #[test]
    fn what_is_never_reached_is_not_whatever_else_is_said() {
        let list = lists(&["*.example.org:443", "bad.example.org:443"], &["bad.example.org"]);
        assert_eq!(list.check(&host("good.example.org"), 443), Ok(()));
        assert_eq!(list.check(&host("notbad.example.org"), 443), Ok(()));
        for name in ["bad.example.org", "BAD.example.org.", "x.bad.example.org"] {
            assert_eq!(list.check(&host(name), 443), Err(Stop::Never), "{name}");
        }
        let apart = lists(&["*.org:443"], &["=alone.org", "*.below.org"]);
        let stop = |name: &str| apart.check(&host(name), 443).err();
        assert_eq!(["alone.org", "x.below.org", "y.x.below.org"].map(stop), [Some(Stop::Never); 3]);
        assert_eq!(["x.alone.org", "below.org", "notalone.org", "xbelow.org"].map(stop), [None; 4]);
        assert_eq!(lists(&[], &[]).check(&host("a.com"), 443), Err(Stop::NotListed));
    }

    #[test]
    fn roots_list_is_read_whole_or_not_at_all() {
        let text = "# what tools may reach\nhost api.example.com:443\nhost *:80 # all\n\nnetwork 10.1.0.0/16\npreflight\n";
        let list = RootsList::read(text).unwrap();
        assert!(list.preflight && !list.is_empty());
        assert_eq!(list.check(&host("api.example.com"), 443), Ok(()));
        assert_eq!(list.check(&host("api.example.net"), 443), Err(Stop::NotRoots));
        assert!(list.may_reach("10.1.2.3".parse().unwrap()) && !list.may_reach("10.2.2.3".parse().unwrap()));
        for (line, number) in
            [("host a.com", 2), ("hosts a.com:1", 2), ("network 10.0.0.0", 2), ("host a.com:1 b.com:1", 2)]
        {
            assert_eq!(RootsList::read(&format!("# x\n{line}\n")).unwrap_err().0, number, "{line}");
        }
        assert!(RootsList::read("").unwrap().is_empty());
    }
}
