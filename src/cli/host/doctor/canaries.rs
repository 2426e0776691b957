//! Canaries: the forbidden thing is tried, as the user that must not be able to do it. Each has a control, the same
//! attempt by who may, so that a refusal is known to be of the user and not of a missing file or program.

use std::path::Path;

use super::found::Found;
use super::users::{self, ALARMS, GATE, LAUNCHER, who_try};
use crate::cli::host::at_azure;
use crate::config::key_place::KeyPlace;
use crate::gate::config::GateConfig;
use crate::gate::preflight::Status;
use crate::secret::Consumer;
use crate::sys::process::{self, Command, Exit};
use crate::sys::{host, ids};

/// What a wrapper answers who brings no grant.
const REFUSED_BY_THE_WRAPPER: i32 = 125;

/// Reads one byte.
fn read(path: &Path) -> Vec<String> {
    vec!["/usr/bin/head".to_owned(), "-c1".to_owned(), path.display().to_string()]
}

/// Opens for appending, and writes nothing.
fn append(path: &Path) -> Vec<String> {
    let mut words: Vec<String> =
        ["/usr/bin/dd", "if=/dev/null", "oflag=append", "conv=notrunc,nocreat", "status=none"]
            .map(str::to_owned)
            .to_vec();
    words.push(format!("of={}", path.display()));
    words
}

/// The network side, the tools' user and those with an identity at Azure read the grant key; none can.
pub(super) fn grant_key(config: &GateConfig) -> Found {
    let key = config.keys.grant.source();
    let what = format!("read {}", key.display());
    match config.keys.grant {
        KeyPlace::File(_) => refused(&who_try(config, &[LAUNCHER]), GATE, &read(&key), &what),
        // The gate itself has what systemd shows it, and not the file.
        KeyPlace::Credential(_) => refused(&who_try(config, &[GATE, LAUNCHER]), "root", &read(&key), &what),
    }
}

/// They write into the audit log; none can.
pub(super) fn audit_log(config: &GateConfig) -> Found {
    let log = &config.audit.path;
    refused(&who_try(config, &[LAUNCHER]), GATE, &append(log), &format!("write {}", log.display()))
}

/// They read root's ledger of spent grants; none can.
pub(super) fn ledger(config: &GateConfig) -> Found {
    let ledger = host::prefixed("/var/lib/reeve-root/spent").display().to_string();
    let list = vec!["/usr/bin/ls".to_owned(), ledger.clone()];
    refused(&who_try(config, &[GATE, LAUNCHER]), "root", &list, &format!("list {ledger}"))
}

/// Each process finds what was fetched for it, and nobody else does.
pub(super) fn secrets(config: &GateConfig) -> Found {
    let fetched = &config.secrets.fetched.path;
    let front = config.front_user.as_str();
    let readers = [
        (Consumer::Gate, GATE),
        (Consumer::Front, front),
        (Consumer::Alarms, ALARMS),
        (Consumer::Traces, "reeve-traces"),
        (Consumer::Bridge, "reeve-bridge"),
        (Consumer::Witness, "reeve-witness"),
    ];
    let mut found = Vec::new();
    for (consumer, reader) in readers {
        let folder = fetched.join(consumer.name()).display().to_string();
        let list = vec!["/usr/bin/ls".to_owned(), folder.clone()];
        // Whoever fetches them has them anyway.
        let others: Vec<&str> = users::all(config)
            .into_iter()
            .filter(|user| *user != reader && *user != config.secrets.fetched.user)
            .collect();
        found.push(refused(&others, reader, &list, &format!("list {folder}")));
    }
    together(found).unwrap_or_else(|| Found::unseen("nobody reads secrets"))
}

