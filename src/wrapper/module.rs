//! A module of WebAssembly before anybody runs it: root's own file, the bytes that are pinned, and the signature of a key
//! that root keeps for that.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

use crate::grant::PublicKey;
use crate::sandbox::module::{KEYS, MOST_BYTES, Module};
use crate::sys::trusted_file::{self, TrustedFileError};

/// An Ed25519 signature, as `openssl pkeyutl -sign -rawin` writes it.
const SIGNATURE_BYTES: usize = 64;

/// The bytes of a module that is the pinned one and that the named key signed.
///
/// # Errors
/// The key of the declaration, and what is wrong.
pub fn vouched(module: &Module) -> Result<Vec<u8>, String> {
    let Module { path, bounds } = module;
    let of = |key: &'static str| {
        move |error: TrustedFileError| format!("{key}: {error}{}", because(std::error::Error::source(&error)))
    };
    let bytes = trusted_file::read(Path::new(path), MOST_BYTES).map_err(of("module"))?;
    let found: String = digest(&SHA256, &bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    if found != bounds.sha256 {
        return Err(format!("sha256: {path} is not the pinned module; it has {found}"));
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
        return Err(format!("signed_by: {beside} is no signature of {} over {path}", bounds.key));
    }
    Ok(bytes)
}

fn because(cause: Option<&(dyn std::error::Error + 'static)>) -> String {
    cause.map_or(String::new(), |cause| format!(" ({cause})"))
}
