//! What callers and people on the host see of approvals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::principal::PrincipalName;

/// What a caller sees of an approval; never a token.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ApprovalView {
    /// `ap_` and 26 characters.
    pub id: String,
    /// RFC 3339.
    pub expires_at: String,
    /// How many people must confirm.
    pub needed: u32,
    /// How many have.
    pub given: u32,
    /// How many of each group, where the rule says so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, u32>,
    /// RFC 3339: when it runs, once it is approved; until then a person may still refuse it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_at: Option<String>,
    /// What a person must repeat with a yes: the name of what is lost for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
}

/// An approval in `GET /pending`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaitingApproval {
    /// The operation's id.
    pub operation: String,
    /// Who asks.
    pub principal: PrincipalName,
    /// `zfs destroy tank/media@old`.
    pub command: String,
    /// The approval.
    #[serde(flatten)]
    pub approval: ApprovalView,
}
