//! The audit log: one JSON object a line, numbered, each with the hash of the line before, durable before the step it
//! permits. `docs/audit.md` is the format for whoever reads it with other tools.
//!
//! ```text
//! Event ── Draft ──▶ writer: number, hash before, time ──▶ one write, one fdatasync ──▶ Receipt
//!          (caller)          (one thread, all that waits)
//! ```

mod canonical;
mod chain;
pub mod check;
mod checkpoint;
mod directory;
mod error;
mod event;
mod hash;
mod lines;
mod log;
mod note;
mod open;
pub mod peers;
pub mod prove;
pub mod read;
mod record;
mod rotation;
mod scan;
mod segment;
mod status;
mod tree;
pub mod verify;
mod walk;
pub mod witness;
mod writer;

pub use canonical::{CanonicalError, canonical_length};
pub use chain::Flaw;
pub use checkpoint::{Checkpoint, NotACheckpoint, checkpoint_line};
pub use error::{AuditError, Outage};
pub use event::{Event, EventKind, UnknownKind, output_digest};
pub use hash::{NotAHash, RecordHash};
pub use log::{AuditConfig, AuditLog};
pub use note::{Cosignature, KeyError, NoCheckpoint, NotAKey, NoteKey, SignedCheckpoint, Signer, WitnessKey};
pub use record::{MAX_LINE, NotARecord, Receipt, Record};
pub use status::{Counters, Head};
pub use tree::{Collector, NodeHash, Tree, consistent, included};
