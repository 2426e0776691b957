//! The keys of `azure.toml`.

use super::Default::{Absent, Is, Needed};
use super::Kind::{List, Table, Text};
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
    least: &[("", "subscriptions = { x = \"11111111-2222-3333-4444-555555555555\" }\n")],
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
];
