//! How it ended, as a reply to the prompt, with the audit log's checkpoint: the proof in people's phones.

use std::time::SystemTime;

use super::MESSAGE_LIMIT;
use super::shape::clock_time;
use crate::approval::foreign::is_invisible;

/// How many lines of difference are shown when the plan has changed.
const DIFFERENCES_SHOWN: usize = 8;
/// How much of one such line.
const DIFFERENCE_LIMIT: usize = 120;
/// How much of the command is repeated; the reply quotes the prompt, which has all of it.
const COMMAND_LIMIT: usize = 300;

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ran, and the host shows it.
    Verified,
    /// It ran without an error, and the host does not show it.
    NotVerified,
    /// It ran and failed.
    Failed {
        /// The tool's exit code, when it ended by itself.
        exit_code: Option<i32>,
    },
    /// It was begun, and nobody knows how it ended.
    Unknown,
    /// The host has changed since people were asked: nothing ran, and they are asked anew.
    PlanChanged {
        /// What differs: lines that begin with `+`, `-`, or `~` for what is there as before and in another state.
        difference: Vec<String>,
    },
    /// The host is already as asked.
    NothingLeft,
    /// Nobody decided in time.
    Expired,
    /// People said yes, and the time in which it might begin was over before it could.
    TooLate,
    /// Somebody refused.
    Refused {
        /// Who.
        by: String,
    },
    /// The asker took it back.
    Cancelled,
    /// Other rules of who may approve what are in force.
    InForce,
    /// What was asked about other rules means nothing any more.
    Void {
        /// Why.
        why: String,
    },
    /// The caller was frozen before it began.
    Frozen,
    /// It was a drill, of which nothing could come.
    Drill {
        /// What it claimed to be about, where it was about something else.
        claims: Option<String>,
    },
    /// Enough people confirmed. It has not begun, and a no still stops it.
    Approved {
        /// Who confirmed.
        by: Vec<String>,
        /// When it runs.
        at: SystemTime,
        /// Now.
        now: SystemTime,
    },
}

/// What an outcome's message tells.
#[derive(Debug, Clone, Copy)]
pub struct OutcomeFacts<'a> {
    /// This host's name.
    pub host: &'a str,
    /// What was asked for.
    pub command_line: &'a str,
    /// The audit log's last record on one line, and its signed checkpoint on those behind.
    pub checkpoint: &'a str,
}

impl Outcome {
    /// The message.
    pub fn text(&self, facts: &OutcomeFacts<'_>) -> String {
        let mut lines =
            vec![format!("reeve · {} · {}", facts.host, self.headline()), format!("  {}", command(facts))];
        lines.extend(self.detail());
        let last = audit(facts.checkpoint);
        let room = MESSAGE_LIMIT.saturating_sub(last.len() + 2);
        while lines.len() > 2 && lines.iter().map(|line| line.len() + 1).sum::<usize>() > room {
            lines.pop();
        }
        lines.push(last);
        lines.join("\n")
    }

    /// How it stands, in a few words.
    pub(super) fn headline(&self) -> String {
        match self {
            Self::Verified => "✅ done, and the host shows it".to_owned(),
            Self::NotVerified => "⚠️ ended without an error, but the host does NOT show it".to_owned(),
            Self::Failed { exit_code: Some(code) } => format!("❌ failed with exit code {code}"),
            Self::Failed { exit_code: None } => "❌ failed: it was ended before it finished".to_owned(),
            Self::Unknown => "❓ interrupted: how it ended is not known".to_owned(),
            Self::PlanChanged { difference: _ } => "🔁 the host has changed, nothing ran".to_owned(),
            Self::NothingLeft => "☑️ nothing left to do".to_owned(),
            Self::Expired => "⌛ expired, nothing ran".to_owned(),
            Self::TooLate => "⌛ too late to begin, nothing ran".to_owned(),
            Self::Refused { by } => format!("⛔ refused by {by}, nothing ran"),
            Self::Cancelled => "🚫 cancelled by whoever asked, nothing ran".to_owned(),
            Self::InForce => "✅ in force".to_owned(),
            Self::Void { why: _ } => "🔁 void, nothing was changed".to_owned(),
            Self::Frozen => "🧊 frozen before it began, nothing ran".to_owned(),
            Self::Drill { claims: _ } => "🎓 it was a drill, nothing ran".to_owned(),
            Self::Approved { by: _, at, now } => format!("⏳ approved, runs at {}", clock_time(*at, *now)),
        }
    }

    fn detail(&self) -> Vec<String> {
        let one = |text: &str| vec![text.to_owned()];
        match self {
            Self::InForce => one("It is as you were shown."),
            Self::Void { why } => vec![format!("It is void: {why}.")],
            Self::Verified | Self::Cancelled | Self::Frozen | Self::Refused { by: _ } => Vec::new(),
            Self::Approved { by, at: _, now: _ } => vec![
                format!("Confirmed by {}.", by.join(", ")),
                "Until then anybody who was asked stops it: reply DENY, or 👎.".to_owned(),
            ],
            Self::NotVerified => one("Look at the host before you rely on it."),
            Self::Failed { exit_code: _ } => {
                one("It may have done a part of it. The audit log has the cause.")
            }
            Self::Unknown => one("It is not run again by itself. Look at the host."),
            Self::PlanChanged { difference } => asked_anew(difference),
            Self::NothingLeft => one("The host is already as asked; nothing ran."),
            Self::Drill { claims: None } => one(
                "Root tried whether you are reached and answer. You did not in time; in earnest that is not a refusal.",
            ),
            Self::Drill { claims: Some(claims) } => {
                let mut lines =
                    one("Root tried whether you answer, and see what is wrong. You did not answer in time.");
                lines.push(wrong_target(claims, COMMAND_LIMIT));
                lines
            }
            Self::Expired => one("Nobody decided in time. That is not a refusal."),
            Self::TooLate => {
                one("It was approved, but could not begin in time. A yes is not kept for later.")
            }
        }
    }
}

/// What was wrong with a request that was to be seen through.
pub(super) fn wrong_target(claims: &str, limit: usize) -> String {
    format!(
        "What was wrong: its reason spoke of {}, and the command was about something else.",
        capped(claims, limit)
    )
}

/// The end of a message: where the audit log stands.
pub(super) fn audit(checkpoint: &str) -> String {
    let lines: Vec<String> = checkpoint.lines().map(visible).collect();
    format!("audit: {}", lines.join("\n"))
}

fn asked_anew(difference: &[String]) -> Vec<String> {
    let mut lines = vec!["What was confirmed is void. What differs:".to_owned()];
    lines.extend(
        difference.iter().take(DIFFERENCES_SHOWN).map(|line| format!("  {}", capped(line, DIFFERENCE_LIMIT))),
    );
    let rest = difference.len().saturating_sub(DIFFERENCES_SHOWN);
    if rest > 0 {
        lines.push(format!("  … and {rest} more"));
    }
    lines.push("You are asked anew in the next message.".to_owned());
    lines
}

fn command(facts: &OutcomeFacts<'_>) -> String {
    capped(facts.command_line, COMMAND_LIMIT)
}

pub(super) fn capped(text: &str, limit: usize) -> String {
    let text = visible(text);
    let more = text.chars().count().saturating_sub(limit);
    let kept: String = text.chars().take(limit).collect();
    if more == 0 { kept } else { format!("{kept}… (+{more} more characters)") }
}

fn visible(text: &str) -> String {
    text.replace(is_invisible, " ")
}
