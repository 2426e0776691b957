//! The same daemon over HTTP: as signal-cli's `--http`, or as signal-cli-rest-api. One thread for each connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use super::world::World;
use super::{rest, sse};

/// What speaks HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// signal-cli's own daemon.
    Daemon,
    /// bbernhard's signal-cli-rest-api.
    Rest,
}

/// A listening server. Dropping it is its end.
pub(crate) struct Web {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    world: World,
    accepting: Option<JoinHandle<()>>,
}

/// One request.
pub(super) struct Request {
    pub(super) method: String,
    /// The path without its query.
    pub(super) path: String,
    pub(super) query: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Web {
    /// Listens.
    pub(crate) fn listen(address: impl ToSocketAddrs, dialect: Dialect, world: &World) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        world.state().keeps = dialect == Dialect::Daemon;
        let (ended, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (flag, streams, behind) = (Arc::clone(&ended), Arc::clone(&open), world.clone());
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if flag.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(kept) = stream.try_clone() else { continue };
                streams.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
                let world = behind.clone();
                // A connection ends as it ends; the next one is not concerned.
                thread::spawn(move || {
                    let served = serve(&stream, (dialect, address), &world);
                    drop(stream.shutdown(Shutdown::Both));
                    served
                });
            }
        });
        Ok(Self { address, ended, open, world: world.clone(), accepting: Some(accepting) })
    }

    /// Where it listens.
    #[allow(dead_code, reason = "the demo's binary was told; tests let the kernel choose")]
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts; it sees the flag and closes the socket.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
        self.world.drop_clients();
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

fn serve(stream: &TcpStream, (dialect, address): (Dialect, SocketAddr), world: &World) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = read(&mut reader)? {
        let is_over = match dialect {
            Dialect::Daemon => daemon(stream, &request, address, world)?,
            Dialect::Rest => rest::answer(stream, &request, world)?,
        };
        if is_over {
            break;
        }
    }
    Ok(())
}

/// Answers as signal-cli does; true when the connection has served its purpose.
fn daemon(stream: &TcpStream, request: &Request, address: SocketAddr, world: &World) -> io::Result<bool> {
    let known = ["/api/v1/check", "/api/v1/rpc", "/api/v1/events"];
    let wanted = if request.path == "/api/v1/rpc" { "POST" } else { "GET" };
    let plain = |status: u16| respond(stream, status, "text/plain", b"").map(|()| false);
    if !known.contains(&request.path.as_str()) {
        return plain(404);
    }
    if request.method != wanted {
        return plain(405);
    }
    if request.path == "/api/v1/check" {
        return plain(200);
    }
    if !world.state().faults.any_host && !is_own(&request.header("host"), address) {
        return plain(421);
    }
    if request.path == "/api/v1/events" {
        let account = request.query.strip_prefix("account=").map(|name| name.replace("%2B", "+"));
        if account.is_some_and(|account| !world.has_account(&account)) {
            return plain(400);
        }
        return sse::stream(stream, world).map(|()| true);
    }
    if !request.header("content-type").starts_with("application/json") {
        return plain(415);
    }
    if let Some(status) = world.state().faults.status {
        return plain(status);
    }
    let body = String::from_utf8_lossy(&request.body);
    let is_notification =
        serde_json::from_str::<Value>(&body).is_ok_and(|call| call.is_object() && call.get("id").is_none());
    match super::daemon::answer(&body, world) {
        None => withhold(stream).map(|()| true),
        Some(_) if is_notification => plain(201),
        Some(answer) => {
            respond(stream, 200, "application/json", answer.to_string().as_bytes()).map(|()| false)
        }
    }
}

/// A name that the daemon knows itself by, with its port.
fn is_own(host: &str, address: SocketAddr) -> bool {
    let (ip, port) = (address.ip(), address.port());
    let named = |name: &str| host == format!("{name}:{port}");
    named(&ip.to_string()) || ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| named(name))
}

impl Request {
    pub(super) fn header(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The next request of a connection; nothing at its end.
fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut words = first.split_ascii_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = request.header("content-length").parse().unwrap_or(0);
    reader.take(length).read_to_end(&mut request.body)?;
    Ok(Some(request))
}

/// Answers, and keeps the connection.
pub(super) fn respond(mut stream: &TcpStream, status: u16, kind: &str, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    let body_head = if status == 204 { String::new() } else { format!("Content-Length: {length}\r\n") };
    let mut bytes = format!("HTTP/1.1 {status} .\r\nContent-Type: {kind}\r\n{body_head}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes)
}

pub(super) fn respond_json(stream: &TcpStream, status: u16, body: &Value) -> io::Result<bool> {
    let body = if status == 204 { String::new() } else { body.to_string() };
    respond(stream, status, "application/json", body.as_bytes()).map(|()| false)
}

/// Says nothing until the other side gives up.
pub(super) fn withhold(mut stream: &TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 64])? > 0 {}
    Ok(())
}

/// A JSON-RPC error's code and words, as it is told over REST.
pub(super) fn told(error: &Value) -> (i64, Value) {
    let code = error.get("code").and_then(Value::as_i64).unwrap_or(0);
    (code, json!({"error": error.get("message")}))
}
