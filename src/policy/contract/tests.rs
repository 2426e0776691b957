//! What a contract grants and refuses, key by key, and which mistakes keep one out.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::policy::Verdict;

pub(super) const LIBRARIAN: &str = r#"
principal = "librarian"
roles = ["agent"]
run_as = "librarian"

[[allow]]
operations = ["zfs.list", "zfs.get", "zfs.snapshot", "zfs.rename", "zfs.clone"]
datasets = ["tank/media", "tank/repo"]

[[allow]]
operations = ["zfs.destroy"]
datasets = ["tank/media"]
recursive = false
max_objects = 10
max_bytes = "1G"
run_as_user = true
at_least = "review"

[[allow]]
operations = ["zfs.pool-status"]
pools = ["tank"]
"#;

const KEEPER: &str = r#"
principal = "keeper"
roles = ["agent", "metrics"]

[[allow]]
operations = ["zfs.destroy", "zfs.scrub"]
datasets = ["tank/vm"]
pools = ["backup"]
"#;

pub(super) fn contract(text: &str) -> Contract {
    Contract::parse("contracts/x.toml", text).unwrap()
}

pub(super) fn mistake(text: &str) -> String {
    Contract::parse("contracts/x.toml", text).unwrap_err().to_string()
}

pub(super) fn operation(op: &str, resource: &str, params: Value) -> Operation {
    Operation::from_value(json!({"kind": "zfs", "op": op, "resource": resource, "params": params})).unwrap()
}

pub(super) fn rule(contract: &Contract, operation: &Operation) -> &'static str {
    match contract.check(operation) {
        Ok(_) => "granted",
        Err(refusal) => refusal.rule,
    }
}

/// A contract with one entry of zfs.destroy and zfs.snapshot and this line in it.
pub(super) fn with_line(line: &str) -> Contract {
    contract(&format!(
        "principal = \"a\"\nroles = [\"agent\"]\nrun_as = \"a\"\n[[allow]]\n\
         operations = [\"zfs.destroy\", \"zfs.snapshot\"]\ndatasets = [\"tank\"]\n{line}\n"
    ))
}

#[test]
fn two_agents_may_do_what_their_own_contracts_say_and_nothing_of_the_other() {
    let (librarian, keeper) = (contract(LIBRARIAN), contract(KEEPER));
    let media = operation("destroy", "tank/media@old", json!({}));
    let vm = operation("destroy", "tank/vm/101@old", json!({}));
    let snapshot = operation("snapshot", "tank/media", json!({"name": "x"}));
    assert_eq!((rule(&librarian, &media), rule(&keeper, &media)), ("granted", "contract-resource"));
    assert_eq!((rule(&librarian, &vm), rule(&keeper, &vm)), ("contract-resource", "granted"));
    assert_eq!((rule(&librarian, &snapshot), rule(&keeper, &snapshot)), ("granted", "contract-operation"));
}

#[test]
fn a_contract_without_entries_grants_nothing() {
    let empty = contract("principal = \"a\"\nroles = [\"agent\"]\n");
    let refusal = empty.check(&operation("list", "tank", json!({}))).unwrap_err();
    assert_eq!(
        refusal,
        Refusal { rule: "contract-operation", reason: "the contract of a does not have zfs.list".to_owned() }
    );
    assert!(!empty.has("zfs.list"));
}

#[test]
fn a_resource_matches_by_whole_parts_only() {
    let librarian = contract(LIBRARIAN);
    for inside in ["tank/repo", "tank/repo/a", "tank/media/films@x"] {
        assert_eq!(rule(&librarian, &operation("get", inside, json!({}))), "granted", "{inside}");
    }
    for outside in ["tank/repo-evil", "tank", "tank/rep", "tank2/repo", "tank/repo-evil@x", "tank/media2#x"] {
        assert_eq!(rule(&librarian, &operation("get", outside, json!({}))), "contract-resource", "{outside}");
    }
}

