//! Takes spans from those who may send them, and to the collector in batches. When it has as many as it may it reads no more,
//! so that what is too much is dropped, and counted, where it is made.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, Semaphore, mpsc};

use super::post::{self, Answer};
use crate::cli::exit::{Exit, Failure};
use crate::sys::clock::Clock;
use crate::sys::{host, ids, listen, peer, random};
use crate::trace::config::TracesConfig;
use crate::trace::{EXPORTED, REJECTED, Span};

/// How many spans go in one request.
const BATCH: usize = 512;
/// How long the first span of a request waits for others.
const LINGER: Duration = Duration::from_millis(500);
/// The first and the longest pause after a failure.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How many connections there are at once.
const CONNECTIONS: usize = 16;
/// The longest line; a span has a few hundred bytes.
const LONGEST: u64 = 16 << 10;
/// How long a sender may take to hear what became of its spans.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whoever sent a span, to be told of it.
type Sender = Arc<Mutex<OwnedWriteHalf>>;

/// Sends until SIGTERM or SIGINT.
pub(super) async fn run(config: &TracesConfig, clock: &dyn Clock) -> Result<Exit, Failure> {
    let failed =
        |what: &'static str| move |error: io::Error| Failure::new(Exit::Failed, format!("{what}: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed("signals cannot be heard"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed("signals cannot be heard"))?;
    let host = host::hostname()?;
    let senders = senders(config)?;
    // Anybody may connect; the kernel says who it is, and most are sent away.
    let listener = listen::at(&config.socket, 0o666).map_err(failed("cannot listen for spans"))?;
    let (queue, mut spans) = mpsc::channel(config.queue);
    tokio::select! {
        never = accept(&listener, &senders, &queue) => match never {},
        () = send_on((config, &host), clock, &mut spans) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(Exit::Done)
}

fn senders(config: &TracesConfig) -> Result<Vec<u32>, Failure> {
    let mut uids = Vec::new();
    for name in &config.senders {
        match ids::user(name) {
            Ok(Some(user)) => uids.push(user.uid),
            Ok(None) => {
                let why = format!("senders: there is no Unix user {name:?}");
                return Err(Failure::new(Exit::Failed, why));
            }
            Err(error) => {
                let why = format!("senders: the user database cannot be read: {error}");
                return Err(Failure::new(Exit::Failed, why));
            }
        }
    }
    Ok(uids)
}

async fn accept(
    listener: &UnixListener,
    senders: &[u32],
    queue: &mpsc::Sender<(Span, Sender)>,
) -> Infallible {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _address)) => stream,
            Err(error) => {
                said(&format!("cannot accept: {error}"));
                tokio::time::sleep(PAUSE.0).await;
                continue;
            }
        };
        match peer::credentials(&stream) {
            Ok(peer) if senders.contains(&peer.uid) => {}
            Ok(peer) => {
                said(&format!("uid {} may not send spans", peer.uid));
                continue;
            }
            Err(_gone) => continue,
        }
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let queue = queue.clone();
        tokio::spawn(async move {
            take(stream, &queue).await;
            drop(place);
        });
    }
}

/// Reads spans for as long as they are spans and there is room for them.
async fn take(stream: UnixStream, queue: &mpsc::Sender<(Span, Sender)>) {
    let (reader, writer) = stream.into_split();
    let (mut reader, sender) = (BufReader::new(reader), Arc::new(Mutex::new(writer)));
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader).take(LONGEST).read_until(b'\n', &mut line).await;
        if read.is_err() || line.pop() != Some(b'\n') {
            return;
        }
        let Ok(span) = serde_json::from_slice(&line) else {
            return said("what was sent is no span; are all programs of one version?");
        };
        if queue.send((span, Arc::clone(&sender))).await.is_err() {
            return;
        }
    }
}

async fn send_on(
    (config, host): (&TracesConfig, &str),
    clock: &dyn Clock,
    queue: &mut mpsc::Receiver<(Span, Sender)>,
) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let until = tokio::time::Instant::now() + LINGER;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            let more = queue.recv_many(&mut batch, room);
            if !matches!(tokio::time::timeout_at(until, more).await, Ok(1..)) {
                break;
            }
        }
        let (spans, senders): (Vec<Span>, Vec<Sender>) = batch.drain(..).unzip();
        let refused = deliver((config, host), clock, &spans).await;
        tell(&senders, usize::try_from(refused).unwrap_or(usize::MAX)).await;
    }
}

/// Tries until the collector has them, will not have them, or their time is over; says how many it does not have.
async fn deliver((config, host): (&TracesConfig, &str), clock: &dyn Clock, spans: &[Span]) -> u64 {
    let all = u64::try_from(spans.len()).unwrap_or(u64::MAX);
    let until = clock.boot().saturating_add(config.expires_after);
    let mut failures = 0;
    loop {
        let (why, wanted) = match post::send(config, spans, host).await {
            Answer::Taken { refused } => return refused.min(all),
            Answer::Refused(why) => {
                said(&why);
                return all;
            }
            Answer::Later(why, wanted) => (why, wanted),
        };
        // A collector that wants no pause is not asked as fast as the network is.
        let own = pause(failures);
        let pause = wanted.map_or(own, |wanted| wanted.max(own));
        if clock.boot().saturating_add(pause) >= until {
            said(&format!("{why}; {all} spans are given up"));
            return all;
        }
        said(&why);
        tokio::time::sleep(pause).await;
        failures = failures.saturating_add(1);
    }
}

/// Tells each sender what became of its spans. Which ones a collector refused it does not say: the first are taken for them.
async fn tell(senders: &[Sender], refused: usize) {
    let split = refused.min(senders.len());
    for (kind, senders) in [(REJECTED, senders.get(..split)), (EXPORTED, senders.get(split..))] {
        let mut counts: Vec<(&Sender, u64)> = Vec::new();
        for sender in senders.unwrap_or_default() {
            match counts.iter_mut().find(|(known, _)| Arc::ptr_eq(known, sender)) {
                Some((_, count)) => *count += 1,
                None => counts.push((sender, 1)),
            }
        }
        for (sender, count) in counts {
            let mut frame = vec![kind];
            frame.extend(count.to_le_bytes());
            let mut sender = sender.lock().await;
            // Who has gone needs no answer.
            drop(tokio::time::timeout(PATIENCE, sender.write_all(&frame)).await);
        }
    }
}

/// Doubles from failure to failure, and is somewhere in its upper half: many hosts do not come back in step.
fn pause(failures: u32) -> Duration {
    let (first, longest) = PAUSE;
    let whole = first.saturating_mul(2_u32.saturating_pow(failures)).min(longest);
    let mut byte = [0_u8];
    match random::fill(&mut byte) {
        Ok(()) => whole.mul_f64(0.5 + f64::from(u8::from_ne_bytes(byte)) / 512.0),
        Err(_) => whole,
    }
}

/// Into the unit's log.
fn said(text: &str) {
    eprintln!("reeve traces: {}", crate::cli::screen::harmless(text));
}
