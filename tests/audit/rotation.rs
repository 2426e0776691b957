//! A full file makes room for the next, and the chain goes on.

use std::fs;

use reeve::audit::{AuditError, Event, EventKind, Flaw, Outage, Receipt, Record};
use serde_json::json;

use crate::home::{Home, append, open_in};

#[test]
fn rotation_keeps_the_chain() {
    let home = Home::rotated(40);
    let report = home.verify();
    assert!(report.ok, "{report}");
    assert_eq!(report.files as usize, home.files().len());
    assert_eq!(report.records, 40 + report.files - 1);
}

#[test]
fn a_new_file_begins_by_naming_the_one_before() {
    let home = Home::new();
    let log = home.open().unwrap();
    let before = append(&log, 3).pop().unwrap();
    block_on(log.rotate()).unwrap();
    assert_eq!(home.files(), ["audit-000000000001.jsonl", "audit.jsonl"]);
    let record = home.records().remove(0);
    assert_eq!((record.seq, record.prev, record.kind.as_str()), (4, before.hash, "log_rotated"));
    // Three records: a whole tree of two, and one.
    let edge = record.detail["tree"]["edge"].clone();
    assert_eq!(edge.as_array().unwrap().len(), 2);
    let expected = json!({
        "previous_file": "audit-000000000001.jsonl", "previous_hash": before.hash,
        "tree": {"size": 3, "edge": edge},
    });
    assert_eq!(serde_json::Value::Object(record.detail), expected);
    assert_eq!(log.last().seq, 4);
}

#[test]
fn a_file_with_nothing_but_its_link_is_not_rotated_again() {
    let home = Home::new();
    let log = home.open().unwrap();
    append(&log, 3);
    for _ in 0..3 {
        block_on(log.rotate()).unwrap();
    }
    assert_eq!(home.files().len(), 2);
}

#[test]
fn a_crash_after_the_rename_is_finished_when_the_log_is_opened() {
    let home = Home::with(5);
    fs::rename(home.current(), home.directory.join("audit-000000000001.jsonl")).unwrap();
    goes_on_behind_five(&home);
}

#[test]
fn a_crash_after_the_new_file_was_begun_is_finished_when_the_log_is_opened() {
    let home = Home::with(5);
    fs::rename(home.current(), home.directory.join("audit-000000000001.jsonl")).unwrap();
    fs::write(home.current(), "").unwrap();
    goes_on_behind_five(&home);
}

#[test]
fn a_crash_in_the_middle_of_the_new_files_first_line_is_finished_when_the_log_is_opened() {
    let home = Home::with(5);
    fs::rename(home.current(), home.directory.join("audit-000000000001.jsonl")).unwrap();
    fs::write(home.current(), "{\"detail\":{\"previous_file\":\"audi").unwrap();
    let log = goes_on_behind_five(&home);
    assert_eq!(log[1].kind, "log_recovered");
    assert_eq!(log[1].detail["dropped_bytes"], json!(32));
}

fn goes_on_behind_five(home: &Home) -> Vec<Record> {
    let log = home.open().unwrap();
    let next = log.append_blocking(Event::new(EventKind::GateStarted)).unwrap();
    drop(log);
    let records = home.records();
    assert_eq!((records[0].seq, records[0].kind.as_str()), (6, "log_rotated"));
    assert_eq!(records.last().map(Record::receipt), Some(next));
    let report = home.verify_against(next);
    assert!(report.ok, "{report}");
    records
}

#[test]
fn a_current_file_that_does_not_go_on_where_the_full_one_ends_is_refused() {
    let home = Home::with(5);
    let archive = home.directory.join("audit-000000000001.jsonl");
    fs::write(&archive, home.lines()[..2].join("\n") + "\n").unwrap();
    home.write_lines(&home.lines()[3..]);
    match home.open() {
        Err(AuditError::Broken { seq: 4, flaw: Flaw::Reordered { expected: 3, found: 4 }, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_name_that_is_taken_is_not_overwritten() {
    let home = Home::new();
    let log = home.open().unwrap();
    append(&log, 3);
    let taken = home.directory.join("audit-000000000001.jsonl");
    fs::write(&taken, "kept").unwrap();
    match block_on(log.rotate()) {
        Err(AuditError::Unavailable(outage)) => assert!(matches!(*outage, Outage::NameTaken(_))),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read_to_string(&taken).unwrap(), "kept");
    fs::remove_file(taken).unwrap();
    append(&log, 1);
    assert!(home.verify().ok);
}

#[test]
fn opening_a_rotated_log_goes_on_with_the_next_number() {
    let home = Home::rotated(20);
    let last = home.records().pop().unwrap().receipt();
    let log = open_in(&home.directory, u64::MAX).unwrap();
    assert_eq!(log.last(), last);
    let Receipt { seq, .. } = append(&log, 1)[0];
    assert_eq!(seq, last.seq + 1);
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
