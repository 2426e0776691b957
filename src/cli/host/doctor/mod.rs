//! `reeve doctor`: is the host as everything else assumes. Root looks, because nobody else sees it all, and writes down what
//! it found for the gate to go by.

mod around;
mod azure;
mod canaries;
mod files;
mod found;
mod shields;
mod signal;
mod sudo;
mod sudoers;
mod users;

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use serde_json::json;

use super::GATE_CONFIG;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::gate::config::GateConfig;
use crate::gate::preflight::{Check, Report, Status};
use crate::sys::clock::Clock;
use crate::sys::{host, ids};
use crate::vault::examine::Looked;
use crate::wrapper::enforceable::Layers;
use found::{About, Found};

/// Examine this host: what everything else stands on, and whether the forbidden is impossible
#[derive(Debug, Args)]
#[command(after_help = "\
Root runs it, by hand or by a timer. What it finds is written down for the gate: while a
required check fails, nothing runs but reads, and people are still asked. What could not be
looked at is never a pass.

The exit code is 0 when nothing failed and everything could be looked at, else 1.

Examples:
  reeve doctor
  reeve doctor --json | jq '.checks[] | select(.status != \"pass\")'")]
pub(in crate::cli) struct DoctorArgs {
    /// The gate's configuration
    #[arg(long, value_name = "FILE", default_value = GATE_CONFIG)]
    gate: PathBuf,
    /// The configuration of the network side
    #[arg(long, value_name = "FILE", default_value = "/etc/reeve/reeved.toml")]
    reeved: PathBuf,
    /// Only look: what the gate goes by stays
    #[arg(long)]
    dry_run: bool,
}

const AZURE: &str = "systemctl restart reeve-secrets; cat /run/reeve-secrets/told/examined.json";
const AZURE_ACTS: &str = "systemctl restart reeve-azure-examine; cat /run/reeve-azure/told/examined.json";
const AZURE_ROLES: &str = "az role assignment list --all --assignee PRINCIPAL";
const INSTALL: &str = "run install.sh again, then find out who changed it";

/// Examines the host.
pub(in crate::cli) fn run(args: &DoctorArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    if !ids::is_root() {
        return Err(Failure::new(
            Exit::Failed,
            "only root sees everything that is looked at: sudo reeve doctor",
        ));
    }
    let now = clock.now();
    let (config, read) = configuration(&args.gate)?;
    let report = examine(&config, read, &args.reeved, now)?;
    if !args.dry_run {
        write(&config.preflight.report, &report)?;
    }
    if screen.is_json() {
        screen.document(
            &json!({"status": report.status(), "checks": report.checks, "sudoers": report.sudoers}),
        )?;
    } else {
        for check in &report.checks {
            screen.line(&shown(check))?;
        }
    }
    let well = matches!(report.status(), Status::Pass | Status::Warn);
    Ok(if well { Exit::Done } else { Exit::Failed })
}

/// The gate's configuration, or the defaults where it cannot be read, which is a finding of its own.
fn configuration(path: &Path) -> Result<(GateConfig, Found), Failure> {
    let name = host::hostname()?;
    match GateConfig::read(path, &name) {
        Ok(config) => Ok((config, Found::new(Status::Pass, format!("{} is read", path.display())))),
        Err(error) => {
            let wrong = Found::new(Status::Fail, with_causes(&error));
            let defaults = GateConfig::parse("the defaults", "", &name);
            defaults
                .map(|config| (config, wrong))
                .map_err(|error| Failure::new(Exit::Failed, with_causes(&error)))
        }
    }
}

