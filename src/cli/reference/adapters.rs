//! The keys of `gate.toml` about kinds of operations, and those of a playbook.

use super::Default::{Absent, Is, Needed};
use super::Kind::{Flag, List, Number, Table, Text, Time, Words};
use super::{HOUR, Key, SECOND};

const MOST: u64 = u32::MAX as u64;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "systemd.open_units",
        kind: List("units and templates by their exact names"),
        default: Is("[]"),
        changes: "units that may be changed although Reeve, the way in, or the host stands on them: see [systemd](systemd.md)",
    },
    Key {
        name: "systemd.protected_units",
        kind: List("the same"),
        default: Is("[]"),
        changes: "more units that may not be changed, nor be stopped with another",
    },
    Key {
        name: "systemd.signal_unit",
        kind: Text("a unit"),
        default: Is("\"signal-cli.service\""),
        changes: "the unit of the daemon by which people are asked: protected, too",
    },
    Key {
        name: "systemd.hold",
        kind: Time(0, 30 * SECOND),
        default: Is("\"2s\""),
        changes: "how long a unit's new state must last to count as reached. The caller waits for it",
    },
    Key {
        name: "systemd.limit",
        kind: Time(SECOND, HOUR),
        default: Is("\"100s\""),
        changes: "how long one change of a unit may take, in place of `launcher.deadline`. Longer than `DefaultTimeoutStartSec`, so that systemd's own verdict comes first",
    },
    Key {
        name: "systemd.last_lines",
        kind: Number(0, 50, "lines"),
        default: Is("10"),
        changes: "how many lines of the journal a caller gets with a state that was not reached",
    },
    Key {
        name: "pct.templates",
        kind: List("`STORAGE:vztmpl/FILE`"),
        default: Is("[]"),
        changes: "the templates that containers may be created from",
    },
    Key {
        name: "pct.storages",
        kind: List("names"),
        default: Is("[]"),
        changes: "the storages on which `create`, `clone` and `set` may make volumes",
    },
    Key {
        name: "pct.bridges",
        kind: List("names"),
        default: Is("[]"),
        changes: "the bridges that interfaces may be put on; one that an interface is on already stays",
    },
    Key {
        name: "pct.vlans",
        kind: List("`\"10\"`, `\"200-299\"`; 1 to 4094"),
        default: Is("[]"),
        changes: "the VLANs (`tag`) that interfaces may be put into. One that an interface is in already stays",
    },
    Key {
        name: "pct.max_size",
        kind: Number(1, MOST, "GiB"),
        default: Absent("the operation's own"),
        changes: "the largest volume that `create`, `set`, `resize` and `clone` may make",
    },
    Key {
        name: "pct.max_memory",
        kind: Number(1, MOST, "MiB"),
        default: Absent("the operation's own"),
        changes: "the most memory, and the most swap, that a container may be given or copied with",
    },
    Key {
        name: "pct.max_cores",
        kind: Number(1, MOST, "processors"),
        default: Absent("the operation's own"),
        changes: "the most processors. With it each container needs a number of them: without one it has all of the host's",
    },
    Key {
        name: "pct.features",
        kind: List("of `nesting`, `keyctl`"),
        default: Is("[]"),
        changes: "what new containers may be given beyond a plain one",
    },
    Key {
        name: "pct.privileged",
        kind: Flag,
        default: Is("false"),
        changes: "whether containers without a user namespace may be created: their root is the host's",
    },
    Key {
        name: "pct.ssh_keys",
        kind: Flag,
        default: Is("false"),
        changes: "whether new containers may let in the keys of `/etc/reeve/pct-ssh-keys`, which root keeps",
    },
    Key {
        name: "pct.backups",
        kind: List("names"),
        default: Is("[]"),
        changes: "the storages that are asked for backups before a container is destroyed; people are shown what stays",
    },
    Key {
        name: "pct.ha",
        kind: Words(&["absent", "refuse", "allow"]),
        default: Is("\"refuse\""),
        changes: "whether this host has an HA manager, and whether the containers that it looks after may be started, stopped and destroyed through Reeve",
    },
    Key {
        name: "git.tolerated",
        kind: List(
            "of `alias.*`, `commit.gpgsign`, `core.editor`, `core.hookspath`, `core.pager`, `gpg.*`, `log.showsignature`, `pager.*`, `sequence.editor`, `tag.gpgsign`, `user.signingkey`",
        ),
        default: Is("[]"),
        changes: "which keys in a repository's own configuration do not stop git's operations; what they say does not count",
    },
    Key {
        name: "git.alternates",
        kind: List("absolute paths"),
        default: Is("[]"),
        changes: "folders, with what lies below, that a repository may share objects from",
    },
    Key {
        name: "git.fetch_limit",
        kind: Time(SECOND, 6 * HOUR),
        default: Is("\"10m\""),
        changes: "how long bringing a remote's commits may take",
    },
    Key {
        name: "git.remote.url",
        kind: Text("`https`, `http`, `ssh`, `git` or `file`"),
        default: Needed,
        changes: "where fetching is allowed from: that scheme, host, port and user, at or below that path. Any number of `[[git.remote]]`",
    },
    Key {
        name: "git.remote.key",
        kind: Text("an absolute path; `ssh` only, with `known_hosts`"),
        default: Absent("none"),
        changes: "the key that opens it. The user that git runs as must be able to read it",
    },
    Key {
        name: "git.remote.known_hosts",
        kind: Text("an absolute path; `ssh` only, with `key`"),
        default: Absent("none"),
        changes: "the keys that its hosts may show",
    },
    Key {
        name: "git.remote.credentials",
        kind: Text("an absolute path; `https` and `http` only"),
        default: Absent("none"),
        changes: "a file as `git credential-store` reads it (`https://user:password@host`). Owned by root and readable for the user's group, git cannot change it",
    },
];

pub(super) const PLAYBOOKS: &[Key] = &[
    Key {
        name: "ansible.playbook.NAME.path",
        kind: Text(
            "`/etc/reeve/playbooks/FOLDER/FILE.yml` or `.yaml`; parts of letters, digits and `_ . -`, none beginning with a sign",
        ),
        default: Needed,
        changes: "which file is run. Its folder belongs to it as a whole. `NAME`, 1 to 64 letters, digits and `_ . -`, beginning with a letter or digit, is what agents and contracts call it",
    },
    Key {
        name: "ansible.playbook.NAME.sha256",
        kind: Text("64 hexadecimal digits in lower case"),
        default: Needed,
        changes: "the one state of that folder that may run",
    },
    Key {
        name: "ansible.playbook.NAME.check_limit",
        kind: Time(SECOND, HOUR),
        default: Is("\"2m\""),
        changes: "how long a dry run may take: for `ansible.check`, for the plan of a run, before it and after it",
    },
    Key {
        name: "ansible.playbook.NAME.run_limit",
        kind: Time(SECOND, 6 * HOUR),
        default: Is("\"10m\""),
        changes: "how long a run may take, in place of `launcher.deadline`",
    },
    Key {
        name: "ansible.playbook.NAME.allow_unforeseen",
        kind: Flag,
        default: Is("false"),
        changes: "whether the playbook may run although a dry run cannot foresee every task; such tasks are shown as what they are",
    },
    Key {
        name: "ansible.playbook.NAME.vars",
        kind: Table("a JSON Schema"),
        default: Absent("none"),
        changes: "what its variables may be",
    },
];
