//! The fake without its process: a folder that plays a Proxmox node, and a call that reads or changes it. Every message and
//! exit status is that of `pct` of Proxmox VE 9, those that lie included.

mod args;
mod around;
mod backing;
mod change;
mod config;
mod make;
mod power;
mod read;
mod snapshots;
mod task;

pub(crate) use backing::Backing;

use std::io;
use std::path::PathBuf;

use args::{Args, Opt};
use config::Config;

/// A node.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Where all of it lies.
    pub(crate) dir: PathBuf,
    /// What its containers are.
    pub(crate) backing: Backing,
    /// Seconds since 1970.
    pub(crate) now: u64,
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
struct Fail {
    code: u8,
    said: String,
}

/// What a call prints, or how it failed.
type Done = Result<String, Fail>;

const COMMANDS: &[&str] = &[
    "clone",
    "config",
    "create",
    "delsnapshot",
    "destroy",
    "list",
    "listsnapshot",
    "pending",
    "reboot",
    "resize",
    "rollback",
    "set",
    "shutdown",
    "snapshot",
    "start",
    "status",
    "stop",
    "template",
    "unlock",
];

impl Machine {
    /// Runs one call.
    pub(crate) fn run(&self, program: &str, args: &[String]) -> Output {
        let done = match program {
            "pvesm" => self.pvesm(args),
            "ha-manager" => self.ha_manager(args),
            _pct => self.pct(args),
        };
        match done {
            Ok(stdout) => Output { code: 0, stdout, stderr: String::new() },
            // What was printed before it failed stands before the mark.
            Err(fail) => match fail.said.split_once('\u{0}') {
                Some((stdout, said)) => {
                    Output { code: fail.code, stdout: stdout.to_owned(), stderr: format!("{said}\n") }
                }
                None => Output { code: fail.code, stdout: String::new(), stderr: format!("{}\n", fail.said) },
            },
        }
    }

    fn pct(&self, args: &[String]) -> Done {
        let Some((word, rest)) = args.split_first() else {
            return Err(Fail::die(format!("ERROR: no command specified\n{}", usage())));
        };
        let fitting: Vec<&&str> =
            COMMANDS.iter().filter(|command| command.starts_with(word.as_str())).collect();
        let exact = COMMANDS.iter().find(|command| **command == word);
        let only = match fitting.as_slice() {
            [only] => Some(*only),
            [] | [_, _, ..] => None,
        };
        let Some(command) = exact.or(only) else {
            return Err(Fail::die(format!("ERROR: unknown command 'pct {word}'\n{}", usage())));
        };
        // A tool that says all is well and has done nothing.
        if self.is_faulty("lies")
            && !matches!(*command, "list" | "config" | "status" | "pending" | "listsnapshot")
        {
            return Ok(String::new());
        }
        match *command {
            "list" => self.list(&Args::read(rest, "list", &[], &[])?),
            "status" => self.status(&Args::read(rest, "status", &["vmid"], &[Opt::Switch("verbose")])?),
            "config" => {
                let options = [Opt::Switch("current"), Opt::Value("snapshot")];
                self.config(&Args::read(rest, "config", &["vmid"], &options)?)
            }
            "pending" => self.pending(&Args::read(rest, "pending", &["vmid"], &[])?),
            "listsnapshot" => self.listsnapshot(&Args::read(rest, "listsnapshot", &["vmid"], &[])?),
            "start" | "stop" | "shutdown" | "reboot" | "unlock" => self.power(command, rest),
            "snapshot" | "delsnapshot" | "rollback" => self.snapshots(command, rest),
            "create" | "clone" | "template" => self.make(command, rest),
            _set_resize_destroy => self.change(command, rest),
        }
    }

    /// Whether a test made this go wrong: a line of the folder's file `faults`.
    fn is_faulty(&self, word: &str) -> bool {
        std::fs::read_to_string(self.dir.join("faults"))
            .is_ok_and(|text| text.lines().any(|line| line == word))
    }

    fn with_quorum(&self) -> Result<(), Fail> {
        if self.is_faulty("no-quorum") {
            return Err(Fail::die("cluster not ready - no quorum?"));
        }
        Ok(())
    }

    fn config_path(&self, vm: &str) -> PathBuf {
        self.dir.join("nodes/pve/lxc").join(format!("{vm}.conf"))
    }

    /// The container's configuration; what `pct` says without one.
    fn load(&self, vm: &str) -> Result<Config, Fail> {
        match std::fs::read_to_string(self.config_path(vm)) {
            Ok(text) => Ok(Config::read(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // The errno that reading it left behind.
                let said = format!("Configuration file 'nodes/pve/lxc/{vm}.conf' does not exist");
                Err(Fail { code: 2, said })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn save(&self, vm: &str, config: &Config) -> Result<(), Fail> {
        let path = self.config_path(vm);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let new = path.with_extension(format!("new.{}", std::process::id()));
        std::fs::write(&new, config.written())?;
        Ok(std::fs::rename(new, path)?)
    }

    fn numbers(&self) -> Result<Vec<u32>, Fail> {
        let folder = self.dir.join("nodes/pve/lxc");
        let mut numbers = Vec::new();
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
            Err(error) => return Err(error.into()),
        };
        for entry in entries {
            let name = entry?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.strip_suffix(".conf")?.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Whether the HA manager looks after the container; then starting and stopping are only asked for.
    fn is_ha(&self, vm: &str) -> bool {
        let text = std::fs::read_to_string(self.dir.join("ha/resources.cfg")).unwrap_or_default();
        text.lines().any(|line| line == format!("ct:{vm}"))
    }
}

impl Fail {
    /// A message, with the status of Perl's `die`.
    fn die(said: impl Into<String>) -> Self {
        Self { code: 255, said: said.into() }
    }
}

impl From<io::Error> for Fail {
    fn from(error: io::Error) -> Self {
        Self { code: 70, said: format!("fake pct: {error}") }
    }
}

fn usage() -> String {
    let commands: Vec<String> = COMMANDS.iter().map(|command| format!("       pct {command}")).collect();
    format!("USAGE: pct <COMMAND> [ARGS] [OPTIONS]\n{}", commands.join("\n"))
}

/// `CT is locked (backup)`, unless it is not.
fn unlocked(config: &Config) -> Result<(), Fail> {
    match config.get("lock") {
        Some(lock) => Err(Fail::die(format!("CT is locked ({lock})"))),
        None => Ok(()),
    }
}
