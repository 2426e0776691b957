//! The audit log of a host where things happened: what is done to a copy of it is found, and without it nothing happens.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::edited::sh;
use crate::grants::{OPERATION, grant, show, sign};
use crate::host::*;

const LEDGER: &str = "/var/lib/reeve-root/spent";

fn verify(log: &Path, more: &[&str]) -> (Output, Value) {
    let output = Command::new("/usr/local/bin/reeve")
        .args(["audit", "verify", "--json", "--log"])
        .arg(log)
        .args(more)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (output, report)
}

/// A copy of the log with its lines as told.
fn copy(name: &str, alter: impl FnOnce(&mut Vec<String>)) -> PathBuf {
    let dir = Path::new(DIR).join("logs").join(name);
    std::fs::create_dir_all(&dir).unwrap();
    let mut lines: Vec<String> =
        std::fs::read_to_string(AUDIT).unwrap().lines().map(|line| line.to_owned() + "\n").collect();
    alter(&mut lines);
    std::fs::write(dir.join("audit.jsonl"), lines.concat()).unwrap();
    dir
}

fn is_found_broken(name: &str, alter: impl FnOnce(&mut Vec<String>)) -> Value {
    let (output, report) = verify(&copy(name, alter), &[]);
    assert_eq!((output.status.code(), &report["ok"]), (Some(1), &json!(false)), "{name}: {report}");
    report["broken"].clone()
}

/// Something for the log to tell: a destroy that alice confirmed. Returns her last message.
fn message_of_a_destroy(snapshot: &str) -> String {
    zfs(&["snapshot", snapshot]);
    let asked = zfs_op("librarian", "destroy", snapshot, json!({}));
    say("alice", &format!("CONFIRM {}", token(&prompt("alice", &[snapshot]))));
    assert_eq!(end_of("librarian", &asked.id()).state(), "succeeded");
    let is_it = |text: &&String| text.contains("done, and the host shows it") && text.contains(snapshot);
    let mut found = None;
    wait_until("alice hears the outcome", || {
        found = messages("alice").iter().find(is_it).cloned();
        found.is_some()
    });
    found.unwrap()
}

/// The line of it that can be typed.
fn typed(message: &str) -> String {
    message.lines().find_map(|line| line.strip_prefix("audit: log ")).unwrap().replace(" · ", ":")
}

#[test]
fn the_log_holds_and_a_copy_that_was_altered_cut_or_reordered_does_not() {
    up();
    message_of_a_destroy("tank/media@told-1");
    let (output, report) = verify(Path::new("/var/log/reeve"), &[]);
    assert_eq!((output.status.code(), &report["ok"]), (Some(0), &json!(true)), "{report}");
    is_found_broken("altered", |lines| {
        let at = lines.iter().position(|line| line.contains("\"verified\":true")).unwrap();
        lines[at] = lines[at].replace("\"verified\":true", "\"verified\":null");
    });
    is_found_broken("another-vote", |lines| {
        for line in lines.iter_mut() {
            *line = line.replace("\"by\":\"alice\"", "\"by\":\"carol\"");
        }
    });
    is_found_broken("cut-out", |lines| drop(lines.remove(lines.len() / 2)));
    is_found_broken("beheaded", |lines| drop(lines.remove(0)));
    is_found_broken("reordered", |lines| {
        let at = lines.len() / 2;
        lines.swap(at, at + 1);
    });
    is_found_broken("doubled", |lines| {
        let line = lines[lines.len() / 2].clone();
        lines.insert(lines.len() / 2, line);
    });
    is_found_broken("torn", |lines| {
        let last = lines.last_mut().unwrap();
        last.truncate(last.len() / 2);
    });
    is_found_broken("emptied", Vec::clear);
}

