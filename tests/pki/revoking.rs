//! Taking certificates back, and the list that says so.

use super::*;

#[test]
fn a_new_ca_signs_certificates_and_lists_and_nothing_below_it_may_sign() {
    let place = Place::new();
    let ca = place.ca();
    let text = text_of(&ca.certificate_file());
    assert!(text.contains("Version: 3"), "{text}");
    assert!(text.contains("CA:TRUE, pathlen:0"), "{text}");
    assert!(text.contains("Certificate Sign, CRL Sign\n"), "{text}");
    assert!(text.contains("ASN1 OID: prime256v1"), "{text}");
    assert!(text.contains("Subject Key Identifier"), "{text}");
    assert_eq!(ca.entries().unwrap(), []);
    assert_eq!(ca.crl_state().unwrap().0, 1);
}

#[test]
fn a_revoked_certificate_is_refused_by_hosts_and_others_go_on() {
    let place = Place::new();
    let ca = place.ca();
    let gone = ca.issue(&agent("gone")).unwrap();
    let stays = ca.issue(&agent("stays")).unwrap();
    let (revoked, crl) = ca.revoke(&by(&gone.entry.serial), Reason::KeyCompromise).unwrap();
    assert_eq!(revoked.len(), 1);
    assert_eq!((crl.number, ca.crl_state().unwrap().0), (2, 2));
    let error = verify(&ca, &gone.certificate, &[]).unwrap_err();
    assert!(error.contains("certificate revoked"), "{error}");
    verify(&ca, &stays.certificate, &[]).unwrap();
    let refused = as_a_host_sees(&ca, &gone.certificate_pem, SystemTime::now()).unwrap_err();
    assert!(refused.contains("Revoked"), "{refused}");
    as_a_host_sees(&ca, &stays.certificate_pem, SystemTime::now()).unwrap();
    let listed = openssl(&["crl", "-in", crl.path.to_str().unwrap(), "-noout", "-text"]).stdout;
    assert!(String::from_utf8(listed).unwrap().contains("Key Compromise"));
}

#[test]
fn a_name_is_revoked_with_every_certificate_it_has_in_force() {
    let place = Place::new();
    let ca = place.ca();
    let first = ca.issue(&agent("librarian")).unwrap();
    let first_pem = first.certificate_pem;
    let second = ca.renew(&by("librarian"), None, RenewedKey::New).unwrap();
    let (revoked, _) = ca.revoke(&by("librarian"), Reason::PrivilegeWithdrawn).unwrap();
    assert_eq!(revoked.len(), 2);
    for pem in [first_pem, second.certificate_pem] {
        assert!(as_a_host_sees(&ca, &pem, SystemTime::now()).unwrap_err().contains("Revoked"));
    }
    assert!(matches!(ca.revoke(&by("librarian"), Reason::Unspecified), Err(PkiError::Revoked { .. })));
    assert!(matches!(ca.renew(&by("librarian"), None, RenewedKey::New), Err(PkiError::Revoked { .. })));
    ca.issue(&agent("librarian")).unwrap();
}

#[test]
fn a_certificates_file_names_it_and_a_strangers_does_not() {
    let (place, elsewhere) = (Place::new(), Place::new());
    let (ca, other) = (place.ca(), elsewhere.ca());
    let ours = ca.issue(&agent("librarian")).unwrap();
    let theirs = other.issue(&agent("librarian")).unwrap();
    let theirs = Selector::from_argument(theirs.certificate.to_str().unwrap()).unwrap();
    assert!(matches!(ca.revoke(&theirs, Reason::Unspecified), Err(PkiError::Unknown(_))));
    let own = Selector::from_argument(ours.certificate.to_str().unwrap()).unwrap();
    assert_eq!(ca.revoke(&own, Reason::Unspecified).unwrap().0[0].serial, ours.entry.serial);
    assert!(Selector::from_argument(ca.dir().join("index.json").to_str().unwrap()).is_err());
    assert!(matches!(ca.revoke(&by("nobody"), Reason::Unspecified), Err(PkiError::Unknown(_))));
}

#[test]
fn a_name_that_a_server_and_an_agent_share_must_be_told_apart() {
    let place = Place::new();
    let ca = place.ca();
    ca.issue(&agent("host01")).unwrap();
    let server = ca.issue(&server("host01", &[], &[])).unwrap();
    assert!(matches!(ca.revoke(&by("host01"), Reason::Unspecified), Err(PkiError::Ambiguous(_))));
    let (revoked, _) = ca.revoke(&by(&server.entry.serial.to_uppercase()), Reason::Superseded).unwrap();
    assert_eq!(revoked[0].role, Role::Server);
}

#[test]
fn the_lists_number_grows_and_a_list_that_has_ended_lets_nobody_in() {
    let place = Place::new();
    let ca = place.ca();
    let issued = ca.issue(&agent("librarian")).unwrap();
    assert_eq!(ca.crl(7).unwrap().number, 2);
    assert_eq!(ca.crl(7).unwrap().number, 3);
    let shown = openssl(&["crl", "-in", ca.crl_file().to_str().unwrap(), "-noout", "-crlnumber"]).stdout;
    assert_eq!(String::from_utf8(shown).unwrap().trim(), "crlNumber=0x03");
    let later = SystemTime::now() + Duration::from_secs(8 * 86_400);
    let refused = as_a_host_sees(&ca, &issued.certificate_pem, later).unwrap_err();
    assert!(refused.contains("revocation list expired"), "{refused}");
    place.pass_days(8);
    ca.crl(7).unwrap();
    as_a_host_sees(&ca, &issued.certificate_pem, later).unwrap();
}
