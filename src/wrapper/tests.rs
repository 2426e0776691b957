//! What a wrapper refuses, whoever signed it.

use std::path::Path;

use super::*;
use crate::grant::tests::{BOOT, HOST, NOW, grant, key};
use crate::grant::{SigningKey, WrapperName};
use crate::sys::scratch::Scratch;

const SETTINGS: Settings = Settings(&["quota=", "exec=off"]);

static TABLE: Table = Table {
    wrapper: WrapperName::Zfs,
    programs: &[
        Program::new(
            "/usr/sbin/zfs",
            &[
                Subcommand { name: "snapshot", options: &[Opt::Flag("-r")], operands: Operands::Names },
                Subcommand {
                    name: "create",
                    options: &[Opt::Size("-V"), Opt::Setting("-o", SETTINGS)],
                    operands: Operands::Names,
                },
                Subcommand { name: "set", options: &[], operands: Operands::SettingAndNames(SETTINGS) },
                Subcommand { name: "destroy", options: &[], operands: Operands::NamesAndLists },
                Subcommand { name: "rollback", options: &[], operands: Operands::Names },
            ],
        ),
        Program::new("/usr/sbin/zpool", &[]),
    ],
};

fn context(keys: &SigningKey, ledger: &Path) -> Context {
    Context {
        key: keys.public(),
        ledger: Ledger::open_trusted(ledger).unwrap(),
        host: HOST.into(),
        boot: BOOT.into(),
        now_boot: NOW,
        root: Root::Held,
    }
}

/// Shows a wrapper a grant changed like this; the refusal, or the arguments that would run.
fn shown(change: impl FnOnce(&mut Grant)) -> Result<Vec<String>, String> {
    shown_to(Root::Held, change)
}

fn shown_to(root: Root, change: impl FnOnce(&mut Grant)) -> Result<Vec<String>, String> {
    let (keys, ledger) = (Scratch::new(), Scratch::new());
    let key = key(&keys);
    let context = Context { root, ..context(&key, ledger.root()) };
    let mut grant = grant();
    change(&mut grant);
    let answer = authorise(key.sign(&grant).unwrap().as_bytes(), &TABLE, &context);
    let entries = std::fs::read_dir(ledger.root()).unwrap().count();
    assert_eq!(entries, usize::from(answer.is_ok()), "a refused grant is not spent");
    answer.map(|cleared| cleared.grant().argv.clone()).map_err(|refusal| refusal.to_string())
}

fn argv(args: &[&str]) -> Result<Vec<String>, String> {
    shown(|grant| grant.argv = args.iter().map(|arg| (*arg).to_owned()).collect())
}

#[test]
fn what_the_table_has_is_cleared_unchanged() {
    for args in [
        ["snapshot", "tank@a"].as_slice(),
        &["snapshot", "-r", "tank/media@2026-11-20T10:00", "tank/b@c"],
        &["create", "-V", "10G", "-o", "quota=1M", "-o", "exec=off", "-o", "com.x:y=1=2", "tank/v"],
        &["set", "quota=none", "tank/a"],
        &["destroy", "tank/a@old"],
        &["destroy", "tank/a#mark"],
        &["destroy", "tank/a@one,two,three"],
    ] {
        assert_eq!(argv(args).unwrap(), args);
    }
}

#[test]
fn options_that_the_table_lacks_are_refused() {
    for args in [
        ["destroy", "-r", "tank/a"].as_slice(),
        &["destroy", "-R", "tank/a"],
        &["destroy", "-f", "tank/a"],
        &["destroy", "-rf", "tank/a"],
        &["destroy", "--", "tank/a"],
        &["destroy", "-", "tank/a"],
        &["snapshot", "-rr", "tank@a"],
        &["create", "-p", "tank/a"],
        &["create", "-V10G", "tank/a"],
        &["set", "-u", "quota=1M", "tank/a"],
    ] {
        assert_eq!(argv(args).unwrap_err(), "argument 2 is not in the table", "{args:?}");
    }
}

#[test]
fn an_option_after_the_first_name_is_refused() {
    assert_eq!(argv(&["snapshot", "tank@a", "-r"]).unwrap_err(), "argument 3 is not in the table");
    assert_eq!(argv(&["destroy", "tank/a", "-r"]).unwrap_err(), "argument 3 is not in the table");
}

#[test]
fn names_that_mean_more_than_one_thing_are_refused() {
    let too_long = "x".repeat(256);
    for name in [
        "",
        "-r",
        "tank/-r",
        "tank/a@-r",
        "tank//a",
        "/tank",
        "tank/",
        "tank@",
        "tank a",
        "tank\ta",
        "tank\n",
        "tank/ä",
        "tank/..",
        "tank@a%b",
        "tank@%",
        "tank@a,",
        "tank@,a",
        "tank@a,-r",
        "tank@a,b%c",
        "tank@a,b@c",
        "tank@a,b/c",
        "tank,tank2",
        "tank#a,b",
        "tank/*",
        "tank/$(id)",
        "tank;id",
        &too_long,
    ] {
        assert_eq!(argv(&["destroy", name]).unwrap_err(), "argument 2 is not in the table", "{name:?}");
    }
}

