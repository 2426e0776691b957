//! The address that a vault's firewall may be opened to: this host's own, seen by the whole world, and no wider than root says.

use std::net::Ipv4Addr;

use serde::Deserialize;
use url::Url;

/// Where the address comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressSource {
    /// Root knows it.
    Named(String),
    /// Two servers of different names say it, and have to agree.
    Asked([Url; 2]),
}

/// What `[firewall]` in `azure.toml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallSettings {
    /// Where the address comes from.
    pub source: AddressSource,
    /// As few bits as a network may have in common: 32 is one address.
    pub widest: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AsWritten {
    address: Option<String>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default = "one")]
    widest: u8,
}

fn one() -> u8 {
    32
}

/// No network that is wider may be configured at all.
const WIDEST: u8 = 24;
/// What is nobody's own address on the internet: base and bits.
const NOBODYS: [(Ipv4Addr, u8, &str); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "is no host's"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "is private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "is shared by a carrier's customers"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "is this host to itself"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "is Azure's own on every machine"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "is of one link only"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "is private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "is reserved"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "is for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "is reserved"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "is private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "is for measurements"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "is for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "is for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "is of many hosts"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "is reserved"),
];

impl AsWritten {
    pub(super) fn meant(self) -> Result<FirewallSettings, String> {
        if !(WIDEST..=32).contains(&self.widest) {
            return Err(format!("firewall.widest: is from {WIDEST} to 32"));
        }
        let sources = self.sources.iter().map(|text| Url::parse(text)).collect::<Result<Vec<_>, _>>();
        let sources = sources.map_err(|problem| format!("firewall.sources: {problem}"))?;
        let source = match (self.address, <[Url; 2]>::try_from(sources)) {
            (Some(address), Err(none)) if none.is_empty() => {
                network(&address, self.widest).map_err(|problem| format!("firewall.address: {problem}"))?;
                AddressSource::Named(address)
            }
            (None, Ok(two)) => AddressSource::Asked(apart(two)?),
            (Some(_) | None, _) => {
                return Err("firewall: has either address or two sources".to_owned());
            }
        };
        Ok(FirewallSettings { source, widest: self.widest })
    }
}

/// Two servers that are not the same by another path.
fn apart([one, other]: [Url; 2]) -> Result<[Url; 2], String> {
    let is_good = |url: &Url| {
        url.scheme() == "https"
            && url.domain().is_some()
            && url.username().is_empty()
            && url.password().is_none()
    };
    if !is_good(&one) || !is_good(&other) {
        return Err("firewall.sources: are addresses with https:// and a name".to_owned());
    }
    if one.domain() == other.domain() {
        return Err("firewall.sources: are two servers, and not one of them twice".to_owned());
    }
    Ok([one, other])
}

/// An address or a network as Azure takes it, `20.1.2.3/32`, if anybody may be let in by it.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn network(text: &str, widest: u8) -> Result<String, String> {
    let (address, bits) = text.split_once('/').unwrap_or((text, "32"));
    let is_plain =
        |digits: &str| !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    let bits: u8 = Some(bits).filter(|bits| is_plain(bits)).and_then(|bits| bits.parse().ok()).unwrap_or(0);
    let Ok(address) = address.parse::<Ipv4Addr>() else {
        return Err(format!("{} is no IPv4 address, and a vault's firewall takes no others", shown(text)));
    };
    if !(widest.max(WIDEST)..=32).contains(&bits) {
        return Err(format!("{address}/{bits} is wider than /{widest}"));
    }
    if within(address, bits) != address {
        return Err(format!("{address}/{bits} is not where that network begins"));
    }
    // In that network, or that network in this.
    let is_in = |base: Ipv4Addr, least: u8| within(address, least) == base || within(base, bits) == address;
    match NOBODYS.iter().find(|(base, least, _)| is_in(*base, *least)) {
        Some((_, _, why)) => Err(format!("{address} {why}")),
        None => Ok(format!("{address}/{bits}")),
    }
}

