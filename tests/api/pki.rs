//! An authority for tests, and certificates of every kind, good and bad.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber,
};
use time::{Duration, OffsetDateTime};

/// An authority.
pub(crate) struct Ca {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) pem: String,
    pub(crate) key: String,
    pub(crate) serial: u64,
}

/// What to put into a certificate.
#[derive(Clone)]
pub(crate) struct Wish {
    pub(crate) uris: Vec<&'static str>,
    pub(crate) dns: Vec<&'static str>,
    pub(crate) cns: Vec<&'static str>,
    pub(crate) usage: Vec<ExtendedKeyUsagePurpose>,
    pub(crate) is_ca: bool,
    pub(crate) from: Duration,
    pub(crate) until: Duration,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            uris: Vec::new(),
            dns: Vec::new(),
            cns: Vec::new(),
            usage: vec![ExtendedKeyUsagePurpose::ClientAuth],
            is_ca: false,
            from: Duration::minutes(-5),
            until: Duration::days(30),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "certificates are for the real clock that TLS judges them by")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

fn names(cns: &[&str]) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    for cn in cns {
        names.push(DnType::CommonName, *cn);
    }
    names
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = names(&[name]);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = now() - Duration::minutes(5);
        params.not_after = now() + Duration::days(300);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its key, for openssl.
    pub(crate) fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    pub(crate) fn issue(&self, wish: &Wish) -> Leaf {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0x80_0000);
        let serial = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let key = KeyPair::generate().unwrap();
        let params = params(wish, serial);
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Leaf { pem, key: key.serialize_pem(), serial }
    }

    /// A client's certificate with one URI.
    pub(crate) fn client(&self, uri: &'static str) -> Leaf {
        self.issue(&Wish { uris: vec![uri], ..Wish::default() })
    }

    pub(crate) fn server(&self) -> Leaf {
        self.issue(&Wish {
            dns: vec!["localhost"],
            usage: vec![ExtendedKeyUsagePurpose::ServerAuth],
            ..Wish::default()
        })
    }

    pub(crate) fn crl(&self, revoked: &[u64], until: Duration) -> String {
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now() - Duration::minutes(1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: now() - Duration::minutes(5),
            next_update: now() + until,
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

fn params(wish: &Wish, serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = names(&wish.cns);
    params.is_ca = if wish.is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    params.serial_number = Some(SerialNumber::from(serial));
    params.extended_key_usages.clone_from(&wish.usage);
    params.not_before = now() + wish.from;
    params.not_after = now() + wish.until;
    let uris = wish.uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
    let dns = wish.dns.iter().map(|dns| SanType::DnsName((*dns).try_into().unwrap()));
    params.subject_alt_names = uris.chain(dns).collect();
    params
}

/// A certificate that signed itself.
pub(crate) fn self_signed(uri: &'static str) -> Leaf {
    let key = KeyPair::generate().unwrap();
    let params = params(&Wish { uris: vec![uri], ..Wish::default() }, 7);
    Leaf { pem: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem(), serial: 7 }
}
