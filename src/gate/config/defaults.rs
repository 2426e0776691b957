//! What `gate.toml` means where it says nothing.

use std::path::PathBuf;

pub(super) fn socket() -> PathBuf {
    PathBuf::from("/run/reeve/gate.sock")
}

pub(super) fn front_user() -> String {
    "reeve".to_owned()
}

pub(super) fn approvers_group() -> String {
    "reeve-approvers".to_owned()
}

pub(super) fn state() -> PathBuf {
    PathBuf::from("/var/lib/reeve")
}

pub(super) fn contracts() -> PathBuf {
    PathBuf::from("/etc/reeve/contracts")
}

pub(super) fn policy() -> PathBuf {
    PathBuf::from("/etc/reeve/policy.star")
}

pub(super) fn tools() -> PathBuf {
    PathBuf::from("/etc/reeve/tools")
}

pub(super) fn lists() -> PathBuf {
    PathBuf::from("/etc/reeve/lists.toml")
}

pub(super) fn alarms() -> PathBuf {
    PathBuf::from("/etc/reeve/alarms.toml")
}

pub(super) fn traces() -> PathBuf {
    PathBuf::from("/etc/reeve/traces.toml")
}

pub(super) fn witness() -> PathBuf {
    PathBuf::from("/etc/reeve/witness.toml")
}

pub(super) fn log() -> String {
    "info".to_owned()
}
