//! Leave to run one program with exactly these arguments, once, on this host, during this boot, within seconds.
//!
//! ```text
//! Grant ──sign──▶ SignedGrant ══stdin══▶ bytes ──verify──▶ VerifiedGrant ──spend──▶ SpentGrant
//!   the gate only                           the wrapper, which runs as root
//! ```

mod encoding;
mod ledger;
mod refusal;
#[cfg(feature = "full")]
mod sign;
mod verify;

pub use ledger::{Ledger, SpentGrant};
#[cfg(feature = "full")]
pub use ledger::{SpentRecord, spent_records};
pub use refusal::{Malformed, Refusal};
#[cfg(feature = "full")]
pub use sign::{KeyError, SignedGrant, SigningKey};
pub use verify::{Expected, MAX_LIFETIME, PublicKey, VerifiedGrant};

/// No grant is longer than this, its signature included.
pub const MAX_BYTES: usize = 64 * 1024;

/// What is granted. The gate fills this in; a wrapper sees it only inside a [`VerifiedGrant`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The operation that this is a step of.
    pub operation: String,
    /// Which step, counted from 0.
    pub step: u16,
    /// The wrapper that may act on it.
    pub wrapper: WrapperName,
    /// The program, by its absolute path on a production host; a build prefix is added by the wrapper.
    pub program: String,
    /// Its arguments, without the program's name.
    pub argv: Vec<String>,
    /// The directory that it runs in, by its absolute path without links, for programs that have one.
    pub directory: Option<String>,
    /// Who the program runs as.
    pub run_as: RunAs,
    /// The host it is for: [`crate::sys::host::machine_id`].
    pub host: String,
    /// The boot it is for: [`crate::sys::host::boot_id`].
    pub boot: String,
    /// When it expires, in nanoseconds of the boot clock.
    pub not_after: u64,
    /// How many seconds the program may run.
    pub run_limit_secs: u32,
    /// What makes it one of a kind: the name it is spent under.
    pub nonce: [u8; 16],
}

/// The wrappers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrapperName {
    /// `zfs` and `zpool`.
    Zfs,
    /// `systemctl` and `journalctl`.
    Systemd,
    /// `pct` of Proxmox VE.
    Pct,
    /// `git`, never as root.
    Git,
    /// `ansible-playbook`.
    Ansible,
    /// Declared tools, shut in.
    Tool,
    /// Azure, by a program of our own, as one user.
    Azure,
}

impl WrapperName {
    /// Every one of them.
    pub const ALL: [WrapperName; 7] = [
        WrapperName::Zfs,
        WrapperName::Systemd,
        WrapperName::Pct,
        WrapperName::Git,
        WrapperName::Ansible,
        WrapperName::Tool,
        WrapperName::Azure,
    ];

    /// The name of its file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            WrapperName::Zfs => "reeve-zfs",
            WrapperName::Systemd => "reeve-systemd",
            WrapperName::Pct => "reeve-pct",
            WrapperName::Git => "reeve-git",
            WrapperName::Ansible => "reeve-ansible",
            WrapperName::Tool => "reeve-tool",
            WrapperName::Azure => "reeve-azure",
        }
    }

    /// Its number in grants and in frames to the launcher; a number is never given to another.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            WrapperName::Zfs => 1,
            WrapperName::Systemd => 2,
            WrapperName::Pct => 3,
            WrapperName::Git => 4,
            WrapperName::Ansible => 5,
            WrapperName::Tool => 6,
            WrapperName::Azure => 7,
        }
    }

    /// The wrapper with that number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<WrapperName> {
        WrapperName::ALL.into_iter().find(|name| name.code() == code)
    }
}

/// Who a granted program runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// Root, as the wrapper itself.
    Root,
    /// This Unix user, with its groups, and no way back.
    User(String),
}

#[cfg(test)]
#[cfg(feature = "full")]
pub(crate) mod tests;