#[test]
fn a_tail_that_was_cut_off_is_found_by_what_a_phone_remembers() {
    up();
    let checkpoint = typed(&message_of_a_destroy("tank/media@told-2"));
    let against = ["--against", &checkpoint];
    let (output, report) = verify(Path::new("/var/log/reeve"), &against);
    assert_eq!((output.status.code(), &report["against"]["result"]), (Some(0), &json!("agrees")), "{report}");
    let seq: usize = checkpoint.split(':').next().unwrap().parse().unwrap();
    let cut = copy("cut", |lines| lines.truncate(seq - 1));
    assert_eq!(verify(&cut, &[]).0.status.code(), Some(0), "alone it looks whole");
    let (output, report) = verify(&cut, &against);
    assert_eq!(
        (output.status.code(), &report["against"]["result"]),
        (Some(1), &json!("tail_missing")),
        "{report}"
    );
    let rewritten = copy("rewritten", |lines| {
        lines.truncate(seq);
        let last = lines.last_mut().unwrap();
        *last = last.replace("\"verified\":true", "\"verified\":null");
    });
    assert_eq!(verify(&rewritten, &[]).0.status.code(), Some(0), "nothing stands behind the last record");
    let (output, report) = verify(&rewritten, &against);
    assert_eq!(
        (output.status.code(), &report["against"]["result"]),
        (Some(1), &json!("differs")),
        "{report}"
    );
    let forged = format!("{seq}:{}", "0".repeat(16));
    let (output, report) = verify(Path::new("/var/log/reeve"), &["--against", &forged]);
    assert_eq!(
        (output.status.code(), &report["against"]["result"]),
        (Some(1), &json!("differs")),
        "{report}"
    );
}

#[test]
fn a_message_as_it_is_pasted_from_a_phone_proves_the_log_and_its_key_is_the_gates_alone() {
    up();
    let message = message_of_a_destroy("tank/media@told-5");
    let keys = Command::new("/usr/local/bin/reeve").args(["audit", "key", "--json"]).output().unwrap();
    let keys: Value = serde_json::from_slice(&keys.stdout).unwrap();
    let key = keys["keys"].as_array().unwrap().last().unwrap()["key"].as_str().unwrap().to_owned();
    let pasted = message.replace('\u{2014}', "-").replace('\n', "\r\n> ");
    let with = ["--checkpoint", &pasted, "--key", &key];
    let (output, report) = verify(Path::new("/var/log/reeve"), &with);
    assert_eq!(
        (output.status.code(), &report["checkpoint"]["signed_by"]),
        (Some(0), &json!(key)),
        "{report}"
    );
    let size: usize = report["checkpoint"]["size"].as_u64().unwrap().try_into().unwrap();
    let cut = copy("cut-pasted", |lines| lines.truncate(size - 1));
    let (output, report) = verify(&cut, &with);
    assert_eq!(
        (output.status.code(), &report["checkpoint"]["history"]["result"]),
        (Some(1), &json!("cut")),
        "{report}"
    );
    sh("test \"$(stat -c '%U %a' /var/lib/reeve/checkpoint.key)\" = 'reeve-gate 600'");
}

