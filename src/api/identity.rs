//! Who a certificate belongs to: exact values only, the first match in configuration's order.

use std::fmt;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Version};

use super::refusal::Refusal;
use crate::principal::PrincipalName;

/// One value in a certificate that names its holder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Name {
    Uri(String),
    Dns(String),
    Common(String),
}

impl Name {
    pub(super) fn value(&self) -> &str {
        match self {
            Self::Uri(value) | Self::Dns(value) | Self::Common(value) => value,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(value) => write!(f, "uri = {value:?}"),
            Self::Dns(value) => write!(f, "dns = {value:?}"),
            Self::Common(value) => write!(f, "cn = {value:?}"),
        }
    }
}

/// Which names are whose, in configuration's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Identities(Vec<(Name, PrincipalName)>);

impl Identities {
    pub(super) fn new(identities: Vec<(Name, PrincipalName)>) -> Self {
        Self(identities)
    }

    /// The principal of a certificate that the verifier has accepted.
    pub(super) fn principal(&self, certificate: &PeerCertificate) -> Result<&PrincipalName, Refusal> {
        let found = self.0.iter().find(|(name, _)| certificate.names.contains(name));
        found.map(|(_, principal)| principal).ok_or(Refusal::NoPrincipal)
    }
}

/// What a caller's certificate says, once. It says nothing of whether the certificate is to be believed.
#[derive(Debug, Clone)]
pub(super) struct PeerCertificate {
    /// The certificate as it came, to be judged again.
    pub(super) der: CertificateDer<'static>,
    /// SHA-256, in hex.
    pub(super) fingerprint: String,
    /// From when it holds.
    pub(super) not_before: SystemTime,
    /// Until when it holds.
    pub(super) not_after: SystemTime,
    /// Who issued it, as DER.
    pub(super) issuer: Vec<u8>,
    /// Its serial number, as big-endian bytes without leading zeros.
    pub(super) serial: Vec<u8>,
    names: Vec<Name>,
}

impl PeerCertificate {
    /// Takes a certificate apart.
    pub(super) fn read(der: &CertificateDer<'_>) -> Result<Self, Refusal> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_malformed| Refusal::BadCertificate)?;
        // Version 1 has no extensions, so nothing says what it is for.
        if !rest.is_empty() || certificate.version() != X509Version::V3 {
            return Err(Refusal::BadCertificate);
        }
        if certificate.is_ca() {
            return Err(Refusal::WrongPurpose);
        }
        Ok(Self {
            der: der.clone().into_owned(),
            fingerprint: hex(&Sha256::digest(der)),
            not_before: unix_time(certificate.validity().not_before.timestamp()),
            not_after: unix_time(certificate.validity().not_after.timestamp()),
            issuer: certificate.issuer().as_raw().to_vec(),
            serial: without_leading_zeros(certificate.raw_serial()).to_vec(),
            names: names(&certificate)?,
        })
    }
}

/// Bytes of an integer as they compare: DER may put a zero in front.
pub(super) fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// A certificate's time; one before 1970 is 1970.
pub(super) fn unix_time(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn names(certificate: &X509Certificate<'_>) -> Result<Vec<Name>, Refusal> {
    let mut names = Vec::new();
    let alternatives =
        certificate.subject_alternative_name().map_err(|_malformed| Refusal::BadCertificate)?;
    for name in alternatives.iter().flat_map(|extension| &extension.value.general_names) {
        if let GeneralName::URI(uri) = name {
            names.push(Name::Uri((*uri).to_owned()));
        }
        if let GeneralName::DNSName(dns) = name {
            names.push(Name::Dns((*dns).to_owned()));
        }
    }
    names.extend(common_name(certificate).map(Name::Common));
    Ok(names)
}

/// The common name, when there is exactly one and it is plain ASCII that can be seen.
fn common_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let mut all = certificate.subject().iter_common_name();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let text = only.as_str().ok()?;
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then(|| text.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests;