#[test]
fn a_list_of_snapshots_is_for_destroying_only_and_bounded() {
    assert_eq!(argv(&["rollback", "tank@a,b"]).unwrap_err(), "argument 2 is not in the table");
    assert_eq!(argv(&["snapshot", "tank@a,b"]).unwrap_err(), "argument 2 is not in the table");
    let list = |bytes: usize| format!("tank@{}", vec!["xx"; bytes / 3].join(","));
    assert!(argv(&["destroy", &list(4080)]).is_ok());
    assert!(argv(&["destroy", &list(4110)]).is_err());
}

#[test]
fn a_missing_or_unknown_subcommand_is_refused() {
    assert_eq!(argv(&[]).unwrap_err(), "argument 1 is not in the table");
    assert_eq!(argv(&["send", "tank@a"]).unwrap_err(), "argument 1 is not in the table");
    assert_eq!(argv(&["-V"]).unwrap_err(), "argument 1 is not in the table");
    assert_eq!(argv(&["snapshot"]).unwrap_err(), "argument 2 is not in the table");
    assert_eq!(argv(&["snapshot", "-r"]).unwrap_err(), "argument 3 is not in the table");
}

#[test]
fn settings_and_sizes_that_are_not_listed_are_refused() {
    for args in [
        ["create", "-o", "mountpoint=/etc", "tank/a"].as_slice(),
        &["create", "-o", "exec=on", "tank/a"],
        &["create", "-o", "exec", "tank/a"],
        &["create", "-o", "quota=1 2", "tank/a"],
        &["create", "-o", "-x:y=1", "tank/a"],
        &["create", "-V", "1G1", "tank/a"],
        &["create", "-V", "-1", "tank/a"],
        &["create", "-V", "", "tank/a"],
        &["create", "-o"],
    ] {
        assert_eq!(argv(args).unwrap_err(), "argument 3 is not in the table", "{args:?}");
    }
    assert_eq!(argv(&["set", "mountpoint=/", "tank/a"]).unwrap_err(), "argument 2 is not in the table");
    assert_eq!(argv(&["set", "quota=1M"]).unwrap_err(), "argument 3 is not in the table");
}

#[test]
fn one_call_has_at_most_sixty_four_names() {
    let call = |names| [vec!["destroy"], vec!["tank/a"; names]].concat();
    assert!(argv(&call(64)).is_ok());
    assert!(argv(&call(65)).is_err());
}

#[test]
fn a_program_that_the_table_lacks_is_refused() {
    let refused = "the program is not in the table";
    for program in ["/bin/sh", "/usr/sbin/../sbin/zfs", "//usr/sbin/zfs", "/usr/sbin/zfs2", "/"] {
        assert_eq!(shown(|grant| grant.program = program.into()).unwrap_err(), refused);
    }
    assert_eq!(
        shown(|grant| grant.program = "/usr/sbin/zpool".into()).unwrap_err(),
        "argument 1 is not in the table"
    );
}

#[test]
fn a_user_that_is_unknown_or_of_the_system_is_refused() {
    let user = |name: &str| shown(|grant| grant.run_as = RunAs::User(name.into()));
    assert_eq!(user("no-such-user-here").unwrap_err(), "the host has no such user");
    assert_eq!(user("root").unwrap_err(), "no grant may name this user");
    assert_eq!(user("daemon").unwrap_err(), "no grant may name this user");
    assert!(user("nobody").is_ok());
}

#[test]
fn without_root_nothing_runs_as_root() {
    assert_eq!(shown_to(Root::Absent, |_| {}).unwrap_err(), "cannot run as root");
    assert!(shown_to(Root::PlayedBySelf, |_| {}).is_ok());
}

#[test]
fn a_cleared_grant_is_refused_the_second_time() {
    let (keys, ledger) = (Scratch::new(), Scratch::new());
    let key = key(&keys);
    let context = context(&key, ledger.root());
    let signed = key.sign(&grant()).unwrap();
    let _cleared = authorise(signed.as_bytes(), &TABLE, &context).unwrap();
    let again = authorise(signed.as_bytes(), &TABLE, &context).unwrap_err();
    assert_eq!(again.to_string(), "the grant has been spent");
}

#[test]
fn a_grant_longer_than_any_grant_is_read_no_further_than_needed_to_refuse_it() {
    let bytes = read_grant(io::repeat(0)).unwrap();
    assert_eq!(bytes.len(), MAX_BYTES + 1);
}

#[test]
fn arguments_are_refused() {
    let args = |args: &[&str]| args.iter().map(OsString::from).collect::<Vec<_>>().into_iter();
    assert!(refuse_arguments(args(&["reeve-zfs"])).is_ok());
    let refusal = refuse_arguments(args(&["reeve-zfs", "destroy"])).unwrap_err();
    assert_eq!(refusal.to_string(), "takes no arguments: the grant comes on stdin");
}
