//! Servers on the loopback that take alarms: one for the web that checks signatures as a stranger would, and one for mail.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// For what must happen; a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(30);
/// The key that signs, as it stands in its file.
pub(crate) const KEY: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> String {
        let begin = format!("{name}: ");
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&begin));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head))[begin.len()..].to_owned()
    }

    /// Whether the key signed it, by HMAC-SHA256 put together by hand.
    pub(crate) fn is_signed(&self, raw: &str) -> bool {
        let key = STANDARD.decode(KEY.strip_prefix("whsec_").unwrap()).unwrap();
        let (id, time) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let tag = hmac(&key, format!("{id}.{time}.{raw}").as_bytes());
        self.header("webhook-signature") == format!("v1,{}", STANDARD.encode(tag))
    }
}

/// RFC 2104.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let padded = |with: u8| -> Vec<u8> {
        let mut block = key.to_vec();
        block.resize(64, 0);
        block.iter().map(|byte| byte ^ with).collect()
    };
    let inner = Sha256::digest([padded(0x36), text.to_vec()].concat());
    Sha256::digest([padded(0x5c), inner.to_vec()].concat()).to_vec()
}

/// A server of the web.
pub(crate) struct Web {
    pub(crate) port: u16,
    status: Arc<AtomicU16>,
    heard: Arc<Mutex<Vec<(Heard, String)>>>,
}

impl Web {
    /// Answers every request with this status.
    pub(crate) fn start(status: u16) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), status)
    }

    fn on(listener: TcpListener, status: u16) -> Self {
        let port = listener.local_addr().unwrap().port();
        let web = Self { port, status: Arc::new(AtomicU16::new(status)), heard: Arc::default() };
        let (status, heard) = (Arc::clone(&web.status), Arc::clone(&web.heard));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(request) = read_request(&stream) {
                    heard.lock().unwrap().push(request);
                }
                let status = status.load(Ordering::SeqCst);
                // Who asked may have gone.
                drop(write!(
                    &stream,
                    "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                ));
            }
        });
        web
    }

    pub(crate) fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub(crate) fn so_far(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().iter().map(|(heard, _)| heard.clone()).collect()
    }

    /// The first request about that, once it is there; signed, or it is none.
    pub(crate) fn hears(&self, what: &str) -> Heard {
        let found = || {
            let heard = self.heard.lock().unwrap();
            heard.iter().find(|(heard, _)| heard.body["what"] == what).cloned()
        };
        let (heard, raw) = eventually(what, found);
        assert!(heard.is_signed(&raw), "{heard:?}");
        assert!(!heard.is_signed(&raw.replace("reeve", "Reeve")), "a signature must be about the body");
        heard
    }
}

fn read_request(stream: &TcpStream) -> Option<(Heard, String)> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let heard = Heard { head, body: Value::Null };
    let mut body = vec![0; heard.header("content-length").trim().parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    let raw = String::from_utf8(body).unwrap();
    Some((Heard { body: serde_json::from_str(&raw).unwrap(), ..heard }, raw))
}

/// Waits until there is one.
pub(crate) fn eventually<T>(what: &str, find: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A server for mail, as small as one can be.
pub(crate) struct Mail {
    pub(crate) port: u16,
    /// Each conversation, as the client said it.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Mail {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mail = Self { port: listener.local_addr().unwrap().port(), heard: Arc::default() };
        let heard = Arc::clone(&mail.heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let said = converse(&stream);
                heard.lock().unwrap().push(said);
            }
        });
        mail
    }

    pub(crate) fn hears(&self, words: &str) -> String {
        eventually(words, || self.heard.lock().unwrap().iter().find(|said| said.contains(words)).cloned())
    }
}

fn converse(stream: &TcpStream) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let answer = |text: &str| drop(write!(&*stream, "{text}\r\n"));
    let (mut reader, mut said) = (BufReader::new(stream), String::new());
    answer("220 mail.example");
    let mut in_letter = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return said;
        }
        said.push_str(&line);
        let word = line.split([' ', '\r']).next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "." if in_letter => {
                in_letter = false;
                answer("250 taken");
            }
            _ if in_letter => {}
            "EHLO" => answer("250-mail.example\r\n250 AUTH PLAIN"),
            "AUTH" => answer("235 welcome"),
            "DATA" => {
                in_letter = true;
                answer("354 go on");
            }
            "QUIT" => {
                answer("221 bye");
                return said;
            }
            _ => answer("250 ok"),
        }
    }
}
