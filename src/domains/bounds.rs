//! Which hosts a principal's arguments may name: its contract's `allowed_domains` and `denied_domains`.

use super::extract::Found;
use super::line::{self, Reach};
use super::name::Domain;

/// The hosts that a contract allows and denies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainBounds {
    allowed: Vec<Entry>,
    denied: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    written: String,
    domain: Domain,
    reach: Reach,
}

impl Entry {
    fn read(text: &str) -> Result<Self, String> {
        let (domain, reach) = line::read_entry(text).map_err(|problem| format!("{text:?} {problem}"))?;
        Ok(Self { written: text.to_owned(), domain, reach })
    }

    fn has(&self, domain: &Domain) -> bool {
        self.reach.has(&self.domain, domain)
    }
}

impl DomainBounds {
    /// One more that is allowed; from the first on, only those are.
    ///
    /// # Errors
    /// When it is no name of a host.
    pub fn allow(&mut self, text: &str) -> Result<(), String> {
        self.allowed.push(Entry::read(text)?);
        Ok(())
    }

    /// One more that is denied.
    ///
    /// # Errors
    /// When it is no name of a host.
    pub fn deny(&mut self, text: &str) -> Result<(), String> {
        self.denied.push(Entry::read(text)?);
        Ok(())
    }

    /// What is allowed, as it is written.
    #[must_use]
    pub fn allowed(&self) -> Vec<&str> {
        self.allowed.iter().map(|entry| entry.written.as_str()).collect()
    }

    /// What is denied, as it is written.
    #[must_use]
    pub fn denied(&self) -> Vec<&str> {
        self.denied.iter().map(|entry| entry.written.as_str()).collect()
    }

    /// What is allowed, by name and reach; everything where there is nothing.
    pub fn allowed_entries(&self) -> impl Iterator<Item = (&Domain, Reach)> {
        self.allowed.iter().map(|entry| (&entry.domain, entry.reach))
    }

    /// What is denied, by name and reach.
    pub fn denied_entries(&self) -> impl Iterator<Item = (&Domain, Reach)> {
        self.denied.iter().map(|entry| (&entry.domain, entry.reach))
    }

    /// Why these may not be named; nothing when they may. Where only some are allowed, what cannot be read is not.
    #[must_use]
    pub fn refuse(&self, found: &Found) -> Option<String> {
        let is_in = |entries: &[Entry], domain: &Domain| entries.iter().any(|entry| entry.has(domain));
        if let Some(denied) = found.domains.iter().find(|domain| is_in(&self.denied, domain)) {
            return Some(format!("denies {}", denied.as_str()));
        }
        if self.allowed.is_empty() {
            return None;
        }
        if found.unreadable > 0 {
            return Some("allows some hosts only, and one that is named cannot be read".to_owned());
        }
        let other = found.domains.iter().find(|domain| !is_in(&self.allowed, domain))?;
        Some(format!("does not allow {}", other.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(allowed: &[&str], denied: &[&str]) -> DomainBounds {
        let mut bounds = DomainBounds::default();
        allowed.iter().for_each(|text| bounds.allow(text).unwrap());
        denied.iter().for_each(|text| bounds.deny(text).unwrap());
        bounds
    }

    fn refused(bounds: &DomainBounds, names: &[&str], unreadable: usize) -> Option<String> {
        let domains = names.iter().map(|name| Domain::parse(name).unwrap()).collect();
        bounds.refuse(&Found { domains, unreadable })
    }

    #[test]
    fn every_host_has_to_be_allowed_and_none_may_be_denied() {
        let both = bounds(&["example.org", "=one.example"], &["bad.example.org", "*.one.example"]);
        assert_eq!(refused(&both, &["example.org", "a.example.org", "one.example"], 0), None);
        assert_eq!(refused(&both, &[], 0), None);
        for (names, said) in [
            (vec!["example.org", "x.bad.example.org"], "denies x.bad.example.org"),
            (vec!["example.org", "other.example"], "does not allow other.example"),
            (vec!["x.one.example"], "denies x.one.example"),
        ] {
            assert_eq!(refused(&both, &names, 0).as_deref(), Some(said));
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_among_what_is_allowed() {
        assert!(refused(&bounds(&["example.org"], &[]), &[], 1).is_some());
        assert_eq!(refused(&bounds(&[], &["example.org"]), &[], 1), None);
        assert!(DomainBounds::default().allow("no host").unwrap_err().contains("no host"));
    }
}
