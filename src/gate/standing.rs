//! Who may approve what, as one value that is compared: what would be weaker than before is brought into force by root
//! at the console, or when those who may approve say yes to it, and everybody who may approve is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::Gate;
use super::config::Budget;
use crate::approval::people::{Approver, People};
use crate::approval::prompt::Notice;
use crate::job::StoreError;
use crate::operation::Digest;
use crate::policy::Rules;
use crate::screening::settings::ScreeningSettings;

/// Where the last that was in force is kept.
const NOTE: &str = "standing";
/// How long news wait for the way to people.
const PATIENCE: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(500);
/// How much of a digest people read.
const DIGEST_SHOWN: usize = 19;

/// Who may approve, and by which rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    people: Vec<Person>,
    contracts: Digest,
    policy: Digest,
    budgets: String,
    /// The lists of domains that rules ask about; nothing where there are none, as before there could be any.
    #[serde(default)]
    lists: String,
    /// How far texts are looked at; nothing where they are not.
    #[serde(default)]
    screening: String,
    /// Whose votes may be posted, and by which keys.
    #[serde(default)]
    webhook: BTreeMap<String, Digest>,
    /// Whose word votes are held against, where there is a hook.
    #[serde(default, deserialize_with = "kept_hook")]
    hook: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Person {
    name: String,
    account: String,
    fingerprint: String,
    unix_user: Option<String>,
    groups: Vec<String>,
}

impl Standing {
    pub(super) fn of(people: &People, rules: &Rules, budgets: &[Budget]) -> Self {
        let (contracts, policy) = rules.parts();
        let screening = rules.screening.settings();
        let mut screening =
            if *screening == ScreeningSettings::default() { String::new() } else { format!("{screening:?}") };
        if rules.shield.settings().is_on() {
            screening.push_str(&format!("{:?}", rules.shield.settings()));
        }
        let people = people.iter().map(Person::of).collect();
        let lists = &rules.lists.config().lists;
        let lists = if lists.is_empty() { String::new() } else { format!("{lists:?}") };
        Self {
            people,
            contracts,
            policy,
            budgets: format!("{budgets:?}"),
            lists,
            screening,
            webhook: BTreeMap::new(),
            hook: None,
        }
    }

    /// With whoever is asked about each confirmation, if anybody is.
    pub(super) fn with_hook(self, hook: Option<String>) -> Self {
        Self { hook, ..self }
    }

    /// With the keys by which votes may be posted.
    pub(super) fn with_keys(self, webhook: BTreeMap<String, Digest>) -> Self {
        Self { webhook, ..self }
    }

    /// What could be approved under `self` that could not be before, each in a line. Nobody can tell of two programs which
    /// one is stricter, so that any other policy counts.
    pub(super) fn weaker_than(&self, before: &Self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for person in &self.people {
            match before.people.iter().find(|old| old.name == person.name) {
                None => lines.push(format!("+ {} may approve{}", person.name, of_groups(&person.groups))),
                Some(old) => lines.extend(person.weaker_than(old)),
            }
        }
        for (what, new, old) in
            [("contracts", &self.contracts, &before.contracts), ("policy", &self.policy, &before.policy)]
        {
            if new != old {
                lines.push(format!("~ {what}: {} → {}", short(old), short(new)));
            }
        }
        if self.budgets != before.budgets {
            lines.push("~ budgets are other ones".to_owned());
        }
        if self.lists != before.lists {
            lines.push("~ lists of domains are other ones".to_owned());
        }
        if self.screening != before.screening {
            lines.push("~ screening is another one".to_owned());
        }
        match (&before.hook, &self.hook) {
            (Some(_), None) => lines.push("~ votes are no longer held against the identity hook".to_owned()),
            // Who else answers there may let everything pass.
            (Some(old), Some(new)) if old != new && !old.is_empty() => {
                lines.push(format!("~ votes are held against another identity hook: {old} → {new}"));
            }
            (None | Some(_), _) => {}
        }
        for (name, key) in &self.webhook {
            match before.webhook.get(name) {
                None => lines.push(format!("+ {name} may vote by webhook")),
                Some(old) if old != key => lines.push(format!("~ {name} has another webhook key")),
                Some(_) => {}
            }
        }
        lines
    }
}

