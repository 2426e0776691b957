//! `gate.toml`: as it is written, and as it is meant.

mod audit;
mod bounds;
mod budget;
mod defaults;
mod hook;
mod keys;
mod places;
mod launcher;
mod preflight;
mod shields;
mod signal;
mod webhook;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::adapter::{
    AnsibleAsWritten, GitSettingsAsWritten, Growth, PctAsWritten, Settings, SettingsError, SystemdAsWritten,
    ToolSettings,
};
use crate::alarm::config::AlarmsConfig;
use crate::approval::people::{ApproverAsWritten, People, PeopleError};
use crate::audit::peers::WitnessConfig;
use crate::config::{self, ConfigError};
use crate::domains::config::ListsConfig;
use crate::screening::settings::ScreeningSettings;
use crate::secret::{Places, PlacesAsWritten};
use crate::shield::ShieldSettings;
use crate::trace::config::TracesConfig;

use audit::AuditAsWritten;
pub use audit::AuditSettings;
use budget::BudgetAsWritten;
pub use budget::{Amount, Budget};
use hook::HookAsWritten;
pub use hook::HookSettings;
pub use keys::KeySettings;
use keys::KeysAsWritten;
use launcher::LauncherAsWritten;
pub use launcher::LauncherConfig;
use preflight::PreflightAsWritten;
pub use preflight::PreflightSettings;
use shields::ShieldsAsWritten;
use signal::SignalAsWritten;
pub use signal::SignalSettings;
use webhook::WebhookAsWritten;
pub use webhook::WebhookSettings;

/// What the gate runs by.
#[derive(Debug)]
pub struct GateConfig {
    /// The host's name in messages, records and policies.
    pub host: String,
    /// Where `reeved` and the people on the host connect.
    pub socket: PathBuf,
    /// The Unix user of `reeved`: the only one that may speak for callers.
    pub front_user: String,
    /// The Unix group whose members may vote on this host.
    pub approvers_group: String,
    /// Where the job store is, and the gate's keys unless they lie elsewhere.
    pub state: PathBuf,
    /// Where its keys lie.
    pub keys: KeySettings,
    /// The folder of contracts.
    pub contracts: PathBuf,
    /// The policy file.
    pub policy: PathBuf,
    /// A policy on trial, which decides beside the other and changes nothing.
    pub shadow: Option<PathBuf>,
    /// The folder of declared tools.
    pub tools: PathBuf,
    /// The file that says which lists of domains there are.
    pub lists: PathBuf,
    /// These lists.
    pub domain_lists: ListsConfig,
    /// The file that says how people are told when they cannot be asked.
    pub alarms_file: PathBuf,
    /// What it says, when there is one.
    pub alarms: Option<AlarmsConfig>,
    /// The file that says where traces go.
    pub traces_file: PathBuf,
    /// What it says, when there is one.
    pub traces: Option<TracesConfig>,
    /// The file that says which hosts watch each other's logs.
    pub witness_file: PathBuf,
    /// What it says, when there is one.
    pub witness: Option<WitnessConfig>,
    /// The launcher.
    pub launcher: LauncherConfig,
    /// The audit log.
    pub audit: AuditSettings,
    /// Approvals.
    pub approvals: ApprovalSettings,
    /// The link to people, when there is one.
    pub signal: Option<SignalSettings>,
    /// Votes that are posted, when they are taken.
    pub webhook: Option<WebhookSettings>,
    /// Who is asked about each confirmation, when somebody is.
    pub identity_hook: Option<HookSettings>,
    /// What the adapters go by.
    pub adapters: Settings,
    /// Who may approve.
    pub people: People,
    /// How much each principal may change and destroy.
    pub budgets: Vec<Budget>,
    /// How it goes by what `reeve doctor` found.
    pub preflight: PreflightSettings,
    /// How far texts are looked at that may be made to mislead.
    pub screening: ScreeningSettings,
    /// Which of these Azure is asked about.
    pub shields: ShieldSettings,
    /// Where secrets are.
    pub secrets: Places,
    /// What is logged: `error`, `warn`, `info`, `debug`.
    pub log: String,
}

