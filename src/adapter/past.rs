//! What a plan leaves of the past: the youngest snapshot of each thing that it takes something from.

/// One thing that a plan takes something from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// What it is: `tank/vm`, `container 101`.
    pub name: String,
    /// When the youngest of its snapshots that the plan leaves was taken, in seconds since 1970.
    pub youngest: Option<u64>,
    /// What to do so that there is one.
    pub help: String,
}
