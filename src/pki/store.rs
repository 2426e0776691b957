//! The CA's directory: its lock, its files, and how a change that a crash cut off is carried on.

use std::fs::File;
use std::path::{Path, PathBuf};

use rcgen::{Issuer, KeyPair};
use time::OffsetDateTime;

use super::authority::{CERTIFICATE, Ca, KEY, KeyPlace};
use super::certificate::{self, Parsed};
use super::files::{Access, write_atomically};
use super::index::{Entry, Index};
use super::{PkiError, Role};
use crate::sys::trusted_file;

pub(super) const LOCK: &str = "lock";
pub(super) const ISSUED: &str = "issued";
const MAX_BYTES: usize = 1 << 20;

/// The CA while nobody else changes it: the lock ends with it.
pub(super) struct Locked {
    pub(super) index: Index,
    pub(super) issuer: Issuer<'static, KeyPair>,
    pub(super) not_after: OffsetDateTime,
    _lock: File,
}

impl Ca {
    /// Takes the lock, carries on what a crash left, and reads everything that a change needs.
    pub(super) fn lock(&self) -> Result<Locked, PkiError> {
        let path = self.dir.join(LOCK);
        let failed = |source| PkiError::Write { path: path.clone(), source };
        let lock = File::options().write(true).open(&path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let (pem, own) = self.own_certificate()?;
        let index = Index::read(&self.dir)?;
        let issuer = Issuer::from_ca_cert_pem(&pem, self.own_key(&own)?)?;
        self.carry_on(&index)?;
        let mut locked = Locked { index, issuer, not_after: own.not_after, _lock: lock };
        if self.published_number() != Some(locked.index.crl_number) {
            let days = super::revocation::DEFAULT_DAYS;
            self.publish(&mut locked.index, &locked.issuer, days)?;
        }
        Ok(locked)
    }

    fn carry_on(&self, index: &Index) -> Result<(), PkiError> {
        if let Some(last) = index.certificates.last()
            && std::fs::read(self.certificate_of(last)).ok()
                != std::fs::read(self.issued_file(&last.serial)).ok()
        {
            self.place(last)?;
        }
        for role in Role::ALL {
            let directory = self.dir.join(role.as_str());
            let failed = |source| PkiError::Write { path: directory.clone(), source };
            for file in std::fs::read_dir(&directory).map_err(failed)? {
                let file = file.map_err(failed)?;
                let name = file.file_name().to_string_lossy().into_owned();
                let staged = name.rsplit_once(".key.").map(|(_, serial)| serial);
                if staged.is_some_and(|serial| index.by_serial(serial).is_none()) {
                    std::fs::remove_file(file.path()).map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn own_certificate(&self) -> Result<(String, Parsed), PkiError> {
        let path = self.dir.join(CERTIFICATE);
        let (pem, parsed) = self.read_certificate(&path)?;
        if !parsed.is_ca {
            return Err(PkiError::Content { path, problem: "is not the certificate of a CA".to_owned() });
        }
        Ok((pem, parsed))
    }

    fn own_key(&self, own: &Parsed) -> Result<KeyPair, PkiError> {
        use rcgen::PublicKeyData as _;
        let path = self.dir.join(KEY);
        let pem = zeroize::Zeroizing::new(trusted_file::read_secret(&path, MAX_BYTES)?);
        let wrong = |problem: &str| PkiError::Content { path: path.clone(), problem: problem.to_owned() };
        let pem = std::str::from_utf8(&pem).map_err(|_error| wrong("is not PEM"))?;
        let key = KeyPair::from_pem(pem).map_err(|_error| wrong("holds no private key that can be read"))?;
        if key.subject_public_key_info() != own.spki {
            return Err(wrong("is not the key of ca.crt beside it"));
        }
        Ok(key)
    }

    pub(super) fn read_certificate(&self, path: &Path) -> Result<(String, Parsed), PkiError> {
        let bytes = trusted_file::read(path, MAX_BYTES)?;
        let text = String::from_utf8(bytes).ok();
        text.and_then(|pem| certificate::parse(&pem).map(|parsed| (pem, parsed))).ok_or_else(|| {
            PkiError::Content { path: path.to_owned(), problem: "holds no certificate in PEM".to_owned() }
        })
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from(self.clock.now())
    }

    pub(super) fn issued_file(&self, serial: &str) -> PathBuf {
        self.dir.join(ISSUED).join(format!("{serial}.crt"))
    }

    pub(super) fn certificate_of(&self, entry: &Entry) -> PathBuf {
        self.dir.join(entry.role.as_str()).join(format!("{}.crt", entry.name))
    }

    pub(super) fn key_file(&self, entry: &Entry) -> PathBuf {
        self.dir.join(entry.role.as_str()).join(format!("{}.key", entry.name))
    }

    pub(super) fn staged_key(&self, entry: &Entry) -> PathBuf {
        self.dir.join(entry.role.as_str()).join(format!("{}.key.{}", entry.name, entry.serial))
    }

    /// Puts key and certificate where people look for them. Doing it twice does no harm.
    pub(super) fn place(&self, entry: &Entry) -> Result<(), PkiError> {
        let (staged, key) = (self.staged_key(entry), self.key_file(entry));
        let failed = |source| PkiError::Write { path: key.clone(), source };
        match entry.key {
            KeyPlace::Here if staged.exists() => std::fs::rename(&staged, &key).map_err(failed)?,
            KeyPlace::Here => {}
            // The key of a certificate that went before must not lie beside one that it does not fit.
            KeyPlace::Elsewhere if key.exists() => std::fs::remove_file(&key).map_err(failed)?,
            KeyPlace::Elsewhere => {}
        }
        let (pem, _) = self.read_certificate(&self.issued_file(&entry.serial))?;
        write_atomically(&self.certificate_of(entry), pem.as_bytes(), Access::Public)
    }
}
