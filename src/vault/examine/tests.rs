//! What is seen of an identity that is as it should be, and of every way in which it is not, with a registry that answers as it is told.

use std::collections::BTreeMap;

use super::*;
use crate::secret::{Consumer, Secret};
use crate::vault::fetch::Got;
use crate::vault::roles::{Permission, Role};

const VAULT: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v";

/// What is answered, by what is asked for. What is not here is forbidden.
#[derive(Default)]
struct Told {
    who: Option<Who>,
    reads: BTreeMap<&'static str, Option<bool>>,
    /// For any other name.
    others: Option<Result<Option<bool>, &'static str>>,
    lists: Option<Result<bool, &'static str>>,
    roles: BTreeMap<&'static str, Vec<(&'static str, &'static str)>>,
}

fn trouble(problem: &str) -> Trouble {
    Trouble { problem: problem.to_owned(), credential: Some("managed identity") }
}

fn who() -> Who {
    Who {
        credential: "managed identity",
        principal: "p".to_owned(),
        more: "application a".to_owned(),
        token: (900, 4_600),
        certificate_ends: None,
    }
}

impl Told {
    /// As it should be.
    fn well() -> Self {
        Self {
            who: Some(who()),
            reads: BTreeMap::from([("canary", Some(true))]),
            others: Some(Ok(Some(false))),
            lists: Some(Ok(false)),
            roles: BTreeMap::from([(
                "/subscriptions/s",
                vec![("/secrets/canary", "getSecret/action"), ("/secrets/tls", "getSecret/action")],
            )]),
        }
    }
}

impl Vaults for Told {
    async fn get(&self, _url: &Url, name: &str, _version: Option<&str>) -> Result<Got, Trouble> {
        match self.reads.get(name) {
            Some(Some(true)) => {
                Ok(Got { value: Secret::new(b"hunter2".to_vec()), credential: "managed identity" })
            }
            Some(_) | None => Err(trouble("HTTP 403 Forbidden (ForbiddenByRbac)")),
        }
    }
}

impl Registry for Told {
    async fn who(&self) -> Result<Who, Trouble> {
        self.who.clone().ok_or_else(|| trouble("nobody says who this host is"))
    }

    async fn roles(&self, place: &Scope, principal: &str) -> Result<Vec<Assignment>, Trouble> {
        assert_eq!(principal, "p");
        let rows = self
            .roles
            .get(place.to_string().as_str())
            .ok_or_else(|| trouble("HTTP 403 AuthorizationFailed"))?;
        let one = |(at, action): &(&str, &str)| Assignment {
            scope: if at.starts_with("/secrets") { format!("{VAULT}{at}") } else { (*at).to_owned() }
                .parse()
                .unwrap(),
            role: Role {
                name: "R".to_owned(),
                is_custom: false,
                permissions: vec![Permission {
                    data_actions: vec![format!("Microsoft.KeyVault/vaults/secrets/{action}")],
                    ..Permission::default()
                }],
            },
        };
        Ok(rows.iter().map(one).collect())
    }

    async fn lists(&self, _url: &Url) -> Result<bool, Trouble> {
        self.lists.unwrap().map_err(trouble)
    }

    async fn reads(&self, _url: &Url, name: &str) -> Result<Option<bool>, Trouble> {
        match self.reads.get(name) {
            Some(known) => Ok(*known),
            None => self.others.unwrap().map_err(trouble),
        }
    }
}

fn config(more: &str) -> VaultsConfig {
    let text = format!("[vault.main]\nurl = \"https://m.example\"\nid = \"{VAULT}\"\n{more}");
    VaultsConfig::parse("secrets.toml", &text).unwrap()
}

/// What is seen of one thing, as bad as its worst, with all words.
async fn seen_of(told: &Told, more: &str, of: Looked) -> (Seen, String) {
    let mut wanted = Wanted::default();
    wanted.add(Consumer::Front, "t", "a = \"@kv:tls\"").unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    let examined = examine(&config(more), &wanted, told, now).await;
    let all = format!("{examined:?}");
    assert!(!all.contains("hunter2"), "{all}");
    let of: Vec<_> = examined.sights.into_iter().filter(|sight| sight.of == of).collect();
    let words: Vec<_> = of.iter().map(|sight| sight.words.clone()).collect();
    (of.iter().map(|sight| sight.seen).max().unwrap(), words.join("; "))
}

const CANARY: &str = "canary = \"canary\"\n";

#[tokio::test]
async fn an_identity_that_is_as_it_should_be_is_well() {
    let told = Told::well();
    for of in [Looked::Credential, Looked::Roles, Looked::Vaults, Looked::Isolation] {
        let (seen, words) = seen_of(&told, CANARY, of).await;
        assert_eq!(seen, Seen::Well, "{words}");
    }
    let (_, words) = seen_of(&told, CANARY, Looked::Credential).await;
    assert_eq!(words, "managed identity: principal p, application a; its token ends in 1h");
}

