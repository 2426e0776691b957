//! All that root will ever run for Reeve of playbooks: one of those that root itself put below `/etc/reeve/playbooks/`,
//! on this host, with variables of which Ansible can make nothing but values.

use std::process::ExitCode;

use reeve::grant::WrapperName;
use reeve::wrapper::{
    Arguments::Plain, Directory, Lifetime, Operands::TrustedFile, Opt::*, Program, RunsAs, Table, ansible,
};

static TABLE: Table = Table {
    wrapper: WrapperName::Ansible,
    programs: &[Program {
        path: "/usr/bin/ansible-playbook",
        prefix: &["-i", "localhost,", "-c", "local", "--limit", "localhost"],
        arguments: Plain(
            &[Flag("--check"), Flag("--diff"), Value("--extra-vars", ansible::is_vars)],
            TrustedFile(ansible::is_playbook),
        ),
        runs_as: RunsAs::Root,
        directory: Directory::Root,
        environment: ansible::ENVIRONMENT,
        lifetime: Lifetime::Supervised,
    }],
};

fn main() -> ExitCode {
    reeve::wrapper::main(&TABLE)
}
