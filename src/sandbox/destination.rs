//! Hosts and entries of lists in the one form in which they are compared.

use std::fmt;
use std::net::IpAddr;

/// A host by its name, in lower case and without a dot at its end, or by its address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// A name.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl Host {
    /// Reads a host as it stands in a URL. What resolvers read as an address in another form (octal, one number) is no
    /// host, and neither is what is not ASCII: such names are written as `xn--`.
    #[must_use]
    pub fn read(text: &str) -> Option<Host> {
        if let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return inside.parse().ok().map(IpAddr::V6).map(Host::Address);
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if let Ok(address) = name.parse() {
            return Some(Host::Address(IpAddr::V4(address)));
        }
        is_name(&name).then_some(Host::Name(name))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Whether a text is a host's name in its one form. The last part is none of a number's forms.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    name.len() <= 253 && name.split('.').all(is_label) && !is_number
}

/// Whether a name is this one or lies below it.
pub(super) fn is_at_or_below(name: &str, top: &str) -> bool {
    name == top || is_below(name, top)
}

/// Whether a text denies a name as lists of those never reached do: `example.org` with all below, `=example.org` alone,
/// `*.example.org` what lies below.
pub(super) fn denies(entry: &str, name: &str) -> bool {
    match (entry.strip_prefix('='), entry.strip_prefix("*.")) {
        (Some(alone), _) => name == alone,
        (None, Some(top)) => is_below(name, top),
        (None, None) => is_at_or_below(name, entry),
    }
}

/// Whether a text is such an entry.
pub(super) fn is_denial(entry: &str) -> bool {
    is_name(entry.strip_prefix('=').or_else(|| entry.strip_prefix("*.")).unwrap_or(entry))
}

fn is_below(name: &str, top: &str) -> bool {
    name.strip_suffix(top).and_then(|rest| rest.strip_suffix('.')).is_some_and(|rest| !rest.is_empty())
}

/// `host:port` as it is written in a URL or to a proxy.
#[must_use]
pub fn read_authority(text: &str, default_port: Option<u16>) -> Option<(Host, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (text, None),
    };
    let port = match port {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        Some(_) => None,
        None => default_port,
    };
    port.filter(|port| *port != 0).and_then(|port| Some((Host::read(host)?, port)))
}

/// One entry of a list: `api.example.com:443`, `*.example.com:443`, `192.0.2.7:80`; on root's list also `*:443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pattern: Pattern,
    /// The port.
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Any,
    Below(String),
    Is(Host),
}

impl Destination {
    /// Reads an entry.
    #[must_use]
    pub fn read(text: &str) -> Option<Destination> {
        match text.strip_prefix('*') {
            None => {
                let (host, port) = read_authority(text, None)?;
                Some(Destination { pattern: Pattern::Is(host), port })
            }
            Some(rest) => {
                let (_, port) = read_authority(&format!("x{rest}"), None)?;
                let name = rest.rsplit_once(':')?.0;
                let pattern = match name.strip_prefix('.') {
                    None if name.is_empty() => Pattern::Any,
                    Some(top) if is_name(top) => Pattern::Below(top.to_owned()),
                    Some(_) | None => return None,
                };
                Some(Destination { pattern, port })
            }
        }
    }

    /// The one host that it is; nothing when it stands for several.
    #[must_use]
    pub fn host(&self) -> Option<&Host> {
        match &self.pattern {
            Pattern::Is(host) => Some(host),
            Pattern::Any | Pattern::Below(_) => None,
        }
    }

    /// The name below which all is meant; nothing when it stands for one host or for every one.
    #[must_use]
    pub fn top(&self) -> Option<&str> {
        match &self.pattern {
            Pattern::Below(top) => Some(top),
            Pattern::Any | Pattern::Is(_) => None,
        }
    }

