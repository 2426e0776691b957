//! All that root will ever run for Reeve on Proxmox containers.
//!
//! Left out on purpose: `exec`, `enter`, `push`, `pull`, `mount`, `restore` and `migrate`; every password; `--force`,
//! `--skiplock` and `--destroy-unreferenced-disks`; raw `lxc.*`, `hookscript`, devices, and volumes that are a path of the
//! host or another container's. The keys that new containers let in are in one file of root's own.

use std::process::ExitCode;

use reeve::grant::WrapperName;
use reeve::wrapper::form::{
    addresses, bit, container, container_features, container_keys, counts, disk, gib, line, network,
    new_mount, new_volume, number, template, word, words,
};
use reeve::wrapper::{
    Arguments, Directory, Lifetime, Operands, Operands::*, Opt, Opt::*, Program, RunsAs, Subcommand, Table,
};

const ONE: Operands = Exactly(&[container]);
const ITS_SNAPSHOT: Operands = Exactly(&[container, word]);

const fn on_one(name: &'static str, options: &'static [Opt]) -> Subcommand {
    Subcommand { name, options, operands: ONE }
}

const fn tool(path: &'static str, subcommands: &'static [Subcommand]) -> Program {
    Program {
        path,
        prefix: &[],
        arguments: Arguments::Subcommands(subcommands),
        runs_as: RunsAs::Root,
        directory: Directory::Root,
        environment: &[],
        lifetime: Lifetime::Supervised,
    }
}

fn keys_of_root(text: &str) -> bool {
    text == "/etc/reeve/pct-ssh-keys"
}

fn backup(text: &str) -> bool {
    text == "backup"
}

/// `0=name=eth0,…`: what follows `--net`.
fn numbered_network(text: &str) -> bool {
    text.split_once('=').is_some_and(|(digits, value)| few(digits) && network(value))
}

/// `0=local-zfs:8,mp=/data`: what follows `--mp`.
fn numbered_mount(text: &str) -> bool {
    text.split_once('=').is_some_and(|(digits, value)| few(digits) && new_mount(value))
}

fn few(digits: &str) -> bool {
    digits.len() <= 2 && number(digits)
}

#[rustfmt::skip]
const CREATE: &[Opt] = &[
    Joined("--rootfs=", new_volume), Joined("--unprivileged=", bit), Joined("--hostname=", word),
    Joined("--memory=", number), Joined("--swap=", number), Joined("--cores=", number), Joined("--net", numbered_network),
    Joined("--tags=", words), Joined("--features=", container_features), Joined("--description=", line),
    Joined("--onboot=", bit), Joined("--ssh-public-keys=", keys_of_root),
];

#[rustfmt::skip]
const CLONE: &[Opt] = &[
    Joined("--hostname=", word), Joined("--snapname=", word), Joined("--full=", bit), Joined("--storage=", word),
];

#[rustfmt::skip]
const SET: &[Opt] = &[
    Joined("--cores=", number), Joined("--cpulimit=", number), Joined("--cpuunits=", number),
    Joined("--description=", line), Joined("--hostname=", word), Joined("--memory=", number),
    Joined("--nameserver=", addresses), Joined("--onboot=", bit), Joined("--protection=", bit),
    Joined("--searchdomain=", words), Joined("--startup=", counts), Joined("--swap=", number), Joined("--tags=", words),
    Joined("--net", numbered_network), Joined("--mp", numbered_mount), Joined("--delete=", container_keys),
];

#[rustfmt::skip]
pub(crate) static TABLE: Table = Table { wrapper: WrapperName::Pct, programs: &[
    tool("/usr/sbin/pct", &[
        Subcommand { name: "list", options: &[], operands: None },
        on_one("status", &[Joined("--verbose=", bit)]),
        on_one("config", &[Joined("--current=", bit), Joined("--snapshot=", word)]),
        on_one("listsnapshot", &[]),
        on_one("start", &[]),
        on_one("stop", &[]),
        on_one("shutdown", &[Joined("--timeout=", number)]),
        on_one("reboot", &[Joined("--timeout=", number)]),
        on_one("unlock", &[]),
        Subcommand { name: "snapshot", options: &[Joined("--description=", line)], operands: ITS_SNAPSHOT },
        Subcommand { name: "delsnapshot", options: &[], operands: ITS_SNAPSHOT },
        Subcommand { name: "rollback", options: &[Joined("--start=", bit)], operands: ITS_SNAPSHOT },
        Subcommand { name: "create", options: CREATE, operands: Exactly(&[container, template]) },
        Subcommand { name: "clone", options: CLONE, operands: Exactly(&[container, container]) },
        on_one("set", SET),
        Subcommand { name: "resize", options: &[], operands: Exactly(&[container, disk, gib]) },
        on_one("destroy", &[Joined("--purge=", bit)]),
    ]),
    tool("/usr/sbin/pvesm", &[
        Subcommand {
            name: "list",
            options: &[Joined("--content=", backup), Joined("--vmid=", container)],
            operands: Exactly(&[word]),
        },
    ]),
    tool("/usr/sbin/ha-manager", &[Subcommand { name: "config", options: &[], operands: None }]),
] };

fn main() -> ExitCode {
    reeve::wrapper::main(&TABLE)
}
