//! What packages need of the command line: completions for shells, manual pages, and the text of all help.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use super::exit::{Exit, Failure};

/// What those who make packages call. A command line of its own, so that no completion and no page has it.
#[derive(Debug, Parser)]
#[command(name = "reeve")]
pub(super) struct Generate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print a shell's completions
    #[command(name = "__completions")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write a manual page for every command
    #[command(name = "__man")]
    Man {
        /// The directory that gets them
        directory: PathBuf,
    },
}

/// Whether the first argument is one for here.
pub(super) fn is_asked(argument: Option<std::ffi::OsString>) -> bool {
    argument.is_some_and(|argument| argument.as_encoded_bytes().starts_with(b"__"))
}

/// Generates what was asked for.
pub(super) fn run(generate: &Generate) -> Result<Exit, Failure> {
    match &generate.what {
        What::Completions { shell } => completions(*shell),
        What::Man { directory } => man(directory),
    }
}

fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "reeve", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(Exit::Done)
}

fn man(directory: &Path) -> Result<Exit, Failure> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(super::command(), directory)?;
    Ok(Exit::Done)
}

/// Adds the help of a command and of all below it, but for `help` itself.
pub(super) fn collect_help(command: &mut clap::Command, path: &str, text: &mut String) {
    text.push_str(&format!("───── {path} ─────\n\n{}\n", command.render_help()));
    let names: Vec<String> = command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
        .map(|below| below.get_name().to_owned())
        .collect();
    for name in names {
        if let Some(below) = command.find_subcommand_mut(&name) {
            collect_help(below, &format!("{path} {name}"), text);
        }
    }
}
