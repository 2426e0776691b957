//! The proxy of a run with strict egress: a process of its own, of a user that is for nothing else, for as long as the run.

use std::ffi::CString;
use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::egress::{Descriptors, order};
use crate::grant::Refusal;
use crate::sandbox::egress::{Egress, PROXY, PROXY_USER, ROOTS_LIST, RootsList};
use crate::sandbox::traffic::{MOST_NAMED, Traffic};
use crate::sandbox::{Confinement, USERS};
use crate::sys::ids::{self, User};
use crate::sys::{jail, trusted_file};

use super::super::cannot;

/// As large as root's list may be.
const MAX_LIST: usize = 256 * 1024;
/// How long the proxy may take to say what went through.
const PATIENCE: Duration = Duration::from_secs(1);
/// As much as it may say.
const MAX_SAID: u64 = 64 * 1024;

/// Looks at everything that it takes to let a tool out, root's own word first.
///
/// # Errors
/// What is missing, and the fix.
pub(super) fn prepare(confinement: &Confinement) -> Result<Option<(User, String)>, Refusal> {
    let missing = |fix: String| Refusal::NotEnforced { layer: "egress", fix };
    let is_strict = match &confinement.egress {
        Egress::None => return Ok(None),
        Egress::Preflight(_) => false,
        Egress::Strict(_) => true,
    };
    let bytes = match trusted_file::read(Path::new(ROOTS_LIST), MAX_LIST) {
        Err(error) if error.is_not_found() => {
            return Err(missing(format!(
                "root lists in {ROOTS_LIST} what tools may reach, and there is no such file"
            )));
        }
        other => other.map_err(Refusal::InputUntrusted)?,
    };
    let text = String::from_utf8(bytes).map_err(|_| missing(format!("{ROOTS_LIST} is no text")))?;
    let list = RootsList::read(&text)
        .map_err(|(line, found)| missing(format!("{ROOTS_LIST}: line {line} is no entry: {found}")))?;
    if !is_strict {
        let fix = format!(
            "a line \"preflight\" in {ROOTS_LIST}, by which tools get the host's network, or egress = \"strict\""
        );
        return if list.preflight { Ok(None) } else { Err(missing(fix)) };
    }
    if list.is_empty() {
        return Err(missing(format!("{ROOTS_LIST} has no line that begins with \"host\"")));
    }
    trusted_file::check(Path::new(PROXY)).map_err(Refusal::ProgramUntrusted)?;
    let user = ids::user(PROXY_USER).map_err(cannot("look the proxy's user up"))?;
    let is_apart = |user: &User| {
        USERS.contains(&user.uid) && user.gid != 0 && user.groups.iter().all(|group| *group == user.gid)
    };
    let user = user.filter(is_apart).ok_or_else(|| {
        missing(format!("{PROXY_USER}, a system user in no group but its own: install.sh makes it"))
    })?;
    Ok(Some((user, text)))
}

/// A running proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    child: Pid,
    talk: UnixStream,
}

impl Proxy {
    /// Starts it; what comes back with it is where it takes the socket that it is to listen on.
    ///
    /// # Errors
    /// When it cannot be started. That it works, the inner stage finds out.
    pub(super) fn start(confinement: &Confinement, user: &User, list: &str) -> io::Result<(Proxy, OwnedFd)> {
        let order = jail::file_in_memory(&order(confinement, list))?;
        let (talk, its_talk) = UnixStream::pair()?;
        let (way_out, its_way) = UnixStream::pair()?;
        match jail::split()? {
            jail::Side::Parent(child) => Ok((Proxy { child, talk }, way_out.into())),
            jail::Side::Child(starter) => {
                let Err(_unheard) = (|| {
                    let argv = [CString::new(PROXY)?];
                    // What it says it says to the wrapper, and never as the wrapper.
                    jail::let_go_of_output()?;
                    jail::become_nobody_else(user)?;
                    starter.end_with_it()?;
                    let at = Descriptors::FIXED;
                    jail::hand_on(&[
                        (order.as_fd(), at.order),
                        (its_talk.as_fd(), at.wrapper),
                        (its_way.as_fd(), at.inner),
                    ])?;
                    jail::execute(PROXY, &argv)
                })();
                jail::end(super::REFUSED.into())
            }
        }
    }

    /// Whether it has ended before its run. It lets go of the wrapper by nothing else.
    pub(super) fn is_gone(&self) -> bool {
        let mut end = [PollFd::new(self.talk.as_fd(), PollFlags::empty())];
        matches!(poll(&mut end, PollTimeout::ZERO), Ok(1))
    }

    /// Lets go of it, and what it says went through. Nothing, when it does not say so in time.
    pub(super) fn end(&mut self) -> Option<Vec<Traffic>> {
        // That one has ended says nothing, and least of all that nobody was reached.
        if self.is_gone() {
            return None;
        }
        self.talk.shutdown(Shutdown::Write).ok()?;
        self.talk.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut said = String::new();
        (&self.talk).take(MAX_SAID).read_to_string(&mut said).ok()?;
        // Named ones, and the two kinds of what has no name of its own.
        said.lines().take(2 * MOST_NAMED + 32).map(Traffic::read).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = kill(self.child, Signal::SIGKILL);
        let _ = waitpid(self.child, None);
    }
}
