//! Root's side of the story: every grant that was spent must have been recorded when it was signed.

use std::collections::HashMap;
use std::path::Path;

use super::super::event::EventKind;
use super::super::record::Record;
use super::report::{LedgerReport, UnrecordedGrant};
use crate::grant::{SpentRecord, spent_records};

/// The field of a `grant_signed` record that names the grant: `sha256:` and the hash of its encoded bytes.
const GRANT: &str = "grant";
/// The field that names what it is spent under.
const NONCE: &str = "nonce";

/// Spent grants whose record has not been met yet.
#[derive(Debug)]
pub(super) struct Unmet {
    spent: u64,
    by_digest: HashMap<String, Vec<SpentRecord>>,
    /// Of which there is the name alone: a full disk or a power cut has taken the rest.
    by_nonce: HashMap<String, SpentRecord>,
}

impl Unmet {
    /// Reads the ledger. This comes before the log is read: what is spent by then was recorded by then.
    pub(super) fn read(ledger: &Path) -> Result<Unmet, String> {
        let entries = spent_records(ledger).map_err(|error| format!("{}: {error}", ledger.display()))?;
        let spent = entries.len() as u64;
        let mut by_digest: HashMap<String, Vec<SpentRecord>> = HashMap::new();
        let mut by_nonce = HashMap::new();
        for entry in entries {
            if entry.digest.is_empty() {
                by_nonce.insert(entry.nonce.clone(), entry);
            } else {
                by_digest.entry(entry.digest.clone()).or_default().push(entry);
            }
        }
        Ok(Unmet { spent, by_digest, by_nonce })
    }

    /// Takes the record's grant off the list, if it is one of a grant.
    pub(super) fn meet(&mut self, record: &Record) {
        if record.kind != EventKind::GrantSigned.as_str() {
            return;
        }
        let text = |field: &str| record.detail.get(field).and_then(|value| value.as_str());
        if let Some(nonce) = text(NONCE) {
            self.by_nonce.remove(nonce);
        }
        let digest = text(GRANT);
        if let Some(digest) = digest.and_then(|text| text.strip_prefix("sha256:")) {
            self.by_digest.remove(digest);
        }
    }

    /// What is left when the whole log has been read.
    pub(super) fn report(self) -> LedgerReport {
        let mut unrecorded: Vec<UnrecordedGrant> =
            self.by_digest.into_values().flatten().chain(self.by_nonce.into_values()).map(grant).collect();
        unrecorded.sort_by(|left, right| left.nonce.cmp(&right.nonce));
        LedgerReport::Checked { spent: self.spent, unrecorded }
    }
}

fn grant(entry: SpentRecord) -> UnrecordedGrant {
    UnrecordedGrant { nonce: entry.nonce, operation: entry.operation, step: entry.step }
}
