//! All that root will ever run for Reeve on ZFS.
//!
//! Left out on purpose: `-r`, `-R` and `-f` of `destroy` and `rollback` (a grant names each object), and every property
//! that can put foreign files, programs or exports where root meets them.

use std::process::ExitCode;

use reeve::grant::WrapperName;
use reeve::wrapper::{Operands::*, Opt::*, Program, Settings, Subcommand, Table};

#[rustfmt::skip]
const SETTINGS: Settings = Settings(&[
    "atime=", "canmount=", "compression=", "copies=", "devices=off", "exec=off", "filesystem_limit=", "logbias=",
    "mountpoint=none", "primarycache=", "quota=", "readonly=", "recordsize=", "refquota=", "refreservation=",
    "relatime=", "reservation=", "secondarycache=", "setuid=off", "snapdir=", "snapshot_limit=", "sync=standard",
    "sync=always", "volsize=", "xattr=",
]);

#[rustfmt::skip]
static TABLE: Table = Table { wrapper: WrapperName::Zfs, programs: &[
    Program::new("/usr/sbin/zfs", &[
        Subcommand { name: "snapshot", options: &[Flag("-r")], operands: Names },
        Subcommand { name: "create", options: &[Flag("-s"), Size("-V"), Setting("-o", SETTINGS)], operands: Names },
        Subcommand { name: "clone", options: &[Setting("-o", SETTINGS)], operands: Names },
        Subcommand { name: "set", options: &[], operands: SettingAndNames(SETTINGS) },
        Subcommand { name: "rename", options: &[], operands: Names },
        Subcommand { name: "hold", options: &[], operands: Names },
        Subcommand { name: "release", options: &[], operands: Names },
        Subcommand { name: "bookmark", options: &[], operands: Names },
        Subcommand { name: "rollback", options: &[], operands: Names },
        Subcommand { name: "destroy", options: &[], operands: NamesAndLists },
        Subcommand { name: "mount", options: &[], operands: Names },
        Subcommand { name: "diff", options: &[Flag("-FHt")], operands: Names },
    ]),
    Program::new("/usr/sbin/zpool", &[
        Subcommand { name: "scrub", options: &[Flag("-p"), Flag("-s")], operands: Names },
    ]),
] };

fn main() -> ExitCode {
    reeve::wrapper::main(&TABLE)
}
