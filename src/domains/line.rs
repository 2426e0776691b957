//! One line of a list: a name, a line of a hosts file, a URL, or a pattern behind `~`.

use regex::bytes::RegexBuilder;
use url::Url;

use super::name::Domain;

/// How far an entry reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The name alone: `=example.org`.
    Itself,
    /// What lies below it: `*.example.org`.
    Below,
    /// Both: `example.org`.
    AndBelow,
}

impl Reach {
    /// Whether a host is meant by a name with this reach.
    #[must_use]
    pub fn has(self, name: &Domain, host: &Domain) -> bool {
        let is_itself = host == name;
        match self {
            Self::Itself => is_itself,
            Self::Below => !is_itself && host.is_within(name),
            Self::AndBelow => host.is_within(name),
        }
    }

    /// Whether all that lies below another name is meant.
    #[must_use]
    pub fn has_all_below(self, name: &Domain, top: &Domain) -> bool {
        match self {
            Self::Itself => false,
            Self::Below | Self::AndBelow => top.is_within(name),
        }
    }
}

/// What a line says.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    Names(Vec<(Domain, Reach)>),
    Pattern(String),
}

/// The longest line.
const LONGEST: usize = 4096;
/// The most memory that one pattern may take when it is compiled.
const PATTERN_SIZE: usize = 64 << 10;
/// Names that have no letter in common: a pattern that is found in each of them is found in every name.
const UNLIKE: [&str; 3] = ["gh.ij", "zkx.wqv", "xn--7.ro"];
/// What every hosts file says of the host itself.
const OWN_NAMES: &[&str] = &[
    "localhost",
    "localhost.localdomain",
    "local",
    "broadcasthost",
    "localhost6",
    "localhost6.localdomain6",
];

/// Reads a line.
pub(super) fn read(line: &[u8]) -> Result<Line, String> {
    if line.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    let text = std::str::from_utf8(line).map_err(|_error| "is not UTF-8".to_owned())?.trim();
    if let Some(pattern) = text.strip_prefix('~') {
        return read_pattern(pattern.trim());
    }
    let text = without_comment(text);
    if text.contains("://") {
        return read_url(text);
    }
    let mut words = text.split_whitespace();
    let Some(first) = words.next() else { return Ok(Line::Names(Vec::new())) };
    let rest: Vec<&str> = words.collect();
    if rest.is_empty() {
        return read_entry(first).map(|entry| Line::Names(vec![entry]));
    }
    first
        .parse::<std::net::IpAddr>()
        .map_err(|_error| "is neither one name nor an address with names".to_owned())?;
    let own = |name: &&&str| {
        OWN_NAMES.contains(name) || name.starts_with("ip6-") || name.parse::<std::net::IpAddr>().is_ok()
    };
    let names = rest.iter().filter(|name| !own(name)).map(|name| read_entry(name));
    names.collect::<Result<_, _>>().map(Line::Names)
}

/// A name as lists and contracts have it, with its reach.
pub(super) fn read_entry(text: &str) -> Result<(Domain, Reach), String> {
    let (name, reach) = match (text.strip_prefix('='), text.strip_prefix("*.")) {
        (Some(name), _) => (name, Reach::Itself),
        (None, Some(name)) => (name, Reach::Below),
        (None, None) => (text, Reach::AndBelow),
    };
    let domain = Domain::parse(name).ok_or_else(|| "is no name of a host".to_owned())?;
    if domain.labels() == 1 && reach == Reach::AndBelow && !domain.as_str().contains([':', '.']) {
        return Err(format!("is one label, which would mean all below it; write ={name} or *.{name}"));
    }
    Ok((domain, reach))
}

fn without_comment(text: &str) -> &str {
    if text.starts_with(['#', ';', '!']) {
        return "";
    }
    let at = text.find(" #").or_else(|| text.find("\t#")).unwrap_or(text.len());
    text.get(..at).unwrap_or(text).trim_end()
}

fn read_url(text: &str) -> Result<Line, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    let domain =
        url.host_str().and_then(Domain::parse).ok_or_else(|| "is a URL without a host".to_owned())?;
    Ok(Line::Names(vec![(domain, Reach::AndBelow)]))
}

fn read_pattern(pattern: &str) -> Result<Line, String> {
    let built = RegexBuilder::new(pattern)
        .case_insensitive(true)
        .unicode(false)
        .size_limit(PATTERN_SIZE)
        .build()
        .map_err(|error| {
            format!("is no pattern: {}", error.to_string().lines().last().unwrap_or_default())
        })?;
    if built.is_match(b"") || UNLIKE.iter().all(|name| built.is_match(name.as_bytes())) {
        return Err("is a pattern that matches every name".to_owned());
    }
    Ok(Line::Pattern(pattern.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<String> {
        let Line::Names(names) = read(line.as_bytes()).unwrap() else { panic!("{line} is a pattern") };
        let shown = |(domain, reach): &(Domain, Reach)| match reach {
            Reach::Itself => format!("={}", domain.as_str()),
            Reach::Below => format!("*.{}", domain.as_str()),
            Reach::AndBelow => domain.as_str().to_owned(),
        };
        names.iter().map(shown).collect()
    }

    #[test]
    fn each_format_is_read() {
        for (line, wanted) in [
            ("Example.ORG.", vec!["example.org"]),
            ("  bücher.example  # books", vec!["xn--bcher-kva.example"]),
            ("=example.org", vec!["=example.org"]),
            ("*.example.org", vec!["*.example.org"]),
            ("=db01", vec!["=db01"]),
            ("192.0.2.7", vec!["192.0.2.7"]),
            ("0.0.0.0 ads.example trk.example\t# two", vec!["ads.example", "trk.example"]),
            ("127.0.0.1 localhost", vec![]),
            ("::1 ip6-localhost ip6-loopback", vec![]),
            ("0.0.0.0 0.0.0.0", vec![]),
            ("https://user@Evil.example:8443/a?b#c", vec!["evil.example"]),
            ("http://0x7f.1/", vec!["127.0.0.1"]),
            ("# comment", vec![]),
            ("! comment", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(names(line), wanted, "{line}");
        }
        assert_eq!(read(b"~ ^ads[0-9]+\\."), Ok(Line::Pattern("^ads[0-9]+\\.".to_owned())));
    }

    #[test]
    fn what_is_none_of_them_is_named() {
        let long = "a".repeat(LONGEST + 1);
        for (line, problem) in [
            ("example.org and more", "is neither one name"),
            ("||example.org^", "is no name of a host"),
            ("com", "is one label"),
            ("https://", "is no URL"),
            ("~(", "is no pattern"),
            ("~", "matches every name"),
            ("~.*", "matches every name"),
            ("~.", "matches every name"),
            ("~[.]", "matches every name"),
            ("~^[a-z0-9-]+", "matches every name"),
            ("~(a{100}){100}{100}", "is no pattern"),
            (long.as_str(), "is longer than"),
        ] {
            let said = read(line.as_bytes()).unwrap_err();
            assert!(said.contains(problem), "{line}: {said}");
        }
        assert_eq!(read(b"\xff.example"), Err("is not UTF-8".to_owned()));
    }
}
