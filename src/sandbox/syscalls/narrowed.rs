//! What may be called with some of its arguments and not with others: modes that would make whoever runs a file somebody else,
//! and pairs of sockets that reach others than each other.

use libc::sock_filter;

use super::{ALLOW, EAFNOSUPPORT, EPERM, HAS_BITS, IS, LOAD, RETURN, UNIX, argument, on, one_of, op};

/// Set-user-ID and set-group-ID. A file that stays would have them wherever it is not mounted for a tool, and whoever else runs it
/// there would be the tool's user, shut in by nothing.
const BECOMES: u32 = 0o6000;
/// `O_CREAT`, and what is `O_TMPFILE`'s own: without them the place of the mode holds anything.
const MAKES: u32 = 0o100 | 0o20_000_000;

/// Says a mode, with the place of it.
pub(super) const MODES: &[(libc::c_long, u32)] = &[
    (libc::SYS_fchmod, 1),
    (libc::SYS_fchmodat, 2),
    (libc::SYS_fchmodat2, 2),
    (libc::SYS_mknodat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, 1),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, 1),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, 1),
];

/// Says one where a file is made, with the place of the flags, which the mode follows. That of `openat2` lies in memory, where no filter
/// looks: what it makes others are kept from by the directories above.
pub(super) const OPENING: &[(libc::c_long, u32)] = &[
    (libc::SYS_openat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1),
];

/// Sockets in pairs that have nobody but each other, with the bits that say how they are read and that they end with `exec`.
const CONNECTED: [u32; 2] = [1, 5];
const NONBLOCK: u32 = 0o4000;
const CLOEXEC: u32 = 0o2_000_000;

/// No file becomes one that makes whoever runs it somebody else.
pub(super) fn modes(program: &mut Vec<sock_filter>) {
    for (call, mode) in MODES {
        let with = [
            op(LOAD, argument(*mode), 0, 0),
            op(HAS_BITS, BECOMES, 0, 1),
            op(RETURN, EPERM, 0, 0),
            op(RETURN, ALLOW, 0, 0),
        ];
        on(program, *call, &with);
    }
    for (call, flags) in OPENING {
        let with = [
            op(LOAD, argument(*flags), 0, 0),
            op(HAS_BITS, MAKES, 0, 3),
            op(LOAD, argument(*flags + 1), 0, 0),
            op(HAS_BITS, BECOMES, 0, 1),
            op(RETURN, EPERM, 0, 0),
            op(RETURN, ALLOW, 0, 0),
        ];
        on(program, *call, &with);
    }
}

/// A pair is of Unix sockets. Where one of the host's could be reached by its path, only of those that are connected for good: one of
/// datagrams sends to whatever address it is told, and neither Landlock nor a mount keeps it from that.
pub(super) fn pairs(has_the_hosts: bool) -> Vec<sock_filter> {
    if !has_the_hosts {
        return one_of(0, &[UNIX], EAFNOSUPPORT);
    }
    let types: Vec<u32> = CONNECTED
        .into_iter()
        .flat_map(|kind| [0, NONBLOCK, CLOEXEC, NONBLOCK | CLOEXEC].map(|bits| kind | bits))
        .collect();
    let mut then = vec![op(LOAD, argument(0), 0, 0), op(IS, UNIX, 1, 0), op(RETURN, EAFNOSUPPORT, 0, 0)];
    then.extend(one_of(1, &types, EPERM));
    then
}
