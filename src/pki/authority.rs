//! The CA itself: made once, then asked for certificates. Each change is written so that a crash leaves the old or the new.
//!
//! A certificate counts from the moment that the index holds it. Before that its key waits under a name with its serial;
//! what a crash left between the two is carried on, or cleared away, by the next change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, SubjectPublicKeyInfo};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::certificate::{self, Window, day, time_text};
use super::files::{Access, write_atomically, write_new};
use super::index::{Entry, FILE as INDEX, Index};
use super::store::{ISSUED, Locked};
use super::{LEAF_DAYS, LeafName, PkiError, Profile, Role, Selector};
use crate::sys::clock::Clock;

pub(super) const CERTIFICATE: &str = "ca.crt";
pub(super) const KEY: &str = "ca.key";

/// A CA in its directory.
#[derive(Clone)]
pub struct Ca {
    pub(super) dir: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
}

/// A certificate to be issued.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its name in the CA, and its common name.
    pub name: LeafName,
    /// What it is for.
    pub profile: Profile,
    /// For how long.
    pub days: u16,
    /// Whose key it holds.
    pub key: KeySource,
}

/// Where the key of a certificate comes from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// Made here, and kept beside the certificate.
    New,
    /// Made elsewhere: a signing request in PEM. Only its key is used.
    Csr(String),
}

/// Whether the CA's directory has the key of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// Beside the certificate.
    Here,
    /// With whoever made the signing request.
    Elsewhere,
}

/// A certificate that was issued, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// As the index has it.
    pub entry: Entry,
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// Its file.
    pub certificate: PathBuf,
    /// Its key's file, when the key was made here.
    pub key: Option<PathBuf>,
}

impl Ca {
    /// A CA that was made before.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, PkiError> {
        // Whole and without links from here on, as trusted files must be named.
        let whole = std::fs::canonicalize(dir).map_err(|_none| PkiError::NoCa(dir.to_owned()))?;
        if !whole.join(INDEX).exists() || !whole.join(CERTIFICATE).exists() {
            return Err(PkiError::NoCa(dir.to_owned()));
        }
        Ok(Self { dir: whole, clock })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its own certificate: what hosts and agents trust.
    pub fn certificate_file(&self) -> PathBuf {
        self.dir.join(CERTIFICATE)
    }

