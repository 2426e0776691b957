//! What the CA has issued and revoked: `index.json`, the one truth in a CA's directory.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::{Access, write_atomically};
use super::{PkiError, Role};
use crate::sys::trusted_file;

/// The file in the CA's directory.
pub(super) const FILE: &str = "index.json";
const MAX_BYTES: usize = 64 << 20;

/// Everything the CA remembers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Index {
    pub(super) version: u32,
    pub(super) crl_number: u64,
    pub(super) crl_next_update: String,
    pub(super) certificates: Vec<Entry>,
}

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Lower-case hexadecimal, as in `openssl x509 -serial` but for the case.
    pub serial: String,
    /// For a server or an agent.
    pub role: Role,
    /// Its name in the CA.
    pub name: String,
    /// The names it holds: `DNS:host01.example`, `IP:192.0.2.7`, `URI:spiffe://…`.
    pub sans: Vec<String>,
    /// RFC 3339.
    pub not_before: String,
    /// RFC 3339.
    pub not_after: String,
    /// SHA-256 of the certificate, hexadecimal.
    pub fingerprint: String,
    /// Whether its key was made here.
    pub key: super::KeyPlace,
    /// When it was revoked, and why.
    pub revoked: Option<Revocation>,
}

/// That a certificate was revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// RFC 3339.
    pub at: String,
    /// Why, in the words of RFC 5280.
    pub reason: super::Reason,
}

impl Index {
    pub(super) fn empty() -> Self {
        Self { version: 1, crl_number: 0, crl_next_update: String::new(), certificates: Vec::new() }
    }

    pub(super) fn read(dir: &Path) -> Result<Self, PkiError> {
        let path = dir.join(FILE);
        let bytes = trusted_file::read(&path, MAX_BYTES)?;
        let wrong = |problem: String| PkiError::Content { path: path.clone(), problem };
        let index: Self = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if index.version != 1 {
            return Err(wrong(format!("has version {}, and this program reads version 1", index.version)));
        }
        Ok(index)
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), PkiError> {
        let path = dir.join(FILE);
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| PkiError::Content { path: path.clone(), problem: error.to_string() })?;
        bytes.push(b'\n');
        write_atomically(&path, &bytes, Access::Public)
    }

    pub(super) fn by_serial(&self, serial: &str) -> Option<&Entry> {
        self.certificates.iter().find(|entry| entry.serial == serial)
    }

    /// The certificates of a name that are neither revoked nor over.
    pub(super) fn in_force<'a>(
        &'a self,
        name: &'a str,
        now: time::OffsetDateTime,
    ) -> impl Iterator<Item = &'a Entry> {
        self.certificates
            .iter()
            .filter(move |entry| entry.name == name && entry.revoked.is_none() && !entry.is_over(now))
    }
}

impl Entry {
    /// Whether its time is over.
    pub fn is_over(&self, now: time::OffsetDateTime) -> bool {
        // A time that cannot be read is written by nobody here; taken as over, it grants nothing.
        super::certificate::parse_time(&self.not_after).is_none_or(|end| end < now)
    }

    /// `valid`, `expired` or `revoked`.
    pub fn status(&self, now: time::OffsetDateTime) -> &'static str {
        if self.revoked.is_some() {
            return "revoked";
        }
        if self.is_over(now) { "expired" } else { "valid" }
    }
}
