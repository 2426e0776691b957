//! What a witness cosigns of somebody else's log, and what it never does.

use reeve::audit::prove::consistency;
use reeve::audit::verify::{Options, verify};
use reeve::audit::witness::{AddCheckpoint, NotCosigned, Seen};
use reeve::audit::{AuditLog, Cosignature, NodeHash, NoteKey, SignedCheckpoint, Signer, WitnessKey};

use crate::home::{Home, append};

/// A log with its key, and a witness's key.
struct Pair {
    home: Home,
    log: AuditLog,
    signer: Signer,
    witness: Signer,
}

impl Pair {
    fn new() -> Self {
        let home = Home::new();
        let signer = Signer::load_or_make(&home.directory.join("checkpoint.key"), "host01").unwrap();
        let witness = Signer::load_or_make_witness(&home.directory.join("witness.key"), "host02").unwrap();
        let log = home.open().unwrap();
        Self { home, log, signer, witness }
    }

    fn key(&self) -> &NoteKey {
        self.signer.public()
    }

    fn witness(&self) -> WitnessKey {
        WitnessKey::from(self.witness.public())
    }

    /// The checkpoint after so many more records.
    fn after(&self, records: u64) -> SignedCheckpoint {
        append(&self.log, records);
        let tree = self.log.head().tree;
        SignedCheckpoint::sign(&self.signer, tree.size(), tree.root())
    }
}

fn first(checkpoint: &SignedCheckpoint) -> AddCheckpoint {
    format!("old 0\n\n{checkpoint}\n").parse().unwrap()
}

#[test]
fn a_log_that_only_grows_is_cosigned_again_and_again() {
    let pair = Pair::new();
    let mut before = pair.after(3);
    let mut seen = first(&before).after(pair.key(), None).unwrap();
    assert_eq!(seen, Seen { size: 3, root: before.root().base64() });
    for more in [1, 4, 0, 9] {
        let now = pair.after(more);
        let request: AddCheckpoint =
            consistency(&pair.home.directory, &before, &now).unwrap().parse().unwrap();
        assert_eq!(request.origin(), "host01/reeve");
        seen = request.after(pair.key(), Some(&seen)).unwrap();
        assert_eq!(seen.size, now.size());
        before = now;
    }
}

#[test]
fn nothing_is_cosigned_of_a_log_that_was_cut_or_forked_or_does_not_show_that_it_only_grew() {
    let pair = Pair::new();
    let (old, now) = (pair.after(5), pair.after(4));
    let seen = first(&old).after(pair.key(), None).unwrap();
    let later = Seen { size: now.size(), root: now.root().base64() };
    let ask = |text: &str, last: &Seen| text.parse::<AddCheckpoint>().unwrap().after(pair.key(), Some(last));
    let good = consistency(&pair.home.directory, &old, &now).unwrap();
    assert_eq!(ask(&good, &seen), Ok(later.clone()));

    let cut = ask(&format!("old 5\n\n{old}\n"), &later);
    assert_eq!(cut, Err(NotCosigned::Fewer { size: 5, seen: 9 }));
    let other = SignedCheckpoint::sign(&pair.signer, 9, NodeHash::leaf(b"another history"));
    let forked = ask(&format!("old 9\n\n{other}\n"), &later);
    assert_eq!(forked, Err(NotCosigned::Forked { size: 9, seen: 9 }));
    let rewritten = ask(&good, &Seen { root: other.root().base64(), ..seen.clone() });
    assert_eq!(rewritten, Err(NotCosigned::Inconsistent(5)));
    let without = ask(&format!("old 5\n\n{now}\n"), &seen);
    assert_eq!(without, Err(NotCosigned::Inconsistent(5)));
    // An old checkpoint of a log that grows looks like one of a log that was cut.
    assert!(cut.as_ref().is_err_and(|why| why.is_alarming() && !why.is_proof()));
    for proof in [forked, rewritten, without] {
        assert!(proof.is_err_and(|why| why.is_alarming() && why.is_proof()));
    }

    // Who does not know where it stands is told, and nothing is wrong.
    let stale = ask(&format!("old 0\n\n{now}\n"), &seen).unwrap_err();
    assert!(stale == NotCosigned::OldSize(5) && !stale.is_alarming());
    let ahead = ask(&format!("old 7\n\n{now}\n"), &seen).unwrap_err();
    assert_eq!(ahead, NotCosigned::OldSize(5));
}

