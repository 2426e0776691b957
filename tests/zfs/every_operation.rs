//! Every operation from plan to verification, with nothing but the tools.

use reeve::adapter::{self, Adapter, Argv, FailureReason, Happened, Host};
use reeve::operation::Operation;
use serde_json::{Value, json};

use crate::tools::Tools;

fn operation(op: &str, resource: &str, params: Value) -> Operation {
    Operation::from_value(json!({"kind": "zfs", "op": op, "resource": resource, "params": params})).unwrap()
}

/// Plans, runs and verifies; the operation that takes it back, when there is one.
fn through(tools: &Tools, op: &str, resource: &str, params: Value) -> Option<Operation> {
    run(tools, &operation(op, resource, params))
}

fn run(tools: &Tools, op: &Operation) -> Option<Operation> {
    let plan =
        adapter::of(op).plan(tools).unwrap_or_else(|refusal| panic!("{}: {refusal:?}", op.command_line()));
    assert!(!plan.settled, "{}", op.command_line());
    let before = adapter::of(op).reconcile(&plan, tools);
    assert_ne!(before.happened, Happened::Wholly, "{} before: {before:?}", op.command_line());
    tools.act(&plan);
    for look in [<dyn Adapter>::verify, <dyn Adapter>::reconcile] {
        let after = look(adapter::of(op), &plan, tools);
        assert!(after.verified, "{} after: {after:?}", op.command_line());
    }
    plan.undo.map(|offer| offer.operation)
}

/// Does it, and takes it back.
fn there_and_back(tools: &Tools, op: &str, resource: &str, params: Value) {
    let undo = through(tools, op, resource, params).unwrap_or_else(|| panic!("{op} offers no undo"));
    run(tools, &undo);
}

fn rule(tools: &Tools, op: &str, resource: &str, params: Value) -> &'static str {
    adapter::of(&operation(op, resource, params)).plan(tools).unwrap_err().rule.as_str()
}

#[test]
fn changes_happen_and_are_taken_back() {
    let tools = Tools::new();
    tools.must("zfs create tank/ch");
    tools.must("zfs create tank/ch/kid");
    tools.must("zfs snapshot -r tank/ch@s");
    there_and_back(&tools, "snapshot", "tank/ch", json!({"name": "n"}));
    there_and_back(&tools, "snapshot", "tank/ch", json!({"name": "n", "recursive": true}));
    there_and_back(
        &tools,
        "create",
        "tank/ch/new",
        json!({"properties": {"quota": "10M", "compression": "zstd", "com.x:y": "1"}}),
    );
    there_and_back(&tools, "create", "tank/ch/vol", json!({"size": 16_777_216}));
    there_and_back(
        &tools,
        "clone",
        "tank/ch@s",
        json!({"target": "tank/ch-clone", "properties": {"readonly": "on"}}),
    );
    there_and_back(&tools, "rename", "tank/ch", json!({"to": "tank/ch-moved"}));
    there_and_back(&tools, "rename", "tank/ch@s", json!({"to": "t"}));
    there_and_back(&tools, "hold", "tank/ch@s", json!({"tag": "keep"}));
    there_and_back(&tools, "bookmark", "tank/ch@s", json!({"name": "m"}));
    through(&tools, "destroy", "tank/ch", json!({"recursive": true}));
}

#[test]
fn every_property_that_reeve_sets_reads_back_as_it_was_set() {
    let tools = Tools::new();
    tools.must("zfs create tank/pr");
    tools.must("zfs create -V 16M tank/prvol");
    for (property, value) in [
        ("atime", "off"),
        ("canmount", "noauto"),
        ("compression", "zstd"),
        ("compression", "zstd-fast"),
        ("copies", "2"),
        ("devices", "off"),
        ("exec", "off"),
        ("filesystem_limit", "5"),
        ("filesystem_limit", "none"),
        ("logbias", "throughput"),
        ("primarycache", "metadata"),
        ("quota", "100M"),
        ("quota", "none"),
        ("readonly", "on"),
        ("readonly", "off"),
        ("recordsize", "64K"),
        ("refquota", "50M"),
        ("refreservation", "1M"),
        ("relatime", "off"),
        ("reservation", "2M"),
        ("secondarycache", "none"),
        ("setuid", "off"),
        ("snapdir", "visible"),
        ("snapshot_limit", "10"),
        ("sync", "always"),
        ("xattr", "dir"),
        ("xattr", "sa"),
        ("com.example:owner", "librarian"),
    ] {
        through(&tools, "set", "tank/pr", json!({"property": property, "value": value}));
        let again = operation("set", "tank/pr", json!({"property": property, "value": value}));
        assert!(adapter::of(&again).plan(&tools).unwrap().settled, "{property}={value} is not seen as set");
    }
    through(&tools, "set", "tank/prvol", json!({"property": "volsize", "value": "32M"}));
    through(&tools, "destroy", "tank/pr", json!({}));
    through(&tools, "destroy", "tank/prvol", json!({}));
}

