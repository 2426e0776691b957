//! The keys of `gate.toml` that are not about one kind of operation.

use super::Default::{Absent, Is};
use super::Kind::{Flag, Number, Path, Text, Time, Words};
use super::{DAY, File, HOUR, Key, MINUTE, SECOND};
use crate::gate::config::GateConfig;

pub(super) const FILE: File = File {
    mark: "gate.toml",
    keys: &[
        PLACES,
        WORKING,
        super::shields::KEYS,
        super::people::KEYS,
        super::adapters::KEYS,
        super::adapters::PLAYBOOKS,
    ],
    read,
    least: &[
        (
            "signal",
            "socket = \"/s\"\naccount = \"+1\"\nuuid = \"5f3c7c1e-6d1f-4a0e-9a63-0f6a2f4a9d10\"\nuser = \"s\"\n",
        ),
        ("budget", "operations_per_hour = 7\nobjects_per_hour = 7\n"),
        (
            "approver",
            "name = \"alice\"\nuuid = \"84a58df5-0d2c-4f6e-9a0b-2f6f5a1c7e11\"\n\
             fingerprint = \"05c3a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f\"\n",
        ),
        ("git.remote", "url = \"https://git.example.net/\"\n"),
        (
            "ansible.playbook.x",
            "path = \"/etc/reeve/playbooks/motd/site.yml\"\n\
             sha256 = \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"\n",
        ),
    ],
};

fn read(text: &str) -> Result<String, String> {
    GateConfig::parse("gate.toml", text, "host01")
        .map(|read| format!("{read:?}"))
        .map_err(|error| crate::gate::causes(&error))
}

const PLACES: &[Key] = &[
    Key {
        name: "host",
        kind: Text("printable ASCII without blanks and `+`"),
        default: Absent("the host's own name"),
        changes: "the host's name in prompts, audit records, `/health` and the policy's `context[\"host\"]`. Grants do not use it: they name the machine by `/etc/machine-id`",
    },
    Key {
        name: "socket",
        kind: Path(""),
        default: Is("\"/run/reeve/gate.sock\""),
        changes: "where the gate listens, unless systemd passes a socket",
    },
    Key {
        name: "front_user",
        kind: Text("a Unix user that exists"),
        default: Is("\"reeve\""),
        changes: "whom the gate lets speak for callers, by uid from the kernel. Anybody else who connects is a person of `approvers_group`, or sent away",
    },
    Key {
        name: "approvers_group",
        kind: Text("a Unix group that exists"),
        default: Is("\"reeve-approvers\""),
        changes: "whose members, and root, may list what waits (`reeve approval list`). To vote, one must also be an `[[approver]]` with that `unix_user`",
    },
    Key {
        name: "state",
        kind: Path(""),
        default: Is("\"/var/lib/reeve\""),
        changes: "the folder of `state.redb` (operations, 90 days after they ended), and of `grant.key` and `checkpoint.key` unless `[keys]` says otherwise",
    },
    Key {
        name: "keys.grant",
        kind: Text("an absolute path, or `credential:NAME`"),
        default: Is("\"/var/lib/reeve/grant.key\""),
        changes: "the key that signs grants: without this, `grant.key` in `state`. A [credential](hardening.md#keys-that-only-root-can-read) is root's file, which no service's user can read",
    },
    Key {
        name: "keys.checkpoint",
        kind: Text("the same"),
        default: Is("\"/var/lib/reeve/checkpoint.key\""),
        changes: "the key that signs checkpoints of the audit log: without this, `checkpoint.key` in `state`",
    },
    Key {
        name: "keys.witness",
        kind: Text("the same"),
        default: Is("\"/var/lib/reeve/witness.key\""),
        changes: "the key that signs that this host has [seen another's checkpoint](audit.md#over-the-network): without this, `witness.key` in `state`",
    },
    Key {
        name: "contracts",
        kind: Path("a folder"),
        default: Is("\"/etc/reeve/contracts\""),
        changes: "the contracts, one file for each principal",
    },
    Key {
        name: "policy",
        kind: Path("Starlark"),
        default: Is("\"/etc/reeve/policy.star\""),
        changes: "the policy; `load()` reaches the files beside it and no others",
    },
    Key {
        name: "shadow",
        kind: Text("a file's name, beside the policy, or an absolute path; not the policy itself"),
        default: Absent("none"),
        changes: "a policy [on trial](policy.md#on-trial): it decides beside the live one, what it would change is counted and recorded, and it changes nothing",
    },
    Key {
        name: "tools",
        kind: Path("a folder"),
        default: Is("\"/etc/reeve/tools\""),
        changes: "the [declared tools](#tools), each a `NAME.toml`; without the folder there are none",
    },
    Key {
        name: "lists",
        kind: Path(""),
        default: Is("\"/etc/reeve/lists.toml\""),
        changes: "the file that names [lists of domains](#lists-of-domains); without it there are none",
    },
    Key {
        name: "alarms",
        kind: Path(""),
        default: Is("\"/etc/reeve/alarms.toml\""),
        changes: "the file that says [how people are told](alarms.md) when they cannot be asked; without it they are not",
    },
    Key {
        name: "traces",
        kind: Path(""),
        default: Is("\"/etc/reeve/traces.toml\""),
        changes: "the file that says [where traces go](traces.md); without it there are none",
    },
    Key {
        name: "witness",
        kind: Path(""),
        default: Is("\"/etc/reeve/witness.toml\""),
        changes: "the file that says which hosts [watch each other's logs](audit.md#over-the-network); without it none do",
    },
    Key {
        name: "webhook.keys",
        kind: Path("a folder"),
        default: Is("\"/etc/reeve/webhook\""),
        changes: "where the approvers' keys are for [votes by webhook](approvals.md#votes-by-webhook), each `NAME.key`. Without `[webhook]` none is taken",
    },
    Key {
        name: "webhook.skew",
        kind: Time(SECOND, 10 * MINUTE),
        default: Is("\"1m\""),
        changes: "how far from this host's clock the time of a signature may be",
    },
    Key {
        name: "identity_hook.socket",
        kind: Path(""),
        default: Is("\"/run/reeve-hook/socket\""),
        changes: "where it is asked about each confirmation whether [it may count](approvals.md#a-check-of-your-own). Without `[identity_hook]` nobody is",
    },
    Key {
        name: "identity_hook.user",
        kind: Text("a Unix user"),
        default: Is("\"reeve-hook\""),
        changes: "who must listen there",
    },
    Key {
        name: "identity_hook.timeout",
        kind: Time(SECOND, MINUTE),
        default: Is("\"10s\""),
        changes: "how long the answer may take, and before that the turn of the vote. After that it does not count",
    },
    Key {
        name: "log",
        kind: Text(
            "`error`, `warn`, `info`, `debug`, `trace`, or a filter such as `warn,reeve::approval=debug`",
        ),
        default: Is("\"info\""),
        changes: "what goes to standard error. No setting changes what is audited",
    },
];

