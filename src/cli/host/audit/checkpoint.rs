//! `reeve audit checkpoint`, `key` and `prove`: where the log stands, who signs that, and proofs for whoever has no log.

use std::io::Read;
use std::path::Path;

use clap::{ArgGroup, Args};
use serde_json::json;

use super::unreadable;
use crate::audit::prove::{self, ProveError};
use crate::audit::read::{self, Filter};
use crate::audit::verify::{WITNESS_KEY, key_of};
use crate::audit::{EventKind, SignedCheckpoint, WitnessKey};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::host::block_on;
use crate::cli::host::gate::{GateArgs, mismatch};
use crate::cli::screen::{Screen, harmless};
use crate::gate::protocol::{Answer, Call};

/// More than any message has.
const LONGEST: u64 = 64 << 10;

/// Show where the log stands now, signed
#[derive(Debug, Args)]
#[command(after_help = "\
It is what the messages to people end with. Keep it somewhere else: later it shows whether the log
still begins with what it holds now. In the chat, the word CHECKPOINT brings the same.

Example:
  reeve audit checkpoint | ssh elsewhere 'cat >> checkpoints-of-host01'")]
pub(super) struct CheckpointArgs {
    #[command(flatten)]
    gate: GateArgs,
}

/// Show the keys that signed this log's checkpoints, the present one last
#[derive(Debug, Args)]
#[command(after_help = "\
Write the key down somewhere else: with it, a checkpoint can be checked without believing the host.
It has the form of a signed-note verifier key, which other tools read, too.

Example:
  reeve audit key")]
pub(super) struct KeyArgs {
    /// The key by which this host says that it has seen checkpoints of others, instead
    #[arg(long)]
    witness: bool,
}

/// Prove to whoever has no log that it holds a record, or goes on from an older checkpoint
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("what").required(true).args(["record", "since"]),
    after_help = "\
Of a record, it prints a C2SP tlog-proof: with the record's line (reeve audit export --first N --last N)
and the key, anybody can check it (reeve audit check). Of an older checkpoint, it prints what C2SP
tlog-witness calls an add-checkpoint request.

Examples:
  reeve audit prove --record 48001 --checkpoint @checkpoint.txt
  reeve audit prove --since @last-year.txt --checkpoint @today.txt"
)]
pub(super) struct ProveArgs {
    /// The record
    #[arg(long, value_name = "SEQ")]
    record: Option<u64>,
    /// The older checkpoint
    #[arg(long, value_name = "TEXT")]
    since: Option<String>,
    /// The checkpoint in whose history it is: the text of a message, @FILE with it, or - for the standard input
    #[arg(long, value_name = "TEXT")]
    checkpoint: String,
}

/// A text as it was given: itself, in a file, or on the standard input.
pub(super) fn text_of(given: &str, longest: u64) -> Result<String, Failure> {
    let fail = |what: &str, error: std::io::Error| {
        Failure::new(Exit::Usage, format!("{what} cannot be read: {error}"))
    };
    let mut text = String::new();
    match (given, given.strip_prefix('@')) {
        ("-", _) => {
            let read = std::io::stdin().take(longest).read_to_string(&mut text);
            read.map_err(|error| fail("the standard input", error))?;
        }
        (_, Some(file)) => {
            let opened = std::fs::File::open(file).map_err(|error| fail(file, error))?;
            opened.take(longest).read_to_string(&mut text).map_err(|error| fail(file, error))?;
        }
        (pasted, None) => pasted.clone_into(&mut text),
    }
    Ok(text)
}

/// A checkpoint as it was given.
pub(super) fn given(text: &str) -> Result<SignedCheckpoint, Failure> {
    SignedCheckpoint::from_pasted(&text_of(text, LONGEST)?).map_err(|error| {
        Failure::new(Exit::Usage, with_causes(&error))
            .hint("paste the whole message, in quotes; or use @FILE, or - and the standard input")
    })
}

pub(super) fn now(args: &CheckpointArgs, screen: Screen) -> Result<Exit, Failure> {
    let gate = args.gate.gate()?;
    let Answer::Text(checkpoint) = block_on(gate.ask(Call::Checkpoint))? else { return Err(mismatch()) };
    if screen.is_json() {
        screen.document(&json!({ "checkpoint": checkpoint }))?;
    } else {
        for line in checkpoint.lines() {
            screen.line(&harmless(line))?;
        }
    }
    Ok(Exit::Done)
}

pub(super) fn keys(log: &Path, args: &KeyArgs, screen: Screen) -> Result<Exit, Failure> {
    read::is_there(log).map_err(|error| unreadable(&error))?;
    let mut found: Vec<(String, u64, String)> = Vec::new();
    for entry in read::export(log, Filter { kind: Some(EventKind::GateStarted), ..Filter::default() }) {
        let record = entry.map_err(|error| unreadable(&error))?.record;
        let key = match args.witness {
            true => record
                .detail
                .get(WITNESS_KEY)
                .and_then(|key| key.as_str()?.parse::<WitnessKey>().ok())
                .map(|key| key.to_string()),
            false => key_of(&record).map(|key| key.to_string()),
        };
        let Some(key) = key else { continue };
        if found.last().is_none_or(|(last, _, _)| *last != key) {
            found.push((key, record.seq, record.time));
        }
    }
    let Some((_, before)) = found.split_last() else {
        return Err(Failure::new(Exit::Failed, "this log tells of no key".to_owned())
            .hint("the gate makes one when it starts, and records it"));
    };
    if screen.is_json() {
        let keys: Vec<_> = found
            .iter()
            .map(|(key, seq, time)| json!({"key": key, "since_seq": seq, "since": time}))
            .collect();
        screen.document(&json!({ "keys": keys }))?;
        return Ok(Exit::Done);
    }
    for (at, (key, seq, time)) in found.iter().enumerate() {
        let was = if at < before.len() { "  (replaced since)" } else { "" };
        screen.line(&harmless(key))?;
        screen.line(&harmless(&format!("  since record {seq}, {time}{was}")))?;
    }
    Ok(Exit::Done)
}

pub(super) fn prove(log: &Path, wanted: &ProveArgs, screen: Screen) -> Result<Exit, Failure> {
    let checkpoint = given(&wanted.checkpoint)?;
    let proof = match (wanted.record, &wanted.since) {
        (Some(seq), _) => prove::inclusion(log, seq, &checkpoint),
        (None, Some(old)) => prove::consistency(log, &given(old)?, &checkpoint),
        (None, None) => return Err(Failure::new(Exit::Usage, "want --record or --since".to_owned())),
    };
    let proof = proof.map_err(|error| match &error {
        ProveError::Read(_) => unreadable_proof(&error),
        ProveError::Outside { .. } | ProveError::OtherHistory { .. } => {
            Failure::new(Exit::Failed, with_causes(&error))
        }
    })?;
    if screen.is_json() {
        screen.document(&json!({ "proof": proof }))?;
    } else {
        for line in proof.lines() {
            screen.line(&harmless(line))?;
        }
    }
    Ok(Exit::Done)
}

fn unreadable_proof(error: &ProveError) -> Failure {
    Failure::new(Exit::Failed, with_causes(error)).hint("the log is readable by root and by the gate")
}
