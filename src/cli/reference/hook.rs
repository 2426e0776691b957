//! The keys of `hook.toml`.

use super::Default::{Absent, Is};
use super::Kind::{List, Path, Text, Time};
use super::{File, Key, MINUTE, SECOND};
use crate::cli::host::HookConfig;

pub(super) const FILE: File = File {
    mark: "hook.toml",
    keys: &[KEYS],
    read: |text| {
        HookConfig::parse("hook.toml", text)
            .map(|read| format!("{read:?}"))
            .map_err(|error| error.to_string())
    },
    least: &[("", "url = \"https://people.example.net/may-vote\"\n")],
};

const KEYS: &[Key] = &[
    Key {
        name: "command",
        kind: List("a program by its absolute path, and its arguments; this or `url`"),
        default: Absent("one of the two"),
        changes: "what is started for each confirmation, without a shell, as the hook's own user; root or that user must have written it",
    },
    Key {
        name: "url",
        kind: Text("`https://…`, or `http://` with `127.0.0.1` or `[::1]`; this or `command`"),
        default: Absent("one of the two"),
        changes: "where each confirmation is posted to",
    },
    Key {
        name: "user",
        kind: Text("a Unix user; with `http://`, which needs it"),
        default: Absent("none"),
        changes: "who runs what listens there: before anything is said the kernel must name this user",
    },
    Key {
        name: "ca",
        kind: Path("PEM; with `https://`"),
        default: Absent("`\"/etc/ssl/certs/ca-certificates.crt\"`"),
        changes: "the authorities that the server's certificate may be from",
    },
    Key {
        name: "timeout",
        kind: Time(SECOND, MINUTE),
        default: Is("\"5s\""),
        changes: "how long either may take; less than `identity_hook.timeout` of `gate.toml`",
    },
    Key {
        name: "socket",
        kind: Path(""),
        default: Is("\"/run/reeve-hook/socket\""),
        changes: "where the gate asks",
    },
    Key {
        name: "gate_user",
        kind: Text("a Unix user"),
        default: Is("\"reeve-gate\""),
        changes: "who may ask there, besides root",
    },
];
