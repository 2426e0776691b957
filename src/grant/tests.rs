//! A grant is good once, here, now, unaltered; or not at all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use proptest::prelude::*;

use super::encoding::{decode, encode};
use super::*;
use crate::sys::scratch::Scratch;

pub(crate) const HOST: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const BOOT: &str = "5f0e3a52-3c5e-4b0e-9a77-3f7d6d8e0a11";
pub(crate) const NOW: Duration = Duration::from_secs(1000);

/// A grant that is good for the next ten seconds.
pub(crate) fn grant() -> Grant {
    Grant {
        operation: "op_01JDXYZ".into(),
        step: 2,
        wrapper: WrapperName::Zfs,
        program: "/usr/sbin/zfs".into(),
        argv: vec!["snapshot".into(), "tank/media@daily".into()],
        directory: None,
        run_as: RunAs::Root,
        host: HOST.into(),
        boot: BOOT.into(),
        not_after: 1_010_000_000_000,
        run_limit_secs: 60,
        nonce: [7; 16],
    }
}

pub(crate) fn key(scratch: &Scratch) -> SigningKey {
    std::fs::create_dir(scratch.path("gate")).unwrap();
    SigningKey::generate(&scratch.path("gate").join("grant.key")).unwrap()
}

fn expected() -> Expected<'static> {
    Expected { wrapper: WrapperName::Zfs, host: HOST, boot: BOOT, now_boot: NOW }
}

fn verify(bytes: &[u8], key: &SigningKey) -> Result<VerifiedGrant, Refusal> {
    VerifiedGrant::verify(bytes, &key.public(), &expected())
}

fn refused(change: impl FnOnce(&mut Grant)) -> String {
    let scratch = Scratch::new();
    let key = key(&scratch);
    let mut grant = grant();
    change(&mut grant);
    verify(key.sign(&grant).unwrap().as_bytes(), &key).unwrap_err().to_string()
}

#[test]
fn what_was_signed_is_what_is_verified() {
    let scratch = Scratch::new();
    let key = key(&scratch);
    let verified = verify(key.sign(&grant()).unwrap().as_bytes(), &key).unwrap();
    assert_eq!(verified.grant(), &grant());
}

#[test]
fn a_grant_altered_in_any_byte_is_refused() {
    let scratch = Scratch::new();
    let key = key(&scratch);
    let good = key.sign(&grant()).unwrap().as_bytes().to_vec();
    for at in 0..good.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            let refusal = verify(&bad, &key).unwrap_err();
            assert!(matches!(refusal, Refusal::BadSignature), "byte {at}: {refusal}");
        }
    }
}

#[test]
fn a_grant_cut_short_or_with_one_byte_more_is_refused() {
    let scratch = Scratch::new();
    let key = key(&scratch);
    let good = key.sign(&grant()).unwrap().as_bytes().to_vec();
    for length in 0..good.len() {
        assert!(verify(&good[..length], &key).is_err(), "length {length}");
    }
    let longer = [good.as_slice(), &[0]].concat();
    assert!(matches!(verify(&longer, &key), Err(Refusal::BadSignature)));
    assert_eq!(verify(&[0; 63], &key).unwrap_err().to_string(), "not a grant: ends too early");
    assert_eq!(verify(&vec![0; MAX_BYTES + 1], &key).unwrap_err().to_string(), "not a grant: too long");
}

#[test]
fn bytes_after_the_grant_are_refused_even_when_they_are_signed() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let mut public = [0; 32];
    public.copy_from_slice(aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref());
    let mut bytes = encode(&grant()).unwrap();
    bytes.push(0);
    let signature = pair.sign(&bytes);
    bytes.extend(signature.as_ref());
    let refusal = VerifiedGrant::verify(&bytes, &PublicKey::new(public), &expected()).unwrap_err();
    assert_eq!(refusal.to_string(), "not a grant: bytes after its end");
}

#[test]
fn a_grant_of_another_gate_is_refused() {
    let (ours, theirs) = (Scratch::new(), Scratch::new());
    let signed = key(&theirs).sign(&grant()).unwrap();
    let refusal = verify(signed.as_bytes(), &key(&ours)).unwrap_err();
    assert_eq!(refusal.to_string(), "the signature is not the gate's");
}

#[test]
fn an_expired_grant_is_refused() {
    let refusal = "the grant has expired";
    assert_eq!(refused(|grant| grant.not_after = 999_999_999_999), refusal);
    assert_eq!(refused(|grant| grant.not_after = 1_000_000_000_000), refusal);
    assert_eq!(refused(|grant| grant.not_after = 0), refusal);
}

