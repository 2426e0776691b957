//! Judges client certificates: rustls checks chain, time and purpose, [`Revocations`] whether they were taken back.
//!
//! rustls would verify the signature of every revocation list at every handshake, which for long lists costs more than the
//! handshake; here it was verified when the list was read. Certificates are issued by an authority in `client_ca` itself:
//! intermediates that a peer sends are not looked at, so that the authority's name and key are always known.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use super::identity::PeerCertificate;
use super::refusal::Refusal;
use super::revocation::Revocations;

/// Chain, time, purpose and revocation, of one reading of the configuration.
#[derive(Debug)]
pub(super) struct Verifier {
    chains: Arc<dyn ClientCertVerifier>,
    /// Absent when no list is configured: then nothing is ever revoked.
    revocations: Option<Revocations>,
}

impl Verifier {
    pub(super) fn new(
        authorities: RootCertStore,
        revocations: Option<Revocations>,
    ) -> Result<Self, rustls::server::VerifierBuilderError> {
        let builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), super::live::provider());
        // Whom we trust is nothing that strangers need to know.
        let chains = builder.clear_root_hint_subjects().build()?;
        Ok(Self { chains, revocations })
    }

    /// Judges a certificate as a handshake would, and says until when the judgement holds.
    pub(super) fn judge(
        &self,
        certificate: &PeerCertificate,
        now: SystemTime,
    ) -> Result<SystemTime, Refusal> {
        self.chain(&certificate.der, unix(now)).map_err(|error| refusal(&error))?;
        self.revocation(certificate, now)
    }

    /// The part that changes between handshakes: time and revocation. For a certificate whose chain was verified.
    pub(super) fn revocation(
        &self,
        certificate: &PeerCertificate,
        now: SystemTime,
    ) -> Result<SystemTime, Refusal> {
        if now < certificate.not_before {
            return Err(Refusal::NotYetValid);
        }
        if now > certificate.not_after {
            return Err(Refusal::Expired);
        }
        let Some(revocations) = &self.revocations else { return Ok(certificate.not_after) };
        let until = revocations.check(certificate, now)?;
        Ok(until.min(certificate.not_after))
    }

    pub(super) fn revocations(&self) -> Option<&Revocations> {
        self.revocations.as_ref()
    }

    fn chain(&self, leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
        let _proof = self.chains.verify_client_cert(leaf, &[], now)?;
        Ok(())
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chains.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.chain(end_entity, now)?;
        let certificate = PeerCertificate::read(end_entity).map_err(tls_error)?;
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
        self.revocation(&certificate, now).map_err(|refusal| {
            // Only here is it known whose certificate it was: rustls drops it with the handshake. One of our own
            // authorities issued it, so strangers cannot fill the log.
            tracing::warn!(reason = %refusal, certificate = certificate.fingerprint, "a certificate is refused");
            tls_error(refusal)
        })?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

fn unix(time: SystemTime) -> UnixTime {
    // A clock before 1970 is the beginning of time, when no certificate is valid yet.
    UnixTime::since_unix_epoch(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

/// The error that makes rustls send the fitting alert; [`refusal`] reads it back.
fn tls_error(refusal: Refusal) -> Error {
    let error = match refusal {
        Refusal::Revoked => CertificateError::Revoked,
        Refusal::NoCrl => CertificateError::UnknownRevocationStatus,
        Refusal::CrlExpired => CertificateError::ExpiredRevocationList,
        Refusal::Expired => CertificateError::Expired,
        Refusal::NotYetValid => CertificateError::NotValidYet,
        Refusal::WrongPurpose => CertificateError::InvalidPurpose,
        Refusal::UnknownCa => CertificateError::UnknownIssuer,
        Refusal::BadCertificate
        | Refusal::Timeout
        | Refusal::Closed
        | Refusal::Protocol
        | Refusal::NoCertificate
        | Refusal::NoPrincipal
        | Refusal::TooManyConnections
        | Refusal::Renamed => CertificateError::Other(OtherError(Arc::new(refusal))),
    };
    Error::InvalidCertificate(error)
}

/// Why a handshake failed, as a word of the fixed set.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "rustls adds errors; what is new is counted as a bad certificate or protocol"
)]
pub(super) fn refusal(error: &Error) -> Refusal {
    match error {
        Error::NoCertificatesPresented => Refusal::NoCertificate,
        Error::InvalidCertificate(error) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Refusal::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Refusal::NotYetValid
            }
            CertificateError::Revoked => Refusal::Revoked,
            CertificateError::UnknownIssuer => Refusal::UnknownCa,
            CertificateError::UnknownRevocationStatus => Refusal::NoCrl,
            CertificateError::ExpiredRevocationList
            | CertificateError::ExpiredRevocationListContext { .. } => Refusal::CrlExpired,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Refusal::WrongPurpose
            }
            _ => Refusal::BadCertificate,
        },
        _ => Refusal::Protocol,
    }
}
