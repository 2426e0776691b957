//! Certificates made by rcgen, and what is read from them.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, KeyPair, SanType,
    SerialNumber,
};

use super::*;

fn certificate(make: impl FnOnce(&mut CertificateParams)) -> Result<PeerCertificate, Refusal> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(SerialNumber::from(0x80u64));
    make(&mut params);
    PeerCertificate::read(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
}

fn uri(uri: &str) -> SanType {
    SanType::URI(uri.try_into().unwrap())
}

fn dns(dns: &str) -> SanType {
    SanType::DnsName(dns.try_into().unwrap())
}

fn principal(name: &str) -> PrincipalName {
    PrincipalName::try_from(name.to_owned()).unwrap()
}

fn identities(names: &[(Name, &str)]) -> Identities {
    Identities::new(names.iter().map(|(name, holder)| (name.clone(), principal(holder))).collect())
}

#[test]
fn the_first_match_in_configurations_order_counts_and_not_the_certificates() {
    let certificate =
        certificate(|params| params.subject_alt_names = vec![uri("urn:b"), dns("a.example"), uri("urn:a")])
            .unwrap();
    let (a, b, host) =
        (Name::Uri("urn:a".to_owned()), Name::Uri("urn:b".to_owned()), Name::Dns("a.example".to_owned()));
    let found = |names: &[(Name, &str)]| identities(names).principal(&certificate).cloned();
    assert_eq!(found(&[(a.clone(), "one"), (b.clone(), "two")]), Ok(principal("one")));
    assert_eq!(found(&[(b, "two"), (a.clone(), "one")]), Ok(principal("two")));
    assert_eq!(found(&[(host, "three"), (a, "one")]), Ok(principal("three")));
    assert_eq!(found(&[]), Err(Refusal::NoPrincipal));
}

#[test]
fn only_the_exact_value_of_the_same_kind_matches() {
    let certificate = certificate(|params| {
        params.subject_alt_names = vec![uri("spiffe://example.org/agent/librarian"), dns("host.example")];
        params.distinguished_name.push(DnType::CommonName, "librarian");
    })
    .unwrap();
    for other in [
        Name::Uri("spiffe://example.org/agent/librarianevil".to_owned()),
        Name::Uri("spiffe://example.org/agent/".to_owned()),
        Name::Uri("SPIFFE://example.org/agent/librarian".to_owned()),
        Name::Uri("host.example".to_owned()),
        Name::Dns("spiffe://example.org/agent/librarian".to_owned()),
        Name::Dns("sub.host.example".to_owned()),
        Name::Dns("host.example.".to_owned()),
        Name::Dns("librarian".to_owned()),
        Name::Common("host.example".to_owned()),
        Name::Common("Librarian".to_owned()),
    ] {
        let found = identities(&[(other.clone(), "p")]).principal(&certificate).cloned();
        assert_eq!(found, Err(Refusal::NoPrincipal), "{other}");
    }
    let own = Name::Common("librarian".to_owned());
    assert_eq!(identities(&[(own, "p")]).principal(&certificate), Ok(&principal("p")));
}

#[test]
fn a_common_name_counts_only_when_it_is_one_and_plain() {
    let named = |cns: &[DnValue]| {
        // rcgen keeps one value of a type, so several are made with types of one number.
        let certificate = certificate(|params| {
            for cn in cns {
                params.distinguished_name.push(DnType::CommonName, cn.clone());
            }
        });
        certificate.unwrap().names
    };
    let utf8 = |text: &str| DnValue::Utf8String(text.to_owned());
    assert_eq!(named(&[utf8("agent")]), [Name::Common("agent".to_owned())]);
    for bad in ["", "a b", "agënt", "agent\u{0}", "agent\n"] {
        assert_eq!(named(&[utf8(bad)]), [], "{bad:?}");
    }
}

#[test]
fn a_serial_number_compares_without_the_zero_that_der_puts_in_front() {
    assert_eq!(certificate(|_| {}).unwrap().serial, [0x80]);
    assert_eq!(without_leading_zeros(&[0, 0, 1, 0]), [1, 0]);
    assert!(without_leading_zeros(&[0]).is_empty());
}

#[test]
fn an_authoritys_own_certificate_and_bytes_that_are_none_are_refused() {
    let ca = certificate(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(ca.err(), Some(Refusal::WrongPurpose));
    assert_eq!(
        PeerCertificate::read(&CertificateDer::from(vec![0x30, 0x03, 1])).err(),
        Some(Refusal::BadCertificate)
    );
    let trailing = {
        let params = CertificateParams::default();
        let mut der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        der.push(0);
        der
    };
    assert_eq!(PeerCertificate::read(&CertificateDer::from(trailing)).err(), Some(Refusal::BadCertificate));
}
