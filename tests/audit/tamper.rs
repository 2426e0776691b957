//! What somebody with write access does to the files, and what verification says of it.

use std::fs;
use std::path::Path;

use reeve::audit::verify::{Against, LedgerReport, Options, UnrecordedGrant, verify};
use reeve::audit::{AuditError, Event, EventKind, Flaw};

use crate::home::{Home, append};

const CURRENT: &str = "audit.jsonl";

#[test]
fn a_log_that_nobody_touched_holds() {
    let home = Home::with(20);
    let last = home.records().pop().unwrap().receipt();
    let report = home.verify_against(last);
    assert!(report.ok, "{report}");
    assert_eq!((report.files, report.records, report.first, report.last), (1, 20, Some(1), Some(last)));
    assert_eq!(report.against, Some(Against::Agrees { checkpoint: last.into() }));
}

#[test]
fn a_byte_altered_anywhere_is_found() {
    let home = Home::with(20);
    let last = home.records().pop().unwrap().receipt();
    let good = fs::read(home.current()).unwrap();
    let start_of_last = good.len() - home.lines().pop().unwrap().len() - 1;
    for at in 0..good.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut bytes = good.clone();
            bytes[at] ^= flip;
            fs::write(home.current(), &bytes).unwrap();
            // Nothing is chained to the last record yet: that one is for the checkpoint to hold.
            let report = if at < start_of_last { home.verify() } else { home.verify_against(last) };
            assert!(!report.ok, "byte {at} ^ {flip:#x} was not found");
        }
    }
}

#[test]
fn a_changed_value_is_found_at_the_record_behind_it() {
    let home = Home::with(20);
    let mut lines = home.lines();
    lines[6] = lines[6].replace("allow", "denys");
    home.write_lines(&lines);
    assert_eq!(home.flaw(), Some((CURRENT.to_owned(), 8, 8, Flaw::Altered { seq: 7, next: 8 })));
}

#[test]
fn a_cut_tail_is_found_against_a_checkpoint_and_not_without_it() {
    let home = Home::with(20);
    let last = home.records().pop().unwrap().receipt();
    home.write_lines(&home.lines()[..15]);
    assert!(home.verify().ok, "the chain alone cannot know");
    let report = home.verify_against(last);
    assert!(!report.ok);
    assert_eq!(report.against, Some(Against::TailMissing { checkpoint: last.into(), last: 15 }));
    assert!(report.to_string().contains("the log ends at record 15"), "{report}");
}

#[test]
fn a_log_written_anew_differs_from_the_checkpoint() {
    let home = Home::with(20);
    let remembered = home.records()[9].receipt();
    fs::remove_file(home.current()).unwrap();
    let log = home.open().unwrap();
    log.append_blocking(Event::new(EventKind::GateStarted)).unwrap();
    append(&log, 30);
    drop(log);
    assert!(home.verify().ok);
    let found = home.records()[9].hash;
    let expected = Against::Differs { checkpoint: remembered.into(), found };
    assert_eq!(home.verify_against(remembered).against, Some(expected));
}

#[test]
fn reordered_records_are_found() {
    let home = Home::with(20);
    let mut lines = home.lines();
    lines.swap(4, 5);
    home.write_lines(&lines);
    assert_eq!(home.flaw(), Some((CURRENT.to_owned(), 5, 5, Flaw::Reordered { expected: 5, found: 6 })));
}

#[test]
fn a_deleted_record_in_the_middle_is_found() {
    let home = Home::with(20);
    let mut lines = home.lines();
    lines.drain(4..7);
    home.write_lines(&lines);
    assert_eq!(home.flaw(), Some((CURRENT.to_owned(), 5, 5, Flaw::Missing { first: 5, last: 7 })));
}

#[test]
fn a_deleted_beginning_is_found() {
    let home = Home::with(20);
    home.write_lines(&home.lines()[3..]);
    assert_eq!(home.flaw(), Some((CURRENT.to_owned(), 1, 1, Flaw::NotFromOne { seq: 4 })));
}

#[test]
fn a_duplicated_record_is_found() {
    let home = Home::with(20);
    let mut lines = home.lines();
    lines.insert(5, lines[4].clone());
    home.write_lines(&lines);
    assert_eq!(home.flaw(), Some((CURRENT.to_owned(), 6, 6, Flaw::Duplicated { seq: 5 })));
}

#[test]
fn a_torn_end_is_found_by_verification() {
    let home = Home::with(3);
    let bytes = fs::read(home.current()).unwrap();
    let torn = home.lines()[2].len() as u64 - 9;
    fs::write(home.current(), &bytes[..bytes.len() - 10]).unwrap();
    assert_eq!(home.flaw(), Some((CURRENT.to_owned(), 3, 3, Flaw::Torn { bytes: torn })));
}

