//! Why a caller is not let in: one closed list, whose words are metric labels and go into the audit log.

use std::fmt;

/// Why a certificate, or a connection without one, is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Refusal {
    /// The handshake took too long.
    Timeout,
    /// The peer went away in the middle of it.
    Closed,
    /// No version or cipher of TLS in common.
    Protocol,
    /// No certificate was sent.
    NoCertificate,
    /// None of our authorities issued it.
    UnknownCa,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// Its authority took it back.
    Revoked,
    /// Its authority has no revocation list here.
    NoCrl,
    /// The revocation list of its authority is too old to tell.
    CrlExpired,
    /// It is for something else: a server's, or an authority's own.
    WrongPurpose,
    /// It is malformed, of X.509 version 1, or its signature is wrong.
    BadCertificate,
    /// It is fine, and configuration gives it no name.
    NoPrincipal,
    /// Its principal has too many connections.
    TooManyConnections,
    /// Configuration now gives it another name than when the connection was made.
    Renamed,
}

impl Refusal {
    /// The word in metrics and the audit log.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
            Self::NoCertificate => "no_certificate",
            Self::UnknownCa => "unknown_ca",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Revoked => "revoked",
            Self::NoCrl => "no_crl",
            Self::CrlExpired => "crl_expired",
            Self::WrongPurpose => "wrong_purpose",
            Self::BadCertificate => "bad_certificate",
            Self::NoPrincipal => "no_principal",
            Self::TooManyConnections => "too_many_connections",
            Self::Renamed => "renamed",
        }
    }

    /// What the caller may read.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::NoPrincipal => "no principal is configured for this certificate",
            Self::TooManyConnections => {
                "this principal has as many connections as it may have; use one of them"
            }
            Self::Timeout
            | Self::Closed
            | Self::Protocol
            | Self::NoCertificate
            | Self::UnknownCa
            | Self::Expired
            | Self::NotYetValid
            | Self::Revoked
            | Self::NoCrl
            | Self::CrlExpired
            | Self::WrongPurpose
            | Self::BadCertificate
            | Self::Renamed => "the client certificate is not accepted any more",
        }
    }

    /// Whether somebody came with credentials that are no good, rather than without any or not at all.
    pub(super) fn is_about_identity(self) -> bool {
        match self {
            Self::NoCertificate
            | Self::UnknownCa
            | Self::Expired
            | Self::NotYetValid
            | Self::Revoked
            | Self::NoCrl
            | Self::CrlExpired
            | Self::WrongPurpose
            | Self::BadCertificate
            | Self::NoPrincipal
            | Self::Renamed => true,
            Self::Timeout | Self::Closed | Self::Protocol | Self::TooManyConnections => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Refusal {}
