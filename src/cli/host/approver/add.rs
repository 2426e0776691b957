//! `reeve approver add`: root enrols somebody over Signal. The gate asks the account; only root writes `gate.toml`.

use std::io::{BufRead, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::super::block_on;
use super::super::gate::{GateArgs, LocalGate, mismatch};
use super::entry::{self, Entry};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, harmless};
use crate::gate::config::GateConfig;
use crate::gate::protocol::{Answer, Call, Enrol};

/// How often it is asked whether the account has answered.
const LOOK: Duration = Duration::from_millis(500);

/// Enrol an approver over Signal, or somebody who has a new phone
#[derive(Debug, Args)]
#[command(after_help = "\
The person writes any message to this host's account first. Then the safety number is shown here:
compare it with the one that the person's phone shows for this host, in person or on a call. After
that the account is sent something that it has to send back. Without that nothing changes. With it,
the entry is written into gate.toml, and the gate reads it: those who may approve now are asked, or
with --weaken only told. For the first approver there is nobody to ask, so it takes --weaken.

Examples:
  reeve approver add carol --account 84a58df5-0d2c-4f6e-9a0b-2f6f5a1c7e11 --group storage
  reeve approver add carol --account 84a58df5-0d2c-4f6e-9a0b-2f6f5a1c7e11    # a new phone")]
pub(super) struct AddArgs {
    /// What the person is called in messages and records: a-z, 0-9, '.', '_' and '-'
    name: String,
    /// The person's Signal account (ACI), as `signal-cli listContacts` shows it
    #[arg(long, value_name = "UUID")]
    account: String,
    /// A group that rules may name; may be given again
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// The Unix user who is this person on the host, for `reeve approval`
    #[arg(long, value_name = "USER")]
    unix_user: Option<String>,
    /// The safety number as the person read it out; without it, it is shown and asked about
    #[arg(long, value_name = "DIGITS")]
    safety_number: Option<String>,
    /// Bring it into force without asking those who may approve now; everybody is told
    #[arg(long)]
    weaken: bool,
    #[command(flatten)]
    gate: GateArgs,
}

/// Runs `reeve approver add`.
pub(super) fn run(args: &AddArgs, file: &Path, config: &GateConfig, screen: Screen) -> Result<Exit, Failure> {
    let gate = args.gate.gate()?;
    block_on(async {
        let number = args.safety_number.as_deref();
        ask(&gate, (&args.name, &args.account), number, screen).await?;
        let answered = until_answered(&gate, Enrol::Answered).await?;
        let name = args.name.clone();
        let entry = Entry {
            name,
            account: text(&answered, "account")?,
            fingerprint: text(&answered, "fingerprint")?,
            unix_user: args.unix_user.clone(),
            groups: args.groups.clone(),
        };
        write(file, &entry, config)?;
        reload(&gate, args.weaken, &entry, screen).await
    })
}

/// Has root compare the safety number, and the account asked.
pub(super) async fn ask(
    gate: &LocalGate<'_>,
    (name, account): (&str, &str),
    compared_already: Option<&str>,
    screen: Screen,
) -> Result<(), Failure> {
    let (name, account) = (name.to_owned(), account.to_owned());
    let look = Enrol::Look { name: name.clone(), account: account.clone() };
    let shown = text(&step(gate, look).await?, "safety_number")?;
    let safety_number = match compared_already {
        Some(number) => number.to_owned(),
        None => compared(&name, &shown, screen)?,
    };
    let asked = step(gate, Enrol::Ask { name: name.clone(), account, safety_number }).await?;
    screen.note(&format!("{name}'s account is asked, until {}", text(&asked, "expires_at")?));
    Ok(())
}

/// Waits for the account's answer, or for the end of its time.
pub(super) async fn until_answered(gate: &LocalGate<'_>, asking: Enrol) -> Result<Value, Failure> {
    loop {
        let answer = step(gate, asking.clone()).await?;
        if answer.get("answered") == Some(&Value::Bool(true)) {
            return Ok(answer);
        }
        tokio::time::sleep(LOOK).await;
    }
}

