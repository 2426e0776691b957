//! Why a wrapper does not do what it is asked: one line each, for the audit log and whoever reads stderr.

use std::fmt;
use std::io;

use super::MAX_LIFETIME;
use crate::sys::trusted_file::TrustedFileError;

/// The first thing that was wrong with a grant, or with the place where it was shown.
#[derive(Debug)]
pub enum Refusal {
    /// The bytes are no grant.
    Malformed(Malformed),
    /// A grant, and then something more.
    TrailingBytes,
    /// Not signed by the gate of this host, or altered since.
    BadSignature,
    /// Its time is over.
    Expired,
    /// It would be good for longer than any grant may be.
    TooLongLived,
    /// Made for another machine.
    OtherHost,
    /// Made before the last reboot.
    OtherBoot,
    /// Made for another wrapper.
    OtherWrapper,
    /// The program is not one of this wrapper's.
    ProgramNotInTable,
    /// The argument at this place, counted from 1, is not one the table allows there.
    ArgumentNotInTable(usize),
    /// The program never runs as whom the grant names.
    IdentityNotInTable,
    /// The program runs in a directory and the grant names none, or the other way around.
    DirectoryNotInTable,
    /// A file that the program is to act on is not root's own.
    InputUntrusted(TrustedFileError),
    /// Used before.
    Spent,
    /// The ledger is not to be trusted.
    LedgerUntrusted(TrustedFileError),
    /// The ledger could not be written.
    Ledger(io::Error),
    /// The gate's public key is not to be trusted.
    KeyUntrusted(TrustedFileError),
    /// The gate's public key is not 64 hexadecimal digits.
    KeyMalformed,
    /// The host has no such user.
    UserUnknown,
    /// A user that no grant may name.
    UserForbidden,
    /// A tool would run as a user that is none of those made for tools.
    NotAToolUser,
    /// A tool's program is not to be trusted.
    ProgramUntrusted(TrustedFileError),
    /// A tool's program is not the pinned one.
    ProgramAltered,
    /// What a tool's confinement says cannot be enforced on this host.
    NotEnforced {
        /// The part of it.
        layer: &'static str,
        /// What is to be done.
        fix: String,
    },
    /// The wrapper was started with arguments.
    Arguments,
    /// The system refused a step that comes before or after the grant's own checks.
    System {
        /// What was being done.
        doing: &'static str,
        /// The system's reason.
        source: io::Error,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Malformed(malformed) => write!(f, "not a grant: {malformed}"),
            Refusal::TrailingBytes => write!(f, "not a grant: bytes after its end"),
            Refusal::BadSignature => write!(f, "the signature is not the gate's"),
            Refusal::Expired => write!(f, "the grant has expired"),
            Refusal::TooLongLived => {
                write!(f, "the grant would be good for more than {} seconds", MAX_LIFETIME.as_secs())
            }
            Refusal::OtherHost => write!(f, "the grant is for another host"),
            Refusal::OtherBoot => write!(f, "the grant is from before the last boot"),
            Refusal::OtherWrapper => write!(f, "the grant is for another wrapper"),
            Refusal::ProgramNotInTable => write!(f, "the program is not in the table"),
            Refusal::ArgumentNotInTable(place) => write!(f, "argument {place} is not in the table"),
            Refusal::IdentityNotInTable => write!(f, "the program does not run as this user here"),
            Refusal::DirectoryNotInTable => write!(f, "the directory is not as the table wants it"),
            Refusal::InputUntrusted(_) => write!(f, "a file to act on is not to be trusted"),
            Refusal::Spent => write!(f, "the grant has been spent"),
            Refusal::LedgerUntrusted(_) => write!(f, "the ledger of spent grants is not to be trusted"),
            Refusal::Ledger(_) => write!(f, "the grant could not be entered in the ledger"),
            Refusal::KeyUntrusted(_) => write!(f, "the gate's public key is not to be trusted"),
            Refusal::KeyMalformed => write!(f, "the gate's public key is not 64 hexadecimal digits"),
            Refusal::UserUnknown => write!(f, "the host has no such user"),
            Refusal::UserForbidden => write!(f, "no grant may name this user"),
            Refusal::NotAToolUser => write!(
                f,
                "a tool's user is a system user of the group reeve-tools, and of no other: see install.sh"
            ),
            Refusal::ProgramUntrusted(_) => write!(f, "the tool's program is not to be trusted"),
            Refusal::ProgramAltered => write!(
                f,
                "the tool's program is not the one that its declaration pins: pin it anew (sha256sum) if it was updated"
            ),
            Refusal::NotEnforced { layer, fix } => write!(f, "{layer}: cannot be enforced here: {fix}"),
            Refusal::Arguments => write!(f, "takes no arguments: the grant comes on stdin"),
            Refusal::System { doing, .. } => write!(f, "cannot {doing}"),
        }
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Refusal::Ledger(source) | Refusal::System { source, .. } => Some(source),
            Refusal::LedgerUntrusted(source)
            | Refusal::KeyUntrusted(source)
            | Refusal::InputUntrusted(source)
            | Refusal::ProgramUntrusted(source) => Some(source),
            Refusal::Malformed(_)
            | Refusal::TrailingBytes
            | Refusal::BadSignature
            | Refusal::Expired
            | Refusal::TooLongLived
            | Refusal::OtherHost
            | Refusal::OtherBoot
            | Refusal::OtherWrapper
            | Refusal::ProgramNotInTable
            | Refusal::ArgumentNotInTable(_)
            | Refusal::IdentityNotInTable
            | Refusal::DirectoryNotInTable
            | Refusal::Spent
            | Refusal::KeyMalformed
            | Refusal::UserUnknown
            | Refusal::UserForbidden
            | Refusal::NotAToolUser
            | Refusal::ProgramAltered
            | Refusal::NotEnforced { .. }
            | Refusal::Arguments => None,
        }
    }
}

/// A grant that breaks a bound of the format: which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub(super) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Refusal {
        Refusal::Malformed(malformed)
    }
}
