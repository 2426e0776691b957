//! The keys of `gate.toml` about the channel to people, and about who they are.

use super::Default::{Absent, Is, Needed};
use super::Kind::{List, Path, Text, Time};
use super::{DAY, HOUR, Key};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "signal.socket",
        kind: Path(""),
        default: Needed,
        changes: "signal-cli's JSON-RPC socket. Without `[signal]` there is no channel",
    },
    Key {
        name: "signal.account",
        kind: Text("as the daemon names it"),
        default: Needed,
        changes: "the host's own account",
    },
    Key {
        name: "signal.uuid",
        kind: Text("a UUID"),
        default: Needed,
        changes: "that account's ACI: by it, a quotation is known to be of our own message",
    },
    Key {
        name: "signal.user",
        kind: Text("a Unix user that exists"),
        default: Needed,
        changes: "who must be at that socket's other end; nobody else's word is a vote",
    },
    Key {
        name: "signal.canary",
        kind: Time(0, DAY),
        default: Is("\"1h\""),
        changes: "how often the account writes a note to itself: what the server does not take is told before somebody has to be asked. `\"0s\"` is never",
    },
    Key {
        name: "signal.delivered_within",
        kind: Time(0, HOUR),
        default: Is("\"2m\""),
        changes: "how long a question may be on its way before it is told that it is on nobody's phone. `\"0s\"` tells nobody",
    },
    Key {
        name: "approver.name",
        kind: Text("1 to 32 of `a-z 0-9 . _ -`, not beginning with a sign"),
        default: Needed,
        changes: "what the person is called; excluded by that name from what they asked for themselves. Any number of `[[approver]]`",
    },
    Key {
        name: "approver.uuid",
        kind: Text("a UUID"),
        default: Needed,
        changes: "the Signal account that votes as this person",
    },
    Key {
        name: "approver.fingerprint",
        kind: Text("64 or 66 hexadecimal digits, blanks and colons allowed"),
        default: Needed,
        changes: "the identity key that must be that account's newest when a confirmation is counted",
    },
    Key {
        name: "approver.unix_user",
        kind: Text("not `root`"),
        default: Absent("nobody"),
        changes: "the Unix user who votes as this person on the host",
    },
    Key {
        name: "approver.groups",
        kind: List("names as above"),
        default: Is("[]"),
        changes: "which rules' `group` the person is in. A rule without a group takes anybody",
    },
];