#[test]
fn a_tree_with_clones_inside_is_destroyed_by_name() {
    let tools = Tools::new();
    for command in [
        "zfs create tank/tr",
        "zfs create tank/tr/b",
        "zfs snapshot -r tank/tr@s1",
        "zfs snapshot -r tank/tr@s2",
        "zfs bookmark tank/tr@s1 tank/tr#m",
        "zfs clone tank/tr/b@s1 tank/tr/a",
        "zfs clone tank/tr@s1 tank/tr-out",
        "zfs create tank/tr-out/kid",
    ] {
        tools.must(command);
    }
    tools.write("tank/tr", "f");
    assert_eq!(rule(&tools, "destroy", "tank/tr", json!({})), "zfs-children");
    assert_eq!(rule(&tools, "destroy", "tank/tr", json!({"recursive": true})), "zfs-clones");
    assert_eq!(rule(&tools, "destroy", "tank/tr@s1", json!({})), "zfs-clones");
    tools.must("zfs hold keep tank/tr/b@s2");
    assert_eq!(rule(&tools, "destroy", "tank/tr", json!({"recursive": true, "clones": true})), "zfs-hold");
    tools.must("zfs release keep tank/tr/b@s2");
    through(&tools, "destroy", "tank/tr@s2", json!({"recursive": true}));
    through(&tools, "destroy", "tank/tr#m", json!({}));
    through(&tools, "destroy", "tank/tr", json!({"recursive": true, "clones": true}));
    assert_eq!(rule(&tools, "destroy", "tank/tr-out", json!({})), "zfs-not-found");
}

#[test]
fn quarantine_is_undone_whole_or_purged() {
    let tools = Tools::new();
    tools.must("zfs create tank/qu");
    tools.must("zfs create tank/qu/kid");
    tools.must("zfs snapshot tank/qu@s");
    tools.must("zfs hold keep tank/qu@s");
    let mounted = || tools.line("zfs list -Hp -r -o name,mounted,mountpoint tank/qu", true).stdout;
    let before = mounted();
    there_and_back(&tools, "destroy", "tank/qu", json!({"quarantine": true}));
    assert_eq!(String::from_utf8_lossy(&mounted()), String::from_utf8_lossy(&before));
    tools.must("zfs release keep tank/qu@s");
    let undo = through(&tools, "destroy", "tank/qu", json!({"quarantine": true})).unwrap();
    through(&tools, "purge", &undo.resource(), json!({}));
    tools.must("zfs destroy tank/reeve-quarantine");
}

#[test]
fn rollback_loses_what_was_shown_and_nothing_else() {
    let tools = Tools::new();
    tools.must("zfs create tank/ro");
    tools.must("zfs snapshot tank/ro@old");
    tools.write("tank/ro", "f");
    tools.must("zfs snapshot tank/ro@new");
    tools.must("zfs bookmark tank/ro@new tank/ro#new");
    tools.write("tank/ro", "g");
    through(&tools, "rollback", "tank/ro@new", json!({}));
    assert_eq!(rule(&tools, "rollback", "tank/ro@old", json!({})), "zfs-newer");
    let shown = adapter::of(&operation("rollback", "tank/ro@old", json!({"destroy_newer": true})))
        .plan(&tools)
        .unwrap();
    assert!(shown.effects.bytes_freed > Some(150_000), "{:?}", shown.effects);
    through(&tools, "rollback", "tank/ro@old", json!({"destroy_newer": true}));
    through(&tools, "destroy", "tank/ro", json!({"recursive": true}));
}

#[test]
fn a_scrub_is_started_and_seen() {
    let tools = Tools::new();
    through(&tools, "scrub", "tank", json!({}));
    tools.must("zpool wait tank");
    through(&tools, "scrub", "tank", json!({}));
    tools.must("zpool wait tank");
}

