//! The operations on tools as agents find them.

use super::MAX_INPUT;
use crate::operation::catalogue::{Entry, optional};
use crate::operation::{Effect, Realm, Shape};

/// Every operation of this kind.
pub(in crate::operation) static CATALOGUE: &[Entry] = &[
    Entry {
        kind: "tool",
        op: "list",
        effect: Effect::Read,
        about: "Lists the declared tools: what each takes, and how it is confined.",
        resource: Shape::Declared,
        realm: Realm::Tool,
        fields: &[],
    },
    Entry {
        kind: "tool",
        op: "run",
        effect: Effect::Change,
        about: "Runs a declared tool in its sandbox, and says what confined it and how it ended.",
        resource: Shape::Tool,
        realm: Realm::Tool,
        fields: &[
            optional("arguments", Shape::Arguments, "what the tool's own schema has; tool.list shows it"),
            optional("input", Shape::Text(MAX_INPUT), "what the tool reads from standard input"),
        ],
    },
];
