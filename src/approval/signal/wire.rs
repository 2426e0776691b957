//! The shapes of signal-cli's JSON-RPC lines, as far as they concern us. Unknown fields are the daemon's business.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A call.
#[derive(Serialize)]
pub(super) struct Request<'a> {
    pub(super) jsonrpc: &'static str,
    pub(super) id: u64,
    pub(super) method: &'a str,
    pub(super) params: Value,
}

/// Any line from the daemon: an answer has an id, a notification a method.
#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) id: Option<Value>,
    pub(super) result: Option<Value>,
    pub(super) error: Option<RpcError>,
    pub(super) method: Option<String>,
    pub(super) params: Option<Value>,
}

/// The daemon's refusal of a call.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RpcError {
    pub(super) code: i64,
    pub(super) data: Option<Value>,
}

/// What `send` answers; also inside the error when every recipient failed.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SendResult {
    pub(super) timestamp: Option<u64>,
    #[serde(default)]
    pub(super) results: Vec<RecipientResult>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecipientResult {
    pub(super) recipient_address: Option<Address>,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) token: Option<String>,
    /// Below zero where the server has not said it.
    pub(super) retry_after_seconds: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Address {
    pub(super) uuid: Option<String>,
}

/// One entry of `listIdentities`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IdentityEntry {
    pub(super) uuid: Option<String>,
    pub(super) fingerprint: String,
    pub(super) trust_level: String,
    #[serde(default)]
    pub(super) safety_number: String,
    pub(super) added_timestamp: Option<u64>,
}

/// One entry of `listAccounts`.
#[derive(Debug, Deserialize)]
pub(super) struct AccountEntry {
    pub(super) number: Option<String>,
    pub(super) uuid: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct VersionResult {
    pub(super) version: String,
}

/// The parameters of `receive`: bare, or (after `subscribeReceive`) inside `result`.
#[derive(Deserialize)]
pub(super) struct ReceiveParams {
    pub(super) account: Option<String>,
    pub(super) envelope: Option<Envelope>,
    pub(super) exception: Option<Value>,
    pub(super) result: Option<Box<ReceiveParams>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    pub(super) source_uuid: Option<String>,
    pub(super) source_device: Option<u32>,
    pub(super) timestamp: Option<u64>,
    pub(super) server_received_timestamp: Option<u64>,
    pub(super) data_message: Option<DataMessage>,
    pub(super) edit_message: Option<EditMessage>,
    pub(super) sync_message: Option<Value>,
    pub(super) receipt_message: Option<Value>,
    pub(super) typing_message: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EditMessage {
    pub(super) data_message: Option<DataMessage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DataMessage {
    pub(super) message: Option<String>,
    pub(super) reaction: Option<ReactionPart>,
    pub(super) quote: Option<QuotePart>,
    pub(super) group_info: Option<GroupInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReactionPart {
    pub(super) emoji: String,
    pub(super) target_author_uuid: Option<String>,
    pub(super) target_sent_timestamp: u64,
    #[serde(default)]
    pub(super) is_remove: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ReceiptPart {
    pub(super) is_delivery: bool,
    pub(super) is_read: bool,
    pub(super) is_viewed: bool,
    pub(super) timestamps: Vec<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QuotePart {
    pub(super) id: u64,
    pub(super) author_uuid: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupInfo {
    pub(super) group_id: String,
}
