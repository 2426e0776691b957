//! `reeve policy` from outside: cases and their report, explanations, and the policies that are shipped as examples.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::host::{Ran, reeve};

/// A copy of a directory that nobody else can write, as it would stand in `/etc`.
fn copied(from: &Path) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().canonicalize().unwrap().join("policy");
    copy(from, &to);
    (directory, to)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o755)).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
            continue;
        }
        std::fs::write(&target, std::fs::read(entry.path()).unwrap()).unwrap();
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
}

fn shipped(name: &str) -> (tempfile::TempDir, PathBuf) {
    copied(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/policy").join(name))
}

fn policy(command: &str, directory: &Path, more: &[&str]) -> Ran {
    let mut args = vec!["policy", command, directory.to_str().unwrap()];
    args.extend(more);
    reeve(&args, &[])
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn every_policy_that_is_shipped_as_an_example_passes_its_cases_and_has_nothing_untried() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/policy");
    let mut count = 0;
    for entry in std::fs::read_dir(examples).unwrap() {
        let (_kept, at) = copied(&entry.unwrap().path());
        let tested = policy("test", &at, &[]);
        assert_eq!(tested.exit, 0, "{tested:?}");
        assert!(!tested.out.contains('✗') && tested.out.contains("come out as they should"), "{tested:?}");
        let checked = policy("check", &at.join("policy.star"), &["--strict"]);
        assert_eq!(checked.exit, 0, "{checked:?}");
        count += 1;
    }
    assert_eq!(count, 3);
}

#[test]
fn a_case_that_does_not_come_out_is_named_with_its_place_and_all_that_is_wrong() {
    let (_kept, at) = shipped("zfs-host");
    edit(&at.join("cases/destroying.toml"), "approvals = 2", "approvals = 3\nrule = \"another\"");
    let tested = policy("test", &at, &[]);
    assert_eq!(tested.exit, 1, "{tested:?}");
    assert!(tested.out.contains("✗ books need two people"), "{tested:?}");
    assert!(
        tested.out.contains("destroying.toml:11: expects approvals 3, and what came out is 2"),
        "{tested:?}"
    );
    assert!(tested.out.contains("expects the rule another, and what came out is"), "{tested:?}");
    assert!(tested.out.ends_with("9 of 10 come out as they should\n"), "{tested:?}");
    let json = policy("test", &at, &["--json"]).json();
    assert_eq!(json["ok"].as_bool(), Some(false));
    assert_eq!(json["cases"].as_array().unwrap().iter().filter(|case| case["ok"] == false).count(), 1);
}

#[test]
fn a_case_says_of_which_groups_people_decide_how_long_it_is_held_and_when_it_runs() {
    let (_kept, at) = shipped("zfs-host");
    for below in ["cases", "contracts"] {
        std::fs::remove_dir_all(at.join(below)).unwrap();
    }
    let star = r#"
def evaluate(tool, args, context):
    return review("both", groups = {"owners": 1, "storage": 2}, hold = "10m", window = "02:00-04:00")

example("zfs.snapshot", expect = "review")
"#;
    let case = r#"[[case]]
name = "both, and at night"
as = "keeper"
operation = "zfs.snapshot"
resource = "tank/vm"
params = { name = "x" }
expect = "review"
approvals = 3
groups = { owners = 1, storage = 2 }
hold = "10m"
window = "02:00-04:00"
"#;
    std::fs::write(at.join("policy.star"), star).unwrap();
    std::fs::write(at.join("cases.toml"), case).unwrap();
    let tested = policy("test", &at, &[]);
    assert!(tested.exit == 0 && tested.out.contains("✓ both, and at night"), "{tested:?}");
    // A contract that asks for more people takes neither groups nor times away.
    std::fs::create_dir(at.join("contracts")).unwrap();
    let contract = "principal = \"keeper\"\nroles = [\"agent\"]\n\n[[allow]]\noperations = [\"zfs.snapshot\"]\n\
                    datasets = [\"tank\"]\napprovals = 4\n";
    std::fs::write(at.join("contracts/keeper.toml"), contract).unwrap();
    edit(&at.join("cases.toml"), "approvals = 3", "approvals = 4");
    let tested = policy("test", &at, &[]);
    assert_eq!(tested.exit, 0, "{tested:?}");
    edit(
        &at.join("cases.toml"),
        "groups = { owners = 1, storage = 2 }",
        "group = \"owners\"\ngroups = { owners = 1 }",
    );
    edit(&at.join("cases.toml"), "10m", "5m");
    edit(&at.join("cases.toml"), "02:00", "03:00");
    let tested = policy("test", &at, &[]);
    assert_eq!(tested.exit, 1, "{tested:?}");
    for wrong in [
        "expects the group owners, and what came out is owners and storage",
        "expects the groups 1 of owners, and what came out is 1 of owners, 2 of storage",
        "expects hold 5m, and what came out is 10m",
        "expects window 03:00-04:00, and what came out is 02:00-04:00",
    ] {
        assert!(tested.out.contains(wrong), "{wrong}: {tested:?}");
    }
}

#[test]
fn the_report_is_junit_whatever_a_case_is_called() {
    let (_kept, at) = shipped("proxmox");
    edit(&at.join("cases/containers.toml"), "and not on a Friday", "<not> & \\\"never\\\" on a Friday");
    edit(&at.join("cases/containers.toml"), "expect = \"deny\"\n\n", "expect = \"allow\"\n\n");
    let report = at.join("report.xml");
    let tested = policy("test", &at, &["--junit", report.to_str().unwrap()]);
    assert_eq!(tested.exit, 1, "{tested:?}");
    let xml = std::fs::read_to_string(report).unwrap();
    assert!(
        xml.starts_with(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"6\" failures=\"1\">"
        ),
        "{xml}"
    );
    assert!(xml.contains("name=\"&lt;not&gt; &amp; &quot;never&quot; on a Friday\""), "{xml}");
    assert!(xml.contains("<failure>expects allow, and what came out is deny by production-rests"), "{xml}");
    assert_eq!(xml.matches("<testcase ").count(), 6);
}

#[test]
fn without_contracts_the_policy_alone_is_tested() {
    let (_kept, at) = shipped("proxmox");
    std::fs::remove_dir_all(at.join("contracts")).unwrap();
    let tested = policy("test", &at, &[]);
    assert!(tested.exit == 1 && tested.out.contains("✗ what the contract does not have"), "{tested:?}");
    assert!(tested.out.contains("expects deny, and what came out is allow"), "{tested:?}");
}

#[test]
fn a_case_that_cannot_be_read_is_refused_with_its_place() {
    for (written, complaint) in [
        ("expects = \"allow\"", "did you mean `expect`?"),
        ("operation = \"zfs.destory\"\nexpect = \"deny\"", "did you mean `zfs.destroy`?"),
        ("operation = \"zfs.list\"\nexpect = \"maybe\"", "unknown word"),
        ("operation = \"zfs.list\"\nresource = \"-r\"\nexpect = \"deny\"", "cases.toml:1:1"),
        ("operation = \"x\"\nexpect = \"deny\"\nat = \"noon\"", "is no time"),
        ("operation = \"x\"\nexpect = \"deny\"\nwindow = \"night\"", "two different times of the day"),
        ("operation = \"x\"\nexpect = \"deny\"\nhold = \"long\"", "hold:"),
        ("operation = \"x\"\nexpect = \"deny\"\nrecent = [3, 2]", "none smaller"),
    ] {
        let (_kept, at) = shipped("proxmox");
        std::fs::remove_dir_all(at.join("cases")).unwrap();
        let text = format!("[[case]]\nname = \"x\"\nas = \"operator-bot\"\n{written}\n");
        std::fs::write(at.join("cases.toml"), text).unwrap();
        let tested = policy("test", &at, &[]);
        assert!(tested.exit == 1 && tested.err.contains(complaint), "{written}: {tested:?}");
    }
    let empty = tempfile::tempdir().unwrap();
    let tested = policy("test", empty.path(), &[]);
    assert!(tested.exit == 1 && tested.err.contains("has no cases"), "{tested:?}");
}

#[test]
fn an_explanation_lists_the_rules_that_matched_in_order_and_says_why_one_won() {
    let (_kept, at) = shipped("zfs-host");
    let (star, contracts) = (at.join("policy.star"), at.join("contracts"));
    let explain = |more: &[&str]| {
        let mut args = vec!["policy", "explain", "--as", "keeper", "--policy", star.to_str().unwrap()];
        args.extend(["--contracts", contracts.to_str().unwrap(), "--context", "{\"now\": 1795176000}"]);
        args.extend(more);
        reeve(&args, &[])
    };
    let books = explain(&["zfs", "destroy", "tank/books@old"]);
    assert_eq!(books.exit, 4, "{books:?}");
    let lines: Vec<&str> = books.out.lines().collect();
    assert_eq!(lines[0], "zfs destroy tank/books@old  review", "{books:?}");
    let rules: Vec<&str> = lines.iter().copied().filter(|line| line.contains(". ")).collect();
    assert!(rules[0].starts_with("  1. review  destroying needs a person  (people.star:6:12"), "{books:?}");
    assert!(rules[1].starts_with("  2. review  precious data needs two people"), "{books:?}");
    assert!(rules[2].starts_with("  3. allow  it is a good time  (policy.star:"), "{books:?}");
    assert_eq!(rules.len(), 5, "{books:?}");
    assert_eq!(lines.last(), Some(&"review is the strictest of 5; the terms of all 2 reviews hold"));
    let elsewhere = explain(&["zfs", "destroy", "tank/media@old"]);
    assert!(elsewhere.exit == 3 && elsewhere.out.ends_with("so the policy is not asked\n"), "{elsewhere:?}");
    let json = explain(&["--json", "zfs", "destroy", "tank/vm@old"]).json();
    assert_eq!(
        (json["verdict"].as_str(), json["matched"].as_array().map(Vec::len)),
        (Some("review"), Some(5))
    );
}

#[test]
fn what_no_example_comes_to_is_shown_and_fails_when_that_is_wanted() {
    let (_kept, at) = shipped("proxmox");
    let star = at.join("policy.star");
    edit(&star, "example(\"zfs.snapshot\"", "# example(\"zfs.snapshot\"");
    let checked = policy("check", &star, &[]);
    assert_eq!(checked.exit, 0, "{checked:?}");
    assert!(checked.out.contains("policy.star:14:12: no example comes to this rule"), "{checked:?}");
    assert_eq!(policy("check", &star, &["--strict"]).exit, 1);
}
