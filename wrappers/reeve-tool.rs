//! All that will ever run for Reeve as a tool: programs that only root can have written, as users that are for nothing
//! else, shut in before they begin. Which programs, a signed grant says; that they are shut in, and how at least, this
//! wrapper does, whoever signed.

use std::process::ExitCode;

use reeve::grant::WrapperName;
use reeve::wrapper::{Arguments, Directory, Lifetime, Program, RunsAs, Table, tool};

static TABLE: Table = Table {
    wrapper: WrapperName::Tool,
    programs: &[Program {
        path: tool::INNER,
        prefix: &[],
        arguments: Arguments::Confined,
        // Root shuts in; whom the tool runs as the confinement says, and that is never root.
        runs_as: RunsAs::Root,
        directory: Directory::Root,
        environment: &[],
        lifetime: Lifetime::Confined,
    }],
};

fn main() -> ExitCode {
    tool::main(&TABLE)
}
