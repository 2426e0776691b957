//! Tests of confinement, from outside: a child that tries what it must not is ended by the kernel.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::sys::process::{Exit, spawn_with_socket};

/// Starts this test program again as a confined child that tries one thing, and returns what it said and how it ended.
fn confined(attempt: &str) -> (String, Exit) {
    let arguments =
        ["--ignored", "--exact", "sys::confine::tests::the_confined_child", "--test-threads=1", "-q"];
    let arguments: Vec<OsString> = arguments.map(OsString::from).to_vec();
    let program = std::env::current_exe().unwrap();
    let (mut worker, mut socket) = spawn_with_socket(&program, &arguments).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.write_all(format!("{attempt}\n").as_bytes()).unwrap();
    let mut said = String::new();
    socket.read_to_string(&mut said).unwrap();
    loop {
        if let Some(exit) = worker.try_wait().unwrap() {
            return (said, exit);
        }
    }
}

#[test]
#[ignore = "runs confined in a process of its own, by the tests below"]
fn the_confined_child() {
    let mut socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let report = super::to_socket(&socket, 1 << 30).unwrap();
    let mut line = [0; 64];
    let count = socket.read(&mut line).unwrap();
    let attempt = std::str::from_utf8(&line[..count]).unwrap().trim();
    let said = try_to(attempt).unwrap_or_else(|| format!("{report:?}"));
    socket.write_all(said.as_bytes()).unwrap();
    // SAFETY: ends this process at once; the test harness would write its report to where the filter kills it for.
    unsafe { libc::_exit(0) }
}

/// Tries something that should be the end; `None` when there is nothing to try.
fn try_to(attempt: &str) -> Option<String> {
    let parent = nix::unistd::getppid;
    let said = match attempt {
        "nothing" => return None,
        "open" => format!("{:?}", std::fs::File::open("/etc/passwd").is_ok()),
        "create" => format!("{:?}", std::fs::write("/tmp/reeve-confined", "x").is_ok()),
        "stat" => format!("{:?}", std::fs::metadata("/").is_ok()),
        "connect" => format!("{:?}", std::net::TcpStream::connect("127.0.0.1:1").is_ok()),
        "datagram" => format!("{:?}", std::net::UdpSocket::bind("127.0.0.1:0").is_ok()),
        "thread" => format!("{:?}", std::thread::Builder::new().spawn(|| ()).is_ok()),
        // SAFETY: the child, were there one, would go on in this test and be seen by its second answer.
        "fork" => format!("{}", unsafe { libc::fork() }),
        "signal" => format!("{:?}", nix::sys::signal::kill(parent(), None)),
        "stderr" => format!("{:?}", std::io::stderr().write(b"x")),
        "stdin" => format!("{:?}", nix::unistd::read(std::io::stdin(), &mut [0; 1])),
        "execute" => {
            let empty: &[&std::ffi::CStr] = &[];
            format!("{:?}", nix::unistd::execve(c"/bin/true", empty, empty))
        }
        "code" => format!("{}", executable_page()),
        "memory" => format!("{:?}", Vec::<u8>::new().try_reserve_exact(2 << 30).is_ok()),
        other => format!("there is no attempt {other}"),
    };
    Some(said)
}

fn executable_page() -> bool {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new anonymous page that nothing refers to.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
    page != libc::MAP_FAILED
}

#[test]
fn a_confined_process_reads_and_writes_its_socket() {
    let (said, exit) = confined("nothing");
    assert!(["Full", "Partial", "Absent"].contains(&said.as_str()), "{said}");
    assert_eq!(exit, Exit::Code(0));
}

#[test]
fn a_confined_process_that_reaches_for_anything_else_is_killed() {
    for attempt in [
        "open", "create", "stat", "connect", "datagram", "thread", "fork", "signal", "stderr", "stdin",
        "execute", "code",
    ] {
        assert_eq!(confined(attempt), (String::new(), Exit::Signal(libc::SIGSYS)), "{attempt}");
    }
    assert!(!std::path::Path::new("/tmp/reeve-confined").exists());
}

#[test]
fn a_confined_process_has_no_more_memory_than_it_was_left() {
    assert_eq!(confined("memory"), ("false".to_owned(), Exit::Code(0)));
}
