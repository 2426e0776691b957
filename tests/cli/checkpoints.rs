//! A message from a phone against the log, and proofs for whoever has none.

use std::path::Path;
use std::sync::Arc;

use reeve::audit::verify::CHECKPOINT_KEY;
use reeve::audit::{AuditConfig, AuditLog, Event, EventKind, SignedCheckpoint, Signer};
use reeve::sys::clock::SystemClock;

use crate::host::reeve;

/// A log of six records, and the checkpoints after three and after all of them.
fn a_log(directory: &Path) -> (String, [String; 2]) {
    let config =
        AuditConfig { path: directory.join("audit.jsonl"), rotate_bytes: 1 << 30, host: "host01".to_owned() };
    let log = AuditLog::open(config, Arc::new(SystemClock)).unwrap();
    let signer = Signer::load_or_make(&directory.join("key"), "host01").unwrap();
    let key = signer.public().to_string();
    let append = |count| {
        for number in 0..count {
            let event = Event::new(EventKind::Outcome).operation(format!("op_{number}"));
            log.append_blocking(event).unwrap();
        }
        let tree = log.head().tree;
        SignedCheckpoint::sign(&signer, tree.size(), tree.root()).to_string()
    };
    log.append_blocking(Event::new(EventKind::GateStarted).with(CHECKPOINT_KEY, key.as_str())).unwrap();
    (key, [append(2), append(3)])
}

#[test]
fn a_pasted_message_is_held_against_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let (key, [early, late]) = a_log(directory.path());
    let log = directory.path().to_str().unwrap();
    let verify = |more: &[&str]| reeve(&[&["audit", "verify", "--log", log][..], more].concat(), &[]);
    let message = format!("reeve · host01 · ✅ done\naudit: log 3 · 9f86d081884c7d65\n{early}");
    let held = verify(&["--checkpoint", &message]);
    assert!(held.exit == 0 && held.out.contains("whole history of the checkpoint: 3 records"), "{held:?}");
    assert!(held.out.contains(&format!("signed   by {key}")), "{held:?}");
    let file = directory.path().join("message.txt");
    std::fs::write(&file, &message).unwrap();
    let from_file = verify(&["--checkpoint", &format!("@{}", file.display()), "--key", &key]);
    assert_eq!(from_file.exit, 0, "{from_file:?}");
    let nonsense = verify(&["--checkpoint", "log 3"]);
    assert!(nonsense.exit == 2 && nonsense.err.contains("no whole checkpoint"), "{nonsense:?}");

    let audit = directory.path().join("audit.jsonl");
    let lines: Vec<String> =
        std::fs::read_to_string(&audit).unwrap().lines().map(|line| format!("{line}\n")).collect();
    std::fs::write(&audit, lines[..4].concat()).unwrap();
    let cut = verify(&["--checkpoint", &late]);
    assert!(cut.exit == 1 && cut.out.contains("CUT"), "{cut:?}");
    assert_eq!(verify(&["--checkpoint", &early]).exit, 0, "what the early one stands for is all there");
}

#[test]
fn keys_are_shown_and_proofs_printed() {
    let directory = tempfile::tempdir().unwrap();
    let (key, [early, late]) = a_log(directory.path());
    let log = directory.path().to_str().unwrap();
    let keys = reeve(&["audit", "key", "--log", log], &[]);
    assert!(keys.exit == 0 && keys.out.starts_with(&format!("{key}\n  since record 1, ")), "{keys:?}");
    let prove = |more: &[&str]| reeve(&[&["audit", "prove", "--log", log][..], more].concat(), &[]);
    let record = prove(&["--record", "2", "--checkpoint", &late]);
    assert!(record.out.starts_with("c2sp.org/tlog-proof@v1\nindex 1\n"), "{record:?}");
    assert!(record.out.ends_with(&format!("\n\n{late}\n")), "{record:?}");
    let since = prove(&["--since", &early, "--checkpoint", &late]);
    assert!(since.exit == 0 && since.out.starts_with("old 3\n"), "{since:?}");
    let none = prove(&["--record", "7", "--checkpoint", &late]);
    assert!(none.exit == 1 && none.err.contains("record 7 is not in a history of 6 records"), "{none:?}");
    assert_eq!(prove(&["--checkpoint", &late]).exit, 2, "of what?");
}