impl Standing {
    /// Who may approve less under `self` than before, each in a line. It weakens nothing, and everybody knows of it.
    pub(super) fn narrower_than(&self, before: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for old in &before.people {
            let Some(now) = self.people.iter().find(|person| person.name == old.name) else {
                lines.push(format!("- {} may approve no more", old.name));
                continue;
            };
            let left: Vec<String> =
                old.groups.iter().filter(|group| !now.groups.contains(group)).cloned().collect();
            lines
                .extend((!left.is_empty()).then(|| format!("- {} is no more{}", old.name, of_groups(&left))));
        }
        let keys = before.webhook.keys().filter(|name| !self.webhook.contains_key(*name));
        lines.extend(keys.map(|name| format!("- {name} votes by webhook no more")));
        lines
    }
}

impl Person {
    fn of(approver: &Approver) -> Self {
        Self {
            name: approver.name.clone(),
            account: approver.uuid.to_string(),
            fingerprint: approver.fingerprint.to_string(),
            unix_user: approver.unix_user.clone(),
            groups: approver.groups.clone(),
        }
    }

    fn weaker_than(&self, old: &Self) -> Vec<String> {
        let name = &self.name;
        let other = |is_other: bool, what: &str| is_other.then(|| format!("~ {name} has another {what}"));
        let joined: Vec<String> =
            self.groups.iter().filter(|group| !old.groups.contains(group)).cloned().collect();
        let joins = (!joined.is_empty()).then(|| format!("~ {name} is new{}", of_groups(&joined)));
        // Without a Unix user there is one way less to vote.
        let unix_user = self.unix_user.is_some() && self.unix_user != old.unix_user;
        [
            other(self.account != old.account, "Signal account"),
            other(self.fingerprint != old.fingerprint, "identity key"),
            other(unix_user, "Unix user"),
            joins,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// What was kept before it was kept whose word it was: whether there was any.
fn kept_hook<'de, D: Deserializer<'de>>(kept: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Before(bool),
        Now(Option<String>),
    }
    Ok(match Kept::deserialize(kept)? {
        Kept::Before(was_there) => was_there.then(String::new),
        Kept::Now(hook) => hook,
    })
}

fn of_groups(groups: &[String]) -> String {
    if groups.is_empty() { String::new() } else { format!(" in {}", groups.join(", ")) }
}

fn short(digest: &Digest) -> String {
    digest.as_str().chars().take(DIGEST_SHOWN).collect()
}

impl Gate {
    /// What is in force.
    pub(super) fn standing(&self) -> Standing {
        Standing::of(&self.people.load(), &self.rules.load(), &self.budgets.limits())
            .with_keys(self.posted.told())
            .with_hook(self.hook.told())
    }

    /// Keeps what is in force, and says what it makes weaker than what was kept before, and what narrower.
    pub(super) fn keep_standing(&self) -> Result<(Vec<String>, Vec<String>), StoreError> {
        let now = self.standing();
        let before: Option<Standing> = self.store.note(NOTE)?;
        self.store.put_note(NOTE, &now)?;
        let lines = |before: Standing| (now.weaker_than(&before), now.narrower_than(&before));
        Ok(before.map(lines).unwrap_or_default())
    }

    /// Tells everybody who may approve, as soon as there is a way to them.
    pub(super) fn announce(self: &Arc<Self>, notice: Notice, also: Option<Arc<People>>) {
        self.announce_but(notice, also, Vec::new());
    }

    /// The same, but for those who know it already.
    pub(super) fn announce_but(
        self: &Arc<Self>,
        notice: Notice,
        also: Option<Arc<People>>,
        know_it: Vec<String>,
    ) {
        let gate = Arc::clone(self);
        tokio::spawn(async move {
            let deadline = tokio::time::Instant::now() + PATIENCE;
            while !gate.channel.is_up() && tokio::time::Instant::now() < deadline {
                tokio::time::sleep(LOOK).await;
            }
            let text = notice.text(&gate.identity.name);
            let mut told: Vec<Approver> = gate.people.load().iter().cloned().collect();
            // Those who may no more: they are the ones who would miss it.
            let gone = also.iter().flat_map(|people| people.iter());
            let gone: Vec<Approver> =
                gone.filter(|old| told.iter().all(|new| new.uuid != old.uuid)).cloned().collect();
            told.extend(gone);
            told.retain(|person| !know_it.contains(&person.name));
            for person in told {
                if let Err(error) = gate.channel.tell(&person, &text, None).await {
                    tracing::warn!(
                        approver = person.name,
                        error = &error as &dyn std::error::Error,
                        "a notice was not sent"
                    );
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Standing {
        let person = |name: &str| Person {
            name: name.to_owned(),
            account: format!("account of {name}"),
            fingerprint: format!("key of {name}"),
            unix_user: Some(name.to_owned()),
            groups: vec!["storage".to_owned()],
        };
        Standing {
            people: vec![person("alice"), person("bob")],
            contracts: Digest::of_bytes(b"contracts"),
            policy: Digest::of_bytes(b"policy"),
            budgets: String::new(),
            lists: String::new(),
            screening: String::new(),
            webhook: BTreeMap::new(),
            hook: Some("reeve-hook at /run/reeve-hook/socket".to_owned()),
        }
    }

    fn changed(change: impl FnOnce(&mut Standing)) -> Vec<String> {
        let mut new = standing();
        change(&mut new);
        new.weaker_than(&standing())
    }

    #[test]
    fn who_may_approve_more_is_named() {
        let lines = changed(|new| {
            new.people[0].groups.push("owners".to_owned());
            new.people[1].fingerprint = "another".to_owned();
            new.people.push(Person { name: "carol".to_owned(), ..new.people[0].clone() });
        });
        let wanted = [
            "~ alice is new in owners",
            "~ bob has another identity key",
            "+ carol may approve in storage, owners",
        ];
        assert_eq!(lines, wanted);
        assert_eq!(
            changed(|new| new.people[0].account = "x".to_owned()),
            ["~ alice has another Signal account"]
        );
        assert_eq!(
            changed(|new| new.people[0].unix_user = Some("x".to_owned())),
            ["~ alice has another Unix user"]
        );
    }

    #[test]
    fn whoever_may_approve_less_makes_nothing_weaker() {
        assert!(changed(|_| {}).is_empty());
        assert!(changed(|new| drop(new.people.pop())).is_empty());
        assert!(changed(|new| new.people[0].groups.clear()).is_empty());
        assert!(changed(|new| new.people[0].unix_user = None).is_empty());
        assert!(standing().weaker_than(&Standing { hook: None, ..standing() }).is_empty());
    }

    #[test]
    fn whoever_may_approve_less_is_named_all_the_same() {
        let narrowed = |change: fn(&mut Standing)| {
            let mut new = standing();
            change(&mut new);
            new.narrower_than(&standing())
        };
        assert_eq!(narrowed(|new| drop(new.people.remove(0))), ["- alice may approve no more"]);
        assert_eq!(narrowed(|new| new.people[1].groups.clear()), ["- bob is no more in storage"]);
        assert!(narrowed(|new| new.people[0].groups.push("owners".to_owned())).is_empty());
        let mut with_key = standing();
        with_key.webhook.insert("bob".to_owned(), Digest::of_bytes(b"key"));
        assert_eq!(standing().narrower_than(&with_key), ["- bob votes by webhook no more"]);
    }

    #[test]
    fn any_other_rule_may_be_weaker() {
        let lines = changed(|new| new.policy = Digest::of_bytes(b"another"));
        assert!(lines.len() == 1 && lines[0].starts_with("~ policy: sha256:"), "{lines:?}");
        assert_eq!(changed(|new| new.contracts = Digest::of_bytes(b"another")).len(), 1);
        assert_eq!(changed(|new| new.budgets = "more".to_owned()), ["~ budgets are other ones"]);
        assert_eq!(changed(|new| new.lists = "more".to_owned()), ["~ lists of domains are other ones"]);
        let without = ["~ votes are no longer held against the identity hook"];
        assert_eq!(changed(|new| new.hook = None), without);
        assert_eq!(changed(|new| new.screening = "less".to_owned()), ["~ screening is another one"]);
    }

    #[test]
    fn another_hook_may_be_weaker_and_what_was_kept_before_hooks_had_names_is_read() {
        let another = changed(|new| new.hook = Some("agent at /tmp/socket".to_owned()));
        let wanted = "~ votes are held against another identity hook: reeve-hook at /run/reeve-hook/socket → agent at /tmp/socket";
        assert_eq!(another, [wanted]);
        let mut kept = serde_json::to_value(standing()).unwrap();
        assert_eq!(serde_json::from_value::<Standing>(kept.clone()).unwrap(), standing());
        kept["hook"] = serde_json::json!(true);
        let before: Standing = serde_json::from_value(kept.clone()).unwrap();
        assert!(standing().weaker_than(&before).is_empty(), "whose it was is not known");
        assert_eq!(Standing { hook: None, ..standing() }.weaker_than(&before).len(), 1);
        kept["hook"] = serde_json::json!(false);
        assert_eq!(serde_json::from_value::<Standing>(kept).unwrap().hook, None);
    }
}
