//! The host's identities in Azure, as the users who have them saw them last.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::found::Found;
use crate::arm::ArmConfig;
use crate::cli::exit::with_causes;
use crate::cli::host::{azure, secret};
use crate::config::ConfigError;
use crate::gate::preflight::Status;
use crate::secret::FetchedFolder;
use crate::sys::host;
use crate::vault::VaultsConfig;
use crate::vault::examine::{self, Examined, Looked, Seen, Sight};

/// What was seen longer ago says nothing: the timer looks four times an hour.
const OLDEST: Duration = Duration::from_secs(2 * 3600);

/// What is known of the identity.
pub(super) struct Identity(Result<Known, Found>);

enum Known {
    NoVault,
    Seen(Examined),
}

impl Identity {
    /// Reads what was written down.
    pub(super) fn read(now: SystemTime) -> Self {
        Self(known(&host::prefixed(secret::CONFIG), now))
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
        let none = "secrets.toml names no vault, so that nothing was looked at";
        told(examined.sights.iter().filter(|sight| sight.of == looked), none)
    }
}

/// Who acts at Azure: who it is, that it sees what it is to act on, and what it may do.
pub(super) fn acting(now: SystemTime) -> Found {
    acting_by(&host::prefixed(azure::CONFIG), &azure::told(), now)
}

fn acting_by(path: &Path, folder: &FetchedFolder, now: SystemTime) -> Found {
    match ArmConfig::read(path) {
        Ok(_config) => {}
        Err(ConfigError::Untrusted(error)) if error.is_not_found() => {
            return Found::new(Status::Pass, "no azure.toml: nothing is done at Azure");
        }
        Err(error) => return Found::new(Status::Fail, with_causes(&error)),
    }
    match last(folder, "reeve-azure-examine", now) {
        Ok(examined) => told(examined.sights.iter(), "nothing was looked at"),
        Err(found) => found,
    }
}

/// As bad as the worst of these, with what there is to say of each.
fn told<'a>(sights: impl Iterator<Item = &'a Sight>, none: &str) -> Found {
    let sights: Vec<_> = sights.collect();
    let Some(worst) = sights.iter().map(|sight| sight.seen).max() else { return Found::unseen(none) };
    let marked = |sight: &&Sight| match sight.seen {
        Seen::Well => sight.words.clone(),
        Seen::Wide | Seen::Unseen | Seen::Wrong => {
            format!("{}: {}", status(sight.seen).as_str(), sight.words)
        }
    };
    Found { status: status(worst), evidence: sights.iter().map(marked).collect() }
}

fn known(path: &Path, now: SystemTime) -> Result<Known, Found> {
    if !path.try_exists().map_err(|error| Found::unseen(format!("{}: {error}", path.display())))? {
        return Ok(Known::NoVault);
    }
    let config = VaultsConfig::read(path).map_err(|error| Found::new(Status::Fail, with_causes(&error)))?;
    last(&config.folder, "reeve-secrets", now).map(Known::Seen)
}

/// What was written down last, unless that is too old to say anything.
fn last(folder: &FetchedFolder, unit: &str, now: SystemTime) -> Result<Examined, Found> {
    let again = format!("systemctl restart {unit}");
    let written = examine::written_down(folder)
        .map_err(|error| Found::unseen(format!("{}: {error}", folder.path.display())))?;
    let examined = written.ok_or_else(|| Found::unseen(format!("nobody has looked yet: {again}")))?;
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(examined.at).unwrap_or_default());
    // What is from the future is no newer than what is too old.
    match now.duration_since(then) {
        Ok(age) if age <= OLDEST => Ok(examined),
        Ok(age) => {
            let age = humantime::format_duration(Duration::from_secs(age.as_secs()));
            Err(Found::unseen(format!("it was looked {age} ago: {again}")))
        }
        Err(_future) => Err(Found::unseen(format!("it was looked in the future: {again}"))),
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
    fn who_acts_is_as_bad_as_the_worst_that_was_seen_of_it_and_nothing_where_nobody_acts() {
        let stage = Stage::new();
        let path = stage.0.path().join("azure.toml");
        let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
        let folder = FetchedFolder { path: stage.0.path().to_owned(), user: me };
        let found = |now: u64| {
            let found = acting_by(&path, &folder, SystemTime::UNIX_EPOCH + Duration::from_secs(now));
            (found.status, found.evidence.join("; "))
        };
        assert_eq!(found(1), (Status::Pass, "no azure.toml: nothing is done at Azure".to_owned()));
        std::fs::write(&path, "subscription = 1\n").unwrap();
        assert_eq!(found(1).0, Status::Fail);
        let id = "11111111-2222-3333-4444-555555555555";
        std::fs::write(
            &path,
            format!("subscriptions.main = \"{id}\"\n[azure]\ncredentials = [\"managed\"]\n"),
        )
        .unwrap();
        let nobody = "nobody has looked yet: systemctl restart reeve-azure-examine".to_owned();
        assert_eq!(found(1), (Status::CouldNotCheck, nobody));
        let well = "{\"of\": \"credential\", \"seen\": \"well\", \"words\": \"c\"}";
        stage.seen(1, well);
        assert_eq!(found(1), (Status::Pass, "c".to_owned()));
        assert_eq!(found(7_202).0, Status::CouldNotCheck);
        stage.seen(1, &format!("{well}, {{\"of\": \"reach\", \"seen\": \"wrong\", \"words\": \"r\"}}"));
        assert_eq!(found(1), (Status::Fail, "c; fail: r".to_owned()));
    }

    #[test]
    fn a_host_without_vaults_has_nothing_to_look_at() {
        let none = Identity(known(Path::new("/nonexistent/secrets.toml"), SystemTime::UNIX_EPOCH));
        assert!(!none.uses_vaults());
        assert_eq!(none.of(Looked::Credential).status, Status::Pass);
    }
}
