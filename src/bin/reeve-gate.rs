//! The gate: it decides, asks people, records and signs. Started with one fixed argument it is a policy worker instead.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before any thread exists, since the worker's confinement is of one thread.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == reeve::policy::worker::ARGUMENT) {
        return reeve::policy::worker::main();
    }
    ExitCode::SUCCESS
}
