//! The CA's directory: modes, locks, crashes, and what is never overwritten.

use super::*;

#[test]
fn keys_are_for_their_owner_alone_and_fit_their_certificates() {
    let place = Place::new();
    let ca = place.ca();
    let issued = ca.issue(&agent("librarian")).unwrap();
    let key = issued.key.unwrap();
    assert_eq!((mode(&key), mode(&ca.dir().join("ca.key")), mode(ca.dir())), (0o600, 0o600, 0o700));
    assert_eq!(mode(&issued.certificate), 0o644);
    let of_key = openssl(&["pkey", "-in", key.to_str().unwrap(), "-pubout"]).stdout;
    let of_certificate =
        openssl(&["x509", "-in", issued.certificate.to_str().unwrap(), "-noout", "-pubkey"]).stdout;
    assert!(!of_key.is_empty());
    assert_eq!(of_key, of_certificate);
}

#[test]
fn an_existing_ca_is_never_overwritten() {
    let place = Place::new();
    let ca = place.ca();
    let before = std::fs::read(ca.dir().join("ca.key")).unwrap();
    let refused = Ca::init(&place.dir(), "another", 30, place.clock.clone()).err().unwrap();
    assert!(matches!(refused, PkiError::Exists(_)));
    assert!(refused.to_string().contains("--dir"), "{refused}");
    assert_eq!(std::fs::read(ca.dir().join("ca.key")).unwrap(), before);
    let files: Vec<_> = std::fs::read_dir(place.root.path()).unwrap().collect();
    assert_eq!(files.len(), 1, "a draft was left behind");
}

#[test]
fn a_place_without_a_ca_says_how_to_make_one() {
    let place = Place::new();
    let refused = Ca::open(&place.dir(), place.clock.clone()).err().unwrap();
    assert!(refused.to_string().contains("reeve pki init"), "{refused}");
}

#[test]
fn what_a_kill_left_between_two_files_is_carried_on_or_cleared_away() {
    let place = Place::new();
    let ca = place.ca();
    let issued = ca.issue(&agent("librarian")).unwrap();
    let key = issued.key.clone().unwrap();
    let (key_pem, directory) = (std::fs::read(&key).unwrap(), ca.dir().join("agent"));

    // After the index: the key waits under its serial, the certificate is not in place.
    let staged = directory.join(format!("librarian.key.{}", issued.entry.serial));
    std::fs::rename(&key, &staged).unwrap();
    std::fs::remove_file(&issued.certificate).unwrap();
    // Before the index: a key that no certificate has.
    let orphan = directory.join("other.key.40aa");
    std::fs::write(&orphan, b"secret").unwrap();
    // Between the index and the list.
    std::fs::remove_file(ca.crl_file()).unwrap();

    ca.issue(&agent("another")).unwrap();
    assert_eq!(std::fs::read(&key).unwrap(), key_pem);
    assert_eq!(std::fs::read_to_string(&issued.certificate).unwrap(), issued.certificate_pem);
    assert!(!staged.exists() && !orphan.exists());
    verify(&ca, &issued.certificate, &[]).unwrap();
}

#[test]
fn a_key_that_is_not_the_cas_or_that_others_may_read_is_refused() {
    let (place, elsewhere) = (Place::new(), Place::new());
    let (ca, other) = (place.ca(), elsewhere.ca());
    let key = ca.dir().join("ca.key");
    std::fs::copy(other.dir().join("ca.key"), &key).unwrap();
    let refused = ca.issue(&agent("librarian")).unwrap_err();
    assert!(refused.to_string().contains("is not the key of ca.crt"), "{refused}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = ca.issue(&agent("librarian")).unwrap_err();
    assert!(refused.to_string().contains("others may read it"), "{refused}");
}

#[test]
fn two_at_once_both_get_their_certificates() {
    let place = Place::new();
    let ca = place.ca();
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let ca = ca.clone();
            scope.spawn(move || ca.issue(&agent(name)).unwrap());
        }
    });
    assert_eq!(ca.entries().unwrap().len(), 4);
}
