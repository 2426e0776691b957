//! The wrapper's half: from bytes that anybody may have sent to a grant that the gate made for here and now.

use std::path::Path;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

use super::encoding::{SIGNATURE_BYTES, decode};
use super::{Grant, MAX_BYTES, Malformed, Refusal, WrapperName};
use crate::sys::trusted_file;

/// No grant is good for longer than this, whatever the gate signed: a stolen one is worth little.
pub const MAX_LIFETIME: Duration = Duration::from_secs(60);

const KEY_BYTES: usize = 32;

/// The gate's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    #[cfg(feature = "full")]
    pub(super) fn new(bytes: [u8; KEY_BYTES]) -> PublicKey {
        PublicKey(bytes)
    }

    /// Reads it from a trusted file of one line.
    ///
    /// # Errors
    /// When the file is not to be trusted, or is not 64 hexadecimal digits.
    pub fn load(path: &Path) -> Result<PublicKey, Refusal> {
        let text = trusted_file::read(path, 2 * KEY_BYTES + 1).map_err(Refusal::KeyUntrusted)?;
        let digits = text.strip_suffix(b"\n").unwrap_or(&text);
        from_hex(digits).map(PublicKey).ok_or(Refusal::KeyMalformed)
    }

    /// Whether this is its signature over these bytes.
    #[must_use]
    pub fn has_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(bytes, signature).is_ok()
    }

    /// As it stands in its file, without the end of the line.
    #[must_use]
    pub fn to_hex(&self) -> String {
        to_hex(&self.0)
    }
}

/// What a grant must have been made for.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The wrapper that was handed it.
    pub wrapper: WrapperName,
    /// This host.
    pub host: &'a str,
    /// This boot.
    pub boot: &'a str,
    /// The boot clock.
    pub now_boot: Duration,
}

/// A grant that the gate signed, for this wrapper on this host during this boot, and that has not expired.
#[derive(Debug)]
#[must_use = "a grant that was verified has yet to be spent"]
pub struct VerifiedGrant {
    grant: Grant,
    digest: [u8; 32],
}

impl VerifiedGrant {
    /// Checks the signature over all bytes before anything looks into them, then every field that binds.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(bytes: &[u8], key: &PublicKey, expected: &Expected<'_>) -> Result<VerifiedGrant, Refusal> {
        if bytes.len() > MAX_BYTES {
            return Err(Malformed("too long").into());
        }
        let split = bytes.len().checked_sub(SIGNATURE_BYTES).and_then(|at| bytes.split_at_checked(at));
        let (message, signature) = split.ok_or(Malformed("ends too early"))?;
        UnparsedPublicKey::new(&ED25519, key.0)
            .verify(message, signature)
            .map_err(|_| Refusal::BadSignature)?;
        let grant = decode(message)?;
        binds(&grant, expected)?;
        Ok(VerifiedGrant { grant, digest: sha256(message) })
    }

    /// What was granted.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    pub(super) fn into_parts(self) -> (Grant, [u8; 32]) {
        (self.grant, self.digest)
    }
}

fn binds(grant: &Grant, expected: &Expected<'_>) -> Result<(), Refusal> {
    if grant.wrapper != expected.wrapper {
        return Err(Refusal::OtherWrapper);
    }
    if grant.host != expected.host {
        return Err(Refusal::OtherHost);
    }
    // Before the times: those of another boot mean nothing on this one's clock.
    if grant.boot != expected.boot {
        return Err(Refusal::OtherBoot);
    }
    let left = Duration::from_nanos(grant.not_after).saturating_sub(expected.now_boot);
    if left.is_zero() {
        return Err(Refusal::Expired);
    }
    if left > MAX_LIFETIME {
        return Err(Refusal::TooLongLived);
    }
    Ok(())
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Exactly `N` bytes, in lower-case digits, as [`to_hex`] writes them.
pub(super) fn from_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(out)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
