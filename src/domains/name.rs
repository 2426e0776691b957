//! Names of hosts as they are compared: one form for each, the one that a browser would come to. Case, a dot at the end, foreign
//! letters, percent-encoding and the forms of an address make no difference.

use url::Host;

/// A host's name or address in the form in which it is compared: `www.example.org`, `xn--bcher-kva.example`, `127.0.0.1`, `::1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain {
    name: String,
    is_address: bool,
}

const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;

impl Domain {
    /// Reads a name; nothing when it is none. What a resolver would never take is no name either.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if is_plain(text) {
            return Self::of_name(text);
        }
        match Host::parse(text).or_else(|_no_host| Host::parse(&format!("[{text}]"))).ok()? {
            Host::Domain(name) => Self::of_name(&name),
            Host::Ipv4(address) => Some(Self::of_address(address.to_string())),
            Host::Ipv6(address) => Some(Self::of_ipv6(address)),
        }
    }

    /// The host of a URL that was read as a browser reads it.
    pub(super) fn of_host(host: Host<&str>) -> Option<Self> {
        match host {
            Host::Domain(name) => Self::parse(name),
            Host::Ipv4(address) => Some(Self::of_address(address.to_string())),
            Host::Ipv6(address) => Some(Self::of_ipv6(address)),
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_label = |label: &str| {
            let plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
            plain && (1..=LONGEST_LABEL).contains(&label.len())
        };
        let is_name = name.len() <= LONGEST && name.split('.').all(is_label);
        is_name.then(|| Self { name: name.to_ascii_lowercase(), is_address: false })
    }

    fn of_address(name: String) -> Self {
        Self { name, is_address: true }
    }

    /// An IPv4 address in IPv6's clothes is the IPv4 address.
    fn of_ipv6(address: std::net::Ipv6Addr) -> Self {
        Self::of_address(address.to_ipv4_mapped().map_or_else(|| address.to_string(), |v4| v4.to_string()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether it is an address.
    #[must_use]
    pub fn is_address(&self) -> bool {
        self.is_address
    }

    /// How many labels it has; an address is one.
    #[must_use]
    pub fn labels(&self) -> usize {
        if self.is_address { 1 } else { 1 + self.name.matches('.').count() }
    }

    /// The name itself, and every name that it lies below, the longest first: `a.b.c`, `b.c`, `c`. An address lies below nothing.
    pub fn and_above(&self) -> impl Iterator<Item = &str> {
        let below = self.name.match_indices('.').filter(|_| !self.is_address);
        std::iter::once(self.as_str()).chain(below.filter_map(|(at, _)| self.name.get(at + 1..)))
    }

    /// Whether it is another or lies below it, by whole labels.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.and_above().any(|name| name == other.name)
    }
}

/// What needs no second look: letters of ASCII that are neither encoded nor an address.
fn is_plain(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let last = text.strip_suffix('.').unwrap_or(text).rsplit('.').next().unwrap_or_default();
    // Whatever ends in a number, `0x7f.1` as well, is an address or nothing.
    let ends_in_letters = last.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_encoded = text.as_bytes().windows(4).any(|four| four.eq_ignore_ascii_case(b"xn--"));
    ends_in_letters && !is_encoded && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    #[test]
    fn one_name_has_one_form_however_it_is_written() {
        for text in
            ["example.org", "EXAMPLE.org", "example.org.", "Example.Org.", "exam%70le.org", "ｅxample。org"]
        {
            assert_eq!(domain(text), domain("example.org"), "{text}");
        }
        assert_eq!(domain("XN--bcher-kva.example"), domain("xn--bcher-kva.example"));
        assert_eq!(domain("Bücher.example"), domain("xn--bcher-kva.example"));
        assert_eq!(domain("bu\u{308}cher.example"), domain("xn--bcher-kva.example"));
        assert_eq!(domain("ex\u{200b}ample.org"), domain("example.org"));
    }

    #[test]
    fn one_address_has_one_form_however_it_is_written() {
        for text in
            ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "127.0.0.1."]
        {
            assert_eq!(domain(text).as_str(), "127.0.0.1", "{text}");
        }
        assert_eq!(domain("[0:0::0:1]"), domain("::1"));
        assert_eq!(domain("127.0.0.1").and_above().collect::<Vec<_>>(), ["127.0.0.1"]);
    }

    #[test]
    fn a_letter_of_another_alphabet_makes_another_name() {
        let mixed = domain("ex\u{430}mple.org");
        assert_eq!(mixed.as_str(), "xn--exmple-4nf.org");
        assert!(!mixed.is_within(&domain("example.org")));
    }

    #[test]
    fn a_name_lies_below_another_by_whole_labels_only() {
        assert!(domain("sub.example.net.").is_within(&domain("EXAMPLE.net")));
        assert!(domain("example.net").is_within(&domain("example.net")));
        assert!(!domain("badexample.net").is_within(&domain("example.net")));
        assert!(!domain("net").is_within(&domain("example.net")));
        assert_eq!(domain("a.b.c").and_above().collect::<Vec<_>>(), ["a.b.c", "b.c", "c"]);
    }

    #[test]
    fn what_no_resolver_takes_is_no_name() {
        let long = format!("{}.example", "a".repeat(64));
        let longer = format!("{}example", "a.".repeat(130));
        for text in [
            "xn--\u{fffd}.example",
            "xn--a.example",
            "",
            ".",
            "..",
            "a..b",
            ".example",
            "a b",
            "a/b",
            "a\0b",
            "*.example",
            "x..",
            "256.1.1.1",
            "1.2.3.4.5",
            long.as_str(),
            &longer,
        ] {
            assert_eq!(Domain::parse(text), None, "{text:?}");
        }
    }
}
