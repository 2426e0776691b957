//! A host's refusals (RFC 9457), as failures with an exit code and something to do.

use http::StatusCode;
use serde_json::Value;

use crate::cli::ask::command_of;
use crate::cli::exit::{Exit, Failure};

/// The failure that an answer other than success stands for.
pub(super) fn failure(status: StatusCode, body: &[u8], retry_after: Option<&str>) -> Failure {
    let document: Option<Value> = serde_json::from_slice(body).ok();
    let text = |name: &str| document.as_ref().and_then(|document| document.get(name)?.as_str());
    let title = text("title").map_or_else(|| format!("the host answers {status}"), str::to_owned);
    let mut message = match text("detail") {
        Some(detail) if !detail.is_empty() => format!("{title}: {detail}"),
        Some(_) | None => title,
    };
    if let Some(pointer) = text("pointer").filter(|pointer| !pointer.is_empty()) {
        message.push_str(&format!(" (at {})", field(pointer)));
    }
    if let Some(decision) = document.as_ref().and_then(|document| document.get("decision")) {
        let rule = decision.get("rule").and_then(Value::as_str).unwrap_or("none");
        message.push_str(&format!(" (rule {rule})"));
    }
    let mut failure = Failure::new(exit(status), message);
    for alternative in
        document.as_ref().and_then(|document| document.get("alternatives")?.as_array()).into_iter().flatten()
    {
        if let Some(command) = command_of(alternative) {
            failure = failure.hint(format!("this would be allowed: {command}"));
        }
    }
    if let Some(id) = text("operation") {
        failure = failure.hint(format!("reeve status {id}"));
    }
    if let Some(seconds) = retry_after {
        failure = failure.hint(format!("try again in {seconds} s"));
    }
    if let Some(hint) = text("code").and_then(advice) {
        failure = failure.hint(hint);
    }
    Failure { document, ..failure }
}

fn exit(status: StatusCode) -> Exit {
    match status.as_u16() {
        400 | 405 | 413 | 415 | 422 => Exit::Usage,
        403 => Exit::Denied,
        503 => Exit::Unreachable,
        _other => Exit::Failed,
    }
}

/// What to do about a problem that its own words do not say.
fn advice(code: &str) -> Option<&'static str> {
    match code {
        "no_principal" => {
            Some("on the host: reeved.toml names each caller in an [[identity]] with its certificate's uri")
        }
        "forbidden" => {
            Some("on the host: does this caller have a contract in /etc/reeve/contracts, with the role?")
        }
        "unavailable" => Some("on the host: systemctl status reeve-gate reeve-launcher"),
        "no_channel" => {
            Some("on the host: is signal-cli up, and are there enough approvers? `reeve health` says")
        }
        "audit_unavailable" => {
            Some("on the host: is the disk of /var/log/reeve full? journalctl -u reeve-gate says why")
        }
        "idempotency_conflict" => Some("use a new --idempotency-key for a new operation"),
        "not_found" => Some("`reeve list` shows your operations"),
        _other => None,
    }
}

/// A JSON Pointer as the part of the command line that it comes from.
fn field(pointer: &str) -> String {
    match pointer.strip_prefix("/params/") {
        Some(name) => format!("--param {name}"),
        None if pointer == "/resource" => "RESOURCE".to_owned(),
        None => pointer.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_its_rule_and_what_would_be_allowed() {
        let body = br#"{"title":"Denied","status":403,"detail":"not in the contract","code":"denied","final":true,
            "decision":{"verdict":"deny","rule":"contract","reason":"x","policy":"sha256:0"},
            "alternatives":[{"kind":"zfs","op":"destroy","resource":"tank/a","params":{"quarantine":true}}]}"#;
        let failure = failure(StatusCode::FORBIDDEN, body, None);
        assert_eq!(failure.exit, Exit::Denied);
        assert_eq!(failure.message, "Denied: not in the contract (rule contract)");
        assert_eq!(
            failure.hints,
            ["this would be allowed: reeve op zfs destroy tank/a --param quarantine=true"]
        );
        assert_eq!(failure.to_json()["code"], "denied");
    }

    #[test]
    fn each_status_has_its_exit_code() {
        for (status, wanted) in [
            (400, 2),
            (413, 2),
            (415, 2),
            (422, 2),
            (403, 3),
            (404, 1),
            (409, 1),
            (429, 1),
            (500, 1),
            (503, 6),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(failure(status, b"", None).exit.code(), wanted, "{status}");
        }
    }

    #[test]
    fn an_answer_that_is_no_problem_document_is_told_by_its_status() {
        let failure = failure(StatusCode::BAD_GATEWAY, b"<html>", Some("7"));
        assert_eq!(failure.message, "the host answers 502 Bad Gateway");
        assert_eq!(failure.hints, ["try again in 7 s"]);
    }
}
