//! Proxmox containers through the whole chain: decided, planned by granted reads, run by the wrapper as root, looked at again.
//! The tools are the stand-in's; its containers are real ones where there is LXC.

use serde_json::{Value, json};

use crate::edited::{Edited, reload};
use crate::host::*;

const CONTRACT: &str = r#"
[[allow]]
operations = [
  "pct.list", "pct.status", "pct.config", "pct.snapshots", "pct.start", "pct.shutdown", "pct.reboot", "pct.snapshot",
  "pct.create", "pct.clone", "pct.set", "pct.resize", "pct.unretire", "pct.stop", "pct.rollback", "pct.delete-snapshot",
  "pct.destroy", "pct.purge", "pct.unlock",
]
containers = ["101", "200-299"]
"#;

const ALLOWED: &str = r#"
[pct]
templates = ["local:vztmpl/debian-12.tar.zst"]
storages = ["local-zfs"]
bridges = ["vmbr0"]
ssh_keys = true
backups = ["pbs"]
"#;

const FAULTS: &str = "/run/fake-pct/faults";

/// The librarian's contract with containers in it, and what root allows of them; both until the test ends.
fn rules() -> [Edited; 2] {
    up();
    let contract = Edited::new("/etc/reeve/contracts/librarian.toml");
    contract.write(&format!("{}{CONTRACT}", contract.before()));
    let gate = Edited::new("/etc/reeve/gate.toml");
    gate.write(&format!("{}{ALLOWED}", gate.before()));
    assert_eq!(reload().unwrap().code, 200);
    [contract, gate]
}

