//! A note of the account to itself, again and again: whether Signal takes anything from this host is known before somebody
//! has to be asked. Signal does not bring such a note back to the device that sent it; where one comes back all the same,
//! by another way to Signal, that is expected from then on.

use std::sync::Arc;
use std::time::Duration;

use super::Gate;
use crate::alarm::What;
use crate::approval::Channel;
use crate::approval::signal::SendError;
use crate::audit::{Event, EventKind};

/// How soon it is tried again when one was not taken.
const AGAIN: Duration = Duration::from_secs(60);
/// How often in a row before it is told.
const TOLD_AFTER: u32 = 2;
/// How long a note is on its way back, and how often it is looked for.
const BACK: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);

/// What came of one.
enum Came {
    Taken {
        came_back: bool,
    },
    Lost(String),
    /// What is wrong is known and told otherwise.
    Skipped,
}

/// Writes notes as long as the gate lives.
pub(super) async fn keep(gate: Arc<Gate>, every: Duration) {
    let (mut lost, mut comes_back) = (0, false);
    loop {
        let mut came = gate.write_note().await;
        if comes_back && matches!(came, Came::Taken { came_back: false }) {
            came = Came::Lost("it does not come back".to_owned());
        }
        let pause = match came {
            Came::Taken { came_back } => {
                comes_back |= came_back;
                gate.canary_taken(came_back, lost >= TOLD_AFTER).await;
                lost = 0;
                every
            }
            Came::Lost(why) => {
                lost += 1;
                gate.canary_lost(why, lost == TOLD_AFTER).await;
                every.min(AGAIN)
            }
            Came::Skipped => {
                gate.metrics.signal.canary_is("skipped");
                every.min(AGAIN)
            }
        };
        tokio::time::sleep(pause).await;
    }
}

impl Gate {
    async fn write_note(&self) -> Came {
        let Channel::Signal(link) = &self.channel else { return Came::Skipped };
        let Ok(id) = self.new_id("ca") else { return Came::Skipped };
        let text = format!("reeve · {} · canary {id}", self.identity.name);
        match link.note_to_self(&text).await {
            Ok(_sent) => {
                let came_back = tokio::time::timeout(BACK, async {
                    while link.came_back().as_ref() != Some(&text) {
                        tokio::time::sleep(LOOK).await;
                    }
                });
                Came::Taken { came_back: came_back.await.is_ok() }
            }
            Err(
                SendError::Down
                | SendError::RateLimited { .. }
                | SendError::NeedsCaptcha { .. }
                | SendError::Dropped
                // The daemon has no such call, or does not know us: not a word of the server's.
                | SendError::Refused { code: -32601 | -32602 },
            ) => Came::Skipped,
            Err(
                error @ (SendError::Timeout
                | SendError::Identity(_)
                | SendError::Unregistered
                | SendError::Network
                | SendError::NoOneReached
                | SendError::Refused { .. }),
            ) => Came::Lost(error.to_string()),
        }
    }

    async fn canary_taken(&self, came_back: bool, was_told: bool) {
        let now = self.now_ms();
        self.health.canary(|canary| {
            canary.taken_at = Some(now);
            canary.came_back_at = if came_back { Some(now) } else { canary.came_back_at };
            canary.trouble = None;
        });
        self.metrics.signal.canary_is(if came_back { "came_back" } else { "taken" });
        if was_told {
            self.alarm(What::CanaryBack);
            self.record_canary(None).await;
        }
    }

    async fn canary_lost(&self, why: String, is_to_be_told: bool) {
        tracing::warn!(why, "a note of this host's account to itself was not taken");
        self.metrics.signal.canary_is("lost");
        self.health.canary(|canary| canary.trouble = Some(why.clone()));
        if is_to_be_told {
            self.record_canary(Some(&why)).await;
            self.alarm(What::CanaryLost { why });
        }
    }

    async fn record_canary(&self, lost: Option<&str>) {
        let why = lost.map_or("the canary lives".to_owned(), |why| format!("the canary is lost: {why}"));
        let event = Event::new(EventKind::ChannelState).with("up", self.channel.is_up()).with("why", why);
        if let Err(error) = self.record(event).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the canary's state is not recorded");
        }
    }
}
