//! What was seen of the host's identity, as it is written down and said.

use std::time::Duration;

use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::sys::clock::Clock;
use crate::sys::harden;
use crate::vault::examine::{Examined, Seen, Sight, write_down};
use crate::vault::{VaultsConfig, Wanted, examine_azure};

/// How long all of it may take: who needs a secret waits for what fetches them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks, and writes it down.
pub(super) async fn look(
    config: &VaultsConfig,
    wanted: &Wanted,
    clock: &dyn Clock,
) -> Result<Examined, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(Exit::Failed, format!("it cannot be written down: {error}"));
    // A secret is read to show that it can be.
    harden::no_dump().map_err(failed)?;
    let environment = |name: &str| std::env::var(name).ok();
    let looking = examine_azure(config, wanted, clock, &environment);
    let examined = match tokio::time::timeout(PATIENCE, looking).await {
        Ok(examined) => examined,
        Err(_late) => Examined::unable(&format!("it took longer than {} s", PATIENCE.as_secs()), clock.now()),
    };
    write_down(&config.folder, &examined).map_err(failed)?;
    Ok(examined)
}

/// Looks, writes it down, and says it.
pub(super) async fn run(
    config: &VaultsConfig,
    wanted: &Wanted,
    screen: Screen,
    clock: &dyn Clock,
) -> Result<Exit, Failure> {
    show(&look(config, wanted, clock).await?, screen)
}

/// Says what was seen; done when nothing is wrong and all could be looked at.
pub(in crate::cli::host) fn show(examined: &Examined, screen: Screen) -> Result<Exit, Failure> {
    let ok = examined.sights.iter().all(|sight| matches!(sight.seen, Seen::Well | Seen::Wide));
    if screen.is_json() {
        screen.document(&json!({"ok": ok, "at": examined.at, "sights": examined.sights}))?;
    } else {
        for sight in &examined.sights {
            screen.line(&line(sight))?;
        }
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

fn line(sight: &Sight) -> String {
    let (mark, tone) = match sight.seen {
        Seen::Well => ("✓", Tone::Good),
        Seen::Wide => ("!", Tone::Warning),
        Seen::Unseen => ("?", Tone::Warning),
        Seen::Wrong => ("✗", Tone::Bad),
    };
    format!("{} {}", paint(mark, tone), harmless(&sight.words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::AT_MOST;

    #[test]
    fn the_unit_leaves_time_for_a_round_and_the_look_behind_it() {
        let unit = include_str!("../../../../systemd/reeve-secrets.service");
        let limit = unit.lines().find_map(|line| line.strip_prefix("TimeoutStartSec=")).unwrap();
        let limit = humantime::parse_duration(limit).unwrap();
        assert!(AT_MOST + PATIENCE + Duration::from_secs(10) <= limit, "{limit:?}");
    }
}
