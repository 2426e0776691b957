//! One connection to the daemon, from `connect` to its end, and the task that always wants one.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::hub::Hub;
use super::rpc::{self, CallError, Rpc};
use super::status::Down;
use super::wire::{AccountEntry, VersionResult};
use crate::sys::{peer, random};

/// Connects, stays connected, and connects again, until the link is dropped.
pub(super) async fn supervise(hub: std::sync::Arc<Hub>) {
    let mut failures = 0_u32;
    loop {
        let (was_up, why) = session(&hub).await;
        hub.went_down(why);
        failures = if was_up { 0 } else { failures.saturating_add(1) };
        tokio::time::sleep(full_jitter(hub.config.backoff, failures)).await;
    }
}

/// Anything between nothing and the doubled pause, so that many hosts do not come back in step.
fn full_jitter((first, longest): (Duration, Duration), failures: u32) -> Duration {
    let ceiling = first.saturating_mul(2_u32.saturating_pow(failures)).min(longest);
    let mut bytes = [0_u8; 4];
    match random::fill(&mut bytes) {
        Ok(()) => ceiling.mul_f64(f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX)),
        Err(_) => ceiling,
    }
}

/// Runs one connection to its end. Tells whether it was ever good, and why it ended.
async fn session(hub: &std::sync::Arc<Hub>) -> (bool, Down) {
    let stream = match connect(hub).await {
        Ok(stream) => stream,
        Err(why) => return (false, why),
    };
    let (from, to) = stream.into_split();
    let (rpc, lines) = Rpc::new();
    let rpc = std::sync::Arc::new(rpc);
    let mut ends: JoinSet<io::Result<()>> = JoinSet::new();
    ends.spawn(rpc::write(to, lines));
    let listener = std::sync::Arc::clone(hub);
    ends.spawn(rpc::read(from, rpc.waiting(), move |method, params| listener.heard(method, params)));
    let mut was_up = false;
    let why = tokio::select! {
        _ = ends.join_next() => Down::Lost,
        why = keep_probing(hub, &rpc, &mut was_up) => why,
    };
    ends.shutdown().await;
    rpc.waiting().fail_all();
    (was_up, why)
}

async fn connect(hub: &Hub) -> Result<UnixStream, Down> {
    let connecting = timeout(hub.config.probe_timeout, UnixStream::connect(&hub.config.socket)).await;
    let stream = connecting.map_err(|_| Down::NoDaemon)?.map_err(|_| Down::NoDaemon)?;
    // Whoever owns this socket can say that anybody wrote anything.
    let peer = peer::credentials(&stream).map_err(|_| Down::WrongPeer)?;
    if peer.uid != hub.config.daemon_uid {
        return Err(Down::WrongPeer);
    }
    Ok(stream)
}

/// Finds out whom the daemon serves, then asks again and again: a connection that is half open answers nothing.
async fn keep_probing(hub: &Hub, rpc: &std::sync::Arc<Rpc>, was_up: &mut bool) -> Down {
    if let Err(why) = greet(hub, rpc).await {
        return why;
    }
    loop {
        let version = match probe(hub, rpc).await {
            Ok(version) => version,
            Err(why) => return why,
        };
        let reachable = hub.whose_identity_holds(rpc).await;
        hub.came_up(rpc, version, reachable);
        *was_up = true;
        hub.next_probe().await;
    }
}

async fn greet(hub: &Hub, rpc: &Rpc) -> Result<(), Down> {
    let limit = hub.config.probe_timeout;
    match rpc.call("listAccounts", json!({}), limit).await {
        Ok(accounts) => registered(hub, accounts)?,
        // A daemon that was started for one account does not list accounts.
        Err(CallError::Refused(error)) if error.code == -32601 => {}
        Err(_) => return Err(Down::NoAnswer),
    }
    // Only a daemon in manual mode needs this; the others refuse it or send twice, which is noticed.
    match rpc.call("subscribeReceive", json!({"account": hub.config.account}), limit).await {
        Ok(_) | Err(CallError::Refused(_)) => Ok(()),
        Err(CallError::Down | CallError::Lost | CallError::Timeout) => Err(Down::NoAnswer),
    }
}

fn registered(hub: &Hub, accounts: Value) -> Result<(), Down> {
    let accounts: Vec<AccountEntry> = serde_json::from_value(accounts).map_err(|_| Down::NoAnswer)?;
    let ours = |name: &Option<String>| name.as_deref().is_some_and(|name| hub.ourselves.is(name));
    if accounts.iter().any(|entry| ours(&entry.number) || ours(&entry.uuid)) {
        return Ok(());
    }
    Err(Down::NoAccount)
}

async fn probe(hub: &Hub, rpc: &Rpc) -> Result<String, Down> {
    let answer =
        rpc.call("version", json!({}), hub.config.probe_timeout).await.map_err(|_| Down::NoAnswer)?;
    let version: VersionResult = serde_json::from_value(answer).map_err(|_| Down::NoAnswer)?;
    Ok(version.version.chars().filter(char::is_ascii_graphic).take(32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_its_ceiling_and_no_further() {
        let limits = (Duration::from_millis(250), Duration::from_secs(30));
        for failures in 0..50 {
            let ceiling = Duration::from_millis(250 * 2_u64.pow(failures.min(7))).min(limits.1);
            assert!(full_jitter(limits, failures) <= ceiling);
        }
        let most = (0..200).map(|_| full_jitter(limits, 40)).max().unwrap();
        assert!(most > Duration::from_secs(15), "two hundred draws of up to 30 s stay below {most:?}");
    }
}
