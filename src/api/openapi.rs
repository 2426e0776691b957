//! `GET /openapi.json`.

/// The document.
pub(super) fn document() -> serde_json::Value {
    serde_json::json!({})
}
