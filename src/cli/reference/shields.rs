//! The keys of `[shields]` in `gate.toml`, and of `shields.toml`.

use super::Default::{Is, Needed};
use super::Kind::{Number, Path, Text, Time, Words};
use super::vaults::{AZURE, ONE, SECRETS};
use super::{DAY, File, Key, MINUTE, SECOND};
use crate::shield::ShieldsConfig;

pub(super) const FILE: File = File {
    mark: "shields.toml",
    keys: &[OWN, ONE, SECRETS, AZURE],
    read: |text| {
        ShieldsConfig::parse("shields.toml", text)
            .map(|read| format!("{read:?}"))
            .map_err(|error| error.to_string())
    },
    least: &[
        ("", "azure.credentials = [\"managed\"]\nendpoint = \"https://x.cognitiveservices.azure.com\"\n"),
        ("azure", "credentials = [\"managed\"]\n"),
    ],
};

const OWN: &[Key] = &[
    Key {
        name: "endpoint",
        kind: Text("`https://` and a name"),
        default: Needed,
        changes: "the resource's own address",
    },
    Key {
        name: "socket",
        kind: Path(""),
        default: Is("\"/run/reeve-shields/socket\""),
        changes: "where the gate asks. Elsewhere than in the installed place, `shields.socket` in `gate.toml` has to say the same",
    },
    Key {
        name: "gate_user",
        kind: Text("a Unix user"),
        default: Is("\"reeve-gate\""),
        changes: "who may ask, besides root",
    },
    Key {
        name: "at_once",
        kind: Number(1, 64, ""),
        default: Is("8"),
        changes: "how many pieces are asked about at once; the resource's tier says how many it takes in a second",
    },
    Key {
        name: "cache_entries",
        kind: Number(0, 1_000_000, ""),
        default: Is("10000"),
        changes: "how many answers are kept",
    },
    Key { name: "cache_for", kind: Time(0, DAY), default: Is("\"1h\""), changes: "for how long" },
];

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
