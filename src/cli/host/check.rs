//! `reeve check`: would everything start with the configuration as it is. What could not be looked at is not right.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{GATE_CONFIG, alarms, at_azure, block_on, bridge, egress, enforced, hook, lists, witness};
use crate::api::Settings;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::config::did_you_mean;
use crate::gate::config::GateConfig;
use crate::policy::{Contracts, PolicyEngine, PolicySource, WorkerProgram, WorkerReport};
use crate::sandbox::Confinement;
use crate::sandbox::egress::ROOTS_LIST;
use crate::sys::clock::Clock;
use crate::sys::{host, trusted_file};
use crate::wrapper::enforceable::Layers;

/// Check the whole configuration of this host without putting any of it in force
#[derive(Debug, Args)]
#[command(after_help = "\
Run it as root: what it cannot read counts as wrong.

Example:
  reeve check && systemctl reload reeve-gate reeved")]
pub(in crate::cli) struct CheckArgs {
    /// The gate's configuration
    #[arg(long, value_name = "FILE", default_value = GATE_CONFIG)]
    gate: PathBuf,
    /// The configuration of the network side
    #[arg(long, value_name = "FILE", default_value = "/etc/reeve/reeved.toml")]
    reeved: PathBuf,
}

/// One part of the configuration, and what is wrong with it.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    path: PathBuf,
    problem: Option<String>,
    /// What there is, when it is right.
    found: Option<String>,
}

impl Finding {
    fn of(what: &'static str, path: &Path, checked: Result<String, String>) -> Self {
        let (problem, found) = match checked {
            Ok(found) => (None, Some(found)),
            Err(problem) => (Some(problem), None),
        };
        Self { what, path: path.to_owned(), problem, found }
    }
}

