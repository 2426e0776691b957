//! Making a CA: in a directory beside its place first, which is then renamed into it.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256};

use super::authority::{CERTIFICATE, Ca, KEY, check_days};
use super::certificate::{self, Window};
use super::files::{Access, beside, parent, private_directory, sync_directory, write_atomically};
use super::index::Index;
use super::store::{ISSUED, LOCK};
use super::{CA_DAYS, PkiError, Role};
use crate::sys::clock::Clock;

impl Ca {
    /// Makes a CA: key, certificate and an empty revocation list, all of it or nothing. What is there is not overwritten.
    ///
    /// # Errors
    /// When the directory holds anything, or cannot be written.
    pub fn init(dir: &Path, name: &str, days: u16, clock: Arc<dyn Clock>) -> Result<Self, PkiError> {
        check_days(days, &CA_DAYS)?;
        check_ca_name(name)?;
        if std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(PkiError::Exists(dir.to_owned()));
        }
        let draft = beside(dir)?;
        private_directory(&draft)?;
        let made = Self { dir: draft.clone(), clock: Arc::clone(&clock) }.fill(name, days).and_then(|()| {
            // Renaming onto a directory that came to hold something fails: that is the check that counts.
            std::fs::rename(&draft, dir)
                .and_then(|()| sync_directory(parent(dir)))
                .map_err(|source| PkiError::Write { path: dir.to_owned(), source })
        });
        if let Err(error) = made {
            drop(std::fs::remove_dir_all(&draft));
            return Err(error);
        }
        Self::open(dir, clock)
    }

    fn fill(&self, name: &str, days: u16) -> Result<(), PkiError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = certificate::named(name, Window::of_days(self.now(), days))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key)?.pem();
        let key_pem = zeroize::Zeroizing::new(key.serialize_pem());
        write_atomically(&self.dir.join(KEY), key_pem.as_bytes(), Access::Secret)?;
        write_atomically(&self.dir.join(CERTIFICATE), pem.as_bytes(), Access::Public)?;
        write_atomically(&self.dir.join(LOCK), b"", Access::Secret)?;
        for directory in [ISSUED, Role::Server.as_str(), Role::Agent.as_str()] {
            private_directory(&self.dir.join(directory))?;
        }
        let issuer = Issuer::new(params, key);
        self.publish(&mut Index::empty(), &issuer, super::revocation::DEFAULT_DAYS)
    }
}

fn check_ca_name(name: &str) -> Result<(), PkiError> {
    let plain = |c: char| c.is_ascii_graphic() || c == ' ';
    if (1..=64).contains(&name.len()) && name.chars().all(plain) && name.trim() == name {
        return Ok(());
    }
    let problem = "is no name for a CA: want 1 to 64 printable ASCII characters";
    Err(PkiError::Name { what: "--name", given: name.to_owned(), problem })
}
