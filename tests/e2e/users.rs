//! What each of the host's users can do, and what a taken-over process of each would get.

use serde_json::json;

use crate::as_user;
use crate::host::*;

/// Whether the user can do this, as the shell sees it.
fn can(user: &str, command: &str) -> bool {
    as_user(user, &["/bin/sh", "-c", command]).status.success()
}

#[test]
fn the_network_side_cannot_read_keys_log_configuration_or_state_of_the_gate() {
    up();
    for file in [
        "/var/lib/reeve/grant.key",
        "/var/lib/reeve/checkpoint.key",
        "/var/lib/reeve/state.redb",
        "/var/log/reeve/audit.jsonl",
        "/etc/reeve/gate.toml",
        "/etc/reeve/policy.star",
        "/etc/reeve/contracts/librarian.toml",
    ] {
        assert!(can("reeve-gate", &format!("cat {file}")), "{file}: the gate itself reads it");
        for user in ["reeve", "reeve-run", "librarian", "archivist", "approver"] {
            assert!(!can(user, &format!("cat {file}")), "{user} can read {file}");
        }
    }
    assert!(can("reeve", "cat /etc/reeve/tls/server.key"));
    for user in ["reeve-gate", "reeve-run", "librarian"] {
        assert!(!can(user, "cat /etc/reeve/tls/server.key"), "{user} can read the server's key");
    }
}

#[test]
fn nobody_but_root_can_write_configuration_programs_or_the_ledger() {
    up();
    for user in ["reeve", "reeve-gate", "reeve-run", "librarian", "approver"] {
        for place in [
            "/etc/reeve",
            "/etc/reeve/contracts",
            "/etc/reeve/tls",
            "/etc/sudoers.d",
            "/usr/local/libexec/reeve",
            "/usr/local/bin",
            "/var/lib/reeve-root",
            "/var/lib/reeve-root/spent",
        ] {
            assert!(!can(user, &format!("touch {place}/intruder")), "{user} can write in {place}");
        }
        for file in [
            "/etc/reeve/gate.toml",
            "/etc/reeve/policy.star",
            "/etc/reeve/grant.pub",
            "/usr/local/libexec/reeve/reeve-zfs",
        ] {
            assert!(!can(user, &format!(": >>{file}")), "{user} can write {file}");
        }
    }
    for user in ["reeve", "reeve-run", "librarian", "approver"] {
        assert!(!can(user, "touch /var/log/reeve/intruder"), "{user} can write beside the log");
        assert!(
            !can(user, "rm -f /run/reeve/gate.sock && ! test -e /run/reeve/gate.sock"),
            "{user} can take the socket's place"
        );
    }
}

