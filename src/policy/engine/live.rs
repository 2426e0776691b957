//! A worker that has loaded the policy, and the bytes on their way to and from it.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::nursery::Nursery;
use super::{PolicyError, WorkerProgram};
use crate::policy::source::PolicySource;
use crate::policy::wire::{Frames, MAX_POLICY_FRAME, Reply, Startup, WorkerReport, frame_up_to};
use crate::sys::process::Worker;

const CHUNK: usize = 64 * 1024;

/// The most that all files of a policy may have together.
const MOST_SOURCE: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Live {
    worker: Worker,
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    frames: Frames,
    chunk: Box<[u8]>,
    unsent: Vec<u8>,
    sent: usize,
}

/// Something moved between the worker and us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    /// Bytes came.
    Received,
    /// Bytes went.
    Sent,
    /// The worker has ended.
    Ended,
}

impl Live {
    pub(super) async fn start(
        nursery: &Nursery,
        program: &WorkerProgram,
        source: &PolicySource,
    ) -> Result<(Self, WorkerReport), PolicyError> {
        if source.bytes() > MOST_SOURCE {
            return Err(PolicyError::TooLarge);
        }
        let frame = frame_up_to(MAX_POLICY_FRAME, source).map_err(|_too_large| PolicyError::TooLarge)?;
        let (worker, socket) =
            nursery.start(program).await.ok_or(PolicyError::Stopped)?.map_err(PolicyError::Process)?;
        let mut live = Self::of(worker, socket).map_err(|_io| PolicyError::Died)?;
        let startup = timeout(program.load_deadline, live.load(&frame)).await;
        let outcome = match startup {
            Ok(Ok(Startup::Ready(report))) => return Ok((live, report)),
            Ok(Ok(Startup::Rejected(problems))) => PolicyError::Rejected(problems),
            Ok(Ok(Startup::Unconfined(why))) => PolicyError::Unconfined(why),
            Ok(Err(error)) => error,
            Err(_elapsed) => PolicyError::Slow(program.load_deadline),
        };
        live.end(nursery);
        Err(outcome)
    }

    fn of(worker: Worker, socket: std::os::unix::net::UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let (reader, writer) = UnixStream::from_std(socket)?.into_split();
        let (frames, chunk) = (Frames::default(), vec![0; CHUNK].into());
        Ok(Self { worker, reader, writer, frames, chunk, unsent: Vec::new(), sent: 0 })
    }

    async fn load(&mut self, policy: &[u8]) -> Result<Startup, PolicyError> {
        self.send(policy);
        loop {
            if self.moved().await == Moved::Ended {
                return Err(PolicyError::Died);
            }
            if let Some(json) = self.frames.next().map_err(|_too_large| PolicyError::Garbled)? {
                return serde_json::from_slice(json).map_err(|_unread| PolicyError::Garbled);
            }
        }
    }

    /// Puts a frame behind those that are on their way.
    pub(super) fn send(&mut self, frame: &[u8]) {
        self.unsent.extend_from_slice(frame);
    }

    /// The next reply that has come whole.
    pub(super) fn reply(&mut self) -> Result<Option<Reply>, PolicyError> {
        let Some(json) = self.frames.next().map_err(|_too_large| PolicyError::Garbled)? else {
            return Ok(None);
        };
        serde_json::from_slice(json).map(Some).map_err(|_unread| PolicyError::Garbled)
    }

    /// Waits until bytes have come or gone. Nothing is lost when the caller stops waiting.
    pub(super) async fn moved(&mut self) -> Moved {
        let unsent = self.unsent.get(self.sent..).unwrap_or_default();
        tokio::select! {
            written = self.writer.write(unsent), if !unsent.is_empty() => match written {
                Ok(count) if count > 0 => {
                    self.sent += count;
                    if self.sent == self.unsent.len() {
                        self.unsent.clear();
                        self.sent = 0;
                    }
                    Moved::Sent
                }
                Ok(_) | Err(_) => Moved::Ended,
            },
            read = self.reader.read(&mut self.chunk) => match read {
                Ok(count) if count > 0 => {
                    self.frames.push(self.chunk.get(..count).unwrap_or_default());
                    Moved::Received
                }
                Ok(_) | Err(_) => Moved::Ended,
            },
        }
    }

    /// Ends the worker.
    pub(super) fn end(self, nursery: &Nursery) {
        nursery.bury(self.worker);
    }
}
