//! A small certificate authority for hosts and agents: one key, P-256, version 3 certificates, and a revocation list
//! that is always there. Everything it knows is in one directory, so a CA can live on a machine that Reeve does not manage.

mod authority;
mod certificate;
mod creation;
mod files;
mod index;
mod names;
mod revocation;
mod store;

pub use authority::{Ca, Issued, KeyPlace, KeySource, RenewedKey, Request, default_days};
pub use certificate::{Profile, Role};
pub use files::{Access, write_atomically};
pub use index::{Entry, Revocation};
pub use names::{DnsName, LeafName, TrustDomain};
pub use revocation::{Crl, Reason, Selector};

use std::io;
use std::path::PathBuf;

use crate::sys::trusted_file::TrustedFileError;

/// For how many days a CA may last.
pub const CA_DAYS: std::ops::RangeInclusive<u16> = 1..=7300;
/// For how many days a certificate may last: browsers and auditors agree on 825 as the most that is reasonable.
pub const LEAF_DAYS: std::ops::RangeInclusive<u16> = 1..=825;
/// For how many days a revocation list may last. A host whose list has ended refuses everybody.
pub const CRL_DAYS: std::ops::RangeInclusive<u16> = 1..=365;

/// Why the CA did not do it. Each says what to do, as a person reads it.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// There is something where the CA should come.
    #[error(
        "{0} is there already and is not overwritten: name another place with --dir, or move it away if the CA may be lost"
    )]
    Exists(PathBuf),
    /// There is no CA.
    #[error("there is no CA in {0}: make one with `reeve pki init --dir {0}`, or name its place with --dir")]
    NoCa(PathBuf),
    /// A file of the CA is not as it must be.
    #[error(transparent)]
    File(#[from] TrustedFileError),
    /// A file could not be written.
    #[error("{path}: cannot be written")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What a file holds is not what it should.
    #[error("{path}: {problem}")]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A name that cannot stand in a certificate.
    #[error("{what} {given:?} {problem}")]
    Name {
        /// What it was to be.
        what: &'static str,
        /// As given.
        given: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A number of days outside its bounds.
    #[error("--days is {least} to {most} here, not {given}")]
    Days {
        /// As given.
        given: u16,
        /// The least.
        least: u16,
        /// The most.
        most: u16,
    },
    /// The certificate would outlive the CA.
    #[error("the certificate would end after its CA, which ends on {0}: give fewer --days, or make a new CA")]
    OutlivesCa(String),
    /// The name has a certificate already.
    #[error(
        "{name} has a certificate until {until}: `reeve pki renew {name}` makes its successor, `reeve pki revoke {name}` ends it"
    )]
    Taken {
        /// Whose.
        name: String,
        /// The day it ends.
        until: String,
    },
    /// Nothing of that name or serial was issued here.
    #[error("this CA issued nothing by the name or serial {0}: `reeve pki show` lists what it issued")]
    Unknown(String),
    /// A name that several certificates have.
    #[error("{0} has several certificates: name one by its serial (`reeve pki show`)")]
    Ambiguous(String),
    /// It is revoked already.
    #[error("{serial} was revoked on {at}")]
    Revoked {
        /// The serial.
        serial: String,
        /// The day.
        at: String,
    },
    /// The key was made elsewhere.
    #[error(
        "the key of {0} was made elsewhere: renew with --keep-key, or sign a new request with `reeve pki issue … --csr`"
    )]
    KeyElsewhere(String),
    /// A signing request that is not one, or whose maker does not have its key.
    #[error("the signing request {0}")]
    Request(&'static str),
    /// The library that makes certificates refused.
    #[error("the certificate could not be made")]
    Making(#[from] rcgen::Error),
    /// No randomness.
    #[error("the system gives no random numbers")]
    Random(#[source] io::Error),
}
