//! The daemon's side: JSON-RPC, one object a line, on a Unix socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use super::command::Command;
use super::world::World;

/// A listening socket. Dropping it is the daemon's end.
pub(crate) struct Daemon {
    path: PathBuf,
    ended: Arc<AtomicBool>,
    world: World,
    accepting: Option<JoinHandle<()>>,
}

impl Daemon {
    /// Answers as signal-cli does.
    pub(crate) fn listen(path: &Path, world: &World) -> io::Result<Self> {
        Self::serve(path, world, daemon_side)
    }

    /// Takes commands for the people.
    pub(crate) fn listen_for_commands(path: &Path, world: &World) -> io::Result<Self> {
        Self::serve(path, world, people_side)
    }

    fn serve(path: &Path, world: &World, side: fn(UnixStream, &World) -> io::Result<()>) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        let ended = Arc::new(AtomicBool::new(false));
        let (flag, behind) = (Arc::clone(&ended), world.clone());
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if flag.load(Ordering::SeqCst) {
                    break;
                }
                let world = behind.clone();
                // A connection ends as it ends; the next one is not concerned.
                thread::spawn(move || stream.and_then(|stream| side(stream, &world)));
            }
        });
        Ok(Self { path: path.to_owned(), ended, world: world.clone(), accepting: Some(accepting) })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts; it sees the flag and closes the socket.
        drop(UnixStream::connect(&self.path));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
        drop(std::fs::remove_file(&self.path));
        self.world.drop_clients();
    }
}

fn daemon_side(stream: UnixStream, world: &World) -> io::Result<()> {
    let (lines, outgoing) = mpsc::channel::<Option<String>>();
    let (mut writer, behind) = (stream.try_clone()?, world.clone());
    thread::spawn(move || {
        for line in outgoing {
            let Some(line) = line else { break };
            // Half open: what is written arrives nowhere.
            if behind.state().faults.mute {
                continue;
            }
            if writeln!(writer, "{line}").is_err() {
                break;
            }
        }
        drop(writer.shutdown(std::net::Shutdown::Both));
    });
    let number = world.receives(lines.clone());
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { break };
        if is_slow(&line, world) {
            let (world, lines) = (world.clone(), lines.clone());
            // Nobody waits for it any more, perhaps.
            thread::spawn(move || {
                answer(&line, &world).map(|answer| drop(lines.send(Some(answer.to_string()))))
            });
            continue;
        }
        let answer = answer(&line, world);
        if answer.is_some_and(|answer| lines.send(Some(answer.to_string())).is_err()) {
            break;
        }
    }
    world.hung_up(number);
    drop(lines.send(None));
    Ok(())
}

fn is_slow(line: &str, world: &World) -> bool {
    let call = serde_json::from_str::<Value>(line).unwrap_or_default();
    call.get("method").and_then(Value::as_str).is_some_and(|method| world.is_slow(method))
}

/// What a line with a call is answered; nothing when that is withheld.
pub(super) fn answer(line: &str, world: &World) -> Option<Value> {
    let Ok(request) = serde_json::from_str::<Value>(line) else {
        return Some(
            json!({"jsonrpc": "2.0", "error": {"code": -32700, "message": "parse error"}, "id": null}),
        );
    };
    let method = request.get("method").and_then(Value::as_str).unwrap_or_default();
    let params = request.get("params").cloned().unwrap_or(Value::Null);
    let id = request.get("id").cloned().unwrap_or(Value::Null);
    Some(match world.call(method, &params)? {
        Ok(result) => json!({"jsonrpc": "2.0", "result": result, "id": id}),
        Err(error) => json!({"jsonrpc": "2.0", "error": error, "id": id}),
    })
}

fn people_side(stream: UnixStream, world: &World) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        let answer = match serde_json::from_str::<Command>(&line?) {
            Ok(command) => world.command(command),
            Err(error) => json!({"error": error.to_string()}),
        };
        writeln!(writer, "{answer}")?;
    }
    Ok(())
}
