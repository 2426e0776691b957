//! What Reeve stands on besides its own files: certificates, the clock, the log, people's channel, disks, the kernel.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::sys::statvfs::statvfs;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::found::Found;
use crate::alarm::spool::Spool;
use crate::api::Settings;
use crate::audit::verify::{self, Options, Report};
use crate::cli::exit::with_causes;
use crate::cli::host::alarms::secrets;
use crate::cli::host::bridge::{self, BridgeConfig, Transport};
use crate::cli::host::enforced;
use crate::gate::config::GateConfig;
use crate::gate::preflight::Status;
use crate::sys::process::{self, Command};
use crate::sys::{host, ids};
use crate::wrapper::enforceable::Layers;

const WEEK: i64 = 7 * 86_400;
const DAY: i64 = 86_400;
/// An alarm that waits for longer was late for somebody.
const LATE: Duration = Duration::from_secs(300);
/// Clocks that NTP keeps differ by less, and so does a record from the time it is written at.
const SKEW: Duration = Duration::from_secs(5);

/// Certificates and the revocation list: with time left.
pub(super) fn certificates(reeved: &Path, now: SystemTime) -> Found {
    let ends = match Settings::read(reeved) {
        Ok(settings) => settings.ends().map_err(|error| with_causes(&error)),
        Err(error) => Err(with_causes(&error)),
    };
    let ends = match ends {
        Ok(ends) => ends,
        Err(why) => return Found::unseen(why),
    };
    let now = OffsetDateTime::from(now).unix_timestamp();
    let mut problems = Vec::new();
    for (name, end) in &ends {
        let left = end - now;
        let enough = if *name == "crl" { DAY } else { WEEK };
        if left <= 0 {
            problems.push((Status::Fail, format!("{name}: ended at {}", at(*end))));
        } else if left < enough {
            problems.push((Status::Warn, format!("{name}: ends at {}", at(*end))));
        }
    }
    if !ends.iter().any(|(name, _)| *name == "crl") {
        problems.push((Status::Warn, "there is no revocation list: nothing is ever revoked".to_owned()));
    }
    let first = ends.iter().map(|(_, end)| *end).min().unwrap_or_default();
    Found::worst(problems, format!("the first to end does so at {}", at(first)))
}

fn at(end: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(end).ok().and_then(|time| time.format(&Rfc3339).ok());
    time.unwrap_or_else(|| end.to_string())
}

/// The chain of the whole log, with a record for every grant that root's ledger says was spent.
pub(super) fn audit(report: &Report) -> Found {
    let last = report.last.as_ref().map(|last| format!("{}:{}", last.seq, last.hash));
    let Some(last) = last else {
        return Found::unseen(
            report.unreadable.clone().unwrap_or_else(|| "there is no record yet".to_owned()),
        );
    };
    if let Some(why) = &report.unreadable {
        return Found::unseen(why);
    }
    let (status, holds) = if report.ok { (Status::Pass, "holds") } else { (Status::Fail, "does not hold") };
    Found::new(status, format!("{} records, and the chain {holds}", report.records))
        .with(format!("the last is {last}; what people's messages remember is not newer"))
}

/// Follows the log.
pub(super) fn follow_log(config: &GateConfig) -> Report {
    let ledger = host::prefixed("/var/lib/reeve-root/spent");
    let directory = config.audit.path.parent().unwrap_or(&config.audit.path);
    verify::verify(directory, &Options { ledger: Some(&ledger), ..Options::default() })
}

/// The clock is not behind the last record, and something keeps it right.
pub(super) fn clock(report: &Report, now: SystemTime) -> Found {
    let last = report.last_time.as_deref().and_then(|time| OffsetDateTime::parse(time, &Rfc3339).ok());
    if let Some(last) = last
        && SystemTime::from(last) > now + SKEW
    {
        return Found::new(Status::Fail, format!("it is behind the last audit record, which is of {last}"));
    }
    let command =
        Command::new("/usr/bin/timedatectl").args(["show", "--property=NTPSynchronized", "--value"]);
    match process::run(&command) {
        Ok(said) if said.stdout == b"yes\n" => Found::new(Status::Pass, "it is kept in step with others"),
        Ok(said) if said.stdout == b"no\n" => {
            Found::new(Status::Warn, "nothing keeps it in step: approvals and certificates go by it")
        }
        Ok(_) => Found::unseen("timedatectl does not say whether it is kept in step"),
        Err(error) => Found::unseen(with_causes(&error)),
    }
}

