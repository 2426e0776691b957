//! That it was a drill is told to everybody who was asked, or may have been: for as long as they have not got it, and over
//! restarts of the gate, too.

use std::sync::Arc;
use std::time::Duration;

use super::record::{Asked, Drill};
use super::{NOTE, REMEMBERED_MS};
use crate::approval::prompt::{Outcome, Stands};
use crate::approval::signal::{Quote, SendError};
use crate::gate::Gate;
use crate::gate::tell::QUOTED;
use crate::job::StoreError;

/// How often it is looked whether it is over.
const LOOK: Duration = Duration::from_millis(500);
/// How long after one that came to nothing the next attempt to tell somebody is, first and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3600));

/// Who is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// Those who have not answered: the others are just being answered.
    Silent,
    /// Everybody who was not told.
    All,
}

impl Gate {
    /// Goes on with what a restart cut off.
    pub(in crate::gate) fn resume_drill(self: &Arc<Self>) -> Result<(), StoreError> {
        let kept: Option<Option<Drill>> = self.store.note(NOTE)?;
        let Some(mut drill) = kept.flatten() else { return Ok(()) };
        if !drill.is_over {
            drill.nobody_was_told();
        }
        let id = drill.id.clone();
        *self.drills.now() = Some(drill);
        tokio::spawn(Arc::clone(self).watch_drill(id));
        Ok(())
    }

    /// Ends it when everybody has answered, or their time is over, and tells people for as long as somebody was not told.
    pub(super) async fn watch_drill(self: Arc<Self>, id: String) {
        let mut whom = Whom::All;
        while let Some(drill) = self.drills.last().filter(|drill| drill.id == id && !drill.is_over) {
            if drill.is_answered() || self.now_ms() >= drill.expires_at {
                self.end_drill().await;
                whom = Whom::Silent;
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        let mut pause = AGAIN.0;
        while let Some(drill) = self.drills.last().filter(|drill| drill.id == id && !drill.is_told()) {
            if self.now_ms().saturating_sub(drill.expires_at) > REMEMBERED_MS {
                let untold: Vec<&str> = drill.untold().map(|one| one.name.as_str()).collect();
                tracing::error!(drill = id, ?untold, "that it was a drill could not be told: tell them");
                return;
            }
            for one in drill.untold().filter(|one| whom == Whom::All || one.answer.is_none()) {
                self.tell_of_drill(&drill, one).await;
            }
            if self.drills.last().is_some_and(|drill| drill.id == id && drill.is_told()) {
                return;
            }
            tokio::time::sleep(pause).await;
            (whom, pause) = (Whom::All, (pause * 2).min(AGAIN.1));
        }
    }

    async fn end_drill(self: &Arc<Self>) {
        let ended = self.drills.now().as_mut().map(|drill| {
            drill.is_over = true;
            drill.clone()
        });
        let Some(drill) = ended else { return };
        if let Err(error) = self.record(drill.ended()).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the end of a drill is not recorded");
        }
        for _silent in drill.asked.iter().filter(|one| one.answer.is_none()) {
            self.metrics.drill_answered(drill.outcome(None));
        }
        self.keep_drill_or_say("that a drill is over is not kept").await;
    }

    /// Tells one person that it was one: beneath the request that they have, or by itself where nobody knows whether they do.
    async fn tell_of_drill(self: &Arc<Self>, drill: &Drill, one: &Asked) {
        let people = self.people.load_full();
        // Who may approve no more is nobody whom the gate writes to.
        let Some(person) = people.named(&one.name) else {
            return self.told_of_drill(&drill.id, &one.name).await;
        };
        let outcome = Outcome::Drill { claims: drill.claims.clone() };
        let text = self.witnesses.beneath(self.outcome_text(&drill.job, &outcome)).await;
        let about: String = drill.job.submission.operation.command_line().chars().take(QUOTED).collect();
        let quote = one.approval.prompts.first().map(|prompt| Quote {
            timestamp: prompt.timestamp,
            author: None,
            text: about,
        });
        match self.channel.tell(person, &text, quote).await {
            Ok(_sent) => {
                self.told_of_drill(&drill.id, &one.name).await;
                self.show_drill(drill, one);
            }
            Err(error) => {
                tracing::warn!(
                    approver = person.name,
                    error = &error as &dyn std::error::Error,
                    "somebody was not told that it was a drill"
                );
                if matches!(error, SendError::Identity(_) | SendError::Unregistered) {
                    // Whoever has the account now was not asked.
                    self.told_of_drill(&drill.id, &one.name).await;
                }
            }
        }
    }

    /// Puts into the place of the request that it was a drill.
    pub(super) fn show_drill(self: &Arc<Self>, drill: &Drill, one: &Asked) {
        let outcome = Outcome::Drill { claims: drill.claims.clone() };
        let Ok(text) = self.prompt_text(&drill.job, &one.approval, Stands::Told(&outcome)) else { return };
        let (gate, people, one, id) =
            (Arc::clone(self), self.people.load_full(), one.clone(), drill.id.clone());
        tokio::spawn(async move {
            let Some(person) = people.named(&one.name) else { return };
            for prompt in one.approval.prompts {
                match gate.channel.edit(person, prompt.timestamp, &text).await {
                    Ok(_sent) => gate.told_of_drill(&id, &one.name).await,
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(
                            approver = person.name,
                            error,
                            "a drill's request does not say that it was one"
                        );
                    }
                }
            }
        });
    }

    /// Kept after it was told: who is told twice is better off than who is not.
    async fn told_of_drill(&self, id: &str, name: &str) {
        let is_news = {
            let mut now = self.drills.now();
            let one = now.as_mut().filter(|drill| drill.id == id).and_then(|drill| drill.one_mut(name));
            one.is_some_and(|one| !std::mem::replace(&mut one.is_told, true))
        };
        if is_news {
            self.keep_drill_or_say("that somebody was told of a drill is not kept").await;
        }
    }
}
