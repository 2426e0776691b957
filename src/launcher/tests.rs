//! Launcher and client over a real socket, with shell scripts in the wrappers' place.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::client::{Cancellation, LaunchError, Request, run};
use super::frame::{Ask, Wants};
use super::server::{Launcher, Start};
use crate::grant::tests::{grant, key};
use crate::grant::{SignedGrant, WrapperName};
use crate::sys::process::{Exit, Finished, Stream};
use crate::sys::scratch::Scratch;

fn uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// A launcher for callers of `gate_uid` whose wrapper is this script; its thread ends with the test process.
fn launcher(scratch: &Scratch, gate_uid: u32, script: &str) -> PathBuf {
    let wrapper = scratch.path("reeve-zfs");
    std::fs::write(&wrapper, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let socket = scratch.path("launcher.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let launcher = Launcher { gate_uid, wrappers: scratch.root().to_owned(), start: Start::Direct };
    std::thread::spawn(move || launcher.serve(&listener));
    socket
}

fn signed(scratch: &Scratch) -> SignedGrant {
    key(scratch).sign(&grant()).unwrap()
}

fn request(scratch: &Scratch) -> Request {
    Request {
        wrapper: WrapperName::Zfs,
        grant: signed(scratch),
        deadline: Duration::from_secs(20),
        max_output: 1_000_000,
        launcher_uid: Some(uid()),
    }
}

/// A socket whose listener answers as this function does.
fn fake(scratch: &Scratch, answer: impl FnOnce(UnixStream) + Send + 'static) -> PathBuf {
    let socket = scratch.path("fake.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || answer(listener.accept().unwrap().0));
    socket
}

fn read_whole_request(caller: &mut UnixStream, length: usize) {
    let mut bytes = vec![0; 17 + length];
    caller.read_exact(&mut bytes).unwrap();
}

fn appears(path: &Path) -> bool {
    (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        path.exists()
    })
}

#[test]
fn the_wrapper_gets_the_grant_on_stdin_and_nothing_else() {
    let scratch = Scratch::new();
    let socket = launcher(&scratch, uid(), "echo \"$#\"; env | sort; wc -c >&2; exit 3");
    let request = request(&scratch);
    let mut seen = Vec::new();
    let finished = run(&socket, &request, &Cancellation::default(), &mut |stream, bytes| {
        seen.push((stream, bytes.len()))
    })
    .unwrap();
    let expected = Finished {
        status: Exit::Code(3),
        stdout: b"0\nLC_ALL=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/\n".to_vec(),
        stderr: format!("{}\n", request.grant.as_bytes().len()).into_bytes(),
        truncated: false,
        timed_out: false,
    };
    let without_pwd = |finished: Finished| {
        let text = String::from_utf8(finished.stdout).unwrap();
        // sh itself adds where it was started.
        text.lines().filter(|line| !line.starts_with("PWD=")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((finished.status, &finished.stderr), (expected.status, &expected.stderr));
    assert_eq!(without_pwd(finished), without_pwd(expected));
    assert!(seen.iter().any(|(stream, _)| *stream == Stream::Stderr));
}

#[test]
fn output_and_time_are_bounded_as_asked() {
    let scratch = Scratch::new();
    let socket = launcher(&scratch, uid(), "exec yes");
    let bounds = Request { deadline: Duration::from_millis(200), max_output: 10, ..request(&scratch) };
    let finished = run(&socket, &bounds, &Cancellation::default(), &mut |_, _| {}).unwrap();
    assert_eq!(
        finished,
        Finished {
            status: Exit::Signal(9),
            stdout: b"y\ny\ny\ny\ny\n".to_vec(),
            stderr: Vec::new(),
            truncated: true,
            timed_out: true
        }
    );
}

#[test]
fn only_the_gate_may_call() {
    let scratch = Scratch::new();
    let ran = scratch.path("ran");
    let socket = launcher(&scratch, uid() + 1, &format!("touch {}", ran.display()));
    let error = run(&socket, &request(&scratch), &Cancellation::default(), &mut |_, _| {}).unwrap_err();
    assert!(error.nothing_ran(), "{error}");
    assert!(!ran.exists());
}

#[test]
fn a_caller_that_hangs_up_changes_nothing() {
    let scratch = Scratch::new();
    let (began, ran) = (scratch.path("began"), scratch.path("ran"));
    let script = format!(
        "touch {}; sleep 0.3; head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; touch {}",
        began.display(),
        ran.display()
    );
    let socket = launcher(&scratch, uid(), &script);
    let mut caller = UnixStream::connect(&socket).unwrap();
    caller.write_all(b"RVL1\x01\0\0\x40\0\0\x10\0\0\0\0\0\x01g").unwrap();
    assert!(appears(&began));
    drop(caller);
    assert!(appears(&ran));
}

#[test]
fn a_tool_ends_when_its_caller_hangs_up_and_a_change_goes_on() {
    let script = |scratch: &Scratch| {
        let [began, told, whole] = ["began", "told", "whole"].map(|name| scratch.path(name));
        format!(
            "trap '' PIPE; touch {}; for n in 1 2 3 4 5 6 7 8; do /bin/echo x 2>/dev/null || {{ touch {}; exit; }}; sleep 0.1; done; touch {}",
            began.display(),
            told.display(),
            whole.display()
        )
    };
    for (wrapper, ends, never) in [(WrapperName::Tool, "told", "whole"), (WrapperName::Zfs, "whole", "told")]
    {
        let scratch = Scratch::new();
        let socket = launcher(&scratch, uid(), &script(&scratch));
        std::fs::copy(scratch.path("reeve-zfs"), scratch.path("reeve-tool")).unwrap();
        let caller = UnixStream::connect(&socket).unwrap();
        let (deadline, grant) = (Duration::from_secs(10), b"g".to_vec());
        Ask { wants: Wants::NoTimes, wrapper, deadline, max_output: 1000, grant }.write(&caller).unwrap();
        assert!(appears(&scratch.path("began")));
        drop(caller);
        assert!(appears(&scratch.path(ends)), "{wrapper:?}");
        assert!(!scratch.path(never).exists(), "{wrapper:?}");
    }
}

#[test]
fn more_callers_than_slots_are_all_served() {
    let scratch = Scratch::new();
    let socket = launcher(&scratch, uid(), "sleep 0.05; cat >/dev/null; echo done");
    let request = request(&scratch);
    let cores = std::thread::available_parallelism().unwrap().get();
    std::thread::scope(|scope| {
        for _ in 0..cores * 10 {
            scope.spawn(|| {
                let finished = run(&socket, &request, &Cancellation::default(), &mut |_, _| {}).unwrap();
                assert_eq!(finished.stdout, b"done\n");
            });
        }
    });
}

#[test]
fn a_missing_wrapper_is_refused_and_nothing_ran() {
    let scratch = Scratch::new();
    let socket = launcher(&scratch, uid(), "");
    std::fs::remove_file(scratch.path("reeve-zfs")).unwrap();
    let error = run(&socket, &request(&scratch), &Cancellation::default(), &mut |_, _| {}).unwrap_err();
    assert!(matches!(&error, LaunchError::Refused(why) if why.contains("could not be started")), "{error}");
    assert!(error.nothing_ran());
}

#[test]
fn an_absent_launcher_is_down_and_nothing_ran() {
    let scratch = Scratch::new();
    let error = run(&scratch.path("none.sock"), &request(&scratch), &Cancellation::default(), &mut |_, _| {})
        .unwrap_err();
    assert!(matches!(error, LaunchError::Down(_)) && error.nothing_ran(), "{error}");
}

#[test]
fn a_launcher_lost_after_it_had_the_grant_leaves_the_outcome_unknown() {
    let scratch = Scratch::new();
    let request = request(&scratch);
    let length = request.grant.as_bytes().len();
    let socket = fake(&scratch, move |mut caller| read_whole_request(&mut caller, length));
    let error = run(&socket, &request, &Cancellation::default(), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, LaunchError::Lost(_)) && !error.nothing_ran(), "{error}");
}

#[test]
fn an_answer_that_is_no_frame_leaves_the_outcome_unknown() {
    let scratch = Scratch::new();
    let request = request(&scratch);
    let length = request.grant.as_bytes().len();
    let socket = fake(&scratch, move |mut caller| {
        read_whole_request(&mut caller, length);
        caller.write_all(&[77, 0, 0, 0, 0]).unwrap();
    });
    let error = run(&socket, &request, &Cancellation::default(), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, LaunchError::Protocol(_)) && !error.nothing_ran(), "{error}");
}

#[test]
fn a_launcher_that_sends_more_than_was_wanted_is_not_listened_to() {
    let scratch = Scratch::new();
    let request = Request { max_output: 3, ..request(&scratch) };
    let length = request.grant.as_bytes().len();
    let socket = fake(&scratch, move |mut caller| {
        read_whole_request(&mut caller, length);
        caller.write_all(&[1, 0, 0, 0, 2, b'a', b'b', 1, 0, 0, 0, 2, b'c', b'd']).unwrap();
    });
    let error = run(&socket, &request, &Cancellation::default(), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, LaunchError::Protocol(_)), "{error}");
}

#[test]
fn a_request_that_makes_no_sense_starts_nothing() {
    let scratch = Scratch::new();
    let ran = scratch.path("ran");
    let socket = launcher(&scratch, uid(), &format!("touch {}", ran.display()));
    for bytes in
        [b"GET / HTTP/1.1\r\n\r\n".as_slice(), b"RVL1\x02", b"RVL1\x01\0\0\0\0\0\0\0\0\xff\xff\xff\xff"]
    {
        let mut caller = UnixStream::connect(&socket).unwrap();
        caller.write_all(bytes).unwrap();
        caller.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        caller.read_to_end(&mut answer).unwrap_or_default();
        assert!(answer.first().is_none_or(|kind| *kind == 4), "{answer:?}");
    }
    assert!(!ran.exists());
}