#[test]
fn a_rename_or_clone_out_of_the_contract_is_refused() {
    let librarian = contract(LIBRARIAN);
    let rename = |to: &str| operation("rename", "tank/media/a", json!({"to": to}));
    assert_eq!(rule(&librarian, &rename("tank/repo/a")), "granted");
    assert_eq!(rule(&librarian, &rename("tank/vm/a")), "contract-resource");
    assert_eq!(rule(&librarian, &rename("tank/media-evil/a")), "contract-resource");
    let clone = |target: &str| operation("clone", "tank/media@x", json!({"target": target}));
    assert_eq!(rule(&librarian, &clone("tank/media/x")), "granted");
    assert_eq!(rule(&librarian, &clone("tank/x")), "contract-resource");
}

#[test]
fn a_pool_is_granted_by_name_and_not_by_its_datasets() {
    let (librarian, keeper) = (contract(LIBRARIAN), contract(KEEPER));
    assert_eq!(rule(&librarian, &operation("pool-status", "tank", json!({}))), "granted");
    assert_eq!(rule(&librarian, &operation("pool-status", "backup", json!({}))), "contract-resource");
    assert_eq!(rule(&keeper, &operation("scrub", "backup", json!({}))), "granted");
    assert_eq!(rule(&keeper, &operation("destroy", "backup/a", json!({}))), "contract-resource");
}

#[test]
fn roles_decide_whether_a_principal_may_ask_at_all() {
    let admin = contract(&LIBRARIAN.replace("[\"agent\"]", "[\"admin\"]"));
    let list = operation("list", "tank/media", json!({}));
    assert_eq!(rule(&admin, &list), "contract-role");
    assert!(!admin.has("zfs.list"));
    assert!(contract(LIBRARIAN).has("zfs.list"));
    assert_eq!(contract(KEEPER).roles(), &BTreeSet::from([Role::Agent, Role::Metrics]));
}

#[test]
fn recursion_can_be_taken_out_of_an_entry() {
    let recursive = operation("destroy", "tank/a", json!({"recursive": true}));
    let plain = operation("destroy", "tank/a", json!({}));
    assert_eq!(rule(&with_line(""), &recursive), "granted");
    assert_eq!(rule(&with_line("recursive = true"), &recursive), "granted");
    let bound = with_line("recursive = false");
    assert_eq!((rule(&bound, &recursive), rule(&bound, &plain)), ("contract-recursive", "granted"));
}

#[test]
fn bounds_on_objects_and_bytes_hold_for_the_planned_effects() {
    let destroy = operation("destroy", "tank/a", json!({}));
    let rule = |line: &str, objects: u64, bytes: Option<u64>| {
        let grant = with_line(line).check(&destroy).unwrap();
        grant.check_effects(objects, bytes).map_or_else(|refusal| refusal.rule, |()| "fine")
    };
    assert_eq!(rule("", u64::MAX, None), "fine");
    assert_eq!(rule("max_objects = 2", 2, None), "fine");
    assert_eq!(rule("max_objects = 2", 3, Some(0)), "contract-objects");
    assert_eq!(rule("max_bytes = \"1K\"", 9, Some(1024)), "fine");
    assert_eq!(rule("max_bytes = \"1K\"", 0, Some(1025)), "contract-bytes");
    assert_eq!(rule("max_bytes = \"1K\"", 0, None), "contract-bytes");
}

#[test]
fn what_would_change_outside_of_the_contract_is_seen_in_the_effects() {
    let grant =
        contract(LIBRARIAN).check(&operation("destroy", "tank/media/a", json!({"clones": true}))).unwrap();
    assert_eq!(grant.check_names(["tank/media/a", "tank/media/a@x"]), Ok(()));
    assert_eq!(
        grant.check_names(["tank/media/a", "tank/vm/clone"]),
        Err(Refusal {
            rule: "contract-effects",
            reason: "tank/vm/clone would change too, and lies outside of the contract".to_owned()
        })
    );
}

#[test]
fn an_entry_can_demand_a_review_and_the_principals_own_user() {
    let destroy = operation("destroy", "tank/a", json!({}));
    let plain = with_line("").check(&destroy).unwrap();
    assert_eq!((plain.at_least(), plain.run_as()), (Verdict::Allow, None));
    let reviewed = with_line("at_least = \"review\"\nrun_as_user = true").check(&destroy).unwrap();
    assert_eq!((reviewed.at_least(), reviewed.run_as()), (Verdict::Review, Some("a")));
    let as_root = with_line("at_least = \"allow\"\nrun_as_user = false").check(&destroy).unwrap();
    assert_eq!((as_root.at_least(), as_root.run_as()), (Verdict::Allow, None));
}

