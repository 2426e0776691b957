//! Every status and every problem (RFC 9457) that a caller can get; nowhere else are they chosen.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::refusal::Refusal;
use crate::gate::protocol::{Envelope, Problem, ProblemKind, State};

/// Seconds after which an operation that is not final is worth asking about, when the gate names none.
const ASK_AGAIN: u64 = 2;
/// Seconds after which a part that is down is worth trying.
const TRY_AGAIN: u64 = 5;

/// The answer to a submission.
pub(super) fn submitted(envelope: &Envelope) -> Answer {
    if envelope.state == State::Denied {
        return denied(envelope);
    }
    if envelope.is_final {
        return answer::location(answer::json(StatusCode::OK, envelope), &envelope.id);
    }
    let answer = answer::location(answer::json(StatusCode::ACCEPTED, envelope), &envelope.id);
    answer::retry_after(answer, envelope.retry_after.unwrap_or(ASK_AGAIN))
}

/// The answer to a question about an operation: its state is the answer, whatever it is.
pub(super) fn operation(envelope: &Envelope) -> Answer {
    let answer = answer::json(StatusCode::OK, envelope);
    if envelope.is_final {
        return answer;
    }
    answer::retry_after(answer, envelope.retry_after.unwrap_or(ASK_AGAIN))
}

/// The answer when the gate gave none.
pub(super) fn problem(problem: &Problem) -> Answer {
    let (status, code, title) = kind(problem.kind);
    let mut members = body(status, code, title, &problem.detail);
    if let Some(pointer) = &problem.pointer {
        members.insert("pointer".to_owned(), json!(pointer));
    }
    if let Some(operation) = &problem.operation {
        members.insert("operation".to_owned(), json!(operation));
    }
    if problem.kind == ProblemKind::Denied {
        members.insert("final".to_owned(), json!(true));
    }
    if matches!(problem.kind, ProblemKind::Denied | ProblemKind::PlanRefused) {
        members.insert("alternatives".to_owned(), json!(problem.alternatives));
    }
    if let Some(decision) = &problem.decision {
        members.insert("decision".to_owned(), json!(decision));
    }
    let answer = answer::problem(status, &Value::Object(members));
    match problem.retry_after.or_else(|| default_retry(problem.kind)) {
        Some(seconds) => answer::retry_after(answer, seconds),
        None => answer,
    }
}

/// Status, code and title of each kind of problem that the gate knows.
fn kind(kind: ProblemKind) -> (StatusCode, &'static str, &'static str) {
    match kind {
        ProblemKind::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Not a valid request"),
        ProblemKind::Denied => (StatusCode::FORBIDDEN, "denied", "Denied"),
        ProblemKind::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "Not for this caller"),
        ProblemKind::NotFound => (StatusCode::NOT_FOUND, "not_found", "No such thing for this caller"),
        ProblemKind::IdempotencyConflict => {
            (StatusCode::CONFLICT, "idempotency_conflict", "The same Idempotency-Key with another operation")
        }
        ProblemKind::PlanRefused => {
            (StatusCode::CONFLICT, "plan_refused", "The host is not as the operation needs it")
        }
        ProblemKind::TooLate => (StatusCode::CONFLICT, "too_late", "Too late for that"),
        ProblemKind::Busy => (StatusCode::CONFLICT, "busy", "Too many operations wait or run"),
        ProblemKind::CoolDown => {
            (StatusCode::TOO_MANY_REQUESTS, "cool_down", "Refused or expired a moment ago")
        }
        ProblemKind::NoChannel => (StatusCode::SERVICE_UNAVAILABLE, "no_channel", "No approver can be asked"),
        ProblemKind::AuditUnavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, "audit_unavailable", "The audit log takes no records")
        }
        ProblemKind::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "A part of the host does not answer")
        }
    }
}

fn default_retry(kind: ProblemKind) -> Option<u64> {
    match kind {
        ProblemKind::NoChannel | ProblemKind::AuditUnavailable | ProblemKind::Unavailable => Some(TRY_AGAIN),
        ProblemKind::CoolDown | ProblemKind::Busy => Some(ASK_AGAIN),
        ProblemKind::Invalid
        | ProblemKind::Denied
        | ProblemKind::Forbidden
        | ProblemKind::NotFound
        | ProblemKind::IdempotencyConflict
        | ProblemKind::PlanRefused
        | ProblemKind::TooLate => None,
    }
}

/// An operation that the rules denied, from its envelope.
fn denied(envelope: &Envelope) -> Answer {
    let reason = envelope.decision.as_ref().map_or("denied", |decision| decision.reason.as_str());
    let mut denial = Problem::new(ProblemKind::Denied, reason);
    denial.operation = Some(envelope.id.clone());
    denial.decision.clone_from(&envelope.decision);
    problem(&denial)
}

