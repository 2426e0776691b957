//! The keys of `bridge.toml`.

use super::Default::{Absent, Is, Needed};
use super::Kind::{Path, Text, Time, Words};
use super::{File, Key, MINUTE, SECOND};
use crate::cli::host::BridgeConfig;

pub(super) const FILE: File = File {
    mark: "bridge.toml",
    keys: &[KEYS],
    read: |text| {
        BridgeConfig::parse("bridge.toml", text)
            .map(|read| format!("{read:?}"))
            .map_err(|error| error.to_string())
    },
    least: &[("", "transport = \"http\"\nurl = \"https://signal.example.net\"\n")],
};

const KEYS: &[Key] = &[
    Key {
        name: "transport",
        kind: Words(&["http", "rest-api"]),
        default: Needed,
        changes: "what speaks HTTP there: signal-cli's own daemon, or signal-cli-rest-api, [which loses messages](approvals.md#signal-cli-over-http)",
    },
    Key {
        name: "url",
        kind: Text("`https://…`, or `http://` with `127.0.0.1` or `[::1]`"),
        default: Needed,
        changes: "where it is, as it was given with `--http`; a path may stand behind it, and neither user nor password in it",
    },
    Key {
        name: "user",
        kind: Text("a Unix user; with `http://`, which needs it"),
        default: Absent("none"),
        changes: "who runs what listens there: before anything else is said the kernel must name this user",
    },
    Key {
        name: "ca",
        kind: Path("PEM; with `https://`"),
        default: Absent("`\"/etc/ssl/certs/ca-certificates.crt\"`"),
        changes: "the authorities that the server's certificate may be from",
    },
    Key {
        name: "certificate",
        kind: Text("an absolute path, PEM; with `https://` and `key`"),
        default: Absent("none"),
        changes: "what is shown to a server that wants to know who asks",
    },
    Key {
        name: "key",
        kind: Text(
            "a [secret](#secrets) in PEM: an absolute path, `credential:NAME` or `@kv:NAME`; with `certificate`",
        ),
        default: Absent("none"),
        changes: "its key",
    },
    Key {
        name: "silence",
        kind: Time(SECOND, 10 * MINUTE),
        default: Absent("`\"45s\"`; `\"75s\"` with `rest-api`"),
        changes: "after how long without a message or a keep-alive the connection counts as dead and is made anew",
    },
    Key {
        name: "socket",
        kind: Path(""),
        default: Is("\"/run/reeve-bridge/socket\""),
        changes: "where the gate finds it: `signal.socket` of `gate.toml`",
    },
    Key {
        name: "gate_user",
        kind: Text("a Unix user"),
        default: Is("\"reeve-gate\""),
        changes: "who is let in there, besides root",
    },
];
