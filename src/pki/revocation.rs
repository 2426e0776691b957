//! Taking certificates back: revocation and the list that says so.

use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevocationReason, RevokedCertParams,
    SerialNumber,
};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::authority::{Ca, check_days};
use super::certificate::{self, Window, day, parse_time, time_text};
use super::files::{Access, write_atomically};
use super::index::{Entry, Index, Revocation};
use super::{CRL_DAYS, PkiError};

const FILE: &str = "ca.crl";

/// For how many days a list lasts when nobody says.
pub(super) const DEFAULT_DAYS: u16 = 30;

/// For how long after its end a revoked certificate stays on the list, for hosts whose clocks are behind.
const AFTER_ITS_END: Duration = Duration::days(30);

/// Why a certificate is revoked (RFC 5280, section 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No reason given.
    Unspecified,
    /// Somebody else has or may have the key.
    KeyCompromise,
    /// The holder's name or place changed.
    AffiliationChanged,
    /// Another certificate took its place.
    Superseded,
    /// The host or agent is no more.
    CessationOfOperation,
    /// The holder may no longer.
    PrivilegeWithdrawn,
}

impl Reason {
    fn code(self) -> RevocationReason {
        match self {
            Self::Unspecified => RevocationReason::Unspecified,
            Self::KeyCompromise => RevocationReason::KeyCompromise,
            Self::AffiliationChanged => RevocationReason::AffiliationChanged,
            Self::Superseded => RevocationReason::Superseded,
            Self::CessationOfOperation => RevocationReason::CessationOfOperation,
            Self::PrivilegeWithdrawn => RevocationReason::PrivilegeWithdrawn,
        }
    }
}

/// Which certificate is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The one in this PEM text.
    Pem(String),
    /// A serial or a name.
    Text(String),
}

/// A revocation list that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crl {
    /// Its number, one more than that of the list before.
    pub number: u64,
    /// When the next is due (RFC 3339).
    pub next_update: String,
    /// Its file.
    pub path: std::path::PathBuf,
}

impl Selector {
    /// A serial, a name, or the path of a certificate's file when there is such a file.
    ///
    /// # Errors
    /// When the file holds no certificate.
    pub fn from_argument(text: &str) -> Result<Self, PkiError> {
        let path = std::path::Path::new(text);
        if !path.is_file() {
            return Ok(Self::Text(text.to_owned()));
        }
        let pem = std::fs::read_to_string(path).ok().filter(|pem| certificate::parse(pem).is_some());
        pem.map(Self::Pem).ok_or_else(|| PkiError::Content {
            path: path.to_owned(),
            problem: "holds no certificate in PEM".to_owned(),
        })
    }

    /// The certificates that are meant: one by its serial, all of a name.
    fn matching<'a>(&self, index: &'a Index) -> Result<Vec<&'a Entry>, PkiError> {
        let found: Vec<&Entry> = match self {
            Self::Pem(pem) => {
                let fingerprint = certificate::parse(pem).map(|parsed| parsed.fingerprint);
                index
                    .certificates
                    .iter()
                    .filter(|entry| Some(&entry.fingerprint) == fingerprint.as_ref())
                    .collect()
            }
            Self::Text(text) => {
                let serial = text.replace(':', "").to_ascii_lowercase();
                match index.by_serial(&serial) {
                    Some(entry) => vec![entry],
                    None => index.certificates.iter().filter(|entry| entry.name == *text).collect(),
                }
            }
        };
        let Some(first) = found.first() else { return Err(PkiError::Unknown(self.to_string())) };
        if found.iter().any(|entry| entry.role != first.role) {
            return Err(PkiError::Ambiguous(self.to_string()));
        }
        Ok(found)
    }

    /// The youngest of them that is not revoked.
    pub(super) fn newest<'a>(&self, index: &'a Index) -> Result<&'a Entry, PkiError> {
        let found = self.matching(index)?;
        let live = found.iter().rev().find(|entry| entry.revoked.is_none());
        live.copied().ok_or_else(|| all_revoked(self, &found))
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pem(pem) => match certificate::parse(pem) {
                Some(parsed) => f.write_str(&parsed.serial),
                None => f.write_str("of that file"),
            },
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

