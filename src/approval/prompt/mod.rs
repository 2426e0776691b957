//! The question as a person gets it: exactly what would happen, in a fixed layout, or nothing at all.
//!
//! What cannot be shown cannot be approved: the command is never cut or cleaned for display. Text that was supplied by
//! an agent stands in quotation marks, capped, on one line.

mod answer;
mod drill;
mod enrolment;
mod notice;
mod outcome;
mod shape;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

pub use answer::{Answer, Settled, by_webhook};
pub use drill::Drill;
pub use enrolment::{EnrolmentFacts, enrolment};
pub use notice::Notice;
pub use outcome::{Outcome, OutcomeFacts};

use super::foreign::{is_invisible, is_unusual, quoted};
use super::token::Token;
use crate::policy::{Quorum, ReviewTerms, Timing};
pub use shape::bytes;
use shape::{clock_time, counted, duration};

/// Signal carries about 2000 bytes as text; longer ones become an attachment that people do not open.
pub const MESSAGE_LIMIT: usize = 1800;
/// What is shown of an agent's reason.
const REASON_LIMIT: usize = 200;
/// What is shown of a name that an agent supplied.
const NAME_LIMIT: usize = 64;
/// How many objects are listed by name.
const OBJECTS_SHOWN: usize = 5;
/// How many lines are shown of each, and how many of what goes with them: fewer where not all fits.
const DETAILS_SHOWN: [(usize, usize); 3] = [(3, 5), (1, 2), (0, 0)];
/// How much of each line.
const LINE_LIMIT: usize = 160;
/// How much of the effects' digest stands for the objects that are not listed.
const DIGEST_SHOWN: usize = 16;

/// One thing that the operation would touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectLine {
    /// What it is, in the singular: "snapshot".
    pub kind: String,
    /// Its full name: "tank/media@old".
    pub name: String,
    /// What it was and becomes, and the first lines of what changes in it. They are somebody else's text, and stand in
    /// quotation marks.
    pub lines: Vec<String>,
}

/// Whether it can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// It cannot.
    None,
    /// It can, for so long.
    For(Duration),
    /// It can, and no time is set.
    WithoutEnd,
}

/// Where a question stands: what it says first and last.
#[derive(Clone, Copy)]
pub enum Stands<'a> {
    /// It is asked.
    Asked(&'a Token),
    /// So many have confirmed, and more are needed. It holds no token: who wants to answer replies to it.
    Given(u32),
    /// It is approved and waits for its time, or it is over.
    Told(&'a Outcome),
}

/// Everything that a prompt tells.
pub struct PromptFacts<'a> {
    /// This host's name.
    pub host: &'a str,
    /// Where it stands.
    pub stands: Stands<'a>,
    /// The approval's id, by which the whole of it is shown on the host.
    pub id: &'a str,
    /// Who asks.
    pub principal: &'a str,
    /// For whom, as the asker says.
    pub on_behalf_of: &'a [String],
    /// What would run, as a person would type it.
    pub command_line: &'a str,
    /// What it would touch, from the plan.
    pub objects: &'a [ObjectLine],
    /// What else moves, or goes, with these.
    pub dependents: &'a [String],
    /// The digest of the effects, as `sha256:…` or bare hex.
    pub effects_digest: &'a str,
    /// What it would free.
    pub bytes_freed: Option<u64>,
    /// What it may free at most by the time that it runs.
    pub frees_at_most: Option<u64>,
    /// Whether it can be undone.
    pub undo: Undo,
    /// Why, as the asker says.
    pub reason: Option<&'a str>,
    /// Why people are asked: the policy's own words.
    pub rule: &'a str,
    /// How many people of which groups must confirm, and when it may run then.
    pub terms: &'a ReviewTerms,
    /// The name that a confirmation must repeat: of what is lost for good.
    pub repeat: Option<&'a str>,
    /// When the question was made.
    pub asked_at: SystemTime,
    /// When it lapses.
    pub expires_at: SystemTime,
}

