//! What durability costs: 64 writers that share syncs against one `fdatasync` for each record, on the same file system
//! and in alternating rounds; and how long a log of 100 MB takes to be followed when it is opened.
//!
//! Prints one JSON object a line. `REEVE_BENCH_DIR` chooses the file system; it must be one that keeps what it is told.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures time and says what is wrong by failing"
)]

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reeve::audit::verify::{Options, verify};
use reeve::audit::{AuditConfig, AuditLog, Event, EventKind, RecordHash};
use reeve::sys::clock::SystemClock;
use serde_json::json;
use tempfile::TempDir;

const ROUNDS: usize = 7;
const WRITERS: usize = 64;
const RECORDS_OF_EACH: usize = 400;
const RECORDS_ALONE: usize = 1500;
const LARGE_LOG: u64 = 100_000_000;

fn main() {
    let directory = bench_directory();
    let mut shared = Vec::new();
    let mut alone = Vec::new();
    let mut syncs = Vec::new();
    for _ in 0..ROUNDS {
        alone.push(one_sync_each(&directory));
        let (rate, per_sync) = group_commit(&directory);
        shared.push(rate);
        syncs.push(per_sync);
    }
    let (shared, alone) = (median(shared), median(alone));
    print("audit_records_per_second_64_writers", shared, "1/s", alone, ">= 10");
    print("audit_records_per_sync_64_writers", median(syncs), "records", 1.0, ">= 10");
    large_log(&directory);
}

fn bench_directory() -> PathBuf {
    std::env::var_os("REEVE_BENCH_DIR").map_or_else(|| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from)
}

fn print(name: &str, value: f64, unit: &str, baseline: f64, aim: &str) {
    let ratio = value / baseline;
    println!(
        "{}",
        json!({"name": name, "value": value, "unit": unit, "baseline": baseline, "ratio": ratio, "aim": aim})
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap()
}

/// A decision of about 670 bytes, as long as those of a busy host.
fn event(number: usize) -> Event {
    Event::new(EventKind::Decision)
        .principal("librarian")
        .operation(format!("op_{number:026}"))
        .with("op", "zfs.snapshot")
        .with("resource", "tank/media/photographs")
        .with("rule", "snapshots-are-free-inside-the-contract")
        .with("reason", "x".repeat(180))
        .with("policy", RecordHash::of(b"policy").to_string())
        .with("verdict", "allow")
}

fn open(home: &Path) -> AuditLog {
    let config =
        AuditConfig { path: home.join("audit.jsonl"), rotate_bytes: u64::MAX, host: "host01".to_owned() };
    AuditLog::open(config, Arc::new(SystemClock)).unwrap()
}

fn group_commit(directory: &Path) -> (f64, f64) {
    let home = TempDir::new_in(directory).unwrap();
    let log = open(home.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let began = Instant::now();
    runtime.block_on(async {
        let writers: Vec<_> = (0..WRITERS).map(|_| tokio::spawn(write_many(log.clone()))).collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
    let took = began.elapsed();
    let counters = log.counters();
    (rate(WRITERS * RECORDS_OF_EACH, took), counters.records as f64 / counters.batches as f64)
}

async fn write_many(log: AuditLog) {
    for number in 0..RECORDS_OF_EACH {
        log.append(event(number)).await.unwrap();
    }
}

/// What a program does that writes a chained log in the plain way. The lines come ready-made, so that this side pays
/// for the hash, the write and the sync, and nothing else.
fn one_sync_each(directory: &Path) -> f64 {
    let home = TempDir::new_in(directory).unwrap();
    let log = open(home.path());
    log.append_blocking(event(0)).unwrap();
    drop(log);
    let line = std::fs::read(home.path().join("audit.jsonl")).unwrap();
    let mut file = OpenOptions::new().append(true).create(true).open(home.path().join("plain")).unwrap();
    let mut hashes = 0;
    let began = Instant::now();
    for _ in 0..RECORDS_ALONE {
        hashes += usize::from(RecordHash::of(&line) != RecordHash::ZERO);
        file.write_all(&line).unwrap();
        file.sync_data().unwrap();
    }
    let took = began.elapsed();
    assert_eq!(hashes, RECORDS_ALONE);
    rate(RECORDS_ALONE, took)
}

fn rate(records: usize, took: Duration) -> f64 {
    records as f64 / took.as_secs_f64()
}

/// The baseline is what nobody can go below: to read the bytes and hash them.
fn large_log(directory: &Path) {
    let home = TempDir::new_in(directory).unwrap();
    let path = home.path().join("audit.jsonl");
    let log = open(home.path());
    while std::fs::metadata(&path).unwrap().len() < LARGE_LOG {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(log.append_all((0..4000).map(event).collect())).unwrap();
    }
    drop(log);
    let (mut opening, mut verifying, mut reading) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        opening.push(seconds(|| drop(open(home.path()))));
        verifying.push(seconds(|| assert!(verify(home.path(), &Options::default()).ok)));
        reading.push(seconds(|| hash_file(&path)));
    }
    let floor = median(reading);
    print("audit_open_100_mb_seconds", median(opening), "s", floor, "<= 10");
    print("audit_verify_100_mb_seconds", median(verifying), "s", floor, "<= 10");
}

fn hash_file(path: &Path) {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut File::open(path).unwrap(), &mut bytes).unwrap();
    assert_ne!(RecordHash::of(&bytes), RecordHash::ZERO);
}

fn seconds(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}
