//! All that root will ever run for Reeve on systemd: one verb on units by their exact names, and the last lines of the journal.
//!
//! Left out on purpose: `isolate`, `kill`, `set-property`, `edit`, `link`, `daemon-reload`, `set-environment`, every verb
//! about the host as a whole, and every option: `--now`, `--force` and `--job-mode` would make one grant mean more.

use std::process::ExitCode;

use reeve::grant::WrapperName;
use reeve::wrapper::form::{moment, number, priority, unit};
use reeve::wrapper::{
    Arguments, Directory, Lifetime, Operands::*, Opt::*, Program, RunsAs, Subcommand, Table,
};

/// A verb on one unit.
const fn one(name: &'static str) -> Subcommand {
    Subcommand { name, options: &[], operands: Exactly(&[unit]) }
}

/// A verb on several units.
const fn several(name: &'static str) -> Subcommand {
    Subcommand { name, options: &[], operands: Each(unit) }
}

#[rustfmt::skip]
static TABLE: Table = Table { wrapper: WrapperName::Systemd, programs: &[
    Program {
        path: "/usr/bin/systemctl",
        prefix: &["--no-ask-password", "--no-pager", "--"],
        arguments: Arguments::Subcommands(&[
            several("start"), several("stop"), one("restart"), one("reload"), one("enable"), one("disable"), one("mask"),
            one("unmask"), one("reset-failed"),
        ]),
        runs_as: RunsAs::Root,
        directory: Directory::Root,
        environment: &[],
        lifetime: Lifetime::Supervised,
    },
    Program {
        path: "/usr/bin/journalctl",
        prefix: &[
            "--no-pager", "--quiet", "--output=json",
            "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,UNIT,_PID,_SYSTEMD_UNIT",
        ],
        arguments: Arguments::Plain(&[
            Joined("--lines=", number), Joined("--unit=", unit), Joined("--since=", moment), Joined("--priority=", priority),
        ], None),
        runs_as: RunsAs::Root,
        directory: Directory::Root,
        environment: &[],
        lifetime: Lifetime::Supervised,
    },
] };

fn main() -> ExitCode {
    reeve::wrapper::main(&TABLE)
}
