//! `reeve enrol azure`: writes down what a person has to do in Azure, so that this host is somebody there. It does none of it.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::secret::{CONFIG, Configurations};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, harmless};
use crate::sys::host;
use crate::vault::VaultsConfig;
use crate::vault::enrolment::{Enrolment, Identity};

/// Write down what it takes for this host to be somebody elsewhere
#[derive(Debug, Args)]
pub(in crate::cli) struct EnrolArgs {
    #[command(subcommand)]
    command: EnrolCommand,
}

#[derive(Debug, Subcommand)]
enum EnrolCommand {
    /// Write the steps, templates and az commands by which a person gives this host an identity in Azure
    #[command(after_help = "\
The identity may read the secrets that configuration names, each by itself, and see who has which
role; nothing else. secrets.toml says which vaults there are, where (vault.NAME.id), and what may
be read to show that they can be (vault.NAME.canary). Nothing is done in Azure: a person who may
give roles there reads what is written and runs it, and then reeve doctor shows on this host
whether it is so.

Example:
  reeve enrol azure --directory /root/enrol --group machines")]
    Azure(AzureArgs),
}

#[derive(Debug, Args)]
struct AzureArgs {
    /// The directory to make, with all files in it
    #[arg(long, value_name = "DIRECTORY")]
    directory: PathBuf,
    /// The resource group of this machine
    #[arg(long, value_name = "NAME")]
    group: String,
    /// This machine, as Azure calls it [default: the host's name]
    #[arg(long, value_name = "NAME")]
    machine: Option<String>,
    /// Who the host is to be: the machine itself, an identity that it is assigned, or a service principal
    #[arg(long, value_enum, default_value = "system")]
    identity: Who,
    /// The file that names the vaults
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    #[command(flatten)]
    configurations: Configurations,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Who {
    System,
    User,
    Principal,
}

/// Runs `reeve enrol …`.
pub(in crate::cli) fn run(args: &EnrolArgs, screen: Screen) -> Result<Exit, Failure> {
    let EnrolCommand::Azure(args) = &args.command;
    let failed = |problem: String| Failure::new(Exit::Failed, problem);
    let config = VaultsConfig::read(&args.config).map_err(|error| failed(with_causes(&error)))?;
    let wanted = args.configurations.wanted()?;
    let machine = args.machine.clone().map_or_else(host::hostname, Ok)?;
    let identity = match args.identity {
        Who::System => Identity::System,
        Who::User => Identity::User,
        Who::Principal => Identity::Principal,
    };
    let enrolment = Enrolment::new(identity, (&machine, &args.group), &config, &wanted).map_err(failed)?;
    let files = enrolment.files();
    let written = write(&args.directory, files.iter().map(|(name, text)| (*name, text.as_str())));
    written.map_err(|error| {
        failed(format!("{}: {error}", args.directory.display()))
            .hint("name a directory that is not there yet")
    })?;
    if screen.is_json() {
        let names: Vec<_> = files.keys().collect();
        screen.document(&json!({"directory": args.directory, "files": names}))?;
    } else {
        for name in files.keys() {
            screen.line(&harmless(&args.directory.join(name).display().to_string()))?;
        }
        screen.note("STEPS.md says what to do with them");
    }
    Ok(Exit::Done)
}

/// Into a directory that nobody had before.
fn write<'a>(directory: &Path, files: impl Iterator<Item = (&'static str, &'a str)>) -> std::io::Result<()> {
    DirBuilder::new().mode(0o755).create(directory)?;
    for (name, text) in files {
        let mode = if name.ends_with(".sh") { 0o755 } else { 0o644 };
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(mode).open(directory.join(name))?;
        file.write_all(text.as_bytes())?;
    }
    Ok(())
}
