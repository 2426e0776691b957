//! The keys of `alarms.toml`.

use super::Default::{Absent, Is, Needed};
use super::Kind::{List, Number, Path, Text, Time};
use super::{DAY, File, HOUR, Key, SECOND};
use crate::alarm::config::AlarmsConfig;

/// Nobody is told by no way, so that a file has at least one.
const WEBHOOK: &str = "name = \"ops\"\nurl = \"https://hooks.example.net/reeve\"\nkey = \"/k\"\n";

pub(super) const FILE: File = File {
    mark: "alarms.toml",
    keys: &[KEYS],
    read: |text| {
        AlarmsConfig::parse("alarms.toml", text)
            .map(|read| format!("{read:?}"))
            .map_err(|error| error.to_string())
    },
    least: &[
        ("", "[[webhook]]\nname = \"ops\"\nurl = \"https://hooks.example.net/reeve\"\nkey = \"/k\"\n"),
        ("webhook", WEBHOOK),
        ("ntfy", "name = \"phones\"\nurl = \"https://ntfy.example.net\"\ntopic = \"reeve\"\n"),
        (
            "mail",
            "name = \"oncall\"\nserver = \"smtps://mail.example.net\"\nfrom = \"reeve@h.example\"\n\
             to = [\"oncall@h.example\"]\nuser = \"reeve\"\npassword = \"/p\"\n",
        ),
    ],
};

const CA: Key = Key {
    name: "webhook.ca",
    kind: Path(""),
    default: Is("\"/etc/ssl/certs/ca-certificates.crt\""),
    changes: "the authorities that the server's certificate may be from",
};

const KEYS: &[Key] = &[
    Key {
        name: "user",
        kind: Text("a Unix user"),
        default: Is("\"reeve-alarms\""),
        changes: "who delivers; of nobody else but root is believed what became of an alarm",
    },
    Key {
        name: "directory",
        kind: Path(""),
        default: Is("\"/var/lib/reeve-alarms\""),
        changes: "where `waiting` and `told` are",
    },
    Key {
        name: "secrets.directory",
        kind: Path(""),
        default: Is("\"/run/reeve-secrets\""),
        changes: "where [what was fetched from vaults](azure.md#secretstoml) is",
    },
    Key {
        name: "secrets.user",
        kind: Text("a Unix user"),
        default: Is("\"reeve-secrets\""),
        changes: "who fetches: what belongs to anybody else but root is not read",
    },
    Key {
        name: "down_for",
        kind: Time(0, HOUR),
        default: Is("\"30s\""),
        changes: "how long a trouble lasts before it is told: signal-cli may be restarted",
    },
    Key {
        name: "quiet_for",
        kind: Time(0, DAY),
        default: Is("\"10m\""),
        changes: "for how long the same is not told again",
    },
    Key {
        name: "expires_after",
        kind: Time(10 * SECOND, 7 * DAY),
        default: Is("\"1h\""),
        changes: "how long it is tried to deliver an alarm",
    },
    Key {
        name: "least_reachable",
        kind: Number(0, 100, ""),
        default: Is("1"),
        changes: "how many approvers should be in reach",
    },
    Key {
        name: "most_waiting",
        kind: Number(1, 1_000, ""),
        default: Is("100"),
        changes: "how many alarms may wait; more are dropped and counted",
    },
    Key {
        name: "webhook.name",
        kind: Text("1 to 32 of `a-z 0-9 _ -`"),
        default: Needed,
        changes: "what the way is called in the log; no two have one name",
    },
    Key {
        name: "webhook.url",
        kind: Text("`https://…`, or `http://` for `127.0.0.1` and `::1`"),
        default: Needed,
        changes: "where it is posted to, over TLS 1.3",
    },
    Key {
        name: "webhook.key",
        kind: Text("a [secret](#secrets): an absolute path, `credential:NAME` or `@kv:NAME`"),
        default: Needed,
        changes: "the key that signs: `whsec_` and 24 to 64 bytes in base64",
    },
    CA,
    Key { name: "ntfy.name", kind: Text("as `webhook.name`"), default: Needed, changes: "the same" },
    Key { name: "ntfy.url", kind: Text("as `webhook.url`"), default: Needed, changes: "the server" },
    Key {
        name: "ntfy.topic",
        kind: Text("1 to 64 letters, digits, `_`, `-`"),
        default: Needed,
        changes: "the topic",
    },
    Key {
        name: "ntfy.token",
        kind: Text("a [secret](#secrets)"),
        default: Absent("none"),
        changes: "the access token",
    },
    Key { name: "ntfy.ca", ..CA },
    Key { name: "mail.name", kind: Text("as `webhook.name`"), default: Needed, changes: "the same" },
    Key {
        name: "mail.server",
        kind: Text("`smtps://HOST[:PORT]`, or `smtp://127.0.0.1[:PORT]`"),
        default: Needed,
        changes: "the mail server, over TLS 1.3 from the first byte; or the one on this host",
    },
    Key { name: "mail.from", kind: Text("an address"), default: Needed, changes: "from whom" },
    Key { name: "mail.to", kind: List("1 to 20 addresses"), default: Needed, changes: "to whom" },
    Key {
        name: "mail.user",
        kind: Text("a name"),
        default: Absent("one of two; neither"),
        changes: "with `password`: how to log in",
    },
    Key {
        name: "mail.password",
        kind: Text("a [secret](#secrets)"),
        default: Absent("one of two; neither"),
        changes: "with `user`: how to log in",
    },
    Key { name: "mail.ca", ..CA },
];
