//! Who is at the other end of a Unix socket, as the kernel noted when it was connected.

use std::io;
use std::os::fd::AsFd;

use nix::sys::socket::{getsockopt, sockopt};

/// The peer's ids at the moment of `connect` (or of `listen`, seen from the client).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCredentials {
    /// Its process, for records only: the number may have been reused since.
    pub pid: i32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

/// Asks the kernel who is connected.
///
/// # Errors
/// When the descriptor is not a connected Unix socket.
pub fn credentials(socket: &impl AsFd) -> io::Result<PeerCredentials> {
    let peer = getsockopt(socket, sockopt::PeerCredentials)?;
    Ok(PeerCredentials { pid: peer.pid(), uid: peer.uid(), gid: peer.gid() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_end_of_a_pair_is_this_process() {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let peer = credentials(&ours).unwrap();
        assert_eq!(peer.pid, i32::try_from(std::process::id()).unwrap());
        assert_eq!(peer.uid, nix::unistd::geteuid().as_raw());
        assert_eq!(peer.gid, nix::unistd::getegid().as_raw());
    }

    #[test]
    fn a_file_has_no_peer() {
        assert!(credentials(&std::fs::File::open("/dev/null").unwrap()).is_err());
    }
}
