//! All that root will ever run for Reeve on systemd.

use std::process::ExitCode;

use reeve::grant::WrapperName;
use reeve::wrapper::Table;

static TABLE: Table = Table { wrapper: WrapperName::Systemd, programs: &[] };

fn main() -> ExitCode {
    reeve::wrapper::main(&TABLE)
}
