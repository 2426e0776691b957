//! One connection of the gate's: its lines become requests, what comes of them becomes lines. When anything is in doubt the
//! connection ends, which the gate knows how to take from signal-cli itself.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::config::{BridgeConfig, Transport};
use super::request::{Answer, error};
use super::upstream::Upstream;
use super::{daemon, rest};

/// The longest line of the gate's.
const LONGEST: u64 = 1 << 20;
/// How many of its calls are under way at once; the rest wait to be read.
const AT_ONCE: usize = 8;
/// How many lines wait for the gate. While they do, nothing more is taken from the server.
const WAITING: usize = 64;
/// How long messages may take to begin before the gate is told that they will: less than it waits.
const OPENING: Duration = Duration::from_secs(7);
/// A gate that does not read for so long is gone.
const READING: Duration = Duration::from_secs(30);

/// What all connections share.
pub(super) struct Bridge {
    transport: Transport,
    upstream: Arc<Upstream>,
    silence: Duration,
}

/// A call of the gate's.
#[derive(Deserialize)]
struct Call {
    id: Value,
    method: String,
    #[serde(default)]
    params: Value,
}

impl Bridge {
    pub(super) fn new(config: &BridgeConfig) -> Result<Self, String> {
        let upstream = Arc::new(Upstream::new(config)?);
        Ok(Self { transport: config.transport, upstream, silence: config.silence })
    }
}

/// Serves one connection, and says why it ended.
pub(super) async fn run(bridge: &Bridge, stream: UnixStream) -> Result<Infallible, String> {
    let (from, to) = stream.into_split();
    let (asking, asked) = mpsc::channel(1);
    let (telling, told) = mpsc::channel(WAITING);
    tokio::select! {
        end = read(from, asking) => end,
        end = write(to, told) => end,
        end = work(bridge, asked, telling) => end,
    }
}

async fn read(from: OwnedReadHalf, calls: mpsc::Sender<Call>) -> Result<Infallible, String> {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader).take(LONGEST).read_until(b'\n', &mut line).await;
        read.map_err(|error| format!("the gate: {error}"))?;
        if line.last() != Some(&b'\n') {
            return Err("the gate hung up".to_owned());
        }
        let call = serde_json::from_slice(&line).map_err(|error| format!("the gate: {error}"))?;
        calls.send(call).await.map_err(|_ended| "the connection ends".to_owned())?;
    }
}

async fn write(mut to: OwnedWriteHalf, mut lines: mpsc::Receiver<Value>) -> Result<Infallible, String> {
    while let Some(line) = lines.recv().await {
        // Written anew from what was read, so that whatever came, it is one line.
        let mut bytes = line.to_string().into_bytes();
        bytes.push(b'\n');
        let written = timeout(READING, to.write_all(&bytes)).await;
        written
            .map_err(|_elapsed| "the gate does not read".to_owned())?
            .map_err(|error| format!("the gate: {error}"))?;
    }
    Err("the connection ends".to_owned())
}

async fn work(
    bridge: &Bridge,
    mut calls: mpsc::Receiver<Call>,
    lines: mpsc::Sender<Value>,
) -> Result<Infallible, String> {
    let mut under_way: JoinSet<Result<(), String>> = JoinSet::new();
    let mut listens = false;
    loop {
        tokio::select! {
            call = calls.recv(), if under_way.len() < AT_ONCE => {
                let call = call.ok_or("the connection ends")?;
                match subscribed(&call) {
                    None => drop(under_way.spawn(answer(bridge.transport, Arc::clone(&bridge.upstream), call, lines.clone()))),
                    Some(Some(account)) if !listens => {
                        listens = true;
                        let (opening, opened) = oneshot::channel();
                        let upstream = (Arc::clone(&bridge.upstream), bridge.silence);
                        under_way.spawn(listen(bridge.transport, upstream, account, (lines.clone(), opening)));
                        under_way.spawn(told_when_open(opened, call.id, lines.clone()));
                    }
                    Some(Some(_)) => tell(&lines, call.id, Ok(json!(0))).await?,
                    Some(None) => {
                        let error = error(-32602, "Method requires valid account parameter");
                        tell(&lines, call.id, Err(error)).await?;
                    }
                }
            }
            Some(ended) = under_way.join_next() => {
                ended.map_err(|error| error.to_string())??;
            }
        }
    }
}

async fn answer(
    transport: Transport,
    upstream: Arc<Upstream>,
    call: Call,
    lines: mpsc::Sender<Value>,
) -> Result<(), String> {
    let answer = match transport {
        Transport::Http => daemon::call(&upstream, &call.method, call.params).await?,
        Transport::RestApi => rest::call(&upstream, &call.method, &call.params).await?,
    };
    tell(&lines, call.id, answer).await
}

/// The account that messages are wanted for, of a call that wants them.
fn subscribed(call: &Call) -> Option<Option<String>> {
    let account = call.params.get("account").and_then(Value::as_str).map(str::to_owned);
    (call.method == "subscribeReceive").then_some(account)
}

async fn listen(
    transport: Transport,
    (upstream, silence): (Arc<Upstream>, Duration),
    account: String,
    (lines, opened): (mpsc::Sender<Value>, oneshot::Sender<()>),
) -> Result<(), String> {
    let Err(why) = match transport {
        Transport::Http => daemon::listen(&upstream, &account, silence, (&lines, opened)).await,
        Transport::RestApi => rest::listen(&upstream, &account, silence, (&lines, opened)).await,
    };
    Err(why)
}

/// The gate takes the link for good once this is answered, so messages flow by then; but older daemons say so late.
async fn told_when_open(
    opened: oneshot::Receiver<()>,
    id: Value,
    lines: mpsc::Sender<Value>,
) -> Result<(), String> {
    match timeout(OPENING, opened).await {
        Ok(Ok(())) | Err(_) => tell(&lines, id, Ok(json!(0))).await,
        // It could not be opened, and with that the connection ends.
        Ok(Err(_)) => Ok(()),
    }
}

async fn tell(lines: &mpsc::Sender<Value>, id: Value, answer: Answer) -> Result<(), String> {
    let line = match answer {
        Ok(result) => json!({"jsonrpc": "2.0", "result": result, "id": id}),
        Err(error) => json!({"jsonrpc": "2.0", "error": error, "id": id}),
    };
    lines.send(line).await.map_err(|_ended| "the connection ends".to_owned())
}

/// Hands a message on. One that is no JSON object, or was too long, is told without content, for the gate to count.
pub(super) async fn hand_on(lines: &mpsc::Sender<Value>, message: Option<&[u8]>) -> Result<(), String> {
    let params = message.and_then(|bytes| serde_json::from_slice(bytes).ok()).filter(Value::is_object);
    let line = json!({"jsonrpc": "2.0", "method": "receive", "params": params});
    lines.send(line).await.map_err(|_ended| "the connection ends".to_owned())
}