#[tokio::test]
async fn nobody_who_says_who_the_host_is_is_wrong_and_the_rest_is_unseen() {
    let told = Told { who: None, reads: BTreeMap::new(), ..Told::well() };
    assert_eq!(seen_of(&told, CANARY, Looked::Credential).await.0, Seen::Wrong);
    assert_eq!(seen_of(&told, CANARY, Looked::Roles).await.0, Seen::Unseen);
    assert_eq!(seen_of(&told, CANARY, Looked::Isolation).await.0, Seen::Unseen);
}

#[tokio::test]
async fn a_token_or_a_certificate_that_has_ended_and_a_clock_that_is_off_are_said() {
    let with = |token, certificate_ends| Told {
        who: Some(Who { token, certificate_ends, ..who() }),
        ..Told::well()
    };
    for (token, ends, seen, words) in [
        ((900, 1_000), None, Seen::Wrong, "is the clock ahead?"),
        ((1_400, 5_000), None, Seen::Wrong, "is the clock behind?"),
        ((-80_000, 4_600), None, Seen::Well, "ends in 1h"),
        ((900, 4_600), Some(1_000), Seen::Wrong, "the certificate of the service principal has ended"),
        ((900, 4_600), Some(1_000 + SOON - 1), Seen::Wide, "ends in"),
        ((900, 4_600), Some(1_000 + SOON), Seen::Well, "ends in"),
    ] {
        let (found, said) = seen_of(&with(token, ends), CANARY, Looked::Credential).await;
        assert_eq!(found, seen, "{said}");
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn without_a_canary_neither_reach_nor_isolation_is_shown() {
    let told = Told::well();
    assert_eq!(seen_of(&told, "", Looked::Vaults).await.0, Seen::Unseen);
    assert_eq!(seen_of(&told, "", Looked::Isolation).await.0, Seen::Unseen);
    let (seen, words) = seen_of(&told, "canary = \"other\"\n", Looked::Vaults).await;
    assert_eq!((seen, words.contains("ForbiddenByRbac")), (Seen::Wrong, true));
    assert_eq!(seen_of(&told, "canary = \"other\"\n", Looked::Isolation).await.0, Seen::Unseen);
}

#[tokio::test]
async fn isolation_is_shown_by_trying_and_every_way_around_it_is_found() {
    let with = |others, lists| Told { others: Some(others), lists: Some(lists), ..Told::well() };
    for (others, lists, seen, words) in [
        (Ok(None), Ok(false), Seen::Wrong, "reads secrets of any name"),
        (Ok(Some(true)), Ok(false), Seen::Wrong, "reads secrets of any name"),
        (Ok(Some(false)), Ok(true), Seen::Wrong, "tells this host which secrets it has"),
        (
            Ok(Some(false)),
            Err("HTTP 403 Forbidden (ForbiddenByFirewall)"),
            Seen::Unseen,
            "ForbiddenByFirewall",
        ),
        (Err("HTTP 503"), Ok(false), Seen::Unseen, "HTTP 503"),
    ] {
        let (found, said) = seen_of(&with(others, lists), CANARY, Looked::Isolation).await;
        assert_eq!(found, seen, "{said}");
        assert!(said.contains(words), "{said}");
    }
    let forbidden = "canary = \"canary\"\nforbidden = [\"theirs\"]\n";
    for (theirs, seen) in [(Some(false), Seen::Well), (Some(true), Seen::Wrong), (None, Seen::Wrong)] {
        let mut told = Told::well();
        told.reads.insert("theirs", theirs);
        assert_eq!(seen_of(&told, forbidden, Looked::Isolation).await.0, seen, "{theirs:?}");
    }
}

#[tokio::test]
async fn roles_that_could_not_be_listed_or_are_none_are_never_well() {
    let with = |place, rows| Told { roles: BTreeMap::from([(place, rows)]), ..Told::well() };
    let own = vec![("/secrets/tls", "getSecret/action")];
    let at_vault = seen_of(&with(VAULT, own.clone()), CANARY, Looked::Roles).await;
    assert_eq!(at_vault.0, Seen::Unseen, "{}", at_vault.1);
    assert!(
        at_vault.1.contains("roles elsewhere than at the vault: HTTP 403 AuthorizationFailed"),
        "{}",
        at_vault.1
    );
    assert_eq!(seen_of(&with("/nowhere", own.clone()), CANARY, Looked::Roles).await.0, Seen::Unseen);
    assert_eq!(seen_of(&with("/subscriptions/s", Vec::new()), CANARY, Looked::Roles).await.0, Seen::Unseen);
    assert_eq!(seen_of(&with("/subscriptions/s", own), CANARY, Looked::Roles).await.0, Seen::Well);
    for (row, seen) in [
        (("/secrets/tls", "setSecret/action"), Seen::Wrong),
        (("/secrets/other", "getSecret/action"), Seen::Wrong),
        (("/subscriptions/s", "getSecret/action"), Seen::Wrong),
        ((VAULT, "getSecret/action"), Seen::Wide),
    ] {
        let (found, words) = seen_of(&with("/subscriptions/s", vec![row]), CANARY, Looked::Roles).await;
        assert_eq!(found, seen, "{words}");
    }
}
