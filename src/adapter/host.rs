//! The host as adapters see it: something that runs a read-only tool and returns what it printed.

use std::fmt;
use std::path::PathBuf;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Settings;
use super::ansible::{FolderError, PinnedFile, read_folder};
use crate::grant::WrapperName;
use crate::sandbox::egress::Lists;
use crate::sys::host::prefixed;

/// A program that an adapter may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// `zfs`
    Zfs,
    /// `zpool`
    Zpool,
    /// `ansible-playbook`
    AnsiblePlaybook,
    /// `systemctl`
    Systemctl,
    /// `journalctl`
    Journalctl,
    /// `git`
    Git,
    /// `stat`, for files that git knows nothing of
    Stat,
    /// `pct`, for Proxmox containers
    Pct,
    /// `pvesm`, for what lies on Proxmox's storages
    Pvesm,
    /// `ha-manager`, for what Proxmox's HA looks after
    HaManager,
    /// A declared tool, which its confinement names.
    Tool,
    /// `reeve azure`, which asks Azure Resource Manager.
    AzureManager,
}

impl Program {
    /// Where it lies on a production host: what a grant names.
    pub fn production_path(self) -> &'static str {
        match self {
            Self::Zfs => "/usr/sbin/zfs",
            Self::Zpool => "/usr/sbin/zpool",
            Self::AnsiblePlaybook => "/usr/bin/ansible-playbook",
            Self::Systemctl => "/usr/bin/systemctl",
            Self::Journalctl => "/usr/bin/journalctl",
            Self::Git => "/usr/bin/git",
            Self::Stat => "/usr/bin/stat",
            Self::Pct => "/usr/sbin/pct",
            Self::Pvesm => "/usr/sbin/pvesm",
            Self::HaManager => "/usr/sbin/ha-manager",
            Self::Tool => crate::wrapper::tool::INNER,
            Self::AzureManager => "/usr/local/bin/reeve",
        }
    }

    /// Where it lies in this build.
    pub fn path(self) -> PathBuf {
        prefixed(self.production_path())
    }

    /// How it reads the host.
    pub fn reads(self) -> Reads {
        match self {
            Self::AnsiblePlaybook => Reads::ByWrapper(WrapperName::Ansible),
            Self::Zfs | Self::Zpool | Self::Systemctl => Reads::Directly,
            // The journal of the whole host is not for every user.
            Self::Journalctl => Reads::ByWrapper(WrapperName::Systemd),
            Self::Git | Self::Stat => Reads::ByWrapper(WrapperName::Git),
            Self::Pct | Self::Pvesm | Self::HaManager => Reads::ByWrapper(WrapperName::Pct),
            Self::Tool => Reads::ByWrapper(WrapperName::Tool),
            Self::AzureManager => Reads::ByWrapper(WrapperName::Azure),
        }
    }

    /// Whether the wrapper stays with it and ends it, with all that it started, when it is cancelled.
    pub fn is_supervised(self) -> bool {
        match self {
            Self::Zfs | Self::Zpool => false,
            Self::AnsiblePlaybook => true,
            Self::Systemctl | Self::Journalctl => true,
            Self::Git | Self::Stat => true,
            Self::Pct | Self::Pvesm | Self::HaManager => true,
            Self::Tool | Self::AzureManager => true,
        }
    }

    /// Its name alone.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zfs => "zfs",
            Self::Zpool => "zpool",
            Self::AnsiblePlaybook => "ansible-playbook",
            Self::Systemctl => "systemctl",
            Self::Journalctl => "journalctl",
            Self::Git => "git",
            Self::Stat => "stat",
            Self::Pct => "pct",
            Self::Pvesm => "pvesm",
            Self::HaManager => "ha-manager",
            Self::Tool => "tool",
            Self::AzureManager => "reeve",
        }
    }
}

/// How a program reads the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// As the gate's own user.
    Directly,
    /// As root or as the caller's user, by a grant for that one command.
    ByWrapper(WrapperName),
}

/// A program and its arguments, each one argument as the kernel passes it: no shell ever reads them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argv {
    /// What to run.
    pub program: Program,
    /// The arguments, without the program's own name.
    pub args: Vec<String>,
    /// The directory that it runs in, for programs that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// How long it may take, when that is longer than is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Duration>,
}

impl Argv {
    /// A program with arguments.
    pub fn new(program: Program, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { program, args: args.into_iter().map(Into::into).collect(), directory: None, limit: None }
    }

    /// `zfs` with arguments.
    pub fn zfs(args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(Program::Zfs, args)
    }

