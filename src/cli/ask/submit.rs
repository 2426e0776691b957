//! `reeve op`, `reeve plan` and `reeve undo`: the same words, done, only looked at, or taken back.

use clap::Args;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::{follow, parameters, show};
use crate::cli::exit::{Exit, Failure};
use crate::cli::remote::{Client, ConnectionArgs, Reply, Target};
use crate::cli::screen::Screen;
use crate::gate::protocol::Envelope;
use crate::sys::clock::Clock;

const OP_EXAMPLES: &str = "\
Examples:
  reeve op zfs list tank --param recursive=true
  reeve op zfs snapshot tank/media --param name=daily --reason \"before the upgrade\"
  reeve op zfs destroy tank/media@old --wait                  waits until people have decided
  reeve op zfs create tank/vm --param size=10G --param properties.compression=zstd

Without --wait the command ends with exit code 4 when people must confirm: `reeve watch ID` goes on.
`reeve ops zfs destroy` shows the parameters of an operation, `reeve plan …` what it would do.";

/// Ask a host for an operation
#[derive(Debug, Args)]
#[command(after_help = OP_EXAMPLES)]
pub(in crate::cli) struct OpArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// The same key with the same operation gives the first answer again, so that a repetition does nothing twice
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Wait until it is over, or for that many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true)]
    wait: Option<Option<u64>>,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Take back what an operation did, as its outcome says how
#[derive(Debug, Args)]
#[command(after_help = "\
It asks for the operation that the outcome names under `undo`; rules and people decide on it as on
any other.

Example:
  reeve undo op_01JD3VKQ2T9F6M8R4B7WXY5ZAC --wait")]
pub(in crate::cli) struct UndoArgs {
    /// The id of the operation that is to be taken back
    id: String,
    /// Why, for the people who are asked and for the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Wait until it is over, or for that many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true)]
    wait: Option<Option<u64>>,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Say what would be decided and what would happen; nothing runs and nobody is asked
#[derive(Debug, Args)]
#[command(after_help = "\
The exit code is 0 when the operation would be allowed, 4 when people would be asked, 3 when it
would be denied.

Example:
  reeve plan zfs destroy tank/vm --param recursive=true")]
pub(in crate::cli) struct PlanArgs {
    #[command(flatten)]
    what: WhatArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Debug, Args)]
struct WhatArgs {
    /// What kind of thing: zfs, systemd, pct, git, ansible
    kind: String,
    /// What to do: list, snapshot, destroy, … (`reeve ops` lists them)
    op: String,
    /// To what: tank/media, tank/media@daily
    resource: String,
    /// A parameter, more than once if need be
    #[arg(long, short, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// Why, for the people who are asked and for the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// For whom we act
    #[arg(long, value_name = "NAME")]
    on_behalf_of: Option<String>,
    /// Our own reference, for the audit log
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
}

impl WhatArgs {
    fn body(&self) -> Result<Value, Failure> {
        let operation = parameters::operation(&self.kind, &self.op, &self.resource, &self.param)?;
        let mut body = operation.to_value();
        if let Some(map) = body.as_object_mut() {
            let metadata: serde_json::Map<String, Value> =
                [("run_id", &self.run_id), ("on_behalf_of", &self.on_behalf_of)]
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?))))
                    .collect();
            map.extend(self.reason.as_ref().map(|reason| ("reason".to_owned(), json!(reason))));
            if !metadata.is_empty() {
                map.insert("metadata".to_owned(), Value::Object(metadata));
            }
        }
        Ok(body)
    }
}

/// Submits, and waits if that is wanted.
pub(super) async fn op(args: &OpArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let body = args.what.body()?;
    let mut headers = HeaderMap::new();
    if let Some(key) = &args.idempotency_key {
        let wrong =
            |_error| Failure::new(Exit::Usage, "--idempotency-key is 1 to 128 visible ASCII characters");
        headers.insert("idempotency-key", HeaderValue::from_str(key).map_err(wrong)?);
    }
    let target = args.connection.target()?;
    let mut client = Client::connect(&target).await?;
    let reply = client.post("/host/op", &body, headers).await?;
    outcome((client, &target), &reply, args.wait, (screen, clock)).await
}

/// Asks for what takes an operation back, as its outcome says.
pub(super) async fn undo(args: &UndoArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let target = args.connection.target()?;
    let mut client = Client::connect(&target).await?;
    let done: Envelope = client.get(&format!("/host/op/{}", args.id)).await?.read()?;
    let Some(undo) = done.undo else {
        let why = match done.is_final {
            true => "nothing takes it back",
            false => "it is not over yet, so there is nothing to take back",
        };
        return Err(Failure::new(Exit::Failed, format!("{} is {}: {why}", args.id, done.state.as_str())));
    };
    let mut body = undo.op;
    if let Some(map) = body.as_object_mut() {
        let reason = args.reason.clone().unwrap_or_else(|| format!("takes {} back", args.id));
        map.insert("reason".to_owned(), json!(reason));
    }
    let reply = client.post("/host/op", &body, HeaderMap::new()).await?;
    outcome((client, &target), &reply, args.wait, (screen, clock)).await
}

/// Shows what was answered, after the end when that is waited for.
async fn outcome(
    (client, target): (Client, &Target),
    reply: &Reply,
    wait: Option<Option<u64>>,
    (screen, clock): (Screen, &dyn Clock),
) -> Result<Exit, Failure> {
    let envelope: Envelope = reply.read()?;
    let mut document = reply.json()?;
    if let Some(limit) = wait
        && !envelope.is_final
    {
        show::waiting(screen, &envelope)?;
        document =
            follow::until_final(client, target, &envelope.id, follow::Patience::new(limit, clock)).await?;
    }
    show::answer(screen, &document)
}

/// Asks what would happen.
pub(super) async fn plan(args: &PlanArgs, screen: Screen) -> Result<Exit, Failure> {
    let body = args.what.body()?;
    let target = args.connection.target()?;
    let mut client = Client::connect(&target).await?;
    let reply = client.post("/host/plan", &body, HeaderMap::new()).await?;
    show::plan(screen, &body, &reply.json()?)
}
