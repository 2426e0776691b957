//! The main function of every wrapper. What it does, in this order, is the specification:
//!
//! harden → read the grant → verify it → look it up in the table → find the user → spend it → become the user → exec.
//!
//! Where the table says so, the wrapper stays behind as the supervisor of what it started, and the last two steps are its
//! child's.
//!
//! It starts as root even for a program that will run as somebody else, since the ledger is root's
//! (`docs/adr/0002-wrappers-start-as-root-and-drop.md`).

pub mod ansible;
pub mod enforceable;
pub mod form;
pub mod git;
pub mod module;
mod table;
pub mod tool;

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::grant::{
    Expected, Grant, Ledger, MAX_BYTES, PublicKey, Refusal, RunAs, SpentGrant, VerifiedGrant, WrapperName,
};
use crate::sys::clock::{Clock, SystemClock};
use crate::sys::ids::User;
use crate::sys::{exec, harden, host, ids, repository, supervise, trusted_file};

pub use form::Form;
pub use table::{
    Arguments, Directory, Lifetime, Operands, Opt, Program, RunsAs, Settings, Subcommand, Table,
};

/// The status that says: refused, and nothing was run.
pub const REFUSED: u8 = 125;

/// Users below this number belong to the system, and a grant that names one is no ordinary grant.
const FIRST_ORDINARY_UID: u32 = 100;

/// How long the caller may take to hand over the grant.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the wrapper. Comes back only when it refuses.
pub fn main(table: &'static Table) -> ExitCode {
    let refusal = match run(table) {
        Ok(never) => match never {},
        Err(refusal) => refusal,
    };
    say(table.wrapper, &refusal);
    ExitCode::from(REFUSED)
}

fn say(wrapper: WrapperName, refusal: &Refusal) {
    let cause = std::error::Error::source(refusal).map(|cause| format!(": {cause}")).unwrap_or_default();
    let line = format!("{}: refused: {refusal}{cause}\n", wrapper.as_str());
    // One write, so that wrappers sharing a stderr do not mix their lines. Nobody to tell when it fails.
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Where a wrapper is, as far as its decision depends on it.
#[derive(Debug)]
pub struct Context {
    /// The gate's public key.
    pub key: PublicKey,
    /// The ledger.
    pub ledger: Ledger,
    /// This host.
    pub host: String,
    /// This boot.
    pub boot: String,
    /// The boot clock.
    pub now_boot: Duration,
    /// What "as root" comes to here.
    pub root: Root,
}

/// What "as root" comes to for this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// It is root.
    Held,
    /// It is not, but was built for a demo without root (with a prefix), where its own user stands for root.
    PlayedBySelf,
    /// It is not.
    Absent,
}

/// Leave to run: a grant that was verified, found in the table and spent, and the user it is for.
#[derive(Debug)]
#[must_use = "what was cleared and not run is lost"]
pub struct Cleared {
    grant: SpentGrant,
    program: &'static Program,
    identity: Identity,
    tool: Option<tool::Prepared>,
}

/// Who the program will be.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    Unchanged,
    User(User),
}

impl Cleared {
    /// What was granted.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        self.grant.grant()
    }
}

/// Decides. Everything that can refuse comes before the grant is spent.
///
/// # Errors
/// The first reason not to.
pub fn authorise(bytes: &[u8], table: &'static Table, context: &Context) -> Result<Cleared, Refusal> {
    let expected = Expected {
        wrapper: table.wrapper,
        host: &context.host,
        boot: &context.boot,
        now_boot: context.now_boot,
    };
    let verified = VerifiedGrant::verify(bytes, &context.key, &expected)?;
    let permitted = table.permits(verified.grant())?;
    if let Some(input) = permitted.input {
        trusted_file::check(&host::prefixed(input)).map_err(Refusal::InputUntrusted)?;
    }
    let program = permitted.program;
    let identity = identity(&verified.grant().run_as, context.root)?;
    let tool = match program.lifetime {
        Lifetime::Exec | Lifetime::Supervised => None,
        Lifetime::Confined => Some(tool::prepare(verified.grant(), context.root)?),
    };
    let grant = context.ledger.spend(verified)?;
    Ok(Cleared { grant, program, identity, tool })
}

