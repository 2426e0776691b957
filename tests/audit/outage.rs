//! When nothing can be recorded, nothing is acknowledged; and when it can be again, nobody has to restart anything.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use reeve::audit::verify::{Options, verify};
use reeve::audit::{AuditError, AuditLog, Outage, Record};

use crate::crash::CHILD_DIRECTORY;
use crate::home::{Home, append, decision};

/// A file's length is limited, as a quota would: works for every user.
#[test]
fn a_full_disk_refuses_records_until_there_is_room_again() {
    let home = Home::new();
    // The signal for a file over its limit would end the process; ignored, it stays so across exec.
    run_child("trap '' XFSZ; exec \"$0\" \"$@\"", "outage::child_whose_files_may_not_grow", &home.directory);
}

/// A real file system that is really full.
#[test]
fn a_full_file_system_refuses_records_until_there_is_room_again() {
    if !nix::unistd::geteuid().is_root() {
        // Mounting takes root; the limit on the file's length has the same shape and runs for everybody.
        return a_full_disk_refuses_records_until_there_is_room_again();
    }
    let home = Home::new();
    let mount = format!(
        "exec unshare --mount sh -c 'mount -t tmpfs -o size=256k,mode=0750 reeve-test \"${CHILD_DIRECTORY}\" && exec \"$0\" \"$@\"' \"$0\" \"$@\""
    );
    run_child(&mount, "outage::child_on_a_small_file_system", &home.directory);
}

fn run_child(prepare: &str, body: &str, directory: &Path) {
    let output = Command::new("/bin/sh")
        .args(["-c", prepare])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", body, "--nocapture"])
        .env(CHILD_DIRECTORY, directory)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "not a test: the body of a process that a test starts"]
fn child_whose_files_may_not_grow() {
    let home = child_home();
    let log = open(&home);
    append(&log, 10);
    let (_, most) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    let limit = fs::metadata(home.join("audit.jsonl")).unwrap().len() + 1000;
    setrlimit(Resource::RLIMIT_FSIZE, limit, most).unwrap();
    refuses_then_recovers(&log, &home, || setrlimit(Resource::RLIMIT_FSIZE, most, most).unwrap());
}

#[test]
#[ignore = "not a test: the body of a process that a test starts"]
fn child_on_a_small_file_system() {
    let home = child_home();
    let log = open(&home);
    append(&log, 10);
    let ballast = home.join("ballast");
    let mut file = fs::File::create(&ballast).unwrap();
    while file.write_all(&[0; 512]).is_ok() {}
    drop(file);
    refuses_then_recovers(&log, &home, || fs::remove_file(&ballast).unwrap());
}

fn child_home() -> PathBuf {
    std::env::var_os(CHILD_DIRECTORY).expect("started by a test").into()
}

fn open(directory: &Path) -> AuditLog {
    crate::home::open_in(directory, u64::MAX).unwrap()
}

fn refuses_then_recovers(log: &AuditLog, directory: &Path, make_room: impl FnOnce()) {
    let mut acknowledged = log.last();
    let outage = loop {
        match log.append_blocking(decision(1)) {
            Ok(receipt) => acknowledged = receipt,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&outage, AuditError::Unavailable(cause) if matches!(**cause, Outage::Io { .. })),
        "{outage:?}"
    );
    assert!(!log.healthy());
    // The smallest room there is may still take a small record, so the events that must be refused are large.
    let large = || decision(2).with("diff", "x".repeat(5000));
    for _ in 0..3 {
        log.append_blocking(large()).unwrap_err();
    }
    assert_eq!((log.last(), log.counters().errors), (acknowledged, 4));
    let report = verify(directory, &Options { against: Some(acknowledged.into()), ..Options::default() });
    assert!(report.ok && report.last == Some(acknowledged), "nothing that was refused is left: {report}");

    make_room();
    let next = log.append_blocking(large()).unwrap();
    assert!(log.healthy());
    assert_eq!(next.seq, acknowledged.seq + 2, "one record tells of the repair");
    let text = fs::read_to_string(directory.join("audit.jsonl")).unwrap();
    let repair = text.lines().rev().nth(1).map(|line| Record::parse(line.as_bytes()).unwrap()).unwrap();
    assert_eq!((repair.kind.as_str(), &repair.detail["refused_appends"]), ("log_recovered", &4.into()));
    let report = verify(directory, &Options { against: Some(next.into()), ..Options::default() });
    assert!(report.ok, "{report}");
}

