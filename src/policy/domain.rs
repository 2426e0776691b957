//! Names of hosts as they are compared: without regard to case and to a dot at the end. Foreign letters are written as
//! resolvers take them, `xn--bcher-kva.example`: guessing at another form could tell two names for one.

/// A host's name in the form in which it is compared: `www.example.org`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Domain(String);

const LONGEST: usize = 253;

impl Domain {
    /// Reads a name; nothing when it is none. What a resolver would never take is no name either.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let name = text.to_ascii_lowercase();
        let is_label = |label: &str| {
            let plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
            plain && (1..=63).contains(&label.len())
        };
        (name.len() <= LONGEST && name.split('.').all(is_label)).then_some(Self(name))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name itself, and every name that it lies below, the longest first: `a.b.c`, `b.c`, `c`.
    pub(super) fn and_above(&self) -> impl Iterator<Item = &str> {
        let below = self.0.match_indices('.').filter_map(|(at, _)| self.0.get(at + 1..));
        std::iter::once(self.as_str()).chain(below)
    }

    /// Whether it is another or lies below it, by whole labels.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.and_above().any(|name| name == other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    #[test]
    fn one_name_has_one_form_however_it_is_written() {
        for text in ["example.org", "EXAMPLE.org", "example.org.", "Example.Org."] {
            assert_eq!(domain(text), domain("example.org"), "{text}");
        }
        assert_eq!(domain("XN--bcher-kva.example"), domain("xn--bcher-kva.example"));
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
            "bücher.example",
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
            long.as_str(),
            &longer,
        ] {
            assert_eq!(Domain::parse(text), None, "{text:?}");
        }
    }
}
