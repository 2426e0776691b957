//! The operations on containers as agents find them.

use super::{Feature, parse};
use crate::operation::catalogue::{Entry, Field, optional, required};
use crate::operation::{Effect, Realm, Shape};

const fn entry(op: &'static str, effect: Effect, fields: &'static [Field], about: &'static str) -> Entry {
    Entry { kind: "pct", op, effect, about, resource: Shape::Container, realm: Realm::Container, fields }
}

const NAME: Field = required("name", Shape::ContainerSnapshot, "the snapshot's name");
const BEFORE: Field = optional(
    "before",
    Shape::ContainerSnapshot,
    "take a snapshot of this name first, so that rollback brings it all back",
);
const DESCRIPTION: Field = optional("description", Shape::Text(500), "what it is for, in one line");
const RELATED: Field =
    optional("related", Shape::Switch, "take it out of backup and replication jobs and HA too (--purge)");
const SIZE: Shape = Shape::Number(parse::GIB.0, parse::GIB.1);

pub(in crate::operation) static CATALOGUE: &[Entry] = &[
    Entry {
        kind: "pct",
        op: "list",
        effect: Effect::Read,
        about: "Lists the containers of a range of numbers with their states and locks.",
        resource: Shape::Containers,
        realm: Realm::Container,
        fields: &[],
    },
    entry(
        "status",
        Effect::Read,
        &[],
        "Reads what a container does now: state, memory, processor, traffic, lock.",
    ),
    entry(
        "config",
        Effect::Read,
        &[optional(
            "snapshot",
            Shape::ContainerSnapshot,
            "as it was in this snapshot; as it is now when absent",
        )],
        "Reads a container's configuration.",
    ),
    entry("snapshots", Effect::Read, &[], "Lists a container's snapshots, and which is the newest."),
    entry("start", Effect::Change, &[], "Starts a container."),
    entry(
        "shutdown",
        Effect::Change,
        &[optional(
            "timeout",
            Shape::Number(parse::TIMEOUT.0, parse::TIMEOUT.1),
            "seconds to wait for it; 60 when absent",
        )],
        "Asks a container to shut itself down; it is never killed.",
    ),
    entry(
        "reboot",
        Effect::Change,
        &[optional(
            "timeout",
            Shape::Number(parse::TIMEOUT.0, parse::TIMEOUT.1),
            "seconds after which it is killed; 60 when absent",
        )],
        "Shuts a container down, killing it when it takes too long, and starts it again.",
    ),
    entry("snapshot", Effect::Change, &[NAME, DESCRIPTION], "Takes a snapshot of a container."),
    entry(
        "create",
        Effect::Change,
        CREATION,
        "Creates an unprivileged container from a template; it is not started.",
    ),
    entry("clone", Effect::Change, COPY, "Copies a container or a template to a new number."),
    entry(
        "set",
        Effect::Change,
        &[
            optional("changes", Shape::ContainerSettings, "keys with their new values"),
            optional("delete", Shape::ContainerKeys, "keys that go back to Proxmox's own value"),
            BEFORE,
        ],
        "Changes a container's configuration; what takes protection or a volume away counts as destroying.",
    ),
    entry(
        "resize",
        Effect::Change,
        &[
            required("disk", Shape::Disk, "rootfs or a mount point"),
            required("size", SIZE, "its new size in GiB; it cannot be made smaller again"),
            BEFORE,
        ],
        "Makes a volume of a container larger.",
    ),
    entry("unretire", Effect::Change, &[], "Takes a retirement back: the container is as it was before."),
    entry("stop", Effect::Destroy, &[], "Kills a container; what it had not written yet is lost."),
    entry(
        "rollback",
        Effect::Destroy,
        &[
            NAME,
            optional(
                "start",
                Shape::Switch,
                "start it afterwards; a running one is killed first in any case",
            ),
        ],
        "Takes a container's volumes and configuration back to a snapshot.",
    ),
    entry("delete-snapshot", Effect::Destroy, &[NAME], "Destroys a snapshot."),
    entry(
        "destroy",
        Effect::Destroy,
        &[
            RELATED,
            optional(
                "retire",
                Shape::Switch,
                "keep it instead: protected, tagged, not started with the host; unretire brings it back",
            ),
        ],
        "Destroys a stopped container with its volumes and snapshots.",
    ),
    entry("purge", Effect::Destroy, &[RELATED], "Destroys a retired container for good."),
    entry("unlock", Effect::Destroy, &[], "Takes away a lock that something left behind."),
];

const CREATION: &[Field] = &[
    required("template", Shape::Template, "what it is made from"),
    required("storage", Shape::Storage, "where its root file system goes"),
    required("size", SIZE, "GiB of its root file system"),
    optional("hostname", Shape::Hostname, "CT and its number when absent"),
    optional("memory", Shape::Number(parse::MEMORY.0, parse::MEMORY.1), "MiB; 512 when absent"),
    optional("swap", Shape::Number(parse::SWAP.0, parse::SWAP.1), "MiB; 512 when absent"),
    optional("cores", Shape::Number(parse::CORES.0, parse::CORES.1), "processors; all when absent"),
    optional("networks", Shape::Networks, "its interfaces, net0 first"),
    optional("tags", Shape::Tags, "its tags"),
    optional(
        "features",
        Shape::ListOf(Feature::WORDS),
        "what it may do beyond a plain container, where the host's owner allows it",
    ),
    DESCRIPTION,
    optional("onboot", Shape::Switch, "start it with the host"),
    optional("privileged", Shape::Switch, "without a user namespace, where the host's owner allows it"),
    optional("ssh_keys", Shape::Switch, "let in the keys that the host's owner keeps for new containers"),
];

const COPY: &[Field] = &[
    required("to", Shape::Container, "the copy's number"),
    optional("hostname", Shape::Hostname, "the copy's host name"),
    optional(
        "snapshot",
        Shape::ContainerSnapshot,
        "of this snapshot; a running container can be copied from one only",
    ),
    optional("full", Shape::Switch, "a whole copy of a template, where a linked one would be made"),
    optional("storage", Shape::Storage, "where the copy's volumes go"),
];
