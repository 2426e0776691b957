//! What is seen of an identity that acts, as it should be and otherwise.

use url::Url;

use super::*;
use crate::vault::examine::Who;
use crate::vault::fetch::{Got, Vaults};
use crate::vault::roles::{Assignment, Permission, Role};

/// What is answered. What is not here could not be had.
struct Told {
    is_known: bool,
    groups: Option<Result<bool, &'static str>>,
    /// Where, and what each lets one do, without what is taken out again.
    roles: Option<Vec<(&'static str, &'static str)>>,
    taken_out: &'static [&'static str],
}

fn trouble(problem: &str) -> Trouble {
    Trouble { problem: problem.to_owned(), credential: Some("managed identity") }
}

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

impl Vaults for Told {
    async fn get(&self, _url: &Url, _name: &str, _version: Option<&str>) -> Result<Got, Trouble> {
        panic!("who acts reads no secret")
    }
}

impl Registry for Told {
    async fn who(&self) -> Result<Who, Trouble> {
        let who = Who {
            credential: "managed identity",
            principal: "p".to_owned(),
            more: "application a".to_owned(),
            token: (900, 4_600),
            certificate_ends: None,
        };
        if self.is_known { Ok(who) } else { Err(trouble("nobody says who this host is")) }
    }

    async fn roles(&self, place: &Scope, principal: &str) -> Result<Vec<Assignment>, Trouble> {
        assert_eq!((place, principal), (&scope("/subscriptions/s"), "p"));
        let rows = self.roles.as_ref().ok_or_else(|| trouble("HTTP 403 AuthorizationFailed"))?;
        let one = |(at, action): &(&str, &str)| Assignment {
            scope: scope(at),
            role: Role {
                name: "R".to_owned(),
                is_custom: true,
                permissions: vec![Permission {
                    actions: action.split(' ').map(str::to_owned).collect(),
                    not_actions: self.taken_out.iter().map(|one| (*one).to_owned()).collect(),
                    ..Permission::default()
                }],
            },
        };
        Ok(rows.iter().map(one).collect())
    }

    async fn lists(&self, _url: &Url) -> Result<bool, Trouble> {
        panic!("who acts lists no secrets")
    }

    async fn reads(&self, _url: &Url, _name: &str) -> Result<Option<bool>, Trouble> {
        panic!("who acts reads no secret")
    }
}

impl Acts for Told {
    async fn groups(&self, subscription: &Scope) -> Result<Result<bool, String>, Trouble> {
        assert_eq!(subscription, &scope("/subscriptions/s"));
        let groups = self.groups.ok_or_else(|| trouble("cannot be reached"))?;
        Ok(groups.map_err(str::to_owned))
    }
}

fn told() -> Told {
    let roles = vec![("/subscriptions/s/resourceGroups/web", "Microsoft.App/containerApps/write")];
    Told { is_known: true, groups: Some(Ok(true)), roles: Some(roles), taken_out: &[] }
}

