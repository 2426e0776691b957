//! The gate's socket: who is at the other end, what they may ask, and many answers at once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::client::{frame, read_frame};
use super::protocol::{Answer, Ask, Call, Enrol, MAX_ASK, Problem, ProblemKind, Reply};
use super::{Gate, ReloadBy, traced};
use crate::approval::order::{Order, Whom};
use crate::approval::vote::LocalVote;
use crate::job::Filter;
use crate::principal::PrincipalName;
use crate::sys::{ids, peer};

/// How many calls of `reeved` are in hand at once; the rest wait to be read.
const AT_ONCE: usize = 2048;
/// How many of one person on the host.
const AT_ONCE_FOR_A_PERSON: usize = 4;
/// How many connections of people there are at once; neither `reeved` nor they take the others' room.
const PEOPLE: usize = 16;
/// How many of `reeved`, which needs one: whoever took it over keeps nobody else out.
const FRONT: usize = 128;
/// How many connections there are at once before anybody has been recognised.
const CONNECTIONS: usize = 128;
/// How long a person's connection may say nothing.
const IDLE: Duration = Duration::from_secs(60);
/// How long to wait after the kernel had no descriptor left.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection.
#[derive(Clone)]
enum Peer {
    /// `reeved`: speaks for the callers that it authenticated.
    Front,
    /// A person on this host, by the name of their Unix user.
    Person(String),
    /// The one who takes checkpoints to the hosts that watch this one's log.
    Taker,
}

/// The users that may connect.
#[derive(Clone, Copy)]
pub struct Admitted {
    /// The uid of `reeved`.
    pub front: u32,
    /// The gid of those who may vote on this host.
    pub approvers: u32,
}

