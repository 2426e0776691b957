//! `reeve`: the command line. See [`reeve::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    reeve::cli::main()
}
