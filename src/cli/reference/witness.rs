//! The keys of `witness.toml`.

use super::Default::{Absent, Is, Needed};
use super::Kind::{Path, Text, Time};
use super::{DAY, File, Key, SECOND};
use crate::audit::peers::WitnessConfig;

pub(super) const FILE: File = File {
    mark: "witness.toml",
    keys: &[KEYS],
    read: |text| {
        WitnessConfig::parse("witness.toml", text)
            .map(|read| format!("{read:?}"))
            .map_err(|error| error.to_string())
    },
    least: &[
        (
            "",
            "[[peer]]\nname = \"host02\"\nlog = \"host02/reeve+a96ad6e5+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea\"\n",
        ),
        (
            "peer",
            "name = \"host02\"\nlog = \"host02/reeve+a96ad6e5+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea\"\n",
        ),
    ],
};

const KEYS: &[Key] = &[
    Key {
        name: "user",
        kind: Text("a Unix user"),
        default: Is("\"reeve-witness\""),
        changes: "who takes this host's checkpoints to the others; the gate lets it do nothing else",
    },
    Key {
        name: "every",
        kind: Time(10 * SECOND, DAY),
        default: Is("\"5m\""),
        changes: "how often each is asked when something was recorded, besides at each outcome that people are told of",
    },
    Key {
        name: "patience",
        kind: Time(0, 30 * SECOND),
        default: Is("\"2s\""),
        changes: "how long a message with a checkpoint waits for what they say of it",
    },
    Key {
        name: "ca",
        kind: Path("PEM"),
        default: Is("\"/etc/reeve/witness/ca.crt\""),
        changes: "the authorities that their certificates may be from",
    },
    Key {
        name: "certificate",
        kind: Path("PEM"),
        default: Is("\"/etc/reeve/witness/own.crt\""),
        changes: "what they are shown: a certificate that `[[identity]]` in their `reeved.toml` takes for this host",
    },
    Key {
        name: "key",
        kind: Text("a [secret](#secrets) in PEM: an absolute path, `credential:NAME` or `@kv:NAME`"),
        default: Is("\"/etc/reeve/witness/own.key\""),
        changes: "its key",
    },
    Key {
        name: "peer.name",
        kind: Text("a principal"),
        default: Needed,
        changes: "what the other host is called here: the principal that `[[identity]]` in `reeved.toml` takes its certificate for",
    },
    Key {
        name: "peer.url",
        kind: Text("`https://…`; with `peer.witness`"),
        default: Absent("it is not asked"),
        changes: "where its `reeved` is",
    },
    Key {
        name: "peer.witness",
        kind: Text("a key, with `peer.url`"),
        default: Absent("it is not asked"),
        changes: "the key by which it says that it has seen a checkpoint, as `reeve audit key --witness` shows it there",
    },
    Key {
        name: "peer.log",
        kind: Text("a key"),
        default: Absent("one of `log` and `url`"),
        changes: "the key of its log, as `reeve audit key` shows it there: its checkpoints are cosigned as long as it only grows",
    },
];
