//! Messages that a key shared by two vouches for, in the form of Standard Webhooks: `webhook-id`, `webhook-timestamp` and
//! `webhook-signature: v1,BASE64`, an HMAC-SHA256 over `ID.TIMESTAMP.BODY`.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::secret::{Reference, Secret};
use crate::sys::trusted_file::{self, TrustedFileError};

/// The headers of a signed message: its id, the seconds since 1970 at which it was made, and the signature.
pub const HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

/// How a key begins where it is written.
const PREFIX: &str = "whsec_";
/// How many bytes of a key there may be.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// No file with a key comes near this.
const MOST_FILE: u64 = 4096;
/// Of a mode: what everybody may.
const OTHERS: u32 = 0o007;
/// How many signatures of one message are looked at.
const SIGNATURES: usize = 8;
/// The longest id.
const MOST_ID: usize = 64;

/// A key that two share.
#[derive(Clone)]
pub struct Key {
    hmac: hmac::Key,
    /// Tells whether two keys are one, without showing either.
    digest: [u8; 32],
}

/// A key that is none.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read, or others could have written it.
    #[error(transparent)]
    File(#[from] TrustedFileError),
    /// It cannot be read to its end, or is no text.
    #[error("{path}: cannot be read")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Everybody may read it.
    #[error("{0}: everybody may read this secret: run chmod o= on it")]
    Open(String),
    /// It is not what a key looks like.
    #[error(
        "{0}: holds no key: whsec_ and 24 to 64 random bytes in base64, as `echo whsec_$(openssl rand -base64 32)` makes one"
    )]
    Form(String),
}

impl Key {
    /// Reads a file of root's that holds one key.
    ///
    /// # Errors
    /// When it is not to be trusted, or holds no key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = secret(path)?;
        Self::parse(text.trim()).ok_or_else(|| KeyError::Form(path.display().to_string()))
    }

    /// The key in a secret that was read from where it says.
    ///
    /// # Errors
    /// When it is none.
    pub fn of(secret: &Secret, from: &Reference) -> Result<Self, KeyError> {
        let key = secret.expose_text().ok().and_then(|text| Self::parse(text.trim()));
        key.ok_or_else(|| KeyError::Form(from.to_string()))
    }

    /// The key that a text stands for.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?);
        if !BYTES.contains(&bytes.len()) {
            return None;
        }
        let hmac = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        let mut digest = [0; 32];
        let tag = hmac::sign(&hmac, b"which key is this");
        digest.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        Some(Self { hmac, digest })
    }

    /// What tells this key from another, and does not tell the key.
    #[must_use]
    pub fn mark(&self) -> [u8; 32] {
        self.digest
    }

    /// Whether the other is this one.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.digest.ct_eq(&other.digest).into()
    }

    /// The signature as it stands in the header.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        format!("v1,{}", STANDARD.encode(self.tag(id, timestamp, body)))
    }

    /// Whether one of the signatures in the header is this key's, in a time that does not tell how nearly.
    #[must_use]
    pub fn has_signed(&self, id: &str, timestamp: u64, body: &[u8], signatures: &str) -> bool {
        // With a dot in it, an id could end where the time begins in another message with the same signature.
        if !is_id(id) {
            return false;
        }
        let own = self.tag(id, timestamp, body);
        let mut found = subtle::Choice::from(0);
        for signature in signatures.split(' ').filter_map(|one| one.strip_prefix("v1,")).take(SIGNATURES) {
            let given = STANDARD.decode(signature).unwrap_or_default();
            found |= own.as_ref().ct_eq(&given);
        }
        found.into()
    }

    fn tag(&self, id: &str, timestamp: u64, body: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.hmac);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        context.sign()
    }
}

/// Reads a file of root's that holds a secret in text, which is not for everybody's eyes.
fn secret(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let file = trusted_file::open_file(path)?;
    let unreadable = |source| KeyError::Unreadable { path: path.display().to_string(), source };
    if file.metadata().map_err(unreadable)?.mode() & OTHERS != 0 {
        return Err(KeyError::Open(path.display().to_string()));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MOST_FILE).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Whether it may be the id of a message.
#[must_use]
pub fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= MOST_ID
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const AT: u64 = 1_614_265_330;

    #[test]
    fn a_signature_is_the_one_of_the_specifications_example() {
        let key = Key::parse(SECRET).unwrap();
        assert_eq!(key.sign(ID, AT, BODY), SIGNATURE);
        assert!(key.has_signed(ID, AT, BODY, SIGNATURE));
        assert!(key.has_signed(ID, AT, BODY, &format!("v1a,xx v1,AAAA {SIGNATURE}")));
    }

    #[test]
    fn another_body_time_id_key_or_signature_is_not_signed() {
        let key = Key::parse(SECRET).unwrap();
        let other = Key::parse(&format!("whsec_{}", STANDARD.encode([7; 32]))).unwrap();
        assert!(!key.is(&other) && key.is(&key.clone()));
        assert!(!other.has_signed(ID, AT, BODY, SIGNATURE));
        assert!(!key.has_signed("msg_other", AT, BODY, SIGNATURE));
        assert!(!key.has_signed(ID, AT + 1, BODY, SIGNATURE));
        assert!(!key.has_signed(ID, AT, b"{}", SIGNATURE));
        for signature in ["", "v1,", "v1", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v1,AAAA"] {
            assert!(!key.has_signed(ID, AT, BODY, signature), "{signature}");
        }
    }

    #[test]
    fn an_id_cannot_take_the_time_into_itself() {
        let key = Key::parse(SECRET).unwrap();
        let signature = key.sign("a.1", 2, BODY);
        assert_eq!(signature, key.sign("a", 1, &[b"2.", BODY].concat()));
        assert!(!key.has_signed("a.1", 2, BODY, &signature));
    }

    #[test]
    fn what_is_no_key_is_refused_and_a_key_is_not_shown() {
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?"] {
            assert!(Key::parse(text).is_none(), "{text}");
        }
        assert_eq!(format!("{:?}", Key::parse(SECRET).unwrap()), "Key(…)");
    }
}
