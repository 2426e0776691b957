//! A descriptor that goes from one process to another over a pair of sockets.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

/// Gives a copy of a descriptor to whoever has the other end.
///
/// # Errors
/// When nobody has.
pub fn give(to: &UnixStream, what: &impl AsFd) -> io::Result<()> {
    let raw = [what.as_fd().as_raw_fd()];
    let message = [ControlMessage::ScmRights(&raw)];
    sendmsg::<()>(to.as_raw_fd(), &[IoSlice::new(b"x")], &message, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

/// Takes the descriptor that the other end gives: one, and no more.
///
/// # Errors
/// When the other end went without giving one.
pub fn take(from: &UnixStream) -> io::Result<OwnedFd> {
    let mut byte = [0];
    let mut parts = [IoSliceMut::new(&mut byte)];
    let mut room = nix::cmsg_space!([std::os::fd::RawFd; 1]);
    let got = recvmsg::<()>(from.as_raw_fd(), &mut parts, Some(&mut room), MsgFlags::MSG_CMSG_CLOEXEC)?;
    for message in got.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = message {
            // SAFETY: the kernel has just put these descriptors into our table, and nothing else owns them.
            let all: Vec<_> = raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect();
            if let Some(first) = all.into_iter().next() {
                return Ok(first);
            }
        }
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "nothing was handed over"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn what_is_handed_over_is_the_same_thing() {
        let (one, other) = UnixStream::pair().unwrap();
        let (mut kept, given) = UnixStream::pair().unwrap();
        give(&one, &given).unwrap();
        drop(given);
        let mut taken = UnixStream::from(take(&other).unwrap());
        kept.write_all(b"hello").unwrap();
        drop(kept);
        let mut said = String::new();
        taken.read_to_string(&mut said).unwrap();
        assert_eq!(said, "hello");
    }

    #[test]
    fn without_a_descriptor_there_is_an_error() {
        let (mut one, other) = UnixStream::pair().unwrap();
        one.write_all(b"x").unwrap();
        assert!(take(&other).is_err());
        drop(one);
        assert!(take(&other).is_err());
    }
}