/// Checks everything.
pub(in crate::cli) fn run(args: &CheckArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let (mut findings, config) = gate(&args.gate, clock)?;
    findings.push(Finding::of("reeved", &args.reeved, reeved(&args.reeved)));
    let at_azure = at_azure::findings(&args.gate, &args.reeved, config.as_ref());
    findings.extend(at_azure.into_iter().map(|(what, path, found)| Finding::of(what, &path, found)));
    let over_http = host::prefixed(bridge::CONFIG);
    if let Some(found) = bridge::finding(&over_http) {
        findings.push(Finding::of("bridge", &over_http, found));
    }
    let asked = host::prefixed(hook::CONFIG);
    if let Some(found) = hook::finding(&asked) {
        findings.push(Finding::of("hook", &asked, found));
    }
    let peers = host::prefixed(witness::CONFIG);
    if let Some(found) = witness::finding(&peers) {
        findings.push(Finding::of("witness", &peers, found));
    }
    let public_key = host::prefixed("/etc/reeve/grant.pub");
    findings.push(Finding::of("grant key", &public_key, grant_key(&public_key)));
    let ok = findings.iter().all(|finding| finding.problem.is_none());
    if screen.is_json() {
        screen.document(&json!({"ok": ok, "checks": findings}))?;
    } else {
        for finding in &findings {
            screen.line(&line(finding))?;
        }
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

fn line(finding: &Finding) -> String {
    let path = harmless(&finding.path.display().to_string());
    match (&finding.problem, &finding.found) {
        (Some(problem), _) => {
            let problem: Vec<String> =
                problem.lines().map(|line| format!("    {}", harmless(line))).collect();
            format!("{} {:<10} {path}\n{}", paint("✗", Tone::Bad), finding.what, problem.join("\n"))
        }
        (None, found) => {
            let found = harmless(found.as_deref().unwrap_or_default());
            format!("{} {:<10} {path}  {}", paint("✓", Tone::Good), finding.what, paint(&found, Tone::Faint))
        }
    }
}

/// What there is to say of the gate's configuration and of what it names, and what it means.
fn gate(path: &Path, clock: &dyn Clock) -> Result<(Vec<Finding>, Option<GateConfig>), Failure> {
    let name = host::hostname()?;
    let config = match GateConfig::read(path, &name) {
        Ok(config) => config,
        Err(error) => return Ok((vec![Finding::of("gate", path, Err(with_causes(&error)))], None)),
    };
    let approvers = config.people.iter().count();
    let channel = if config.signal.is_some() { "Signal" } else { "no channel" };
    let found = format!("{approvers} approvers, {channel}");
    let roots_list = host::prefixed(ROOTS_LIST);
    let mut findings = vec![
        Finding::of("gate", path, Ok(found)),
        Finding::of("tools", &config.tools, tools(&config)),
        Finding::of("egress", &roots_list, egress::finding(&roots_list, &config.adapters.tools)),
        Finding::of("contracts", &config.contracts, contracts(&config.contracts)),
        Finding::of(
            "policy",
            &config.policy,
            policy(&config.policy, config.shadow.as_deref())
                .and_then(|report| with_profiles(&report, &config.contracts)),
        ),
        Finding::of("lists", &config.lists, lists::finding(&config.lists, clock)),
        Finding::of("alarms", &config.alarms_file, alarms::finding(&config.alarms_file)),
        #[cfg(feature = "otlp")]
        Finding::of("traces", &config.traces_file, super::traces::finding(&config.traces_file)),
    ];
    if let Some(shadow) = &config.shadow {
        findings.push(Finding::of("shadow", shadow, policy(shadow, None).map(|report| examples(&report))));
    }
    Ok((findings, Some(config)))
}

/// Every declared program is the pinned one, and can be shut in here; what would be refused when it runs is named now.
fn tools(config: &GateConfig) -> Result<String, String> {
    let mut names = Vec::new();
    for (name, declared) in config.adapters.tools.iter() {
        declared.check_program().map_err(|problem| format!("{name}: {problem}"))?;
        let Confinement { read_only, hidden, .. } = &declared.confinement;
        for (key, path) in
            read_only.iter().map(|path| ("read_only", path)).chain(hidden.iter().map(|path| ("hidden", path)))
        {
            trusted_file::check_place(Path::new(path))
                .map_err(|error| format!("{name}: {key}: {}", with_causes(&error)))?;
        }
        names.push(name.as_str());
    }
    let layers = Layers::of_this_host();
    let missing = enforced::missing(config, &layers);
    if !missing.is_empty() {
        return Err(missing.join("\n"));
    }
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Ok(match enforced::unseen(config, &layers) {
        Some(unseen) => format!("{names}; {unseen}"),
        None => names,
    })
}

fn contracts(directory: &Path) -> Result<String, String> {
    let contracts = Contracts::load(directory).map_err(|error| with_causes(&error))?;
    let names: Vec<&str> = contracts.names().map(|name| name.as_str()).collect();
    Ok(if names.is_empty() { "none: nobody may ask for anything".to_owned() } else { names.join(", ") })
}

fn policy(path: &Path, trial: Option<&Path>) -> Result<WorkerReport, String> {
    let source = PolicySource::read_without(path, trial).map_err(|error| with_causes(&error))?;
    let checked = block_on(async { Ok(PolicyEngine::check(&source, &WorkerProgram::default()).await) });
    checked.map_err(|failure| failure.message)?.map_err(|error| with_causes(&error))
}

fn examples(report: &WorkerReport) -> String {
    format!("{} examples come out as expected", report.examples)
}

/// A profile that is nobody's tightens nothing, which its author may not have meant. Contracts that do not load are told of elsewhere.
fn with_profiles(report: &WorkerReport, contracts: &Path) -> Result<String, String> {
    let Ok(contracts) = Contracts::load(contracts) else { return Ok(examples(report)) };
    let known: Vec<&str> = contracts.names().map(|name| name.as_str()).collect();
    let strangers: Vec<&str> =
        report.profiles.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
    for name in &strangers {
        let nearest = did_you_mean(name, known.iter().copied());
        if !nearest.is_empty() {
            return Err(format!(
                "PROFILES has {name:?}, who has no contract, so it tightens nothing{nearest}"
            ));
        }
    }
    if strangers.is_empty() {
        return Ok(examples(report));
    }
    Ok(format!("{}; no contract for the profiles of {}", examples(report), strangers.join(", ")))
}

fn reeved(path: &Path) -> Result<String, String> {
    let settings = Settings::read(path).map_err(|error| with_causes(&error))?;
    let listen = settings.listen;
    settings.check().map_err(|error| with_causes(&error))?;
    Ok(format!("would listen on {listen}"))
}

fn grant_key(path: &Path) -> Result<String, String> {
    let bytes = trusted_file::read(path, 1024).map_err(|error| with_causes(&error))?;
    let text = String::from_utf8_lossy(&bytes);
    let key = text.trim_end();
    if key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(format!("{}…", key.get(..8).unwrap_or_default()));
    }
    Err("does not hold a public key: 64 hexadecimal digits, as `reeve-gate init` prints them".to_owned())
}
