//! Unix sockets to listen on. Who may connect is said by the folder and the mode; who did, by the kernel.

use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use tokio::net::UnixListener;

/// Listens at `path` in place of whoever listened there and is gone, with that mode.
///
/// # Errors
/// When somebody listens there still, or the kernel refuses.
pub fn at(path: &Path, mode: u32) -> Result<UnixListener> {
    if UnixStream::connect(path).is_ok() {
        return Err(Error::other("another process listens there"));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_gone_is_replaced_and_who_listens_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let first = at(&path, 0o660).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert_eq!(at(&path, 0o660).unwrap_err().to_string(), "another process listens there");
        drop(first);
        assert!(at(&path, 0o666).is_ok());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
    }
}
