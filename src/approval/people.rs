//! Who may approve: each person pinned by Signal account UUID and identity-key fingerprint, never by number or name.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use uuid::Uuid;

use crate::policy::Quorum;

/// One `[[approver]]` of `gate.toml`, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApproverAsWritten {
    name: String,
    uuid: String,
    fingerprint: String,
    unix_user: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
}

/// A person who may approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    /// What the person is called in messages, the audit log, and the rule that nobody approves their own request.
    pub name: String,
    /// The account's ACI: it survives a change of number.
    pub uuid: Uuid,
    /// The identity key that was compared out of band at enrolment.
    pub fingerprint: Fingerprint,
    /// The Unix user who is this person on the host, for `reeve approval confirm`.
    pub unix_user: Option<String>,
    /// The groups that rules may name.
    pub groups: Vec<String>,
}

impl Approver {
    /// Whether the person is one of those whom an approval asks for.
    pub fn is_asked_by(&self, quorum: &Quorum) -> bool {
        quorum.admits(&self.groups)
    }

    /// Whether the person may not vote because one of `names` asked, or had it asked. Agents write those names, so
    /// each name that the person goes by counts, in any case.
    pub fn is_among(&self, names: &[String]) -> bool {
        let uuid = self.uuid.to_string();
        let own = [Some(self.name.as_str()), self.unix_user.as_deref(), Some(uuid.as_str())];
        names.iter().any(|name| own.iter().flatten().any(|own| own.eq_ignore_ascii_case(name.trim())))
    }
}

/// The public identity key of a Signal account, as hex without separators.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Reads hex as signal-cli or a person writes it: upper or lower case, with blanks or colons between bytes.
    /// A key is 32 bytes, with or without its type byte in front.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String =
            text.chars().filter(|c| !matches!(c, ' ' | ':')).map(|c| c.to_ascii_lowercase()).collect();
        let whole = matches!(digits.len(), 64 | 66) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        whole.then_some(Self(digits))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Everybody who may approve on this host. No two entries share a name, an account, a key or a Unix user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    approvers: Vec<Approver>,
}

/// An `[[approver]]` that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeopleError {
    /// The name is empty, too long, or holds more than `a-z 0-9 . _ -`.
    #[error(
        "approver {0:?}: a name is 1 to 32 of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit"
    )]
    Name(String),
    /// Not a UUID.
    #[error("approver {0}: uuid is not the UUID of a Signal account")]
    Uuid(String),
    /// Not a key's hex.
    #[error("approver {0}: fingerprint is not the 64 or 66 hexadecimal digits of an identity key")]
    Fingerprint(String),
    /// The Unix user is empty or root.
    #[error("approver {0}: unix_user must name a person's own account, not root")]
    UnixUser(String),
    /// A group's name is not a name.
    #[error("approver {name}: group {group:?} is not a name")]
    Group {
        /// The approver.
        name: String,
        /// The group as written.
        group: String,
    },
    /// Two entries would be one person with two votes.
    #[error("approver {name}: another approver has the same {field}")]
    Duplicate {
        /// The second of the two.
        name: String,
        /// What both have.
        field: &'static str,
    },
}

impl People {
    /// As written → as meant.
    pub fn from_written(written: Vec<ApproverAsWritten>) -> Result<Self, PeopleError> {
        let approvers = written.into_iter().map(meant).collect::<Result<Vec<_>, _>>()?;
        refuse_duplicates(&approvers, "name", |a| Some(a.name.clone()))?;
        refuse_duplicates(&approvers, "uuid", |a| Some(a.uuid))?;
        refuse_duplicates(&approvers, "fingerprint", |a| Some(a.fingerprint.clone()))?;
        refuse_duplicates(&approvers, "unix_user", |a| a.unix_user.clone())?;
        Ok(Self { approvers })
    }

