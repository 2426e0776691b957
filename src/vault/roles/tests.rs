//! Roles that are what a host needs, and all the ways in which they are more.

use super::*;

const VAULT: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v";

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

fn role(name: &str, actions: &[&str], data: &[&str]) -> Role {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let permission =
        Permission { actions: owned(actions), data_actions: owned(data), ..Permission::default() };
    Role { name: name.to_owned(), is_custom: false, permissions: vec![permission] }
}

fn secrets_user() -> Role {
    role(
        "Key Vault Secrets User",
        &[],
        &[READS_SECRETS, "Microsoft.KeyVault/vaults/secrets/readMetadata/action"],
    )
}

fn allowed() -> Allowed {
    Allowed {
        secrets: vec![scope(VAULT).secret("reeve-tls")],
        vaults: vec![scope(VAULT)],
        elsewhere: vec![scope("/subscriptions/s/resourceGroups/apps")],
        acts: false,
    }
}

fn judged(role: Role, at: &str) -> Judged {
    judge(&[Assignment { scope: scope(at), role }], &allowed())
}

fn wrong(role: Role, at: &str) -> String {
    judged(role, at).wrong.join("; ")
}

#[test]
fn what_enrolment_gives_a_host_is_what_it_needs() {
    let secret = format!("{VAULT}/secrets/reeve-tls");
    let sees = role("Reeve sees its own roles", &SEES_ROLES, &[]);
    let all = [
        Assignment { scope: scope(&secret), role: secrets_user() },
        Assignment { scope: scope("/subscriptions/s"), role: Role { is_custom: true, ..sees } },
    ];
    let judged = judge(&all, &allowed());
    assert_eq!((judged.wrong, judged.wide), (Vec::new(), Vec::new()));
    assert_eq!(judged.counted, "2 role assignments, 1 of custom roles, 0 with a wildcard");
}

#[test]
fn elevated_roles_are_found_whatever_they_are_called_and_wherever_they_stand() {
    let secret = format!("{VAULT}/secrets/reeve-tls");
    for (name, actions, data) in [
        ("Owner", vec!["*"], vec![]),
        ("Harmless", vec!["Microsoft.Authorization/*"], vec![]),
        ("harmless too", vec!["microsoft.authorization/roleassignments/WRITE"], vec![]),
        ("any write", vec!["*/write"], vec![]),
        ("Officer", vec![], vec!["Microsoft.KeyVault/vaults/secrets/*"]),
        ("Administrator", vec![], vec!["Microsoft.KeyVault/vaults/*"]),
        ("runs commands", vec!["Microsoft.Compute/virtualMachines/runCommand/action"], vec![]),
    ] {
        let wrong = wrong(role(name, &actions, &data), &secret);
        assert!(wrong.starts_with(&format!("{name} at ")) && wrong.contains("is elevated"), "{wrong}");
    }
    let mut contributor = role("Contributor", &["*"], &[]);
    contributor.permissions[0].not_actions =
        ["Microsoft.Authorization/*/Write", "Microsoft.Authorization/elevateAccess/Action"]
            .map(str::to_owned)
            .into();
    assert!(
        wrong(contributor, &secret).contains("is elevated: Microsoft.KeyVault"),
        "what is taken out again is not counted"
    );
}

#[test]
fn what_takes_over_a_vault_an_identity_or_a_machine_is_elevated_at_the_vault_and_elsewhere() {
    let apps = "/subscriptions/s/resourceGroups/apps";
    for (actions, data) in [
        (vec!["Microsoft.KeyVault/vaults/secrets/write"], vec![]),
        (vec!["Microsoft.KeyVault/vaults/secrets/*"], vec![]),
        (vec!["Microsoft.Compute/virtualMachines/runCommands/write"], vec![]),
        (vec!["Microsoft.Compute/virtualMachineScaleSets/extensions/write"], vec![]),
        (vec!["Microsoft.HybridCompute/machines/extensions/write"], vec![]),
        (vec!["Microsoft.HybridCompute/machines/runCommands/write"], vec![]),
        (vec!["Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write"], vec![]),
        (vec!["Microsoft.Authorization/roleAssignmentScheduleRequests/write"], vec![]),
        (vec![], vec!["Microsoft.KeyVault/vaults/keys/unwrap/action"]),
        (vec![], vec!["Microsoft.KeyVault/vaults/secrets/restore/action"]),
        (vec![], vec!["Microsoft.KeyVault/vaults/secrets/recover/action"]),
        (vec![], vec!["Microsoft.KeyVault/vaults/certificates/import/action"]),
    ] {
        for at in [VAULT, apps] {
            let wrong = wrong(role("Deploys secrets", &actions, &data), at);
            assert!(wrong.contains("is elevated: Microsoft."), "{actions:?} {data:?} at {at}: {wrong}");
        }
    }
}

