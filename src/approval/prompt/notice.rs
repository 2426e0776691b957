//! News for everybody who may approve, that belong to no request.

use std::time::SystemTime;

use super::MESSAGE_LIMIT;
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
                lines.extend(changes.iter().take(LINES_SHOWN).map(|line| format!("  {}", shown(line))));
                let rest = changes.len().saturating_sub(LINES_SHOWN);
                lines.extend((rest > 0).then(|| format!("  … and {rest} more")));
                lines
            }
            Self::Frozen { who, by, why, at } => {
                let mut lines = vec![
                    format!("reeve · {host} · 🧊 {} is frozen", named(who)),
                    format!("by {by} at {}", clock_time(*at, *at)),
                ];
                lines.extend(why.as_ref().map(|why| format!("  why: {}", shown(why))));
                lines.push("Nothing that it asks for is done, and what waited has ended.".to_owned());
                lines.push(format!("THAW {}   lets it go on.", word(who)));
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

fn shown(line: &str) -> String {
    line.replace(is_invisible, " ").chars().take(LINE_LIMIT).collect()
}
