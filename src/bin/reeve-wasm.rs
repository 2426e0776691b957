//! `reeve-wasm`: the tools of tier W. `reeve-tool` starts it, and nobody else has a use for it. See [`reeve::wasm`].

use std::process::ExitCode;

fn main() -> ExitCode {
    reeve::wasm::main()
}