fn all_revoked(selector: &Selector, found: &[&Entry]) -> PkiError {
    let last = found.iter().rev().find_map(|entry| entry.revoked.as_ref().map(|revoked| (entry, revoked)));
    match last {
        Some((entry, revoked)) => PkiError::Revoked { serial: entry.serial.clone(), at: day(&revoked.at) },
        None => PkiError::Unknown(selector.to_string()),
    }
}

impl Ca {
    /// Revokes a certificate, or every one in force of a name, and publishes the list.
    ///
    /// # Errors
    /// When nothing of it was issued here, or all of it is revoked.
    pub fn revoke(&self, which: &Selector, reason: Reason) -> Result<(Vec<Entry>, Crl), PkiError> {
        let mut locked = self.lock()?;
        let found = which.matching(&locked.index)?;
        let serials: Vec<String> =
            found.iter().filter(|entry| entry.revoked.is_none()).map(|entry| entry.serial.clone()).collect();
        if serials.is_empty() {
            return Err(all_revoked(which, &found));
        }
        let at = time_text(self.now());
        let mut revoked = Vec::new();
        for entry in locked.index.certificates.iter_mut().filter(|entry| serials.contains(&entry.serial)) {
            entry.revoked = Some(Revocation { at: at.clone(), reason });
            revoked.push(entry.clone());
        }
        self.publish(&mut locked.index, &locked.issuer, DEFAULT_DAYS)?;
        Ok((revoked, self.crl_of(&locked.index)))
    }

    /// Writes a fresh list: due before the last one ends, even when nothing was revoked.
    ///
    /// # Errors
    /// When the days are out of bounds or a file cannot be written.
    pub fn crl(&self, days: u16) -> Result<Crl, PkiError> {
        check_days(days, &CRL_DAYS)?;
        let mut locked = self.lock()?;
        self.publish(&mut locked.index, &locked.issuer, days)?;
        Ok(self.crl_of(&locked.index))
    }

    /// The revocation list's file.
    pub fn crl_file(&self) -> std::path::PathBuf {
        self.dir.join(FILE)
    }

    fn crl_of(&self, index: &Index) -> Crl {
        Crl { number: index.crl_number, next_update: index.crl_next_update.clone(), path: self.crl_file() }
    }

    /// Writes the index with the next number, then the list. A crash between the two is seen by the next change, as the
    /// numbers differ.
    pub(super) fn publish(
        &self,
        index: &mut Index,
        issuer: &Issuer<'_, KeyPair>,
        days: u16,
    ) -> Result<(), PkiError> {
        let window = Window::of_days(self.now(), days);
        let number = index.crl_number.saturating_add(1);
        let params = CertificateRevocationListParams {
            this_update: window.from,
            next_update: window.until,
            crl_number: SerialNumber::from_slice(&number.to_be_bytes()),
            issuing_distribution_point: None,
            revoked_certs: index.certificates.iter().filter_map(|entry| listed(entry, self.now())).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let pem = params.signed_by(issuer)?.pem()?;
        index.crl_number = number;
        index.crl_next_update = time_text(window.until);
        index.write(&self.dir)?;
        write_atomically(&self.crl_file(), pem.as_bytes(), Access::Public)
    }

    /// The number of the list in the file; nothing when there is none that can be read.
    pub(super) fn published_number(&self) -> Option<u64> {
        let pem = std::fs::read(self.crl_file()).ok()?;
        let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).ok()?;
        let (_, list) = CertificateRevocationList::from_der(&pem.contents).ok()?;
        list.crl_number()?.to_u64_digits().first().copied()
    }
}

fn listed(entry: &Entry, now: OffsetDateTime) -> Option<RevokedCertParams> {
    let revoked = entry.revoked.as_ref()?;
    let is_over = parse_time(&entry.not_after).is_some_and(|end| end + AFTER_ITS_END < now);
    let serial = serial_bytes(&entry.serial);
    (!is_over).then(|| RevokedCertParams {
        serial_number: SerialNumber::from_slice(&serial),
        revocation_time: parse_time(&revoked.at).unwrap_or(now),
        reason_code: Some(revoked.reason.code()),
        invalidity_date: None,
    })
}

fn serial_bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
    digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}