/// What is wrong with a request before the gate sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// There is nothing at this path.
    NoRoute,
    /// The body is not JSON.
    NotJson,
    /// The body's type is not JSON.
    MediaType,
    /// The body is too long.
    TooLarge,
    /// The body did not come, or came too slowly.
    SlowBody,
    /// The body broke off.
    BrokenBody,
    /// The query has an unknown key, a key twice or a value that is none.
    Query,
    /// `wait` is not a number of seconds up to 300.
    Wait,
    /// `Idempotency-Key` is too long or not visible ASCII.
    IdempotencyKey,
    /// `Last-Event-ID` is not one of ours.
    LastEventId,
}

/// The answer to a request that never reached the gate.
pub(super) fn fault(fault: Fault, detail: &str) -> Answer {
    let (status, code, title) = match fault {
        Fault::NoRoute => (StatusCode::NOT_FOUND, "not_found", "No such path"),
        Fault::NotJson => (StatusCode::BAD_REQUEST, "not_json", "The body is not JSON that Reeve reads"),
        Fault::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", "The body must be JSON"),
        Fault::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too long"),
        Fault::SlowBody => (StatusCode::REQUEST_TIMEOUT, "slow_body", "The body did not come in time"),
        Fault::BrokenBody => (StatusCode::BAD_REQUEST, "broken_body", "The body broke off"),
        Fault::Query => (StatusCode::BAD_REQUEST, "bad_query", "The query is not understood"),
        Fault::Wait => (StatusCode::BAD_REQUEST, "bad_wait", "wait is a number of seconds from 0 to 300"),
        Fault::IdempotencyKey => (
            StatusCode::BAD_REQUEST,
            "bad_idempotency_key",
            "Idempotency-Key is 1 to 128 visible ASCII characters",
        ),
        Fault::LastEventId => {
            (StatusCode::BAD_REQUEST, "bad_last_event_id", "Last-Event-ID is not one of ours")
        }
    };
    let answer = answer::problem(status, &Value::Object(body(status, code, title, detail)));
    match fault {
        // What was not read of the body must not be taken for the next request.
        Fault::TooLarge | Fault::SlowBody | Fault::BrokenBody => answer::close(answer),
        Fault::NoRoute
        | Fault::NotJson
        | Fault::MediaType
        | Fault::Query
        | Fault::Wait
        | Fault::IdempotencyKey
        | Fault::LastEventId => answer,
    }
}

/// The answer to a method that a path does not have.
pub(super) fn method_not_allowed(methods: &'static str) -> Answer {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let detail = format!("this path has {methods}");
    let members = body(status, "method_not_allowed", "The path has no such method", &detail);
    answer::allow(answer::problem(status, &Value::Object(members)), methods)
}

/// The answer to a caller whose certificate is refused, or that may not have this connection.
pub(super) fn refused(refusal: Refusal) -> Answer {
    let status = if refusal == Refusal::TooManyConnections {
        StatusCode::TOO_MANY_REQUESTS
    } else {
        StatusCode::FORBIDDEN
    };
    let members = body(status, refusal.as_str(), "The caller is not let in", refusal.detail());
    answer::close(answer::problem(status, &Value::Object(members)))
}

/// The answer to a request that came too fast.
pub(super) fn rate_limited(wait: std::time::Duration) -> Answer {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let members = body(status, "rate_limited", "Too many requests", "this principal asks too often; wait");
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    answer::retry_after(answer::problem(status, &Value::Object(members)), seconds)
}

/// The answer when the gate answers something that was not asked.
pub(super) fn internal() -> Answer {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let detail =
        "the gate's answer is not one to this question; the two programs may be of different versions";
    answer::problem(status, &Value::Object(body(status, "internal", "Internal error", detail)))
}

/// What became of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reloaded {
    /// All of it is in force.
    Whole,
    /// What would let something be approved that could not be before waits for people.
    Waits,
    /// Something was not valid.
    InPart,
}

/// What a reload came to, part by part.
pub(super) fn reloaded(parts: &Value, how: Reloaded) -> Answer {
    match how {
        Reloaded::Whole => return answer::json(StatusCode::OK, parts),
        Reloaded::Waits => return answer::json(StatusCode::ACCEPTED, parts),
        Reloaded::InPart => {}
    }
    let status = StatusCode::CONFLICT;
    let detail =
        "what is not valid was left out, and what was in force still is; the log on the host says why";
    let mut members = body(status, "not_reloaded", "Not everything was reloaded", detail);
    if let Some(parts) = parts.as_object() {
        members.extend(parts.clone());
    }
    answer::problem(status, &Value::Object(members))
}

fn body(status: StatusCode, code: &str, title: &str, detail: &str) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("type".to_owned(), json!(format!("urn:reeve:problem:{code}")));
    members.insert("title".to_owned(), json!(title));
    members.insert("status".to_owned(), json!(status.as_u16()));
    members.insert("detail".to_owned(), json!(detail));
    members.insert("code".to_owned(), json!(code));
    members
}

#[cfg(test)]
mod tests;
