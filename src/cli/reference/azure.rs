//! The keys of `azure.toml`.

use super::Default::{Absent, Is, Needed};
use super::Kind::{List, Number, Path, Table, Text};
use super::vaults::AZURE;
use super::{File, Key};
use crate::arm::ArmConfig;

pub(super) const FILE: File = File {
    mark: "azure.toml",
    keys: &[KEYS, AZURE],
    read: |text| {
        ArmConfig::parse("azure.toml", text)
            .map(|read| format!("{read:?}"))
            .map_err(|error| error.to_string())
    },
    least: &[
        (
            "",
            "azure.credentials = [\"managed\"]\nsubscriptions = { x = \"11111111-2222-3333-4444-555555555555\" }\n",
        ),
        ("azure", "credentials = [\"managed\"]\n"),
        ("claims", "value = \"x\"\n"),
        ("firewall", "address = \"20.1.2.3\"\n"),
    ],
};

const KEYS: &[Key] = &[
    Key {
        name: "manager",
        kind: Text("`https://` and a name"),
        default: Is("\"https://management.azure.com\""),
        changes: "Azure Resource Manager; another one in national clouds",
    },
    Key {
        name: "subscriptions",
        kind: Table("names of 1 to 32 of `a-z 0-9 -`, each with a subscription's id"),
        default: Needed,
        changes: "what operations call each subscription. Others cannot be asked about; at least one is needed",
    },
    Key {
        name: "claims.tag",
        kind: Text("the name of a tag"),
        default: Is("\"reeve-host\""),
        changes: "the tag by which a resource says whose it is. Without `[claims]` nothing is [deleted](azure-operations.md#deleting)",
    },
    Key {
        name: "claims.value",
        kind: Text("1 to 256 characters"),
        default: Needed,
        changes: "what the tag says of this host's",
    },
    Key {
        name: "firewall.address",
        kind: Text("an IPv4 address, or a network as `20.1.2.0/29`"),
        default: Absent("one of `address` and `sources` is needed"),
        changes: "this host's own address in the world, which alone [vaults let in](azure-operations.md#a-vaults-firewall)",
    },
    Key {
        name: "firewall.sources",
        kind: List("two addresses with `https://`, of different names"),
        default: Absent("one of `address` and `sources` is needed"),
        changes: "servers that say from where they are asked, in plain text, and have to agree; certificates are checked against `azure.ca`",
    },
    Key {
        name: "firewall.widest",
        kind: Number(24, 32, "bits"),
        default: Is("32"),
        changes: "how wide a network may be",
    },
    Key {
        name: "versions",
        kind: Table(
            "kinds of resources in small letters, each with `YYYY-MM-DD`, with `-preview` or without",
        ),
        default: Absent("none: Azure is asked"),
        changes: "by which version a kind of resources is spoken to",
    },
    Key {
        name: "examine.scopes",
        kind: List("resource ids"),
        default: Is("[]"),
        changes: "where the identity may have roles; without any, in the subscriptions that are named",
    },
    Key {
        name: "environment",
        kind: Table("`AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_FEDERATED_TOKEN_FILE`"),
        default: Absent("none"),
        changes: "what a workload or service principal is called, since a wrapper hands on no environment",
    },
    Key {
        name: "azure.credentials",
        kind: List("one of `workload`, `managed`, `environment`"),
        default: Needed,
        changes: "[by what](azure.md#credentials) the host is known; no other one is ever taken in its place",
    },
    Key {
        name: "azure.client_secret",
        kind: Path("which `reeve-azure` can read"),
        default: Absent("none"),
        changes: "the secret of the service principal; a wrapper hands on no credentials of systemd's",
    },
    Key {
        name: "azure.client_certificate",
        kind: Path("PEM, which `reeve-azure` can read"),
        default: Absent("none"),
        changes: "instead of a secret: its certificate with its RSA key. The key signs a statement that is good for minutes, and goes nowhere",
    },
];
