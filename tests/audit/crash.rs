//! What a crash leaves behind, and what opening the log makes of it.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use reeve::audit::read::{Filter, export};
use reeve::audit::{AuditError, Flaw, Receipt, RecordHash, output_digest};
use serde_json::json;

use crate::home::{Home, append, decision, open_in};

/// Tells a child process, which is this test program again, where its log is.
pub(crate) const CHILD_DIRECTORY: &str = "REEVE_TEST_AUDIT_DIRECTORY";

#[test]
fn a_torn_last_line_is_dropped_and_said_so() {
    let home = Home::with(3);
    let torn = b"{\"detail\":{\"verdict\":\"al";
    OpenOptions::new().append(true).open(home.current()).unwrap().write_all(torn).unwrap();
    let log = home.open().unwrap();
    assert_eq!(log.last().seq, 4);
    append(&log, 1);
    drop(log);
    let record = &home.records()[3];
    let detail =
        json!({"after_seq": 3, "dropped_bytes": 24, "refused_appends": 0, "torn": output_digest(torn)});
    assert_eq!(
        (record.kind.as_str(), serde_json::Value::Object(record.detail.clone())),
        ("log_recovered", detail)
    );
    assert!(home.verify().ok);
}

#[test]
fn a_last_line_cut_short_anywhere_is_dropped() {
    let home = Home::with(3);
    let whole = fs::read(home.current()).unwrap();
    let start_of_last = whole.len() - home.lines()[2].len() - 1;
    for end in (start_of_last + 1..whole.len()).step_by(11) {
        fs::write(home.current(), &whole[..end]).unwrap();
        assert_eq!(home.open().unwrap().last().seq, 3, "cut at {end}");
        assert_eq!(home.records()[2].kind, "log_recovered");
        assert!(home.verify().ok);
    }
}

#[test]
fn a_last_line_with_a_page_that_never_reached_the_disk_is_dropped() {
    let home = Home::with(3);
    let mut bytes = fs::read(home.current()).unwrap();
    let at = bytes.len() - 40;
    bytes[at..at + 20].fill(0);
    fs::write(home.current(), &bytes).unwrap();
    let log = home.open().unwrap();
    assert_eq!(home.records()[2].kind, "log_recovered");
    append(&log, 1);
    assert!(home.verify().ok);
}

#[test]
fn zeros_that_are_not_at_the_end_are_no_torn_line() {
    let home = Home::with(3);
    let mut bytes = fs::read(home.current()).unwrap();
    bytes[20..30].fill(0);
    fs::write(home.current(), &bytes).unwrap();
    let opened = home.open();
    assert!(
        matches!(opened, Err(AuditError::Broken { line: 1, flaw: Flaw::NotCanonical { .. }, .. })),
        "{opened:?}"
    );
}

#[test]
fn a_first_line_that_is_torn_leaves_an_empty_log() {
    let home = Home::new();
    fs::write(home.current(), "{\"det").unwrap();
    let log = home.open().unwrap();
    assert_eq!((log.last().seq, home.records()[0].kind.as_str()), (1, "log_recovered"));
}

/// Rotates all the time, so that some of the kills fall between rename, creation and first record.
#[test]
fn after_a_kill_every_acknowledged_record_is_there_and_the_chain_holds() {
    let home = Home::new();
    let mut acknowledged = Vec::new();
    for round in 0..8 {
        acknowledged.extend(acknowledged_before_kill(&home, 20 + round * 17));
        let log = open_in(&home.directory, 1500).unwrap();
        append(&log, 1);
        drop(log);
        let report = home.verify();
        assert!(report.ok, "round {round}: {report}");
    }
    let written: Vec<Receipt> =
        export(&home.directory, Filter::default()).map(|entry| entry.unwrap().record.receipt()).collect();
    assert!(acknowledged.len() > 500, "{} acknowledged", acknowledged.len());
    for receipt in acknowledged {
        let index = usize::try_from(receipt.seq - 1).unwrap();
        assert_eq!(written.get(index), Some(&receipt));
    }
    assert!(home.files().len() > 10);
}

fn acknowledged_before_kill(home: &Home, enough: usize) -> Vec<Receipt> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "crash::child_that_appends_until_it_is_killed", "--nocapture"])
        .env(CHILD_DIRECTORY, &home.directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut receipts: Vec<Receipt> = lines.by_ref().filter_map(|line| parse(&line)).take(enough).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had said before it died counts as well.
    receipts.extend(lines.filter_map(|line| parse(&line)));
    assert!(receipts.len() >= enough, "the child ended by itself");
    receipts
}

fn parse(line: &str) -> Option<Receipt> {
    let (seq, hash) = line.strip_prefix("ack ")?.split_once(' ')?;
    Some(Receipt { seq: seq.parse().unwrap(), hash: hash.parse::<RecordHash>().unwrap() })
}

#[test]
#[ignore = "not a test: the body of a process that a test starts and kills"]
fn child_that_appends_until_it_is_killed() {
    let directory = std::env::var_os(CHILD_DIRECTORY).expect("started by a test");
    let log = open_in(directory.as_ref(), 1500).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let log = log.clone();
            scope.spawn(move || {
                for number in 0.. {
                    let receipt = log.append_blocking(decision(writer * 1_000_000 + number)).unwrap();
                    println!("ack {} {}", receipt.seq, receipt.hash);
                }
            });
        }
    });
}
