//! What root's configuration says about the adapters: a section of `gate.toml` for each kind that has one.

use super::GitSettings;
use super::ansible::AnsibleSettings;
use super::pct::settings::PctSettings;
use super::systemd::SystemdSettings;
use super::tool::ToolSettings;

/// What the sections mean.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// `[ansible]`: the playbooks.
    pub ansible: AnsibleSettings,
    /// `[systemd]`
    pub systemd: SystemdSettings,
    /// `[git]`.
    pub git: GitSettings,
    /// `[pct]`
    pub pct: PctSettings,
    /// The declared tools.
    pub tools: ToolSettings,
}

/// A value in one of the sections makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct SettingsError {
    /// Which.
    pub key: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}
