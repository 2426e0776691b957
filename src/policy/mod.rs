//! What may be done: contracts say who may ask for what, Starlark rules decide each case, and the strictest verdict wins.

mod contract;
mod engine;
mod language;
mod problem;
mod quorum;
mod source;
mod verdict;
mod wire;
pub mod worker;

pub use contract::{Contract, ContractGrant, Contracts, Refusal};
pub use engine::{Observer, PolicyEngine, PolicyError, PolicyInput, WorkerProgram};
pub use problem::{Place, Problem};
pub use quorum::{Quorum, Timing, Window};
pub use source::{PolicySource, SourceFile};
pub use verdict::{KeepFor, PolicyDecision, ReviewTerms, TermsError, Verdict};
pub use wire::WorkerReport;
