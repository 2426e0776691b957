//! What is linked: one crypto provider everywhere, and a short, pinned list of crates into what runs as root.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test, and it asks cargo")]

use std::collections::BTreeSet;
use std::process::Command;

/// Other implementations of what aws-lc-rs and rustls do here. Two of them are two to keep patched, and two answers
/// to what was verified.
const OTHER_CRYPTO: &[&str] = &[
    "ring",
    "openssl",
    "openssl-sys",
    "native-tls",
    "boring",
    "boring-sys",
    "mbedtls",
    "wolfssl-sys",
    "aws-lc-fips-sys",
    "ed25519-dalek",
    "curve25519-dalek",
    "p256",
    "p384",
    "rsa",
    "rustls-rustcrypto",
    "graviola",
    "webpki-roots",
];

/// The names of the crates that a call of cargo with these options would link.
fn linked(options: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(options)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<_> =
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert!(names.contains("aws-lc-rs"), "cargo tree said nothing useful: {names:?}");
    names
}

#[test]
fn there_is_one_crypto_provider() {
    let linked = linked(&["--all-features"]);
    let others: Vec<_> = OTHER_CRYPTO.iter().filter(|name| linked.contains(**name)).collect();
    assert!(others.is_empty(), "linked beside aws-lc-rs: {others:?}");
}

#[test]
fn root_links_only_what_was_agreed() {
    let linked = linked(&["--no-default-features"]);
    let agreed = include_str!("golden/root-dependencies.txt");
    let agreed: BTreeSet<_> = agreed.lines().map(str::to_owned).collect();
    assert_eq!(linked, agreed, "tests/golden/root-dependencies.txt: each line is code that runs as root");
}
