//! The question to an account whose owner root wants to enrol: whether it is theirs, and expected.

use std::time::SystemTime;

use super::shape::clock_time;
use crate::approval::token::Token;

/// What it tells.
pub struct EnrolmentFacts<'a> {
    /// This host's name.
    pub host: &'a str,
    /// What the approver will be called.
    pub name: &'a str,
    /// What has to be sent back.
    pub token: &'a Token,
    /// When it was asked.
    pub asked_at: SystemTime,
    /// When it lapses.
    pub expires_at: SystemTime,
}

/// The message.
pub fn enrolment(facts: &EnrolmentFacts<'_>) -> String {
    let EnrolmentFacts { host, name, token, asked_at, expires_at } = facts;
    [
        format!("reeve · {host} · are you {name}?"),
        format!("Root of {host} enrols this account as the approver {name}, who is asked before something there is lost."),
        "If you have just compared the safety number with them, send back the last line. If not, send nothing, and ask them.".to_owned(),
        format!("expires {}", clock_time(*expires_at, *asked_at)),
        format!("ENROL {}", token.reveal().as_str()),
    ]
    .join("\n")
}