#[test]
fn at_a_vault_only_what_is_known_to_be_harmless_passes() {
    let secret = format!("{VAULT}/secrets/reeve-tls");
    for at in [VAULT, secret.as_str()] {
        for (actions, data) in [
            // Of what Azure makes tomorrow, nobody has a list.
            (vec!["Microsoft.KeyVault/vaults/invented/action"], vec![]),
            (vec!["Microsoft.KeyVault/vaults/deploy/action"], vec![]),
            (vec!["Microsoft.KeyVault/vaults/*"], vec![]),
            (vec!["Microsoft.KeyVault/vaults/read*"], vec![]),
            (vec![], vec!["Microsoft.KeyVault/vaults/secrets/invented/action"]),
            (vec![], vec!["Microsoft.KeyVault/vaults/secrets/get*"]),
            (vec![], vec!["Microsoft.KeyVault/vaults/keys/encrypt/action"]),
        ] {
            let wrong = wrong(role("Harmless", &actions, &data), at);
            assert!(wrong.contains("is elevated"), "{actions:?} {data:?} at {at}: {wrong}");
        }
        for (actions, data) in [
            (vec!["*/read"], vec![]),
            (vec!["Microsoft.KeyVault/vaults/secrets/read"], vec!["Microsoft.KeyVault/vaults/*/read"]),
            (vec![], vec![READS_SECRETS, "microsoft.keyvault/vaults/secrets/READMETADATA/action"]),
        ] {
            assert_eq!(wrong(role("Reads", &actions, &data), at), "", "{actions:?} {data:?} at {at}");
        }
    }
    // What is taken out again is not let; of a pattern, nobody says that all of it is.
    let mut role = role("Harmless", &["Microsoft.KeyVault/vaults/deploy/action"], &[]);
    role.permissions[0].not_actions = vec!["Microsoft.KeyVault/vaults/*/action".to_owned()];
    assert_eq!(wrong(role.clone(), VAULT), "");
    role.permissions[0].actions = vec!["Microsoft.KeyVault/vaults/*".to_owned()];
    assert!(wrong(role, VAULT).contains("is elevated"));
}

#[test]
fn a_role_is_within_what_it_is_for_by_whole_parts_of_the_place() {
    for at in [
        "/",
        "/subscriptions/s",
        "/subscriptions/s/resourceGroups/g",
        "/subscriptions/s/resourceGroups/apps2",
    ] {
        assert!(wrong(secrets_user(), at).contains("reaches further"), "{at}");
        assert!(wrong(role("Reader", &["*/read"], &[]), at).contains("reaches further"), "{at}");
    }
    assert!(wrong(secrets_user(), &format!("{VAULT}2")).contains("reaches further"));
    assert!(wrong(secrets_user(), &format!("{VAULT}/secrets/reeve-tls2")).contains("no configuration names"));
    let apps = "/subscriptions/s/resourceGroups/APPS/providers/Microsoft.App/containerApps/a";
    assert_eq!(wrong(role("Reader", &["*/read"], &[]), apps), "");
}

#[test]
fn a_role_for_a_whole_vault_is_wide_and_custom_and_wildcard_roles_are_counted() {
    let judged = judged(secrets_user(), VAULT);
    assert_eq!(judged.wrong, Vec::<String>::new());
    assert!(judged.wide[0].ends_with("reads every secret of the vault"), "{:?}", judged.wide);
    let reader = Role { is_custom: true, ..role("Reads", &["*/read"], &[]) };
    assert_eq!(
        judge(&[Assignment { scope: scope(VAULT), role: reader }], &allowed()).counted,
        "1 role assignments, 1 of custom roles, 1 with a wildcard"
    );
}

#[test]
fn a_pattern_stands_for_what_azure_has_it_stand_for() {
    for (pattern, text, is) in [
        ("*", "anything", true),
        ("a/b", "a/b", true),
        ("a/b", "a/bc", false),
        ("a/*", "a/b/c", true),
        ("a/*/write", "a/b/c/write", true),
        ("a/*/write", "a/write", false),
        ("*/write", "a/write/x", false),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c-b", false),
        ("a*a", "a", false),
    ] {
        assert_eq!(matches(pattern, text), is, "{pattern} {text}");
    }
}
