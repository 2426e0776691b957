//! The key that signs checkpoints, and what it is checked by: `NAME+ID+KEY`, as signed-note has it.

use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::sys::random;
use crate::sys::trusted_file::{self, TrustedFileError};

/// How long a key's id is.
pub(super) const ID: usize = 4;
/// How signed-note numbers Ed25519.
const ED25519_NOTE: u8 = 1;
const SEED: usize = 32;
/// What a key is named by: whose log it signs.
const SUFFIX: &str = "/reeve";
/// What a key is named by that watches other logs.
const WITNESS_SUFFIX: &str = "/witness";
/// The longest name that leaves a message room for what it is about.
const LONGEST_NAME: usize = 100;

/// What checks signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    public: [u8; 32],
}

/// Not a key of the form `NAME+ID+KEY`.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not a key of the form NAME+ID+KEY, as `reeve audit key` prints it")]
pub struct NotAKey;

impl NoteKey {
    /// What it is named by: whose log it signs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first bytes of the hash over all that makes it this key.
    #[must_use]
    pub fn id(&self) -> [u8; ID] {
        self.id_as(ED25519_NOTE)
    }

    /// The same for a key that makes signatures of another kind.
    pub(super) fn id_as(&self, kind: u8) -> [u8; ID] {
        let hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', kind])
            .chain_update(self.public)
            .finalize();
        let mut id = [0; ID];
        id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        id
    }

    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(message, signature).is_ok()
    }
}

impl NoteKey {
    pub(super) fn show_as(&self, kind: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id_as(kind));
        let key = base64(&[[kind].as_slice(), &self.public].concat());
        write!(f, "{}+{id:08x}+{key}", self.name)
    }

    pub(super) fn read_as(kind: u8, text: &str) -> Result<NoteKey, NotAKey> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NotAKey);
        };
        let key = STANDARD.decode(key).map_err(|_| NotAKey)?;
        let Some((_, public)) = key.split_first().filter(|(is, _)| **is == kind) else { return Err(NotAKey) };
        let public = public.try_into().map_err(|_| NotAKey)?;
        let key = NoteKey { name: name.to_owned(), public };
        if is_name(name) && format!("{:08x}", u32::from_be_bytes(key.id_as(kind))) == id {
            Ok(key)
        } else {
            Err(NotAKey)
        }
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show_as(ED25519_NOTE, f)
    }
}

impl FromStr for NoteKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<NoteKey, NotAKey> {
        NoteKey::read_as(ED25519_NOTE, text)
    }
}

impl Serialize for NoteKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'+';
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(is_plain)
}

/// What a host's key is named.
fn name_of(host: &str, suffix: &str) -> Result<String, KeyError> {
    let name = format!("{host}{suffix}");
    if is_name(&name) { Ok(name) } else { Err(KeyError::Name(host.to_owned())) }
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What makes signatures: of the gate's only.
pub struct Signer {
    pair: Ed25519KeyPair,
    public: NoteKey,
}

/// The key of the checkpoints cannot be had.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file is not to be trusted with a secret, or is not there.
    #[error("the checkpoints' key is not to be trusted")]
    Untrusted(#[from] TrustedFileError),
    /// The file holds something else.
    #[error("the checkpoints' key is not 44 characters of base64; to have a new one made, remove it")]
    Malformed,
    /// The host's name cannot stand in a checkpoint.
    #[error(
        "the host's name {0:?} cannot stand in a checkpoint: set `host` to letters, digits, dots and dashes"
    )]
    Name(String),
    /// A new one could not be written.
    #[error("a new key for checkpoints could not be written")]
    Write(#[from] io::Error),
}

impl Signer {
    /// Reads the key from a file that only its owner may read, or makes one where there is none.
    ///
    /// # Errors
    /// When the file is not as it must be, or a new one cannot be made.
    pub fn load_or_make(path: &Path, host: &str) -> Result<Signer, KeyError> {
        Signer::named(path, name_of(host, SUFFIX)?)
    }

    /// The same for the key by which the host says what it has seen of other logs.
    ///
    /// # Errors
    /// The same.
    pub fn load_or_make_witness(path: &Path, host: &str) -> Result<Signer, KeyError> {
        Signer::named(path, name_of(host, WITNESS_SUFFIX)?)
    }

    fn named(path: &Path, name: String) -> Result<Signer, KeyError> {
        match trusted_file::read_secret(path, Signer::MOST_BYTES).map(Zeroizing::new) {
            Ok(text) => Signer::from_base64(&text, name),
            Err(error) if error.is_not_found() => {
                let mut seed = Zeroizing::new([0; SEED]);
                random::fill(seed.as_mut_slice())?;
                let text = Zeroizing::new(base64(seed.as_slice()) + "\n");
                trusted_file::write_new(path, text.as_bytes())?;
                Signer::from_seed(name, seed.as_slice())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// How long a key's text is at most.
    pub const MOST_BYTES: usize = 64;

    /// The key that a text stands for, as [`Self::load_or_make`] writes it.
    ///
    /// # Errors
    /// When it is no key, or the host's name cannot stand in a checkpoint.
    pub fn from_text(text: &[u8], host: &str) -> Result<Signer, KeyError> {
        Signer::from_base64(text, name_of(host, SUFFIX)?)
    }

    /// The same, of the key by which a host says that it has seen a checkpoint.
    ///
    /// # Errors
    /// When it is none, or the host's name cannot name a key.
    pub fn from_text_witness(text: &[u8], host: &str) -> Result<Signer, KeyError> {
        Signer::from_base64(text, name_of(host, WITNESS_SUFFIX)?)
    }

    fn from_base64(text: &[u8], name: String) -> Result<Signer, KeyError> {
        let seed = Zeroizing::new(STANDARD.decode(text.trim_ascii()).map_err(|_| KeyError::Malformed)?);
        Signer::from_seed(name, &seed)
    }

    pub(super) fn from_seed(name: String, seed: &[u8]) -> Result<Signer, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Malformed)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Malformed)?;
        Ok(Signer { pair, public: NoteKey { name, public } })
    }

    /// What its signatures are checked by.
    #[must_use]
    pub fn public(&self) -> &NoteKey {
        &self.public
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public)
    }
}