/// What makes somebody at Azure is read by the one user who is to be that, and the socket on which texts are asked about is found
/// by the gate.
pub(super) fn identities(config: &GateConfig) -> Found {
    let everybody = users::all(config);
    let others = |may: &[&str]| -> Vec<&str> {
        everybody.iter().copied().filter(|user| !may.contains(user)).collect()
    };
    let mut found = Vec::new();
    for (path, user) in at_azure::secret_files(config) {
        let what = format!("read {}", path.display());
        found.push(refused(&others(&[&user]), &user, &read(&path), &what));
    }
    if let Some(folder) = config.shields.socket.parent().filter(|_| config.shields.is_on()) {
        let list = vec!["/usr/bin/ls".to_owned(), folder.display().to_string()];
        let what = format!("list {}", folder.display());
        found.push(refused(&others(&[GATE, &config.shields.user]), GATE, &list, &what));
    }
    let none = "no identity at Azure has a file of its own, and nobody is asked about texts";
    together(found).unwrap_or_else(|| Found::new(Status::Pass, none))
}

/// As bad as the worst of several, with the evidence of all.
fn together(found: Vec<Found>) -> Option<Found> {
    let status = found.iter().map(|one| one.status).max()?;
    Some(Found { status, evidence: found.into_iter().flat_map(|one| one.evidence).collect() })
}

/// They start a wrapper through sudo; only the launcher's user can.
pub(super) fn sudo(config: &GateConfig) -> Found {
    let wrapper = host::prefixed("/usr/local/libexec/reeve/reeve-zfs").display().to_string();
    let words = ["/usr/bin/sudo", "-n", "--", &wrapper].map(str::to_owned);
    match attempt(&config.launcher.user, &words) {
        Ok(Exit::Code(REFUSED_BY_THE_WRAPPER)) => {}
        Ok(other) => {
            return Found::unseen(format!(
                "{} cannot start {wrapper} either ({other:?}), so that nothing is shown",
                config.launcher.user
            ));
        }
        Err(why) => return Found::unseen(why),
    }
    let problems = who_try(config, &[GATE]).into_iter().filter_map(|user| {
        match attempt(user, &words) {
            // sudo's own refusal.
            Ok(Exit::Code(1)) => None,
            Ok(other) => Some((Status::Fail, format!("{user} got past sudo ({other:?})"))),
            Err(why) => Some((Status::CouldNotCheck, why)),
        }
    });
    Found::worst(problems.collect(), "sudo refuses everybody but the launcher's user")
}

/// That each of the users fails at what the control succeeds in.
fn refused(users: &[&str], control: &str, words: &[String], what: &str) -> Found {
    match attempt(control, words) {
        Ok(Exit::Code(0)) => {}
        Ok(other) => return Found::unseen(format!("{control} cannot {what} either ({other:?})")),
        Err(why) => return Found::unseen(why),
    }
    let problems = users.iter().filter_map(|user| match attempt(user, words) {
        Ok(Exit::Code(0)) => Some((Status::Fail, format!("{user} can {what}"))),
        Ok(_refused) => None,
        Err(why) => Some((Status::CouldNotCheck, why)),
    });
    Found::worst(
        problems.collect(),
        format!("of {} and {control}, only {control} can {what}", users.join(", ")),
    )
}

/// Runs a command as a user, with that user's groups and nothing else.
fn attempt(user: &str, words: &[String]) -> Result<Exit, String> {
    let found = ids::user(user).map_err(|error| format!("{user}: {error}"))?;
    let found = found.ok_or_else(|| format!("there is no user {user}"))?;
    let ids = [found.uid.to_string(), found.gid.to_string()];
    let [uid, gid] = &ids;
    let become_it = ["--reuid", uid, "--regid", gid, "--init-groups", "--"].map(str::to_owned);
    let command = Command::new("/usr/bin/setpriv").args(become_it).args(words.iter().cloned());
    match process::run(&command) {
        Ok(finished) if finished.timed_out => Err(format!("{user}: the attempt did not end")),
        // setpriv's own word for a program that is not there.
        Ok(finished) if matches!(finished.status, Exit::Code(126 | 127)) => {
            Err(format!("{user}: {}", String::from_utf8_lossy(&finished.stderr).trim()))
        }
        Ok(finished) => Ok(finished.status),
        Err(error) => Err(format!("{user}: {error}")),
    }
}
