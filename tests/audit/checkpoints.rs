//! Signed checkpoints: what they show of a log that was left alone, cut, rewritten, rotated and opened again, and the
//! proofs that need no log.

use std::fs;
use std::path::Path;

use reeve::audit::prove::{ProveError, consistency, inclusion};
use reeve::audit::verify::{CHECKPOINT_KEY, History, Options, Report, verify};
use reeve::audit::{
    AuditLog, Event, EventKind, Flaw, NodeHash, NoteKey, SignedCheckpoint, Signer, Tree, consistent, included,
};

use crate::home::{Home, append, open_in};
use crate::rotation::block_on;

fn signer(home: &Home) -> Signer {
    // Beside the log, for a test; the gate keeps it elsewhere.
    Signer::load_or_make(&home.directory.join("checkpoint.key"), "host01").unwrap()
}

fn checkpoint(log: &AuditLog, signer: &Signer) -> SignedCheckpoint {
    let head = log.head();
    assert_eq!(head.tree.size(), head.last.seq);
    SignedCheckpoint::sign(signer, head.tree.size(), head.tree.root())
}

/// A gate's start tells of its key.
fn start(log: &AuditLog, signer: &Signer) {
    let key = signer.public().to_string();
    log.append_blocking(Event::new(EventKind::GateStarted).with(CHECKPOINT_KEY, key)).unwrap();
}

fn held_against(directory: &Path, checkpoint: &SignedCheckpoint, key: Option<NoteKey>) -> Report {
    let options = Options { checkpoint: Some(checkpoint.clone()), key, ..Options::default() };
    verify(directory, &options)
}

fn history(report: &Report) -> &History {
    &report.checkpoint.as_ref().unwrap().history
}

#[test]
fn a_log_that_went_on_still_holds_the_history_of_an_old_checkpoint() {
    let home = Home::new();
    let signer = signer(&home);
    let log = open_in(&home.directory, 2000).unwrap();
    start(&log, &signer);
    append(&log, 10);
    let old = checkpoint(&log, &signer);
    append(&log, 40);
    drop(log);
    assert!(home.files().len() > 3, "{:?}", home.files());
    for key in [None, Some(signer.public().clone())] {
        let report = held_against(&home.directory, &old, key);
        assert!(report.ok, "{report}");
        assert_eq!(report.checkpoint.unwrap().signed_by.as_ref(), Some(signer.public()));
    }
}

#[test]
fn a_cut_and_a_rewritten_log_are_found_by_a_signed_checkpoint_alone() {
    let home = Home::new();
    let signer = signer(&home);
    let log = home.open().unwrap();
    start(&log, &signer);
    append(&log, 20);
    let remembered = checkpoint(&log, &signer);
    drop(log);
    let whole = home.lines();
    home.write_lines(&whole[..15]);
    assert!(home.verify().ok, "the chain alone cannot know");
    let report = held_against(&home.directory, &remembered, None);
    assert!(!report.ok);
    assert_eq!(history(&report), &History::Cut { last: 15 });
    assert!(report.to_string().contains("CUT      the checkpoint is of 21 records"), "{report}");

    fs::remove_file(home.current()).unwrap();
    let log = home.open().unwrap();
    start(&log, &signer);
    log.append_blocking(Event::new(EventKind::GateStarted)).unwrap();
    append(&log, 40);
    drop(log);
    assert!(home.verify().ok);
    let report = held_against(&home.directory, &remembered, None);
    assert!(!report.ok && matches!(history(&report), History::Differs { .. }), "{report}");
}

#[test]
fn a_checkpoint_that_no_key_of_the_log_has_signed_proves_nothing() {
    let (home, elsewhere) = (Home::new(), Home::new());
    let (ours, theirs) = (signer(&home), signer(&elsewhere));
    let log = home.open().unwrap();
    start(&log, &ours);
    append(&log, 3);
    let (good, forged) = (checkpoint(&log, &ours), checkpoint(&log, &theirs));
    drop(log);
    let report = held_against(&home.directory, &forged, None);
    assert!(!report.ok, "{report}");
    assert_eq!((history(&report), &report.checkpoint.as_ref().unwrap().signed_by), (&History::Holds, &None));
    assert!(report.to_string().contains("UNSIGNED"), "{report}");
    let report = held_against(&home.directory, &good, Some(theirs.public().clone()));
    assert!(!report.ok, "the key that was asked for is another: {report}");
}

#[test]
fn after_a_change_of_key_checkpoints_of_either_hold() {
    let (home, elsewhere) = (Home::new(), Home::new());
    let (first, second) = (signer(&home), signer(&elsewhere));
    let log = home.open().unwrap();
    start(&log, &first);
    append(&log, 3);
    let old = checkpoint(&log, &first);
    start(&log, &second);
    let new = checkpoint(&log, &second);
    drop(log);
    for checkpoint in [old, new] {
        let report = held_against(&home.directory, &checkpoint, None);
        assert!(report.ok, "{report}");
    }
}

/// The tree over the lines of all files, from nothing.
fn from_nothing(home: &Home) -> Tree {
    let mut tree = Tree::default();
    let files = home.files().into_iter().filter(|name| name.ends_with(".jsonl"));
    for name in files {
        let text = fs::read_to_string(home.directory.join(name)).unwrap();
        text.lines().for_each(|line| tree.push(NodeHash::leaf(line.as_bytes())));
    }
    tree
}

