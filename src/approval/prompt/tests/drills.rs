//! What people are told of a drill, as its golden files have it.

use super::*;

/// A request that claims to be about something else, and is answered so.
fn answered(claims: Option<&str>, is_yes: bool) -> String {
    let claims = claims.map(str::to_owned);
    Answer::Drill(Drill { claims, is_yes, after: Duration::from_secs(14) }).text()
}

pub(super) fn drills() -> Vec<(&'static str, String)> {
    let (token, one) = (token(), one_snapshot());
    let told =
        OutcomeFacts { host: "host01", command_line: "zfs destroy tank/media@old", checkpoint: CHECKPOINT };
    let drill = Outcome::Drill { claims: None };
    let seeded = Outcome::Drill { claims: Some("tank/media@older".into()) };
    let now = PromptFacts { stands: Stands::Told(&drill), ..facts(&token, &one) };
    vec![
        ("prompt-now-drill", prompt(&now).unwrap()),
        ("answer-decided-drill", Answer::AlreadyDecided { how: Settled::Drill }.text()),
        ("answer-drill", answered(None, true)),
        ("answer-drill-refused", answered(None, false)),
        ("answer-drill-wrong-target-refused", answered(Some("tank/media@older"), false)),
        ("answer-drill-wrong-target-confirmed", answered(Some("tank/media@older"), true)),
        ("outcome-drill", drill.text(&told)),
        ("outcome-drill-wrong-target", seeded.text(&told)),
    ]
}

#[test]
fn what_is_told_of_a_drill_holds_no_token() {
    assert!(drills().iter().all(|(_, text)| !text.contains("K7QF")));
}