/// The operations of spent grants that have no record.
fn unrecorded() -> Vec<String> {
    let (_, report) = verify(Path::new("/var/log/reeve"), &["--ledger", LEDGER]);
    assert_eq!(report["ledger"]["result"], "checked", "{report}");
    let entries = report["ledger"]["unrecorded"].as_array().unwrap();
    entries.iter().map(|entry| entry["operation"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_root_did_without_a_record_is_found_by_its_ledger() {
    up();
    message_of_a_destroy("tank/media@told-3");
    let before = unrecorded();
    assert!(
        before.iter().all(|operation| operation == OPERATION),
        "all that the gate granted is on record: {before:?}"
    );
    let output = show(&sign(&grant(&["snapshot", "tank/media@unrecorded"])));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    zfs(&["destroy", "tank/media@unrecorded"]);
    assert_eq!(unrecorded().len(), before.len() + 1);
    let (output, _) = verify(Path::new("/var/log/reeve"), &["--ledger", LEDGER]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn no_record_holds_output_or_an_environment_and_every_change_was_decided_first() {
    up();
    message_of_a_destroy("tank/media@told-4");
    let records = records();
    for record in records.iter().filter(|record| record["kind"] == "step_finished") {
        let id = record["operation"].as_str().unwrap();
        let seq_of = |kind: &str| {
            records
                .iter()
                .find(|other| {
                    other["operation"] == id && other["kind"] == kind && other["detail"]["read"] != true
                })
                .map(|other| other["seq"].as_u64().unwrap())
        };
        let (decided, granted) = (seq_of("decision").unwrap(), seq_of("grant_signed").unwrap());
        assert!(decided < granted && granted < record["seq"].as_u64().unwrap(), "{id}");
        let output: Vec<&str> =
            record["detail"]["stdout"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(output, ["bytes", "sha256"]);
    }
    let text = std::fs::read_to_string(AUDIT).unwrap();
    for word in ["PATH=", "HOME=", "SUDO_", "BEGIN", "PRIVATE"] {
        assert!(!text.contains(word), "{word} is in the log");
    }
}

/// The log on a disk of its own that can be filled up; put back when the test ends.
struct SmallDisk;

impl SmallDisk {
    fn mount() -> Self {
        script(&["stop", "gate"]);
        sh("mkdir -p /run/reeve-host/log && cp -a /var/log/reeve/. /run/reeve-host/log/");
        sh(
            "mount -t tmpfs -o size=8m,mode=0750,uid=$(id -u reeve-gate),gid=$(id -g reeve-gate) small /var/log/reeve",
        );
        sh("cp -a /run/reeve-host/log/. /var/log/reeve/");
        script(&["start", "gate"]);
        is_well();
        Self
    }

    /// No page is left, and what is left of the log's last one is less than a decision needs.
    fn fill(&self) {
        let page = 4096;
        wait_until("the log ends just before a page does", || {
            post("operator", "/evaluate", &json!({"tool": "none", "args": {}, "context": {}}), &[]);
            page - std::fs::metadata(AUDIT).unwrap().len() % page < 450
        });
        Command::new("/bin/dd")
            .args(["if=/dev/zero", "of=/var/log/reeve/filler", "bs=4096"])
            .output()
            .unwrap();
    }

    fn free(&self) {
        std::fs::remove_file("/var/log/reeve/filler").unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(std::fs::remove_file("/var/log/reeve/filler"));
        script(&["stop", "gate"]);
        sh(
            "cp -a /var/log/reeve/. /run/reeve-host/log/ && umount /var/log/reeve && cp -a /run/reeve-host/log/. /var/log/reeve/",
        );
        script(&["start", "gate"]);
    }
}

#[test]
fn on_a_full_disk_nothing_happens_until_there_is_room_again() {
    up();
    zfs(&["snapshot", "tank/media@full-destroy"]);
    let disk = SmallDisk::mount();
    let asked = zfs_op("librarian", "destroy", "tank/media@full-destroy", json!({}));
    let token = token(&prompt("alice", &["tank/media@full-destroy"]));
    disk.fill();
    let refused = zfs_op("librarian", "snapshot", "tank/media", json!({"name": "full"}));
    assert_eq!((refused.code, &refused.body["code"]), (503, &json!("audit_unavailable")), "{refused:?}");
    assert!(!exists("tank/media@full"));
    let read = zfs_op("librarian", "list", "tank/media", json!({}));
    assert_eq!((read.code, &read.body["code"]), (503, &json!("audit_unavailable")), "{read:?}");
    say("alice", &format!("CONFIRM {token}"));
    hears("alice", "could not record your vote");
    assert_eq!(get("librarian", &format!("/host/op/{}", asked.id())).state(), "pending");
    assert!(exists("tank/media@full-destroy"));
    wait_until("health says so", || get("librarian", "/health").body["audit"] == false);
    disk.free();
    let again = zfs_op("librarian", "snapshot", "tank/media", json!({"name": "full"}));
    assert_eq!((again.code, again.state()), (200, "succeeded"), "{again:?}");
    say("alice", &format!("CONFIRM {token}"));
    assert_eq!(end_of("librarian", &asked.id()).state(), "succeeded");
    wait_until("health is well again", || get("librarian", "/health").body["status"] == "ok");
    let (output, report) = verify(Path::new("/var/log/reeve"), &[]);
    assert_eq!(output.status.code(), Some(0), "{report}");
}