#[test]
fn of_several_entries_that_cover_an_operation_the_strictest_terms_hold() {
    let both = contract(
        "principal = \"a\"\nroles = [\"agent\"]\nrun_as = \"u\"\n\
         [[allow]]\noperations = [\"zfs.destroy\"]\ndatasets = [\"tank\"]\nat_least = \"review\"\nmax_objects = 9\n\
         [[allow]]\noperations = [\"zfs.destroy\"]\ndatasets = [\"tank/a\"]\nrun_as_user = true\nmax_objects = 3\n",
    );
    let inner = both.check(&operation("destroy", "tank/a", json!({}))).unwrap();
    assert_eq!(
        (inner.at_least(), inner.run_as(), inner.max_objects()),
        (Verdict::Review, Some("u"), Some(3))
    );
    let outer = both.check(&operation("destroy", "tank/b", json!({}))).unwrap();
    assert_eq!((outer.at_least(), outer.run_as(), outer.max_objects()), (Verdict::Review, None, Some(9)));
}

#[test]
fn a_misspelt_key_or_operation_keeps_the_contract_out_and_names_what_was_meant() {
    assert!(mistake(&LIBRARIAN.replace("recursive = false", "recursiv = false")).starts_with(
        "contracts/x.toml:13:1: unknown key `recursiv`; did you mean `recursive`?\n  13 | recursiv = false\n     | ^^^^^^^^\n     \
         = help: the keys here are operations, datasets, "
    ));
    assert!(mistake(&LIBRARIAN.replace("zfs.snapshot", "zfs.snapshots")).starts_with(
        "contracts/x.toml:7:38: there is no operation `zfs.snapshots`; did you mean `zfs.snapshot`?\n"
    ));
    assert!(mistake(&LIBRARIAN.replace("principal", "principle")).contains("did you mean `principal`?"));
    assert!(mistake(&LIBRARIAN.replace("\"review\"", "\"deny\"")).contains("unknown word `deny`"));
    assert!(mistake(&LIBRARIAN.replace("[\"agent\"]", "[\"agnet\"]")).contains("did you mean `agent`?"));
}

#[test]
fn names_and_sizes_that_are_none_keep_the_contract_out() {
    for (good, bad, problem) in [
        ("\"tank/media\", ", "\"tank/media/\", ", "`tank/media/` has an empty part"),
        ("\"tank/media\", ", "\"tank/*\", ", "ZFS names are"),
        ("\"1G\"", "\"1g\"", "`1g` is no size such as 512M, 10G or 2T"),
        ("\"1G\"", "\"+1G\"", "no size"),
        ("\"1G\"", "\"\"", "no size"),
        ("\"1G\"", "\"1GG\"", "no size"),
        ("\"1G\"", "\"99999999P\"", "no size"),
        ("run_as = \"librarian\"", "run_as = \"root\"", "other than root"),
        ("run_as = \"librarian\"", "run_as = \"-x\"", "names a Unix user"),
        ("principal = \"librarian\"", "principal = \"Librarian\"", "a principal's name is"),
        ("pools = [\"tank\"]", "pools = [\"tank/a\"]", "ZFS names are"),
    ] {
        let found = mistake(&LIBRARIAN.replace(good, bad));
        assert!(found.contains(problem), "{bad}: {found}");
        assert!(found.starts_with("contracts/x.toml:"), "{found}");
    }
}

