//! The operations on Azure as agents find them.

use super::{MINUTES, REPLICAS};
use crate::operation::catalogue::{Entry, Field, optional, required};
use crate::operation::{Effect, Realm, Shape};

const fn entry(op: &'static str, effect: Effect, resource: Shape, about: &'static str) -> Entry {
    Entry { kind: "azure", op, effect, about, resource, realm: Realm::Azure, fields: &[] }
}

const SCALE: &[Field] = &[
    required("min", Shape::Number(0, REPLICAS), "as many replicas at least; 0 lets it sleep"),
    required("max", Shape::Number(1, REPLICAS), "as many at most"),
];

const ALLOW: &[Field] =
    &[optional("minutes", Shape::Number(1, MINUTES), "for how long; 60 when nobody says")];

pub(in crate::operation) static CATALOGUE: &[Entry] = &[
    entry("groups", Effect::Read, Shape::AzureSubscription, "Lists the resource groups of a subscription."),
    entry("resources", Effect::Read, Shape::AzureGroup, "Lists the resources of a resource group."),
    entry("app", Effect::Read, Shape::AzureApp, "Reads how a container app is: state, scale, revisions."),
    entry(
        "restart",
        Effect::Change,
        Shape::AzureApp,
        "Restarts a container app's active revisions, and waits until all of their replicas are new ones.",
    ),
    Entry {
        fields: SCALE,
        ..entry(
            "scale",
            Effect::Change,
            Shape::AzureApp,
            "Sets how many replicas a container app has at least and at most.",
        )
    },
    entry(
        "delete",
        Effect::Destroy,
        Shape::AzureTarget,
        "Deletes a resource, or all that is claimed of a resource group, for good: only what both this host's own list and a tag at Azure claim for it.",
    ),
    Entry {
        fields: ALLOW,
        ..entry(
            "keyvault-allow-ip",
            Effect::Change,
            Shape::AzureApp,
            "Opens a vault's firewall to this host's own address, for a while.",
        )
    },
    entry(
        "keyvault-remove-ip",
        Effect::Change,
        Shape::AzureApp,
        "Takes away what this host added to a vault's firewall, and nothing else.",
    ),
];
