//! `reeve policy check`: does the policy load, and is there anything in it that nothing comes to.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{POLICY, shown, source};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::host::block_on;
use crate::cli::screen::{Screen, Tone, paint};
use crate::policy::{PolicyEngine, PolicyError, Problem, WorkerProgram, WorkerReport};

/// Load a policy and run its examples, confined as the gate would
#[derive(Debug, Args)]
#[command(after_help = "\
Syntax, names, types and every example(…) must be right, or the gate keeps the policy out. What is
reported besides does not: statements that cannot be reached, functions that nothing uses, and rules
that no example comes to. --strict makes them count.

Example:
  reeve policy check /etc/reeve/policy.star && systemctl reload reeve-gate")]
pub(super) struct CheckArgs {
    /// The policy
    #[arg(default_value = POLICY)]
    file: PathBuf,
    /// Fail for what only looks wrong, too
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(args: &CheckArgs, screen: Screen) -> Result<Exit, Failure> {
    let path = args.file.as_path();
    let source = source(path)?;
    let checked = block_on(async { Ok(PolicyEngine::check(&source, &WorkerProgram::default()).await) })?;
    let revision = source.revision();
    match checked {
        Ok(report) => {
            let is_clean = report.warnings.is_empty() && report.untried_count == 0;
            let ok = is_clean || !args.strict;
            if screen.is_json() {
                screen.document(&json!({
                    "ok": ok, "revision": revision, "examples": report.examples, "rules": report.rules,
                    "profiles": report.profiles, "warnings": report.warnings, "untried": report.untried,
                    "untried_count": report.untried_count,
                }))?;
            } else {
                loaded(path, &report, screen)?;
            }
            Ok(if ok { Exit::Done } else { Exit::Failed })
        }
        Err(PolicyError::Rejected(problems)) if screen.is_json() => {
            screen.document(&json!({"ok": false, "revision": revision, "problems": problems}))?;
            Ok(Exit::Failed)
        }
        Err(PolicyError::Rejected(problems)) => {
            screen.line(&format!("{} {} is not loaded", paint("✗", Tone::Bad), path.display()))?;
            told(&problems, screen)?;
            Ok(Exit::Failed)
        }
        Err(error) => Err(Failure::new(Exit::Failed, with_causes(&error))),
    }
}

fn loaded(path: &Path, report: &WorkerReport, screen: Screen) -> Result<(), Failure> {
    let examples = report.examples;
    let plural = if examples == 1 { "example comes" } else { "examples come" };
    screen.line(&format!(
        "{} {}: {examples} {plural} out as expected",
        paint("✓", Tone::Good),
        path.display()
    ))?;
    for warning in report.warnings.iter().chain(&report.untried) {
        screen.line(&paint(&shown(&warning.to_string()), Tone::Warning))?;
    }
    if examples == 0 {
        screen.note("an example(…) in the file is its test; it has none");
    }
    Ok(())
}

fn told(problems: &[Problem], screen: Screen) -> Result<(), Failure> {
    for problem in problems {
        screen.line(&shown(&problem.to_string()))?;
    }
    Ok(())
}