/// Does something to the log behind its back, and returns what the next append says of it.
fn outage_after(home: &Home, log: &AuditLog, meddle: impl FnOnce(&Path)) -> Arc<Outage> {
    meddle(&home.current());
    match log.append_blocking(decision(9)) {
        Err(AuditError::Unavailable(outage)) => {
            assert!(!log.healthy());
            outage
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_moved_away_is_noticed_and_taken_up_again_once_it_is_back() {
    let home = Home::new();
    let log = home.open().unwrap();
    append(&log, 3);
    let away = home.directory.join("away");
    let outage = outage_after(&home, &log, |path| fs::rename(path, &away).unwrap());
    assert!(
        matches!(&*outage, Outage::Gone(path) if *path == fs::canonicalize(&home.directory).unwrap().join("audit.jsonl"))
    );
    assert!(log.append_blocking(decision(4)).is_err(), "no new log is begun behind anybody's back");
    assert!(!home.current().exists());
    fs::rename(away, home.current()).unwrap();
    assert_eq!(log.append_blocking(decision(5)).unwrap().seq, 5);
    assert!(home.verify().ok);
}

#[test]
fn a_deleted_log_is_noticed() {
    let home = Home::new();
    let log = home.open().unwrap();
    append(&log, 3);
    let outage = outage_after(&home, &log, |path| fs::remove_file(path).unwrap());
    assert!(matches!(&*outage, Outage::Gone(_)), "{outage}");
}

#[test]
fn another_file_in_its_place_is_noticed() {
    let home = Home::new();
    let log = home.open().unwrap();
    append(&log, 3);
    let outage = outage_after(&home, &log, |path| {
        let copy = path.with_extension("copy");
        fs::copy(path, &copy).unwrap();
        fs::rename(copy, path).unwrap();
    });
    assert!(matches!(&*outage, Outage::Replaced(_)), "{outage}");
}

#[test]
fn a_symlink_in_its_place_is_not_followed() {
    let home = Home::new();
    let log = home.open().unwrap();
    append(&log, 3);
    let target = home.directory.join("target");
    let outage = outage_after(&home, &log, |path| {
        fs::rename(path, &target).unwrap();
        symlink(&target, path).unwrap();
    });
    assert!(matches!(&*outage, Outage::Replaced(_)), "{outage}");
    drop(log);
    assert!(matches!(home.open(), Err(AuditError::Io { .. })));
}

#[test]
fn a_log_cut_short_is_noticed_and_never_filled_up() {
    let home = Home::new();
    let log = home.open().unwrap();
    append(&log, 3);
    let length = home.lines()[0].len() as u64 + 1;
    let cut = |path: &Path| OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
    let outage = outage_after(&home, &log, cut);
    assert!(matches!(&*outage, Outage::Cut { .. }), "{outage}");
    assert!(log.append_blocking(decision(4)).is_err(), "what was acknowledged does not come back by itself");
    assert_eq!(fs::metadata(home.current()).unwrap().len(), length);
}

#[test]
fn foreign_bytes_are_noticed_and_dropped() {
    let home = Home::new();
    let log = home.open().unwrap();
    append(&log, 3);
    let outage = outage_after(&home, &log, |path| {
        OpenOptions::new().append(true).open(path).unwrap().write_all(b"hello\n").unwrap();
    });
    assert!(matches!(&*outage, Outage::Surplus { surplus: 6 }), "{outage}");
    assert_eq!(log.append_blocking(decision(4)).unwrap().seq, 5);
    let repair = &home.records()[3];
    assert_eq!((repair.kind.as_str(), &repair.detail["dropped_bytes"]), ("log_recovered", &6.into()));
    assert!(repair.detail["cause"].as_str().unwrap().contains("somebody else wrote 6 bytes"));
    assert!(home.verify().ok);
}

#[test]
fn a_last_record_overwritten_in_place_is_noticed_when_the_log_is_repaired() {
    let home = Home::new();
    let log = home.open().unwrap();
    append(&log, 3);
    let overwrite = |path: &Path| {
        let mut lines = home.lines();
        lines[2] = lines[2].replace("allow", "denys");
        fs::write(path, lines.join("\n") + "\n\n").unwrap();
    };
    assert!(matches!(&*outage_after(&home, &log, overwrite), Outage::Surplus { surplus: 1 }));
    match log.append_blocking(decision(4)) {
        Err(AuditError::Unavailable(outage)) => assert!(matches!(*outage, Outage::LastRecordGone { seq: 3 })),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_with_a_second_name_is_refused() {
    let home = Home::with(3);
    fs::hard_link(home.current(), home.directory.join("second")).unwrap();
    assert!(matches!(home.open(), Err(AuditError::Untrusted { .. })));
}
