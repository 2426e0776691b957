//! Screening at the gate: what tools printed is looked at before its caller reads it, and all that was looked at is counted.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Gate;
use super::end::End;
use crate::operation::secret::Secrets;
use crate::policy::Looked;
use crate::screening::settings::{Mode, Stage};
use crate::screening::{Rating, Screened};
use crate::shield::{Meaning, Shielded};

/// What stands in place of output that was found unsafe.
const WITHHELD: &str =
    "the output is made to mislead who reads it, and is withheld; the audit log says where";
/// What stands in place of output that nobody could say it of.
const NOT_SEEN: &str =
    "nobody could say whether the output is made to mislead who reads it, and it is withheld";

impl Gate {
    /// Counts what was looked at in a request.
    pub(super) fn count_screened(&self, looked: &Looked) {
        looked.ratings().for_each(|(stage, rating)| self.metrics.screened(stage.as_str(), rating.as_str()));
        looked.shielded().iter().for_each(|one| self.count_shielded(one));
    }

    fn count_shielded(&self, one: &Shielded) {
        let pieces = (one.answer.pieces.saturating_sub(one.answer.kept), one.answer.kept);
        self.metrics.shielded(one.stage.as_str(), one.verdict, pieces, one.took);
        if let Some(why) = one.answer.unsure {
            self.metrics.shield_unsure(why.as_str());
        }
    }

    /// Whether what tools print may be shown as it comes: not where it could have to be withheld.
    pub(super) fn shows_output_as_it_comes(&self) -> bool {
        let rules = self.rules.load();
        rules.screening.mode(Stage::Output) != Mode::Enforce && !rules.shield.asks(Stage::Output)
    }

    /// A result as its caller may read it, and for the log what was found in it.
    pub(super) async fn screen_output(&self, result: Value, secrets: &Secrets) -> (Value, Option<Value>) {
        let (result, screened) = self.screen(result).await;
        let mut seen = Map::new();
        if let Some(screened) = screened {
            seen.insert(Stage::Output.as_str().to_owned(), json!(screened));
        }
        let (result, shielded) = self.shield(result, secrets).await;
        if let Some(shielded) = shielded {
            seen.insert("shields".to_owned(), json!({ Stage::Output.as_str(): shielded }));
        }
        (result, (!seen.is_empty()).then_some(Value::Object(seen)))
    }

    async fn screen(&self, result: Value) -> (Value, Option<Screened>) {
        let screening = Arc::clone(&self.rules.load().screening);
        let mode = screening.mode(Stage::Output);
        if mode == Mode::Off {
            return (result, None);
        }
        // It may be megabytes, and others wait for this thread.
        let looking = tokio::task::spawn_blocking(move || {
            let screened = screening.look_at(&result, "");
            (result, screened)
        });
        let Ok((result, screened)) = looking.await else {
            // What could not be looked at is not clean.
            let withheld = if mode == Mode::Enforce { WITHHELD } else { "the output could not be looked at" };
            return (json!({ "withheld": withheld }), None);
        };
        self.metrics.screened(Stage::Output.as_str(), screened.rating.as_str());
        let shown = match (mode, screened.rating) {
            (Mode::Enforce, Rating::Unsafe) => json!({ "withheld": WITHHELD }),
            (Mode::Enforce, Rating::Review) => marked(result, "screening", json!(screened)),
            (Mode::Off | Mode::Report, _) | (Mode::Enforce, Rating::Clean) => result,
        };
        (shown, Some(screened))
    }

    /// The same by Prompt Shields. What leaves the host for it has no secret in it.
    async fn shield(&self, result: Value, secrets: &Secrets) -> (Value, Option<Shielded>) {
        let shield = Arc::clone(&self.rules.load().shield);
        if !shield.asks(Stage::Output) || result.get("withheld").is_some() {
            return (result, None);
        }
        let Some(shielded) = shield.look_at(Stage::Output, &secrets.hidden(&result)).await else {
            return (result, None);
        };
        self.count_shielded(&shielded);
        let shown = match (shielded.meaning, shielded.answer.attack) {
            (Meaning::Deny, true) => json!({ "withheld": WITHHELD }),
            (Meaning::Deny, false) => json!({ "withheld": NOT_SEEN }),
            (Meaning::Review, _) => marked(result, "shields", json!(shielded)),
            (Meaning::Off, _) => result,
        };
        (shown, Some(shielded))
    }

    /// The same of an end.
    pub(super) async fn screen_end(&self, mut end: End, secrets: &Secrets) -> End {
        if let Some(result) = end.outcome.result.take() {
            let (result, screened) = self.screen_output(result, secrets).await;
            (end.outcome.result, end.screened) = (Some(result), screened);
        }
        end
    }
}

/// A result that says itself that a person should look before a model follows it.
fn marked(mut result: Value, by: &str, found: Value) -> Value {
    match result.as_object_mut() {
        Some(fields) => {
            fields.insert(by.to_owned(), found);
            result
        }
        None => json!({ "value": result, by: found }),
    }
}