#[test]
fn a_key_that_could_have_no_effect_keeps_the_contract_out() {
    let head = "principal = \"a\"\nroles = [\"agent\"]\n[[allow]]\n";
    for (entry, problem) in [
        ("operations = []\ndatasets = [\"tank\"]", "grants nothing"),
        ("operations = [\"zfs.list\"]", "no datasets"),
        ("operations = [\"zfs.scrub\"]\ndatasets = [\"tank\"]", "no pools"),
        ("operations = [\"zfs.scrub\"]\npools = [\"tank\"]\ndatasets = [\"tank\"]", "acts on datasets"),
        ("operations = [\"zfs.list\"]\npools = [\"tank\"]\ndatasets = [\"tank\"]", "acts on pools"),
        ("operations = [\"zfs.hold\"]\ndatasets = [\"tank\"]\nrecursive = false", "can be recursive"),
        ("operations = [\"zfs.list\"]\ndatasets = [\"tank\"]\nmax_objects = 5", "reads only"),
        ("operations = [\"zfs.list\"]\ndatasets = [\"tank\"]\nmax_bytes = \"5\"", "reads only"),
        (
            "operations = [\"zfs.hold\"]\ndatasets = [\"tank\"]\nrun_as_user = true",
            "needs the contract's run_as",
        ),
        ("operations = [\"systemd.stop\"]\ndatasets = [\"tank\"]", "no units"),
        ("operations = [\"systemd.stop\"]\nunits = [\"*.service\"]", "letters, digits"),
        ("operations = [\"pct.stop\"]", "no containers"),
        ("operations = [\"pct.stop\"]\ncontainers = [\"299-200\"]", "`299-200` runs from a smaller number"),
        ("operations = [\"pct.stop\"]\ncontainers = [\"tank\"]", "is no container number"),
    ] {
        let found = mistake(&format!("{head}{entry}\n"));
        assert!(found.contains(problem), "{entry}: {found}");
    }
}

#[test]
fn containers_are_granted_by_number_and_range_and_to_root_alone() {
    let text = "principal = \"a\"\nroles = [\"agent\"]\nrun_as = \"ann\"\n[[allow]]\noperations = [\"pct.list\", \"pct.clone\"]\n\
                containers = [\"101\", \"200-299\"]\n";
    let contract = contract(text);
    let pct = |op: &str, resource: &str, params: serde_json::Value| {
        Operation::from_value(json!({"kind": "pct", "op": op, "resource": resource, "params": params}))
            .unwrap()
    };
    for (op, resource, params, is_granted) in [
        ("list", "200-299", json!({}), true),
        ("list", "101-299", json!({}), false),
        ("clone", "101", json!({"to": "250"}), true),
        ("clone", "101", json!({"to": "300"}), false),
        ("clone", "102", json!({"to": "250"}), false),
    ] {
        assert_eq!(contract.check(&pct(op, resource, params)).is_ok(), is_granted, "{op} {resource}");
    }
    assert!(mistake(&format!("{text}run_as_user = true\n")).contains("containers are root's alone"));
}

fn write(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
}

fn load_error(directory: &Path) -> String {
    Contracts::load(directory).unwrap_err().to_string()
}

#[test]
fn a_directory_of_contracts_is_read_whole_and_every_change_shows_in_its_revision() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "librarian.toml", LIBRARIAN);
    write(directory.path(), "keeper.toml", KEEPER);
    write(directory.path(), "keeper.toml~", "what an editor left");
    let contracts = Contracts::load(directory.path()).unwrap();
    let names: Vec<_> = contracts.names().map(PrincipalName::as_str).collect();
    assert_eq!(names, ["keeper", "librarian"]);
    let keeper = PrincipalName::try_from("keeper".to_owned()).unwrap();
    let stranger = PrincipalName::try_from("stranger".to_owned()).unwrap();
    assert_eq!(contracts.get(&keeper), Some(&contract(KEEPER)));
    assert_eq!(contracts.get(&stranger), None);

    let again = Contracts::load(directory.path()).unwrap();
    assert_eq!(contracts.revision(), again.revision());
    write(directory.path(), "keeper.toml", &KEEPER.replace("tank/vm", "tank/vn"));
    assert_ne!(contracts.revision(), Contracts::load(directory.path()).unwrap().revision());
}

#[test]
fn a_contract_in_a_file_of_another_name_keeps_all_out() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "librarian.toml", LIBRARIAN);
    write(directory.path(), "lib.toml", LIBRARIAN);
    assert!(
        load_error(directory.path())
            .ends_with("lib.toml: is the contract of librarian: its name must be librarian.toml")
    );
}

