//! The keys of `reeved.toml`.

use super::Default::{Absent, Is, Needed};
use super::Kind::{Flag, Number, Path, Text, Time};
use super::{File, HOUR, Key};
use crate::api::Settings;

const MOST: u64 = 1_000_000;
const TENTH: u64 = 100;

pub(super) const FILE: File = File {
    mark: "reeved.toml",
    keys: &[KEYS],
    read: |text| {
        Settings::parse("reeved.toml", text)
            .map(|read| format!("{read:?}"))
            .map_err(|error| error.to_string())
    },
    least: &[
        (
            "",
            "listen = \"127.0.0.1:8443\"\nallow_cn = true\n[tls]\ncertificate = \"/c\"\nkey = \"/k\"\nclient_ca = \"/a\"\n",
        ),
        ("tls", "certificate = \"/c\"\nkey = \"/k\"\nclient_ca = \"/a\"\n"),
        ("identity", "dns = \"agent.example\"\nprincipal = \"librarian\"\n"),
    ],
};

const KEYS: &[Key] = &[
    Key {
        name: "listen",
        kind: Text("an address and a port"),
        default: Needed,
        changes: "where agents connect, over TLS 1.3 with a client certificate, HTTP/1.1 or HTTP/2. Needs a restart",
    },
    Key {
        name: "metrics_listen",
        kind: Text("a loopback address and a port"),
        default: Absent("over TLS only"),
        changes: "where `GET /metrics`, and nothing else, is answered without TLS; over TLS it is for the roles `metrics` and `admin`. Needs a restart",
    },
    Key {
        name: "gate_socket",
        kind: Path(""),
        default: Is("\"/run/reeve/gate.sock\""),
        changes: "where the gate is reached. Needs a restart",
    },
    Key {
        name: "gate_user",
        kind: Text("a Unix user that exists"),
        default: Is("\"reeve-gate\""),
        changes: "who must be at that socket's other end; another is told nothing. Needs a restart",
    },
    Key {
        name: "log",
        kind: Text("as in `gate.toml`"),
        default: Is("\"info\""),
        changes: "what goes to standard error",
    },
    Key {
        name: "traces",
        kind: Path(""),
        default: Is("\"/etc/reeve/traces.toml\""),
        changes: "the file that says [where traces go](traces.md); without it there are none",
    },
    Key {
        name: "allow_cn",
        kind: Flag,
        default: Is("false"),
        changes: "whether an `[[identity]]` may go by common name, which many CAs put into certificates unchecked",
    },
    Key {
        name: "tls.certificate",
        kind: Path("PEM"),
        default: Needed,
        changes: "the server's chain, its own certificate first",
    },
    Key {
        name: "tls.key",
        kind: Text("a [secret](#secrets) in PEM: an absolute path, `credential:NAME` or `@kv:NAME`"),
        default: Needed,
        changes: "its key. A [credential](hardening.md#keys-that-only-root-can-read) is as it was at the start of `reeved`: another key needs a restart",
    },
    Key {
        name: "tls.client_ca",
        kind: Path("PEM"),
        default: Needed,
        changes: "the authorities that issue callers' certificates themselves; intermediates that a caller sends are not looked at",
    },
    Key {
        name: "tls.crl",
        kind: Path("PEM"),
        default: Absent("nothing is ever revoked"),
        changes: "their revocation lists. When it is given, an authority without a list there, or with one past its end, has all its callers refused. Read again within seconds after the file changes",
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
        name: "limits.connections",
        kind: Number(1, MOST, ""),
        default: Is("1024"),
        changes: "how many connections there are at once",
    },
    Key {
        name: "limits.connections_per_principal",
        kind: Number(1, MOST, ""),
        default: Is("64"),
        changes: "how many of them one principal may have",
    },
    Key {
        name: "limits.requests_per_second",
        kind: Number(1, MOST, "requests in a second"),
        default: Is("100"),
        changes: "how often a principal may ask in the long run; more is 429 with `Retry-After`",
    },
    Key {
        name: "limits.burst",
        kind: Number(1, MOST, "requests"),
        default: Is("200"),
        changes: "how many requests it may make at once before that counts",
    },
    Key {
        name: "limits.handshake_timeout",
        kind: Time(TENTH, HOUR),
        default: Is("\"10s\""),
        changes: "how long a TLS handshake may take",
    },
    Key {
        name: "limits.header_timeout",
        kind: Time(TENTH, HOUR),
        default: Is("\"10s\""),
        changes: "how long the head of a request may take once it has begun",
    },
    Key {
        name: "limits.body_timeout",
        kind: Time(TENTH, HOUR),
        default: Is("\"30s\""),
        changes: "how long its body may take; a body is 64 KiB at most",
    },
    Key {
        name: "limits.idle_timeout",
        kind: Time(TENTH, HOUR),
        default: Is("\"120s\""),
        changes: "how long a connection may stay between two requests. None lasts longer than an hour",
    },
    Key {
        name: "identity.uri",
        kind: Text(
            "of `uri`, `dns` and `cn` exactly one; compared exactly, without patterns; no value twice",
        ),
        default: Absent("one of the three"),
        changes: "the URI in a certificate's subject alternative names by which its holder is known. The first `[[identity]]` that matches counts; without one nobody gets in",
    },
    Key {
        name: "identity.dns",
        kind: Text("the same"),
        default: Absent("one of the three"),
        changes: "the DNS name there",
    },
    Key {
        name: "identity.cn",
        kind: Text("the same"),
        default: Absent("one of the three"),
        changes: "the common name; needs `allow_cn`",
    },
    Key {
        name: "identity.principal",
        kind: Text("as in contracts"),
        default: Needed,
        changes: "who that is. What a principal may do is in `contracts/NAME.toml`",
    },
];
