//! Certificates as bytes: what goes into one by its role, and what one that is read back says.

use std::net::IpAddr;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    PublicKeyData, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{DnsName, LeafName, PkiError, TrustDomain};
use crate::sys::random;

/// How far the clocks of two machines may differ before a new certificate is refused.
const SKEW: Duration = Duration::minutes(5);

/// What a certificate is for. Each has one extended key usage, so neither can stand in for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A host that is spoken to.
    Server,
    /// An agent, administrator or collector that speaks.
    Agent,
}

impl Role {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Server, Self::Agent];

    /// The word in tables, and the directory of its files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Agent => "agent",
        }
    }

    fn usage(self) -> ExtendedKeyUsagePurpose {
        match self {
            Self::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Self::Agent => ExtendedKeyUsagePurpose::ClientAuth,
        }
    }
}

/// A role with the names that its certificate is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// A host; without any name, the one that it has in the CA.
    Server {
        /// Its names in DNS.
        dns: Vec<DnsName>,
        /// Its addresses.
        ips: Vec<IpAddr>,
    },
    /// An agent: `spiffe://TRUST-DOMAIN/agent/NAME`.
    Agent {
        /// Whose agents these are.
        trust_domain: TrustDomain,
    },
}

impl Profile {
    /// The role alone.
    pub fn role(&self) -> Role {
        match self {
            Self::Server { .. } => Role::Server,
            Self::Agent { .. } => Role::Agent,
        }
    }

    /// The names in the index's form.
    pub(super) fn sans(&self, name: &LeafName) -> Result<Vec<String>, PkiError> {
        match self {
            Self::Server { dns, ips } if dns.is_empty() && ips.is_empty() => {
                let name: DnsName = name.as_str().parse()?;
                Ok(vec![format!("DNS:{name}")])
            }
            Self::Server { dns, ips } => {
                let dns = dns.iter().map(|name| format!("DNS:{name}"));
                Ok(dns.chain(ips.iter().map(|ip| format!("IP:{ip}"))).collect())
            }
            Self::Agent { trust_domain } => Ok(vec![format!("URI:spiffe://{trust_domain}/agent/{name}")]),
        }
    }
}

/// When something begins and ends to be valid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) from: OffsetDateTime,
    pub(super) until: OffsetDateTime,
}

impl Window {
    pub(super) fn of_days(now: OffsetDateTime, days: u16) -> Self {
        let now = now.replace_nanosecond(0).unwrap_or(now);
        Self { from: now - SKEW, until: now + Duration::days(i64::from(days)) }
    }
}

/// The parts of a certificate that the CA decides, which is everything but the key.
pub(super) fn leaf_params(
    name: &str,
    role: Role,
    sans: &[String],
    window: Window,
) -> Result<CertificateParams, PkiError> {
    let mut params = named(name, window)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![role.usage()];
    params.use_authority_key_identifier_extension = true;
    params.subject_alt_names = sans.iter().map(|san| san_type(san)).collect::<Result<_, _>>()?;
    Ok(params)
}

/// Parameters with a name, a time and a serial of their own, and nothing else.
pub(super) fn named(name: &str, window: Window) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = window.from;
    params.not_after = window.until;
    params.serial_number = Some(serial()?);
    Ok(params)
}

/// 126 random bits: always 16 bytes and positive, so that its text has one length.
fn serial() -> Result<SerialNumber, PkiError> {
    let mut bytes = [0; 16];
    random::fill(&mut bytes).map_err(PkiError::Random)?;
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    Ok(SerialNumber::from_slice(&bytes))
}

fn san_type(san: &str) -> Result<SanType, PkiError> {
    let wrong = || PkiError::Name {
        what: "name in the index",
        given: san.to_owned(),
        problem: "is of no known form",
    };
    let (form, name) = san.split_once(':').ok_or_else(wrong)?;
    match form {
        "DNS" => Ok(SanType::DnsName(name.try_into()?)),
        "URI" => Ok(SanType::URI(name.try_into()?)),
        "IP" => name.parse().map(SanType::IpAddress).map_err(|_no_address| wrong()),
        _ => Err(wrong()),
    }
}

/// The public key of a signing request whose maker has shown to have the private one. All else in it is ignored.
pub(super) fn requested_key(pem: &str) -> Result<SubjectPublicKeyInfo, PkiError> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|_error| {
        PkiError::Request("is not PEM: want a file that begins with BEGIN CERTIFICATE REQUEST")
    })?;
    if pem.label != "CERTIFICATE REQUEST" && pem.label != "NEW CERTIFICATE REQUEST" {
        return Err(PkiError::Request("holds something else: want BEGIN CERTIFICATE REQUEST"));
    }
    let (rest, request) = X509CertificationRequest::from_der(&pem.contents)
        .map_err(|_error| PkiError::Request("cannot be read"))?;
    if !rest.is_empty() {
        return Err(PkiError::Request("has something behind its end"));
    }
    request.verify_signature().map_err(|_error| {
        PkiError::Request("is not signed by the key in it, so whoever made it may not have that key")
    })?;
    acceptable(request.certification_request_info.subject_pki.raw)
}

/// A public key, if it is of a kind that is quick to verify: RSA costs a host ten times as much for every handshake.
pub(super) fn acceptable(spki: &[u8]) -> Result<SubjectPublicKeyInfo, PkiError> {
    let refused = PkiError::Request("has a key that is neither P-256, P-384 nor Ed25519");
    let Ok(key) = SubjectPublicKeyInfo::from_der(spki) else { return Err(refused) };
    let kinds = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519];
    if kinds.contains(&key.algorithm()) { Ok(key) } else { Err(refused) }
}

/// What is read from a certificate.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) serial: String,
    pub(super) subject: String,
    pub(super) not_before: OffsetDateTime,
    pub(super) not_after: OffsetDateTime,
    pub(super) fingerprint: String,
    pub(super) spki: Vec<u8>,
    pub(super) is_ca: bool,
}

/// Reads the first certificate of a PEM text; nothing when there is none.
pub(super) fn parse(pem: &str) -> Option<Parsed> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
    if pem.label != "CERTIFICATE" {
        return None;
    }
    let (_, certificate) = X509Certificate::from_der(&pem.contents).ok()?;
    Some(Parsed {
        serial: hex(certificate.raw_serial()),
        subject: certificate.subject().to_string(),
        not_before: certificate.validity().not_before.to_datetime(),
        not_after: certificate.validity().not_after.to_datetime(),
        fingerprint: hex(&sha2::Sha256::digest(&pem.contents)),
        spki: certificate.public_key().raw.to_vec(),
        is_ca: certificate.is_ca(),
    })
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A time as the index and the tables write it.
pub(super) fn time_text(time: OffsetDateTime) -> String {
    // Only years beyond 9999 have no such form, and the bounds of --days keep us from there.
    time.replace_nanosecond(0).unwrap_or(time).format(&Rfc3339).unwrap_or_else(|_error| "never".to_owned())
}

/// The day alone, for messages.
pub(super) fn day(text: &str) -> String {
    text.chars().take(10).collect()
}

pub(super) fn parse_time(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}
