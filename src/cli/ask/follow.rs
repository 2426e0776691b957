//! Waiting for an operation: by asking again, or by listening to its events. A host that restarts in between is waited for.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::show;
use crate::cli::exit::{Exit, Failure};
use crate::cli::remote::{Client, ConnectionArgs, Target};
use crate::cli::screen::Screen;
use crate::gate::protocol::Envelope;
use crate::sys::clock::Clock;

/// For how long one question waits; connections live an hour, and proxies are less patient.
const ONE_WAIT: u64 = 60;
/// How often a host that went away is called again before that is an answer, and how long between.
const CALLS: u32 = 10;
const BETWEEN: Duration = Duration::from_secs(2);

/// Follow an operation until it is over
#[derive(Debug, Args)]
#[command(after_help = "\
Each change of state is a line, what its tools print comes in between, and the outcome comes last.
With --json each is a document on a line of its own. Leaving with Ctrl-C changes nothing about the operation.

Example:
  reeve watch op_01JD3VKQ2T9F6M8R4B7WXY5ZAC")]
pub(in crate::cli) struct WatchArgs {
    /// The operation's id
    id: String,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// How long is waited.
pub(super) struct Patience<'a> {
    until: Option<Duration>,
    clock: &'a dyn Clock,
}

impl<'a> Patience<'a> {
    /// That many seconds, or for ever.
    pub(super) fn new(seconds: Option<u64>, clock: &'a dyn Clock) -> Self {
        Self { until: seconds.map(|seconds| clock.boot() + Duration::from_secs(seconds)), clock }
    }

    /// Seconds for the next question; nothing when patience is at its end.
    fn next(&self) -> Option<u64> {
        let Some(until) = self.until else { return Some(ONE_WAIT) };
        let left = until.saturating_sub(self.clock.boot()).as_millis().div_ceil(1000);
        u64::try_from(left).ok().filter(|left| *left > 0).map(|left| left.min(ONE_WAIT))
    }
}

/// Asks until the operation is final or patience ends; the last answer either way.
pub(super) async fn until_final(
    mut client: Client,
    target: &Target,
    id: &str,
    patience: Patience<'_>,
) -> Result<Value, Failure> {
    loop {
        let wait = patience.next().unwrap_or(0);
        let path = format!("/host/op/{id}?wait={wait}");
        let reply = match client.get(&path).await {
            Err(failure) if failure.exit == Exit::Unreachable => {
                client = again(target, failure).await?;
                client.get(&path).await?
            }
            answered => answered?,
        };
        let envelope: Envelope = reply.read()?;
        if envelope.is_final || wait == 0 {
            return reply.json();
        }
    }
}

/// Another connection to a host that went away, which may be restarting.
async fn again(target: &Target, mut failure: Failure) -> Result<Client, Failure> {
    for _call in 0..CALLS {
        match Client::connect(target).await {
            Ok(client) => return Ok(client),
            Err(last) => failure = last,
        }
        tokio::time::sleep(BETWEEN).await;
    }
    Err(failure)
}

/// Listens to an operation's events.
pub(super) async fn watch(args: &WatchArgs, screen: Screen) -> Result<Exit, Failure> {
    let target = args.connection.target()?;
    let mut client = Client::connect(&target).await?;
    let path = format!("/host/op/{}/events", args.id);
    let mut last_id: Option<String> = None;
    loop {
        let events = match client.events(&path, last_id.as_deref()).await {
            Err(failure) if failure.exit == Exit::Unreachable && last_id.is_some() => {
                client = again(&target, failure).await?;
                client.events(&path, last_id.as_deref()).await?
            }
            begun => begun?,
        };
        // Without a stream all events have been seen, and the state is asked for.
        let Some(mut events) = events else {
            let reply = client.get(&format!("/host/op/{}", args.id)).await?;
            return show::envelope(screen, &reply.json()?);
        };
        while let Some(event) = events.next().await {
            let document: Value = serde_json::from_str(&event.data)
                .map_err(|error| crate::cli::remote::not_understood(&error))?;
            last_id = event.id.or(last_id);
            if event.name.as_deref() == Some("output") {
                show::output(screen, &document)?;
                continue;
            }
            if let Some(exit) = show::event(screen, &document)? {
                return Ok(exit);
            }
        }
        tokio::time::sleep(BETWEEN).await;
        client =
            again(&target, Failure::new(Exit::Unreachable, format!("{target} ended the stream"))).await?;
    }
}