/// What is seen of one thing, as bad as its worst, with all words.
async fn seen(told: &Told, scopes: &[&str], of: Looked) -> (Seen, String) {
    let acting = Acting {
        subscriptions: BTreeMap::from([("main".to_owned(), scope("/subscriptions/s"))]),
        scopes: scopes.iter().map(|text| scope(text)).collect(),
        patience: Duration::from_secs(5),
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    let examined = examine_acting(&acting, told, now).await;
    let sights: Vec<_> = examined.sights.iter().filter(|sight| sight.of == of).collect();
    let words: Vec<_> = sights.iter().map(|sight| sight.words.as_str()).collect();
    (sights.iter().map(|sight| sight.seen).max().unwrap(), words.join("; "))
}

#[tokio::test]
async fn who_acts_as_it_should_is_seen_well() {
    let told = told();
    let (credential, words) = seen(&told, &[], Looked::Credential).await;
    assert_eq!(credential, Seen::Well);
    assert!(words.starts_with("managed identity: principal p"), "{words}");
    assert_eq!(
        seen(&told, &[], Looked::Reach).await,
        (Seen::Well, "main: its resource groups are seen".to_owned())
    );
    let roles = "main: 1 role assignments, 1 of custom roles, 0 with a wildcard".to_owned();
    assert_eq!(seen(&told, &[], Looked::Roles).await, (Seen::Well, roles));
}

#[tokio::test]
async fn a_subscription_that_it_does_not_see_is_wrong_and_one_that_nobody_can_ask_about_is_unseen() {
    for (groups, status, words) in [
        (Some(Ok(false)), Seen::Wrong, "main: none of its resource groups is seen"),
        (Some(Err("HTTP 404 SubscriptionNotFound")), Seen::Wrong, "main: HTTP 404 SubscriptionNotFound"),
        (None, Seen::Unseen, "main: cannot be reached (as managed identity)"),
    ] {
        let told = Told { groups, ..told() };
        assert_eq!(seen(&told, &[], Looked::Reach).await, (status, words.to_owned()));
    }
}

#[tokio::test]
async fn without_anybody_who_says_who_it_is_it_is_wrong_and_its_roles_unseen() {
    let told = Told { is_known: false, groups: None, ..told() };
    assert_eq!(seen(&told, &[], Looked::Credential).await.0, Seen::Wrong);
    assert_eq!(seen(&told, &[], Looked::Roles).await.0, Seen::Unseen);
    let listed_by_nobody = Told { roles: None, ..self::told() };
    assert_eq!(seen(&listed_by_nobody, &[], Looked::Roles).await.0, Seen::Unseen);
    let none = Told { roles: Some(Vec::new()), ..self::told() };
    assert_eq!(seen(&none, &[], Looked::Roles).await.0, Seen::Unseen);
}

#[tokio::test]
async fn an_elevated_role_and_one_beyond_where_it_acts_are_wrong() {
    let web = "/subscriptions/s/resourceGroups/web";
    for (at, action, scopes, status) in [
        (web, "Microsoft.Authorization/*", &[][..], Seen::Wrong),
        ("/subscriptions/s", "*", &[], Seen::Wrong),
        ("/", "Microsoft.App/containerApps/read", &[], Seen::Wrong),
        (web, "Microsoft.App/containerApps/write", &["/subscriptions/s/resourceGroups/shop"], Seen::Wrong),
        (web, "Microsoft.App/containerApps/write", &[web], Seen::Well),
        (web, "Microsoft.KeyVault/vaults/write", &[], Seen::Wide),
        (web, "Microsoft.KeyVault/*", &[], Seen::Wrong),
        // It comes with the built-in role for container apps, and lets one do nothing besides what others let.
        (web, "Microsoft.Resources/deployments/*", &[], Seen::Well),
    ] {
        let told = Told { roles: Some(vec![(at, action)]), ..told() };
        let (found, words) = seen(&told, scopes, Looked::Roles).await;
        assert_eq!(found, status, "{at} {action}: {words}");
    }
}

/// What Azure's own roles let one do, and what they take out again.
const KEY_VAULT_CONTRIBUTOR: (&str, &[&str]) = (
    "Microsoft.Authorization/*/read Microsoft.Insights/alertRules/* Microsoft.KeyVault/* \
     Microsoft.ResourceHealth/availabilityStatuses/read Microsoft.Resources/deployments/* \
     Microsoft.Resources/subscriptions/resourceGroups/read Microsoft.Support/*",
    &[
        "Microsoft.KeyVault/locations/deletedVaults/purge/action",
        "Microsoft.KeyVault/hsmPools/*",
        "Microsoft.KeyVault/managedHsms/*",
    ],
);
const CONTRIBUTOR: (&str, &[&str]) = (
    "*",
    &[
        "Microsoft.Authorization/*/Delete",
        "Microsoft.Authorization/*/Write",
        "Microsoft.Authorization/elevateAccess/Action",
        "Microsoft.Blueprint/blueprintAssignments/write",
        "Microsoft.Blueprint/blueprintAssignments/delete",
        "Microsoft.Compute/galleries/share/action",
    ],
);

#[tokio::test]
async fn the_roles_that_the_page_names_are_not_wrong_and_the_built_in_ones_that_let_one_do_more_are() {
    let page = include_str!("../../../../docs/azure-operations.md");
    let group = "/subscriptions/s/resourceGroups/web";
    let vault = "/subscriptions/s/resourceGroups/web/providers/Microsoft.KeyVault/vaults/v";
    for (at, (actions, taken_out), status, worst) in [
        (
            vault,
            ("Microsoft.KeyVault/vaults/read Microsoft.KeyVault/vaults/write", &[][..]),
            Seen::Wide,
            "writes to vaults",
        ),
        (
            group,
            ("Microsoft.App/containerApps/read Microsoft.App/containerApps/delete", &[]),
            Seen::Well,
            "1 role assignments",
        ),
        (vault, KEY_VAULT_CONTRIBUTOR, Seen::Wrong, "Microsoft.KeyVault/vaults/accessPolicies/write"),
        (group, CONTRIBUTOR, Seen::Wrong, "is elevated"),
    ] {
        let told = Told { roles: Some(vec![(at, actions)]), taken_out, ..told() };
        let (found, words) = seen(&told, &[], Looked::Roles).await;
        assert_eq!(found, status, "{actions}: {words}");
        assert!(words.contains(worst), "{actions}: {words}");
        for action in actions.split(' ').filter(|_| status != Seen::Wrong) {
            assert!(page.contains(&format!("`{action}`")), "{action}");
        }
    }
}
