//! The launcher's end of the gate's socket, in the test's hands: it verifies each grant as a wrapper does, and then does
//! what the test says.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use reeve::grant::{Expected, Grant, PublicKey, VerifiedGrant, WrapperName};
use reeve::sys::clock::{Clock, SystemClock};
use reeve::sys::host;

use crate::stage::PATIENCE;
use crate::zfs::Zfs;

/// What becomes of the next grants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is run, and ends well.
    Obey,
    /// Nothing happens until the test says otherwise.
    Wait,
    /// The tool ends with this status and has done nothing.
    Fail(i32),
    /// The connection ends; what was granted has not happened yet.
    Vanish,
}

#[derive(Clone)]
pub(crate) struct Launcher {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    zfs: Zfs,
    key: PublicKey,
}

struct State {
    way: Way,
    granted: Vec<Grant>,
    /// What programs print and how they end, by how their arguments begin.
    says: Vec<(String, String, i32)>,
}

impl Launcher {
    pub(crate) fn listen(socket: &Path, key: PublicKey, zfs: Zfs) -> Self {
        let state = Mutex::new(State { way: Way::Obey, granted: Vec::new(), says: Vec::new() });
        let launcher = Self { shared: Arc::new(Shared { state, changed: Condvar::new(), zfs, key }) };
        let listener = UnixListener::bind(socket).unwrap();
        let serving = launcher.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let launcher = serving.clone();
                std::thread::spawn(move || launcher.serve(stream.unwrap()));
            }
        });
        launcher
    }

    pub(crate) fn will(&self, way: Way) {
        self.shared.state.lock().unwrap().way = way;
        self.shared.changed.notify_all();
    }

    /// From now on, what begins so prints this and ends with that status, whatever else is said.
    pub(crate) fn says(&self, begins: &str, printed: &str, code: i32) {
        let mut state = self.shared.state.lock().unwrap();
        state.says.retain(|(other, ..)| other != begins);
        state.says.push((begins.to_owned(), printed.to_owned(), code));
    }

    /// Every grant that has come, oldest first.
    pub(crate) fn granted(&self) -> Vec<Grant> {
        self.shared.state.lock().unwrap().granted.clone()
    }

    /// What has been run, as it would be typed.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.granted().iter().map(|grant| grant.argv.join(" ")).collect()
    }

    /// Waits until so many grants have come.
    pub(crate) fn wait_for(&self, count: usize) {
        let state = self.shared.state.lock().unwrap();
        let few = |state: &mut State| state.granted.len() < count;
        let (state, _) = self.shared.changed.wait_timeout_while(state, PATIENCE, few).unwrap();
        assert!(state.granted.len() >= count, "only {} grants came", state.granted.len());
    }

    fn serve(&self, mut stream: UnixStream) {
        let heard = SystemClock.boot();
        let Some((wrapper, bytes, is_timed)) = read_ask(&mut stream) else { return };
        let grant = self.verified(wrapper, &bytes);
        let mut state = self.shared.state.lock().unwrap();
        state.granted.push(grant.clone());
        self.shared.changed.notify_all();
        let line = grant.argv.join(" ");
        let said = state.says.iter().find(|(begins, ..)| line.starts_with(begins)).cloned();
        if let (Some((_, printed, code)), false) =
            (said, state.way == Way::Vanish && line.contains(" delete "))
        {
            drop(state);
            if is_timed {
                times(&mut stream, heard);
            }
            print(&mut stream, &printed, code);
            return end(&mut stream, code);
        }
        let waits = |state: &mut State| state.way == Way::Wait;
        let (state, _) = self.shared.changed.wait_timeout_while(state, 2 * PATIENCE, waits).unwrap();
        let way = state.way;
        if way == Way::Obey {
            self.shared.zfs.run(&grant.argv);
        }
        drop(state);
        if is_timed {
            times(&mut stream, heard);
        }
        match way {
            Way::Obey => end(&mut stream, 0),
            Way::Fail(code) => end(&mut stream, code),
            Way::Wait | Way::Vanish => {}
        }
    }

    fn verified(&self, wrapper: WrapperName, bytes: &[u8]) -> Grant {
        let (host, boot) = (host::machine_id().unwrap(), host::boot_id().unwrap());
        let expected = Expected { wrapper, host: &host, boot: &boot, now_boot: SystemClock.boot() };
        VerifiedGrant::verify(bytes, &self.shared.key, &expected).unwrap().grant().clone()
    }
}

/// Magic, wrapper, deadline, output bound, length of the grant, grant; and whether times are asked for.
fn read_ask(stream: &mut UnixStream) -> Option<(WrapperName, Vec<u8>, bool)> {
    let mut head = [0; 17];
    stream.read_exact(&mut head).ok()?;
    assert!([b"RVL1", b"RVL2"].contains(&head.first_chunk().unwrap()), "{head:?}");
    let length = u32::from_be_bytes(head[13..17].try_into().unwrap());
    let mut grant = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut grant).ok()?;
    Some((WrapperName::from_code(head[4]).unwrap(), grant, head.starts_with(b"RVL2")))
}

/// When it was heard, started and ended.
fn times(stream: &mut UnixStream, heard: Duration) {
    let mut frame = vec![6, 0, 0, 0, 24];
    for time in [heard, SystemClock.boot(), SystemClock.boot()] {
        frame.extend(u64::try_from(time.as_nanos()).unwrap().to_be_bytes());
    }
    drop(stream.write_all(&frame));
}

/// What it printed: for callers when it ended well, and for the log when it did not.
fn print(stream: &mut UnixStream, text: &str, code: i32) {
    let mut frame = vec![if code == 0 { 1 } else { 2 }];
    frame.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    frame.extend(text.as_bytes());
    drop(stream.write_all(&frame));
}

/// That it ended with this status. The gate may be gone by now.
fn end(stream: &mut UnixStream, code: i32) {
    let mut frame = vec![3, 0, 0, 0, 7, 0, 0, 0];
    frame.extend(code.to_be_bytes());
    drop(stream.write_all(&frame));
}

/// Long enough for what must not happen to happen.
pub(crate) fn a_moment() {
    std::thread::sleep(Duration::from_millis(300));
}
