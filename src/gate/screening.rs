//! Screening at the gate: what tools printed is looked at before its caller reads it, and all that was looked at is counted.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Gate;
use super::end::End;
use crate::policy::Looked;
use crate::screening::settings::{Mode, Stage};
use crate::screening::{Rating, Screened};

/// What stands in place of output that was found unsafe.
const WITHHELD: &str =
    "the output is made to mislead who reads it, and is withheld; the audit log says where";

impl Gate {
    /// Counts what was looked at in a request.
    pub(super) fn count_screened(&self, looked: &Looked) {
        looked.ratings().for_each(|(stage, rating)| self.metrics.screened(stage.as_str(), rating.as_str()));
    }

    /// Whether what tools print may be shown as it comes: not where it could have to be withheld.
    pub(super) fn shows_output_as_it_comes(&self) -> bool {
        self.rules.load().screening.mode(Stage::Output) != Mode::Enforce
    }

    /// A result as its caller may read it, and what was found in it.
    pub(super) async fn screen_output(&self, result: Value) -> (Value, Option<Screened>) {
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
            (Mode::Enforce, Rating::Review) => marked(result, &screened),
            (Mode::Off | Mode::Report, _) | (Mode::Enforce, Rating::Clean) => result,
        };
        (shown, Some(screened))
    }

    /// The same of an end.
    pub(super) async fn screen_end(&self, mut end: End) -> End {
        if let Some(result) = end.outcome.result.take() {
            let (result, screened) = self.screen_output(result).await;
            (end.outcome.result, end.screened) = (Some(result), screened);
        }
        end
    }
}

/// A result that says itself that a person should look before a model follows it.
fn marked(mut result: Value, screened: &Screened) -> Value {
    match result.as_object_mut() {
        Some(fields) => {
            fields.insert("screening".to_owned(), json!(screened));
            result
        }
        None => json!({ "value": result, "screening": screened }),
    }
}
