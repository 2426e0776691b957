//! How root looks after the channel to people; on the host's local socket only.

use serde::{Deserialize, Serialize};

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SignalStep {
    /// How it is.
    Status,
    /// Hand the server the solution of its captcha.
    Captcha {
        /// As the page that it was solved on gave it: `signalcaptcha://…`.
        solution: String,
    },
}
