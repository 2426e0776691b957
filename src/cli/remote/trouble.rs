//! Why a host cannot be spoken to, in words: which side refuses which certificate, and what to do.
//!
//! In TLS 1.3 a client has finished the handshake before the host has looked at its certificate, so a refusal comes with
//! the first read, and what HTTP makes of it says nothing.

use std::error::Error;
use std::io;

use http::Method;
use rustls::{AlertDescription, CertificateError, Error as TlsError};

use super::Target;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::sys::clock::{Clock, SystemClock};

/// The failure for an error on the way to a host.
pub(super) fn explain(target: &Target, error: &(dyn Error + 'static)) -> Failure {
    match tls_error(error) {
        Some(TlsError::InvalidCertificate(why)) => host_certificate(target, why),
        Some(TlsError::AlertReceived(alert)) => refused_by_host(target, *alert),
        Some(TlsError::InvalidMessage(_)) => unreachable(target, "what listens there does not speak TLS")
            .hint("is the port right? reeved listens where its reeved.toml says"),
        Some(other) => unreachable(target, format!("TLS failed: {other}")),
        None => unreachable(target, with_causes(error)),
    }
}

/// The failure when nothing listens.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is open, and what is not explained is printed as it is"
)]
pub(super) fn cannot_connect(target: &Target, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => unreachable(target, "nothing listens there")
            .hint("on the host: systemctl status reeved; here: is the port of the url right?"),
        io::ErrorKind::TimedOut => unreachable(target, "it does not answer")
            .hint("is the host up, and does a firewall drop the port?"),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            unreachable(target, "there is no way to it from here")
                .hint("is the host up, and are we in its network?")
        }
        _other => unreachable(target, error.to_string()),
    }
}

/// The failure when a name has no address.
pub(super) fn no_address(target: &Target, error: &io::Error) -> Failure {
    unreachable(target, format!("the name has no address: {error}")).hint("is the url's host spelt right?")
}

/// The failure when an answer does not come, although we were let in. A look that was lost is a host not reached; of
/// anything else it cannot be said that nothing ran.
pub(super) fn no_answer(target: &Target, why: &str, asked: &Method) -> Failure {
    let failure = unreachable(target, why);
    if *asked == Method::GET {
        return failure;
    }
    let failure = Failure { exit: Exit::Failed, ..failure };
    failure.hint("what was asked may have been done: `reeve list` shows it, and with --idempotency-key it can be asked again")
}

/// The error of TLS among the causes of another.
pub(super) fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<TlsError>() {
            return Some(found);
        }
        // An io::Error's source is what its content was caused by, which leaves the content itself out.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is open, and what is not explained is printed as it is"
)]
fn host_certificate(target: &Target, why: &CertificateError) -> Failure {
    let host = &target.host;
    match why {
        CertificateError::NotValidForNameContext { presented, .. } => unreachable(
            target,
            format!("its certificate is not for {host}, but for {}", presented.join(", ")),
        )
        .hint("use one of those names in the url, or issue it a certificate with --dns or --ip for this one"),
        CertificateError::NotValidForName => {
            unreachable(target, format!("its certificate is not for {host}"))
                .hint("issue it one with `reeve pki issue server NAME --dns …`")
        }
        // A wrong signature is what another CA of the same name makes.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            let ca = target.ca.display();
            unreachable(target, format!("its certificate is not from the CA in {ca}"))
                .hint("is that the CA of this host, and is this the host it claims to be?")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            unreachable(target, "its certificate has ended").hint("renew it with `reeve pki renew NAME`")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            unreachable(target, "its certificate is not valid yet")
                .hint("are the clocks of both machines right?")
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            unreachable(target, "it shows a certificate that is not for a server")
                .hint("issue it one with `reeve pki issue server NAME`")
        }
        other => unreachable(target, format!("its certificate is refused: {other}")),
    }
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is open, and what is not explained is printed as it is"
)]
fn refused_by_host(target: &Target, alert: AlertDescription) -> Failure {
    let cert = target.cert.display();
    let refused = |why: &str| unreachable(target, format!("it refuses our certificate {cert}: {why}"));
    let failure = match alert {
        AlertDescription::CertificateRevoked => {
            refused("it is revoked").hint("whoever runs the CA can issue another with `reeve pki issue agent NAME`")
        }
        AlertDescription::CertificateExpired => refused("its time is over, or has not come")
            .hint("renew it with `reeve pki renew NAME`, and compare the clocks of both machines"),
        // A signature that does not fit is what another CA of the same name makes.
        AlertDescription::UnknownCA | AlertDescription::DecryptError => refused("it does not know the CA, or has no revocation list of it in force")
            .hint("on the host: is client_ca this certificate's CA, and has its ca.crl ended? `reeve pki crl` writes the next"),
        AlertDescription::CertificateRequired => refused("it did not get one"),
        AlertDescription::CertificateUnknown
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate => {
            refused("it is not one for an agent").hint("issue one with `reeve pki issue agent NAME`")
        }
        AlertDescription::AccessDenied => refused("it may not"),
        AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
            unreachable(target, "it has no version or cipher of TLS in common with us").hint("Reeve speaks TLS 1.3 only")
        }
        other => unreachable(target, format!("it ends the connection with the TLS alert {other:?}")),
    };
    match ended(target) {
        Some(day) => failure.hint(format!("{cert} ended on {day}")),
        None => failure,
    }
}

/// The day our certificate ended, if it did.
fn ended(target: &Target) -> Option<String> {
    let pem = std::fs::read(&target.cert).ok()?;
    let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).ok()?;
    let validity = pem.parse_x509().ok()?.validity().clone();
    let end = validity.not_after.to_datetime();
    (end < time::OffsetDateTime::from(SystemClock.now())).then(|| end.date().to_string())
}

fn unreachable(target: &Target, why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Unreachable, format!("cannot speak to {target}: {why}"))
}
