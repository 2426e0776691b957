//! `reeve sudoers`: the one rule that root gives away.

use clap::Args;
use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::Screen;

const FRAGMENT: &str = include_str!("../../../sudoers/reeve");

/// Print the sudo rule that Reeve needs
#[derive(Debug, Args)]
#[command(after_help = "\
It lets the launcher's user start the wrappers, without arguments, and nothing else.

Example:
  reeve sudoers > /etc/sudoers.d/reeve.new && visudo -cf /etc/sudoers.d/reeve.new &&
        mv /etc/sudoers.d/reeve.new /etc/sudoers.d/reeve

sudo does not read files with a dot in their names, so a broken one is never in force.")]
pub(in crate::cli) struct SudoersArgs {}

/// Prints the fragment.
pub(in crate::cli) fn run(_args: &SudoersArgs, screen: Screen) -> Result<Exit, Failure> {
    if screen.is_json() {
        screen.document(&json!({"path": "/etc/sudoers.d/reeve", "fragment": FRAGMENT}))?;
    } else {
        screen.line(FRAGMENT.trim_end())?;
    }
    Ok(Exit::Done)
}
