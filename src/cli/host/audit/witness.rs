//! `reeve audit witness`: holds the checkpoints of other hosts' logs against what was seen of them, and cosigns.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clap::Args;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::checkpoint::text_of;
use crate::audit::witness::{AddCheckpoint, NotCosigned, Seen};
use crate::audit::{Cosignature, NoteKey, Signer, WitnessKey};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, harmless};
use crate::pki;
use crate::sys::clock::{Clock, SystemClock};
use crate::sys::trusted_file;

/// More than any request has.
const LONGEST: u64 = 64 << 10;
/// A file of what was seen is a number and a root.
const SEEN: usize = 4096;

/// Cosign the checkpoint of another host's log, if it goes on from the last one
#[derive(Debug, Args)]
#[command(after_help = "\
It reads a C2SP tlog-witness add-checkpoint request, as `reeve audit prove --since` prints it, from
the standard input. It keeps what it has cosigned before it says so, and never cosigns two histories
of one log: one that was cut, forked or written anew gets nothing, now or later.

Examples:
  reeve audit witness --state /var/lib/witness --name host02 --show-key
  reeve audit witness --state /var/lib/witness --name host02 --key host01/reeve+5a1f0c77+AbFrpn…

The exit code is 0 when it has cosigned, else 1.")]
pub(super) struct WitnessArgs {
    /// Where it keeps its key and what it has seen: a directory that only its user may use
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// What its key is named by: this host
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The key of a log that it watches, as `reeve audit key` prints it there; one or more
    #[arg(long, value_name = "KEY", required_unless_present = "show_key")]
    key: Vec<NoteKey>,
    /// Print its own key, for `reeve audit verify --witness`, and read nothing
    #[arg(long)]
    show_key: bool,
}

pub(super) fn cosign(args: &WitnessArgs, screen: Screen) -> Result<Exit, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::new(Exit::Failed, with_causes(error));
    trusted_file::private_directory(&args.state).map_err(|error| failed(&error))?;
    // Until this process ends: what is checked against is what is replaced.
    let lock = File::create(args.state.join("lock")).map_err(|error| failed(&error))?;
    lock.lock().map_err(|error| failed(&error))?;
    let key = args.state.join("witness.key");
    let signer = Signer::load_or_make_witness(&key, &args.name).map_err(|error| failed(&error))?;
    if args.show_key {
        let key = WitnessKey::from(signer.public()).to_string();
        return said(screen, &json!({ "key": key }), &key);
    }
    let request: AddCheckpoint =
        text_of("-", LONGEST)?.parse().map_err(|error| Failure::new(Exit::Usage, with_causes(&error)))?;
    let Some(key) = args.key.iter().find(|key| key.name() == request.origin()) else {
        return refused(screen, &request, &NotCosigned::Unknown);
    };
    let file = args.state.join(name_of(request.origin()));
    let seen = match request.after(key, last(&file)?.as_ref()) {
        Ok(seen) => seen,
        Err(why) => return refused(screen, &request, &why),
    };
    let kept = serde_json::to_vec(&seen).map_err(|error| failed(&error))?;
    pki::write_atomically(&file, &kept, pki::Access::Public).map_err(|error| failed(&error))?;
    let time = SystemClock.now().duration_since(UNIX_EPOCH).map_err(|error| failed(&error))?.as_secs();
    let line = Cosignature::sign(&signer, request.body(), time).to_string();
    said(screen, &json!({ "cosignature": line, "size": seen.size }), &line)
}

/// What was cosigned last. A file that cannot be read is no first time: then everything could be cosigned anew.
fn last(file: &Path) -> Result<Option<Seen>, Failure> {
    match trusted_file::read(file, SEEN) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| {
            Failure::new(Exit::Failed, format!("{}: {}", file.display(), with_causes(&error)))
        }),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(Failure::new(Exit::Failed, with_causes(&error))),
    }
}

/// A name that any log's name can be made to.
fn name_of(origin: &str) -> String {
    let digits: String = Sha256::digest(origin).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("seen-{digits}.json")
}

fn refused(screen: Screen, request: &AddCheckpoint, why: &NotCosigned) -> Result<Exit, Failure> {
    let failure = Failure::new(Exit::Failed, format!("not cosigned, {}: {why}", request.origin()));
    if screen.is_json() {
        screen.document(&json!({ "cosignature": null, "why": why }))?;
    }
    Err(match (why.is_proof(), why.is_alarming()) {
        (true, _) => {
            failure.hint("keep what was sent: its key has signed it, so it is proof; and look at that host")
        }
        (false, true) => failure.hint(
            "by itself it proves nothing, since every log has had fewer records once: ask that host for its newest, which \
             it can show or was cut",
        ),
        (false, false) => failure,
    })
}

fn said(screen: Screen, document: &serde_json::Value, line: &str) -> Result<Exit, Failure> {
    if screen.is_json() {
        screen.document(document)?;
    } else {
        screen.line(&harmless(line))?;
    }
    Ok(Exit::Done)
}
