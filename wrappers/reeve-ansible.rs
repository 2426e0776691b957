//! All that root will ever run for Reeve of playbooks.

use std::process::ExitCode;

use reeve::grant::WrapperName;
use reeve::wrapper::Table;

static TABLE: Table = Table { wrapper: WrapperName::Ansible, programs: &[] };

fn main() -> ExitCode {
    reeve::wrapper::main(&TABLE)
}
