//! Who tidies a run's control group away when the wrapper is killed and cannot: a process beside it, which waits for its end.
//!
//! It is begun before there is a group, so that none is without it, and before the tool's tree, in which it would end with the tool. It
//! holds nothing: not the wrapper's output, whose end the launcher waits for, and not the group, which whoever makes the next one
//! tidies away where this one was killed, too.

use std::io;
use std::time::Duration;

use crate::sys::cgroup::Left;
use crate::sys::jail::{self, Starter};
use crate::sys::{apart, exec};

/// How long after the wrapper's end the processes of its tree may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether they are.
const TICK: Duration = Duration::from_millis(10);

/// Begins it for a group of this name. `most` is how long the wrapper may live.
///
/// # Errors
/// When there can be none.
pub(super) fn start(group: &str, most: Duration) -> io::Result<()> {
    let left = Left::of(group)?;
    match jail::split()? {
        jail::Side::Parent(_watcher) => Ok(()),
        jail::Side::Child(wrapper) => {
            // What goes wrong here leaves all to the next run.
            let _ = watch(&wrapper, &left, most);
            jail::end(0)
        }
    }
}

fn watch(wrapper: &Starter, left: &Left, most: Duration) -> io::Result<()> {
    // Whatever happens it ends.
    exec::end_after(most + PATIENCE);
    apart::let_go_of_all_but(wrapper)?;
    apart::until_ended(wrapper)?;
    exec::end_after(PATIENCE);
    // An ordinary run has left nothing. The kernel removes no group that a process is in.
    while !left.tidy() {
        std::thread::sleep(TICK);
    }
    Ok(())
}