#[test]
fn reads_are_answered_without_privilege() {
    let tools = Tools::new();
    tools.must("zfs create tank/re");
    tools.must("zfs snapshot tank/re@s");
    tools.write("tank/re", "report");
    let read =
        |op, resource, params| adapter::of(&operation(op, resource, params)).read(&tools).unwrap().result;
    let listed = read("list", "tank/re", json!({"types": ["filesystem", "snapshot"]}));
    assert_eq!(listed["items"][0]["name"], json!("tank/re"));
    assert_eq!(listed["items"][1]["type"], json!("snapshot"));
    let guid = read("get", "tank/re@s", json!({"properties": ["guid"]}));
    assert_eq!(guid["properties"]["guid"]["value"], listed["items"][1]["guid"]);
    assert_eq!(
        read("get", "tank/re", json!({}))["properties"]["quota"],
        json!({"value": "0", "source": "default"})
    );
    assert_eq!(read("pool-status", "tank", json!({}))["state"], json!("ONLINE"));
    let diff = operation("diff", "tank/re@s", json!({}));
    let printed = tools.act(&adapter::of(&diff).plan(&tools).unwrap());
    let changes = adapter::of(&diff).interpret(&printed).unwrap();
    assert!(changes.to_string().contains("/tank/re/report"), "{changes}");
    through(&tools, "destroy", "tank/re", json!({"recursive": true}));
}

#[test]
fn why_a_step_fails_is_understood_from_the_tools_own_words() {
    let tools = Tools::new();
    for command in [
        "zfs create tank/ex",
        "zfs snapshot tank/ex@s",
        "zfs hold keep tank/ex@s",
        "zfs snapshot tank/ex@t",
        "zfs bookmark tank/ex@s tank/ex#m",
    ] {
        tools.must(command);
    }
    use FailureReason as F;
    for (line, as_root, reason) in [
        ("zfs create tank/ex", true, F::Exists),
        ("zfs create tank/no/x", true, F::NotFound),
        ("zfs create nopool/x", true, F::PoolUnavailable),
        ("zfs snapshot tank/ex@s", true, F::Exists),
        ("zfs destroy tank/ex", true, F::HasChildren),
        ("zfs destroy tank/ex@s", true, F::Held),
        ("zfs destroy tank/ex@none", true, F::NotFound),
        ("zfs destroy tank/ex#none", true, F::NotFound),
        ("zfs hold keep tank/ex@s", true, F::HoldExists),
        ("zfs release none tank/ex@s", true, F::NoSuchHold),
        ("zfs rollback tank/ex@s", true, F::NewerExist),
        ("zfs bookmark tank/ex@s tank/ex#m", true, F::Exists),
        ("zfs set quota=1K tank/ex", true, F::NoSpace),
        ("zfs set recordsize=1000 tank/ex", true, F::InvalidProperty),
        ("zpool scrub nopool", true, F::PoolUnavailable),
        ("zpool scrub -s tank", true, F::NoScrub),
        ("zfs mount tank/ex", true, F::Exists),
        ("zfs snapshot tank/ex@u", false, F::PermissionDenied),
        ("zfs destroy tank/ex@t", false, F::PermissionDenied),
        ("zfs create tank/ex/u", false, F::PermissionDenied),
        ("zfs hold keep tank/ex@t", false, F::PermissionDenied),
        ("zfs diff -FHt tank/ex@s", false, F::PermissionDenied),
        ("zpool scrub tank", false, F::PermissionDenied),
    ] {
        let output = tools.line(line, as_root);
        assert!(!output.status.success(), "{line}");
        let op = operation("destroy", "tank/ex", json!({}));
        let explained = adapter::of(&op).explain(output.status.code().unwrap(), &output.stderr);
        assert_eq!(explained, reason, "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    tools.must("zfs release keep tank/ex@s");
    through(&tools, "destroy", "tank/ex", json!({"recursive": true}));
}

#[test]
fn json_integers_cut_guids_off_which_is_why_plans_do_not_go_by_them() {
    let tools = Tools::new();
    // Half of all guids are too large; sixteen datasets without one would be a wonder.
    let names: Vec<String> = (0..16).map(|number| format!("tank/gu{number}")).collect();
    for name in &names {
        tools.must(&format!("zfs create {name}"));
    }
    let read = |args: &[&str]| tools.read(&Argv::zfs(args.iter().copied())).unwrap().stdout;
    let value: Value =
        serde_json::from_slice(&read(&["list", "-j", "--json-int", "-p", "-o", "name,guid", "-r", "tank"]))
            .unwrap();
    let cut_off =
        |name: &&String| value["datasets"][name.as_str()]["properties"]["guid"]["value"] == json!(i64::MAX);
    let wrong = names.iter().filter(cut_off).count();
    for name in &names {
        tools.must(&format!("zfs destroy {name}"));
    }
    assert!(wrong > 0, "OpenZFS has mended its JSON: plans could read it");
}
