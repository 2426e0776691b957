//! The table of statuses, row by row.

use super::*;
use crate::gate::protocol::Decision;
use crate::principal::PrincipalName;

fn envelope(state: State) -> Envelope {
    Envelope {
        id: "op_1".to_owned(),
        principal: PrincipalName::try_from("librarian".to_owned()).unwrap(),
        state,
        is_final: state.is_final(),
        version: 2,
        operation: json!({}),
        asked: None,
        created_at: "2026-11-20T10:00:00Z".to_owned(),
        decision: Some(Decision {
            verdict: "deny".to_owned(),
            rule: "default".to_owned(),
            reason: "no rule allows it".to_owned(),
            policy: "sha256:00".to_owned(),
            contract: None,
        }),
        effects: None,
        result: None,
        exit_code: Some(1),
        verified: None,
        error: None,
        undo: None,
        audit: None,
        approval: None,
        retry_after: Some(9),
    }
}

fn head(answer: &Answer, name: &str) -> Option<String> {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[test]
fn a_submission_is_200_when_it_is_over_and_202_while_it_is_not() {
    for state in State::ALL {
        let answer = submitted(&envelope(state));
        let wanted = match state {
            State::Denied => 403,
            State::Refused | State::Expired | State::Cancelled | State::Succeeded | State::Failed => 200,
            State::Proposed
            | State::Pending
            | State::Approved
            | State::Superseded
            | State::Executing
            | State::Unknown => 202,
        };
        assert_eq!(answer.status().as_u16(), wanted, "{state:?}");
        assert_eq!(head(&answer, "retry-after").is_some(), wanted == 202, "{state:?}");
        assert_eq!(head(&answer, "location").is_some(), wanted != 403, "{state:?}");
        assert_eq!(operation(&envelope(state)).status().as_u16(), 200, "{state:?}");
    }
}

#[test]
fn every_kind_of_problem_has_its_status() {
    for (kind, wanted, retry) in [
        (ProblemKind::Invalid, 422, None),
        (ProblemKind::Denied, 403, None),
        (ProblemKind::Forbidden, 403, None),
        (ProblemKind::NotFound, 404, None),
        (ProblemKind::IdempotencyConflict, 409, None),
        (ProblemKind::PlanRefused, 409, None),
        (ProblemKind::TooLate, 409, None),
        (ProblemKind::Busy, 409, Some("2")),
        (ProblemKind::CoolDown, 429, Some("2")),
        (ProblemKind::NoChannel, 503, Some("5")),
        (ProblemKind::AuditUnavailable, 503, Some("5")),
        (ProblemKind::Unavailable, 503, Some("5")),
    ] {
        let answer = problem(&Problem::new(kind, "why"));
        assert_eq!(answer.status().as_u16(), wanted, "{kind:?}");
        assert_eq!(head(&answer, "retry-after").as_deref(), retry, "{kind:?}");
        assert_eq!(head(&answer, "content-type").as_deref(), Some("application/problem+json"), "{kind:?}");
    }
    let mut cool_down = Problem::new(ProblemKind::CoolDown, "why");
    cool_down.retry_after = Some(61);
    assert_eq!(head(&problem(&cool_down), "retry-after").as_deref(), Some("61"));
}

#[test]
fn a_rate_limit_says_whole_seconds_rounded_up() {
    let wait = |milliseconds| rate_limited(std::time::Duration::from_millis(milliseconds));
    assert_eq!(head(&wait(1), "retry-after").as_deref(), Some("1"));
    assert_eq!(head(&wait(1000), "retry-after").as_deref(), Some("1"));
    assert_eq!(head(&wait(1001), "retry-after").as_deref(), Some("2"));
    assert_eq!(wait(1).status().as_u16(), 429);
}
