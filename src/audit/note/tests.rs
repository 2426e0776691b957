//! Signed notes against a known answer, and what phones do to them.

use super::key::*;
use super::*;

fn signer() -> Signer {
    Signer::from_seed("host01/reeve".to_owned(), &[7; 32]).unwrap()
}

fn checkpoint() -> SignedCheckpoint {
    SignedCheckpoint::sign(&signer(), 48213, NodeHash::leaf(b"all"))
}

#[test]
fn a_key_and_its_signature_are_those_of_the_known_answer() {
    // The example of Go's golang.org/x/mod/sumdb/note, the first implementation of the form.
    let key: NoteKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
    assert_eq!(key.id(), [0xc7, 0x4f, 0x20, 0xa3]);
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    let signed =
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(signed).unwrap();
    assert!(key.has_signed(text.as_bytes(), &bytes[ID..]));
    assert!(!key.has_signed(text.to_uppercase().as_bytes(), &bytes[ID..]));
}

#[test]
fn a_key_reads_back_as_it_was_written_and_one_with_another_id_or_name_does_not() {
    let key = signer().public().clone();
    let text = key.to_string();
    assert_eq!(text.parse(), Ok(key));
    let other_name = text.replacen("host01", "host02", 1);
    let cut = text[..text.len() - 8].to_owned();
    for wrong in ["", "host01/reeve", &other_name, &cut, &text.replace("reeve", "re eve")] {
        assert_eq!(wrong.parse::<NoteKey>(), Err(NotAKey), "{wrong}");
    }
}

#[test]
fn a_checkpoint_has_the_form_of_a_signed_note() {
    let text = checkpoint().to_string();
    let lines: Vec<&str> = text.split('\n').collect();
    let [name, size, root, blank, signature] = lines.as_slice() else { panic!("{text}") };
    assert_eq!((*name, *size, root.len(), *blank), ("host01/reeve", "48213", 44, ""));
    let signature = signature.strip_prefix("\u{2014} host01/reeve ").unwrap();
    assert_eq!(signature.len(), 92);
    assert!(checkpoint().is_signed_by(signer().public()));
}

#[test]
fn a_checkpoint_that_says_anything_else_is_not_signed() {
    let (good, key) = (checkpoint(), signer().public().clone());
    let mut bytes = good.signature.bytes.clone();
    bytes[0] ^= 1;
    let forged = [
        SignedCheckpoint { size: 48212, ..good.clone() },
        SignedCheckpoint { root: NodeHash::leaf(b"other"), ..good.clone() },
        SignedCheckpoint { origin: "host02/reeve".to_owned(), ..good.clone() },
        SignedCheckpoint { signature: Signature { bytes, ..good.signature.clone() }, ..good.clone() },
    ];
    for forged in forged {
        assert!(!forged.is_signed_by(&key), "{forged}");
    }
    let stranger = Signer::from_seed("host01/reeve".to_owned(), &[8; 32]).unwrap();
    assert!(!good.is_signed_by(stranger.public()));
}

#[test]
fn what_phones_do_to_a_text_does_not_hide_a_checkpoint() {
    let good = checkpoint();
    let text = good.to_string();
    let (head, tail) = text.split_at(text.len() - 40);
    let pasted = [
        text.clone(),
        format!(
            "[21/11/2026, 14:02] reeve: ✅ done\n  zfs destroy tank/media@old\naudit: log 48213 · 9f86d081884c7d65\n\n{text}\n"
        ),
        text.replace('\n', "\r\n"),
        text.replace('\n', " "),
        text.replace("\n\n", "\n"),
        text.replace('\n', "\n\n"),
        text.replace('\u{2014}', "--"),
        text.replace('\u{2014}', "-"),
        text.replace("\u{2014} ", "\u{2013}"),
        text.replace(' ', "\u{a0}"),
        text.lines().map(|line| format!("> {line}\n")).collect(),
        text.lines().map(|line| format!("\u{200e}  {line}\u{200b}  \n")).collect(),
        format!("\u{feff}{head}\n{tail}"),
    ];
    for pasted in pasted {
        let found = SignedCheckpoint::from_pasted(&pasted);
        assert_eq!(found.as_ref(), Ok(&good), "{pasted:?}");
        assert!(found.unwrap().is_signed_by(signer().public()));
    }
}

#[test]
fn what_is_not_a_whole_checkpoint_is_none() {
    let text = checkpoint().to_string();
    let other_name = text.replacen("host01", "host02", 1);
    for wrong in [
        "",
        "48213:9f86d081884c7d65",
        &text[..text.len() - 2],
        &text.replace("48213", "048213"),
        &text.replace("48213", "+48213"),
        &other_name,
    ] {
        assert_eq!(SignedCheckpoint::from_pasted(wrong), Err(NoCheckpoint), "{wrong:?}");
    }
}

#[test]
fn a_key_is_made_once_and_only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("checkpoint.key");
    let first = Signer::load_or_make(&path, "host01").unwrap();
    let again = Signer::load_or_make(&path, "host01").unwrap();
    assert_eq!(first.public(), again.public());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let renamed = Signer::load_or_make(&path, "host02").unwrap();
    assert_ne!(first.public().id(), renamed.public().id(), "a key belongs to a name");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(Signer::load_or_make(&path, "host01"), Err(KeyError::Untrusted(_))));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, "short\n").unwrap();
    assert!(matches!(Signer::load_or_make(&path, "host01"), Err(KeyError::Malformed)));
    assert!(matches!(Signer::load_or_make(&path, "a host"), Err(KeyError::Name(_))));
}