    /// All of them, as configured.
    pub fn iter(&self) -> std::slice::Iter<'_, Approver> {
        self.approvers.iter()
    }

    /// By name.
    pub fn named(&self, name: &str) -> Option<&Approver> {
        self.iter().find(|approver| approver.name == name)
    }

    /// Who would be enrolled by that name: somebody new, or somebody of that name with a new key.
    ///
    /// # Errors
    /// Says which of the others would be the same person.
    pub fn to_enrol(
        &self,
        name: &str,
        uuid: Uuid,
        fingerprint: Fingerprint,
    ) -> Result<Approver, PeopleError> {
        if !is_name(name) {
            return Err(PeopleError::Name(name.to_owned()));
        }
        let before = self.named(name);
        let approver = Approver {
            name: name.to_owned(),
            uuid,
            fingerprint,
            unix_user: before.and_then(|before| before.unix_user.clone()),
            groups: before.map(|before| before.groups.clone()).unwrap_or_default(),
        };
        let others = self.iter().filter(|other| other.name != name);
        let all: Vec<Approver> = others.cloned().chain([approver.clone()]).collect();
        refuse_duplicates(&all, "uuid", |a| Some(a.uuid))?;
        refuse_duplicates(&all, "fingerprint", |a| Some(a.fingerprint.clone()))?;
        Ok(approver)
    }

    /// By Signal account.
    pub fn with_uuid(&self, uuid: Uuid) -> Option<&Approver> {
        self.iter().find(|approver| approver.uuid == uuid)
    }

    /// By the host's user.
    pub fn with_unix_user(&self, user: &str) -> Option<&Approver> {
        self.iter().find(|approver| approver.unix_user.as_deref() == Some(user))
    }

    /// Those who may vote on an approval: in a group that it asks for, and neither its requester nor on whose behalf it is.
    pub fn eligible<'a>(
        &'a self,
        quorum: &'a Quorum,
        excluded: &'a [String],
    ) -> impl Iterator<Item = &'a Approver> {
        self.iter().filter(move |approver| approver.is_asked_by(quorum) && !approver.is_among(excluded))
    }
}

fn meant(written: ApproverAsWritten) -> Result<Approver, PeopleError> {
    let ApproverAsWritten { name, uuid, fingerprint, unix_user, groups } = written;
    if !is_name(&name) {
        return Err(PeopleError::Name(name));
    }
    let uuid = Uuid::try_parse(&uuid)
        .ok()
        .filter(|uuid| !uuid.is_nil())
        .ok_or_else(|| PeopleError::Uuid(name.clone()))?;
    let fingerprint =
        Fingerprint::parse(&fingerprint).ok_or_else(|| PeopleError::Fingerprint(name.clone()))?;
    if unix_user.as_deref().is_some_and(|user| user.is_empty() || user == "root") {
        return Err(PeopleError::UnixUser(name));
    }
    if let Some(group) = groups.iter().find(|group| !is_name(group)) {
        return Err(PeopleError::Group { name, group: group.clone() });
    }
    Ok(Approver { name, uuid, fingerprint, unix_user, groups })
}

fn is_name(text: &str) -> bool {
    let letter_or_digit = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 32
        && text.as_bytes().first().is_some_and(letter_or_digit)
        && text.bytes().all(|b| letter_or_digit(&b) || matches!(b, b'.' | b'_' | b'-'))
}

