//! Bounds that hold whatever the child does.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::time::Instant;

use super::*;

fn sh(script: &str) -> Command {
    Command::new("/bin/sh").args(["-c", script]).deadline(Duration::from_secs(20))
}

#[allow(clippy::disallowed_methods, reason = "the duration of a real process is what is measured")]
fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (run(), start.elapsed())
}

#[test]
fn output_and_status_of_both_kinds_come_back() {
    let finished = run(&sh("echo out; echo err >&2; exit 3")).unwrap();
    assert_eq!(
        finished,
        Finished {
            status: Exit::Code(3),
            stdout: b"out\n".to_vec(),
            stderr: b"err\n".to_vec(),
            truncated: false,
            timed_out: false
        }
    );
    assert_eq!(run(&sh("kill -USR1 $$")).unwrap().status, Exit::Signal(libc::SIGUSR1));
}

#[test]
fn an_endless_writer_is_bounded_in_memory_and_time() {
    let command = Command::new("/usr/bin/yes").deadline(Duration::from_millis(300)).max_output(1000);
    let (finished, took) = timed(|| run(&command).unwrap());
    assert_eq!((finished.stdout.len(), finished.truncated, finished.timed_out), (1000, true, true));
    assert_eq!(finished.status, Exit::Signal(libc::SIGKILL));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn output_of_exactly_the_bound_is_not_called_truncated() {
    let finished = run(&sh("printf 12345").max_output(5)).unwrap();
    assert_eq!((finished.stdout.as_slice(), finished.truncated), (b"12345".as_slice(), false));
}

#[test]
fn a_grandchild_that_holds_stdout_does_not_hold_the_call() {
    let (finished, took) = timed(|| run(&sh("sleep 15 & echo done")).unwrap());
    assert_eq!((finished.status, finished.stdout.as_slice()), (Exit::Code(0), b"done\n".as_slice()));
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_grandchild_of_another_session_does_not_hold_the_call() {
    let (finished, took) = timed(|| run(&sh("setsid sleep 6 & echo done")).unwrap());
    assert_eq!((finished.status, finished.timed_out), (Exit::Code(0), false));
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn two_hundred_kilobytes_on_all_three_pipes_do_not_dead_lock() {
    let script = "head -c 200000 /dev/zero; head -c 200000 /dev/zero >&2; exec wc -c";
    let finished = run(&sh(script).stdin(vec![7; 200_000])).unwrap();
    assert_eq!(finished.stderr, vec![0; 200_000]);
    assert_eq!(finished.stdout.get(200_000..), Some(b"200000\n".as_slice()));
}

#[test]
fn a_child_that_reads_no_stdin_is_no_error() {
    let finished = run(&sh("exec <&-; echo ok").stdin(vec![7; 500_000])).unwrap();
    assert_eq!((finished.status, finished.stdout.as_slice()), (Exit::Code(0), b"ok\n".as_slice()));
}

#[test]
fn the_deadline_ends_the_whole_tree() {
    let script = "echo $$; (trap '' TERM; sleep 15) & sleep 15";
    let (finished, took) = timed(|| run(&sh(script).deadline(Duration::from_millis(300))).unwrap());
    assert!(finished.timed_out && took < Duration::from_secs(3), "{took:?}");
    let group: i32 = std::str::from_utf8(&finished.stdout).unwrap().trim().parse().unwrap();
    // Killed processes that init has not yet reaped still count as members: give them a moment.
    let gone = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        live_members(group) == 0
    });
    assert!(gone, "group {group} lives on");
}

fn live_members(group: i32) -> usize {
    let stats = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace();
        let state = fields.next()?.to_owned();
        Some((state, fields.nth(1)?.parse::<i32>().ok()?))
    });
    stats.filter(|(state, of)| *of == group && state != "Z").count()
}

#[test]
fn a_child_sees_its_environment_and_no_other() {
    let finished = run(&Command::new("/usr/bin/env").env("TZ", "UTC")).unwrap();
    let mut lines: Vec<&str> = std::str::from_utf8(&finished.stdout).unwrap().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TZ=UTC"]);
}

#[test]
fn a_child_inherits_none_of_our_descriptors() {
    let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let socket = std::fs::read_link(format!("/proc/self/fd/{}", ours.as_raw_fd())).unwrap();
    let finished = run(&sh("ls -l /proc/self/fd")).unwrap();
    let listing = String::from_utf8_lossy(&finished.stdout);
    assert!(listing.contains("/proc/"), "{listing}");
    assert!(!listing.contains(socket.to_str().unwrap()), "{listing}");
}

#[test]
fn a_relative_or_missing_program_is_not_started() {
    let relative = run(&Command::new("true")).unwrap_err();
    assert_eq!(
        (relative.to_string().as_str(), relative.nothing_ran()),
        ("true: must be an absolute path", true)
    );
    let missing = run(&Command::new("/no/such/program")).unwrap_err();
    assert_eq!(
        (missing.to_string().as_str(), missing.nothing_ran()),
        ("/no/such/program: could not be started", true)
    );
}

#[test]
fn output_is_handed_on_while_the_child_still_runs() {
    let scratch = crate::sys::scratch::Scratch::new();
    let flag = scratch.path("flag");
    let script = format!("echo first; while [ ! -e {} ]; do sleep 0.02; done; echo second", flag.display());
    let mut seen = Vec::new();
    let ended = run_streaming(&sh(&script), &mut |stream, bytes| {
        std::fs::write(&flag, "").unwrap();
        seen.push((stream, bytes.to_vec()));
    })
    .unwrap();
    assert!(ended.status.success());
    assert_eq!(seen, [(Stream::Stdout, b"first\n".to_vec()), (Stream::Stdout, b"second\n".to_vec())]);
}

#[test]
fn a_helper_talks_over_its_stdin_and_its_death_is_end_of_file() {
    let (mut worker, mut socket) =
        spawn_with_socket("/bin/sh".as_ref(), &["-c".into(), "read line; echo got:$line >&0; exit 4".into()])
            .unwrap();
    socket.write_all(b"hello\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "got:hello\n");
    let status = (0..500).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        worker.try_wait().unwrap()
    });
    assert_eq!(status, Some(Exit::Code(4)));
}

#[test]
fn a_dropped_helper_is_killed() {
    let (worker, mut socket) = spawn_with_socket("/bin/sleep".as_ref(), &["15".into()]).unwrap();
    let (read, took) = timed(|| {
        drop(worker);
        socket.read(&mut [0; 1]).unwrap()
    });
    assert_eq!(read, 0);
    assert!(took < Duration::from_secs(3), "{took:?}");
}