    /// Everything that was issued, oldest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, PkiError> {
        Ok(Index::read(&self.dir)?.certificates)
    }

    /// The CA's own subject and the time it ends (RFC 3339).
    ///
    /// # Errors
    /// When its certificate cannot be read.
    pub fn about(&self) -> Result<(String, String), PkiError> {
        let (_, parsed) = self.own_certificate()?;
        Ok((parsed.subject, time_text(parsed.not_after)))
    }

    /// The number of the revocation list in force, and when the next is due (RFC 3339).
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn crl_state(&self) -> Result<(u64, String), PkiError> {
        let index = Index::read(&self.dir)?;
        Ok((index.crl_number, index.crl_next_update))
    }

    /// Issues a certificate to a name that has none in force.
    ///
    /// # Errors
    /// When the name is taken, the days are out of bounds, the request is refused, or a file cannot be written.
    pub fn issue(&self, request: &Request) -> Result<Issued, PkiError> {
        check_days(request.days, &LEAF_DAYS)?;
        let role = request.profile.role();
        let mut locked = self.lock()?;
        let name = request.name.as_str();
        if let Some(taken) = locked.index.in_force(name, self.now()).find(|entry| entry.role == role) {
            return Err(PkiError::Taken { name: name.to_owned(), until: day(&taken.not_after) });
        }
        let draft = Draft { name, role, sans: request.profile.sans(&request.name)?, days: request.days };
        match &request.key {
            KeySource::New => self.issue_with_new_key(&mut locked, &draft),
            KeySource::Csr(pem) => {
                let key = certificate::requested_key(pem)?;
                self.issue_for(&mut locked, &draft, &key, KeyPlace::Elsewhere)
            }
        }
    }

    /// Issues the successor of a certificate, with the same names: with a new key, or for the key that it has.
    ///
    /// # Errors
    /// As [`Ca::issue`]; and when the certificate is revoked, or its key was made elsewhere and a new one is asked for.
    pub fn renew(&self, which: &Selector, days: Option<u16>, key: RenewedKey) -> Result<Issued, PkiError> {
        let mut locked = self.lock()?;
        let old = which.newest(&locked.index)?.clone();
        let days = days.unwrap_or(default_days(old.role));
        check_days(days, &LEAF_DAYS)?;
        let draft = Draft { name: &old.name, role: old.role, sans: old.sans.clone(), days };
        match (key, old.key) {
            (RenewedKey::New, KeyPlace::Here) => self.issue_with_new_key(&mut locked, &draft),
            (RenewedKey::New, KeyPlace::Elsewhere) => Err(PkiError::KeyElsewhere(old.name.clone())),
            (RenewedKey::Kept, place) => {
                let (_, parsed) = self.read_certificate(&self.issued_file(&old.serial))?;
                self.issue_for(&mut locked, &draft, &certificate::acceptable(&parsed.spki)?, place)
            }
        }
    }

    fn issue_with_new_key(&self, locked: &mut Locked, draft: &Draft<'_>) -> Result<Issued, PkiError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let pem = locked.sign(draft, &key, self.now())?;
        let entry = draft.entry(&pem, KeyPlace::Here, self)?;
        let key_pem = zeroize::Zeroizing::new(key.serialize_pem());
        let staged = self.staged_key(&entry);
        write_new(&staged, key_pem.as_bytes(), Access::Secret)
            .map_err(|source| PkiError::Write { path: staged.clone(), source })?;
        self.commit(locked, entry, pem)
    }

    fn issue_for(
        &self,
        locked: &mut Locked,
        draft: &Draft<'_>,
        key: &SubjectPublicKeyInfo,
        place: KeyPlace,
    ) -> Result<Issued, PkiError> {
        let pem = locked.sign(draft, key, self.now())?;
        let entry = draft.entry(&pem, place, self)?;
        self.commit(locked, entry, pem)
    }

    fn commit(&self, locked: &mut Locked, entry: Entry, pem: String) -> Result<Issued, PkiError> {
        write_atomically(&self.issued_file(&entry.serial), pem.as_bytes(), Access::Public)?;
        locked.index.certificates.push(entry.clone());
        locked.index.write(&self.dir)?;
        self.place(&entry)?;
        let key = (entry.key == KeyPlace::Here).then(|| self.key_file(&entry));
        Ok(Issued { certificate: self.certificate_of(&entry), key, certificate_pem: pem, entry })
    }
}

/// Which key a renewed certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewedKey {
    /// One made for it.
    New,
    /// That of the certificate before it.
    Kept,
}

impl Locked {
    fn sign(
        &self,
        draft: &Draft<'_>,
        key: &impl rcgen::PublicKeyData,
        now: OffsetDateTime,
    ) -> Result<String, PkiError> {
        let window = Window::of_days(now, draft.days);
        if window.until > self.not_after {
            return Err(PkiError::OutlivesCa(day(&time_text(self.not_after))));
        }
        let params = certificate::leaf_params(draft.name, draft.role, &draft.sans, window)?;
        Ok(params.signed_by(key, &self.issuer)?.pem())
    }
}

/// A certificate that has all but a key.
struct Draft<'a> {
    name: &'a str,
    role: Role,
    sans: Vec<String>,
    days: u16,
}

impl Draft<'_> {
    fn entry(&self, pem: &str, key: KeyPlace, ca: &Ca) -> Result<Entry, PkiError> {
        let unreadable = || PkiError::Content {
            path: ca.dir.join(ISSUED),
            problem: "would hold a certificate that cannot be read back".to_owned(),
        };
        let parsed = certificate::parse(pem).ok_or_else(unreadable)?;
        Ok(Entry {
            serial: parsed.serial,
            role: self.role,
            name: self.name.to_owned(),
            sans: self.sans.clone(),
            not_before: time_text(parsed.not_before),
            not_after: time_text(parsed.not_after),
            fingerprint: parsed.fingerprint,
            key,
            revoked: None,
        })
    }
}

/// For how many days a certificate lasts when nobody says: a server's a year, an agent's a quarter.
pub fn default_days(role: Role) -> u16 {
    match role {
        Role::Server => 365,
        Role::Agent => 90,
    }
}

pub(super) fn check_days(days: u16, bounds: &std::ops::RangeInclusive<u16>) -> Result<(), PkiError> {
    if bounds.contains(&days) {
        return Ok(());
    }
    Err(PkiError::Days { given: days, least: *bounds.start(), most: *bounds.end() })
}
