//! `reeve-egress`: the proxy of one tool's run. `reeve-tool` starts it, and nobody else has a use for it. See
//! [`reeve::egress`].

use std::process::ExitCode;

fn main() -> ExitCode {
    reeve::egress::main()
}