    /// `systemctl` with arguments.
    pub fn systemctl(args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(Program::Systemctl, args)
    }

    /// `journalctl` with arguments.
    pub fn journalctl(args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(Program::Journalctl, args)
    }

    /// `zpool` with arguments.
    pub fn zpool(args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(Program::Zpool, args)
    }
}

impl fmt::Display for Argv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program.name())?;
        match (self.program, self.args.as_slice()) {
            // What stands in the log: neither a tool's environment nor what it reads, and all else that confines it.
            (Program::Tool, [confinement, input, args @ ..]) => {
                let fields = confinement.split(';').map(|field| match field.strip_prefix("env=") {
                    Some(variable) => format!("env={}", variable.split('=').next().unwrap_or_default()),
                    None => field.to_owned(),
                });
                write!(f, " {} input={}", fields.collect::<Vec<_>>().join(";"), input.len())?;
                args.iter().try_for_each(|arg| write!(f, " {arg}"))
            }
            (_, args) => args.iter().try_for_each(|arg| write!(f, " {arg}")),
        }
    }
}

/// How a tool ended and what it printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolOutput {
    /// Its exit status.
    pub exit_code: i32,
    /// All that it wrote to descriptor 1.
    pub stdout: Vec<u8>,
    /// All that it wrote to descriptor 2.
    pub stderr: Vec<u8>,
}

/// The two forms in which the ZFS tools list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListingForm {
    /// `-j --json-int`, from OpenZFS 2.3.
    Json,
    /// `-Hp`: columns between tabs.
    Columns,
}

/// Runs read-only tools.
pub trait Host: Send + Sync {
    /// Runs a tool that reads and waits for its end.
    ///
    /// # Errors
    /// When it is not certain that the whole output has been seen.
    fn read(&self, argv: &Argv) -> Result<ToolOutput, HostError>;

    /// What root's configuration says about the adapters; without any, what holds where it says nothing.
    fn settings(&self) -> &Settings {
        static NONE: LazyLock<Settings> = LazyLock::new(Settings::default);
        &NONE
    }

    /// Who asks, where somebody does.
    fn caller(&self) -> Option<&str> {
        None
    }

    /// How often the caller had a tool run before, in the run that the request names; nothing, when it names none.
    fn calls_in_run(&self, _tool: &str) -> Option<u64> {
        None
    }

    /// What a tool may reach, as far as the caller's contract and the policy's domain lists let it: what they deny is never
    /// reached.
    ///
    /// # Errors
    /// Says why nobody may be reached, or that it cannot be told to a proxy.
    fn bounded(&self, lists: Lists) -> Result<Lists, String> {
        Ok(lists)
    }

    /// Every file below a directory, as far as only root, or the gate's own user, can have written it.
    ///
    /// # Errors
    /// When it cannot be read, or is not to be trusted.
    fn folder(&self, path: &str) -> Result<Vec<PinnedFile>, FolderError> {
        read_folder(&prefixed(path))
    }

    /// A time of the host's own clock on the wall, `2026-11-20 10:00:00`, in seconds since 1970.
    fn local_time(&self, text: &str) -> Option<u64> {
        crate::sys::local_time::seconds(text)
    }

    /// Lets time go by, to see whether a state lasts.
    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }

    /// Where what was learned about the tools' listing form is kept; without it, it is found out for each operation.
    fn listing_form(&self) -> Option<&OnceLock<ListingForm>> {
        None
    }
}

/// A tool gave no complete answer.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The program is not installed.
    #[error("{} is not installed on this host", program.name())]
    Missing {
        /// Which.
        program: Program,
    },
    /// It ran past its deadline and was ended.
    #[error("{program:?} did not answer within {} s", after.as_secs())]
    TimedOut {
        /// Which.
        program: Program,
        /// Its deadline.
        after: Duration,
    },
    /// It printed more than is read.
    #[error("{program:?} printed more than {bytes} bytes")]
    TooMuchOutput {
        /// Which.
        program: Program,
        /// The bound.
        bytes: usize,
    },
    /// It was ended by a signal.
    #[error("{program:?} was ended by signal {signal}")]
    Killed {
        /// Which.
        program: Program,
        /// By which signal.
        signal: i32,
    },
    /// Its wrapper did not start it.
    #[error("the wrapper of {} refused to start it", program.name())]
    Refused {
        /// Which.
        program: Program,
        /// What the wrapper said, for the adapter; callers see none of it.
        said: String,
    },
    /// It could not be started or watched.
    #[error("{program:?} could not be run")]
    NotRun {
        /// Which.
        program: Program,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