fn within(address: Ipv4Addr, bits: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

fn shown(text: &str) -> String {
    text.chars().take(40).filter(|c| c.is_ascii_graphic()).collect()
}

/// What two servers said, if it is the same.
///
/// # Errors
/// When they do not agree, or say no address.
#[cfg(feature = "azure")]
pub(super) fn agreed(said: [&str; 2], widest: u8) -> Result<String, String> {
    let [one, other] = said.map(str::trim);
    // A server says where it was asked from, and no network.
    if one.parse::<Ipv4Addr>().is_err() || other.parse::<Ipv4Addr>().is_err() {
        return Err("a source says no IPv4 address".to_owned());
    }
    if one != other {
        return Err(format!("the sources do not agree: {one} and {other}"));
    }
    network(one, widest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_not_the_hosts_own_in_the_world_is_refused() {
        assert_eq!(network("20.1.2.3", 32).unwrap(), "20.1.2.3/32");
        assert_eq!(network("20.1.2.3/32", 32).unwrap(), "20.1.2.3/32");
        assert_eq!(network("20.1.2.8/29", 29).unwrap(), "20.1.2.8/29");
        for (text, problem) in [
            ("10.0.0.1", "is private"),
            ("172.31.255.255", "is private"),
            ("192.168.1.1", "is private"),
            ("127.0.0.1", "to itself"),
            ("169.254.169.254", "one link"),
            ("168.63.129.16", "Azure's own"),
            ("100.64.0.1", "carrier"),
            ("100.127.255.255", "carrier"),
            ("192.0.2.7", "documentation"),
            ("198.51.100.7", "documentation"),
            ("203.0.113.7", "documentation"),
            ("198.19.0.1", "measurements"),
            ("224.0.0.1", "many hosts"),
            ("239.1.1.1", "many hosts"),
            ("255.255.255.255", "reserved"),
            ("0.0.0.0", "no host's"),
            ("0.0.0.0/0", "wider"),
            ("20.1.2.0/24", "wider"),
            ("20.1.2.3/33", "wider"),
            ("20.1.2.3/032", "wider"),
            ("20.1.2.3/", "wider"),
            ("2001:db8::1", "no IPv4"),
            ("::ffff:20.1.2.3", "no IPv4"),
            ("20.1.2", "no IPv4"),
            ("020.1.2.3", "no IPv4"),
            ("20.1.2.3,20.1.2.4", "no IPv4"),
            ("", "no IPv4"),
        ] {
            let refusal = network(text, 32).unwrap_err();
            assert!(refusal.contains(problem), "{text}: {refusal}");
        }
        assert!(network("168.63.129.0/24", 24).unwrap_err().contains("Azure's own"));
        assert!(network("20.1.2.3/29", 29).unwrap_err().contains("begins"));
        assert!(network("20.0.0.0/16", 8).unwrap_err().contains("wider"), "whatever is configured");
        // Beside what is nobody's, somebody is.
        for text in [
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.32.0.0",
            "192.0.1.0",
            "223.255.255.255",
        ] {
            assert!(network(text, 32).is_ok(), "{text}");
        }
    }

    #[cfg(feature = "azure")]
    #[test]
    fn two_servers_have_to_agree() {
        assert_eq!(agreed(["20.1.2.3\n", " 20.1.2.3"], 32).unwrap(), "20.1.2.3/32");
        assert!(agreed(["20.1.2.3", "20.1.2.4"], 32).unwrap_err().contains("do not agree"));
        for said in [["20.1.2.3", ""], ["20.1.2.0/24", "20.1.2.0/24"], ["<html>", "<html>"]] {
            assert!(agreed(said, 24).unwrap_err().contains("no IPv4 address"));
        }
        assert!(agreed(["10.0.0.1", "10.0.0.1"], 32).unwrap_err().contains("is private"));
    }

    #[test]
    fn the_address_is_named_or_two_servers_are_and_no_server_is_asked_twice() {
        let read = |text: &str| toml::from_str::<AsWritten>(text).map_err(|error| error.to_string())?.meant();
        let named = FirewallSettings { source: AddressSource::Named("20.1.2.8/29".to_owned()), widest: 29 };
        assert_eq!(read("address = \"20.1.2.8/29\"\nwidest = 29"), Ok(named));
        let asked = read("sources = [\"https://a.example/ip\", \"https://b.example/ip\"]").unwrap();
        assert!(matches!(asked, FirewallSettings { source: AddressSource::Asked(_), widest: 32 }));
        for (text, problem) in [
            ("", "either"),
            ("sources = [\"https://a.example/ip\"]", "either"),
            ("address = \"20.1.2.3\"\nsources = [\"https://a.example\", \"https://b.example\"]", "either"),
            ("sources = [\"https://a.example/1\", \"https://a.example/2\"]", "twice"),
            ("sources = [\"https://a.example\", \"http://b.example\"]", "https://"),
            ("sources = [\"https://a.example\", \"https://20.1.2.3\"]", "a name"),
            ("sources = [\"https://a.example\", \"https://me@b.example\"]", "a name"),
            ("address = \"10.0.0.1\"", "firewall.address: 10.0.0.1 is private"),
            ("address = \"20.1.2.8/29\"", "wider"),
            ("address = \"20.1.2.3\"\nwidest = 16", "firewall.widest"),
            ("adress = \"20.1.2.3\"", "unknown field"),
        ] {
            let refusal = read(text).unwrap_err();
            assert!(refusal.contains(problem), "{text}: {refusal}");
        }
    }
}