/// Somebody can be asked, by the daemon that is meant.
pub(super) fn people(config: &GateConfig) -> Found {
    let count = config.people.iter().count();
    let Some(signal) = &config.signal else {
        return Found::new(
            Status::Warn,
            "no [signal]: what needs a person is refused, or decided on the host",
        );
    };
    if count == 0 {
        return Found::new(Status::Fail, "there is no [[approver]]: nobody can say yes");
    }
    let socket = match std::fs::metadata(&signal.socket) {
        Ok(socket) => socket,
        Err(error) => return Found::new(Status::Fail, format!("{}: {error}", signal.socket.display())),
    };
    let Ok(Some(user)) = ids::user(&signal.user) else {
        return Found::new(Status::Fail, format!("there is no user {}", signal.user));
    };
    // systemd makes the socket of a unit that it activates.
    if !socket.file_type().is_socket() || ![0, user.uid].contains(&socket.uid()) {
        return Found::new(Status::Fail, format!("{} is not {}'s", signal.socket.display(), signal.user));
    }
    let found = Found::new(Status::Pass, format!("{count} approvers, each with a pinned identity key"));
    match BridgeConfig::read(&host::prefixed(bridge::CONFIG)) {
        Ok(Some(way)) if way.socket == signal.socket => {
            let lossy = way.transport == Transport::RestApi;
            let status = if lossy { Status::Warn } else { Status::Pass };
            Found { status, ..found }.with(format!("by {}", way.transport.describe()))
        }
        Ok(Some(_) | None) => found,
        Err(error) => Found::new(Status::Fail, with_causes(&error)),
    }
}

/// People can be told when they cannot be asked: whoever delivers is there, and keeps up.
pub(super) fn alarms(config: &GateConfig, now: SystemTime) -> Found {
    let Some(alarms) = &config.alarms else {
        return Found::new(
            Status::Warn,
            format!("no {}: nobody is told when people cannot be asked", config.alarms_file.display()),
        );
    };
    let (gate, deliverer) = match (ids::user("reeve-gate"), ids::user(&alarms.user)) {
        (Ok(Some(gate)), Ok(Some(deliverer))) => (gate.uid, deliverer.uid),
        (Ok(_), Ok(None)) => return Found::new(Status::Fail, format!("there is no user {}", alarms.user)),
        (Ok(None), _) | (Err(_), _) | (_, Err(_)) => return Found::unseen("users cannot be looked up"),
    };
    let spool = Spool::of(alarms);
    let wrong = spool.check(gate, deliverer).and_then(|()| secrets(alarms));
    if let Err(problem) = wrong {
        return Found::new(Status::Fail, problem);
    }
    let waiting = match spool.waiting() {
        Ok(waiting) => waiting,
        Err(error) => return Found::unseen(with_causes(&error)),
    };
    let is_late = |at: u64| now > SystemTime::UNIX_EPOCH + Duration::from_millis(at) + LATE;
    let late = waiting.iter().filter(|alarm| is_late(alarm.at)).count();
    match late {
        0 => Found::new(Status::Pass, format!("{} ways, and nothing waits on them", alarms.ways.len())),
        late => Found::new(Status::Fail, format!("{late} alarms wait for minutes: nobody delivers them")),
    }
}

/// Room for records and state, in bytes and in files.
pub(super) fn disks(config: &GateConfig) -> Found {
    let log = config.audit.path.parent().unwrap_or(Path::new("/"));
    let ledger = host::prefixed("/var/lib/reeve-root");
    let problems = [log, &config.state, &ledger].into_iter().flat_map(|path| match statvfs(path) {
        Ok(found) => {
            let bytes = full(path, "bytes", found.blocks_available(), found.blocks());
            let files = full(path, "files", found.files_available(), found.files());
            [bytes, files].into_iter().flatten().collect::<Vec<_>>()
        }
        Err(error) => vec![(Status::CouldNotCheck, format!("{}: {error}", path.display()))],
    });
    Found::worst(problems.collect(), "more than a twentieth is free wherever Reeve writes")
}

/// A file system that does not count its files has none, and is never full of them.
fn full(path: &Path, what: &str, free: u64, all: u64) -> Option<(Status, String)> {
    let status = match all {
        0 => return None,
        _ if free.saturating_mul(100) < all => Status::Fail,
        _ if free.saturating_mul(20) < all => Status::Warn,
        _ => return None,
    };
    Some((status, format!("{}: {free} of {all} {what} are free", path.display())))
}

/// What confines the policy's worker and tools.
pub(super) fn kernel(layers: &Layers) -> Found {
    let mut problems = Vec::new();
    if layers.landlock == 0 {
        problems.push((Status::Fail, "no Landlock: neither the policy nor tools can be confined".to_owned()));
    }
    if !layers.seccomp {
        problems.push((Status::Fail, "no seccomp: neither the policy nor tools can be confined".to_owned()));
    }
    if let Err(fix) = layers.user_namespaces {
        problems.push((Status::Warn, format!("no user namespaces: tools of tier C do not run: {fix}")));
    }
    if layers.cgroup == Some(false) {
        problems.push((
            Status::Warn,
            "no control groups: tools' memory and processes are not bounded together".to_owned(),
        ));
    }
    Found::worst(problems, format!("Landlock {}, seccomp, user namespaces, control groups", layers.landlock))
}

/// Every declared tool can be shut in as it says. Its wrapper refuses it where it cannot; here somebody hears it in time.
pub(super) fn tools(config: &GateConfig, read: &Found, layers: &Layers) -> Found {
    if read.status != Status::Pass {
        return Found::unseen("the declarations could not be read with the rest of the configuration");
    }
    let missing = enforced::missing(config, layers).into_iter().map(|tool| (Status::Fail, tool));
    let declared = config.adapters.tools.iter().count();
    Found::worst(missing.collect(), format!("{declared} declared, and this host can shut each in as it says"))
}
