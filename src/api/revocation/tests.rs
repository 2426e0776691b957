//! Lists made by rcgen: good, old, strange and partial ones.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber,
};

use super::*;

struct Ca {
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

const NOW: u64 = 1_800_000_000;

fn at(seconds: i64) -> ::time::OffsetDateTime {
    ::time::OffsetDateTime::from_unix_timestamp(i64::try_from(NOW).unwrap() + seconds).unwrap()
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

impl Ca {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let der = params.self_signed(&key).unwrap().der().clone();
        Self { der, issuer: Issuer::new(params, key) }
    }

    fn certificate(&self, serial: u64) -> PeerCertificate {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial));
        let certificate = params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap();
        PeerCertificate::read(certificate.der()).unwrap()
    }

    fn list(&self, revoked: &[u64], from: i64, until: i64) -> String {
        self.special(revoked, from, until, None)
    }

    fn special(
        &self,
        revoked: &[u64],
        from: i64,
        until: i64,
        point: Option<CrlIssuingDistributionPoint>,
    ) -> String {
        let entry = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: at(-10),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: at(from),
            next_update: at(until),
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: point,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

fn read(pem: &str, authorities: &[&Ca]) -> Result<Revocations, RevocationError> {
    let authorities: Vec<_> = authorities.iter().map(|ca| ca.der.clone()).collect();
    Revocations::read(pem.as_bytes(), &authorities)
}

#[test]
fn a_listed_serial_is_revoked_and_another_is_fine_until_the_list_ends() {
    let ca = Ca::new("one");
    let lists = read(&ca.list(&[7, 0x80_00], -60, 60), &[&ca]).unwrap();
    assert_eq!(lists.check(&ca.certificate(7), now()), Err(Refusal::Revoked));
    assert_eq!(lists.check(&ca.certificate(0x80_00), now()), Err(Refusal::Revoked));
    assert_eq!(lists.check(&ca.certificate(8), now()), Ok(now() + Duration::from_secs(60)));
    assert_eq!(lists.first_end(), Some(now() + Duration::from_secs(60)));
}

#[test]
fn a_list_that_is_too_old_or_not_yet_valid_lets_nobody_in() {
    let ca = Ca::new("one");
    for (from, until) in [(-60, -1), (-60, 0), (1, 60)] {
        let lists = read(&ca.list(&[7], from, until), &[&ca]).unwrap();
        assert_eq!(lists.check(&ca.certificate(8), now()), Err(Refusal::CrlExpired), "{from} {until}");
        assert_eq!(lists.check(&ca.certificate(7), now()), Err(Refusal::Revoked), "{from} {until}");
    }
}

#[test]
fn an_authority_without_a_list_has_its_callers_refused() {
    let (one, two) = (Ca::new("one"), Ca::new("two"));
    let lists = read(&one.list(&[], -60, 60), &[&one, &two]).unwrap();
    assert!(lists.is_incomplete());
    assert!(lists.check(&one.certificate(1), now()).is_ok());
    assert_eq!(lists.check(&two.certificate(1), now()), Err(Refusal::NoCrl));
    assert_eq!(lists.check(&Ca::new("three").certificate(1), now()), Err(Refusal::NoCrl));
}

#[test]
fn a_serial_is_revoked_for_its_own_authority_only() {
    let (one, two) = (Ca::new("one"), Ca::new("two"));
    let pem = one.list(&[7], -60, 60) + &two.list(&[], -60, 60);
    let lists = read(&pem, &[&one, &two]).unwrap();
    assert!(!lists.is_incomplete());
    assert_eq!(lists.check(&one.certificate(7), now()), Err(Refusal::Revoked));
    assert!(lists.check(&two.certificate(7), now()).is_ok());
}

#[test]
fn authorities_of_one_name_each_need_a_list_and_revoke_together() {
    let (old, new) = (Ca::new("same"), Ca::new("same"));
    let incomplete = read(&old.list(&[7], -60, 60), &[&old, &new]).unwrap();
    assert_eq!(incomplete.check(&new.certificate(1), now()), Err(Refusal::NoCrl));
    let both = read(&(old.list(&[7], -60, 60) + &new.list(&[8], -60, 30)), &[&old, &new]).unwrap();
    assert_eq!(both.check(&new.certificate(7), now()), Err(Refusal::Revoked));
    assert_eq!(both.check(&old.certificate(8), now()), Err(Refusal::Revoked));
    assert_eq!(both.check(&old.certificate(9), now()), Ok(now() + Duration::from_secs(30)));
}

#[test]
fn a_list_that_no_authority_signed_is_refused() {
    let (ca, stranger, namesake) = (Ca::new("one"), Ca::new("two"), Ca::new("one"));
    assert_eq!(read(&stranger.list(&[], -60, 60), &[&ca]).err(), Some(RevocationError::Stranger));
    assert_eq!(read(&namesake.list(&[], -60, 60), &[&ca]).err(), Some(RevocationError::Stranger));
}

#[test]
fn a_list_of_some_certificates_only_is_refused() {
    let ca = Ca::new("one");
    let point = CrlIssuingDistributionPoint {
        distribution_point: CrlDistributionPoint { uris: vec!["http://example.org/crl".to_owned()] },
        scope: None,
    };
    let pem = ca.special(&[], -60, 60, Some(point));
    assert_eq!(read(&pem, &[&ca]).err(), Some(RevocationError::Partial));
}

#[test]
fn what_is_no_list_is_refused() {
    let ca = Ca::new("one");
    for pem in ["", "nonsense", "-----BEGIN X509 CRL-----\nAQID\n-----END X509 CRL-----\n"] {
        assert_eq!(read(pem, &[&ca]).err(), Some(RevocationError::Malformed), "{pem:?}");
    }
}

#[test]
fn a_list_of_which_one_signed_bit_was_changed_is_refused() {
    let ca = Ca::new("one");
    let good = CertificateRevocationListDer::from_pem_slice(ca.list(&[7], -60, 60).as_bytes()).unwrap();
    let authority = std::slice::from_ref(&ca.der);
    let mut lists = Revocations { by_issuer: authorities_by_name(authority).unwrap() };
    let (_, parsed) = CertificateRevocationList::from_der(&good).unwrap();
    let signed: &[u8] = parsed.tbs_cert_list.as_ref();
    let from = good.windows(signed.len()).position(|window| window == signed).unwrap();
    for place in from..from + signed.len() {
        let mut bytes = good.to_vec();
        bytes[place] ^= 1;
        assert!(lists.add(&bytes.into(), authority).is_err(), "bit 0 of byte {place}");
    }
    assert!(lists.is_incomplete());
    assert_eq!(lists.add(&good, authority), Ok(()));
}