#[test]
fn a_grant_that_lives_too_long_is_refused() {
    let refusal = "the grant would be good for more than 60 seconds";
    assert_eq!(refused(|grant| grant.not_after = 1_060_000_000_001), refusal);
    assert_eq!(refused(|grant| grant.not_after = u64::MAX), refusal);
}

#[test]
fn a_grant_for_another_host_is_refused() {
    assert_eq!(refused(|grant| grant.host = "f".repeat(32)), "the grant is for another host");
}

#[test]
fn a_grant_for_another_wrapper_is_refused() {
    assert_eq!(refused(|grant| grant.wrapper = WrapperName::Git), "the grant is for another wrapper");
}

#[test]
fn a_grant_from_another_boot_is_refused() {
    assert_eq!(refused(|grant| grant.boot = "another".into()), "the grant is from before the last boot");
}

#[test]
fn a_grant_beyond_the_formats_bounds_is_not_signed() {
    let scratch = Scratch::new();
    let key = key(&scratch);
    let said = |change: fn(&mut Grant)| {
        let mut grant = grant();
        change(&mut grant);
        key.sign(&grant).unwrap_err().to_string()
    };
    assert_eq!(said(|grant| grant.operation = "op 1".into()), "operation id");
    assert_eq!(said(|grant| grant.operation = "o".repeat(41)), "operation id");
    assert_eq!(said(|grant| grant.program = "zfs".into()), "program path");
    assert_eq!(said(|grant| grant.program = "/usr/sbin/zfs -r".into()), "program path");
    assert_eq!(said(|grant| grant.argv = vec![String::new(); 257]), "number of arguments");
    assert_eq!(said(|grant| grant.argv = vec!["a\0b".into()]), "argument with a zero byte");
    assert_eq!(said(|grant| grant.argv = vec!["a".repeat(65_536)]), "field too long");
    assert_eq!(said(|grant| grant.argv = vec!["a".repeat(40_000); 2]), "too long");
    assert_eq!(said(|grant| grant.run_as = RunAs::User("-x".into())), "user name");
    assert_eq!(said(|grant| grant.run_as = RunAs::User(String::new())), "user name");
    assert_eq!(said(|grant| grant.host = String::new()), "host id");
    assert_eq!(said(|grant| grant.boot = "a b".into()), "boot id");
    assert_eq!(said(|grant| grant.run_limit_secs = 0), "run limit");
    assert_eq!(said(|grant| grant.run_limit_secs = 86_401), "run limit");
}

fn ledger(scratch: &Scratch) -> Ledger {
    Ledger::open_trusted(scratch.root()).unwrap()
}

#[test]
fn a_spent_grant_is_refused_and_its_entry_names_the_operation() {
    let (keys, spent) = (Scratch::new(), Scratch::new());
    let (key, ledger) = (key(&keys), ledger(&spent));
    let signed = key.sign(&grant()).unwrap();
    let first = ledger.spend(verify(signed.as_bytes(), &key).unwrap()).unwrap();
    assert_eq!(first.grant(), &grant());
    let again = ledger.spend(verify(signed.as_bytes(), &key).unwrap()).unwrap_err();
    assert_eq!(again.to_string(), "the grant has been spent");
    let record = SpentRecord {
        nonce: "07".repeat(16),
        operation: "op_01JDXYZ".into(),
        step: 2,
        boot: BOOT.into(),
        digest: verify::to_hex(&signed.digest()),
    };
    assert_eq!(spent_records(spent.root()).unwrap(), [record]);
}

#[test]
fn of_sixteen_that_spend_one_grant_at_once_exactly_one_succeeds() {
    let (keys, spent) = (Scratch::new(), Scratch::new());
    let (key, ledger) = (key(&keys), ledger(&spent));
    for round in 0..50 {
        let signed = key.sign(&Grant { nonce: [round; 16], ..grant() }).unwrap();
        let won = AtomicUsize::new(0);
        let start = std::sync::Barrier::new(16);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let verified = verify(signed.as_bytes(), &key).unwrap();
                    start.wait();
                    match ledger.spend(verified) {
                        Ok(_spent) => won.fetch_add(1, Ordering::SeqCst),
                        Err(refusal) => {
                            assert!(matches!(refusal, Refusal::Spent), "{refusal}");
                            0
                        }
                    }
                });
            }
        });
        assert_eq!(won.into_inner(), 1);
    }
}