#[test]
fn what_another_key_has_signed_or_is_no_request_is_not_looked_at() {
    let (pair, other) = (Pair::new(), Pair::new());
    let now = pair.after(3);
    assert_eq!(first(&now).after(other.key(), None), Err(NotCosigned::Unsigned));
    let good = format!("old 0\n\n{now}\n");
    let hash = now.root().base64();
    for wrong in [
        String::new(),
        good.replace("old 0", "old 00"),
        good.replace("old 0", "new 0"),
        good.replace("old 0", "old -1"),
        good.replace("old 0\n", "old 0\nAAAA\n"),
        good.replace("old 0\n", &format!("old 0\n{}", format!("{hash}\n").repeat(64))),
        good.replace("\n3\n", "\n03\n"),
        good.replace(&hash, "AAAA"),
        good.trim_end().to_owned(),
        good.replace('\u{2014}', "-"),
        good.replace("\n\n\u{2014}", "\n\u{2014}"),
    ] {
        assert!(wrong.parse::<AddCheckpoint>().is_err(), "{wrong:?}");
    }
    let proof_of_nothing: AddCheckpoint =
        good.replace("old 0\n", &format!("old 0\n{hash}\n")).parse().unwrap();
    assert_eq!(proof_of_nothing.after(pair.key(), None), Err(NotCosigned::Inconsistent(0)));
    // Lines that a log adds to its checkpoints are signed along, and signatures of others stand beside.
    let beside = format!("{good}\u{2014} other.example AAAAAAAA\n");
    assert!(beside.parse::<AddCheckpoint>().unwrap().after(pair.key(), None).is_ok());
}

#[test]
fn a_cosignature_has_the_form_of_its_specification_and_says_what_and_when() {
    use base64::Engine;
    let pair = Pair::new();
    let request = first(&pair.after(3));
    let word = Cosignature::sign(&pair.witness, request.body(), 1_795_183_320);
    let line = word.to_string();
    let signed = line.strip_prefix("\u{2014} host02/witness ").unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(signed).unwrap();
    assert_eq!((bytes.len(), &bytes[4..12]), (76, 1_795_183_320_u64.to_be_bytes().as_slice()));
    let key = pair.witness();
    let raw =
        base64::engine::general_purpose::STANDARD.decode(key.to_string().splitn(3, '+').nth(2).unwrap());
    assert_eq!(raw.unwrap()[0], 4, "its key is of the type of cosignatures");
    assert_eq!(key.to_string().parse(), Ok(key.clone()));
    assert!(key.to_string().parse::<NoteKey>().is_err(), "and signs no log");
    let read = Cosignature::from_line(&line).unwrap();
    assert_eq!((&read, read.time()), (&word, 1_795_183_320));
    assert!(read.is_by(&key, request.body()) && !read.is_by(&key, &request.body().replace('3', "4")));
    assert!(!read.is_by(&Pair::new().witness(), request.body()));
}

#[test]
fn a_checkpoint_shows_who_has_seen_it_whatever_a_phone_did_to_it() {
    let pair = Pair::new();
    let checkpoint = pair.after(6);
    let word = Cosignature::sign(&pair.witness, first(&checkpoint).body(), 1_795_183_320).to_string();
    let whole = format!("audit: log 6 · 9f86d081884c7d65\n{checkpoint}\n{word}\n");
    let verified = |text: &str, witnesses: &[WitnessKey]| {
        let checkpoint = Some(SignedCheckpoint::from_pasted(text).unwrap());
        let (key, witnesses) = (Some(pair.key().clone()), witnesses.to_vec());
        verify(&pair.home.directory, &Options { checkpoint, key, witnesses, ..Options::default() })
    };
    let witness = [pair.witness()];
    for text in
        [whole.clone(), whole.replace('\n', " "), whole.replace('\u{2014}', "--").replace(' ', "\u{a0}")]
    {
        let report = verified(&text, &witness);
        assert!(report.ok, "{report}");
        assert!(report.to_string().contains(&format!("  seen     by {}, 2026-11-2", witness[0])), "{report}");
    }
    for (text, witnesses) in [
        (checkpoint.to_string(), witness.to_vec()),
        (whole.clone(), vec![witness[0].clone(), Pair::new().witness()]),
        (
            whole.replace(&word, &Cosignature::sign(&pair.witness, "another\n", 1).to_string()),
            witness.to_vec(),
        ),
    ] {
        let report = verified(&text, &witnesses);
        assert!(!report.ok && report.to_string().contains("  UNSEEN   "), "{report}");
    }
    assert_eq!(SignedCheckpoint::from_pasted(&whole).unwrap().to_string(), format!("{checkpoint}\n{word}"));
}