/// Answers on the socket until the process ends.
pub async fn serve(gate: Arc<Gate>, listener: UnixListener, admitted: Admitted) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let rooms = Rooms { front: Arc::new(Semaphore::new(FRONT)), people: Arc::new(Semaphore::new(PEOPLE)) };
    loop {
        match listener.accept().await {
            Ok((stream, _address)) => {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                tokio::spawn(receive(Arc::clone(&gate), stream, admitted, (rooms.clone(), place)));
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "cannot accept; trying again");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Places for those who were recognised, each kind's own.
#[derive(Clone)]
struct Rooms {
    front: Arc<Semaphore>,
    people: Arc<Semaphore>,
}

/// `unknown` is the place among those who were not recognised yet.
async fn receive(
    gate: Arc<Gate>,
    stream: UnixStream,
    admitted: Admitted,
    (rooms, unknown): (Rooms, OwnedSemaphorePermit),
) {
    let Ok(credentials) = peer::credentials(&stream) else { return };
    if credentials.uid == admitted.front {
        let Ok(_place) = rooms.front.try_acquire_owned() else { return };
        drop(unknown);
        return converse(gate, stream, Peer::Front, AT_ONCE).await;
    }
    let Ok(place) = rooms.people.try_acquire_owned() else { return };
    // Looking a user up may ask a server elsewhere, so it has a thread of its own.
    let taker = gate.taker();
    let who = tokio::task::spawn_blocking(move || someone(credentials.uid, admitted.approvers, taker)).await;
    drop(unknown);
    match who {
        Ok(Some(peer)) => converse(gate, stream, peer, AT_ONCE_FOR_A_PERSON).await,
        Ok(None) => {
            tracing::warn!(uid = credentials.uid, "a user who may not speak to the gate was sent away")
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a user could not be looked up")
        }
    }
    drop(place);
}

fn someone(uid: u32, approvers: u32, taker: Option<String>) -> Option<Peer> {
    let user = ids::user_of(uid).ok()??;
    if taker.is_some_and(|taker| taker == user.name) {
        return Some(Peer::Taker);
    }
    (user.groups.contains(&approvers) || uid == 0).then_some(Peer::Person(user.name))
}

async fn converse(gate: Arc<Gate>, stream: UnixStream, peer: Peer, at_once: usize) {
    let (reader, writer) = stream.into_split();
    let (replies, outbox) = mpsc::channel(at_once);
    let writing = tokio::spawn(write_replies(writer, outbox));
    read_asks(gate, BufReader::with_capacity(64 << 10, reader), peer, (replies, at_once)).await;
    // What is still being answered goes on, and is looked up later; nobody reads here any more.
    writing.abort();
}

/// A caller that hangs up changes nothing: what was asked goes on.
async fn read_asks(
    gate: Arc<Gate>,
    mut reader: BufReader<OwnedReadHalf>,
    peer: Peer,
    (replies, at_once): (mpsc::Sender<Reply>, usize),
) {
    let places = Arc::new(Semaphore::new(at_once));
    while let Some(ask) = next_ask(&mut reader, &peer).await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (gate, peer, replies) = (Arc::clone(&gate), peer.clone(), replies.clone());
        tokio::spawn(async move {
            // People on the host are in nobody's trace.
            let trace = ask.trace.filter(|_| matches!(peer, Peer::Front));
            let name = traced::name(&ask.call);
            let answer = gate.in_trace(trace, name, answer(&gate, &peer, ask.caller, ask.call)).await;
            // The asker may be gone; the answer is then looked up with another connection.
            drop(replies.send(Reply { id: ask.id, answer }).await);
            drop(place);
        });
    }
}

async fn next_ask(reader: &mut BufReader<OwnedReadHalf>, peer: &Peer) -> Option<Ask> {
    match peer {
        Peer::Front => read_frame(reader, MAX_ASK).await,
        Peer::Person(_) | Peer::Taker => {
            tokio::time::timeout(IDLE, read_frame(reader, MAX_ASK)).await.ok()?
        }
    }
}

async fn write_replies(mut writer: OwnedWriteHalf, mut outbox: mpsc::Receiver<Reply>) -> io::Result<()> {
    let (mut batch, mut bytes) = (Vec::new(), Vec::new());
    while outbox.recv_many(&mut batch, AT_ONCE).await > 0 {
        bytes.clear();
        for reply in batch.drain(..) {
            let id = reply.id;
            match frame(&reply) {
                Ok(frame) => bytes.extend_from_slice(&frame),
                Err(problem) => bytes.extend(frame(&Reply { id, answer: Err(problem) }).unwrap_or_default()),
            }
        }
        writer.write_all(&bytes).await?;
    }
    Ok(())
}

async fn answer(
    gate: &Arc<Gate>,
    peer: &Peer,
    caller: Option<PrincipalName>,
    call: Call,
) -> Result<Answer, Problem> {
    match peer {
        Peer::Front => for_front(gate, caller, call).await,
        Peer::Person(user) => for_person(gate, user, call).await,
        Peer::Taker => match call {
            Call::Witness(step) => gate.witness_step(step).await,
            Call::Submit { .. }
            | Call::Plan { .. }
            | Call::Evaluate { .. }
            | Call::Get { .. }
            | Call::Follow { .. }
            | Call::Cancel { .. }
            | Call::List { .. }
            | Call::Pending
            | Call::Catalogue
            | Call::Directory { .. }
            | Call::Status
            | Call::Metrics
            | Call::Reload
            | Call::ReloadHere { .. }
            | Call::Enrol(_)
            | Call::Drill(_)
            | Call::Signal(_)
            | Call::Preflight
            | Call::WarnPermissions
            | Call::Note(_)
            | Call::Post(_)
            | Call::AddCheckpoint(_)
            | Call::Vote { .. }
            | Call::Freeze { .. }
            | Call::Thaw { .. }
            | Call::Checkpoint
            | Call::Show { .. } => Err(forbidden("who takes checkpoints to others does nothing else")),
        },
    }
}

async fn for_front(gate: &Arc<Gate>, caller: Option<PrincipalName>, call: Call) -> Result<Answer, Problem> {
    match (call, caller) {
        (Call::Status, _) => Ok(gate.status()),
        (Call::Note(note), _) => gate.note(note).await,
        (Call::Metrics, caller) => gate.metrics_text(caller.as_ref()).await,
        (
            Call::Vote { .. }
            | Call::Show { .. }
            | Call::Checkpoint
            | Call::ReloadHere { .. }
            | Call::Witness(_)
            | Call::Enrol(_)
            | Call::Drill(_)
            | Call::Signal(_),
            _,
        ) => Err(forbidden("votes come from people, not from the network")),
        (_, None) => Err(forbidden("this call needs a caller")),
        (call, Some(caller)) => for_caller(gate, caller, call).await,
    }
}

async fn for_caller(gate: &Arc<Gate>, caller: PrincipalName, call: Call) -> Result<Answer, Problem> {
    let Ok(_place) = gate.live.call_place_of(&caller).try_acquire_owned() else {
        return Err(Problem::new(ProblemKind::Busy, "too many of the caller's calls wait for answers"));
    };
    match call {
        Call::Submit { submission, idempotency_key } => gate
            .submit(caller, submission, idempotency_key)
            .await
            .map(|envelope| Answer::Operation(Box::new(envelope))),
        Call::Plan { submission } => gate.preview(caller, submission).await,
        Call::Evaluate { tool, args, context } => gate.evaluate(&caller, &tool, args, context).await,
        Call::Get { op, wait_ms, seen } => gate.get(&caller, &op, Duration::from_millis(wait_ms), seen).await,
        Call::Follow { op, wait_ms, seen, output } => {
            gate.follow(&caller, &op, Duration::from_millis(wait_ms), (seen, output)).await
        }
        Call::Cancel { op } => gate.cancel(&caller, &op).await,
        Call::List { state, kind, cursor, limit } => {
            gate.list(&caller, Filter { principal: None, state, kind, before: cursor }, limit).await
        }
        Call::Pending => Ok(gate.waiting(Some(&caller)).await),
        Call::Catalogue => gate.catalogue(&caller),
        Call::Directory { handle } => gate.directory(&caller, &handle),
        Call::Reload => {
            gate.admits_admin(&caller, "reloading")?;
            gate.reload(ReloadBy::Caller(&caller)).await
        }
        Call::Preflight => gate.preflight(&caller),
        Call::WarnPermissions => gate.warn_permissions(&caller),
        Call::Freeze { who, why } => {
            gate.ordered_by_admin(&caller, Order::Freeze(Whom::named(&who.unwrap_or_default())), why).await
        }
        Call::Thaw { who } => {
            gate.ordered_by_admin(&caller, Order::Thaw(Whom::named(&who.unwrap_or_default())), None).await
        }
        Call::Post(message) => gate.posted(&caller, message).await,
        Call::AddCheckpoint(request) => gate.add_checkpoint(&caller, &request).await,
        Call::Status
        | Call::Note(_)
        | Call::Metrics
        | Call::Vote { .. }
        | Call::Show { .. }
        | Call::Checkpoint
        | Call::ReloadHere { .. }
        | Call::Witness(_)
        | Call::Enrol(_)
        | Call::Drill(_)
        | Call::Signal(_) => Err(forbidden("this call is not for callers")),
    }
}

async fn for_person(gate: &Arc<Gate>, user: &str, call: Call) -> Result<Answer, Problem> {
    match call {
        Call::Pending => Ok(gate.waiting(None).await),
        Call::Vote { approval, confirm, object } => {
            let vote = if confirm { LocalVote::Confirm(object.as_deref()) } else { LocalVote::Deny };
            gate.vote_here(user, &approval, vote).await
        }
        Call::Show { id } => gate.show(&id).await,
        Call::Checkpoint => gate.ordered_here(user, Order::Checkpoint, None).await,
        Call::Freeze { who, why } => {
            gate.ordered_here(user, Order::Freeze(Whom::named(&who.unwrap_or_default())), why).await
        }
        Call::Thaw { who } => {
            gate.ordered_here(user, Order::Thaw(Whom::named(&who.unwrap_or_default())), None).await
        }
        Call::ReloadHere { weaken } if user == "root" => {
            gate.reload(if weaken { ReloadBy::Root } else { ReloadBy::RootUnlessWeaker }).await
        }
        Call::ReloadHere { .. } => Err(forbidden("reloading on the host is for root")),
        Call::Enrol(step) if user == "root" => gate.enrol(step).await,
        Call::Enrol(Enrol::Stop { name }) => match gate.approver_of(user) {
            Some(person) => gate.stop_here(&name, &person).await,
            None => Err(forbidden("no approver is this Unix user")),
        },
        Call::Enrol(_) => Err(forbidden("root enrols approvers")),
        Call::Drill(step) if user == "root" => gate.drill(step).await,
        Call::Drill(_) => Err(forbidden("root drills approvers")),
        Call::Signal(step) if user == "root" => gate.look_after_signal(step).await,
        Call::Signal(_) => Err(forbidden("root looks after the channel")),
        Call::Status => Ok(gate.status()),
        Call::Submit { .. }
        | Call::Plan { .. }
        | Call::Evaluate { .. }
        | Call::Get { .. }
        | Call::Follow { .. }
        | Call::Cancel { .. }
        | Call::List { .. }
        | Call::Catalogue
        | Call::Directory { .. }
        | Call::Metrics
        | Call::Reload
        | Call::Preflight
        | Call::WarnPermissions
        | Call::Post(_)
        | Call::AddCheckpoint(_)
        | Call::Witness(_)
        | Call::Note(_) => Err(forbidden(
            "people on the host see approvals and checkpoints, vote, freeze and thaw; everything else is asked over mTLS",
        )),
    }
}

fn forbidden(why: &str) -> Problem {
    Problem::new(ProblemKind::Forbidden, why)
}
