//! Speaks to the gate over its Unix socket: many calls at once on one connection, writes gathered.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::protocol::{Answer, Ask, Call, MAX_FRAME, Problem, ProblemKind, Reply};
use crate::principal::PrincipalName;
use crate::sys::peer;
use crate::trace;

/// How many requests may wait to be written.
const QUEUE: usize = 1024;

/// A client that connects when it is needed, and anew after the gate went away.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    socket: PathBuf,
    gate_uid: Option<u32>,
    next_id: AtomicU64,
    connection: Mutex<Option<Connection>>,
}

#[derive(Clone)]
struct Connection {
    requests: mpsc::Sender<(Vec<u8>, u64, oneshot::Sender<Reply>)>,
}

type Waiting = Arc<std::sync::Mutex<HashMap<u64, oneshot::Sender<Reply>>>>;

impl Client {
    /// A client for the socket. With `gate_uid`, a peer of another user is refused: what is asked may be secret, and answers are trusted.
    pub fn new(socket: &Path, gate_uid: Option<u32>) -> Self {
        let shared = Shared {
            socket: socket.to_owned(),
            gate_uid,
            next_id: AtomicU64::new(1),
            connection: Mutex::new(None),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Asks and waits for the answer. A gate that is down or goes away is the problem `unavailable`.
    pub async fn call(&self, caller: Option<PrincipalName>, call: Call) -> Result<Answer, Problem> {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = frame(&Ask { id, caller, call, trace: trace::current() })?;
        let (reply_to, reply) = oneshot::channel();
        let connection = self.connection().await?;
        connection.requests.send((frame, id, reply_to)).await.map_err(|_closed| gone())?;
        reply.await.map_err(|_dropped| gone())?.answer
    }

    async fn connection(&self) -> Result<Connection, Problem> {
        let mut connection = self.shared.connection.lock().await;
        if let Some(live) = connection.as_ref().filter(|live| !live.requests.is_closed()) {
            return Ok(live.clone());
        }
        let fresh = self.connect().await?;
        *connection = Some(fresh.clone());
        Ok(fresh)
    }

    async fn connect(&self) -> Result<Connection, Problem> {
        let stream = UnixStream::connect(&self.shared.socket).await.map_err(|_down| down())?;
        let peer = peer::credentials(&stream).map_err(|_unknown| down())?;
        if self.shared.gate_uid.is_some_and(|uid| uid != peer.uid) {
            return Err(Problem::new(
                ProblemKind::Unavailable,
                "what listens on the gate's socket is not the gate",
            ));
        }
        let (reader, writer) = stream.into_split();
        let (requests, queue) = mpsc::channel(QUEUE);
        let waiting = Waiting::default();
        tokio::spawn(serve(reader, writer, queue, waiting));
        Ok(Connection { requests })
    }
}

/// Lives as long as both directions do; when either ends, dropping what waits tells every caller.
async fn serve(
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    queue: mpsc::Receiver<(Vec<u8>, u64, oneshot::Sender<Reply>)>,
    waiting: Waiting,
) {
    tokio::select! {
        () = write_requests(writer, queue, &waiting) => {}
        () = read_replies(BufReader::with_capacity(64 << 10, reader), &waiting) => {}
    }
    lock(&waiting).clear();
}

async fn write_requests(
    mut writer: OwnedWriteHalf,
    mut queue: mpsc::Receiver<(Vec<u8>, u64, oneshot::Sender<Reply>)>,
    waiting: &Waiting,
) {
    let mut batch = Vec::new();
    let mut bytes = Vec::new();
    while queue.recv_many(&mut batch, QUEUE).await > 0 {
        bytes.clear();
        for (frame, id, reply_to) in batch.drain(..) {
            lock(waiting).insert(id, reply_to);
            bytes.extend_from_slice(&frame);
        }
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn read_replies(mut reader: BufReader<OwnedReadHalf>, waiting: &Waiting) {
    while let Some(reply) = read_frame::<Reply>(&mut reader, MAX_FRAME).await {
        if let Some(reply_to) = lock(waiting).remove(&reply.id) {
            // A caller that has hung up no longer wants the answer.
            drop(reply_to.send(reply));
        }
    }
}

fn lock(waiting: &Waiting) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Reply>>> {
    waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Reads one frame; nothing at the end of the stream, at a frame that is too long, and at one that is not of the protocol.
pub async fn read_frame<T: serde::de::DeserializeOwned>(
    reader: &mut (impl AsyncReadExt + Unpin),
    longest: usize,
) -> Option<T> {
    let length = usize::try_from(reader.read_u32_le().await.ok()?).ok()?;
    if length > longest {
        return None;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.ok()?;
    serde_json::from_slice(&body).ok()
}

/// The bytes of one frame.
pub fn frame(message: &impl serde::Serialize) -> Result<Vec<u8>, Problem> {
    let too_long = |_error| Problem::new(ProblemKind::Unavailable, "the message is too long for the gate");
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)
        .map_err(|_error| Problem::new(ProblemKind::Unavailable, "the message is not JSON"))?;
    let length = frame.len() - 4;
    if length > MAX_FRAME {
        return Err(too_long(()));
    }
    let length = u32::try_from(length).map_err(|_error| too_long(()))?;
    for (place, byte) in frame.iter_mut().zip(length.to_le_bytes()) {
        *place = byte;
    }
    Ok(frame)
}

fn down() -> Problem {
    Problem::new(ProblemKind::Unavailable, "the gate does not answer; nothing was decided and nothing ran")
}

fn gone() -> Problem {
    Problem::new(
        ProblemKind::Unavailable,
        "the gate went away before it answered; ask for the operation again with the same Idempotency-Key, or look it up",
    )
}
