//! News for everybody who may approve, that belong to no request.

use std::time::SystemTime;

use super::MESSAGE_LIMIT;
use super::outcome::audit;
use super::shape::clock_time;
use crate::approval::foreign::is_invisible;

/// How many lines of a change are shown.
const LINES_SHOWN: usize = 10;
const LINE_LIMIT: usize = 200;

/// What everybody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Root has changed who may approve what.
    RulesChanged {
        /// What could be approved that could not be before: lines of the gate's own.
        lines: Vec<String>,
    },
    /// Somebody may approve less, or nothing any more.
    RulesNarrowed {
        /// Who, and what: lines of the gate's own.
        lines: Vec<String>,
    },
    /// Those who were asked have changed who may approve what.
    RulesApproved {
        /// Who said yes.
        by: Vec<String>,
        /// What could be approved that could not be before.
        lines: Vec<String>,
    },
    /// A principal, or the host, does nothing more until it is thawed.
    Frozen {
        /// The principal; the whole host when there is none.
        who: Option<String>,
        /// Who froze it.
        by: String,
        /// Why, in the gate's words.
        why: Option<String>,
        /// Since when.
        at: SystemTime,
    },
    /// The checkpoints of the audit log are signed by another key.
    NewKey {
        /// The one before.
        before: String,
        /// The new one.
        key: String,
    },
    /// Root enrols somebody anew who lost their phone.
    Recovery {
        /// Whom.
        name: String,
        /// Since when.
        at: SystemTime,
        /// Not before.
        due: SystemTime,
    },
    /// Somebody has stopped that.
    RecoveryStopped {
        /// Whom.
        name: String,
        /// Who.
        by: String,
    },
    /// An approver's account has another identity key than the enrolled one.
    KeyChanged {
        /// Whose.
        name: String,
    },
    /// A host that watches this one's log has seen another history of it.
    Contradicted {
        /// Which.
        peer: String,
        /// What it says, in the gate's words.
        why: String,
    },
    /// The log of another host, which this one watches, does not only grow.
    OthersLog {
        /// Whose.
        peer: String,
        /// What is wrong, in the gate's words.
        why: String,
    },
    /// What a day has brought, also when it was nothing.
    Day {
        /// Since when.
        since: SystemTime,
        /// Now.
        now: SystemTime,
        /// How many records were written.
        records: u64,
        /// The operations that were taken up, by the state that they are in.
        operations: Vec<(String, u64)>,
        /// Where the audit log stands.
        checkpoint: String,
    },
    /// It may go on.
    Thawed {
        /// The principal; the whole host when there is none.
        who: Option<String>,
        /// Who thawed it.
        by: String,
    },
}