#[test]
fn the_tree_is_the_same_through_every_restart_and_rotation() {
    let home = Home::new();
    for round in 0..12 {
        let log = open_in(&home.directory, 1500).unwrap();
        append(&log, round);
        assert_eq!(log.head().tree, from_nothing(&home), "round {round}");
    }
    assert!(home.files().len() > 5, "{:?}", home.files());
    assert!(home.verify().ok);
}

#[test]
fn opening_needs_none_of_the_older_files_for_the_tree() {
    let home = Home::rotated(40);
    let whole = from_nothing(&home);
    let full = home.files();
    // All but the current file and the one before it are kept elsewhere.
    for name in &full[..full.len() - 2] {
        fs::remove_file(home.directory.join(name)).unwrap();
    }
    assert_eq!(home.open().unwrap().head().tree, whole);
}

#[test]
fn a_log_whose_files_do_not_tell_the_tree_is_read_from_its_beginning() {
    let home = Home::with(5);
    fs::rename(home.current(), home.directory.join("audit-000000000001.jsonl")).unwrap();
    drop(home.open().unwrap());
    let untold = untell(&home);
    home.write_lines(&[untold]);
    assert_eq!(home.open().unwrap().head().tree, from_nothing(&home));
    fs::remove_file(home.directory.join("audit-000000000001.jsonl")).unwrap();
    assert!(matches!(
        home.open(),
        Err(reeve::audit::AuditError::Broken { flaw: Flaw::NotFromOne { seq: 6 }, .. })
    ));
}

/// The only line of the current file, without the tree that it tells.
fn untell(home: &Home) -> String {
    let mut record: serde_json::Value = serde_json::from_str(&home.lines()[0]).unwrap();
    record["detail"].as_object_mut().unwrap().remove("tree").unwrap();
    record.to_string()
}

#[test]
fn a_file_that_begins_with_another_tree_is_found() {
    let home = Home::new();
    let log = home.open().unwrap();
    append(&log, 5);
    block_on(log.rotate()).unwrap();
    drop(log);
    // The last record of all: nothing is chained to it yet.
    let mut record: serde_json::Value = serde_json::from_str(&home.lines()[0]).unwrap();
    let edge = record["detail"]["tree"]["edge"].as_array_mut().unwrap();
    edge.swap(0, 1);
    home.write_lines(&[record.to_string()]);
    let found = home.flaw();
    assert_eq!(found, Some(("audit.jsonl".to_owned(), 1, 6, Flaw::WrongTree { seq: 6 })));
}

/// The hashes of a proof, and the checkpoint under them.
fn read(proof: &str, first: &str) -> (u64, Vec<NodeHash>, SignedCheckpoint) {
    let (head, checkpoint) = proof.split_once("\n\n").unwrap();
    let mut lines = head.lines().skip_while(|line| !line.starts_with(first));
    let number = lines.next().unwrap().strip_prefix(first).unwrap().trim().parse().unwrap();
    let hashes = lines.map(|line| NodeHash::from_base64(line).unwrap()).collect();
    (number, hashes, SignedCheckpoint::from_pasted(checkpoint).unwrap())
}

#[test]
fn a_proof_convinces_whoever_has_the_key_and_no_log() {
    let home = Home::new();
    let signer = signer(&home);
    let log = open_in(&home.directory, 2000).unwrap();
    append(&log, 13);
    let old = checkpoint(&log, &signer);
    append(&log, 20);
    let new = checkpoint(&log, &signer);
    drop(log);
    let text = inclusion(&home.directory, 4, &new).unwrap();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 3\n"), "{text}");
    let (index, hashes, under) = read(&text, "index");
    let line = fs::read_to_string(home.directory.join(&home.files()[0])).unwrap();
    let leaf = NodeHash::leaf(line.lines().nth(3).unwrap().as_bytes());
    assert!(under.is_signed_by(signer.public()));
    assert!(included(leaf, index, (under.size(), under.root()), &hashes));
    let other = NodeHash::leaf(line.lines().nth(4).unwrap().as_bytes());
    assert!(!included(other, index, (under.size(), under.root()), &hashes));

    let text = consistency(&home.directory, &old, &new).unwrap();
    let (size, hashes, under) = read(&text, "old");
    assert_eq!((size, &under), (old.size(), &new));
    assert!(consistent((size, old.root()), (new.size(), new.root()), &hashes));
}

#[test]
fn there_is_no_proof_of_what_the_log_does_not_hold() {
    let (home, elsewhere) = (Home::new(), Home::new());
    let signer = signer(&home);
    let (log, other) = (home.open().unwrap(), elsewhere.open().unwrap());
    append(&log, 8);
    other.append_blocking(Event::new(EventKind::GateStarted)).unwrap();
    append(&other, 4);
    let (ours, theirs) = (checkpoint(&log, &signer), checkpoint(&other, &signer));
    let outside = |result| matches!(result, Err(ProveError::Outside { .. }));
    let of_another = |result| matches!(result, Err(ProveError::OtherHistory { .. }));
    assert!(outside(inclusion(&home.directory, 0, &ours)) && outside(inclusion(&home.directory, 9, &ours)));
    assert!(of_another(inclusion(&home.directory, 2, &theirs)));
    assert!(of_another(consistency(&home.directory, &theirs, &ours)));
    assert!(outside(consistency(&home.directory, &ours, &theirs)));
}