/// Bounds on approvals.
#[derive(Debug, Clone)]
pub struct ApprovalSettings {
    /// How long after an approval it may still begin.
    pub execute_within: Duration,
    /// How long the same request is not put to people again after a no or after nobody answered.
    pub cool_down: Duration,
    /// How long after it was begun somebody who lost their phone is enrolled anew.
    pub recovery_delay: Duration,
    /// How many may wait for one caller.
    pub per_principal: usize,
    /// How many may wait in all.
    pub overall: usize,
    /// After how many of one caller that people did not want nothing more of it is put to them for a while.
    pub patience: usize,
    /// How much more than was shown may be freed by the time that it runs.
    pub growth: Growth,
}

/// What is wrong with `gate.toml`.
#[derive(Debug, thiserror::Error)]
pub enum GateConfigError {
    /// It cannot be read, or is not what it should be.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// A section about an adapter does not make sense.
    #[error(transparent)]
    Adapter(#[from] SettingsError),
    /// The approvers do not make sense.
    #[error("the approvers do not make sense: {0}")]
    People(#[from] PeopleError),
    /// A value is out of its range.
    #[error("{key}: {problem}")]
    Value {
        /// Which.
        key: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    host: Option<String>,
    #[serde(default = "defaults::socket")]
    socket: PathBuf,
    #[serde(default = "defaults::front_user")]
    front_user: String,
    #[serde(default = "defaults::approvers_group")]
    approvers_group: String,
    #[serde(default = "defaults::state")]
    state: PathBuf,
    #[serde(default = "defaults::contracts")]
    contracts: PathBuf,
    #[serde(default = "defaults::policy")]
    policy: PathBuf,
    shadow: Option<PathBuf>,
    #[serde(default = "defaults::tools")]
    tools: PathBuf,
    #[serde(default = "defaults::lists")]
    lists: PathBuf,
    #[serde(default = "defaults::alarms")]
    alarms: PathBuf,
    #[serde(default = "defaults::traces")]
    traces: PathBuf,
    #[serde(default = "defaults::witness")]
    witness: PathBuf,
    #[serde(default = "defaults::log")]
    log: String,
    #[serde(default)]
    keys: KeysAsWritten,
    #[serde(default)]
    launcher: LauncherAsWritten,
    #[serde(default)]
    audit: AuditAsWritten,
    #[serde(default)]
    approvals: ApprovalsAsWritten,
    signal: Option<SignalAsWritten>,
    webhook: Option<WebhookAsWritten>,
    identity_hook: Option<HookAsWritten>,
    #[serde(default)]
    ansible: AnsibleAsWritten,
    #[serde(default)]
    systemd: SystemdAsWritten,
    #[serde(default)]
    pct: PctAsWritten,
    #[serde(default)]
    approver: Vec<ApproverAsWritten>,
    #[serde(default)]
    budget: Vec<BudgetAsWritten>,
    #[serde(default)]
    git: GitSettingsAsWritten,
    #[serde(default)]
    preflight: PreflightAsWritten,
    #[serde(default)]
    screening: ScreeningSettings,
    #[serde(default)]
    shields: ShieldsAsWritten,
    #[serde(default)]
    secrets: PlacesAsWritten,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ApprovalsAsWritten {
    execute_within: String,
    cool_down: String,
    recovery_delay: String,
    per_principal: usize,
    overall: usize,
    patience: usize,
    growth: f64,
}

impl Default for ApprovalsAsWritten {
    fn default() -> Self {
        let [execute_within, cool_down, recovery_delay] = ["5m", "10m", "24h"].map(str::to_owned);
        let (per_principal, overall, patience, growth) = (5, 100, 10, 1.2);
        Self { execute_within, cool_down, recovery_delay, per_principal, overall, patience, growth }
    }
}

impl GateConfig {
    /// Reads the file, and the tools, lists and alarms declared beside it. `host_name` is the name of the host when the file gives none.
    pub fn read(path: &Path, host_name: &str) -> Result<Self, GateConfigError> {
        let mut config = config::read::<AsWritten>(path)?.meant(host_name)?;
        config.adapters.tools = ToolSettings::load(&config.tools)?;
        config.domain_lists = ListsConfig::read(&config.lists)?;
        config.alarms = AlarmsConfig::read(&config.alarms_file)?;
        config.traces = TracesConfig::read(&config.traces_file)?;
        config.witness = WitnessConfig::read(&config.witness_file)?;
        Ok(config)
    }

    /// The configuration that a text stands for.
    pub fn parse(label: &str, text: &str, host_name: &str) -> Result<Self, GateConfigError> {
        config::parse::<AsWritten>(label, text)?.meant(host_name)
    }
}

impl AsWritten {
    fn meant(self, host_name: &str) -> Result<GateConfig, GateConfigError> {
        let approvals = ApprovalSettings {
            execute_within: duration("approvals.execute_within", &self.approvals.execute_within, 1, 86_400)?,
            cool_down: duration("approvals.cool_down", &self.approvals.cool_down, 0, 86_400)?,
            recovery_delay: duration(
                "approvals.recovery_delay",
                &self.approvals.recovery_delay,
                3_600,
                2_592_000,
            )?,
            per_principal: within("approvals.per_principal", self.approvals.per_principal, 1, 1_000)?,
            overall: within("approvals.overall", self.approvals.overall, 1, 10_000)?,
            patience: within("approvals.patience", self.approvals.patience, 1, 1_000)?,
            growth: bounds::growth(self.approvals.growth)?,
        };
        Ok(GateConfig {
            host: self.host.unwrap_or_else(|| host_name.to_owned()),
            socket: absolute("socket", self.socket)?,
            front_user: self.front_user,
            approvers_group: self.approvers_group,
            keys: self.keys.meant(&self.state),
            state: absolute("state", self.state)?,
            contracts: absolute("contracts", self.contracts)?,
            shadow: self.shadow.map(|shadow| places::beside(&self.policy, shadow)).transpose()?,
            policy: absolute("policy", self.policy)?,
            tools: absolute("tools", self.tools)?,
            lists: absolute("lists", self.lists)?,
            domain_lists: ListsConfig::default(),
            alarms_file: absolute("alarms", self.alarms)?,
            alarms: None,
            traces_file: absolute("traces", self.traces)?,
            traces: None,
            witness_file: absolute("witness", self.witness)?,
            witness: None,
            launcher: self.launcher.meant()?,
            audit: self.audit.meant()?,
            approvals,
            signal: self.signal.map(SignalAsWritten::meant).transpose()?,
            webhook: self.webhook.map(WebhookAsWritten::meant).transpose()?,
            identity_hook: self.identity_hook.map(HookAsWritten::meant).transpose()?,
            adapters: Settings {
                ansible: self.ansible.meant()?,
                git: self.git.meant()?,
                systemd: self.systemd.meant()?,
                pct: self.pct.meant()?,
                tools: ToolSettings::default(),
            },
            people: People::from_written(self.approver)?,
            budgets: self.budget.into_iter().map(BudgetAsWritten::meant).collect::<Result<_, _>>()?,
            preflight: self.preflight.meant()?,
            screening: self.screening,
            shields: self.shields.meant()?,
            secrets: places::secrets(self.secrets)?,
            log: bounds::filter(self.log)?,
        })
    }
}

fn absolute(key: &'static str, path: PathBuf) -> Result<PathBuf, GateConfigError> {
    if path.is_absolute() {
        return Ok(path);
    }
    Err(GateConfigError::Value { key, problem: format!("{} is not an absolute path", path.display()) })
}

fn within<T: PartialOrd + std::fmt::Display>(
    key: &'static str,
    value: T,
    least: T,
    most: T,
) -> Result<T, GateConfigError> {
    if value >= least && value <= most {
        return Ok(value);
    }
    Err(GateConfigError::Value { key, problem: format!("{value} is not from {least} to {most}") })
}

fn duration(key: &'static str, text: &str, least: u64, most: u64) -> Result<Duration, GateConfigError> {
    let problem = |why: String| GateConfigError::Value { key, problem: why };
    let duration = humantime::parse_duration(text)
        .map_err(|error| problem(format!("{text:?} is no duration such as 30s, 10m, 2h: {error}")))?;
    within(key, duration.as_secs(), least, most)
        .map_err(|_range| problem(format!("{text:?} is not from {least} s to {most} s")))?;
    Ok(duration)
}

#[cfg(test)]
mod tests;
