//! What a witness says of somebody else's checkpoint: C2SP tlog-cosignature with Ed25519. It has seen that log grow, and
//! never another history of it.
//!
//! ```text
//! — host02/witness jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/…     key id, time, signature
//! ```

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use super::key::{self, ID, NotAKey, Signer};
use super::{DASH, NoteKey};

/// How signed-note numbers cosignatures with Ed25519.
const KIND: u8 = 4;
/// How long time and signature are.
const TIME: usize = 8;
const SIGNATURE: usize = 64;

/// What checks the cosignatures of one witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey(NoteKey);

impl WitnessKey {
    /// What it is named by.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    fn id(&self) -> [u8; ID] {
        self.0.id_as(KIND)
    }
}

impl From<&NoteKey> for WitnessKey {
    fn from(key: &NoteKey) -> Self {
        Self(key.clone())
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show_as(KIND, f)
    }
}

impl FromStr for WitnessKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        NoteKey::read_as(KIND, text).map(Self)
    }
}

impl Serialize for WitnessKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One witness's word on one checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    name: String,
    key: [u8; ID],
    time: u64,
    bytes: Vec<u8>,
}

impl Cosignature {
    /// Signs that this is the largest checkpoint of that log seen by then, in seconds since 1970.
    #[must_use]
    pub fn sign(witness: &Signer, body: &str, time: u64) -> Cosignature {
        let key = WitnessKey::from(witness.public());
        let bytes = witness.sign(message(body, time).as_bytes());
        Cosignature { name: key.name().to_owned(), key: key.id(), time, bytes }
    }

    /// Reads a line of a note, or of a witness's answer.
    #[must_use]
    pub fn from_line(line: &str) -> Option<Cosignature> {
        let (name, signed) = line.strip_prefix(DASH)?.strip_prefix(' ')?.split_once(' ')?;
        Self::from_parts(name, signed)
    }

    pub(super) fn from_parts(name: &str, signed: &str) -> Option<Cosignature> {
        let signed = STANDARD.decode(signed).ok()?;
        let (key, rest) = signed.split_first_chunk::<ID>()?;
        let (time, bytes) = rest.split_first_chunk::<TIME>()?;
        let time = u64::from_be_bytes(*time);
        let is_whole = bytes.len() == SIGNATURE && i64::try_from(time).is_ok();
        is_whole.then(|| Cosignature { name: name.to_owned(), key: *key, time, bytes: bytes.to_vec() })
    }

    /// When it was made, in seconds since 1970, as the witness says.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.time
    }

    /// Whether this witness has made it of a checkpoint with this body.
    #[must_use]
    pub fn is_by(&self, key: &WitnessKey, body: &str) -> bool {
        key.name() == self.name
            && key.id() == self.key
            && key.0.has_signed(message(body, self.time).as_bytes(), &self.bytes)
    }
}

/// What is signed.
fn message(body: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{body}")
}

impl fmt::Display for Cosignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.to_be_bytes();
        let signed = key::base64(&[self.key.as_slice(), &time, &self.bytes].concat());
        write!(f, "{DASH} {} {signed}", self.name)
    }
}
