//! `reeve-builtin`: the tools of tier A. `reeve-tool` starts it, and nobody else has a use for it. See [`reeve::builtin`].

use std::process::ExitCode;

fn main() -> ExitCode {
    reeve::builtin::main()
}