fn examine(config: &GateConfig, read: Found, reeved: &Path, now: SystemTime) -> Result<Report, Failure> {
    let etc = host::prefixed("/etc");
    let probe = sudoers::probe(&etc.join("sudoers"), &host::hostname()?);
    let log = around::follow_log(config);
    let identity = azure::Identity::read(now);
    let layers = Layers::of_this_host();
    let tools = around::tools(config, &read, &layers);
    let required = |id, command, fix, found: Found| found.of(&About::required(id, command, fix));
    let advisory = |id, command, fix, found: Found| found.of(&About::advisory(id, command, fix));
    let checks = vec![
        required("programs", "ls -lR /usr/local/bin /usr/local/libexec/reeve", INSTALL, files::programs()),
        required(
            "wrapper-hashes",
            "cd /usr/local/libexec/reeve && sha256sum --check SHA256SUMS",
            INSTALL,
            files::wrapper_hashes(),
        ),
        required(
            "directories",
            "ls -ld /etc/reeve /var/lib/reeve* /var/log/reeve",
            INSTALL,
            files::directories(),
        ),
        required(
            "configuration-files",
            "ls -lR /etc/reeve",
            "install.sh gives them their owners and modes; find out who changed them",
            files::configuration(config, &etc.join("sudoers.d/reeve")),
        ),
        advisory("configuration", "reeve check", "mend what it names; a restart would not come up", read),
        advisory(
            "units",
            "systemd-delta --type=extended",
            "remove it, or know why it is there",
            files::units(),
        ),
        required(
            "sudo-rule",
            "sudo -l -U reeve-run",
            "reeve sudoers prints the rule that is meant",
            probe.own(),
        ),
        advisory(
            "sudo",
            "sudo --version",
            "reeve sudoers prints the rule for the sudo that is there; install.sh brings it",
            sudo::fits(&etc.join("sudoers.d/reeve")),
        ),
        advisory(
            "sudoers",
            "cvtsudoers -f json /etc/sudoers",
            "docs/hardening.md goes from such rules to wrappers",
            probe.risky(),
        ),
        required(
            "canary-sudo",
            "sudo -u reeve sudo -n -l",
            "remove what lets them use sudo",
            canaries::sudo(config),
        ),
        required(
            "canary-grant-key",
            "sudo -u reeve cat /var/lib/reeve/grant.key",
            "chmod 0700 /var/lib/reeve, then make a new key: docs/upgrade.md",
            canaries::grant_key(config),
        ),
        required(
            "canary-audit-log",
            "sudo -u reeve sh -c ': >> /var/log/reeve/audit.jsonl'",
            "run install.sh again, then verify the log",
            canaries::audit_log(config),
        ),
        required(
            "canary-ledger",
            "sudo -u reeve-gate ls /var/lib/reeve-root/spent",
            INSTALL,
            canaries::ledger(config),
        ),
        required(
            "audit-chain",
            "reeve audit verify --ledger /var/lib/reeve-root/spent",
            "docs/audit.md says what each break means; keep a copy before anything else",
            around::audit(&log),
        ),
        advisory("clock", "timedatectl", "apt-get install systemd-timesyncd", around::clock(&log, now)),
        advisory(
            "certificates",
            "openssl x509 -in /etc/reeve/tls/server.crt -noout -enddate",
            "reeve pki renew, reeve pki crl",
            around::certificates(reeved, now),
        ),
        advisory(
            "people",
            "reeve approver list",
            "docs/approvals.md says how people are enrolled",
            around::people(config),
        ),
        advisory("signal-daemon", "reeve signal status", "update signal-cli", signal::daemon(config)),
        advisory(
            "alarms",
            "systemctl status reeve-alarms; runuser -u reeve-alarms -- reeve alarms test",
            "docs/alarms.md says how people are told when they cannot be asked",
            around::alarms(config, now),
        ),
        advisory(
            "disks",
            "df -h /var/log /var/lib; df -i /var/log /var/lib",
            "make room",
            around::disks(config),
        ),
        advisory(
            "azure-credential",
            AZURE,
            "docs/azure.md says who the host can be",
            identity.of(Looked::Credential),
        ),
        advisory(
            "azure-roles",
            AZURE_ROLES,
            "reeve enrol azure says which roles it takes",
            identity.of(Looked::Roles),
        ),
        advisory(
            "azure-vaults",
            AZURE,
            "reeve secret list says what is wrong with each",
            identity.of(Looked::Vaults),
        ),
        advisory(
            "azure-isolation",
            AZURE_ROLES,
            "reeve enrol azure says which roles it takes",
            identity.of(Looked::Isolation),
        ),
        advisory(
            "canary-secrets",
            "sudo -u reeve-tool ls /run/reeve-secrets/reeved",
            INSTALL,
            if identity.uses_vaults() { canaries::secrets(config) } else { identity.of(Looked::Isolation) },
        ),
        advisory(
            "azure-acting",
            AZURE_ACTS,
            "docs/azure-operations.md says what its identity needs",
            azure::acting(now),
        ),
        advisory(
            "azure-shields",
            "reeve shields try hello; journalctl -u reeve-shields",
            "docs/shields.md says what each doubt is",
            shields::answer(config, now),
        ),
        advisory(
            "canary-identities",
            "ls -l /etc/reeve/*.secret /run/reeve-shields",
            "give each file to root and the group of its user with mode 0640, as install.sh does",
            canaries::identities(config),
        ),
        advisory(
            "kernel",
            "cat /sys/kernel/security/lsm",
            "use Debian's own kernel",
            around::kernel(&layers),
        ),
        advisory(
            "tools",
            "reeve check",
            "do what it names, or declare the tool otherwise: docs/sandbox.md has what each tier needs",
            tools,
        ),
    ];
    let at_ms = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    Ok(Report {
        at_ms: u64::try_from(at_ms).unwrap_or(u64::MAX),
        boot: host::boot_id()?,
        checks,
        sudoers: probe.risks(),
    })
}

/// Beside the old one and then in its place: the gate never reads half of one. What it says of the host is for root and the
/// gate alone.
fn write(path: &Path, report: &Report) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Failed, format!("{} cannot be written: {error}", path.display()))
            .hint("install.sh makes its directory; --dry-run writes nothing")
    };
    let bytes = serde_json::to_vec(report).map_err(|error| failed(error.into()))?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    file.write_all(&bytes).map_err(failed)?;
    let gate = ids::group("reeve-gate").map_err(failed)?;
    chown(file.path(), Some(0), gate).map_err(failed)?;
    file.as_file().set_permissions(Permissions::from_mode(0o640)).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn shown(check: &Check) -> String {
    let (mark, tone) = match check.status {
        Status::Pass => ("✓", Tone::Good),
        Status::Warn => ("!", Tone::Warning),
        Status::CouldNotCheck => ("?", Tone::Warning),
        Status::Fail => ("✗", Tone::Bad),
    };
    let mut text = format!("{} {:<20} {}", paint(mark, tone), check.id, check.status.as_str());
    for line in &check.evidence {
        text.push_str(&format!("\n    {}", harmless(line)));
    }
    if check.status != Status::Pass {
        let fix = format!("see: {}\n    fix: {}", check.command, check.fix);
        text.push_str(&format!("\n    {}", paint(&fix, Tone::Faint)));
    }
    text
}
