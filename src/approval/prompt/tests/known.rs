//! Questions about containers, units, repositories and tools: what was, what becomes, and what goes along.

use super::{facts, token};
use crate::approval::prompt::{ObjectLine, PromptFacts, prompt};

fn object(kind: &str, name: &str, lines: &[&str]) -> ObjectLine {
    ObjectLine {
        kind: kind.into(),
        name: name.into(),
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    }
}

/// A container with a snapshot, of which a backup stays.
fn container() -> (Vec<ObjectLine>, Vec<String>) {
    let gone = "stopped -> gone; 1 backup stays, the newest pbs:backup/vzdump-lxc-101-2026_01_01-00_00_00.tar.zst (4 bytes)";
    let objects =
        vec![object("container", "101", &[gone, "web"]), object("snapshot", "101@first", &["by hand"])];
    let volumes = ["mp0 local-zfs:subvol-101-disk-1", "rootfs local-zfs:subvol-101-disk-0"];
    let jobs = "its place in backup and replication jobs and HA";
    (objects, volumes.into_iter().chain([jobs]).map(str::to_owned).collect())
}

/// A service that stops with another one, and comes back by its socket.
fn service() -> Vec<ObjectLine> {
    vec![
        object(
            "service",
            "app.service",
            &["active, enabled -> inactive", "running since Fri 2026-11-20 10:00:00 UTC"],
        ),
        object("service", "db.service", &["active, enabled, started again by db.socket -> inactive"]),
    ]
}

/// More than fits.
pub(super) fn much() -> (Vec<ObjectLine>, Vec<String>) {
    let long = "x".repeat(150);
    let one = |n: usize| object("file", &format!("/srv/{n}"), &[&long, &long, &long]);
    ((1..=5).map(one).collect(), (1..=9).map(|n| format!("{n}{long}")).collect())
}

pub(super) fn known() -> Vec<(&'static str, String)> {
    let token = token();
    let (container, with_it) = container();
    let (much, with_much) = much();
    let commits = [
        object(
            "branch",
            "/srv/app main",
            &["4b825dc642cb6eb9a060e54bf8d69288fbee4904 -> 83baae61804e65cc73a7201a7252750c76066a30"],
        ),
        object("file", "/srv/app src/main.rs", &["+0 -12 lines"]),
    ];
    let asked = |command_line, objects, dependents| PromptFacts {
        command_line,
        dependents,
        bytes_freed: None,
        frees_at_most: None,
        ..facts(&token, objects)
    };
    let shown =
        |command_line, objects, dependents| prompt(&asked(command_line, objects, dependents)).unwrap();
    let lost = |command_line, objects, dependents| {
        prompt(&PromptFacts { repeat: Some("101"), ..asked(command_line, objects, dependents) }).unwrap()
    };
    let script =
        r#"tool run python arguments={"arguments":["--all"]} input="import os\nprint(os.listdir())""#;
    let tool = [
        object(
            "tool",
            "python",
            &["-> /usr/bin/python3.13 -I - --all", "in tier c, without a network, as reeve-tool"],
        ),
        object("workspace", "/var/lib/reeve-tools/principal/librarian", &[]),
    ];
    let memory = [object("container", "101", &["cores=(not set) memory=512 -> cores=2 memory=1024", "web"])];
    vec![
        ("prompt-pct-destroy", lost("pct destroy 101 (related)", &container, &with_it)),
        ("prompt-pct-set", shown("pct set 101 cores=2 memory=1024", &memory, &[])),
        (
            "prompt-systemd-stop",
            shown("systemd stop db.service", &service(), &["cleanup.service".to_owned()]),
        ),
        ("prompt-git-reset", shown("git reset /srv/app main 83baae6", &commits, &[])),
        ("prompt-tool-run", shown(script, &tool, &[])),
        ("prompt-more-than-fits", shown("zfs destroy -r tank", &much, &with_much)),
    ]
}
