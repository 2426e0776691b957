//! The catalogue's part on ZFS.

use crate::operation::catalogue::{Entry, Field, optional, required};
use crate::operation::{Effect, Realm, Shape};

const fn read(op: &'static str, resource: Shape, fields: &'static [Field], about: &'static str) -> Entry {
    Entry { kind: "zfs", op, effect: Effect::Read, about, resource, realm: realm_of(resource), fields }
}

const fn change(op: &'static str, resource: Shape, fields: &'static [Field], about: &'static str) -> Entry {
    Entry { kind: "zfs", op, effect: Effect::Change, about, resource, realm: realm_of(resource), fields }
}

const fn destroy(op: &'static str, resource: Shape, fields: &'static [Field], about: &'static str) -> Entry {
    Entry { kind: "zfs", op, effect: Effect::Destroy, about, resource, realm: realm_of(resource), fields }
}

const fn realm_of(resource: Shape) -> Realm {
    if matches!(resource, Shape::Pool) { Realm::Pool } else { Realm::Dataset }
}

const TYPES: Shape = Shape::ListOf(&["filesystem", "volume", "snapshot", "bookmark"]);
const PROPERTIES: Field = optional("properties", Shape::Settings, "properties from the beginning");

/// The operations, in the order of the documentation.
pub(in crate::operation) static CATALOGUE: &[Entry] = &[
    read(
        "list",
        Shape::Dataset,
        &[
            optional("recursive", Shape::Switch, "everything below too"),
            optional("types", TYPES, "what to list; filesystems and volumes when absent"),
        ],
        "Lists datasets, snapshots and bookmarks at and below a dataset.",
    ),
    read(
        "get",
        Shape::Target,
        &[optional("properties", Shape::PropertyNames, "which; those used most when absent")],
        "Reads properties with their sources.",
    ),
    read(
        "diff",
        Shape::Snapshot,
        &[optional("to", Shape::Short, "a later snapshot of the same dataset; now when absent")],
        "Lists files that changed since a snapshot.",
    ),
    read("pool-status", Shape::Pool, &[], "Reads a pool's health, devices and errors."),
    change(
        "snapshot",
        Shape::Dataset,
        &[
            required("name", Shape::Short, "the snapshot's short name"),
            optional("recursive", Shape::Switch, "of everything below too"),
        ],
        "Takes a snapshot.",
    ),
    change(
        "create",
        Shape::Dataset,
        &[optional("size", Shape::Size, "makes a volume of that many bytes"), PROPERTIES],
        "Creates a filesystem or a volume.",
    ),
    change(
        "clone",
        Shape::Snapshot,
        &[required("target", Shape::Dataset, "the new dataset"), PROPERTIES],
        "Makes a writable dataset of a snapshot.",
    ),
    change(
        "set",
        Shape::Dataset,
        &[required("property", Shape::Property, "which"), required("value", Shape::Value, "to what")],
        "Sets a property.",
    ),
    change(
        "rename",
        Shape::DatasetOrSnapshot,
        &[required("to", Shape::NewName, "a dataset's whole new name, a snapshot's short one")],
        "Renames a dataset or a snapshot.",
    ),
    change(
        "hold",
        Shape::Snapshot,
        &[required("tag", Shape::Tag, "the hold's tag")],
        "Keeps a snapshot from being destroyed.",
    ),
    change(
        "release",
        Shape::Snapshot,
        &[required("tag", Shape::Tag, "the hold's tag")],
        "Takes a hold away.",
    ),
    change(
        "bookmark",
        Shape::Snapshot,
        &[required("name", Shape::Short, "the bookmark's short name")],
        "Makes a bookmark of a snapshot.",
    ),
    change(
        "scrub",
        Shape::Pool,
        &[optional("action", Shape::Words(&["start", "pause", "stop"]), "start when absent")],
        "Starts, pauses or stops the check of every block of a pool.",
    ),
    destroy(
        "rollback",
        Shape::Snapshot,
        &[optional(
            "destroy_newer",
            Shape::Switch,
            "destroy younger snapshots and bookmarks, which OpenZFS demands",
        )],
        "Takes a dataset back to a snapshot.",
    ),
    destroy(
        "destroy",
        Shape::Target,
        &[
            optional("recursive", Shape::Switch, "what lies below and its snapshots too"),
            optional("clones", Shape::Switch, "clones of its snapshots too"),
            optional(
                "quarantine",
                Shape::Switch,
                "move it into the pool's quarantine instead, from where rename brings it back",
            ),
        ],
        "Destroys a dataset, snapshot or bookmark.",
    ),
    destroy("purge", Shape::Quarantined, &[], "Destroys a dataset in quarantine for good."),
];
