//! The names that go into certificates: refused when they are not plain, never repaired.

use std::fmt;

use super::PkiError;

/// What a certificate is called in the CA, and its common name: 1 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeafName(String);

/// A name in DNS: `host01.example`, or `*.lab.example` with the star as the whole first label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsName(String);

/// The trust domain of SPIFFE identities: `reeve.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustDomain(String);

fn plain(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-')
}

fn begins_well(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
}

impl TryFrom<String> for LeafName {
    type Error = PkiError;

    fn try_from(name: String) -> Result<Self, PkiError> {
        if begins_well(&name) && name.bytes().all(plain) && name.len() <= 64 {
            return Ok(Self(name));
        }
        let problem = "is no name: want 1 to 64 of a-z 0-9 . _ - beginning with a letter or digit";
        Err(PkiError::Name { what: "NAME", given: name, problem })
    }
}

impl TryFrom<String> for DnsName {
    type Error = PkiError;

    fn try_from(name: String) -> Result<Self, PkiError> {
        let labels = name.strip_prefix("*.").unwrap_or(&name);
        let fine = name.len() <= 253 && labels.split('.').all(is_label);
        // What looks like an address must be given as one: no client compares it with a DNS name.
        let address = labels.parse::<std::net::IpAddr>().is_ok();
        if fine && !address {
            return Ok(Self(name));
        }
        let problem = "is no DNS name: want lower-case labels with dots between, and --ip for addresses";
        Err(PkiError::Name { what: "--dns", given: name, problem })
    }
}

fn is_label(label: &str) -> bool {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(inside)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl TryFrom<String> for TrustDomain {
    type Error = PkiError;

    fn try_from(name: String) -> Result<Self, PkiError> {
        if begins_well(&name) && name.bytes().all(plain) && name.len() <= 255 {
            return Ok(Self(name));
        }
        let problem = "is no trust domain: want a name as reeve.example, of a-z 0-9 . _ -";
        Err(PkiError::Name { what: "--trust-domain", given: name, problem })
    }
}

macro_rules! shown_as_text {
    ($($name:ident),*) => {$(
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = PkiError;

            fn from_str(name: &str) -> Result<Self, PkiError> {
                Self::try_from(name.to_owned())
            }
        }
    )*};
}

shown_as_text!(LeafName, DnsName, TrustDomain);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_path_component_and_never_an_option_or_a_hidden_file() {
        for good in ["librarian", "host01.example", "a", "7", &"x".repeat(64)] {
            assert_eq!(good.parse::<LeafName>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "-x", ".x", "a/b", "A", "a b", "a\n", "ä", &"x".repeat(65)] {
            assert!(bad.parse::<LeafName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_dns_name_is_lower_case_labels_and_no_address() {
        for good in ["localhost", "host01.example", "*.lab.example", "a-b.c", "xn--mnchen-3ya.example"] {
            assert_eq!(good.parse::<DnsName>().unwrap().as_str(), good);
        }
        for bad in [
            "", "*", "a.*.b", "*a.b", "a..b", "a.", ".a", "-a.b", "a-.b", "10.0.0.1", "Host", "a_b", "a/b",
            "ä.b",
        ] {
            assert!(bad.parse::<DnsName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_trust_domain_has_no_path_and_no_port() {
        assert!("reeve.example".parse::<TrustDomain>().is_ok());
        for bad in ["", "reeve.example/agent", "reeve.example:8443", "spiffe://x", "Reeve.example", "a b"] {
            assert!(bad.parse::<TrustDomain>().is_err(), "{bad:?}");
        }
    }
}
