//! `reeve approver recover`: somebody who lost their phone is enrolled anew, after a delay in which the others can stop it.

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::super::block_on;
use super::super::gate::GateArgs;
use super::add::{ask, reload, step, text, until_answered, write};
use super::entry::Entry;
use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::{Screen, harmless};
use crate::gate::protocol::{Call, Enrol};

/// Enrol anew, after a delay, somebody who lost their phone
#[derive(Debug, Args)]
#[command(after_help = "\
For when those who may approve are too few without the phone that is lost; where they are enough,
`reeve approver add` asks them. The new safety number is compared, and the new phone answers, as for
somebody new. Then everybody who may approve is told, and for approvals.recovery_delay any of the
others may stop it, with STOP and the name in the chat or --stop on the host. After that, --finish
writes the new key.

Examples:
  reeve approver recover carol --account 84a58df5-0d2c-4f6e-9a0b-2f6f5a1c7e11
  reeve approver recover carol --stop
  reeve approver recover carol --finish")]
pub(super) struct RecoverArgs {
    /// Who: the name in gate.toml
    name: String,
    /// Begin: the account that the person has now
    #[arg(long, value_name = "UUID", required_unless_present_any = ["stop", "finish"])]
    account: Option<String>,
    /// Begin: the safety number as the person read it out; without it, it is shown and asked about
    #[arg(long, value_name = "DIGITS", requires = "account")]
    safety_number: Option<String>,
    /// Have nothing come of it; for approvers, too
    #[arg(long, conflicts_with_all = ["account", "finish"])]
    stop: bool,
    /// Write the new key, once the delay is over
    #[arg(long, conflicts_with = "account")]
    finish: bool,
    #[command(flatten)]
    gate: GateArgs,
}

/// Runs `reeve approver recover`.
pub(super) fn run(args: &RecoverArgs, file: &Path, screen: Screen) -> Result<Exit, Failure> {
    let gate = args.gate.gate()?;
    let name = args.name.clone();
    block_on(async {
        if args.stop {
            let words = gate.done(Call::Enrol(Enrol::Stop { name })).await?;
            return said(&words, screen);
        }
        let Some(account) = &args.account else {
            let config = super::config(file)?;
            let document = step(&gate, Enrol::Recovered { name: name.clone() }).await?;
            let (account, fingerprint) = (text(&document, "account")?, text(&document, "fingerprint")?);
            let entry = Entry { name, account, fingerprint, unix_user: None, groups: Vec::new() };
            write(file, &entry, &config)?;
            return reload(&gate, true, &entry, screen).await;
        };
        ask(&gate, (&name, account), args.safety_number.as_deref(), screen).await?;
        let begun = until_answered(&gate, Enrol::Recover).await?;
        let due = text(&begun, "due_at")?;
        if screen.is_json() {
            screen.document(&json!({"name": name, "due_at": due}))?;
            return Ok(Exit::Waits);
        }
        screen.line(&format!(
            "{} can be enrolled anew from {due} on, if none of the others stops it",
            harmless(&name)
        ))?;
        Ok(Exit::Waits)
    })
}

fn said(words: &str, screen: Screen) -> Result<Exit, Failure> {
    if screen.is_json() {
        screen.document(&json!({"answer": words}))?;
    } else {
        screen.line(&harmless(words))?;
    }
    Ok(Exit::Done)
}
