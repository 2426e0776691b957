//! `reeve approver remove`: somebody may approve no more. Where too few would be left, nothing is changed.

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::super::block_on;
use super::super::gate::{GateArgs, mismatch};
use super::add::{put, step};
use super::entry;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, harmless};
use crate::gate::config::GateConfig;
use crate::gate::protocol::{Answer, Call, Enrol};

/// Take an approver out, unless too few would be left
#[derive(Debug, Args)]
#[command(after_help = "\
The entry is taken out of gate.toml, with the person's key for votes by webhook, and the gate reads
it: from then on nothing that they say counts, and everybody who may approve, and they themselves,
are told. Refused where what waits, what people were asked in the last 30 days, or a change of these
very rules would then be for too few people. What else has changed in the files and would weaken
approvals waits for people, or takes --weaken, as with `reeve reload`.

Example:
  reeve approver remove carol")]
pub(super) struct RemoveArgs {
    /// Who: the name in gate.toml
    name: String,
    /// Bring into force what else has changed even if it weakens approvals; everybody is told
    #[arg(long)]
    weaken: bool,
    #[command(flatten)]
    gate: GateArgs,
}

/// Runs `reeve approver remove`.
pub(super) fn run(
    args: &RemoveArgs,
    file: &Path,
    config: &GateConfig,
    screen: Screen,
) -> Result<Exit, Failure> {
    let name = &args.name;
    if config.people.named(name).is_none() {
        let why = format!("nobody who may approve is called {}", harmless(name));
        return Err(Failure::new(Exit::Failed, why).hint("`reeve approver list` names them"));
    }
    let gate = args.gate.gate()?;
    block_on(async {
        step(&gate, Enrol::Remove { name: name.clone() }).await?;
        write(file, name, config)?;
        let hint = "the entry is taken out; `reeve reload` brings it into force";
        let reload = Call::ReloadHere { weaken: args.weaken };
        let answer = gate.ask(reload).await.map_err(|failure| failure.hint(hint))?;
        let in_force = if let Answer::Document(done) = &answer {
            done.get("reloaded") == Some(&serde_json::Value::Bool(true))
        } else if let Answer::Done(_) = answer {
            true
        } else {
            return Err(mismatch());
        };
        if screen.is_json() {
            screen.document(&json!({"name": name, "in_force": in_force}))?;
        } else if in_force {
            screen.line(&format!("{} may approve no more", harmless(name)))?;
        } else {
            screen.line(&format!(
                "{} may approve no more once those who may approve have said yes to what else has changed",
                harmless(name)
            ))?;
        }
        Ok(if in_force { Exit::Done } else { Exit::Waits })
    })
}

/// Takes the entry out of `gate.toml`, whole or not at all, and then the key.
fn write(file: &Path, name: &str, config: &GateConfig) -> Result<(), Failure> {
    let label = file.display().to_string();
    let failed = |why: String| {
        Failure::new(Exit::Failed, why).hint("the entry was not taken out; nothing was changed")
    };
    let before = std::fs::read_to_string(file).map_err(|error| failed(format!("{label}: {error}")))?;
    let after = entry::without(&before, name).map_err(failed)?;
    let meant =
        GateConfig::parse(&label, &after, &config.host).map_err(|error| failed(with_causes(&error)))?;
    let left = config.people.iter().filter(|person| person.name != *name);
    if !meant.people.iter().eq(left) {
        return Err(failed(format!("{label} would not say what was meant; change it by hand")));
    }
    put(file, &after).map_err(|error| failed(format!("{label}: {error}")))?;
    let Some(webhook) = &config.webhook else { return Ok(()) };
    let key = webhook.keys.join(format!("{name}.key"));
    match std::fs::remove_file(&key) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let why = format!("{}: {error}", key.display());
            Err(Failure::new(Exit::Failed, why).hint("remove the key, then `reeve reload`"))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
