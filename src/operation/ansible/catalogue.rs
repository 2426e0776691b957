//! The operations of Ansible as agents find them.

use crate::operation::catalogue::{Entry, Field, optional};
use crate::operation::{Effect, Realm, Shape};

const VARS: Field = optional("vars", Shape::Vars, "the playbook's variables, as its own schema has them");

/// Every operation of this kind.
pub(in crate::operation) static CATALOGUE: &[Entry] = &[
    Entry {
        kind: "ansible",
        op: "check",
        effect: Effect::Read,
        about: "Says, by a dry run, what a playbook would change.",
        resource: Shape::Playbook,
        realm: Realm::Playbook,
        fields: &[VARS],
    },
    Entry {
        kind: "ansible",
        op: "run",
        effect: Effect::Destroy,
        about: "Runs a playbook; what its dry run shows is what people confirm.",
        resource: Shape::Playbook,
        realm: Realm::Playbook,
        fields: &[VARS],
    },
];