    /// Whether it stands for every host.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.pattern == Pattern::Any
    }

    /// The address that it is, when it is one.
    #[cfg(feature = "full")]
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match &self.pattern {
            Pattern::Is(Host::Address(address)) => Some(*address),
            Pattern::Any | Pattern::Below(_) | Pattern::Is(Host::Name(_)) => None,
        }
    }

    /// Whether it has every host that another entry has.
    #[cfg(feature = "full")]
    #[must_use]
    pub fn covers(&self, other: &Destination) -> bool {
        self.port == other.port
            && match (&self.pattern, &other.pattern) {
                (Pattern::Any, _) => true,
                (Pattern::Below(top), Pattern::Below(lower)) => is_at_or_below(lower, top),
                (Pattern::Below(top), Pattern::Is(Host::Name(name))) => is_below(name, top),
                (Pattern::Is(own), Pattern::Is(host)) => own == host,
                (Pattern::Below(_), Pattern::Is(Host::Address(_)) | Pattern::Any)
                | (Pattern::Is(_), Pattern::Any | Pattern::Below(_)) => false,
            }
    }

    /// Whether it has this host and port.
    #[must_use]
    pub fn has(&self, host: &Host, port: u16) -> bool {
        self.port == port
            && match (&self.pattern, host) {
                (Pattern::Any, _) => true,
                (Pattern::Below(top), Host::Name(name)) => is_below(name, top),
                (Pattern::Below(_), Host::Address(_)) => false,
                (Pattern::Is(own), host) => own == host,
            }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pattern {
            Pattern::Any => write!(f, "*:{}", self.port),
            Pattern::Below(top) => write!(f, "*.{top}:{}", self.port),
            Pattern::Is(host) => write!(f, "{host}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        Host::read(text).unwrap()
    }

    #[test]
    fn a_host_has_one_form_and_an_address_in_disguise_is_none() {
        assert_eq!(host("API.Example.COM."), Host::Name("api.example.com".to_owned()));
        assert_eq!(host("192.0.2.7").to_string(), "192.0.2.7");
        assert_eq!(host("[2001:DB8::7]").to_string(), "[2001:db8::7]");
        for text in [
            "",
            ".",
            "..",
            "a..b",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "1.2.3.4.5",
            "a.0x1",
            "exämple.com",
            "-a.com",
            "a-.com",
            "a b.com",
            "user@a.com",
            "a.com/x",
            "2001:db8::7",
            "a%2ecom",
            "a\0.com",
        ] {
            assert_eq!(Host::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_pattern_is_about_whole_labels_and_one_port() {
        let list = ["api.example.com:443", "*.example.org:8443", "192.0.2.7:80"]
            .map(|entry| Destination::read(entry).unwrap());
        let has = |text: &str, port| list.iter().any(|entry| entry.has(&host(text), port));
        for (text, port) in
            [("api.example.com", 443), ("a.example.org", 8443), ("A.B.example.org.", 8443), ("192.0.2.7", 80)]
        {
            assert!(has(text, port), "{text}");
        }
        for (text, port) in [
            ("api.example.com", 80),
            ("example.com", 443),
            ("x.api.example.com", 443),
            ("example.org", 8443),
            ("evilexample.org", 8443),
            ("example.org.evil.net", 8443),
            ("192.0.2.8", 80),
        ] {
            assert!(!has(text, port), "{text}");
        }
        for entry in [
            "example.com",
            "*:0",
            "*.:443",
            "*x.com:443",
            "a.*.com:443",
            "http://a.com:443",
            "a.com:+443",
            "*.1:443",
        ] {
            assert_eq!(Destination::read(entry), None, "{entry}");
        }
    }

    #[test]
    fn an_entry_is_written_as_it_is_read() {
        for entry in ["api.example.com:443", "*.example.org:80", "192.0.2.7:80", "[2001:db8::7]:443", "*:443"]
        {
            assert_eq!(Destination::read(entry).unwrap().to_string(), entry);
        }
    }
}
