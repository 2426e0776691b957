//! How root enrols an approver, step by step; on the host's local socket only.

use serde::{Deserialize, Serialize};

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Enrol {
    /// Say which identity key the account has now, with the safety number that root compares.
    Look {
        /// What the approver will be called.
        name: String,
        /// The Signal account's ACI.
        account: String,
    },
    /// Root has compared it: ask the account for an answer.
    Ask {
        /// What the approver will be called.
        name: String,
        /// The Signal account's ACI.
        account: String,
        /// What the person's phone shows.
        safety_number: String,
    },
    /// Whether the account has answered; with its identity key, once it has.
    Answered,
    /// The same for somebody who lost their phone: once the account has answered, the delay begins.
    Recover,
    /// What is to be written once the delay is over.
    Recovered {
        /// Who.
        name: String,
    },
    /// Whether enough people are left without somebody.
    Remove {
        /// Who.
        name: String,
    },
    /// Nobody of that name is enrolled anew; for approvers on the host, too.
    Stop {
        /// Who.
        name: String,
    },
}
