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

#[test]
fn a_printed_proof_is_checked_on_a_machine_that_has_the_key_and_no_log() {
    let directory = tempfile::tempdir().unwrap();
    let (key, [early, late]) = a_log(directory.path());
    let log = directory.path().to_str().unwrap();
    let record = reeve(&["audit", "prove", "--log", log, "--record", "2", "--checkpoint", &late], &[]).out;
    let since = reeve(&["audit", "prove", "--log", log, "--since", &early, "--checkpoint", &late], &[]).out;
    let line = reeve(&["audit", "export", "--log", log, "--first", "2", "--last", "2"], &[]).out;
    let other = reeve(&["audit", "export", "--log", log, "--first", "3", "--last", "3"], &[]).out;
    // From here on there is no log.
    let elsewhere = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(elsewhere.path().join(name), text).unwrap();
        format!("@{}", elsewhere.path().join(name).display())
    };
    let (record, line) = (file("record.tlog-proof", &record), file("record.json", &line));
    drop(directory);
    let check = |more: &[&str]| reeve(&[&["audit", "check"][..], more].concat(), &[]);
    let proved = check(&[&record, "--record", &line, "--key", &key]);
    assert!(proved.exit == 0 && proved.out.starts_with("proved: record 2 (outcome, "), "{proved:?}");
    assert!(proved.out.contains(&format!("  signed   by {key}")), "{proved:?}");
    let grew = check(&[&since, "--since", &early, "--key", &key, "--json"]);
    assert_eq!(grew.json()["proved"]["since"], 3, "{grew:?}");

    let wrong = check(&[&record, "--record", &other, "--key", &key]);
    assert!(wrong.exit == 1 && wrong.err.contains("the line is not record 2"), "{wrong:?}");
    let unsigned = check(&[&since, "--since", &early, "--key", &stranger()]);
    assert!(unsigned.exit == 1 && unsigned.err.contains("signed by none of the keys"), "{unsigned:?}");
    assert_eq!(check(&[&record, "--record", &line]).exit, 2, "without a key nothing is proved");
    assert_eq!(check(&[&late, "--since", &early, "--key", &key]).exit, 2, "a checkpoint is no proof");
}

fn stranger() -> String {
    let directory = tempfile::tempdir().unwrap();
    Signer::load_or_make(&directory.path().join("key"), "host01").unwrap().public().to_string()
}

#[test]
fn a_witness_cosigns_a_log_that_grows_keeps_what_it_saw_and_says_no_to_another_history() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (key, [early, late]) = a_log(directory.path());
    let log = directory.path().to_str().unwrap();
    let state = elsewhere.path().join("witness");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    let state = state.to_str().unwrap();
    let own = reeve(&["audit", "witness", "--state", state, "--name", "host02", "--show-key"], &[]);
    assert!(own.exit == 0 && own.out.starts_with("host02/witness+"), "{own:?}");
    let ask = |request: &str| {
        let file = elsewhere.path().join("request");
        std::fs::write(&file, request).unwrap();
        let script = format!(
            "exec {} audit witness --state {state} --name host02 --key {key} <{}",
            env!("CARGO_BIN_EXE_reeve"),
            file.display()
        );
        let command = reeve::sys::process::Command::new("/bin/sh").args(["-c", &script]);
        let done = reeve::sys::process::run(&command).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (matches!(done.status, reeve::sys::process::Exit::Code(0)), text(done.stdout), text(done.stderr))
    };
    let first = ask(&format!("old 0\n\n{early}\n"));
    assert!(first.0 && first.1.starts_with("\u{2014} host02/witness "), "{first:?}");
    let again = ask(&format!("old 0\n\n{late}\n"));
    assert!(!again.0 && again.2.contains("is of 3 records"), "it has not forgotten: {again:?}");
    let grown = reeve(&["audit", "prove", "--log", log, "--since", &early, "--checkpoint", &late], &[]).out;
    let grown = ask(&grown);
    assert!(grown.0, "{grown:?}");
    let cut = ask(&format!("old 6\n\n{early}\n"));
    assert!(
        !cut.0 && cut.2.contains("the log was cut, or an old checkpoint") && cut.2.contains("proves nothing"),
        "{cut:?}"
    );

    let message = format!("{late}\n{}", grown.1);
    let witness = own.out.trim();
    let held = reeve(&["audit", "verify", "--log", log, "--checkpoint", &message, "--witness", witness], &[]);
    assert!(held.exit == 0 && held.out.contains(&format!("  seen     by {witness}, ")), "{held:?}");
    let bare = reeve(&["audit", "verify", "--log", log, "--checkpoint", &late, "--witness", witness], &[]);
    assert!(bare.exit == 1 && bare.out.contains("UNSEEN"), "{bare:?}");
}
