//! `reeve`: the command line. See [`reeve::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    // `reeve policy` starts this program again as the policy's worker, which confines itself before it reads a byte.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == reeve::policy::worker::ARGUMENT) {
        return reeve::policy::worker::main();
    }
    reeve::cli::main()
}
