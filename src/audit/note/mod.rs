//! Signed checkpoints: the C2SP forms tlog-checkpoint and signed-note, with Ed25519. Anything that reads these forms
//! can check one.
//!
//! ```text
//! host01/reeve                    whose log
//! 48213                           how many records
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=      the root of the tree over them
//!
//! — host01/reeve Az3grlgtzPICa5OS8npVmf1Myq/5…     whose signature, and the signature
//! ```

mod cosignature;
mod key;
mod pasted;
mod strict;

use std::fmt;

pub use cosignature::{Cosignature, WitnessKey};
pub use key::{KeyError, NotAKey, NoteKey, Signer};
pub use pasted::NoCheckpoint;
pub(super) use strict::Note;

use super::tree::NodeHash;

/// What stands before a signature: an em dash and a blank.
const DASH: char = '\u{2014}';

/// How many records there were, and the root over them, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    origin: String,
    size: u64,
    root: NodeHash,
    signature: Signature,
    /// What witnesses have said of it.
    cosignatures: Vec<Cosignature>,
}

/// The id of the key and what it made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    key: [u8; key::ID],
    bytes: Vec<u8>,
}

impl SignedCheckpoint {
    /// Signs that the log holds so many records with this root.
    #[must_use]
    pub fn sign(signer: &Signer, size: u64, root: NodeHash) -> SignedCheckpoint {
        let origin = signer.public().name().to_owned();
        let bytes = signer.sign(body(&origin, size, root).as_bytes());
        let signature = Signature { key: signer.public().id(), bytes };
        SignedCheckpoint { origin, size, root, signature, cosignatures: Vec::new() }
    }

    /// Finds the first checkpoint in a text that came from a phone, whatever the phone did to it.
    ///
    /// # Errors
    /// When there is none.
    pub fn from_pasted(text: &str) -> Result<SignedCheckpoint, NoCheckpoint> {
        pasted::find(text)
    }

    /// Whose log it is of.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many records it stands for.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over them.
    #[must_use]
    pub fn root(&self) -> NodeHash {
        self.root
    }

    /// What is signed, and cosigned.
    #[must_use]
    pub fn body(&self) -> String {
        body(&self.origin, self.size, self.root)
    }

    /// When this witness has cosigned it, in seconds since 1970, if it carries its word.
    #[must_use]
    pub fn cosigned_at(&self, witness: &WitnessKey) -> Option<u64> {
        let body = body(&self.origin, self.size, self.root);
        self.cosignatures.iter().find(|word| word.is_by(witness, &body)).map(Cosignature::time)
    }

    /// Whether this key has made it.
    #[must_use]
    pub fn is_signed_by(&self, key: &NoteKey) -> bool {
        key.name() == self.origin
            && key.id() == self.signature.key
            && key.has_signed(body(&self.origin, self.size, self.root).as_bytes(), &self.signature.bytes)
    }
}

/// What is signed.
fn body(origin: &str, size: u64, root: NodeHash) -> String {
    format!("{origin}\n{size}\n{root}\n")
}

impl fmt::Display for SignedCheckpoint {
    /// The note, without the newline at its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, size, root, signature, cosignatures } = self;
        let signed = key::base64(&[signature.key.as_slice(), signature.bytes.as_slice()].concat());
        write!(f, "{}\n{DASH} {origin} {signed}", body(origin, *size, *root))?;
        cosignatures.iter().try_for_each(|word| write!(f, "\n{word}"))
    }
}

#[cfg(test)]
mod tests;
