//! The fake without its file: pools in memory, and a call that changes them. Every message and exit status is OpenZFS 2.3's.

mod allow;
mod change;
mod destroy;
mod flags;
mod json;
mod keep;
mod list;
mod moving;
mod pool;
mod property;
mod set;
mod state;
mod values;

pub(crate) use state::State;

use flags::Flags;

/// One start of a tool.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// `zfs` or `zpool`.
    pub(crate) program: &'a str,
    /// Its arguments.
    pub(crate) args: &'a [String],
    /// Who calls.
    pub(crate) caller: Caller,
    /// Seconds since 1970.
    pub(crate) now: u64,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// May do everything.
    Root,
    /// May do what `zfs allow` lets this user.
    User(String),
}

/// How a call ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Output {
    /// The exit status.
    pub(crate) code: u8,
    /// Descriptor 1.
    pub(crate) stdout: String,
    /// Descriptor 2.
    pub(crate) stderr: String,
}

/// A call that failed.
#[derive(Debug)]
struct Fail(Output);

type Done = Result<Output, Fail>;

/// Pools, caller and clock of one call.
struct Host<'a> {
    state: &'a mut State,
    caller: &'a Caller,
    now: u64,
}

/// Runs one call against the pools.
pub(crate) fn run(state: &mut State, call: &Call<'_>) -> Output {
    let (command, rest) = match call.args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => return usage("missing command", call.program, ""),
    };
    let before = state.clone();
    let mut host = Host { state, caller: &call.caller, now: call.now };
    let done = match call.program {
        "zpool" => host.zpool(command, rest),
        _zfs => host.zfs(command, rest),
    };
    match done {
        Ok(output) => output,
        Err(Fail(output)) => {
            // What failed half way is undone, unless it says itself that some of it happened.
            *state = before;
            output
        }
    }
}

impl Host<'_> {
    fn zfs(&mut self, command: &str, args: &[String]) -> Done {
        match command {
            "create" => self.create(&Flags::read(args, "Pnpuvs", "oVb", "create")?),
            "snapshot" | "snap" => self.snapshot(&Flags::read(args, "r", "o", "snapshot")?),
            "clone" => self.clone_of(&Flags::read(args, "p", "o", "clone")?),
            "promote" => self.promote(&Flags::read(args, "", "", "promote")?),
            "rename" => self.rename(&Flags::read(args, "fpur", "", "rename")?),
            "destroy" => self.destroy(&Flags::read(args, "dfnpRrv", "", "destroy")?),
            "rollback" => self.rollback(&Flags::read(args, "rRf", "", "rollback")?),
            "bookmark" => self.bookmark(&Flags::read(args, "", "", "bookmark")?),
            "hold" => self.hold(&Flags::read(args, "r", "", "hold")?),
            "holds" => self.holds(&Flags::read(args, "rHp", "", "holds")?),
            "release" => self.release(&Flags::read(args, "r", "", "release")?),
            "list" => self.list(&Flags::read(args, "Hprj", "dotsS", "list")?),
            "get" => self.get(&Flags::read(args, "Hprj", "dots", "get")?),
            "set" => self.set(&Flags::read(args, "u", "", "set")?),
            "inherit" => self.inherit(&Flags::read(args, "rS", "", "inherit")?),
            "diff" => self.diff(&Flags::read(args, "FHth", "", "diff")?),
            "mount" => self.mount(&Flags::read(args, "aflvOj", "o", "mount")?),
            "unmount" | "umount" => self.unmount(&Flags::read(args, "afu", "", "unmount")?),
            "allow" => self.allow(&Flags::read(args, "ldugec", "s", "allow")?),
            "unallow" => self.unallow(&Flags::read(args, "ldugecr", "s", "unallow")?),
            "version" => Ok(version(args)),
            "fake-write" => self.fake_write(args),
            other => Ok(usage(&format!("unrecognized command '{other}'"), "zfs", "")),
        }
    }
}

impl Fail {
    /// A failure with one line to say.
    fn say(line: impl std::fmt::Display) -> Self {
        Self(Output { code: 1, stdout: String::new(), stderr: format!("{line}\n") })
    }

    /// The same, with another exit status.
    fn code(mut self, code: u8) -> Self {
        self.0.code = code;
        self
    }

    /// The same, with what was printed before it failed.
    fn after(mut self, stdout: String) -> Self {
        self.0.stdout = stdout;
        self
    }

    fn usage(problem: &str, command: &str) -> Self {
        Self(usage(problem, "zfs", command))
    }
}

fn done() -> Done {
    Ok(Output::default())
}

fn printed(stdout: String) -> Done {
    Ok(Output { stdout, ..Output::default() })
}

/// The problem, and the beginning of the help that OpenZFS prints with it.
fn usage(problem: &str, program: &str, command: &str) -> Output {
    let help = match command {
        "" => format!("usage: {program} command args ...\n"),
        command => format!(
            "usage:\n\t{command} ...\n\nFor further help on a command or topic, run: zfs help [<topic>]\n"
        ),
    };
    Output { code: 2, stdout: String::new(), stderr: format!("{problem}\n{help}") }
}

fn version(args: &[String]) -> Output {
    let (userland, kernel) = ("zfs-2.3.9-fake", "zfs-kmod-2.3.9-fake");
    let stdout = match args.first().map(String::as_str) {
        Some("-j") => {
            let head = json::head("zfs version");
            let versions = serde_json::json!({"userland": userland, "kernel": kernel});
            format!("{}\n", serde_json::json!({"output_version": head, "zfs_version": versions}))
        }
        Some(_) | None => format!("{userland}\n{kernel}\n"),
    };
    Output { stdout, ..Output::default() }
}
