//! `reeve audit`: does the log hold, what was last, and what was when.

mod check;
mod checkpoint;
mod witness;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::audit::read::{self, Entry, Filter};
use crate::audit::verify::{self, Options};
use crate::audit::{Checkpoint, EventKind, NoteKey, WitnessKey};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use check::CheckArgs;
use checkpoint::{CheckpointArgs, KeyArgs, ProveArgs};
use witness::WitnessArgs;

/// How often a followed log is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Read and verify the audit log
#[derive(Debug, Args)]
pub(in crate::cli) struct AuditArgs {
    /// The log's directory, or one file of it
    #[arg(long, global = true, display_order = 900, value_name = "PATH", default_value = "/var/log/reeve")]
    log: PathBuf,
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    Verify(VerifyArgs),
    Tail(TailArgs),
    Export(ExportArgs),
    Key(KeyArgs),
    Prove(ProveArgs),
    Check(CheckArgs),
    Checkpoint(CheckpointArgs),
    Witness(WitnessArgs),
}

/// Follow the log from its first record to its last, and say where it first fails to hold
#[derive(Debug, Args)]
#[command(after_help = "\
A tail that was cut off leaves a shorter log that holds. The checkpoints in the messages to people
tell. Paste such a message whole, as it came: what phones do to text is forgiven. Or type its
one line: \"log 48213 · 9f86d081884c7d65\" is --against 48213:9f86d081884c7d65.

Examples:
  reeve audit verify
  reeve audit verify --checkpoint @message.txt --key host01/reeve+c74f20a3+ARpc2QcU…
  reeve audit verify --against 48213:9f86d081884c7d65 --ledger /var/lib/reeve-root/spent

The exit code is 0 when everything that was asked for was checked and holds, else 1.")]
struct VerifyArgs {
    /// A checkpoint that somebody remembers
    #[arg(long, value_name = "SEQ:HASH")]
    against: Option<Checkpoint>,
    /// A message with a signed checkpoint: its text, @FILE with it, or - for the standard input
    #[arg(long, value_name = "TEXT")]
    checkpoint: Option<String>,
    /// The key that must have signed it; without it, one that the log tells of
    #[arg(long, value_name = "KEY", requires = "checkpoint")]
    key: Option<NoteKey>,
    /// A witness whose word the checkpoint must carry, by its key; may stand there more than once
    #[arg(long, value_name = "KEY", requires = "checkpoint")]
    witness: Vec<WitnessKey>,
    /// Root's ledger of spent grants: each must have its record
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
}

/// Show the last records
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reeve audit tail -n 50 --follow")]
struct TailArgs {
    /// How many
    #[arg(long, short = 'n', default_value_t = 20)]
    lines: usize,
    /// Go on with what is appended
    #[arg(long, short)]
    follow: bool,
}

/// Print records as they stand in the log, one JSON object a line
#[derive(Debug, Args)]
#[command(after_help = "\
What is printed are the bytes that the hashes are of. Nothing here vouches for them:
`reeve audit verify` does.

Examples:
  reeve audit export --operation op_01JD3VKQ2T9F6M8R4B7WXY5ZAC
  reeve audit export --since 2026-11-20T00:00:00Z --kind outcome | jq .detail")]
struct ExportArgs {
    /// From this record on
    #[arg(long, value_name = "SEQ")]
    first: Option<u64>,
    /// Up to this record
    #[arg(long, value_name = "SEQ")]
    last: Option<u64>,
    /// From this time on
    #[arg(long, value_name = "RFC3339", value_parser = a_time)]
    since: Option<OffsetDateTime>,
    /// Before this time
    #[arg(long, value_name = "RFC3339", value_parser = a_time)]
    until: Option<OffsetDateTime>,
    /// Of this operation
    #[arg(long, value_name = "ID")]
    operation: Option<String>,
    /// Of this principal
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// Of this kind: decision, vote, outcome, …
    #[arg(long, value_parser = a_kind)]
    kind: Option<EventKind>,
}

fn a_time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_error| "want a time as 2026-11-20T14:00:00Z".to_owned())
}

fn a_kind(text: &str) -> Result<EventKind, String> {
    EventKind::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or_else(|| {
        let kinds: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("want one of {}", kinds.join(", "))
    })
}

