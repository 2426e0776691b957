//! Reading back: the end of the log, what follows, and ranges of it.

use reeve::audit::EventKind;
use reeve::audit::read::{Entries, Filter, export, tail};
use reeve::audit::verify::{Options, verify};
use time::OffsetDateTime;

use crate::home::{Home, append, decision, open_in};
use crate::rotation::block_on;

fn numbers(entries: &mut Entries) -> Vec<u64> {
    entries.by_ref().map(|entry| entry.unwrap().record.seq).collect()
}

fn exported(home: &Home, filter: Filter) -> Vec<u64> {
    numbers(&mut export(&home.directory, filter))
}

#[test]
fn the_tail_reaches_back_over_files() {
    let home = Home::rotated(20);
    let last = home.verify().last.unwrap().seq;
    assert_eq!(numbers(&mut tail(&home.directory, 7).unwrap()), (last - 6..=last).collect::<Vec<_>>());
    assert_eq!(numbers(&mut tail(&home.directory, 0).unwrap()), Vec::<u64>::new());
    assert_eq!(numbers(&mut tail(&home.directory, 1000).unwrap()), (1..=last).collect::<Vec<_>>());
}

#[test]
fn following_goes_on_through_a_rotation() {
    let home = Home::new();
    let log = home.open().unwrap();
    append(&log, 3);
    let mut entries = tail(&home.directory, 1).unwrap();
    assert_eq!(numbers(&mut entries), [3]);
    append(&log, 2);
    assert_eq!(numbers(&mut entries), [4, 5]);
    append(&log, 1);
    block_on(log.rotate()).unwrap();
    append(&log, 1);
    assert_eq!(numbers(&mut entries), [6, 7, 8]);
    assert_eq!(numbers(&mut entries), Vec::<u64>::new());
    block_on(log.rotate()).unwrap();
    append(&log, 1);
    assert_eq!(numbers(&mut entries), [9, 10]);
}

#[test]
fn an_entry_keeps_the_exact_line() {
    let home = Home::with(3);
    let lines: Vec<String> =
        export(&home.directory, Filter::default()).map(|entry| entry.unwrap().line).collect();
    assert_eq!(lines, home.lines());
}

#[test]
fn an_export_takes_a_range_of_numbers() {
    let home = Home::rotated(20);
    let filter = Filter { first: Some(4), last: Some(9), ..Filter::default() };
    assert_eq!(exported(&home, filter), [4, 5, 6, 7, 8, 9]);
}

#[test]
fn an_export_takes_what_belongs_to_an_operation_a_principal_or_a_kind() {
    let home = Home::new();
    let log = home.open().unwrap();
    append(&log, 3);
    log.append_blocking(decision(4).principal("gardener")).unwrap();
    block_on(log.rotate()).unwrap();
    let of = |filter| exported(&home, filter);
    assert_eq!(of(Filter { operation: Some("op_2".to_owned()), ..Filter::default() }), [2]);
    assert_eq!(of(Filter { principal: Some("gardener".to_owned()), ..Filter::default() }), [4]);
    assert_eq!(of(Filter { kind: Some(EventKind::LogRotated), ..Filter::default() }), [5]);
}

#[test]
fn an_export_takes_a_span_of_time() {
    let home = Home::with(3);
    let written = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
    let later = written + time::Duration::milliseconds(1);
    assert_eq!(
        exported(&home, Filter { since: Some(written), until: Some(later), ..Filter::default() }),
        [1, 2, 3]
    );
    assert_eq!(exported(&home, Filter { since: Some(later), ..Filter::default() }), Vec::<u64>::new());
    assert_eq!(exported(&home, Filter { until: Some(written), ..Filter::default() }), Vec::<u64>::new());
}

#[test]
fn a_line_that_is_no_record_is_an_error_and_reading_goes_on() {
    let home = Home::with(3);
    let mut lines = home.lines();
    lines[1] = "hello".to_owned();
    home.write_lines(&lines);
    let read: Vec<bool> = export(&home.directory, Filter::default()).map(|entry| entry.is_ok()).collect();
    assert_eq!(read, [true, false, true]);
}

#[test]
fn a_log_can_be_verified_while_it_is_written_and_rotated() {
    let home = Home::new();
    let log = open_in(&home.directory, 2000).unwrap();
    append(&log, 1);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| append(&log, 400));
        while !writer.is_finished() {
            let report = verify(&home.directory, &Options::default());
            assert!(report.ok, "{report}");
        }
    });
    assert!(home.files().len() > 20);
}
