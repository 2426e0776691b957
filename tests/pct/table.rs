//! What root will run on containers: everything that adapters ask for, and nothing that lets the inside of a container out.

use reeve::adapter::{self, Argv, Program};
use reeve::grant::{Grant, RunAs, WrapperName};

use crate::argv::{node, operations};
use crate::wrapper::TABLE;

fn grant(program: &str, argv: Vec<String>) -> Grant {
    Grant {
        operation: "op_TEST".into(),
        step: 0,
        wrapper: WrapperName::Pct,
        program: program.into(),
        argv,
        directory: None,
        run_as: RunAs::Root,
        host: "h".into(),
        boot: "b".into(),
        not_after: 1,
        run_limit_secs: 1,
        nonce: [0; 16],
    }
}

fn has(line: &[&str]) -> bool {
    let (program, args) = line.split_first().unwrap();
    TABLE.has(&grant(program, args.iter().map(|arg| (*arg).to_owned()).collect())).is_ok()
}

#[test]
fn every_command_on_containers_is_in_roots_table() {
    let node = node();
    let check = |argv: &Argv| {
        let grant = grant(argv.program.production_path(), argv.args.clone());
        TABLE.has(&grant).unwrap_or_else(|refusal| panic!("{argv}: {refusal}"));
    };
    for op in operations() {
        if adapter::of(&op).is_plain_read() {
            node.answer(&op);
        } else {
            let plan = node.plan(&op);
            plan.steps.iter().for_each(|step| check(&step.argv));
            adapter::of(&op).verify(&plan, &node);
        }
    }
    node.reads().iter().for_each(check);
}

#[test]
fn what_lets_the_inside_of_a_container_out_is_not_in_roots_table() {
    let pct = Program::Pct.production_path();
    for line in [
        vec!["exec", "101", "--", "id"],
        vec!["enter", "101"],
        vec!["push", "101", "/etc/shadow", "/x"],
        vec!["pull", "101", "/x", "/etc/cron.d/x"],
        vec!["mount", "101"],
        vec!["restore", "101", "local:backup/x.tar"],
        vec!["migrate", "101", "other"],
        vec!["li"],
        vec!["list", "--verbose=1"],
        vec!["start", "101", "102"],
        vec!["start", "0101"],
        vec!["start", "101", "--skiplock=1"],
        vec!["start", "--skiplock=1", "101"],
        vec!["start", "--debug=1", "101"],
        vec!["stop", "--overrule-shutdown=1", "101"],
        vec!["destroy", "--force=1", "101"],
        vec!["destroy", "--destroy-unreferenced-disks=1", "101"],
        vec!["destroy", "--purge", "101"],
        vec!["set", "--mp0=/etc,mp=/etc", "101"],
        vec!["set", "--mp0=local-zfs:subvol-102-disk-0,mp=/x", "101"],
        vec!["set", "--mp0=local-zfs:8,mp=/a/../../etc", "101"],
        vec!["set", "--mp0=local-zfs:8,mp=/x,mountoptions=dev", "101"],
        vec!["set", "--mp0=local-zfs:8,mp=/x,shared=1", "101"],
        vec!["set", "--mp999=local-zfs:8,mp=/x", "101"],
        vec!["set", "--rootfs=/", "101"],
        vec!["set", "--dev0=/dev/sda", "101"],
        vec!["set", "--hookscript=local:snippets/x.pl", "101"],
        vec!["set", "--features=mount=nfs", "101"],
        vec!["set", "--unprivileged=0", "101"],
        vec!["set", "--lxc.cap.drop=", "101"],
        vec!["set", "--lock=backup", "101"],
        vec!["set", "--delete=lock", "101"],
        vec!["set", "--delete=hookscript", "101"],
        vec!["set", "--description=a\nlxc.cap.drop:", "101"],
        vec!["set", "--net0=name=eth0,bridge=vmbr0,script=/x", "101"],
        vec!["set", "--memory=512", "--", "101"],
        vec!["set", "--memory", "512", "101"],
        vec!["create", "--password=x", "120", "local:vztmpl/a.tar"],
        vec!["create", "--ssh-public-keys=/etc/shadow", "120", "local:vztmpl/a.tar"],
        vec!["create", "--features=nesting=1,fuse=1", "120", "local:vztmpl/a.tar"],
        vec!["create", "--rootfs=/", "120", "local:vztmpl/a.tar"],
        vec!["create", "--start=1", "120", "local:vztmpl/a.tar"],
        vec!["create", "--force=1", "120", "local:vztmpl/a.tar"],
        vec!["create", "120", "/etc/passwd"],
        vec!["create", "120", "local:backup/a.tar"],
        vec!["create", "120", "local:vztmpl/../a.tar"],
        vec!["resize", "101", "rootfs", "+8G"],
        vec!["resize", "101", "/dev/sda", "8G"],
        vec!["clone", "--target=other", "101", "102"],
        vec!["config", "--snapshot=-x", "101"],
    ] {
        let whole: Vec<&str> = std::iter::once(pct).chain(line.iter().copied()).collect();
        assert!(!has(&whole), "{line:?}");
    }
    assert!(!has(&["/usr/sbin/pvesm", "free", "local-zfs:subvol-101-disk-0"]));
    assert!(!has(&["/usr/sbin/pvesm", "list", "--content=images", "local-zfs"]));
    assert!(!has(&["/usr/sbin/ha-manager", "remove", "ct:101"]));
    assert!(!has(&["/bin/sh", "-c", "id"]));
}

#[test]
fn nothing_runs_on_containers_but_as_root() {
    let as_user = Grant { run_as: RunAs::User("ann".into()), ..grant("/usr/sbin/pct", vec!["list".into()]) };
    assert!(TABLE.has(&as_user).is_err());
}
