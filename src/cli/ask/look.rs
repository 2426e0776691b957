//! Looking: at one operation, at many, at what waits, at the host's health. And taking back.

use clap::Args;
use serde_json::{Value, json};

use super::show;
use crate::cli::exit::{Exit, Failure};
use crate::cli::remote::{Client, ConnectionArgs};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::gate::protocol::{Envelope, State, WaitingApproval};

/// Show an operation
#[derive(Debug, Args)]
#[command(after_help = "\
The exit code says the state: 0 succeeded, 1 failed, 3 denied, 4 waits or runs, 5 refused, expired
or cancelled.

Example:
  reeve status op_01JD3VKQ2T9F6M8R4B7WXY5ZAC")]
pub(in crate::cli) struct StatusArgs {
    /// The operation's id
    id: String,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Take an operation back before it begins, or end its tool where that can be done
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reeve cancel op_01JD3VKQ2T9F6M8R4B7WXY5ZAC")]
pub(in crate::cli) struct CancelArgs {
    /// The operation's id
    id: String,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// List operations, newest first: our own, or everybody's for an admin
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reeve list --state pending
  reeve list --all --json | jq '.operations[] | select(.state == \"failed\")'")]
pub(in crate::cli) struct ListArgs {
    /// Only in this state: pending, executing, succeeded, failed, …
    #[arg(long)]
    state: Option<String>,
    /// Only of this kind: zfs
    #[arg(long)]
    kind: Option<String>,
    /// How many, 1 to 200
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// All of them, page after page
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// List approvals that wait for people
#[derive(Debug, Args)]
#[command(after_help = "\
This asks over the network, as an agent: nobody can approve by it. On the host itself, people in
the approvers' group decide with `reeve approval`.")]
pub(in crate::cli) struct PendingArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Say how the host is
#[derive(Debug, Args)]
#[command(after_help = "The exit code is 0 when all is well and 1 when something is not.")]
pub(in crate::cli) struct HealthArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Shows one operation.
pub(super) async fn status(args: &StatusArgs, screen: Screen) -> Result<Exit, Failure> {
    let mut client = Client::connect(&args.connection.target()?).await?;
    let reply = client.get(&format!("/host/op/{}", args.id)).await?;
    show::envelope(screen, &reply.json()?)
}

/// Takes one back.
pub(super) async fn cancel(args: &CancelArgs, screen: Screen) -> Result<Exit, Failure> {
    let mut client = Client::connect(&args.connection.target()?).await?;
    let reply = client.delete(&format!("/host/op/{}", args.id)).await?;
    let envelope: Envelope = reply.read()?;
    show::envelope(screen, &reply.json()?)?;
    // What was asked here is done when it is cancelled, unlike for whoever waits for it.
    Ok(if envelope.state == State::Cancelled { Exit::Done } else { Exit::of(envelope.state) })
}

/// Lists operations.
pub(super) async fn list(args: &ListArgs, screen: Screen) -> Result<Exit, Failure> {
    let state = args.state.as_deref().map(known_state).transpose()?;
    let mut client = Client::connect(&args.connection.target()?).await?;
    let mut operations: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    let next = loop {
        let limit = if args.all { 200 } else { args.limit };
        let path = page(limit, state, args.kind.as_deref(), cursor.as_deref());
        let mut reply = client.get(&path).await?.json()?;
        if let Some(Value::Array(page)) = reply.get_mut("operations").map(Value::take) {
            operations.extend(page);
        }
        let next = reply.get("next").and_then(Value::as_str).map(str::to_owned);
        match next {
            Some(next) if args.all => cursor = Some(next),
            next => break next,
        }
    };
    if screen.is_json() {
        screen.document(&json!({"operations": operations, "next": next}))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = operations.iter().map(show::row).collect();
    screen.table(&["id", "state", "who", "operation", "created"], &rows)?;
    if next.is_some() {
        screen.note("there are more: --limit, --all");
    }
    Ok(Exit::Done)
}

fn known_state(word: &str) -> Result<State, Failure> {
    State::ALL.into_iter().find(|state| state.as_str() == word).ok_or_else(|| {
        let words: Vec<&str> = State::ALL.iter().map(|state| state.as_str()).collect();
        Failure::new(Exit::Usage, format!("there is no state {word:?}"))
            .hint(format!("want one of {}", words.join(", ")))
    })
}

fn page(limit: u32, state: Option<State>, kind: Option<&str>, cursor: Option<&str>) -> String {
    let mut path = format!("/host/op?limit={limit}");
    let state = state.map(State::as_str);
    for (name, value) in [("state", state), ("kind", kind), ("cursor", cursor)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", encoded(value)));
        }
    }
    path
}

/// A value as it may stand in a query.
fn encoded(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

/// Lists what waits.
pub(super) async fn pending(args: &PendingArgs, screen: Screen) -> Result<Exit, Failure> {
    let mut client = Client::connect(&args.connection.target()?).await?;
    let mut document = client.get("/pending").await?.json()?;
    if screen.is_json() {
        screen.document(&document)?;
        return Ok(Exit::Done);
    }
    let approvals = document.get_mut("approvals").map(Value::take).unwrap_or_default();
    let approvals: Vec<WaitingApproval> =
        serde_json::from_value(approvals).map_err(|error| crate::cli::remote::not_understood(&error))?;
    show::approvals(screen, &approvals)
}

/// Asks for the host's health.
pub(super) async fn health(args: &HealthArgs, screen: Screen) -> Result<Exit, Failure> {
    let target = args.connection.target()?;
    let document = Client::connect(&target).await?.get("/health").await?.json()?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let well = text("status") == Some("ok");
    let exit = if well { Exit::Done } else { Exit::Failed };
    if screen.is_json() {
        screen.document(&document)?;
        return Ok(exit);
    }
    let word =
        paint(&harmless(text("status").unwrap_or("unknown")), if well { Tone::Good } else { Tone::Bad });
    screen.line(&format!("{word} {} at {target}", harmless(text("host").unwrap_or("?"))))?;
    let audit = match document.get("audit").and_then(Value::as_bool) {
        Some(true) => paint("takes records", Tone::Good),
        Some(false) => paint("takes no records: nothing can be done until it does", Tone::Bad),
        None => paint("cannot be asked: the gate does not answer", Tone::Bad),
    };
    let approvals = match text("approvals") {
        Some("up") => paint("people can be asked", Tone::Good),
        Some("none") => "no channel is configured: what needs a person is denied".to_owned(),
        Some(_) => paint("the channel is down: what needs a person is refused", Tone::Bad),
        None => paint("cannot be asked: the gate does not answer", Tone::Bad),
    };
    let sudoers = match document.get("sudoers_warnings").and_then(Value::as_u64) {
        Some(0) => "no risky entries".to_owned(),
        Some(count) => paint(&format!("{count} risky entries"), Tone::Warning),
        None => "not probed".to_owned(),
    };
    screen.facts(&[
        ("version", text("version").map(harmless)),
        ("audit", Some(audit)),
        ("approvals", Some(approvals)),
        ("sudoers", Some(sudoers)),
    ])?;
    Ok(exit)
}