/// Why a question cannot be put to people. It must then be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotShow {
    /// A part of what would happen holds characters that people cannot see.
    #[error("the operation holds characters that cannot be shown")]
    Invisible,
    /// It does not fit into one message.
    #[error("the operation is too long to be shown")]
    TooLong,
}

/// The question for people, and what stands in its place later. While it is asked the text holds the token: it goes to
/// approvers and nowhere else.
pub fn prompt(facts: &PromptFacts<'_>) -> Result<String, CannotShow> {
    let names = facts.objects.iter().flat_map(|object| [object.kind.as_str(), object.name.as_str()]);
    let names = names.chain([facts.command_line, facts.principal]).chain(facts.repeat);
    if names.flat_map(str::chars).any(is_invisible) {
        return Err(CannotShow::Invisible);
    }
    let shown = OBJECTS_SHOWN.min(facts.objects.len());
    // Long names may not all fit: then fewer are listed, and count and digest stand for the rest.
    (shown.min(1)..=shown)
        .rev()
        .flat_map(|listed| DETAILS_SHOWN.map(|details| layout(facts, listed, details)))
        .find(|text| text.len() < MESSAGE_LIMIT)
        .ok_or(CannotShow::TooLong)
}

fn layout(facts: &PromptFacts<'_>, listed: usize, (lines_of_each, dependents): (usize, usize)) -> String {
    let head = match facts.stands {
        Stands::Asked(token) => format!(" · {}", token.reveal().as_str()),
        Stands::Given(_) => String::new(),
        Stands::Told(outcome) => format!(" · {}", outcome.headline()),
    };
    let mut lines = vec![
        format!("reeve · {}{head}", facts.host),
        format!("{} asks: {}{}", asker(facts), facts.command_line, warning(facts.command_line)),
        format!("  {}", effect_line(facts)),
    ];
    lines.extend(object_lines(facts, listed, lines_of_each));
    lines.extend(dependent_lines(facts.dependents, dependents));
    lines.extend(facts.reason.map(|reason| format!("  why: {}", quoted(reason, REASON_LIMIT))));
    lines.push(format!("  rule: {}", rule(facts.rule)));
    lines.extend(foot(facts));
    lines.join("\n")
}

/// What is asked of the reader.
fn foot(facts: &PromptFacts<'_>) -> Vec<String> {
    let expires = clock_time(facts.expires_at, facts.asked_at);
    let name = facts.repeat.map(|name| format!(" {name}")).unwrap_or_default();
    let mut lines = when(facts.terms.timing());
    let most = facts.frees_at_most.map(|most| format!("void if it frees more than {}", bytes(most)));
    lines.splice(0..0, most);
    match facts.stands {
        Stands::Asked(token) => {
            let token = token.reveal();
            lines.insert(0, format!("{} · expires {expires}", votes(facts.terms.quorum(), 0)));
            lines.extend(
                facts
                    .repeat
                    .map(|_| "⚠ LOST FOR GOOD: to confirm, repeat the name as it stands here".to_owned()),
            );
            lines.push(format!("CONFIRM {0}{name}   or   DENY {0}", token.as_str()));
        }
        Stands::Given(given) => {
            lines.insert(0, format!("{} · expires {expires}", votes(facts.terms.quorum(), given)));
            lines.push(format!("Reply to this message: CONFIRM{name}   or   DENY"));
        }
        Stands::Told(Outcome::Approved { .. }) => {
            lines.clear();
            lines.push("Reply to this message: DENY stops it.".to_owned());
        }
        Stands::Told(_) => lines.clear(),
    }
    lines
}

/// `needs 2: 1 of owners, 1 of storage`.
fn votes(quorum: &Quorum, given: u32) -> String {
    let of_groups: Vec<String> = match quorum.groups().len() {
        0 | 1 => Vec::new(),
        _ => quorum.groups().iter().map(|(group, number)| format!("{number} of {group}")).collect(),
    };
    let groups = if of_groups.is_empty() { String::new() } else { format!(": {}", of_groups.join(", ")) };
    let has = if given == 0 { String::new() } else { format!(", has {given}") };
    format!("needs {}{has}{groups}", quorum.needed())
}

