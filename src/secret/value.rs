//! A secret's value: it leaves memory when it is dropped, and has no way into a text.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret's value. There is no `Display`, `Serialize`, `Clone` or `PartialEq`, and `Debug` says nothing about it.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; they are overwritten when the secret is dropped.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Of one line, the line break at its end does not belong to the value: editors put it there. More lines are a document,
    /// such as a key in PEM, which stays as it is.
    pub(crate) fn without_last_line_break(mut self) -> Self {
        if self.0.iter().position(|byte| *byte == b'\n') == self.0.len().checked_sub(1) {
            // The buffer stays as it is, so that all of it is overwritten in the end.
            let _line_break = self.0.pop();
        }
        self
    }

    /// The value, for whoever hands it to what needs it and keeps no copy.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The value as text.
    ///
    /// # Errors
    /// When it is none.
    pub fn expose_text(&self) -> Result<&str, NotText> {
        std::str::from_utf8(&self.0).map_err(|_where| NotText)
    }

    /// The SHA-256, by which two values are compared that do not meet.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_slice()).into()
    }

    /// Whether it is the same value, in a time that does not tell where they differ.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }

    /// Whether there is nothing in it, which no secret may be: an empty password opens doors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A secret that should be text is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret is not UTF-8")]
pub struct NotText;

#[cfg(test)]
mod tests {
    use super::*;

    /// Has two candidates for what implements the trait, and then does not compile.
    macro_rules! assert_never {
        ($type:ty: $trait:path) => {{
            trait Ambiguous<A> {
                fn ask() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Has;
            impl<T: ?Sized + $trait> Ambiguous<Has> for T {}
            <$type as Ambiguous<_>>::ask();
        }};
    }

    #[test]
    fn a_secret_has_no_way_into_a_text_or_a_document() {
        assert_never!(Secret: fmt::Display);
        assert_never!(Secret: serde::Serialize);
        assert_never!(Secret: Clone);
        assert_never!(Secret: PartialEq);
        let secret = Secret::new(b"hunter2".to_vec());
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)), "[secret] Some(\n    [secret],\n)");
    }

    #[test]
    fn a_line_break_that_an_editor_left_is_no_part_of_a_secret_and_of_a_document_is() {
        for (written, value) in
            [("token\n", "token"), ("token", "token"), ("a\nb\n", "a\nb\n"), ("\n", ""), ("a\r\n", "a\r")]
        {
            let secret = Secret::new(written.into()).without_last_line_break();
            assert_eq!(secret.expose(), value.as_bytes(), "{written:?}");
        }
    }

    #[test]
    fn secrets_are_compared_by_value() {
        let secret = |text: &str| Secret::new(text.into());
        assert!(secret("a").is(&secret("a")));
        assert!(!secret("a").is(&secret("b")));
        assert!(!secret("a").is(&secret("aa")));
        assert_eq!(secret("a").digest(), secret("a").digest());
        assert!(secret("").is_empty());
        assert_eq!(Secret::new(vec![0xff]).expose_text(), Err(NotText));
    }
}
