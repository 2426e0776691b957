//! The keys of `secrets.toml`, and of `[azure]`, which others have, too.

use super::Default::{Absent, Is, Needed};
use super::Kind::{List, Path, Text, Time};
use super::{File, Key, SECOND};
use crate::vault::VaultsConfig;

pub(super) const FILE: File = File {
    mark: "secrets.toml",
    keys: &[KEYS, CHAIN, SECRETS, AZURE],
    read: |text| {
        VaultsConfig::parse("secrets.toml", text)
            .map(|read| format!("{read:?}"))
            .map_err(|error| error.to_string())
    },
    least: &[("vault.x", "url = \"https://x.vault.azure.net\"\n")],
};

const KEYS: &[Key] = &[
    Key {
        name: "directory",
        kind: Path(""),
        default: Is("\"/run/reeve-secrets\""),
        changes: "where values are put. Elsewhere than in the installed place, `secrets.directory` of those who need them has to say the same",
    },
    Key {
        name: "user",
        kind: Text("a Unix user"),
        default: Is("\"reeve-secrets\""),
        changes: "who fetches; what belongs to anybody else but root is not read. The same as `secrets.user` there",
    },
    Key {
        name: "examine.management",
        kind: Text("`https://` and a name"),
        default: Is("\"https://management.azure.com\""),
        changes: "who knows about roles; another one in national clouds",
    },
    Key {
        name: "examine.scopes",
        kind: List("resource ids"),
        default: Is("[]"),
        changes: "where the host may have roles besides those for its secrets",
    },
    Key {
        name: "vault.NAME.url",
        kind: Text("`https://` and a name; NAME of 1 to 64 of `a-z 0-9 -`"),
        default: Needed,
        changes: "the vault's address. A reference without a vault means the only one",
    },
    Key {
        name: "vault.NAME.id",
        kind: Text("a vault's resource id"),
        default: Absent("roles cannot be looked at"),
        changes: "where the vault is: by it roles are asked for and written down for [enrolling](azure.md#enrolling)",
    },
    Key {
        name: "vault.NAME.canary",
        kind: Text("the name of a secret"),
        default: Absent("nothing is shown of the vault"),
        changes: "what is read to show that the vault can be; its value is no secret",
    },
    Key {
        name: "vault.NAME.forbidden",
        kind: List("names of secrets"),
        default: Is("[]"),
        changes: "what is tried to be read, and must not be",
    },
];

const CHAIN: &[Key] = &[Key {
    name: "azure.credentials",
    kind: List("`workload`, `managed`, `environment`, `cli`"),
    default: Is("[\"workload\", \"managed\", \"environment\"]"),
    changes: "[what is tried](azure.md#credentials) to say who the host is, in this order; the first that is set up is used, and told",
}];

/// By what who acts is known.
pub(super) const ONE: &[Key] = &[Key {
    name: "azure.credentials",
    kind: List("one of `workload`, `managed`, `environment`, `cli`"),
    default: Needed,
    changes: "[by what](azure.md#credentials) the host is known; no other one is ever taken in its place",
}];

/// What a service principal shows that it is the one.
pub(super) const SECRETS: &[Key] = &[
    Key {
        name: "azure.client_secret",
        kind: Text("a file or a credential"),
        default: Absent("none"),
        changes: "the secret of the service principal, which then stands in no environment",
    },
    Key {
        name: "azure.client_certificate",
        kind: Text("a file or a credential, PEM"),
        default: Absent("none"),
        changes: "instead of a secret: its certificate with its RSA key. The key signs a statement that is good for minutes, and goes nowhere",
    },
];

/// As whom Azure is asked.
pub(super) const AZURE: &[Key] = &[
    Key {
        name: "azure.client_id",
        kind: Text(""),
        default: Absent("the machine's only one"),
        changes: "the client id of a managed identity that the machine was assigned, where it has several",
    },
    Key {
        name: "azure.authority",
        kind: Text("`https://` and a name"),
        default: Is("\"https://login.microsoftonline.com\""),
        changes: "who says who the host is; another one in national clouds",
    },
    Key {
        name: "azure.ca",
        kind: Path("PEM"),
        default: Is("\"/etc/ssl/certs/ca-certificates.crt\""),
        changes: "the authorities that servers' certificates may be from",
    },
    Key {
        name: "azure.patience",
        kind: Time(SECOND, 30 * SECOND),
        default: Is("\"20s\""),
        changes: "how long one answer may take, with all that is tried for it",
    },
];
