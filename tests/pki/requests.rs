//! Signing requests: what is taken from one, and what is not.

use super::*;

/// A request for everything that must not be given, made by OpenSSL.
fn hostile_request(place: &Place) -> String {
    let (key, csr) = (place.root.path().join("k.pem"), place.root.path().join("r.pem"));
    let done = openssl(&[
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        key.to_str().unwrap(),
        "-out",
        csr.to_str().unwrap(),
        "-subj",
        "/O=root/CN=administrator",
        "-addext",
        "subjectAltName=URI:spiffe://reeve.example/agent/administrator,DNS:host01.example,email:a@b.c",
        "-addext",
        "basicConstraints=critical,CA:TRUE",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
        "-addext",
        "extendedKeyUsage=serverAuth,clientAuth,codeSigning,1.2.3.4",
        "-addext",
        "nameConstraints=permitted;DNS:example",
    ]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read_to_string(csr).unwrap()
}

#[test]
fn nothing_a_signing_request_asks_for_is_given_but_its_key() {
    let place = Place::new();
    let ca = place.ca();
    let request = Request { key: KeySource::Csr(hostile_request(&place)), ..agent("librarian") };
    let issued = ca.issue(&request).unwrap();
    assert_eq!(issued.key, None);
    let text = text_of(&issued.certificate);
    for asked in [
        "administrator",
        "O = root",
        "host01",
        "a@b.c",
        "CA:TRUE",
        "Certificate Sign",
        "Server Auth",
        "Code Signing",
        "1.2.3.4",
        "Name Constraints",
    ] {
        assert!(!text.contains(asked), "{asked} in {text}");
    }
    assert!(text.contains("Subject: CN = librarian\n"), "{text}");
    assert!(text.contains("URI:spiffe://reeve.example/agent/librarian\n"), "{text}");
    verify(&ca, &issued.certificate, &["-purpose", "sslclient"]).unwrap();
    let own = openssl(&["pkey", "-in", place.root.path().join("k.pem").to_str().unwrap(), "-pubout"]).stdout;
    let certified =
        openssl(&["x509", "-in", issued.certificate.to_str().unwrap(), "-noout", "-pubkey"]).stdout;
    assert_eq!(own, certified);
}

#[test]
fn a_signing_request_that_was_tampered_with_is_refused() {
    let place = Place::new();
    let ca = place.ca();
    let csr = hostile_request(&place);
    let der = rustls::pki_types::CertificateSigningRequestDer::from_pem_slice(csr.as_bytes()).unwrap();
    let mut refused = 0;
    // Somewhere in the names, and somewhere in the signature.
    for position in [40, 60, der.len() - 5] {
        let mut bytes = der.to_vec();
        bytes[position] ^= 1;
        let body = base64_lines(&bytes);
        let pem = format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n");
        let error = ca.issue(&Request { key: KeySource::Csr(pem), ..agent("librarian") }).unwrap_err();
        assert!(matches!(error, PkiError::Request(_)), "{error}");
        refused += 1;
    }
    assert_eq!((refused, ca.entries().unwrap().len()), (3, 0));
}

fn base64_lines(bytes: &[u8]) -> String {
    let done = run(&Command::new("/usr/bin/openssl").args(["base64"]).stdin(bytes)).unwrap();
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn a_request_with_an_rsa_key_or_that_is_something_else_is_refused() {
    let place = Place::new();
    let ca = place.ca();
    let (key, csr) = (place.root.path().join("k.pem"), place.root.path().join("r.pem"));
    let done = openssl(&[
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        key.to_str().unwrap(),
        "-out",
        csr.to_str().unwrap(),
        "-subj",
        "/CN=x",
    ]);
    assert!(done.status.success());
    let certificate = std::fs::read_to_string(ca.certificate_file()).unwrap();
    for pem in [std::fs::read_to_string(csr).unwrap(), certificate, String::new(), "x".repeat(5000)] {
        let error = ca.issue(&Request { key: KeySource::Csr(pem), ..agent("librarian") }).unwrap_err();
        assert!(matches!(error, PkiError::Request(_)), "{error}");
    }
}

#[test]
fn a_key_made_elsewhere_is_kept_at_renewal_and_cannot_be_replaced_here() {
    let place = Place::new();
    let ca = place.ca();
    let request = Request { key: KeySource::Csr(hostile_request(&place)), ..agent("librarian") };
    let old = ca.issue(&request).unwrap();
    let refused = ca.renew(&by("librarian"), None, RenewedKey::New).unwrap_err();
    assert!(refused.to_string().contains("--keep-key"), "{refused}");
    let before = public_key(&old);
    let new = ca.renew(&by("librarian"), None, RenewedKey::Kept).unwrap();
    assert_eq!(public_key(&new), before);
    assert_ne!(new.entry.serial, old.entry.serial);
}
