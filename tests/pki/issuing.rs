//! What is issued, to whom, and for how long.

use super::*;

#[test]
fn a_servers_certificate_holds_its_names_and_serves_only() {
    let place = Place::new();
    let ca = place.ca();
    let issued =
        ca.issue(&server("host01", &["host01.example", "localhost"], &["192.0.2.7", "::1"])).unwrap();
    let text = text_of(&issued.certificate);
    assert!(text.contains("TLS Web Server Authentication\n"), "{text}");
    assert!(!text.contains("Client Authentication"), "{text}");
    assert!(
        text.contains("DNS:host01.example, DNS:localhost, IP Address:192.0.2.7, IP Address:0:0:0:0:0:0:0:1"),
        "{text}"
    );
    assert!(text.contains("CA:FALSE") && text.contains("Authority Key Identifier"), "{text}");
    assert!(text.contains("X509v3 Key Usage: critical\n                Digital Signature\n"), "{text}");
    verify(&ca, &issued.certificate, &["-purpose", "sslserver", "-verify_hostname", "host01.example"])
        .unwrap();
    verify(&ca, &issued.certificate, &["-purpose", "sslclient"]).unwrap_err();
    let refused = as_a_host_sees(&ca, &issued.certificate_pem, SystemTime::now()).unwrap_err();
    assert!(refused.contains("extended key usage") || refused.contains("not valid for"), "{refused}");
}

#[test]
fn a_server_without_names_gets_the_one_it_has_in_the_ca() {
    let place = Place::new();
    let ca = place.ca();
    let issued = ca.issue(&server("host01.example", &[], &[])).unwrap();
    assert_eq!(issued.entry.sans, ["DNS:host01.example"]);
}

#[test]
fn an_agents_certificate_holds_its_spiffe_id_and_calls_only() {
    let place = Place::new();
    let ca = place.ca();
    let issued = ca.issue(&agent("librarian")).unwrap();
    let text = text_of(&issued.certificate);
    assert!(text.contains("URI:spiffe://reeve.example/agent/librarian\n"), "{text}");
    assert!(text.contains("TLS Web Client Authentication\n"), "{text}");
    assert!(!text.contains("Server Authentication"), "{text}");
    verify(&ca, &issued.certificate, &["-purpose", "sslclient"]).unwrap();
    verify(&ca, &issued.certificate, &["-purpose", "sslserver"]).unwrap_err();
    as_a_host_sees(&ca, &issued.certificate_pem, SystemTime::now()).unwrap();
}

#[test]
fn a_name_has_one_certificate_in_force_at_a_time() {
    let place = Place::new();
    let ca = place.ca();
    ca.issue(&agent("librarian")).unwrap();
    let refused = ca.issue(&agent("librarian")).unwrap_err();
    assert!(refused.to_string().contains("reeve pki renew librarian"), "{refused}");
    ca.issue(&server("librarian", &[], &[])).unwrap();
    place.pass_days(91);
    ca.issue(&agent("librarian")).unwrap();
}

#[test]
fn days_have_bounds_and_nothing_outlives_the_ca() {
    let place = Place::new();
    for days in [0, 7301] {
        let refused = Ca::init(&place.dir(), "test CA", days, place.clock.clone()).err().unwrap();
        assert!(matches!(refused, PkiError::Days { .. }), "{refused}");
    }
    let ca = Ca::init(&place.dir(), "test CA", 100, place.clock.clone()).unwrap();
    for days in [0, 826] {
        let refused = ca.issue(&Request { days, ..agent("librarian") }).unwrap_err();
        assert!(matches!(refused, PkiError::Days { .. }), "{refused}");
    }
    let refused = ca.issue(&Request { days: 101, ..agent("librarian") }).unwrap_err();
    assert!(matches!(refused, PkiError::OutlivesCa(_)), "{refused}");
    ca.issue(&Request { days: 100, ..agent("librarian") }).unwrap();
    for days in [0, 366] {
        assert!(matches!(ca.crl(days), Err(PkiError::Days { .. })));
    }
}

#[test]
fn a_renewed_certificate_has_the_same_names_and_a_key_and_serial_of_its_own() {
    let place = Place::new();
    let ca = place.ca();
    let old = ca.issue(&server("host01", &["host01.example"], &["192.0.2.7"])).unwrap();
    let old_key = public_key(&old);
    place.pass_days(1);
    let new = ca.renew(&by("host01"), Some(30), RenewedKey::New).unwrap();
    assert_eq!(new.entry.sans, old.entry.sans);
    assert_eq!(new.certificate, old.certificate);
    assert_ne!(new.entry.serial, old.entry.serial);
    assert_ne!(public_key(&new), old_key);
    let kept = ca.renew(&by("host01"), None, RenewedKey::Kept).unwrap();
    assert_eq!(public_key(&kept), public_key(&new));
    let of_key = openssl(&["pkey", "-in", kept.key.unwrap().to_str().unwrap(), "-pubout"]).stdout;
    assert_eq!(public_key(&new), of_key);
    assert_eq!(ca.entries().unwrap().len(), 3);
}
