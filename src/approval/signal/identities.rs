//! Whether an account still has the identity key that was compared when its owner was enrolled.

use uuid::Uuid;

use super::wire::IdentityEntry;
use crate::approval::identity::{IdentityTrouble, Seen};
use crate::approval::people::{Approver, Fingerprint};

/// Judges what `listIdentities` answered for the approver: the newest key must be the enrolled one, and trusted.
pub(super) fn judge(entries: &[IdentityEntry], approver: &Approver) -> Result<(), IdentityTrouble> {
    let own: Vec<_> = entries.iter().filter(|entry| may_belong_to(entry, approver.uuid)).collect();
    // An entry without a date may be the newest, so it counts as that.
    let added = |entry: &IdentityEntry| entry.added_timestamp.unwrap_or(u64::MAX);
    let newest = own.iter().map(|entry| added(entry)).max().ok_or(IdentityTrouble::Unknown)?;
    if own.iter().filter(|entry| added(entry) == newest).all(|entry| is_pinned_and_trusted(entry, approver)) {
        Ok(())
    } else {
        Err(IdentityTrouble::Changed)
    }
}

/// The newest key of an account that nobody is enrolled with yet. Two newest are none.
pub(super) fn newest(entries: &[IdentityEntry], uuid: Uuid) -> Result<Seen, IdentityTrouble> {
    let own = entries.iter().filter(|entry| may_belong_to(entry, uuid));
    let mut seen: Vec<(u64, Seen)> = Vec::new();
    for entry in own {
        let fingerprint = Fingerprint::parse(&entry.fingerprint).ok_or(IdentityTrouble::Unchecked)?;
        let is_verified = entry.trust_level == "TRUSTED_VERIFIED";
        let one = Seen { fingerprint, safety_number: entry.safety_number.clone(), is_verified };
        seen.push((entry.added_timestamp.unwrap_or(u64::MAX), one));
    }
    let last = seen.iter().map(|(added, _)| *added).max().ok_or(IdentityTrouble::Unknown)?;
    let mut newest = seen.into_iter().filter(|(added, _)| *added == last).map(|(_, seen)| seen);
    match (newest.next(), newest.next()) {
        (Some(one), None) if one.safety_number.bytes().any(|digit| digit.is_ascii_digit()) => Ok(one),
        (Some(_), Some(_)) => Err(IdentityTrouble::Changed),
        (Some(_) | None, None) | (None, Some(_)) => Err(IdentityTrouble::Unknown),
    }
}

/// The daemon was asked for one account: an entry that names none belongs to it, for all we know.
fn may_belong_to(entry: &IdentityEntry, uuid: Uuid) -> bool {
    entry.uuid.as_deref().is_none_or(|text| Uuid::try_parse(text).is_ok_and(|other| other == uuid))
}

fn is_pinned_and_trusted(entry: &IdentityEntry, approver: &Approver) -> bool {
    let trusted = matches!(entry.trust_level.as_str(), "TRUSTED_VERIFIED" | "TRUSTED_UNVERIFIED");
    trusted && Fingerprint::parse(&entry.fingerprint).is_some_and(|seen| seen == approver.fingerprint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::people::tests::people;

    fn entry(digit: char, trust_level: &str, added: Option<u64>) -> IdentityEntry {
        IdentityEntry {
            uuid: Some(people().named("alice").unwrap().uuid.to_string()),
            fingerprint: format!("05 {}", digit.to_string().repeat(64).to_uppercase()),
            trust_level: trust_level.to_owned(),
            safety_number: digit.to_digit(16).unwrap().to_string(),
            added_timestamp: added,
        }
    }

    fn judged(entries: &[IdentityEntry]) -> Result<(), IdentityTrouble> {
        judge(entries, people().named("alice").unwrap())
    }

    #[test]
    fn the_enrolled_key_holds_while_it_is_the_newest_and_trusted() {
        assert_eq!(judged(&[entry('a', "TRUSTED_VERIFIED", Some(1))]), Ok(()));
        assert_eq!(
            judged(&[entry('a', "TRUSTED_UNVERIFIED", Some(2)), entry('9', "UNTRUSTED", Some(1))]),
            Ok(())
        );
    }

    #[test]
    fn any_newer_or_undated_key_breaks_it() {
        let pinned = || entry('a', "TRUSTED_VERIFIED", Some(5));
        for other in [
            entry('9', "UNTRUSTED", Some(6)),
            entry('9', "TRUSTED_UNVERIFIED", Some(6)),
            entry('9', "UNTRUSTED", Some(5)),
            entry('9', "UNTRUSTED", None),
            IdentityEntry { uuid: None, ..entry('9', "UNTRUSTED", Some(6)) },
        ] {
            assert_eq!(judged(&[pinned(), other.clone()]), Err(IdentityTrouble::Changed), "{other:?}");
            assert_eq!(judged(&[other, pinned()]), Err(IdentityTrouble::Changed));
        }
    }

    #[test]
    fn an_untrusted_or_oddly_trusted_key_does_not_hold() {
        for level in ["UNTRUSTED", "", "TRUSTED", "trusted_verified"] {
            assert_eq!(judged(&[entry('a', level, Some(1))]), Err(IdentityTrouble::Changed), "{level}");
        }
    }

    #[test]
    fn who_is_to_be_enrolled_has_one_newest_key_with_a_safety_number() {
        let alice = people().named("alice").unwrap().uuid;
        let [old, new] = [entry('a', "TRUSTED_VERIFIED", Some(1)), entry('9', "UNTRUSTED", Some(2))];
        let seen = newest(&[new.clone(), old.clone()], alice).unwrap();
        assert_eq!((seen.safety_number.as_str(), seen.is_verified), ("9", false));
        assert!(newest(&[old], alice).unwrap().is_verified);
        let same_time = entry('8', "UNTRUSTED", Some(2));
        assert_eq!(newest(&[new.clone(), same_time], alice), Err(IdentityTrouble::Changed));
        let nothing = IdentityEntry { safety_number: String::new(), ..new };
        assert_eq!(newest(&[nothing], alice), Err(IdentityTrouble::Unknown));
        assert_eq!(newest(&[], alice), Err(IdentityTrouble::Unknown));
    }

    #[test]
    fn no_key_is_not_the_enrolled_key() {
        assert_eq!(judged(&[]), Err(IdentityTrouble::Unknown));
        let somebody_else = IdentityEntry {
            uuid: Some(Uuid::from_u128(7).to_string()),
            ..entry('a', "TRUSTED_VERIFIED", Some(1))
        };
        assert_eq!(judged(&[somebody_else]), Err(IdentityTrouble::Unknown));
    }
}