/// Runs `reeve audit …`.
pub(in crate::cli) fn run(args: &AuditArgs, screen: Screen) -> Result<Exit, Failure> {
    match &args.command {
        AuditCommand::Verify(verify) => check(args, verify, screen),
        AuditCommand::Tail(tail) => last(args, tail, screen),
        AuditCommand::Export(export) => all(args, export, screen),
        AuditCommand::Key(key) => checkpoint::keys(&args.log, key, screen),
        AuditCommand::Prove(prove) => checkpoint::prove(&args.log, prove, screen),
        AuditCommand::Check(proof) => check::check(proof, screen),
        AuditCommand::Checkpoint(now) => checkpoint::now(now, screen),
        AuditCommand::Witness(asked) => witness::cosign(asked, screen),
    }
}

fn check(args: &AuditArgs, wanted: &VerifyArgs, screen: Screen) -> Result<Exit, Failure> {
    let options = Options {
        against: wanted.against.clone(),
        ledger: wanted.ledger.as_deref(),
        checkpoint: wanted.checkpoint.as_deref().map(checkpoint::given).transpose()?,
        key: wanted.key.clone(),
        witnesses: wanted.witness.clone(),
    };
    let report = verify::verify(&args.log, &options);
    if screen.is_json() {
        screen.document(&json!(report))?;
    } else {
        for line in report.to_string().lines() {
            screen.line(&harmless(line))?;
        }
    }
    Ok(if report.ok { Exit::Done } else { Exit::Failed })
}

fn last(args: &AuditArgs, wanted: &TailArgs, screen: Screen) -> Result<Exit, Failure> {
    read::is_there(&args.log).map_err(|error| unreadable(&error))?;
    let mut entries = read::tail(&args.log, wanted.lines).map_err(|error| unreadable(&error))?;
    loop {
        for entry in entries.by_ref() {
            let entry = entry.map_err(|error| unreadable(&error))?;
            if screen.is_json() {
                screen.compact(&json!(entry.record))?;
            } else {
                screen.line(&line(&entry, screen))?;
            }
        }
        if !wanted.follow {
            return Ok(Exit::Done);
        }
        std::thread::sleep(LOOK);
    }
}

/// `48213  2026-11-20T14:02:00.123Z  outcome  librarian  op_01JD…  state=succeeded`.
fn line(entry: &Entry, screen: Screen) -> String {
    let record = &entry.record;
    let mut text = format!(
        "{:>6}  {}  {}",
        record.seq,
        paint(&harmless(&record.time), Tone::Faint),
        paint(&harmless(&record.kind), Tone::Strong)
    );
    for part in [&record.principal, &record.operation].into_iter().flatten() {
        text.push_str(&format!("  {}", harmless(part)));
    }
    for (name, value) in record.detail.iter().filter(|(_, value)| !value.is_null()) {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                value.to_string()
            }
        };
        text.push_str(&format!("  {}={}", harmless(name), harmless(&cut(value, screen))));
    }
    text
}

/// On a terminal, as much of a long value as tells what it is; `audit export` has the whole.
fn cut(value: String, screen: Screen) -> String {
    const MOST: usize = 60;
    if !screen.is_terminal() || value.chars().count() <= MOST {
        return value;
    }
    value.chars().take(MOST).chain(['…']).collect()
}

fn all(args: &AuditArgs, wanted: &ExportArgs, screen: Screen) -> Result<Exit, Failure> {
    let filter = Filter {
        first: wanted.first,
        last: wanted.last,
        since: wanted.since,
        until: wanted.until,
        operation: wanted.operation.clone(),
        principal: wanted.principal.clone(),
        kind: wanted.kind,
    };
    read::is_there(&args.log).map_err(|error| unreadable(&error))?;
    for entry in read::export(&args.log, filter) {
        let entry = entry.map_err(|error| unreadable(&error))?;
        // A pipe gets the bytes; for a terminal, hidden characters in them are shown.
        screen.line(&if screen.is_terminal() { harmless(&entry.line) } else { entry.line })?;
    }
    Ok(Exit::Done)
}

fn unreadable(error: &read::ReadError) -> Failure {
    Failure::new(Exit::Failed, with_causes(error))
        .hint("the log is readable by root and by the gate; `reeve audit verify` says whether it holds")
}
