//! What Prompt Shields make of a decision: they can turn allow into review and anything into deny, and nothing the other way.

use super::verdict::{PolicyDecision, ReviewTerms, Verdict};
use crate::shield::{Meaning, Shielded};

/// The decision, or a stricter one.
pub(super) fn tighten(decision: PolicyDecision, shielded: &[Shielded]) -> PolicyDecision {
    let Some(worst) = shielded.iter().max_by_key(|one| (one.meaning, one.answer.attack)) else {
        return decision;
    };
    let stage = worst.stage.as_str();
    let (rule, reason) = match worst.answer.unsure {
        Some(why) if !worst.answer.attack => {
            let why = why.as_str().replace('_', " ");
            (
                "shield-unsure",
                format!("nobody could say whether there is an attack on a model in {stage}: {why}"),
            )
        }
        Some(_) | None => ("shield-attack", format!("there is an attack on a model in {stage}")),
    };
    match worst.meaning {
        Meaning::Deny if decision.verdict != Verdict::Deny => PolicyDecision {
            verdict: Verdict::Deny,
            rule: rule.to_owned(),
            reason,
            terms: None,
            keep: None,
            ..decision
        },
        Meaning::Review if decision.verdict == Verdict::Allow => PolicyDecision {
            verdict: Verdict::Review,
            rule: rule.to_owned(),
            reason,
            terms: Some(ReviewTerms::default()),
            ..decision
        },
        Meaning::Off | Meaning::Review | Meaning::Deny => decision,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::operation::Digest;
    use crate::screening::settings::Stage;
    use crate::shield::{Answer, Why};

    fn shielded(stage: Stage, meaning: Meaning, unsure: Option<Why>) -> Shielded {
        let attack = meaning != Meaning::Off && unsure.is_none();
        let answer = Answer { pieces: 1, kept: 0, attack, unsure };
        Shielded { stage, verdict: answer.verdict(), meaning, answer, took: Duration::ZERO }
    }

    fn decision(verdict: Verdict) -> PolicyDecision {
        PolicyDecision { verdict, ..PolicyDecision::deny("rule", "reason", Digest::of_bytes(b"rules")) }
    }

    #[test]
    fn what_prompt_shields_say_tightens_and_never_widens() {
        use Verdict::{Allow, Deny, Review};
        for (meaning, verdict, wanted) in [
            (Meaning::Off, Allow, Allow),
            (Meaning::Off, Review, Review),
            (Meaning::Off, Deny, Deny),
            (Meaning::Review, Allow, Review),
            (Meaning::Review, Review, Review),
            (Meaning::Review, Deny, Deny),
            (Meaning::Deny, Allow, Deny),
            (Meaning::Deny, Review, Deny),
            (Meaning::Deny, Deny, Deny),
        ] {
            for unsure in [None, Some(Why::Timeout)].into_iter().skip(usize::from(meaning == Meaning::Off)) {
                let looked = [shielded(Stage::Reasons, meaning, unsure)];
                let tightened = tighten(decision(verdict), &looked);
                assert_eq!(tightened.verdict, wanted, "{meaning:?} {verdict:?} {unsure:?}");
                if wanted == verdict {
                    assert_eq!(tightened, decision(verdict));
                }
            }
        }
        assert_eq!(tighten(decision(Allow), &[]), decision(Allow));
    }

    #[test]
    fn the_strictest_stage_is_the_one_that_is_named() {
        let looked = [
            shielded(Stage::Reasons, Meaning::Review, None),
            shielded(Stage::Arguments, Meaning::Deny, Some(Why::NoToken)),
        ];
        let tightened = tighten(decision(Verdict::Allow), &looked);
        assert_eq!((tightened.verdict, tightened.rule.as_str()), (Verdict::Deny, "shield-unsure"));
        let reason = "nobody could say whether there is an attack on a model in arguments: no token";
        assert_eq!((tightened.reason.as_str(), tightened.terms), (reason, None));
        let review = tighten(decision(Verdict::Allow), &looked[..1]);
        assert_eq!((review.rule.as_str(), review.terms), ("shield-attack", Some(ReviewTerms::default())));
    }
}