fn run(table: &'static Table) -> Result<Infallible, Refusal> {
    harden::start(&[]).map_err(cannot("harden"))?;
    harden::no_new_privileges().map_err(cannot("give up new privileges"))?;
    // A caller that never sends its grant must not leave a root process behind for each try.
    exec::end_after(PATIENCE);
    refuse_arguments(std::env::args_os())?;
    let bytes = read_grant(io::stdin().lock())?;
    let cleared = authorise(&bytes, table, &context()?)?;
    match cleared {
        Cleared { tool: Some(tool), grant, .. } => tool::run(tool, grant.grant()),
        other @ Cleared { tool: None, .. } => execute(&other),
    }
}

fn refuse_arguments(args: impl Iterator<Item = OsString>) -> Result<(), Refusal> {
    if args.count() > 1 { Err(Refusal::Arguments) } else { Ok(()) }
}

fn read_grant(from: impl Read) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    from.take(limit).read_to_end(&mut bytes).map_err(cannot("read the grant"))?;
    Ok(bytes)
}

fn context() -> Result<Context, Refusal> {
    let path = |path: &str| -> PathBuf { host::prefixed(path) };
    Ok(Context {
        key: PublicKey::load(&path("/etc/reeve/grant.pub"))?,
        ledger: Ledger::open_trusted(&path("/var/lib/reeve-root/spent"))?,
        host: host::machine_id().map_err(cannot("tell which host this is"))?,
        boot: host::boot_id().map_err(cannot("tell which boot this is"))?,
        now_boot: SystemClock.boot(),
        root: root(),
    })
}

fn root() -> Root {
    match (ids::is_root(), host::PREFIX.is_empty()) {
        (true, _) => Root::Held,
        (false, false) => Root::PlayedBySelf,
        (false, true) => Root::Absent,
    }
}

fn identity(run_as: &RunAs, root: Root) -> Result<Identity, Refusal> {
    match run_as {
        RunAs::Root if root == Root::Absent => {
            Err(cannot("run as root")(io::Error::from(io::ErrorKind::PermissionDenied)))
        }
        RunAs::Root => Ok(Identity::Unchanged),
        RunAs::User(name) => {
            let user = ids::user(name).map_err(cannot("look the user up"))?.ok_or(Refusal::UserUnknown)?;
            if user.uid < FIRST_ORDINARY_UID || user.gid == 0 || user.groups.contains(&0) {
                return Err(Refusal::UserForbidden);
            }
            // A demo without root has nobody but itself to be.
            if root == Root::PlayedBySelf && ids::is_self(&user) {
                return Ok(Identity::Unchanged);
            }
            Ok(Identity::User(user))
        }
    }
}

/// Becomes the program, or starts it and ends with it; comes back only to say why not. The grant stays spent.
fn execute(cleared: &Cleared) -> Result<Infallible, Refusal> {
    let limit = Duration::from_secs(cleared.grant().run_limit_secs.into());
    match cleared.program.lifetime {
        // A tool never gets here: it is shut in by `tool::run`.
        Lifetime::Confined => Err(Refusal::ProgramNotInTable),
        Lifetime::Exec => {
            // From here on the timer counts for the program: it survives exec.
            exec::end_after(limit);
            become_program(cleared)
        }
        Lifetime::Supervised => {
            let supervised = supervise::start(|| {
                let refusal = match become_program(cleared) {
                    Ok(never) => match never {},
                    Err(refusal) => refusal,
                };
                say(cleared.grant().wrapper, &refusal);
                REFUSED
            });
            supervised.map_err(cannot("start a supervised program"))?.watch(limit).map_err(cannot("watch it"))
        }
    }
}

fn become_program(cleared: &Cleared) -> Result<Infallible, Refusal> {
    let (grant, program) = (cleared.grant(), cleared.program);
    if let Identity::User(user) = &cleared.identity {
        ids::become_user(user).map_err(cannot("become the user"))?;
    }
    // As the user: what the user may not enter, root does not enter for it.
    if let (Directory::Repository, Some(directory)) = (program.directory, &grant.directory) {
        repository::enter(&host::prefixed(directory)).map_err(cannot("enter the repository"))?;
    }
    Err(cannot("run the program")(exec::replace(
        &host::prefixed(program.path),
        &grant.argv,
        program.environment,
    )))
}

fn cannot(doing: &'static str) -> impl Fn(io::Error) -> Refusal {
    move |source| Refusal::System { doing, source }
}

#[cfg(test)]
#[cfg(feature = "full")]
mod tests;
