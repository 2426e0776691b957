//! Places in Azure, as resource ids name them: compared part by part, since `…/vaults/a` is not within `…/vaults/ab`.

use std::fmt;
use std::str::FromStr;

/// How many characters a resource id may have.
const LONGEST: usize = 1024;

/// `/subscriptions/…/resourceGroups/…/providers/…`, or `/` for all there is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope(Vec<String>);

/// A text that is no resource id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no resource id, such as /subscriptions/ID/resourceGroups/NAME")]
pub struct NotAScope;

impl Scope {
    /// Whether the other is this one, or lies in it.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        let same = |(one, other): (&String, &String)| one.eq_ignore_ascii_case(other);
        self.0.len() <= other.0.len() && self.0.iter().zip(&other.0).all(same)
    }

    /// Whether it is the other, however it is written.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.holds(other) && other.holds(self)
    }

    /// The subscription that it lies in.
    #[must_use]
    pub fn subscription(&self) -> Option<Self> {
        self.named("subscriptions", 0).map(|_id| Self(self.0.iter().take(2).cloned().collect()))
    }

    /// The name that follows a word at a place.
    #[must_use]
    pub fn named(&self, word: &str, at: usize) -> Option<&str> {
        let found = self.0.get(at).is_some_and(|part| part.eq_ignore_ascii_case(word));
        self.0.get(at.saturating_add(1)).filter(|_| found).map(String::as_str)
    }

    /// A vault's id: in a resource group of a subscription.
    #[must_use]
    pub fn is_vault(&self) -> bool {
        self.0.len() == 8
            && self.named("subscriptions", 0).is_some()
            && self.named("resourceGroups", 2).is_some()
            && self.named("providers", 4).is_some_and(|name| name.eq_ignore_ascii_case("Microsoft.KeyVault"))
            && self.named("vaults", 6).is_some()
    }

    /// A secret of the vault that this is.
    #[must_use]
    pub fn secret(&self, name: &str) -> Self {
        let parts = self.0.iter().cloned();
        Self(parts.chain(["secrets".to_owned(), name.to_owned()]).collect())
    }
}

impl FromStr for Scope {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Self, NotAScope> {
        let rest = text.strip_prefix('/').ok_or(NotAScope)?;
        if rest.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.()".contains(&byte);
        let is_part = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(fits);
        let parts: Vec<&str> = rest.split('/').collect();
        if text.len() > LONGEST || !parts.iter().all(|part| is_part(part)) {
            return Err(NotAScope);
        }
        Ok(Self(parts.into_iter().map(str::to_owned).collect()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        text.parse().unwrap()
    }

    #[test]
    fn one_place_holds_another_by_whole_parts() {
        let group = scope("/subscriptions/s/resourceGroups/g");
        for within in
            ["/subscriptions/s/resourceGroups/g", "/SUBSCRIPTIONS/S/resourcegroups/G/providers/x/y/z"]
        {
            assert!(group.holds(&scope(within)), "{within}");
        }
        for outside in [
            "/subscriptions/s/resourceGroups/g2",
            "/subscriptions/s",
            "/",
            "/subscriptions/s2/resourceGroups/g",
        ] {
            assert!(!group.holds(&scope(outside)), "{outside}");
        }
        assert!(scope("/").holds(&group));
        assert!(group.is(&scope("/subscriptions/S/resourceGroups/G")) && !scope("/").is(&group));
    }

    #[test]
    fn what_is_no_resource_id_is_refused() {
        for text in ["", "subscriptions/s", "/a//b", "/a/", "/a/../b", "/a/b?c", "/a b", "/ä", "/a%2fb"] {
            assert_eq!(text.parse::<Scope>(), Err(NotAScope), "{text}");
        }
        assert_eq!(
            scope("/subscriptions/s/resourceGroups/(a.b)_c").to_string(),
            "/subscriptions/s/resourceGroups/(a.b)_c"
        );
    }

    #[test]
    fn a_vault_is_known_by_its_id_and_its_secrets_lie_in_it() {
        let vault = scope("/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v");
        assert!(vault.is_vault() && !vault.secret("a").is_vault() && !scope("/subscriptions/s").is_vault());
        assert!(vault.holds(&vault.secret("a")));
        assert_eq!(vault.subscription(), Some(scope("/subscriptions/s")));
        assert_eq!(scope("/providers/x").subscription(), None);
    }
}
