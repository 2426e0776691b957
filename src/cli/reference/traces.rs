//! The keys of `traces.toml`.

use super::Default::{Absent, Is, Needed};
use super::Kind::{List, Number, Path, Text, Time};
use super::{File, HOUR, Key, SECOND};
use crate::trace::config::TracesConfig;

pub(super) const FILE: File = File {
    mark: "traces.toml",
    keys: &[KEYS],
    read: |text| {
        TracesConfig::parse("traces.toml", text)
            .map(|read| format!("{read:?}"))
            .map_err(|error| error.to_string())
    },
    least: &[("", "endpoint = \"https://otel.example.net:4318/v1/traces\"\n")],
};

const KEYS: &[Key] = &[
    Key {
        name: "endpoint",
        kind: Text("`https://…`, or `http://` for `127.0.0.1` and `::1`"),
        default: Needed,
        changes: "where the collector takes traces, over OTLP/HTTP with JSON and TLS 1.3; most have them at `/v1/traces`",
    },
    Key {
        name: "ca",
        kind: Path(""),
        default: Is("\"/etc/ssl/certs/ca-certificates.crt\""),
        changes: "the authorities that the collector's certificate may be from",
    },
    Key {
        name: "token",
        kind: Text("a [secret](#secrets): an absolute path, `credential:NAME` or `@kv:NAME`"),
        default: Absent("none"),
        changes: "the token that is sent as `Authorization: Bearer`",
    },
    Key {
        name: "user",
        kind: Text("a Unix user"),
        default: Is("\"reeve-traces\""),
        changes: "who sends; spans are handed to nobody else",
    },
    Key {
        name: "socket",
        kind: Path(""),
        default: Is("\"/run/reeve-traces/spans.sock\""),
        changes: "where that one takes spans",
    },
    Key {
        name: "senders",
        kind: List("1 to 8 Unix users"),
        default: Is("[\"reeve\", \"reeve-gate\"]"),
        changes: "whose spans it takes",
    },
    Key {
        name: "queue",
        kind: Number(16, 65_536, ""),
        default: Is("2048"),
        changes: "how many spans may wait in each process; more are dropped and counted",
    },
    Key {
        name: "sample",
        kind: Number(0, 1, "any between"),
        default: Is("1.0"),
        changes: "the share of traces that are kept of those of which no caller says whether they are",
    },
    Key {
        name: "expires_after",
        kind: Time(SECOND, HOUR),
        default: Is("\"5m\""),
        changes: "how long it is tried to send spans",
    },
];
