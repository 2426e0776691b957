//! A checkpoint from another program, byte by byte as tlog-checkpoint and signed-note have it, with every signature.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::key::ID;
use super::{DASH, NoteKey};
use crate::audit::tree::NodeHash;
use crate::audit::witness::{Malformed, plain_number};

/// How many signatures one may carry.
const MOST_SIGNATURES: usize = 32;

/// A checkpoint as it was written, and who says that they signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) struct Note {
    body: String,
    origin: String,
    size: u64,
    root: NodeHash,
    /// Names, ids of keys, signatures.
    signatures: Vec<(String, Vec<u8>)>,
}

impl Note {
    /// Whose log it is of.
    #[must_use]
    pub(in crate::audit) fn origin(&self) -> &str {
        &self.origin
    }

    /// How many records it stands for.
    #[must_use]
    pub(in crate::audit) fn size(&self) -> u64 {
        self.size
    }

    /// The root over them.
    #[must_use]
    pub(in crate::audit) fn root(&self) -> NodeHash {
        self.root
    }

    /// What is signed.
    #[must_use]
    pub(in crate::audit) fn body(&self) -> &str {
        &self.body
    }

    /// Whether this key has signed it, as the log that it is of.
    #[must_use]
    pub(in crate::audit) fn is_signed_by(&self, key: &NoteKey) -> bool {
        let is_by = |(name, signed): &(String, Vec<u8>)| {
            let signature = signed.split_first_chunk::<ID>();
            name == key.name()
                && signature
                    .is_some_and(|(id, bytes)| *id == key.id() && key.has_signed(self.body.as_bytes(), bytes))
        };
        key.name() == self.origin && self.signatures.iter().any(is_by)
    }
}

impl FromStr for Note {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Note, Malformed> {
        let (body, signatures) =
            text.split_once("\n\n").ok_or(Malformed("the checkpoint has no signatures"))?;
        let mut lines = body.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty());
        let origin = origin.ok_or(Malformed("the checkpoint names no log"))?;
        let size = lines.next().and_then(plain_number).ok_or(Malformed("the checkpoint has no size"))?;
        let root =
            lines.next().and_then(NodeHash::from_base64).ok_or(Malformed("the checkpoint has no root"))?;
        let signatures = signatures.strip_suffix('\n').ok_or(Malformed("the last line has no end"))?;
        let signatures: Option<Vec<_>> = signatures.split('\n').map(signature).collect();
        let signatures = signatures.filter(|all| all.len() <= MOST_SIGNATURES);
        let signatures =
            signatures.ok_or(Malformed("a line of the signatures is none, or there are too many"))?;
        Ok(Note { body: format!("{body}\n"), origin: origin.to_owned(), size, root, signatures })
    }
}

fn signature(line: &str) -> Option<(String, Vec<u8>)> {
    let (name, signed) = line.strip_prefix(DASH)?.strip_prefix(' ')?.split_once(' ')?;
    Some((name.to_owned(), STANDARD.decode(signed).ok()?))
}
