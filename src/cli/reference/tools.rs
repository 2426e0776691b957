//! The keys of a tool's declaration, `NAME.toml` in the folder `tools`.

use super::Default::{Absent, Is, Needed};
use super::Kind::{Beside, Flag, List, Number, Size, Table, Text, Time, Words};
use super::{DAY, File, HOUR, Key, SECOND};
use crate::adapter::Declaration;

pub(super) const FILE: File = File { mark: "a tool", keys: &[TOOL, LIMITS], read, least: &[("", LEAST)] };

/// A declaration in which nothing stands that need not.
const LEAST: &str = "about = \"Searches\"\nprogram = \"/usr/bin/rg\"\n\
    sha256 = \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"\ntier = \"c\"\n";

fn read(text: &str) -> Result<String, String> {
    let name = "rg".to_owned().try_into().map_err(|_| "no name".to_owned())?;
    Declaration::parse("rg.toml", text, &name)
        .map(|read| format!("{read:?}"))
        .map_err(|error| error.to_string())
}

const TOOL: &[Key] = &[
    Key { name: "about", kind: Text(""), default: Needed, changes: "what agents read about it" },
    Key {
        name: "program",
        kind: Text(
            "an absolute path without links, below `/usr` or below a path of `read_only`; only root can have written it",
        ),
        default: Needed,
        changes: "what runs",
    },
    Key {
        name: "builtin",
        kind: Text("`list`, `hash`, `query`; in tier `a`, which needs it, and in no other"),
        default: Absent("`program` says"),
        changes: "what [Reeve does itself](sandbox.md#built-in). It takes only `about`, `user`, `workspace` (not `fresh`), `max_calls_per_run` and `[limits]` besides",
    },
    Key {
        name: "module",
        kind: Text(
            "an absolute path without links, below `/usr`, that only root can have written, of at most 16 MiB; in tier `w`, which needs it, and in no other",
        ),
        default: Absent("`program` says"),
        changes: "which [module of WebAssembly](sandbox.md#modules) is run; `sha256` is its digest",
    },
    Key {
        name: "signed_by",
        kind: Text(
            "the name of a key in `/etc/reeve/module-keys`; in tier `w`, which needs it, and in no other",
        ),
        default: Absent("nobody signs a program"),
        changes: "whose signature `MODULE.sig` has to be",
    },
    Key {
        name: "imports",
        kind: List("names of [functions](sandbox.md#modules); in tier `w` only"),
        default: Is("[]"),
        changes: "what a module may call",
    },
    Key {
        name: "sha256",
        kind: Text("64 hexadecimal digits in lower case; this or `package`"),
        default: Needed,
        changes: "the one state of that file that may run; `sha256sum` prints it",
    },
    Key {
        name: "package",
        kind: Text("a Debian package that has the program"),
        default: Absent("`sha256` says"),
        changes: "the file may run in whatever state its package has it in; each run is bound to the state at its plan",
    },
    Key {
        name: "runs_code",
        kind: Flag,
        default: Is("false"),
        changes: "whether the program may be one that [runs what it is given](sandbox.md#programs-that-run-what-they-are-given). Without it, such a declaration is an error",
    },
    Key {
        name: "max_calls_per_run",
        kind: Number(1, u64::MAX, "calls"),
        default: Absent("no bound"),
        changes: "how often one caller may have it run in one run, by `metadata.run_id`, which a call has to have then; over a day",
    },
    Key {
        name: "tier",
        kind: Text("`a`, `b`, `c`, `w`, in either case"),
        default: Needed,
        changes: "[how far it is shut in](sandbox.md#what-confines-a-tool)",
    },
    Key {
        name: "user",
        kind: Text("a system user (100 to 999) of the group `reeve-tools` and of no other"),
        default: Is("\"reeve-tool\""),
        changes: "whom it runs as",
    },
    Key {
        name: "workspace",
        kind: Text("`fresh`, `principal`, `named:NAME`"),
        default: Is("\"fresh\""),
        changes: "[where it works](sandbox.md#workspaces)",
    },
    Key {
        name: "workspace_exec",
        kind: Flag,
        default: Is("false"),
        changes: "whether what lies in the workspace and in `/tmp` may be run, or loaded as a library",
    },
    Key {
        name: "single_program",
        kind: Flag,
        default: Is("false"),
        changes: "whether it may become no other program and start none: every `exec` after its own is refused, also of itself. A script keeps its interpreter",
    },
    Key {
        name: "debug",
        kind: Flag,
        default: Is("false"),
        changes: "whether it may trace processes of its own (`ptrace`), for debuggers and tracers",
    },
    Key {
        name: "read_only",
        kind: List(
            "at most 32 absolute paths without links, which only root can exchange; not at, above or below `/proc`, `/sys`, `/dev`, `/run`, `/boot`, `/root`, `/etc/reeve` and Reeve's folders in `/var`",
        ),
        default: Is("[]"),
        changes: "what else it may read, as far as its user may",
    },
    Key {
        name: "hidden",
        kind: List("at most 16 paths below one of `read_only`; in tier `c` only"),
        default: Is("[]"),
        changes: "what it [does not see](sandbox.md#taken-out-again) of what it may read",
    },
    Key {
        name: "protected",
        kind: List("at most 16 paths in the workspace, or names; in tier `c`, with a workspace that stays"),
        default: Is("[]"),
        changes: "what it [may read and not write](sandbox.md#taken-out-again) of its workspace; a name holds wherever it is",
    },
    Key {
        name: "arguments",
        kind: List("text, one for each element"),
        default: Is("[]"),
        changes: "its arguments. `{NAME}` stands for a parameter, alone or within text; a list stands alone and becomes one argument for each item; `{NAME?--word}` is `--word` when the parameter is true. What a parameter that was not given stands in is left out. A text that begins with `-` is refused, unless it stands behind `--` or within text",
    },
    Key {
        name: "parameters",
        kind: Table("a JSON Schema, as for [playbooks](#playbooks)"),
        default: Absent("none"),
        changes: "what `tool.run` takes as `arguments`; each must stand in `arguments`",
    },
    Key {
        name: "environment",
        kind: Table(
            "at most 32 names of letters, digits and `_`, without those by which a loader or an interpreter would load something (`LD_*`, `PYTHONPATH`, …)",
        ),
        default: Is("{}"),
        changes: "what it has besides `PATH`, `LC_ALL`, `HOME` and `TMPDIR`; the same name takes their place",
    },
    Key {
        name: "egress",
        kind: Text("`none`, `preflight`, `strict`; `strict` needs tier `c`"),
        default: Is("\"none\""),
        changes: "[how it gets to a network](sandbox.md#egress)",
    },
    Key {
        name: "egress_allow",
        kind: List(
            "at most 32 of `HOST:PORT`, `*.DOMAIN:PORT`, `ADDRESS:PORT`; needed unless `egress` is `none`",
        ),
        default: Is("[]"),
        changes: "whom it may reach. `*.DOMAIN` is everything below and not the domain itself",
    },
    Key {
        name: "egress_deny",
        kind: List("names in lower case"),
        default: Is("[]"),
        changes: "whom it never reaches, with all below; this counts before `egress_allow`",
    },
    Key {
        name: "egress_parameters",
        kind: List("names of parameters; with `preflight` only"),
        default: Is("[]"),
        changes: "which parameters are a host, `HOST:PORT` or a URL, and are looked at before the start. An argument with `://` in it always is",
    },
];