impl Notice {
    /// The message.
    pub fn text(&self, host: &str) -> String {
        let named = |who: &Option<String>| who.clone().unwrap_or_else(|| "the whole host".to_owned());
        let word = |who: &Option<String>| who.clone().unwrap_or_else(|| "host".to_owned());
        let mut lines = match self {
            Self::RulesChanged { lines: changes } => {
                let mut lines = vec![
                    format!("reeve · {host} · ⚠️ root changed who may approve what"),
                    "Nobody was asked, since it was done at the host's console. If it was none of you, look at the host.".to_owned(),
                ];
                lines.extend(listed(changes));
                lines
            }
            Self::RulesNarrowed { lines: changes } => {
                let mut lines = vec![
                    format!("reeve · {host} · ⚠️ somebody may approve less"),
                    "It was done at the host's console, or by an admin. If it was none of you, look at the host.".to_owned(),
                ];
                lines.extend(listed(changes));
                lines
            }
            Self::RulesApproved { by, lines: changes } => {
                let mut lines = vec![
                    format!("reeve · {host} · ⚠️ who may approve what has changed"),
                    format!("Others who may approve were asked, and {} said yes.", by.join(", ")),
                ];
                lines.extend(listed(changes));
                lines
            }
            Self::Frozen { who, by, why, at } => {
                let mut lines = vec![
                    format!("reeve · {host} · 🧊 {} is frozen", named(who)),
                    format!("by {by} at {}", clock_time(*at, *at)),
                ];
                lines.extend(why.as_ref().map(|why| format!("  why: {}", shown(why))));
                let whose = if who.is_some() { "it" } else { "anybody" };
                lines.push(format!("Nothing that {whose} asks for is done, and what waited has ended."));
                lines.push(format!("THAW {}   lets it go on.", word(who)));
                lines
            }
            Self::NewKey { before, key } => vec![
                format!("reeve · {host} · ⚠️ another key signs the checkpoints of the audit log"),
                "Somebody on the host removed the old one, or replaced it. If it was none of you, look at the host.".to_owned(),
                format!("  was {}", shown(before)),
                format!("  is  {}", shown(key)),
            ],
            Self::Recovery { name, at, due } => vec![
                format!("reeve · {host} · ⚠️ {name} is about to be enrolled anew, with another phone"),
                format!("Root began it at the host's console at {}. Ask {name}, but not on Signal.", clock_time(*at, *at)),
                format!("Nothing changes before {}, and not at all if one of you but {name} says no:", clock_time(*due, *at)),
                format!("STOP {name}"),
            ],
            Self::RecoveryStopped { name, by } => {
                vec![format!("reeve · {host} · {name} is not enrolled anew, says {by}")]
            }
            Self::KeyChanged { name } => vec![
                format!("reeve · {host} · ⚠️ {name}'s safety number has changed"),
                format!("{name} has a new phone, or somebody else has the account. Ask {name}, but not on Signal."),
                format!("Until root has compared it and enrolled {name} anew, {name} is asked nothing, and no vote of {name} counts."),
            ],
            Self::Contradicted { peer, why } => vec![
                format!("reeve · {host} · ⚠️ {peer} has seen another history of this host's audit log"),
                format!("  {}", shown(why)),
                "The log here was cut or written anew, or that host is wrong. Keep the checkpoints in this chat, and look at both.".to_owned(),
            ],
            Self::OthersLog { peer, why } => vec![
                format!("reeve · {host} · ⚠️ the audit log of {peer} does not only grow"),
                format!("  {}", shown(why)),
                format!("Its own key says so. Look at {peer}, and at what its messages to you end with."),
            ],
            Self::Day { since, now, records, operations, checkpoint } => {
                let mut lines = vec![format!("reeve · {host} · news since {}", clock_time(*since, *now))];
                lines.extend(day(*records, operations));
                lines.push("You get this every day. If it does not come, look at the host.".to_owned());
                lines.push(audit(checkpoint));
                lines
            }
            Self::Thawed { who, by } => {
                vec![format!("reeve · {host} · {} may go on, says {by}", named(who))]
            }
        };
        while lines.len() > 2 && lines.iter().map(|line| line.len() + 1).sum::<usize>() > MESSAGE_LIMIT {
            lines.pop();
        }
        lines.join("\n")
    }
}

/// The first lines of a change, and how many there are besides.
fn listed(changes: &[String]) -> Vec<String> {
    let mut lines: Vec<String> =
        changes.iter().take(LINES_SHOWN).map(|line| format!("  {}", shown(line))).collect();
    let rest = changes.len().saturating_sub(LINES_SHOWN);
    lines.extend((rest > 0).then(|| format!("  … and {rest} more")));
    lines
}

/// What a day has brought.
fn day(records: u64, operations: &[(String, u64)]) -> Vec<String> {
    if records == 0 {
        return vec!["  nothing happened".to_owned()];
    }
    let asked: u64 = operations.iter().map(|(_, count)| count).sum();
    let states: Vec<String> = operations.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let of = if states.is_empty() { String::new() } else { format!(": {}", states.join(", ")) };
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    vec![
        format!("  {asked} operation{} taken up{of}", plural(asked)),
        format!("  {records} record{} in the audit log", plural(records)),
    ]
}

fn shown(line: &str) -> String {
    line.replace(is_invisible, " ").chars().take(LINE_LIMIT).collect()
}
