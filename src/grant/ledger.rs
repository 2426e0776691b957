//! Where grants are spent: one empty place per nonce, taken by whoever creates the file first.
//!
//! The kernel's `O_EXCL` decides between two wrappers that were shown the same grant. Nothing is synced: what a power
//! cut takes back belongs to a boot whose grants are void (`docs/adr/0003-the-ledger-is-not-synced.md`).

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::verify::to_hex;
use super::{Grant, Refusal, VerifiedGrant};
use crate::sys::trusted_file;

/// The directory of spent grants.
#[derive(Debug)]
pub struct Ledger(OwnedFd);

/// A grant that was good and is so no longer: whoever holds this may act on it, once.
#[derive(Debug)]
#[must_use = "a grant that was spent and not used is lost"]
pub struct SpentGrant(Grant);

impl SpentGrant {
    /// What was granted.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.0
    }
}

impl Ledger {
    /// Opens the ledger, which must belong to root (or to the user this process runs as) and to nobody else.
    ///
    /// # Errors
    /// When somebody else could take entries out of it.
    pub fn open_trusted(directory: &Path) -> Result<Ledger, Refusal> {
        trusted_file::private_directory(directory).map(Ledger).map_err(Refusal::LedgerUntrusted)
    }

    /// Spends the grant: from here on it is refused, even if what follows fails.
    ///
    /// # Errors
    /// When it was spent before, or the entry cannot be written.
    pub fn spend(&self, grant: VerifiedGrant) -> Result<SpentGrant, Refusal> {
        let (grant, digest) = grant.into_parts();
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let name = to_hex(&grant.nonce);
        let entry = match openat(&self.0, name.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR) {
            Ok(entry) => entry,
            Err(Errno::EEXIST) => return Err(Refusal::Spent),
            Err(errno) => return Err(Refusal::Ledger(errno.into())),
        };
        let line = format!("{} {} {} {}\n", grant.operation, grant.step, grant.boot, to_hex(&digest));
        File::from(entry).write_all(line.as_bytes()).map_err(Refusal::Ledger)?;
        Ok(SpentGrant(grant))
    }
}

/// One entry of the ledger, for the audit: every one of them must have its record.
#[cfg(feature = "full")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpentRecord {
    /// The nonce, in hexadecimal digits.
    pub nonce: String,
    /// The operation; empty where the disk was full and only the name got written.
    pub operation: String,
    /// The step.
    pub step: u16,
    /// The boot it was spent in.
    pub boot: String,
    /// SHA-256 of the grant, as [`super::SignedGrant::digest`] has it, in hexadecimal digits.
    pub digest: String,
}

/// Reads all entries, in order of their nonces.
///
/// # Errors
/// When the directory or an entry cannot be read, or an entry is none of the ledger's.
#[cfg(feature = "full")]
pub fn spent_records(directory: &Path) -> std::io::Result<Vec<SpentRecord>> {
    let mut records = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let nonce = entry.file_name().to_string_lossy().into_owned();
        let line = std::fs::read_to_string(entry.path())?;
        let record = parse(nonce, &line).ok_or_else(|| {
            std::io::Error::other(format!("{}: is no ledger entry", entry.path().display()))
        })?;
        records.push(record);
    }
    records.sort_by(|left, right| left.nonce.cmp(&right.nonce));
    Ok(records)
}

#[cfg(feature = "full")]
fn parse(nonce: String, line: &str) -> Option<SpentRecord> {
    super::verify::from_hex::<16>(nonce.as_bytes())?;
    if line.is_empty() {
        return Some(SpentRecord {
            nonce,
            operation: String::new(),
            step: 0,
            boot: String::new(),
            digest: String::new(),
        });
    }
    let mut words = line.strip_suffix('\n')?.split(' ').map(str::to_owned);
    let record = SpentRecord {
        nonce,
        operation: words.next()?,
        step: words.next()?.parse().ok()?,
        boot: words.next()?,
        digest: words.next()?,
    };
    words.next().is_none().then_some(record)
}
