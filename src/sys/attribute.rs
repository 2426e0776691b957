//! Attributes of files, by which others say things of them: what systemd delegated is marked so.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Whether a file, and not what a link leads to, has an attribute whose value is `1`.
pub(super) fn is_one(path: &Path, name: &str) -> bool {
    let (Ok(path), Ok(name)) = (CString::new(path.as_os_str().as_bytes()), CString::new(name)) else {
        return false;
    };
    let mut value = [0_u8; 2];
    // SAFETY: two strings that end in zero, and a buffer of the length that is said; all of them outlive the call.
    let length =
        unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    length == 1 && value.starts_with(b"1")
}