/// When it runs, where that is not at once.
fn when(timing: Timing) -> Vec<String> {
    let hold = (timing.hold > Duration::ZERO)
        .then(|| format!("then held for {}: any DENY still stops it", duration(timing.hold)));
    let window =
        timing.window.map(|window| format!("runs between {} UTC", window.to_string().replace('-', " and ")));
    hold.into_iter().chain(window).collect()
}

fn asker(facts: &PromptFacts<'_>) -> String {
    if facts.on_behalf_of.is_empty() {
        return facts.principal.to_owned();
    }
    let chain: Vec<_> = facts.on_behalf_of.iter().map(|name| quoted(name, NAME_LIMIT)).collect();
    format!("{} for {}", facts.principal, chain.join(", "))
}

/// The policy's words stand without quotation marks, but they may be made of an agent's: capped, and on one line.
fn rule(text: &str) -> String {
    let shown: String = text.replace(is_invisible, " ").chars().take(REASON_LIMIT).collect();
    let cut = if text.chars().nth(REASON_LIMIT).is_some() { "…" } else { "" };
    format!("{shown}{cut}{}", warning(text))
}

fn warning(text: &str) -> &'static str {
    if is_unusual(text) { " ⚠ unusual characters" } else { "" }
}

fn effect_line(facts: &PromptFacts<'_>) -> String {
    let mut parts = counted(facts.objects);
    parts.extend(facts.bytes_freed.map(|freed| format!("frees {}", bytes(freed))));
    let what = parts.join(", ");
    let undo = match facts.undo {
        Undo::None => "NO UNDO".to_owned(),
        Undo::For(time) => format!("UNDO: {}", duration(time)),
        Undo::WithoutEnd => "UNDO: at any time".to_owned(),
    };
    if what.is_empty() { undo } else { format!("{what} · {undo}") }
}

/// The objects by name, unless the command already names the only one, each with what is known of it.
fn object_lines(facts: &PromptFacts<'_>, listed: usize, lines_of_each: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let is_named =
        |name: &str| facts.objects.len() == 1 && facts.command_line.split(' ').any(|word| word == name);
    for object in facts.objects.iter().take(listed) {
        let mut indent = "    ";
        if !is_named(&object.name) {
            lines.push(format!("{indent}{}{}", object.name, warning(&object.name)));
            indent = "      ";
        }
        let shown = object.lines.iter().take(lines_of_each);
        lines.extend(shown.map(|line| format!("{indent}{}", quoted(line, LINE_LIMIT))));
        lines.extend(left(object.lines.len(), lines_of_each, "line").map(|left| format!("{indent}{left}")));
    }
    let rest = facts.objects.len().saturating_sub(listed);
    if rest > 0 {
        let digest = facts.effects_digest.trim_start_matches("sha256:");
        let prefix: String = digest.chars().take(DIGEST_SHOWN).collect();
        lines.push(format!(
            "    … and {rest} more · effects sha256:{prefix}… · all of it: reeve show {}",
            facts.id
        ));
    }
    lines
}

/// What else goes, by name.
fn dependent_lines(dependents: &[String], most: usize) -> Vec<String> {
    let shown = dependents.iter().take(most).map(|name| format!("    with it: {}", quoted(name, LINE_LIMIT)));
    shown.chain(left(dependents.len(), most, "thing").map(|left| format!("    with it: {left}"))).collect()
}

/// How many are not shown.
fn left(all: usize, shown: usize, what: &str) -> Option<String> {
    let left = all.checked_sub(shown).filter(|left| *left > 0)?;
    Some(format!("… and {left} {what}{} more", if left == 1 { "" } else { "s" }))
}
