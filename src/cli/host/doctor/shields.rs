//! Prompt Shields: asked once, as the gate asks, so that all of the way to Azure is seen.

use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::found::Found;
use crate::cli::exit::with_causes;
use crate::cli::host::{block_on, shields};
use crate::config::ConfigError;
use crate::gate::config::GateConfig;
use crate::gate::preflight::Status;
use crate::shield::{Said, Shield, ShieldSettings, ShieldsConfig, Why};
use crate::sys::{host, ids};

/// Whether texts can be asked about, and as whom.
pub(super) fn answer(config: &GateConfig, now: SystemTime) -> Found {
    match configured(&config.shields, &host::prefixed(shields::CONFIG)) {
        Ok(()) => ask(&config.shields, now),
        Err(found) => found,
    }
}

/// That there is somebody to ask, and something to ask about.
fn configured(settings: &ShieldSettings, path: &Path) -> Result<(), Found> {
    let shields = match (ShieldsConfig::read(path), settings.is_on()) {
        (Ok(shields), true) => shields,
        (Ok(_), false) => {
            let idle = "shields.toml is there, and [shields] in gate.toml asks about nothing";
            return Err(Found::new(Status::Warn, idle));
        }
        (Err(ConfigError::Untrusted(error)), is_on) if error.is_not_found() => {
            return Err(match is_on {
                false => Found::new(Status::Pass, "no shields.toml: nobody is asked about texts"),
                true => Found::new(Status::Fail, "gate.toml asks about texts, and there is no shields.toml"),
            });
        }
        (Err(error), _) => return Err(Found::new(Status::Fail, with_causes(&error))),
    };
    if shields.socket == settings.socket {
        return Ok(());
    }
    let (asked, listens) = (settings.socket.display(), shields.socket.display());
    Err(Found::new(
        Status::Fail,
        format!("gate.toml asks at {asked}, and shields.toml has it listen at {listens}"),
    ))
}

fn ask(settings: &ShieldSettings, now: SystemTime) -> Found {
    let user = match ids::user(&settings.user) {
        Ok(Some(user)) => user,
        Ok(None) => return Found::new(Status::Fail, format!("there is no user {}", settings.user)),
        Err(error) => return Found::unseen(format!("{}: {error}", settings.user)),
    };
    // What was asked before is known from before, and would not be asked again.
    let moment = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let text = format!("reeve doctor looks whether texts can be asked about ({moment})");
    let began = Instant::now();
    let shield = Shield::new(settings.clone(), user.uid);
    match block_on(async { Ok(shield.said(&text).await) }) {
        Ok(said) => judged(&said, began.elapsed()),
        Err(failure) => Found::unseen(failure.message),
    }
}

/// What an answer about a harmless text shows.
fn judged(said: &Said, took: Duration) -> Found {
    let by = said.credential.map_or_else(String::new, |kind| format!(", as {}", kind.name()));
    let found = |status, words: &str| Found::new(status, format!("{words}{by}"));
    let Some(why) = said.answer.unsure else {
        return found(Status::Pass, &format!("Azure answered within {} ms", took.as_millis()));
    };
    match why {
        Why::Down => found(Status::Fail, "nobody answers on the socket, or another user than is meant"),
        Why::NoToken => found(Status::Fail, "nobody says who this host is"),
        Why::Refused => found(Status::Fail, "Azure refuses to say what a text is"),
        Why::Unreadable | Why::TooLong => found(Status::Fail, "Azure's answer does not say what the text is"),
        Why::Timeout => found(Status::CouldNotCheck, "there was no answer in time"),
        Why::Throttled => found(Status::CouldNotCheck, "Azure wants to be left alone for now"),
        Why::Unreachable => found(Status::CouldNotCheck, "Azure cannot be reached, or somebody else answers"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shield::{Answer, Meaning};
    use crate::vault::CredentialKind;

    #[test]
    fn what_nobody_could_say_is_never_a_pass_and_who_answered_is_told() {
        let said = |unsure: Option<Why>| Said {
            answer: Answer { pieces: 1, kept: 0, attack: false, unsure },
            credential: Some(CredentialKind::Managed),
        };
        let took = Duration::from_millis(7);
        let well = Found::new(Status::Pass, "Azure answered within 7 ms, as managed identity");
        assert_eq!(judged(&said(None), took), well);
        for (why, status) in [
            (Why::Down, Status::Fail),
            (Why::NoToken, Status::Fail),
            (Why::Refused, Status::Fail),
            (Why::Unreadable, Status::Fail),
            (Why::TooLong, Status::Fail),
            (Why::Timeout, Status::CouldNotCheck),
            (Why::Throttled, Status::CouldNotCheck),
            (Why::Unreachable, Status::CouldNotCheck),
        ] {
            assert_eq!(judged(&said(Some(why)), took).status, status, "{why:?}");
        }
    }

    #[test]
    fn a_file_without_a_question_a_question_without_a_file_and_two_sockets_are_found() {
        let stage = tempfile::tempdir().unwrap();
        let path = stage.path().join("shields.toml");
        let off = ShieldSettings { socket: "/s".into(), ..ShieldSettings::default() };
        let on = ShieldSettings { output: Meaning::Deny, ..off.clone() };
        let status = |settings: &ShieldSettings| configured(settings, &path).map_err(|found| found.status);
        assert_eq!([status(&off), status(&on)], [Err(Status::Pass), Err(Status::Fail)]);
        std::fs::write(
            &path,
            "endpoint = \"https://n.example\"\nsocket = \"/s\"\nazure.credentials = [\"managed\"]\n",
        )
        .unwrap();
        assert_eq!([status(&off), status(&on)], [Err(Status::Warn), Ok(())]);
        let elsewhere = ShieldSettings { socket: "/t".into(), ..on.clone() };
        assert_eq!(status(&elsewhere), Err(Status::Fail));
        std::fs::write(&path, "endpiont = \"https://n.example\"\n").unwrap();
        assert_eq!([status(&off), status(&on)], [Err(Status::Fail), Err(Status::Fail)]);
    }
}
