//! The gate's side: asks about a text, waits no longer than it is worth, and never takes silence for a yes.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::Instant;

use super::pieces::{Keys, text_of};
use super::settings::{Meaning, ShieldSettings};
use super::wire::{self, Answer, LONGEST_TEXT, Said, Why};
use crate::screening::settings::Stage;
use crate::sys::peer;

/// Asks about texts, as far as it is configured.
#[derive(Debug, Default)]
pub struct Shield {
    settings: ShieldSettings,
    uid: u32,
}

/// What came of asking about one stage of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shielded {
    /// Which.
    #[serde(skip)]
    pub stage: Stage,
    /// The worst of the answer, in a word.
    pub verdict: &'static str,
    /// What that means.
    pub meaning: Meaning,
    /// The answer.
    #[serde(flatten)]
    pub answer: Answer,
    /// How long it took.
    #[serde(skip)]
    pub took: Duration,
}

impl Shield {
    /// One that asks the process of this user, as it is configured.
    #[must_use]
    pub fn new(settings: ShieldSettings, uid: u32) -> Self {
        Self { settings, uid }
    }

    /// As it is configured.
    #[must_use]
    pub fn settings(&self) -> &ShieldSettings {
        &self.settings
    }

    /// Whether it is asked about a stage.
    #[must_use]
    pub fn asks(&self, stage: Stage) -> bool {
        self.settings.attack(stage) != Meaning::Off
    }

    /// What there is in a value; nothing where its stage is off, or there is no text in it.
    pub async fn look_at(&self, stage: Stage, value: &Value) -> Option<Shielded> {
        if !self.asks(stage) {
            return None;
        }
        let keys = match stage {
            Stage::Reasons => Keys::Ours,
            Stage::Arguments | Stage::Output => Keys::Theirs,
        };
        let text = text_of(value, keys);
        if text.is_empty() {
            return None;
        }
        let began = Instant::now();
        let answer = self.answer(&text).await;
        Some(self.shielded(stage, answer, began.elapsed()))
    }

    /// The answer about one text.
    pub async fn answer(&self, text: &str) -> Answer {
        self.said(text).await.answer
    }

    /// The answer about one text, and as whom Azure was asked.
    pub async fn said(&self, text: &str) -> Said {
        if text.len() > LONGEST_TEXT {
            return nobody(Why::TooLong);
        }
        match tokio::time::timeout(self.settings.patience, self.ask(text)).await {
            Ok(said) => said,
            Err(_late) => nobody(Why::Timeout),
        }
    }

    async fn ask(&self, text: &str) -> Said {
        let asking = async {
            let mut stream = UnixStream::connect(&self.settings.socket).await?;
            // Texts go to nobody else, and nobody else says that one is harmless.
            if peer::credentials(&stream)?.uid != self.uid {
                return Err(std::io::Error::other("it is not the user's that should listen there"));
            }
            wire::ask(&mut stream, text, self.settings.patience).await?;
            wire::answered(&mut stream).await
        };
        asking.await.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "Prompt Shields cannot be asked");
            nobody(Why::Down)
        })
    }

    fn shielded(&self, stage: Stage, answer: Answer, took: Duration) -> Shielded {
        let attack = if answer.attack { self.settings.attack(stage) } else { Meaning::Off };
        let unsure = if answer.unsure.is_some() { self.settings.unsure } else { Meaning::Off };
        Shielded { stage, verdict: answer.verdict(), meaning: attack.max(unsure), answer, took }
    }
}

fn nobody(why: Why) -> Said {
    Said { answer: Answer::unsure(why), credential: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shield(arguments: Meaning, unsure: Meaning) -> Shield {
        Shield::new(ShieldSettings { arguments, unsure, ..ShieldSettings::default() }, 0)
    }

    fn meaning(shield: &Shield, attack: bool, unsure: Option<Why>) -> Meaning {
        let answer = Answer { pieces: 1, kept: 0, attack, unsure };
        shield.shielded(Stage::Arguments, answer, Duration::ZERO).meaning
    }

    #[test]
    fn the_stricter_of_an_attack_and_of_doubt_is_meant() {
        use Meaning::{Deny, Off, Review};
        for (attack_means, unsure_means) in [(Review, Deny), (Deny, Review), (Deny, Deny), (Review, Review)] {
            let shield = shield(attack_means, unsure_means);
            assert_eq!(meaning(&shield, false, None), Off);
            assert_eq!(meaning(&shield, true, None), attack_means);
            assert_eq!(meaning(&shield, false, Some(Why::Timeout)), unsure_means);
            assert_eq!(meaning(&shield, true, Some(Why::Timeout)), attack_means.max(unsure_means));
        }
    }

    #[tokio::test]
    async fn a_process_that_is_not_there_is_never_a_yes() {
        let mut settings = ShieldSettings { arguments: Meaning::Deny, ..ShieldSettings::default() };
        settings.socket = "/nonexistent/socket".into();
        let looked = Shield::new(settings, 0).look_at(Stage::Arguments, &serde_json::json!("text")).await;
        let looked = looked.unwrap();
        assert_eq!((looked.verdict, looked.answer), ("unsure", Answer::unsure(Why::Down)));
        assert_eq!(looked.meaning, Meaning::Review);
    }

    #[tokio::test]
    async fn a_text_that_is_too_long_to_be_asked_about_is_never_a_yes() {
        let shield = shield(Meaning::Review, Meaning::Deny);
        let value = Value::String("x".repeat(LONGEST_TEXT + 1));
        let looked = shield.look_at(Stage::Arguments, &value).await.unwrap();
        assert_eq!((looked.answer, looked.meaning), (Answer::unsure(Why::TooLong), Meaning::Deny));
    }

    #[tokio::test]
    async fn nobody_is_asked_about_a_stage_that_is_off_or_about_nothing() {
        let shield = shield(Meaning::Deny, Meaning::Deny);
        assert_eq!(shield.look_at(Stage::Output, &serde_json::json!("text")).await, None);
        assert_eq!(shield.look_at(Stage::Arguments, &serde_json::json!([7, null, ""])).await, None);
    }
}
