//! Looking after a host from its own shell: approvals, approvers, the audit log, policy, configuration.

mod alarms;
mod approval;
mod approver;
mod at_azure;
mod audit;
mod azure;
mod bridge;
mod check;
mod doctor;
mod egress;
mod enforced;
mod enrol;
mod for_gate;
mod freeze;
mod gate;
mod hook;
mod https;
mod lists;
mod policy;
mod reload;
mod secret;
mod shields;
mod show;
mod signal;
mod sudo;
mod sudoers;
mod tool;
#[cfg(feature = "otlp")]
mod traces;
mod witness;

pub(super) use alarms::AlarmsArgs;
pub(super) use approval::ApprovalArgs;
pub(super) use approver::ApproverArgs;
pub(super) use audit::AuditArgs;
pub(super) use azure::AzureArgs;
pub(super) use bridge::BridgeArgs;
#[cfg(test)]
pub(super) use bridge::BridgeConfig;
pub(super) use check::CheckArgs;
pub(super) use doctor::DoctorArgs;
pub(super) use enrol::EnrolArgs;
pub(super) use freeze::{FreezeArgs, ThawArgs};
pub(super) use hook::HookArgs;
#[cfg(test)]
pub(super) use hook::HookConfig;
pub(super) use lists::ListsArgs;
pub(super) use policy::PolicyArgs;
pub(super) use reload::ReloadArgs;
pub(super) use secret::SecretArgs;
pub(super) use shields::ShieldsArgs;
pub(super) use show::ShowArgs;
pub(super) use signal::SignalArgs;
pub(super) use sudoers::SudoersArgs;
pub(super) use tool::ToolArgs;
#[cfg(feature = "otlp")]
pub(super) use traces::TracesArgs;
pub(super) use witness::WitnessArgs;

pub(super) use alarms::run as alarms;
pub(super) use approval::run as approval;
pub(super) use approver::run as approver;
pub(super) use audit::run as audit;
pub(super) use azure::run as azure;
pub(super) use bridge::run as bridge;
pub(super) use check::run as check;
pub(super) use doctor::run as doctor;
pub(super) use enrol::run as enrol;
pub(super) use freeze::{freeze, thaw};
pub(super) use hook::run as hook;
pub(super) use lists::run as lists;
pub(super) use policy::run as policy;
pub(super) use reload::run as reload;
pub(super) use secret::run as secret;
pub(super) use shields::run as shields;
pub(super) use show::run as show;
pub(super) use signal::run as signal;
pub(super) use sudoers::run as sudoers;
pub(super) use tool::run as tool;
#[cfg(feature = "otlp")]
pub(super) use traces::run as traces;
pub(super) use witness::run as witness;

use std::future::Future;

use super::exit::{Exit, Failure};

/// Where the gate's configuration is, unless it is said otherwise.
const GATE_CONFIG: &str = "/etc/reeve/gate.toml";

/// Runs something that waits, on this thread alone.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("the runtime cannot be started: {error}")))?
        .block_on(work)
}
