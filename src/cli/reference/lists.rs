//! The keys of `lists.toml`.

use super::Default::{Absent, Is, Needed};
use super::Kind::{Number, Path, Text, Time, Words};
use super::{DAY, File, Key, MINUTE};
use crate::domains::config::ListsConfig;

pub(super) const FILE: File = File {
    mark: "lists.toml",
    keys: &[KEYS],
    read: |text| {
        ListsConfig::parse("lists.toml", text)
            .map(|read| format!("{read:?}"))
            .map_err(|error| error.to_string())
    },
    least: &[("list", "name = \"malware\"\nurl = \"https://lists.example.net/malware.txt\"\n")],
};

const KEYS: &[Key] = &[
    Key {
        name: "user",
        kind: Text("a Unix user"),
        default: Is("\"reeve-lists\""),
        changes: "who fetches; what belongs to anybody else but root is not read",
    },
    Key {
        name: "directory",
        kind: Path(""),
        default: Is("\"/var/lib/reeve-lists\""),
        changes: "where what was fetched is put, as `NAME.list`",
    },
    Key {
        name: "list.name",
        kind: Text("1 to 64 letters, digits and `_ . -`"),
        default: Needed,
        changes: "what policies call it",
    },
    Key {
        name: "list.file",
        kind: Text("an absolute path; this or `url`"),
        default: Absent("one of the two"),
        changes: "a file of root's",
    },
    Key {
        name: "list.url",
        kind: Text("`https://…`, without user and password"),
        default: Absent("one of the two"),
        changes: "where it is fetched from, over TLS 1.3",
    },
    Key {
        name: "list.ca",
        kind: Path("PEM; with `url`"),
        default: Is("\"/etc/ssl/certs/ca-certificates.crt\""),
        changes: "the authorities that the server's certificate may be from",
    },
    Key {
        name: "list.refresh",
        kind: Time(MINUTE, 30 * DAY),
        default: Is("\"24h\""),
        changes: "how often it is fetched, or how often the file is looked at",
    },
    Key {
        name: "list.max_megabytes",
        kind: Number(1, 256, "MB"),
        default: Is("32"),
        changes: "how large it may be",
    },
    Key {
        name: "list.max_entries",
        kind: Number(1, 5_000_000, ""),
        default: Is("500000"),
        changes: "how many entries it may have",
    },
    Key {
        name: "list.max_patterns",
        kind: Number(0, 10_000, ""),
        default: Is("1000"),
        changes: "how many of them may be patterns",
    },
    Key {
        name: "list.tools",
        kind: Words(&["any", "never"]),
        default: Is("\"any\""),
        changes: "with `never`, [no tool reaches](domains.md#what-tools-reach) what is in it",
    },
    Key {
        name: "list.least_of_last",
        kind: Number(0, 100, "of a hundred"),
        default: Is("50"),
        changes: "how many entries of a hundred there must be of as many as the last good one had. To accept a list that really shrank, set it lower and reload",
    },
];
