//! Tools in their sandbox, on the real kernel: each row of the conformance list by its number, with the same probe run
//! outside as its control, so that nothing passes because it could not have worked anyway.

mod around;
mod buffers;
mod builtin;
mod callers;
mod carving;
mod chain;
mod denied;
mod egress;
mod ending;
mod escaping;
mod examples;
mod files;
mod fixture;
mod kept;
mod killing;
mod layers;
mod leave;
mod left;
mod network;
mod paths;
mod privilege;
mod reached;
mod refusals;
mod sockets;
mod soon;
mod variants;
#[cfg(feature = "wasm")]
mod wasm;
mod working;
