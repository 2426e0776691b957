//! Contracts of roles: who gets them, and that of several contracts the stricter holds.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use super::tests::{mistake, operation, rule};
use super::*;
use crate::policy::Verdict;

const BUILDERS: &str = r#"
role = "builders"
members = ["builder-1", "builder-2"]
roles = ["agent", "metrics"]

[[allow]]
operations = ["zfs.snapshot", "zfs.destroy"]
datasets = ["tank/build"]
max_objects = 5
"#;

const OWN: &str = r#"
principal = "builder-2"
roles = ["agent", "admin"]
run_as = "two"

[[allow]]
operations = ["zfs.destroy", "zfs.get"]
datasets = ["tank"]
max_objects = 9
at_least = "review"
run_as_user = true
"#;

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    directory
}

fn loaded(files: &[(&str, &str)]) -> Contracts {
    Contracts::load(directory(files).path()).unwrap()
}

fn problem(directory: &Path) -> String {
    Contracts::load(directory).unwrap_err().to_string()
}

fn of<'a>(contracts: &'a Contracts, name: &str) -> &'a Contract {
    contracts.get(&PrincipalName::try_from(name.to_owned()).unwrap()).unwrap()
}

#[test]
fn a_principal_without_a_contract_of_its_own_has_that_of_its_role() {
    let contracts = loaded(&[("builders.role.toml", BUILDERS)]);
    let names: Vec<_> = contracts.names().map(PrincipalName::as_str).collect();
    assert_eq!(names, ["builder-1", "builder-2"], "the role itself is nobody");
    let one = of(&contracts, "builder-1");
    assert_eq!(rule(one, &operation("snapshot", "tank/build/x", json!({"name": "a"}))), "granted");
    assert_eq!(rule(one, &operation("snapshot", "tank/vm", json!({"name": "a"}))), "contract-resource");
    assert_eq!(one.roles(), &BTreeSet::from([Role::Agent, Role::Metrics]));
    assert_eq!(one.named_roles(), ["builders"]);
    assert_eq!(one.digest(), &Digest::of_bytes(BUILDERS.as_bytes()));
}

#[test]
fn of_a_principals_own_contract_and_its_roles_the_stricter_holds() {
    let contracts = loaded(&[("builders.role.toml", BUILDERS), ("builder-2.toml", OWN)]);
    let two = of(&contracts, "builder-2");
    let build = operation("destroy", "tank/build/x", json!({}));
    let grant = two.check(&build).unwrap();
    assert_eq!(
        (grant.max_objects(), grant.at_least(), grant.run_as()),
        (Some(5), Verdict::Review, Some("two"))
    );
    // What only one of them has, and where only one of them reaches.
    assert_eq!(rule(two, &operation("snapshot", "tank/build", json!({"name": "a"}))), "contract-operation");
    assert_eq!(rule(two, &operation("get", "tank/build", json!({}))), "contract-operation");
    assert_eq!(rule(two, &operation("destroy", "tank/vm", json!({}))), "contract-resource");
    assert_eq!((two.has("zfs.destroy"), two.has("zfs.get"), two.has("zfs.snapshot")), (true, false, false));
    assert_eq!((two.entries("zfs.destroy").len(), two.entries("zfs.get").len()), (2, 0));
    assert_eq!(grant.check_names(["tank/build/x@a"]), Ok(()));
    assert_eq!(grant.check_names(["tank/vm/clone"]).unwrap_err().rule, "contract-effects");
    assert_eq!(two.roles(), &BTreeSet::from([Role::Agent]), "only what both give");
    assert_eq!(of(&contracts, "builder-1").check(&build).unwrap().run_as(), None);
    let both = Digest::of(&json!([Digest::of_bytes(OWN.as_bytes()), Digest::of_bytes(BUILDERS.as_bytes())]));
    assert_eq!(two.digest(), &both);
}

#[test]
fn what_two_contracts_would_run_as_two_users_is_run_as_neither() {
    let role = BUILDERS.replace("max_objects = 5", "run_as = \"build\"");
    let contracts = loaded(&[("builders.role.toml", &role), ("builder-2.toml", OWN)]);
    let build = operation("destroy", "tank/build/x", json!({}));
    assert_eq!(of(&contracts, "builder-1").check(&build).unwrap().run_as(), Some("build"));
    let refusal = of(&contracts, "builder-2").check(&build).unwrap_err();
    assert_eq!(
        refusal,
        Refusal {
            rule: "contract-run-as",
            reason: "the contract of builder-2 has this as build and as two".to_owned()
        }
    );
}

#[test]
fn a_contract_of_a_role_that_cannot_be_one_keeps_all_out() {
    for (from, to, found) in [
        ("members = [\"builder-1\", \"builder-2\"]", "", "the role has no members"),
        ("\"builder-2\"", "\"Builder\"", "a principal's name is"),
        ("role = \"builders\"", "role = \"admin\"", "not agent, admin or metrics"),
        ("role = \"builders\"", "principal = \"builders\"", "members belong to the contract of a role"),
        ("role = \"builders\"", "role = \"builders\"\nprincipal = \"x\"", "of a principal or of a role"),
        ("role = \"builders\"", "", "missing key `principal`, or `role`"),
        ("members", "member", "unknown key `member`; did you mean `members`?"),
        ("max_objects = 5", "run_as_user = true", "needs the contract's run_as"),
        ("max_objects = 5", "run_as = \"root\"", "other than root"),
    ] {
        let said = mistake(&BUILDERS.replace(from, to));
        assert!(said.contains(found), "{to}: {said}");
    }
    assert!(mistake(BUILDERS).contains("is the contract of the role builders, of no principal"));
    let misnamed = directory(&[("builders.toml", BUILDERS)]);
    assert!(problem(misnamed.path()).ends_with("its name must be builders.role.toml"));
}

#[test]
fn every_change_of_a_roles_contract_shows_in_the_revision_of_all() {
    let before = loaded(&[("builders.role.toml", BUILDERS), ("builder-2.toml", OWN)]);
    let role = BUILDERS.replace("tank/build", "tank/builds");
    let after = loaded(&[("builders.role.toml", &role), ("builder-2.toml", OWN)]);
    assert_ne!(before.revision(), after.revision());
    assert_ne!(of(&before, "builder-2").digest(), of(&after, "builder-2").digest());
}