const WORKING: &[Key] = &[
    Key {
        name: "launcher.socket",
        kind: Path(""),
        default: Is("\"/run/reeve/launcher.sock\""),
        changes: "where the launcher is reached",
    },
    Key {
        name: "launcher.user",
        kind: Text("a Unix user that exists"),
        default: Is("\"reeve-run\""),
        changes: "who must be at that socket's other end, unless it is root; another is not given a grant",
    },
    Key {
        name: "launcher.deadline",
        kind: Time(SECOND, HOUR),
        default: Is("\"60s\""),
        changes: "how long one step may run. The limit is in the grant and the wrapper sets it on itself, so it holds for what runs as root, too",
    },
    Key {
        name: "audit.path",
        kind: Path(""),
        default: Is("\"/var/log/reeve/audit.jsonl\""),
        changes: "the audit log; full files are kept beside it",
    },
    Key {
        name: "audit.rotate_megabytes",
        kind: Number(1, 100_000, "MiB"),
        default: Is("100"),
        changes: "when a new file is begun. It bounds the time that a start takes",
    },
    Key {
        name: "audit.daily_at",
        kind: Text("`\"HH:MM\"` (UTC), or `\"never\"`"),
        default: Is("\"08:00\""),
        changes: "when approvers are told each day what was, or that nothing was, with a [signed checkpoint](audit.md#signed-checkpoints)",
    },
    Key {
        name: "approvals.execute_within",
        kind: Time(SECOND, DAY),
        default: Is("\"5m\""),
        changes: "how long after the last confirmation an operation may still begin. Later it ends as `expired`. How long people have to answer is the rule's `ttl`, not this",
    },
    Key {
        name: "approvals.cool_down",
        kind: Time(0, DAY),
        default: Is("\"10m\""),
        changes: "for how long the same caller's same operation on the same resource, whatever its parameters, is not put to people again after it was refused, taken back, or nobody answered",
    },
    Key {
        name: "approvals.recovery_delay",
        kind: Time(HOUR, 30 * DAY),
        default: Is("\"24h\""),
        changes: "how long after root began it [somebody who lost their phone](approvals.md#lost-phones) is enrolled anew",
    },
    Key {
        name: "approvals.per_principal",
        kind: Number(1, 1_000, "operations"),
        default: Is("5"),
        changes: "how many operations of one caller may wait for people at once",
    },
    Key {
        name: "approvals.patience",
        kind: Number(1, 1_000, "operations"),
        default: Is("10"),
        changes: "after how many of one caller that were refused, left unanswered or taken back people are asked nothing more by it, until one of them has cooled down",
    },
    Key {
        name: "approvals.overall",
        kind: Number(1, 10_000, "operations"),
        default: Is("100"),
        changes: "the same for all callers together",
    },
    Key {
        name: "approvals.growth",
        kind: Number(1, 10, "two decimals"),
        default: Is("1.2"),
        changes: "how many times what was shown may be freed by the time that it runs; the question [says how much that is](approvals.md#what-may-move). What waits already keeps what people were told",
    },
    Key {
        name: "preflight.report",
        kind: Path(""),
        default: Is("\"/var/lib/reeve-preflight/report.json\""),
        changes: "where `reeve doctor` writes what it found, and the gate reads it. Root's, in a directory that only root can write",
    },
    Key {
        name: "preflight.needed",
        kind: Flag,
        default: Is("false"),
        changes: "whether nothing but reads and approvals goes on without such a report, with one that is older than `max_age`, and while a required check could not be made. A required check that *fails* has that effect always: see [hardening](hardening.md#examined)",
    },
    Key {
        name: "preflight.max_age",
        kind: Time(MINUTE, 30 * DAY),
        default: Is("\"26h\""),
        changes: "until when a report is recent",
    },
    Key {
        name: "screening.reasons",
        kind: Words(SCREENED),
        default: Is("\"off\""),
        changes: "whether reasons are searched for [texts that are made to mislead](screening.md), and whether that tightens",
    },
    Key {
        name: "screening.arguments",
        kind: Words(SCREENED),
        default: Is("\"off\""),
        changes: "the same for arguments",
    },
    Key {
        name: "screening.output",
        kind: Words(SCREENED),
        default: Is("\"off\""),
        changes: "the same for what comes back",
    },
    Key {
        name: "secrets.directory",
        kind: Path(""),
        default: Is("\"/run/reeve-secrets\""),
        changes: "where [what was fetched from vaults](azure.md#secretstoml) is. Needs a restart",
    },
    Key {
        name: "secrets.user",
        kind: Text("a Unix user"),
        default: Is("\"reeve-secrets\""),
        changes: "who fetches: what belongs to anybody else but root is not read. Needs a restart",
    },
    Key {
        name: "budget.principal",
        kind: Text("a principal's name"),
        default: Absent("each principal has one of its own"),
        changes: "whose budget it is. Any number of `[[budget]]`; who goes beyond one is frozen",
    },
    Key {
        name: "budget.effect",
        kind: Words(&["change", "destroy"]),
        default: Absent("both"),
        changes: "what counts; reading never does",
    },
    Key {
        name: "budget.operations_per_hour",
        kind: Number(0, u64::MAX, "operations"),
        default: Absent("no bound"),
        changes: "how many operations that are allowed or put to people it may have in the last hour",
    },
    Key {
        name: "budget.operations_per_day",
        kind: Number(0, u64::MAX, "operations"),
        default: Absent("no bound"),
        changes: "the same for the last day",
    },
    Key {
        name: "budget.objects_per_hour",
        kind: Number(0, u64::MAX, "objects"),
        default: Absent("no bound"),
        changes: "how many different objects those may change",
    },
    Key {
        name: "budget.objects_per_day",
        kind: Number(0, u64::MAX, "objects"),
        default: Absent("no bound"),
        changes: "the same for the last day",
    },
    Key {
        name: "budget.bytes_per_hour",
        kind: Text("`\"512M\"`, `\"10G\"`, `\"2T\"`"),
        default: Absent("no bound"),
        changes: "how much those may free. Where nobody can tell how much an operation frees, it is refused",
    },
    Key {
        name: "budget.bytes_per_day",
        kind: Text("the same"),
        default: Absent("no bound"),
        changes: "the same for the last day",
    },
];

const SCREENED: &[&str] = &["off", "report", "enforce"];
