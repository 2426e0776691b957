//! What packages need of the command line: completions for shells, manual pages, and the text of all help.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use super::exit::{Exit, Failure};
use super::screen::Screen;

/// `reeve __completions`
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell to complete in
    shell: Shell,
}

/// `reeve __man`
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The directory that gets the pages
    directory: PathBuf,
}

/// Prints a shell's completions.
pub(super) fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "reeve", &mut script);
    std::io::Write::write_all(&mut std::io::stdout(), &script)?;
    Ok(Exit::Done)
}

/// Writes a manual page for every command.
pub(super) fn man(args: &ManArgs, screen: Screen) -> Result<Exit, Failure> {
    std::fs::create_dir_all(&args.directory)?;
    clap_mangen::generate_to(super::command(), &args.directory)?;
    screen.line(&format!("manual pages are in {}", args.directory.display()))?;
    Ok(Exit::Done)
}

/// Adds the help of a command and of all below it, but for hidden ones and `help` itself.
pub(super) fn collect_help(command: &mut clap::Command, path: &str, text: &mut String) {
    text.push_str(&format!("───── {path} ─────\n\n{}\n", command.render_long_help()));
    let names: Vec<String> = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set() && below.get_name() != "help")
        .map(|below| below.get_name().to_owned())
        .collect();
    for name in names {
        if let Some(below) = command.find_subcommand_mut(&name) {
            collect_help(below, &format!("{path} {name}"), text);
        }
    }
}