const LIMITS: &[Key] = &[
    Key {
        name: "limits.wall_clock",
        kind: Time(SECOND, HOUR),
        default: Is("\"30s\""),
        changes: "how long a run may take, in place of `launcher.deadline`",
    },
    Key {
        name: "limits.deadline",
        kind: Beside("time", "1s to 1h, in whole seconds; in tier `w` only"),
        default: Absent("10s in tier `w`"),
        changes: "how long a module may take, the compiler's time included",
    },
    Key {
        name: "limits.fuel",
        kind: Beside("number", "1 to 1125899906842624; in tier `w` only"),
        default: Absent("1000000000 in tier `w`"),
        changes: "how many instructions a module may take, and bytes it may have moved for it",
    },
    Key {
        name: "limits.table",
        kind: Beside("number", "0 to 16777216; in tier `w` only"),
        default: Absent("10000 in tier `w`"),
        changes: "elements of all tables of a module together",
    },
    Key {
        name: "limits.cpu",
        kind: Time(SECOND, DAY),
        default: Is("\"30s\""),
        changes: "processor time of all its processes together, in whole seconds; with `memory_by = \"rlimit\"`, of each",
    },
    Key {
        name: "limits.memory",
        kind: Size { least: "4M", most: "1024G", beyond: ["3M", "1025G"] },
        default: Is("\"512M\""),
        changes: "memory of all its processes together, with what lies in a fresh workspace and in `/tmp`; with `memory_by = \"rlimit\"`, the address space of each. In tier `w`, a module's own, up to 4G; its process has 256M more",
    },
    Key {
        name: "limits.memory_by",
        kind: Words(&["cgroup", "rlimit"]),
        default: Is("\"cgroup\""),
        changes: "what bounds memory, processes and processor time",
    },
    Key {
        name: "limits.processes",
        kind: Number(1, 65_536, ""),
        default: Is("64"),
        changes: "processes and threads at one time; with `memory_by = \"rlimit\"`, those of its user",
    },
    Key {
        name: "limits.open_files",
        kind: Number(16, 4_096, ""),
        default: Is("256"),
        changes: "descriptors of one process; 4096 is the launcher's own limit",
    },
    Key {
        name: "limits.file_size",
        kind: Size { least: "0", most: "1024G", beyond: ["-1", "1025G"] },
        default: Is("\"64M\""),
        changes: "bytes of one file; in tier `a`, of one that is read",
    },
    Key {
        name: "limits.output",
        kind: Size { least: "0", most: "2M", beyond: ["-1", "3M"] },
        default: Is("\"1M\""),
        changes: "bytes of both outputs together; what comes up to it is kept",
    },
    Key {
        name: "limits.workspace",
        kind: Size { least: "64K", most: "1024G", beyond: ["63K", "1025G"] },
        default: Is("\"64M\""),
        changes: "bytes of the workspace, and of `/tmp`. Of a workspace that stays they [are counted](sandbox.md#workspaces) while a tool may write to it",
    },
    Key {
        name: "limits.inodes",
        kind: Number(16, 1_048_576, "files"),
        default: Is("65536"),
        changes: "files and directories in the workspace, and in `/tmp` (of tier `c`, in the workspace)",
    },
];
