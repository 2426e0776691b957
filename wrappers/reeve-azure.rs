//! All that will ever run for Reeve at Azure: one program of our own, as the one user who has the host's identity there, and these words.

use std::process::ExitCode;

use reeve::grant::WrapperName;
use reeve::wrapper::form::{
    azure_address, azure_app, azure_group, azure_mark, azure_minutes, azure_name, azure_replicas,
    azure_resource, azure_revision, azure_vault,
};
use reeve::wrapper::{
    Arguments, Directory, Lifetime, Operands, Operands::*, Program, RunsAs, Subcommand, Table,
};

const fn command(name: &'static str, operands: Operands) -> Subcommand {
    Subcommand { name, options: &[], operands }
}

#[rustfmt::skip]
pub(crate) static TABLE: Table = Table { wrapper: WrapperName::Azure, programs: &[Program {
    path: "/usr/local/bin/reeve",
    prefix: &["azure"],
    runs_as: RunsAs::Only("reeve-azure"),
    directory: Directory::Root,
    environment: &[],
    lifetime: Lifetime::Supervised,
    arguments: Arguments::Subcommands(&[
        command("groups", Exactly(&[azure_name])),
        command("resources", Exactly(&[azure_name, azure_group])),
        command("app", Exactly(&[azure_name, azure_group, azure_app])),
        command("restart", Then(&[azure_name, azure_group, azure_app, azure_revision], azure_revision)),
        command("scale", Exactly(&[azure_name, azure_group, azure_app, azure_replicas, azure_replicas])),
        command("claimed", Exactly(&[azure_name, azure_group])),
        command("there", Exactly(&[azure_name, azure_group, azure_resource])),
        command("firewall", Exactly(&[azure_name, azure_group, azure_vault])),
        command("opening", Exactly(&[azure_name, azure_group, azure_vault])),
        command("allow", Exactly(&[azure_name, azure_group, azure_vault, azure_address, azure_minutes, azure_mark])),
        command("disallow", Exactly(&[azure_name, azure_group, azure_vault, azure_mark])),
        command("delete", Exactly(&[azure_name, azure_group, azure_resource, azure_mark])),
    ]),
}] };

fn main() -> ExitCode {
    reeve::wrapper::main(&TABLE)
}