#[test]
fn sudo_has_one_line_for_the_launcher_and_none_for_anybody_else() {
    up();
    let listing = |user: &str| {
        let output = std::process::Command::new("/usr/bin/sudo").args(["-l", "-U", user]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for user in ["reeve", "reeve-gate", "librarian", "archivist", "approver"] {
        let said = listing(user);
        assert!(said.contains("is not allowed to run sudo"), "{user}: {said}");
    }
    let launcher = listing("reeve-run");
    let commands: Vec<&str> =
        launcher.lines().filter(|line| line.trim_start().starts_with('(')).map(str::trim).collect();
    let wrappers = ["zfs", "systemd", "pct", "git", "ansible", "tool", "azure"];
    assert_eq!(
        commands,
        wrappers.map(|name| format!("(root : root) NOPASSWD: /usr/local/libexec/reeve/reeve-{name} \"\""))
    );
    for command in
        [&["/bin/sh"][..], &["/usr/local/libexec/reeve/reeve-zfs", "-h"], &["/usr/sbin/zfs", "list"]]
    {
        let tried = [&["/usr/bin/sudo", "-n", "--"], command].concat();
        assert_eq!(as_user("reeve-run", &tried).status.code(), Some(1), "{command:?}");
    }
}

/// One call to the gate's own socket in its own protocol, as this user: what comes back within two seconds.
fn ask_the_gate(user: &str, call: &str) -> String {
    const CLIENT: &str = "use IO::Socket::UNIX; $SIG{ALRM} = sub { exit 3 }; alarm 2; $SIG{PIPE} = 'IGNORE';
        my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => '/run/reeve/gate.sock') or exit 4;
        print $s pack('V', length $ARGV[0]) . $ARGV[0]; $s->flush; read($s, my $n, 4) == 4 or exit 5;
        read($s, my $text, unpack('V', $n)); print $text";
    let frame = format!("{{\"id\":1,\"caller\":\"librarian\",\"call\":{call}}}");
    let output = as_user(user, &["/usr/bin/perl", "-e", CLIENT, &frame]);
    let text = String::from_utf8(output.stdout).unwrap();
    received(&text);
    text
}

#[test]
fn the_gate_answers_the_network_side_and_approvers_and_nobody_else() {
    up();
    assert!(ask_the_gate("reeve", "\"status\"").contains("host01"));
    assert!(ask_the_gate("approver", "\"status\"").contains("host01"));
    for user in ["librarian", "archivist", "reeve-run", "nobody"] {
        assert_eq!(ask_the_gate(user, "\"status\""), "", "{user}");
    }
}

#[test]
fn the_network_side_cannot_vote_and_an_approver_cannot_speak_for_an_agent() {
    up();
    zfs(&["snapshot", "tank/media@guarded-vote"]);
    let asked = zfs_op("librarian", "destroy", "tank/media@guarded-vote", json!({}));
    let vote = json!({"vote": {"approval": asked.id(), "confirm": true}}).to_string();
    let said = ask_the_gate("reeve", &vote);
    assert!(said.contains("forbidden"), "{said}");
    for call in
        ["\"catalogue\"", "\"metrics\"", "\"reload\"", "{\"get\":{\"op\":\"op_1\",\"wait_ms\":0,\"seen\":0}}"]
    {
        let said = ask_the_gate("approver", call);
        assert!(said.contains("forbidden"), "{call}: {said}");
    }
    assert!(exists("tank/media@guarded-vote"));
    assert_eq!(call("librarian", "DELETE", &format!("/host/op/{}", asked.id()), &[]).state(), "cancelled");
}

#[test]
fn the_launcher_runs_nothing_for_anybody_but_the_gate() {
    up();
    let bytes = crate::grants::sign(&crate::grants::grant(&["snapshot", "tank/media@smuggled"]));
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    const CLIENT: &str = "use IO::Socket::UNIX; $SIG{ALRM} = sub { exit 3 }; alarm 5; $SIG{PIPE} = 'IGNORE'; my $g = pack('H*', $ARGV[0]);
        my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => '/run/reeve/launcher.sock') or exit 4;
        print $s 'RVL1' . pack('CNNN', 1, 5000, 65536, length $g) . $g; $s->flush; local $/; print scalar <$s>";
    for user in ["reeve", "librarian", "approver", "nobody"] {
        let output = as_user(user, &["/usr/bin/perl", "-e", CLIENT, &hex]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.code() == Some(4) || said.is_empty() || said.contains("only the gate may call"),
            "{user}: {output:?}"
        );
        assert!(!exists("tank/media@smuggled"), "{user}");
    }
    let output = as_user("reeve-gate", &["/usr/bin/perl", "-e", CLIENT, &hex]);
    assert!(exists("tank/media@smuggled"), "the same bytes from the gate's user work: {output:?}");
    zfs(&["destroy", "tank/media@smuggled"]);
}

#[test]
fn what_runs_as_the_agents_own_user_can_do_what_zfs_allows_it() {
    up();
    let without = zfs_op("archivist", "snapshot", "tank/archive", json!({"name": "delegated"}));
    assert_eq!((without.code, without.state()), (200, "failed"), "{without:?}");
    assert!(without.body["error"].as_str().unwrap().contains("permission"), "{without:?}");
    assert!(!exists("tank/archive@delegated"));
    zfs(&["allow", "-u", "archivist", "snapshot", "tank/archive"]);
    let with = zfs_op("archivist", "snapshot", "tank/archive", json!({"name": "delegated"}));
    zfs(&["unallow", "-u", "archivist", "tank/archive"]);
    assert_eq!((with.code, with.state()), (200, "succeeded"), "{with:?}");
    assert!(exists("tank/archive@delegated"));
}
