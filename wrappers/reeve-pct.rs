//! All that root will ever run for Reeve on Proxmox containers.

use std::process::ExitCode;

use reeve::grant::WrapperName;
use reeve::wrapper::Table;

static TABLE: Table = Table { wrapper: WrapperName::Pct, programs: &[] };

fn main() -> ExitCode {
    reeve::wrapper::main(&TABLE)
}