#[test]
fn contracts_that_are_missing_or_that_others_may_write_are_not_read() {
    let directory = tempfile::tempdir().unwrap();
    assert!(load_error(&directory.path().join("absent")).ends_with("cannot be listed"));
    write(directory.path(), "librarian.toml", LIBRARIAN);
    let path = directory.path().join("librarian.toml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    assert!(load_error(directory.path()).contains("others may write it"));
}

#[test]
fn units_are_granted_by_name_or_by_their_template_and_run_as_root() {
    let head = "principal = \"a\"\nroles = [\"agent\"]\nrun_as = \"a\"\n[[allow]]\noperations = [\"systemd.stop\", \"systemd.list\"]\n";
    let contract =
        Contract::parse("x", &format!("{head}units = [\"web.service\", \"app@.service\"]\n")).unwrap();
    let asked = |op: &str, unit: &str| {
        let value = json!({"kind": "systemd", "op": op, "resource": unit});
        contract.check(&Operation::from_value(value).unwrap()).map_err(|refusal| refusal.rule)
    };
    for unit in ["web.service", "app@one.service"] {
        let grant = asked("stop", unit).unwrap();
        assert_eq!(grant.check_names(["web.service", "app@two.service"]), Ok(()));
        assert_eq!(grant.check_names(["db.service"]).unwrap_err().rule, "contract-effects");
    }
    for (op, unit) in [("stop", "web2.service"), ("stop", "app@one.socket"), ("list", "system")] {
        assert_eq!(asked(op, unit).unwrap_err(), "contract-resource", "{unit}");
    }
    let as_user = mistake(&format!("{head}units = [\"web.service\"]\nrun_as_user = true\n"));
    assert!(as_user.contains("not for units"), "{as_user}");
}

fn on_repositories(lines: &str) -> String {
    format!("principal = \"a\"\nroles = [\"agent\"]\n{lines}\n")
}

#[test]
fn git_runs_as_the_contracts_user_in_the_repositories_that_it_names() {
    let entry = "[[allow]]\noperations = [\"git.status\", \"git.reset\"]\nrepositories = [\"/srv/app\"]";
    let contract = contract(&on_repositories(&format!("run_as = \"a\"\n{entry}")));
    let status = |path: &str| {
        Operation::from_value(json!({"kind": "git", "op": "status", "resource": path, "params": {}})).unwrap()
    };
    assert_eq!(contract.check(&status("/srv/app")).unwrap().run_as(), Some("a"));
    assert_eq!(rule(&contract, &status("/srv/app/vendor/x")), "granted");
    for outside in ["/srv/app-evil", "/srv", "/srv/other"] {
        assert_eq!(rule(&contract, &status(outside)), "contract-resource", "{outside}");
    }
    let granted = contract.check(&status("/srv/app")).unwrap();
    assert!(granted.check_names(["/srv/app:main", "/srv/app:src/a b"]).is_ok());
    assert!(granted.check_names(["/srv/app-evil:main"]).is_err());
}

#[test]
fn git_as_root_or_beside_operations_that_run_as_root_is_a_mistake() {
    let git = "operations = [\"git.status\"]\nrepositories = [\"/srv/app\"]";
    let no_user = mistake(&on_repositories(&format!("[[allow]]\n{git}")));
    assert!(no_user.contains("git never runs as root"), "{no_user}");
    let as_root =
        mistake(&on_repositories(&format!("run_as = \"a\"\n[[allow]]\n{git}\nrun_as_user = false")));
    assert!(as_root.contains("always runs as the contract's user"), "{as_root}");
    let mixed =
        "operations = [\"git.status\", \"zfs.list\"]\nrepositories = [\"/srv/app\"]\ndatasets = [\"tank\"]";
    let mixed = mistake(&on_repositories(&format!("run_as = \"a\"\n[[allow]]\n{mixed}")));
    assert!(mixed.contains("have an entry of their own"), "{mixed}");
    let upwards = mistake(&on_repositories(
        "run_as = \"a\"\n[[allow]]\noperations = [\"git.status\"]\nrepositories = [\"/srv/../etc\"]",
    ));
    assert!(upwards.contains("`/srv/../etc`"), "{upwards}");
}
