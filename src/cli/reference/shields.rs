//! The keys of `[shields]` in `gate.toml`.

use super::Default::Is;
use super::Kind::{Path, Text, Time, Words};
use super::{Key, MINUTE, SECOND};

const SHIELDED: &[&str] = &["off", "review", "deny"];

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "shields.reasons",
        kind: Words(SHIELDED),
        default: Is("\"off\""),
        changes: "whether [Prompt Shields](shields.md) are asked about reasons, and what an attack in one means",
    },
    Key {
        name: "shields.arguments",
        kind: Words(SHIELDED),
        default: Is("\"off\""),
        changes: "the same for arguments",
    },
    Key {
        name: "shields.output",
        kind: Words(SHIELDED),
        default: Is("\"off\""),
        changes: "the same for what comes back: `deny` withholds it, `review` marks it",
    },
    Key {
        name: "shields.unsure",
        kind: Words(&["review", "deny"]),
        default: Is("\"review\""),
        changes: "what it means that they could not say: no answer in time, none that says it, no token, no process",
    },
    Key {
        name: "shields.patience",
        kind: Time(SECOND, MINUTE),
        default: Is("\"3s\""),
        changes: "how long an answer is waited for",
    },
    Key {
        name: "shields.socket",
        kind: Path(""),
        default: Is("\"/run/reeve-shields/socket\""),
        changes: "where the process that asks them listens",
    },
    Key {
        name: "shields.user",
        kind: Text("a Unix user that exists, where any of them is asked about"),
        default: Is("\"reeve-shields\""),
        changes: "whose that process is: another's answer is none",
    },
];
