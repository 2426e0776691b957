//! Reads of Azure, in which "could not be read" and "is not there" are never the same.

use std::time::Duration;

use crate::adapter::{Argv, Host, PlanRefusal, Program, Rule};
use crate::arm::{Answer, Answered, App, Trouble};
use crate::operation::azure::AppName;

/// How long a look may take: some calls, each of which may be throttled.
const LOOK: Duration = Duration::from_secs(60);

/// A refusal because nothing is known.
pub(super) fn unreadable(reason: impl Into<String>) -> PlanRefusal {
    PlanRefusal::new(Rule::HostUnreadable, reason)
}

/// What came is no answer to what was asked.
pub(super) fn odd() -> PlanRefusal {
    unreadable("Azure's answer is about something else")
}

/// The program's words: what to do, and where.
pub(super) fn argv(words: Vec<String>) -> Argv {
    let words = std::iter::once("azure".to_owned()).chain(words);
    Argv { limit: Some(LOOK), ..Argv::new(Program::AzureManager, words) }
}

/// The words for something about an app.
pub(super) fn place(what: &str, app: &AppName) -> Vec<String> {
    let (subscription, group, app) = app.parts();
    [what, subscription, group, app].map(str::to_owned).into()
}

/// The last line of what the program printed, which is its answer.
pub(super) fn last_line(stdout: &[u8]) -> Option<Answered> {
    let line = stdout.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty())?;
    serde_json::from_slice(line).ok()
}

/// Asks, and takes nothing but a whole answer for one.
pub(super) fn ask(host: &dyn Host, words: Vec<String>, about: &str) -> Result<Answer, PlanRefusal> {
    let output = host.read(&argv(words)).map_err(|error| unreadable(error.to_string()))?;
    if output.exit_code == 0 {
        let answered = last_line(&output.stdout).map(|answered| answered.answer);
        return answered.ok_or_else(|| unreadable("Azure's answer is not understood"));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    tracing::warn!(exit_code = output.exit_code, %said, "Azure does not answer");
    Err(match Trouble::of_status(output.exit_code) {
        Some(Trouble::NotFound) => PlanRefusal::new(Rule::AzureNotFound, format!("there is no {about}")),
        Some(Trouble::Denied) => {
            unreadable("Azure does not let this host see it, or nobody says who this host is")
        }
        Some(Trouble::Unavailable) => unreadable("Azure cannot be reached, or is too busy"),
        Some(Trouble::Unfit) => PlanRefusal::new(
            Rule::AzureAddress,
            "this host's own address is not known, or not one that may be let in; the gate's log says why",
        ),
        Some(Trouble::Unclaimed) => PlanRefusal::new(
            Rule::AzureUnclaimed,
            "root's configuration names no tag by which anything at Azure is this host's",
        ),
        Some(Trouble::Conflict | Trouble::Failed | Trouble::Other | Trouble::Begun | Trouble::Moved)
        | None => unreadable("Azure could not be asked; the gate's log says why"),
    })
}

/// How an app is.
pub(super) fn read_app(host: &dyn Host, app: &AppName) -> Result<App, PlanRefusal> {
    let Answer::App(seen) = ask(host, place("app", app), app.as_str())? else { return Err(odd()) };
    Ok(*seen)
}
