//! `reeve audit check`: a printed proof, on any machine that has the key.

use clap::{ArgGroup, Args};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::checkpoint::{given, text_of};
use crate::audit::check::{Claim, Proof};
use crate::audit::{MAX_LINE, NoteKey, WitnessKey};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, harmless};

/// More than any proof has, and room for what somebody wrote behind `extra`.
const LONGEST: u64 = 256 << 10;

/// Check a printed proof on any machine, with the key and without the log
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("of").required(true).args(["record", "since"]),
    after_help = "\
It believes nothing but the key: write that down when you enrol people. Whoever has one record, its
proof and the key knows that the record is in the host's log, and learns nothing else of it.

Examples:
  reeve audit check @record.tlog-proof --record @record.json --key host01/reeve+5a1f0c77+AbFrpn…
  reeve audit check @grew.txt --since @last-year.txt --key host01/reeve+5a1f0c77+AbFrpn…

The exit code is 0 when the proof shows it, else 1."
)]
pub(super) struct CheckArgs {
    /// The proof: the text that `reeve audit prove` printed, @FILE with it, or - for the standard input
    #[arg(value_name = "PROOF")]
    proof: String,
    /// A key that may have signed; more than once where it was changed between two checkpoints
    #[arg(long, value_name = "KEY", required = true)]
    key: Vec<NoteKey>,
    /// A witness that must have cosigned the checkpoint, by its key; may stand there more than once
    #[arg(long, value_name = "KEY")]
    witness: Vec<WitnessKey>,
    /// The record that it is of: its line as `reeve audit export` prints it, @FILE or -
    #[arg(long, value_name = "LINE")]
    record: Option<String>,
    /// The older checkpoint that it goes on from: the text of a message, @FILE or -
    #[arg(long, value_name = "TEXT")]
    since: Option<String>,
}

pub(super) fn check(args: &CheckArgs, screen: Screen) -> Result<Exit, Failure> {
    let proof: Proof = text_of(&args.proof, LONGEST)?
        .parse()
        .map_err(|error| Failure::new(Exit::Usage, with_causes(&error)))?;
    let size = proof.checkpoint().size();
    let not_shown = |error: &dyn std::error::Error| {
        Failure::new(Exit::Failed, format!("it is not proved: {}", with_causes(error)))
    };
    let (what, signed_by) = match (&args.record, &args.since) {
        (Some(line), _) => {
            let line = text_of(line, (MAX_LINE + 1) as u64)?;
            let line = line.strip_suffix('\n').unwrap_or(&line);
            let (record, key) =
                proof.shows_record(line.as_bytes(), &args.key).map_err(|error| not_shown(&error))?;
            let what = format!(
                "record {} ({}, {}) is in the history of {size} records",
                record.seq, record.kind, record.time
            );
            (what, key)
        }
        (None, Some(older)) => {
            let older = given(older)?;
            let key = proof.shows_growth(&older, &args.key).map_err(|error| not_shown(&error))?;
            (format!("the history of {size} records goes on from that of {}", older.size()), key)
        }
        (None, None) => return Err(Failure::new(Exit::Usage, "want --record or --since".to_owned())),
    };
    let mut seen = Vec::new();
    for witness in &args.witness {
        let at = proof.checkpoint().cosigned_at(witness);
        let at = at.and_then(|at| OffsetDateTime::from_unix_timestamp(at.try_into().ok()?).ok());
        let at = at.and_then(|at| at.format(&Rfc3339).ok()).ok_or_else(|| {
            Failure::new(Exit::Failed, format!("it is not proved: {witness} has not cosigned the checkpoint"))
        })?;
        seen.push((witness.to_string(), at));
    }
    if screen.is_json() {
        let claim = match proof.claim() {
            Claim::Record(seq) => json!({ "record": seq }),
            Claim::GoesOn(records) => json!({ "since": records }),
        };
        screen.document(&json!({"proved": claim, "size": size, "signed_by": signed_by, "seen_by": seen}))?;
    } else {
        screen.line(&harmless(&format!("proved: {what}")))?;
        screen.line(&harmless(&format!("  signed   by {signed_by}")))?;
        for (witness, at) in &seen {
            screen.line(&harmless(&format!("  seen     by {witness}, {at}")))?;
        }
    }
    Ok(Exit::Done)
}
