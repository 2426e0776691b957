//! A module of WebAssembly before anybody runs it: root's own file, the bytes that are pinned, and the signature of a key
//! that root keeps for that.

use std::fmt;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

use crate::grant::PublicKey;
use crate::sandbox::module::{KEYS, MOST_BYTES, Module};
use crate::sys::trusted_file::{self, TrustedFileError};

/// An Ed25519 signature, as `openssl pkeyutl -sign -rawin` writes it.
const SIGNATURE_BYTES: usize = 64;

/// Why a module does not run: the key of the declaration, and what is wrong.
///
/// A wrapper says this to whoever showed it the grant, who may hold the gate and have asked for any file: so it says no digest
/// of what it found, by which the contents of a small file could be guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    why: String,
    found: Option<String>,
}

impl Doubt {
    /// The digest of another file than the pinned one, for people at the console, who pin it.
    #[must_use]
    pub fn found(&self) -> Option<&str> {
        self.found.as_deref()
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl From<String> for Doubt {
    fn from(why: String) -> Doubt {
        Doubt { why, found: None }
    }
}

/// The bytes of a module that is the pinned one and that the named key signed.
///
/// # Errors
/// What is wrong.
pub fn vouched(module: &Module) -> Result<Vec<u8>, Doubt> {
    let Module { path, bounds } = module;
    let of = |key: &'static str| {
        move |error: TrustedFileError| format!("{key}: {error}{}", because(std::error::Error::source(&error)))
    };
    let bytes = trusted_file::read(Path::new(path), MOST_BYTES).map_err(of("module"))?;
    let found: String = digest(&SHA256, &bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    if found != bounds.sha256 {
        let why = format!("sha256: {path} is not the pinned module");
        return Err(Doubt { why, found: Some(found) });
    }
    let place = format!("{KEYS}/{}.pub", bounds.key);
    let key = PublicKey::load(Path::new(&place)).map_err(|refused| {
        format!(
            "signed_by: {place}: 64 hexadecimal digits in a file of root's{}",
            because(std::error::Error::source(&refused))
        )
    })?;
    let beside = format!("{path}.sig");
    let signature = trusted_file::read(Path::new(&beside), SIGNATURE_BYTES).map_err(of("signed_by"))?;
    if !key.has_signed(&bytes, &signature) {
        return Err(format!("signed_by: {beside} is no signature of {} over {path}", bounds.key).into());
    }
    Ok(bytes)
}

fn because(cause: Option<&(dyn std::error::Error + 'static)>) -> String {
    cause.map_or(String::new(), |cause| format!(" ({cause})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::module::Bounds;
    use crate::sys::scratch::Scratch;

    #[test]
    fn of_a_file_that_is_not_the_pinned_one_only_the_console_hears_the_digest() {
        let scratch = Scratch::new();
        let path = scratch.path("shadow").display().to_string();
        std::fs::write(&path, "one").unwrap();
        let bounds = Bounds::read(&format!("{},vendor,1000,5,65536,10,", "0e".repeat(32))).unwrap();
        let doubt = vouched(&Module { path: path.clone(), bounds }).unwrap_err();
        assert_eq!(doubt.to_string(), format!("sha256: {path} is not the pinned module"));
        let one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
        assert_eq!(doubt.found(), Some(one));
    }
}
