//! Other rules of who may approve what, asked for over the network: put to those who may approve under the rules in force,
//! as something that destroys would be. What they say yes to is these very bytes; anything else is another question.

use std::sync::Arc;

use serde_json::{Map, json};

use super::Gate;
use super::files::Files;
use super::protocol::{Answer, Problem, ProblemKind};
use super::question::{Question, Shown};
use super::reload::Anew;
use super::standing::Standing;
use super::start_error::causes;
use crate::approval::is_invisible;
use crate::approval::prompt::{Notice, ObjectLine, Outcome, Settled};
use crate::audit::{Event, EventKind};
use crate::operation::Digest;
use crate::policy::{PolicyDecision, ToolCall, Verdict};
use crate::principal::PrincipalName;

/// What the policy is asked about: a destructive call of this name.
const TOOL: &str = "reeve.reload";
pub(super) const COMMAND: &str = "change who may approve what";
/// What is said where the policy in force leaves it to nobody: people decide about this all the same.
const RULE: &str = "who may approve what is changed by those who may approve";

/// What people are asked about.
#[derive(Debug, Clone)]
pub(super) struct Change {
    files: Digest,
    before: Standing,
    after: Standing,
    weaker: Vec<String>,
}

impl Gate {
    /// Asks people, or says what has become of the same question.
    pub(super) async fn ask_for_change(
        self: &Arc<Self>,
        by: &PrincipalName,
        anew: &Anew,
        weaker: Vec<String>,
    ) -> Result<Answer, Problem> {
        let files = anew.files.digest();
        let cool_down = u64::try_from(self.approvals.cool_down.as_millis()).unwrap_or(u64::MAX);
        for question in self.questions.all().await {
            if question.about.files != files {
                let why = "other files were put to you since";
                self.close_question(&question.id, Settled::Void, why).await;
                continue;
            }
            let over = self.now_ms().saturating_sub(question.ended_at);
            match &question.settled {
                None => return Ok(self.asked_for(&question)),
                Some(Settled::Refused { by: _ } | Settled::Expired) if over < cool_down => {
                    let why = "the same was refused or left unanswered a moment ago";
                    let left = (cool_down - over).div_ceil(1000);
                    return Err(Problem {
                        retry_after: Some(left),
                        ..Problem::new(ProblemKind::CoolDown, why)
                    });
                }
                Some(_) => {}
            }
        }
        let decision = self.decided_for_change(by, &files).await;
        if decision.verdict == Verdict::Deny {
            let why = "the rules in force do not let who may approve what be changed over the network";
            return Err(Problem::new(ProblemKind::Forbidden, why));
        }
        let rule = if decision.verdict == Verdict::Allow { RULE.to_owned() } else { decision.reason };
        let shown = Shown {
            principal: by.to_string(),
            command_line: COMMAND.to_owned(),
            objects: objects(&weaker, &anew.files, &self.files.load()),
            digest: files.to_string(),
            rule,
        };
        let after = anew.standing();
        let about = Change { files, before: self.standing(), after, weaker };
        let question = self.put_question(shown, decision.terms.unwrap_or_default(), about).await?;
        Ok(self.asked_for(&question))
    }

    /// What the policy in force says of it: who has to say yes, or that nobody can.
    pub(super) async fn decided_for_change(&self, by: &PrincipalName, files: &Digest) -> PolicyDecision {
        let known = |pairs: &[(&str, &str)]| -> Map<String, _> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
        };
        let rules = self.rules.load_full();
        let now_ms = self.now_ms();
        let call = ToolCall {
            caller: by,
            tool: TOOL,
            args: &known(&[("resource", "rules"), ("digest", files.as_str())]),
            context: &Map::new(),
            host: self.identity.name.as_str(),
            now_ms,
            recent: &self.history.of(by, now_ms),
            // Nothing is known of its effect but this.
            instead: &known(&[("effect", "destroy")]),
        };
        rules.evaluate(&call).await.decision
    }

    fn asked_for(&self, question: &Question) -> Answer {
        Answer::Document(json!({
            "reloaded": false,
            "detail": "who may approve what would be another; those who may approve now are asked, and what was in force stays in force",
            "weaker": question.about.weaker,
            "files": question.about.files,
            "approval": question.view(&self.people.load()),
        }))
    }

    /// Enough people have said yes, and its time has come.
    pub(super) async fn change_rules(self: &Arc<Self>, id: &str) {
        let _one_at_a_time = self.reloading.lock().await;
        // From here on a no comes too late; one that came before has ended it.
        let Some(question) = self.questions.end(id, Settled::Begun, self.now_ms()).await else { return };
        let loaded = self.load_anew().await;
        let change = &question.about;
        let why = match &loaded {
            Err(error) => {
                tracing::error!(why = causes(error), "what was approved does not load");
                Some("the files do not load any more")
            }
            Ok(_) if self.standing() != change.before || !question.is_carried(&self.people.load()) => {
                Some("who may approve what has changed since you were asked")
            }
            Ok(anew) if anew.files.digest() != change.files => {
                Some("the files have changed since you were asked")
            }
            Ok(anew) if anew.standing() != change.after => {
                Some("the files mean something else than when you were asked")
            }
            Ok(_) => None,
        };
        let revision = match &loaded {
            Ok(anew) if why.is_none() => anew.rules.revision.clone(),
            Ok(_) | Err(_) => self.rules.load().revision.clone(),
        };
        let event = Event::new(EventKind::ConfigReloaded)
            .with("loaded", why.is_none())
            .with("why", why.unwrap_or_default())
            .with("by", question.shown.principal.as_str())
            .with("approval", id)
            .with("confirmed_by", json!(question.confirmed_by()))
            .with("files", change.files.as_str())
            .with("weaker", json!(change.weaker))
            .with("rules", revision.as_str());
        let why = match self.record(event).await {
            Ok(_receipt) => why,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a change of rules is not recorded"
                );
                Some("the host could not record it")
            }
        };
        let (Ok(anew), None) = (loaded, why) else {
            let why = why.unwrap_or("the files do not load any more").to_owned();
            return self.tell_asked(&question, &Outcome::Void { why });
        };
        let (by, lines) = (question.confirmed_by(), change.weaker.clone());
        let before = self.bring_into_force(anew).await;
        self.tell_asked(&question, &Outcome::InForce);
        self.announce_but(Notice::RulesApproved { by, lines }, Some(before), question.asked());
    }

    /// What is asked about rules that are in force no more is void.
    pub(super) async fn void_changes(self: &Arc<Self>) {
        for question in self.questions.all().await {
            let why = "who may approve what has changed since you were asked";
            self.close_question(&question.id, Settled::Void, why).await;
        }
    }
}

/// What becomes weaker, each with the lines that changed in its file.
fn objects(weaker: &[String], after: &Files, before: &Files) -> Vec<ObjectLine> {
    let plain = |text: &str| text.replace('→', "->").replace(is_invisible, " ");
    let object =
        |name: &str, lines: Vec<String>| ObjectLine { kind: "change".into(), name: plain(name), lines };
    let said = weaker.iter().map(|line| object(line, Vec::new()));
    let changed = after.changes_since(before).into_iter();
    let changed = changed.map(|(file, lines)| {
        let lines = lines.iter().map(|line| plain(line)).collect();
        object(&format!("in {file}:"), lines)
    });
    said.chain(changed).collect()
}