#[test]
fn a_ledger_that_others_may_enter_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let spent = Scratch::new();
    std::fs::set_permissions(spent.root(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let refusal = Ledger::open_trusted(spent.root()).unwrap_err();
    assert_eq!(refusal.to_string(), "the ledger of spent grants is not to be trusted");
}

#[test]
fn a_ledger_that_cannot_be_written_refuses() {
    let (keys, spent) = (Scratch::new(), Scratch::new());
    let (key, ledger) = (key(&keys), ledger(&spent));
    std::fs::remove_dir(spent.root()).unwrap();
    let refusal = ledger.spend(verify(key.sign(&grant()).unwrap().as_bytes(), &key).unwrap()).unwrap_err();
    assert_eq!(refusal.to_string(), "the grant could not be entered in the ledger");
}

#[test]
fn a_public_key_file_that_was_made_a_link_or_writable_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let public = key(&scratch).public();
    let path = scratch.path("grant.pub");
    std::fs::write(&path, public.to_hex() + "\n").unwrap();
    assert_eq!(PublicKey::load(&path).unwrap(), public);
    let link = scratch.path("link.pub");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let untrusted = "the gate's public key is not to be trusted";
    assert_eq!(PublicKey::load(&link).unwrap_err().to_string(), untrusted);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o664)).unwrap();
    assert_eq!(PublicKey::load(&path).unwrap_err().to_string(), untrusted);
}

#[test]
fn a_public_key_file_that_holds_something_else_is_refused() {
    let scratch = Scratch::new();
    let path = scratch.path("grant.pub");
    for text in ["", "\n", "zz", &"A".repeat(64), &"0".repeat(63), &format!("{}\n\n", "0".repeat(63))] {
        std::fs::write(&path, text).unwrap();
        let refusal = PublicKey::load(&path).unwrap_err().to_string();
        assert_eq!(refusal, "the gate's public key is not 64 hexadecimal digits", "{text:?}");
    }
}

#[test]
fn the_gates_key_is_kept_and_never_overwritten_nor_shown() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let path = scratch.path("gate").join("grant.key");
    let first = key(&scratch);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(SigningKey::load(&path).unwrap().public(), first.public());
    assert_eq!(SigningKey::generate(&path).unwrap_err().to_string(), "a new grant key could not be written");
    assert_eq!(SigningKey::load(&path).unwrap().public(), first.public());
    let secret = std::fs::read_to_string(&path).unwrap();
    assert!(!format!("{first:?}").contains(secret.trim()));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(SigningKey::load(&path).unwrap_err().to_string(), "the grant key is not to be trusted");
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let run_as = prop_oneof![Just(RunAs::Root), "[a-z_][a-z0-9_.-]{0,31}".prop_map(RunAs::User)];
    let what = (
        "[A-Za-z0-9_]{1,40}",
        any::<u16>(),
        "/[!-~]{0,80}",
        prop::collection::vec("[^\0]{0,20}", 0..9),
        (prop::option::of("/[!-~]{0,80}"), run_as),
    );
    let when = ("[A-Za-z0-9-]{1,64}", "[A-Za-z0-9-]{1,64}", any::<u64>(), 1..=86_400u32, any::<[u8; 16]>());
    (what, when).prop_map(
        |(
            (operation, step, program, argv, (directory, run_as)),
            (host, boot, not_after, run_limit_secs, nonce),
        )| {
            let wrapper = WrapperName::Zfs;
            Grant {
                operation,
                step,
                wrapper,
                program,
                argv,
                directory,
                run_as,
                host,
                boot,
                not_after,
                run_limit_secs,
                nonce,
            }
        },
    )
}

proptest! {
    #[test]
    fn every_grant_survives_its_encoding(grant in any_grant()) {
        prop_assert_eq!(decode(&encode(&grant).unwrap()).unwrap(), grant);
    }

    #[test]
    fn an_encoding_altered_anywhere_is_another_grant_or_none(grant in any_grant(), at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let mut bytes = encode(&grant).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(other) = decode(&bytes) {
            prop_assert_ne!(&other, &grant);
            prop_assert_eq!(encode(&other).unwrap(), bytes);
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused_and_never_more(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let behind_the_magic = [b"reeve grant v2\n".as_slice(), &bytes].concat();
        if let Ok(grant) = decode(&behind_the_magic) {
            prop_assert_eq!(encode(&grant).unwrap(), behind_the_magic);
        }
    }
}