/// Root's own `pct`.
fn pct(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let output = std::process::Command::new("/usr/sbin/pct").args(words).output().unwrap();
    assert!(output.status.success(), "pct {line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn is_there(vm: u32) -> bool {
    pct("list").lines().any(|line| line.starts_with(&format!("{vm} ")))
}

/// A container of this test's own, which is gone when the test ends.
struct Container(u32);

impl Container {
    fn new(vm: u32) -> Self {
        pct(&format!(
            "create {vm} local:vztmpl/debian-12.tar.zst --hostname=web --memory=256 --rootfs=local-zfs:2"
        ));
        Self(vm)
    }

    fn name(&self) -> String {
        self.0.to_string()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _no_faults = std::fs::remove_file(FAULTS);
        if is_there(self.0) {
            pct(&format!("set {} --protection=0", self.0));
            pct(&format!("destroy {} --force --purge", self.0));
        }
    }
}

fn ask(op_name: &str, vm: &str, params: Value) -> Answer {
    op("librarian", json!({"kind": "pct", "op": op_name, "resource": vm, "params": params}))
}

fn done(op_name: &str, vm: &str, params: Value) -> Answer {
    let answer = ask(op_name, vm, params);
    assert_eq!(
        (answer.code, answer.state(), &answer.body["verified"]),
        (200, "succeeded", &json!(true)),
        "{answer:?}"
    );
    answer
}

#[test]
fn a_container_is_made_started_read_and_ended() {
    let _rules = rules();
    std::fs::write("/etc/reeve/pct-ssh-keys", "ssh-ed25519 AAAA alice\n").unwrap();
    let made = done(
        "create",
        "210",
        json!({
            "template": "local:vztmpl/debian-12.tar.zst", "storage": "local-zfs", "size": 2, "hostname": "made",
            "networks": ["name=eth0,bridge=vmbr0,ip=dhcp"], "ssh_keys": true,
        }),
    );
    let _container = Container(210);
    let keys = std::fs::read_to_string(
        "/run/fake-pct/volumes/local-zfs/subvol-210-disk-0/root/.ssh/authorized_keys",
    );
    assert_eq!(keys.unwrap(), "ssh-ed25519 AAAA alice\n");
    assert_eq!(made.body["undo"]["op"]["op"], "destroy");
    assert!(pct("config 210").contains("unprivileged: 1"));
    let started = done("start", "210", json!({}));
    assert_eq!(started.body["result"]["state"], "running");
    let listed = ask("list", "200-299", json!({}));
    assert_eq!(
        listed.body["result"]["containers"][0],
        json!({"vmid": 210, "name": "made", "status": "running", "lock": null})
    );
    assert_eq!(ask("status", "210", json!({})).body["result"]["status"], "running");
    assert_eq!(ask("config", "210", json!({})).body["result"]["config"]["hostname"], "made");
    done("reboot", "210", json!({"timeout": 5}));
    let ended = done("shutdown", "210", json!({"timeout": 5}));
    assert_eq!(ended.body["undo"]["op"]["op"], "start");
    assert!(pct("status 210").contains("stopped"));
}

#[test]
fn every_look_at_a_container_has_a_grant_and_a_record_of_its_own() {
    let _rules = rules();
    let container = Container::new(211);
    let answer = done("snapshot", &container.name(), json!({"name": "main"}));
    let records = records_of(&answer.id());
    let argv = |record: &Value| record["detail"]["argv"].as_str().unwrap_or_default().to_owned();
    let reads: Vec<String> =
        records.iter().filter(|record| record["detail"]["read"] == true).map(argv).collect();
    assert!(
        reads.contains(&"pct config 211".to_owned()) && reads.contains(&"pct listsnapshot 211".to_owned()),
        "{reads:?}"
    );
    let acts = |record: &&Value| record["kind"] == "grant_signed" && record["detail"]["read"] != true;
    let acts: Vec<String> = records.iter().filter(acts).map(argv).collect();
    assert!(acts.len() == 1 && !acts[0].contains("config"), "{records:?}");
    assert!(pct("listsnapshot 211").contains("`-> main "));
}

#[test]
fn what_lies_outside_of_the_contract_or_of_what_root_allows_does_not_happen() {
    let _rules = rules();
    for (op_name, vm, params, rule) in [
        ("status", "300", json!({}), "contract-resource"),
        ("list", "100-999", json!({}), "contract-resource"),
        ("clone", "101", json!({"to": "300"}), "contract-resource"),
        ("status", "299", json!({}), "pct-not-found"),
        (
            "create",
            "220",
            json!({"template": "local:vztmpl/debian-12.tar.zst", "storage": "local-lvm", "size": 2}),
            "pct-not-allowed",
        ),
    ] {
        let answer = ask(op_name, vm, params);
        let shown = answer.body.to_string();
        assert!(
            shown.contains(rule) || shown.contains("there is no container"),
            "{op_name} {vm}: {answer:?}"
        );
        assert!(answer.code == 403 || answer.code == 409 || answer.body["state"] == "failed", "{answer:?}");
    }
    for params in [
        json!({"changes": {"lxc.mount.entry": "/etc etc none bind"}}),
        json!({"changes": {"mp0": "/etc,mp=/etc"}}),
        json!({"changes": {"hookscript": "local:snippets/x"}}),
        json!({"changes": {"password": "hush"}}),
        json!({"password": "hush"}),
    ] {
        let answer = ask("set", "101", params.clone());
        assert!(answer.code == 400 || answer.code == 422, "{params}: {answer:?}");
    }
    assert!(!std::fs::read_to_string(AUDIT).unwrap().contains("hush"));
}

#[test]
fn a_container_is_destroyed_when_a_person_says_so_and_not_when_it_changed_meanwhile() {
    let _rules = rules();
    let container = Container::new(212);
    let asked = ask("destroy", &container.name(), json!({}));
    assert_eq!((asked.code, asked.state()), (202, "pending"), "{asked:?}");
    let shown = prompt("alice", &["pct destroy 212"]);
    assert!(shown.contains("NO UNDO"), "{shown}");
    pct("set 212 --memory=300");
    say("alice", &format!("CONFIRM {}", token(&shown)));
    let mut again = shown.clone();
    wait_until("alice is asked anew", || {
        again = prompt("alice", &["pct destroy 212"]);
        again != shown
    });
    assert!(is_there(212), "an approval for another configuration counted");
    say("alice", &format!("CONFIRM {}", token(&again)));
    let ended = end_of("librarian", &asked.id());
    assert_eq!((ended.state(), &ended.body["verified"]), ("succeeded", &json!(true)), "{ended:?}");
    assert!(!is_there(212));
}

#[test]
fn a_retired_container_comes_back_and_stays_protected_until_then() {
    let _rules = rules();
    let container = Container::new(213);
    let before = pct("config 213");
    let retired = done("destroy", &container.name(), json!({"retire": true}));
    assert!(pct("config 213").contains("tags: reeve-retired\n"));
    let undo = post("librarian", "/host/op", &retired.body["undo"]["op"], &[]);
    assert_eq!((undo.code, undo.state()), (200, "succeeded"), "{undo:?}");
    let after = pct("config 213");
    assert!(
        !after.contains("tags:") && after.contains("hostname: web") && before.contains("hostname: web"),
        "{after}"
    );
}

#[test]
fn a_resize_whose_worker_failed_is_not_reported_as_done() {
    let _rules = rules();
    let container = Container::new(214);
    std::fs::write(FAULTS, "resize-worker").unwrap();
    let answer = ask("resize", &container.name(), json!({"disk": "rootfs", "size": 3}));
    assert_eq!(answer.body["verified"], false, "{answer:?}");
    assert_ne!(answer.body["result"]["objects"][0]["done"], true, "{answer:?}");
    assert!(pct("config 214").contains("size=2G"));
}

#[test]
fn the_wrapper_of_containers_refuses_without_a_grant() {
    let output = crate::as_user("reeve-run", &["/usr/bin/sudo", "-n", "/usr/local/libexec/reeve/reeve-pct"]);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
}
