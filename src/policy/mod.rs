//! What may be done: contracts say who may ask for what, Starlark rules decide each case, and the strictest verdict wins.

mod contract;
mod engine;
mod evaluation;
mod language;
mod pattern;
mod problem;
mod quorum;
mod rules;
mod screened;
mod shielded;
mod source;
mod verdict;
mod window;
mod wire;
pub mod worker;

pub use contract::{Circumstances, Contract, ContractGrant, Contracts, Refusal};
pub use engine::{Observer, PolicyEngine, PolicyError, PolicyInput, WorkerProgram};
pub use evaluation::{Evaluated, ToolCall};
pub use language::{CONTEXT, HOURS};
pub use problem::{Place, Problem};
pub use quorum::{Quorum, Timing, Window};
pub use rules::{Asked, Explained, Input, Question, Recent, Ruled, Rules};
pub use screened::Looked;
pub use source::{PolicySource, SourceFile};
pub use verdict::{KeepFor, PolicyDecision, ReviewTerms, TermsError, Verdict};
pub use wire::{Matched, MatchedIn, WorkerReport};
