//! What somebody hears who has answered a drill: that it was one, and what was wrong with it.

use std::time::Duration;

use super::outcome::wrong_target;

/// How much of a name is repeated.
const NAME_LIMIT: usize = 120;

/// An answer to a drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drill {
    /// What the request claimed to be about, where it was about something else.
    pub claims: Option<String>,
    /// Whether it was a yes.
    pub is_yes: bool,
    /// How long it took.
    pub after: Duration,
}

impl Drill {
    /// The message.
    pub(super) fn text(&self) -> String {
        let seconds = self.after.as_secs();
        let first = "🎓 Recorded. It was a drill, and nothing could have come of it.";
        let took = format!("You answered after {seconds} second{}.", if seconds == 1 { "" } else { "s" });
        let lines = match (&self.claims, self.is_yes) {
            (None, true) => vec![format!("{first} {took}")],
            (None, false) => vec![format!("{first} {took} You refused, which is always safe.")],
            (Some(claims), false) => {
                vec![format!("{first} {took} You saw it:"), wrong_target(claims, NAME_LIMIT)]
            }
            (Some(claims), true) => vec![
                format!("{first} {took}"),
                "⚠ You said yes to the wrong target.".to_owned(),
                wrong_target(claims, NAME_LIMIT),
                "What would happen stands behind `asks:` and in the lines below it. What stands in quotation marks is \
                 what the agent says. Where they differ, DENY."
                    .to_owned(),
            ],
        };
        lines.join("\n")
    }
}
