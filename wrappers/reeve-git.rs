//! All that will ever run for Reeve in a user's repositories, as that user.

use std::process::ExitCode;

use reeve::grant::WrapperName;
use reeve::wrapper::Table;

static TABLE: Table = Table { wrapper: WrapperName::Git, programs: &[] };

fn main() -> ExitCode {
    reeve::wrapper::main(&TABLE)
}
