//! The host's identity in Azure, as the user who has it saw it last; and that what it fetched is for its readers alone.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::found::Found;
use crate::cli::exit::with_causes;
use crate::gate::preflight::Status;
use crate::sys::host;
use crate::vault::VaultsConfig;
use crate::vault::examine::{self, Examined, Looked, Seen};

/// What was seen longer ago says nothing: the timer looks four times an hour.
const OLDEST: Duration = Duration::from_secs(2 * 3600);
const CONFIG: &str = "/etc/reeve/secrets.toml";

/// What is known of the identity.
pub(super) struct Identity(Result<Known, Found>);

enum Known {
    NoVault,
    Seen(Examined),
}

impl Identity {
    /// Reads what was written down.
    pub(super) fn read(now: SystemTime) -> Self {
        Self(known(&host::prefixed(CONFIG), now))
    }

    /// Whether this host uses vaults at all.
    pub(super) fn uses_vaults(&self) -> bool {
        !matches!(self.0, Ok(Known::NoVault))
    }

    /// One thing that was looked at.
    pub(super) fn of(&self, looked: Looked) -> Found {
        let examined = match &self.0 {
            Ok(Known::NoVault) => return Found::new(Status::Pass, "no secrets.toml: no vault is used"),
            Ok(Known::Seen(examined)) => examined,
            Err(found) => return found.clone(),
        };
        let sights: Vec<_> = examined.sights.iter().filter(|sight| sight.of == looked).collect();
        let Some(worst) = sights.iter().map(|sight| sight.seen).max() else {
            return Found::unseen("secrets.toml names no vault, so that nothing was looked at");
        };
        let marked = |seen: Seen, words: &str| match seen {
            Seen::Well => words.to_owned(),
            Seen::Wide | Seen::Unseen | Seen::Wrong => format!("{}: {words}", status(seen).as_str()),
        };
        let evidence = sights.iter().map(|sight| marked(sight.seen, &sight.words)).collect();
        Found { status: status(worst), evidence }
    }
}

fn known(path: &Path, now: SystemTime) -> Result<Known, Found> {
    if !path.try_exists().map_err(|error| Found::unseen(format!("{}: {error}", path.display())))? {
        return Ok(Known::NoVault);
    }
    let config = VaultsConfig::read(path).map_err(|error| Found::new(Status::Fail, with_causes(&error)))?;
    let written = examine::written_down(&config.folder)
        .map_err(|error| Found::unseen(format!("{}: {error}", config.folder.path.display())))?;
    let examined =
        written.ok_or_else(|| Found::unseen("nobody has looked yet: systemctl restart reeve-secrets"))?;
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(examined.at).unwrap_or_default());
    // What is from the future is no newer than what is too old.
    match now.duration_since(then) {
        Ok(age) if age <= OLDEST => Ok(Known::Seen(examined)),
        Ok(age) => {
            let age = humantime::format_duration(Duration::from_secs(age.as_secs()));
            Err(Found::unseen(format!("it was looked {age} ago: systemctl restart reeve-secrets")))
        }
        Err(_future) => Err(Found::unseen("it was looked in the future: systemctl restart reeve-secrets")),
    }
}

fn status(seen: Seen) -> Status {
    match seen {
        Seen::Well => Status::Pass,
        Seen::Wide => Status::Warn,
        Seen::Unseen => Status::CouldNotCheck,
        Seen::Wrong => Status::Fail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stage(tempfile::TempDir);

    impl Stage {
        fn new() -> Self {
            let stage = Self(tempfile::tempdir().unwrap());
            std::fs::create_dir(stage.0.path().join("told")).unwrap();
            let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
            let text = format!(
                "directory = {:?}\nuser = {me:?}\n[vault.main]\nurl = \"https://m.example\"\n",
                stage.0.path()
            );
            std::fs::write(stage.0.path().join("secrets.toml"), text).unwrap();
            stage
        }

        fn seen(&self, at: u64, sights: &str) {
            let text = format!("{{\"at\": {at}, \"sights\": [{sights}]}}");
            std::fs::write(self.0.path().join("told/examined.json"), text).unwrap();
        }

        fn found(&self, now: u64, looked: Looked) -> (Status, String) {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
            let found = Identity(known(&self.0.path().join("secrets.toml"), now)).of(looked);
            (found.status, found.evidence.join("; "))
        }
    }

    #[test]
    fn what_nobody_looked_at_or_long_ago_or_in_the_future_could_not_be_checked() {
        let stage = Stage::new();
        assert_eq!(stage.found(10_000, Looked::Roles).0, Status::CouldNotCheck);
        let well = "{\"of\": \"roles\", \"seen\": \"well\", \"words\": \"w\"}";
        for (at, status) in
            [(10_000, Status::Pass), (2_799, Status::CouldNotCheck), (10_001, Status::CouldNotCheck)]
        {
            stage.seen(at, well);
            assert_eq!(stage.found(10_000, Looked::Roles).0, status, "{at}");
        }
        assert_eq!(stage.found(10_000, Looked::Isolation).0, Status::CouldNotCheck);
    }

    #[test]
    fn a_check_is_as_bad_as_the_worst_that_was_seen() {
        let stage = Stage::new();
        let one =
            |seen: &str| format!("{{\"of\": \"vaults\", \"seen\": \"{seen}\", \"words\": \"{seen}!\"}}");
        stage.seen(1, &[one("well"), one("unseen"), one("wide")].join(","));
        assert_eq!(
            stage.found(1, Looked::Vaults),
            (Status::CouldNotCheck, "well!; could_not_check: unseen!; warn: wide!".to_owned())
        );
        stage.seen(1, &[one("unseen"), one("wrong")].join(","));
        assert_eq!(stage.found(1, Looked::Vaults).0, Status::Fail);
    }

    #[test]
    fn a_host_without_vaults_has_nothing_to_look_at() {
        let none = Identity(known(Path::new("/nonexistent/secrets.toml"), SystemTime::UNIX_EPOCH));
        assert!(!none.uses_vaults());
        assert_eq!(none.of(Looked::Credential).status, Status::Pass);
    }
}
