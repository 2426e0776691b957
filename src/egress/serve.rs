//! One connection of the tool's: what it asks for, who is reached for it, and the bytes in both directions.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::head::{self, Ask, MAX_HEAD};
use super::hello::{self, Said};
use super::reach::Reach;
use super::tally::{Tally, Way};
use crate::sandbox::egress::{Host, Stop};

/// How long a request's head may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves a connection to its end. Errors end it, and are nobody's business beyond the counts.
pub(super) fn serve(client: &TcpStream, reach: &Reach, tally: &Tally) {
    let (ask, early) = match read_head(client) {
        Ok(asked) => asked,
        Err(why) => {
            tally.stopped(None, why);
            refuse(client, None, why);
            return;
        }
    };
    let (host, port) = ask.to();
    match reach.connect(host, port) {
        Ok(server) => {
            let name = tally.reached(host, port);
            let relay = Relay { client, server: &server, tally, name: &name };
            // What goes wrong now ends both sides.
            let _ = relay.run(&ask, &early);
        }
        Err(why) => {
            tally.stopped(Some((host, port)), why);
            refuse(client, Some((host, port)), why);
        }
    }
}

/// A request's head, and what came behind it already.
fn read_head(mut client: &TcpStream) -> Result<(Ask, Vec<u8>), Stop> {
    let broken = |_error: io::Error| Stop::Malformed;
    client.set_read_timeout(Some(PATIENCE)).map_err(broken)?;
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = head::end_of(&bytes) {
            let early = bytes.split_off(end);
            return Ok((head::read(&bytes)?, early));
        }
        let count = client.read(&mut buffer).map_err(broken)?;
        if count == 0 || bytes.len() + count > MAX_HEAD {
            return Err(Stop::Malformed);
        }
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
}

/// Says no, and which host and why: the reason is the tool's operator's to read.
fn refuse(mut client: &TcpStream, to: Option<(&Host, u16)>, why: Stop) {
    let to = to.map(|(host, port)| format!("{host}:{port}")).unwrap_or_default();
    let text = format!("reeve: stopped {to} ({})\n", why.as_str());
    let status = match why {
        Stop::Malformed => "400 Bad Request",
        Stop::Unknown | Stop::Unreachable => "502 Bad Gateway",
        Stop::TooMany => "503 Service Unavailable",
        Stop::NotListed | Stop::Never | Stop::NotRoots | Stop::Address | Stop::OtherName => "403 Forbidden",
    };
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    );
    let _ = client.write_all(answer.as_bytes());
}

/// Tells a client that there are too many connections already.
pub(super) fn too_many(client: &TcpStream, tally: &Tally) {
    tally.stopped(None, Stop::TooMany);
    refuse(client, None, Stop::TooMany);
}

struct Relay<'a> {
    client: &'a TcpStream,
    server: &'a TcpStream,
    tally: &'a Tally,
    name: &'a str,
}

impl Relay<'_> {
    fn run(&self, ask: &Ask, early: &[u8]) -> io::Result<()> {
        // How long a connection may be silent is up to the run's own time.
        self.client.set_read_timeout(None)?;
        match ask {
            Ask::Tunnel { host, port } => {
                let mut client = self.client;
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
                self.both_ways(|| self.tunnel_to_server((host, *port), early))
            }
            Ask::Forward { head, body, .. } => self.both_ways(|| {
                self.send(head)?;
                let ready = u64::try_from(early.len()).unwrap_or(u64::MAX).min(*body);
                self.send(early.get(..usize::try_from(ready).unwrap_or(0)).unwrap_or_default())?;
                // No byte more than the one request has.
                self.client_to_server(Some(body - ready))
            }),
        }
    }

    fn both_ways(&self, up: impl FnOnce() -> io::Result<()> + Send) -> io::Result<()> {
        std::thread::scope(|scope| {
            let sending = scope.spawn(up);
            let received = self.server_to_client();
            let _ = self.client.shutdown(Shutdown::Both);
            let _ = self.server.shutdown(Shutdown::Both);
            let sent = sending.join().unwrap_or_else(|_| Err(io::Error::other("it fell")));
            received.and(sent)
        })
    }

    /// A tunnel's first bytes are held back until it is known whom TLS names in them.
    fn tunnel_to_server(&self, (host, port): (&Host, u16), early: &[u8]) -> io::Result<()> {
        let mut first = early.to_vec();
        let mut buffer = [0; 4096];
        let stop = |why| {
            self.tally.stopped(Some((host, port)), why);
            self.server.shutdown(Shutdown::Both)?;
            self.client.shutdown(Shutdown::Both)
        };
        loop {
            match hello::read(&first) {
                Said::More => {}
                Said::Nothing => break,
                Said::Name(name) if Host::read(&name).as_ref() == Some(host) => break,
                Said::Name(_) => return stop(Stop::OtherName),
                Said::Broken => return stop(Stop::Malformed),
            }
            let mut client = self.client;
            let count = client.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            first.extend_from_slice(buffer.get(..count).unwrap_or_default());
        }
        self.send(&first)?;
        self.client_to_server(None)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let mut server = self.server;
        // Before they go: what the other side has seen is counted, even when the run ends this moment.
        self.tally.passed(self.name, Way::FromTheTool, bytes.len());
        server.write_all(bytes)
    }

    /// What the client sends, up to so many bytes, or all.
    fn client_to_server(&self, most: Option<u64>) -> io::Result<()> {
        let (mut client, mut left) = (self.client, most.unwrap_or(u64::MAX));
        let mut buffer = [0; 16 * 1024];
        while left > 0 {
            let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let count = client.read(buffer.get_mut(..room).unwrap_or_default())?;
            if count == 0 {
                return self.server.shutdown(Shutdown::Write);
            }
            self.send(buffer.get(..count).unwrap_or_default())?;
            left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    fn server_to_client(&self) -> io::Result<()> {
        let (mut client, mut server) = (self.client, self.server);
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = server.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            self.tally.passed(self.name, Way::ToTheTool, count);
            client.write_all(buffer.get(..count).unwrap_or_default())?;
        }
    }
}
