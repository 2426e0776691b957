//! What is looked at of the identity that acts at Azure, as the user who has it, and written down for the doctor.

use std::time::Duration;

use super::CONFIG;
use crate::arm::ArmConfig;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::host::block_on;
use crate::cli::host::secret::show;
use crate::cli::screen::Screen;
use crate::secret::FetchedFolder;
use crate::sys::clock::Clock;
use crate::sys::host;
use crate::vault::examine::{Examined, write_down};
use crate::vault::examine_acting_azure;

/// The word that asks for it: none that a grant has.
pub(super) const WORD: &str = "examine";
/// Where it is told what was seen, and by whom.
const TOLD: (&str, &str) = ("/run/reeve-azure", "reeve-azure");
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The folder in which it is told what was seen.
pub(in crate::cli::host) fn told() -> FetchedFolder {
    let (path, user) = TOLD;
    FetchedFolder { path: host::prefixed(path), user: user.to_owned() }
}

/// Looks, writes it down, and says it.
pub(super) fn run(screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let failed = |problem: String| Failure::new(Exit::Failed, problem);
    let config = ArmConfig::read(&host::prefixed(CONFIG)).map_err(|error| failed(with_causes(&error)))?;
    let environment = |name: &str| config.environment.get(name).cloned();
    let (acting, azure) = (config.acting(), (&config.azure, &config.manager));
    let looking = async {
        let looking = examine_acting_azure(azure, &acting, clock, &environment);
        Ok(tokio::time::timeout(PATIENCE, looking).await)
    };
    let late = format!("it took longer than {} s", PATIENCE.as_secs());
    let examined = block_on(looking)?.unwrap_or_else(|_late| Examined::unable(&late, clock.now()));
    write_down(&told(), &examined).map_err(|error| failed(format!("it cannot be written down: {error}")))?;
    show(&examined, screen)
}
