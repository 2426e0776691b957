//! The gate's half: its key, and the signature that turns a wish into a grant. Not linked into anything that root runs.

use std::io;
use std::path::Path;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use thiserror::Error;
use zeroize::Zeroizing;

use super::encoding::encode;
use super::verify::{from_hex, sha256, to_hex};
use super::{Grant, Malformed, PublicKey};
use crate::sys::random;
use crate::sys::trusted_file::{self, TrustedFileError};

const SEED_BYTES: usize = 32;

/// The key that makes grants.
pub struct SigningKey(Ed25519KeyPair);

/// A grant as it travels: whoever alters one bit of it has nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedGrant {
    bytes: Vec<u8>,
    digest: [u8; 32],
    nonce: [u8; 16],
}

/// The gate's key cannot be had.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file is not to be trusted with a secret, or is not there.
    #[error("the grant key is not to be trusted")]
    Untrusted(#[from] TrustedFileError),
    /// The file holds something else.
    #[error("the grant key is not 64 hexadecimal digits")]
    Malformed,
    /// A new one could not be written, or one is there already.
    #[error("a new grant key could not be written")]
    Write(#[from] io::Error),
}

impl SigningKey {
    /// Draws a new key and writes it where there is none yet, whole or not at all, for its owner's eyes only.
    ///
    /// # Errors
    /// When there is a key already, or no randomness, or no room.
    pub fn generate(path: &Path) -> Result<SigningKey, KeyError> {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        random::fill(seed.as_mut_slice())?;
        let text = Zeroizing::new(to_hex(seed.as_slice()) + "\n");
        trusted_file::write_new(path, text.as_bytes())?;
        SigningKey::from_seed(&seed)
    }

    /// Reads the key from a trusted file that only its owner may read.
    ///
    /// # Errors
    /// When the file is not as it must be.
    pub fn load(path: &Path) -> Result<SigningKey, KeyError> {
        SigningKey::from_text(&Zeroizing::new(trusted_file::read_secret(path, SigningKey::MOST_BYTES)?))
    }

    /// How long a key's text is at most.
    pub const MOST_BYTES: usize = 2 * SEED_BYTES + 1;

    /// The key that a text stands for, as [`Self::generate`] writes it.
    ///
    /// # Errors
    /// When it is no key.
    pub fn from_text(text: &[u8]) -> Result<SigningKey, KeyError> {
        let digits = text.strip_suffix(b"\n").unwrap_or(text);
        SigningKey::from_seed(&Zeroizing::new(from_hex(digits).ok_or(KeyError::Malformed)?))
    }

    /// What wrappers check signatures with.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey::new(bytes)
    }

    /// Signs the grant.
    ///
    /// # Errors
    /// When a field is outside the bounds of the format.
    pub fn sign(&self, grant: &Grant) -> Result<SignedGrant, Malformed> {
        let mut bytes = encode(grant)?;
        let digest = sha256(&bytes);
        let signature = self.0.sign(&bytes);
        bytes.extend(signature.as_ref());
        Ok(SignedGrant { bytes, digest, nonce: grant.nonce })
    }

    fn from_seed(seed: &[u8; SEED_BYTES]) -> Result<SigningKey, KeyError> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(SigningKey).map_err(|_| KeyError::Malformed)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey(public {})", self.public().to_hex())
    }
}

impl SignedGrant {
    /// What the wrapper reads.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the grant without its signature: what the ledger and the audit log know it by.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// What it is spent under, in hexadecimal digits.
    #[must_use]
    pub fn nonce(&self) -> String {
        to_hex(&self.nonce)
    }
}

impl std::fmt::Debug for SignedGrant {
    /// By its digest only: the bytes are as good as the deed until they are spent.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedGrant({})", to_hex(&self.digest))
    }
}
