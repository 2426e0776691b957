//! `reeve witness`: takes this host's checkpoints to the hosts that watch its log, and brings back what they say. It has the network
//! and a certificate; the gate has the log, makes what is asked and judges what is answered.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::Method;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Full, Limited};
use rustls::ClientConfig;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use url::Url;

use super::gate::GateArgs;
use super::{block_on, https};
use crate::audit::peers::WitnessConfig;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::harmless;
use crate::gate::client::Client;
use crate::gate::protocol::{Answer, Call, WitnessStep};
use crate::secret::Consumer;
use crate::sys::random;

/// Where it is said who watches whom, unless it is said otherwise.
pub(super) const CONFIG: &str = "/etc/reeve/witness.toml";
/// How often the gate is asked whether there is something new: a question to its memory.
const LOOK: Duration = Duration::from_millis(500);
/// How long a peer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first and the longest pause after a failure.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// The longest answer: a few lines.
const LONGEST: usize = 16 << 10;
/// What the gate is told when there was no answer.
const NO_ANSWER: u16 = 0;

/// Have the hosts that watch this one's log cosign its checkpoints, until it is told to end
#[derive(Debug, Args)]
#[command(after_help = "\
reeve-witness.service runs this, as a user that the gate knows by witness.toml. It asks over mutual
TLS what C2SP tlog-witness calls add-checkpoint; `reeved` there answers for its gate.

Example:
  runuser -u reeve-witness -- reeve witness")]
pub(in crate::cli) struct WitnessArgs {
    /// The file that says who watches whom
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    #[command(flatten)]
    gate: GateArgs,
}

/// Runs `reeve witness`.
pub(in crate::cli) fn run(args: &WitnessArgs) -> Result<Exit, Failure> {
    let failed = |problem: String| Failure::new(Exit::Failed, problem);
    let config = WitnessConfig::read(&args.config).map_err(|error| failed(with_causes(&error)))?;
    let config = config
        .ok_or_else(|| failed(format!("{}: is not there, so nobody watches", args.config.display())))?;
    let tls = tls(&config).map_err(failed)?;
    let gate = args.gate.gate()?.client();
    block_on(serve(&config, &tls, &gate))
}

async fn serve(config: &WitnessConfig, tls: &Arc<ClientConfig>, gate: &Client) -> Result<Exit, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(Exit::Failed, format!("signals cannot be heard: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut peers = JoinSet::new();
    for (peer, url, _key) in config.asked() {
        let (name, url) = (peer.name.as_str().to_owned(), endpoint(url));
        peers.spawn(keep(name, url, (Arc::clone(tls), gate.clone())));
    }
    if peers.is_empty() {
        return Err(Failure::new(Exit::Failed, "no [[peer]] has a url: there is nobody to be asked"));
    }
    tokio::select! {
        _ = peers.join_next() => Err(Failure::new(Exit::Failed, "a task ended before its time")),
        _ = terminate.recv() => Ok(Exit::Done),
        _ = interrupt.recv() => Ok(Exit::Done),
    }
}

/// One peer, for ever: one that is down keeps no other waiting.
async fn keep(name: String, url: Url, (tls, gate): (Arc<ClientConfig>, Client)) {
    let mut failures = 0;
    loop {
        match turn(&name, &url, (&tls, &gate)).await {
            Ok(()) => failures = 0,
            Err(problem) => {
                said(&format!("{name}: {problem}"));
                failures += 1;
                tokio::time::sleep(pause(failures)).await;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Takes to a peer what the gate has for it, if anything.
async fn turn(name: &str, url: &Url, (tls, gate): (&Arc<ClientConfig>, &Client)) -> Result<(), String> {
    let step = |step: WitnessStep| async {
        gate.call(None, Call::Witness(step)).await.map_err(|problem| format!("the gate: {}", problem.detail))
    };
    let Answer::Text(request) = step(WitnessStep::Next { peer: name.to_owned() }).await? else {
        return Ok(());
    };
    let asked = tokio::time::timeout(PATIENCE, post(tls, url, request)).await;
    let asked = asked.unwrap_or_else(|_elapsed| Err(format!("no answer within {} s", PATIENCE.as_secs())));
    let (status, body) = match &asked {
        Ok((status, body)) => (*status, body.clone()),
        Err(problem) => (NO_ANSWER, problem.clone()),
    };
    step(WitnessStep::Answered { peer: name.to_owned(), status, body }).await?;
    match asked {
        // In conflict with what it has seen, it says what that is, and is asked again from there.
        Ok((200 | 409, _)) => Ok(()),
        Ok((status, body)) => Err(format!("answers {status}: {body}")),
        Err(problem) => Err(problem),
    }
}

async fn post(tls: &Arc<ClientConfig>, url: &Url, request: String) -> Result<(u16, String), String> {
    let request = https::request(Method::POST, url)
        .header(CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Full::new(Bytes::from(request)))
        .map_err(|error| error.to_string())?;
    let response = https::send(tls, url, request).await?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    let body = body.map_err(|error| format!("its answer broke off: {error}"))?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// Where a peer answers.
fn endpoint(url: &Url) -> Url {
    let mut url = url.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["witness", "add-checkpoint"]);
    }
    url
}

fn tls(config: &WitnessConfig) -> Result<Arc<ClientConfig>, String> {
    let (certificate, key) = &config.own;
    https::client_as(&config.ca, Some((certificate.as_path(), key, Consumer::Witness)))
}

/// Doubles from failure to failure, and is somewhere in its upper half: many hosts do not come back in step.
fn pause(failures: u32) -> Duration {
    let (first, longest) = PAUSE;
    let whole = first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(longest);
    let mut byte = [0_u8];
    match random::fill(&mut byte) {
        Ok(()) => whole.mul_f64(0.5 + f64::from(u8::from_ne_bytes(byte)) / 512.0),
        Err(_) => whole,
    }
}

/// Into the unit's log.
fn said(text: &str) {
    eprintln!("reeve witness: {}", harmless(text));
}

/// What `reeve check` says of the file; nothing when there is none.
pub(super) fn finding(path: &Path) -> Option<Result<String, String>> {
    match WitnessConfig::read(path) {
        Ok(None) => None,
        Ok(Some(config)) => {
            let asked = config.asked().count();
            let watched = config.peers.iter().filter(|peer| peer.log.is_some()).count();
            let made = if asked == 0 { Ok(()) } else { tls(&config).map(drop) };
            Some(made.map(|()| format!("{asked} hosts are asked, the logs of {watched} are watched")))
        }
        Err(error) => Some(Err(with_causes(&error))),
    }
}
