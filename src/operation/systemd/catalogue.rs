//! systemd's part of the catalogue.

use super::Priority;
use crate::operation::catalogue::{Entry, Field, optional};
use crate::operation::{Effect, Realm, Shape};

const fn entry(effect: Effect, op: &'static str, resource: Shape, about: &'static str) -> Entry {
    Entry { kind: "systemd", op, effect, about, resource, realm: Realm::Unit, fields: &[] }
}

const fn with(entry: Entry, fields: &'static [Field]) -> Entry {
    Entry { fields, ..entry }
}

const KINDS: Shape = Shape::ListOf(&[
    "service",
    "socket",
    "target",
    "timer",
    "path",
    "mount",
    "automount",
    "swap",
    "device",
    "slice",
    "scope",
]);
const STATES: Shape = Shape::ListOf(&["active", "inactive", "failed", "activating", "deactivating"]);
const KINDS_FIELD: Field = optional("kinds", KINDS, "of these kinds only");

/// Every operation on systemd.
pub(in crate::operation) static CATALOGUE: &[Entry] = &[
    with(
        entry(
            Effect::Read,
            "list",
            Shape::System,
            "Lists the units that systemd has in memory, with their states.",
        ),
        &[KINDS_FIELD, optional("states", STATES, "in these states only")],
    ),
    with(
        entry(
            Effect::Read,
            "files",
            Shape::System,
            "Lists the unit files of the host, and which are enabled.",
        ),
        &[KINDS_FIELD],
    ),
    entry(
        Effect::Read,
        "status",
        Shape::UnitOrSystem,
        "Reads how a unit is doing, or the whole host with the units that failed.",
    ),
    with(
        entry(Effect::Read, "show", Shape::Unit, "Reads a unit's properties, and the digest of its files."),
        &[optional("properties", Shape::UnitProperties, "which; those used most when absent")],
    ),
    with(
        entry(
            Effect::Read,
            "logs",
            Shape::UnitOrSystem,
            "Reads the last lines of the journal, of a unit or of the whole host.",
        ),
        &[
            optional("lines", Shape::Number(1, 1_000), "how many at most; 100 when absent"),
            optional("since", Shape::Since, "from a moment in UTC on, or from a span of time before now"),
            optional("priority", Shape::Words(&Priority::WORDS), "as urgent as this, or more"),
        ],
    ),
    with(
        entry(Effect::Change, "start", Shape::Unit, "Starts a unit, and waits until it has started."),
        &[optional("also", Shape::Units, "more units, started by the same command")],
    ),
    entry(Effect::Change, "restart", Shape::Unit, "Stops and starts a unit, or starts it."),
    entry(Effect::Change, "reload", Shape::Unit, "Has a unit read its configuration again."),
    entry(Effect::Change, "enable", Shape::Unit, "Has a unit started at boot, or by what its file names."),
    entry(Effect::Change, "unmask", Shape::Unit, "Makes it possible again to start a unit."),
    entry(
        Effect::Change,
        "reset-failed",
        Shape::Unit,
        "Forgets that a unit failed, and how often it was started.",
    ),
    with(
        entry(Effect::Destroy, "stop", Shape::Unit, "Stops a unit."),
        &[optional("also", Shape::Units, "more units, stopped by the same command")],
    ),
    entry(Effect::Destroy, "disable", Shape::Unit, "Takes away what starts a unit at boot."),
    entry(Effect::Destroy, "mask", Shape::Unit, "Makes it impossible to start a unit, whatever asks for it."),
];
