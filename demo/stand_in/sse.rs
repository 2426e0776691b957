//! Messages as signal-cli's daemon streams them: one event each, and a comment when there is nothing to say.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use serde_json::Value;

use super::world::World;

/// How often it says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Streams until the client has gone.
pub(super) fn stream(mut stream: &TcpStream, world: &World) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    let (lines, outgoing) = mpsc::channel();
    let number = world.receives(lines);
    let streamed = events(stream, &outgoing, world);
    world.hung_up(number);
    streamed
}

fn events(stream: &TcpStream, outgoing: &mpsc::Receiver<Option<String>>, world: &World) -> io::Result<()> {
    loop {
        let text = match outgoing.recv_timeout(KEEP_ALIVE) {
            Ok(None) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Ok(Some(line)) => format!("event:receive\ndata:{}\n\n", params(&line)),
            Err(RecvTimeoutError::Timeout) => ":\n".to_owned(),
        };
        // Half open: what is written arrives nowhere.
        if !world.state().faults.mute {
            chunk(stream, text.as_bytes())?;
        }
    }
}

fn chunk(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    let mut whole = format!("{:x}\r\n", bytes.len()).into_bytes();
    whole.extend_from_slice(bytes);
    whole.extend_from_slice(b"\r\n");
    stream.write_all(&whole)
}

/// What a notification on the socket carries is all that goes here.
pub(super) fn params(line: &str) -> Value {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    line.get("params").cloned().unwrap_or_default()
}