pub(super) async fn step(gate: &LocalGate<'_>, step: Enrol) -> Result<Value, Failure> {
    let Answer::Document(document) = gate.ask(Call::Enrol(step)).await? else { return Err(mismatch()) };
    Ok(document)
}

pub(super) fn text(document: &Value, key: &str) -> Result<String, Failure> {
    document.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(mismatch)
}

/// Shows the safety number, and has root say that it is the person's.
fn compared(name: &str, shown: &str, screen: Screen) -> Result<String, Failure> {
    let not = |why: &str| Failure::new(Exit::Usage, why.to_owned());
    if screen.is_json() {
        return Err(not("nobody can be asked here").hint("give --safety-number as the person read it out"));
    }
    let digits: Vec<char> = shown.chars().filter(char::is_ascii_digit).collect();
    for line in digits.chunks(20) {
        let groups: Vec<String> = line.chunks(5).map(|group| group.iter().collect()).collect();
        screen.line(&format!("  {}", groups.join(" ")))?;
    }
    let mut out = std::io::stdout().lock();
    write!(out, "Does {}'s phone show the same for this host? Type yes: ", harmless(name))?;
    out.flush()?;
    let mut said = String::new();
    std::io::stdin().lock().read_line(&mut said)?;
    if said.trim() != "yes" {
        return Err(not("the safety numbers were not compared; nothing was changed"));
    }
    Ok(shown.to_owned())
}

/// Puts the entry into `gate.toml`, whole or not at all.
pub(super) fn write(file: &Path, entry: &Entry, config: &GateConfig) -> Result<(), Failure> {
    let failed =
        |why: String| Failure::new(Exit::Failed, why).hint("the entry was not written; nothing was changed");
    let before = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let after = entry::written(&before, entry, &config.people).map_err(failed)?;
    let label = file.display().to_string();
    let meant =
        GateConfig::parse(&label, &after, &config.host).map_err(|error| failed(with_causes(&error)))?;
    if !meant.people.iter().any(|person| entry.is(person)) {
        return Err(failed(format!("{label} would not say what was meant")));
    }
    put(file, &after).map_err(|error| failed(format!("{label}: {error}")))
}

pub(super) fn put(file: &Path, text: &str) -> std::io::Result<()> {
    let meta = std::fs::metadata(file)?;
    let beside = file.with_extension("toml.new");
    let mut draft = std::fs::File::create_new(&beside)?;
    let written = draft
        .set_permissions(std::fs::Permissions::from_mode(meta.permissions().mode()))
        .and_then(|()| std::os::unix::fs::fchown(&draft, Some(meta.uid()), Some(meta.gid())))
        .and_then(|()| draft.write_all(text.as_bytes()))
        .and_then(|()| draft.sync_all())
        .and_then(|()| std::fs::rename(&beside, file));
    if written.is_err() {
        drop(std::fs::remove_file(&beside));
    }
    written
}

/// The gate reads it. Where people have to be asked and cannot be, the entry stays for a later reload.
pub(super) async fn reload(
    gate: &LocalGate<'_>,
    weaken: bool,
    entry: &Entry,
    screen: Screen,
) -> Result<Exit, Failure> {
    let hint = "the entry is written; `reeve reload` puts it to those who may approve, `reeve reload --weaken` does not";
    let answer = gate.ask(Call::ReloadHere { weaken }).await.map_err(|failure| failure.hint(hint))?;
    if !matches!(answer, Answer::Done(_) | Answer::Document(_)) {
        return Err(mismatch());
    }
    let (exit, words) = if matches!(answer, Answer::Done(_)) {
        (Exit::Done, "is an approver")
    } else {
        (Exit::Waits, "becomes an approver when those who may approve now say yes")
    };
    if screen.is_json() {
        let document = json!({
            "name": entry.name, "account": entry.account, "fingerprint": entry.fingerprint, "in_force": exit == Exit::Done,
        });
        screen.document(&document)?;
        return Ok(exit);
    }
    screen.line(&format!("{} {words}", harmless(&entry.name)))?;
    Ok(exit)
}