#[test]
fn an_emptied_or_absent_log_is_never_a_pass() {
    let home = Home::with(3);
    fs::write(home.current(), "").unwrap();
    assert_eq!(home.flaw(), Some((CURRENT.to_owned(), 1, 1, Flaw::Empty)));
    fs::remove_file(home.current()).unwrap();
    assert!(!home.verify().ok);
    assert!(!verify(Path::new("/nonexistent/log"), &Options::default()).ok);
}

#[test]
fn a_missing_file_is_found() {
    let home = Home::rotated(20);
    let middle = home.files()[1].clone();
    let first: u64 = middle.trim_start_matches("audit-").trim_end_matches(".jsonl").parse().unwrap();
    fs::remove_file(home.directory.join(&middle)).unwrap();
    let (_, line, seq, flaw) = home.flaw().unwrap();
    assert_eq!((line, seq), (1, first));
    assert!(matches!(flaw, Flaw::Missing { first: missing, .. } if missing == first), "{flaw}");
}

#[test]
fn a_full_file_under_another_name_is_found() {
    let home = Home::rotated(20);
    let first = home.directory.join("audit-000000000001.jsonl");
    fs::rename(first, home.directory.join("audit-000000000000.jsonl")).unwrap();
    let flaw = Flaw::Misnamed { seq: 1 };
    assert_eq!(home.flaw(), Some(("audit-000000000000.jsonl".to_owned(), 1, 1, flaw)));
}

#[test]
fn one_file_can_be_verified_by_itself() {
    let home = Home::rotated(20);
    let report = verify(&home.directory.join(&home.files()[2]), &Options::default());
    assert!(report.ok, "{report}");
    assert!(report.first > Some(1));
}

#[test]
fn a_broken_link_inside_keeps_the_log_from_being_opened() {
    let home = Home::with(20);
    let mut lines = home.lines();
    lines[6] = lines[6].replace("allow", "denys");
    home.write_lines(&lines);
    let before = fs::read(home.current()).unwrap();
    match home.open() {
        Err(AuditError::Broken { file, line, seq, flaw }) => {
            assert_eq!((file.as_str(), line, seq, flaw), (CURRENT, 8, 8, Flaw::Altered { seq: 7, next: 8 }));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read(home.current()).unwrap(), before, "evidence is left as it is");
}

#[test]
fn a_spent_grant_without_a_record_is_found() {
    let home = Home::new();
    let ledger = tempfile::tempdir().unwrap();
    let digests = [("a", "1".repeat(64)), ("b", "2".repeat(64))];
    for (nonce, digest) in &digests {
        let line = format!("op_{nonce} 0 5e2b8f0c-0000-4000-8000-000000000000 {digest}\n");
        fs::write(ledger.path().join(nonce.repeat(32)), line).unwrap();
    }
    let options = Options { ledger: Some(ledger.path()), ..Options::default() };
    let signed = |digest: &str| Event::new(EventKind::GrantSigned).with("grant", format!("sha256:{digest}"));

    let log = home.open().unwrap();
    log.append_blocking(signed(&digests[0].1)).unwrap();
    let report = verify(&home.directory, &options);
    let missing = UnrecordedGrant { nonce: "b".repeat(32), operation: "op_b".to_owned(), step: 0 };
    assert_eq!(report.ledger, Some(LedgerReport::Checked { spent: 2, unrecorded: vec![missing] }));
    assert!(!report.ok);

    log.append_blocking(signed(&digests[1].1)).unwrap();
    assert!(verify(&home.directory, &options).ok);
}

#[test]
fn an_entry_of_which_a_power_cut_left_the_name_alone_is_known_by_that() {
    let home = Home::new();
    let ledger = tempfile::tempdir().unwrap();
    let nonce = "c".repeat(32);
    fs::write(ledger.path().join(&nonce), "").unwrap();
    let options = Options { ledger: Some(ledger.path()), ..Options::default() };
    let log = home.open().unwrap();
    let signed = |nonce: &str| {
        Event::new(EventKind::GrantSigned)
            .with("grant", format!("sha256:{}", "3".repeat(64)))
            .with("nonce", nonce.to_owned())
    };
    log.append_blocking(signed(&"d".repeat(32))).unwrap();
    let report = verify(&home.directory, &options);
    let missing = UnrecordedGrant { nonce: nonce.clone(), operation: String::new(), step: 0 };
    assert_eq!(report.ledger, Some(LedgerReport::Checked { spent: 1, unrecorded: vec![missing] }));
    log.append_blocking(signed(&nonce)).unwrap();
    assert!(verify(&home.directory, &options).ok);
}

#[test]
fn a_ledger_that_cannot_be_read_is_never_a_pass() {
    let home = Home::with(3);
    let options = Options { ledger: Some(Path::new("/nonexistent/spent")), ..Options::default() };
    let report = verify(&home.directory, &options);
    assert!(!report.ok);
    assert!(matches!(report.ledger, Some(LedgerReport::NotChecked { .. })), "{report}");
}