fn refuse_duplicates<K: std::hash::Hash + Eq>(
    approvers: &[Approver],
    field: &'static str,
    key: impl Fn(&Approver) -> Option<K>,
) -> Result<(), PeopleError> {
    let mut seen = HashSet::new();
    let twice = approvers.iter().find(|approver| key(approver).is_some_and(|key| !seen.insert(key)));
    match twice {
        Some(approver) => Err(PeopleError::Duplicate { name: approver.name.clone(), field }),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::policy::ReviewTerms;

    /// alice and bob may approve for storage, carol for nothing in particular.
    pub(in crate::approval) fn people() -> People {
        let entry = |name: &str, digit: char, groups: &[&str]| ApproverAsWritten {
            name: name.to_owned(),
            uuid: format!("{0}{0}{0}{0}{0}{0}{0}{0}-1111-4111-8111-111111111111", digit),
            fingerprint: format!("05{}", digit.to_string().repeat(64)),
            unix_user: Some(name.to_owned()),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
        };
        People::from_written(vec![
            entry("alice", 'a', &["storage"]),
            entry("bob", 'b', &["storage"]),
            entry("carol", 'c', &[]),
        ])
        .unwrap()
    }

    /// So many, of a group or of anybody.
    pub(in crate::approval) fn quorum(approvals: u32, group: Option<&str>) -> Quorum {
        let terms = ReviewTerms::new(approvals, group.map(str::to_owned), ReviewTerms::DEFAULT_TTL).unwrap();
        terms.quorum().clone()
    }

    fn read(toml: &str) -> Result<People, PeopleError> {
        #[derive(Deserialize)]
        struct File {
            approver: Vec<ApproverAsWritten>,
        }
        People::from_written(toml::from_str::<File>(toml).unwrap().approver)
    }

    fn entry(name: &str, digit: char, more: &str) -> String {
        let key = digit.to_string().repeat(64);
        format!(
            "[[approver]]\nname = \"{name}\"\nuuid = \"{0}{0}{0}{0}{0}{0}{0}{0}-1111-4111-8111-111111111111\"\nfingerprint = \"05{key}\"\n{more}\n",
            digit
        )
    }

    #[test]
    fn an_approver_is_found_by_name_account_and_unix_user() {
        let people = read(&entry("alice", 'a', "unix_user = \"alice\"\ngroups = [\"storage\"]")).unwrap();
        let alice = people.named("alice").unwrap();
        assert_eq!(people.with_uuid(alice.uuid), Some(alice));
        assert_eq!(people.with_unix_user("alice"), Some(alice));
        assert_eq!(people.with_unix_user("bob"), None);
        let asked = |group: Option<&str>| alice.is_asked_by(&quorum(1, group));
        assert!(asked(Some("storage")) && asked(None) && !asked(Some("network")));
    }

    #[test]
    fn one_person_cannot_be_enrolled_twice() {
        let duplicate = |second: String, field| {
            assert_eq!(
                read(&(entry("alice", 'a', "unix_user = \"al\"") + &second)),
                Err(PeopleError::Duplicate { name: second.split('"').nth(1).unwrap().to_owned(), field })
            );
        };
        duplicate(entry("alice", 'b', ""), "name");
        duplicate(entry("alice2", 'a', ""), "uuid");
        duplicate(entry("alice2", 'b', "").replace(&"b".repeat(64), &"A".repeat(64)), "fingerprint");
        duplicate(entry("alice2", 'b', "unix_user = \"al\""), "unix_user");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert_eq!(read(&entry("Alice", 'a', "")), Err(PeopleError::Name("Alice".into())));
        assert_eq!(read(&entry("a", 'a', "unix_user = \"root\"")), Err(PeopleError::UnixUser("a".into())));
        assert_eq!(
            read(&entry("a", 'a', "groups = [\"a b\"]")),
            Err(PeopleError::Group { name: "a".into(), group: "a b".into() })
        );
        assert_eq!(
            read(&entry("a", 'a', "").replace("05a", "zza")),
            Err(PeopleError::Fingerprint("a".into()))
        );
        assert_eq!(read(&entry("a", 'a', "").replace("-4111", "")), Err(PeopleError::Uuid("a".into())));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let written = toml::from_str::<ApproverAsWritten>("name = \"a\"\nnumber = \"+15550001\"");
        assert!(written.unwrap_err().to_string().contains("number"));
    }

    #[test]
    fn the_requester_and_their_chain_are_not_eligible() {
        let people = people();
        for asked_by in ["alice", " Alice", "aaaaaaaa-1111-4111-8111-111111111111"] {
            let excluded = ["librarian".to_owned(), asked_by.to_owned()];
            let quorum = quorum(1, Some("storage"));
            let names: Vec<_> = people.eligible(&quorum, &excluded).map(|a| a.name.as_str()).collect();
            assert_eq!(names, ["bob"], "{asked_by}");
        }
    }
}
