//! The way to people, as the gate sees it: what they say, and whether they can be reached.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::Gate;
use crate::approval::inbound::Inbound;
use crate::approval::signal::Status;
use crate::audit::{Event, EventKind};

/// Hears what people say.
pub(super) async fn listen(gate: Arc<Gate>, mut messages: mpsc::Receiver<Inbound>) {
    while let Some(message) = messages.recv().await {
        gate.hear(message).await;
    }
}

/// Records when the way to people opens and closes.
pub(super) async fn watch(gate: Arc<Gate>, mut status: watch::Receiver<Status>) {
    let mut was_up = None;
    loop {
        let now = status.borrow_and_update().clone();
        let (is_up, why) = match &now {
            Status::Up { version, reachable } => {
                (true, format!("signal-cli {version}, reaches {}", reachable.join(", ")))
            }
            Status::Down(why) => (false, why.describe().to_owned()),
        };
        if was_up != Some(is_up) {
            was_up = Some(is_up);
            let event = Event::new(EventKind::ChannelState).with("up", is_up).with("why", why);
            if let Err(error) = gate.record(event).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the channel's state is not recorded"
                );
            }
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}
