//! How root tries whether people are reached, answer, and read what they answer; on the host's local socket only.

use serde::{Deserialize, Serialize};

use crate::operation::Submission;
use crate::principal::PrincipalName;

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Drill {
    /// Ask people as if it were in earnest; nothing can come of it.
    Begin {
        /// What they are asked about, as if that principal had asked; without it, what people were asked last.
        of: Option<Box<(PrincipalName, Submission)>>,
        /// A wrong target: the name that the request claims to be about, while it is about something else.
        claims: Option<String>,
        /// How long they have, in seconds.
        within_s: u64,
    },
    /// Who has answered what in the last one, and how fast.
    Report,
}
