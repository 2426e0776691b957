//! What may be done: contracts say who may ask for what, Starlark rules decide each case, and the strictest verdict wins.

mod contract;
mod verdict;

pub use contract::{Contract, ContractGrant, Contracts, Refusal};
pub use verdict::{PolicyDecision, ReviewTerms, TermsError, Verdict};
