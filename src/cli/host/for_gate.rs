//! What a program of the gate's beside it has in common: a socket where the gate, root, and nobody else is heard.

use std::path::Path;
use std::sync::Arc;

use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use crate::cli::exit::{Exit, Failure};
use crate::sys::{ids, listen, peer};

/// The number of the gate's Unix user.
///
/// # Errors
/// When there is no such user.
pub(super) fn gate(name: &str) -> Result<u32, Failure> {
    let failed = |problem: String| Failure::new(Exit::Failed, problem);
    let gate = ids::user(name).map_err(|error| failed(error.to_string()))?;
    Ok(gate.ok_or_else(|| failed(format!("gate_user: there is no Unix user {name}")))?.uid)
}

/// Gives each connection of the gate's to `converse`, until it is told to end. Of more than `at_once` the last are not answered.
///
/// # Errors
/// When it cannot listen.
pub(super) async fn serve<F>(
    socket: &Path,
    gate: u32,
    at_once: usize,
    said: fn(&str),
    converse: impl Fn(UnixStream) -> F,
) -> Result<Exit, Failure>
where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, format!("{}: {error}", socket.display()));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    // Its folder says who may connect; the mode, that its group may.
    let listener = listen::at(socket, 0o660).map_err(failed)?;
    let places = Arc::new(Semaphore::new(at_once));
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _address) = accepted.map_err(failed)?;
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                match peer::credentials(&stream) {
                    Ok(who) if who.uid == gate || who.uid == 0 => {}
                    Ok(who) => {
                        said(&format!("uid {} was sent away: gate_user alone is let in", who.uid));
                        continue;
                    }
                    Err(error) => {
                        said(&format!("who connected is not known: {error}"));
                        continue;
                    }
                }
                let conversation = converse(stream);
                tokio::spawn(async move {
                    if let Err(why) = conversation.await {
                        said(&why);
                    }
                    drop(place);
                });
            }
            _ = terminate.recv() => return Ok(Exit::Done),
            _ = interrupt.recv() => return Ok(Exit::Done),
        }
    }
}
