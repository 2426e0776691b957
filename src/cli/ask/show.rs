//! An operation as a person reads it: what was asked, what was decided and why, what it does, what came of it, and how to
//! take it back.

use serde_json::Value;

use super::command::command_of;
use super::value;
use crate::cli::exit::{Exit, Failure};
use crate::cli::remote::not_understood;
use crate::cli::screen::{Screen, Tone, bytes, harmless, paint};
use crate::gate::protocol::{ApprovalView, Decision, Envelope, State, WaitingApproval};
use crate::operation::{Effect, Operation};

/// How many objects of an effect are named before the rest is counted.
const NAMED: usize = 6;

/// Prints what came of an operation that was asked for just now: a listing that goes into a pipe is for the next
/// program, and is its rows alone.
pub(super) fn answer(screen: Screen, document: &Value) -> Result<Exit, Failure> {
    let answer = read(document)?;
    let is_listing = answer.state == State::Succeeded && is_read(&answer.operation);
    match answer.result.as_ref().and_then(value::rows_of) {
        Some(listing) if is_listing && !screen.is_terminal() && !screen.is_json() => {
            value::table(screen, listing.rows())?;
            Ok(Exit::Done)
        }
        Some(_) | None => envelope(screen, document),
    }
}

fn is_read(operation: &Value) -> bool {
    Operation::from_value(operation.clone()).is_ok_and(|operation| operation.effect() == Effect::Read)
}

/// Prints an operation; the exit code is its state.
pub(super) fn envelope(screen: Screen, document: &Value) -> Result<Exit, Failure> {
    let envelope = read(document)?;
    let exit = Exit::of(envelope.state);
    if screen.is_json() {
        screen.document(document)?;
        return Ok(exit);
    }
    screen.line(&headline(&envelope))?;
    screen.facts(&facts(&envelope))?;
    if let Some(result) = news(&envelope) {
        value::show(screen, &result)?;
    }
    Ok(exit)
}

/// What a result says that the effects have not said: of a change that was verified, its objects are told.
fn news(envelope: &Envelope) -> Option<Value> {
    let mut result = envelope.result.clone().filter(|result| !result.is_null())?;
    if envelope.verified == Some(true)
        && envelope.effects.is_some()
        && let Some(map) = result.as_object_mut()
    {
        map.remove("objects");
        return (!map.is_empty()).then_some(result);
    }
    Some(result)
}

fn read(document: &Value) -> Result<Envelope, Failure> {
    serde_json::from_value(document.clone()).map_err(|error| not_understood(&error))
}

fn headline(envelope: &Envelope) -> String {
    let state = envelope.state.as_str();
    let (mark, tone) = look(envelope.state);
    let verified = match (envelope.state, envelope.verified) {
        (State::Succeeded, Some(true)) => ", verified on the host",
        (State::Succeeded, Some(false)) => ", NOT as it should be on the host",
        (_, _) => "",
    };
    let asked = paint(&harmless(&command_line(&envelope.operation)), Tone::Strong);
    format!("{} {asked}  {}", paint(mark, tone), paint(&format!("{state}{verified}"), tone))
}

fn look(state: State) -> (&'static str, Tone) {
    match state {
        State::Succeeded => ("✓", Tone::Good),
        State::Proposed | State::Approved | State::Executing => ("…", Tone::Strong),
        State::Pending | State::Superseded => ("?", Tone::Warning),
        State::Denied | State::Refused | State::Expired | State::Failed | State::Unknown => ("✗", Tone::Bad),
        State::Cancelled => ("-", Tone::Faint),
    }
}

fn command_line(operation: &Value) -> String {
    Operation::from_value(operation.clone())
        .map_or_else(|_newer| operation.to_string(), |operation| operation.command_line())
}

/// Where an approval stands.
fn stands(approval: &ApprovalView) -> String {
    let ApprovalView { given, needed, .. } = approval;
    match &approval.runs_at {
        Some(at) => format!("{given} of {needed} have confirmed, runs at {}", harmless(at)),
        None => format!("{given} of {needed} have confirmed, until {}", harmless(&approval.expires_at)),
    }
}

fn facts(envelope: &Envelope) -> Vec<(&'static str, Option<String>)> {
    let approval = envelope.approval.as_ref().filter(|_| !envelope.is_final).map(stands);
    let undo = envelope.undo.as_ref().and_then(|undo| {
        let until =
            undo.until.as_ref().map(|until| format!("   (until {})", harmless(until))).unwrap_or_default();
        Some(format!("{}{until}", command_of(&undo.op)?))
    });
    let next = match envelope.state {
        State::Pending | State::Superseded => {
            Some(format!("reeve watch {0}, or take it back: reeve cancel {0}", harmless(&envelope.id)))
        }
        State::Proposed | State::Approved | State::Executing => {
            Some(format!("reeve watch {}", harmless(&envelope.id)))
        }
        State::Unknown => {
            Some("the host was interrupted; it looks at what became of it before anything else".to_owned())
        }
        State::Denied
        | State::Refused
        | State::Expired
        | State::Cancelled
        | State::Succeeded
        | State::Failed => None,
    };
    vec![
        ("decision", envelope.decision.as_ref().map(decision_text)),
        ("error", envelope.error.as_deref().map(|error| paint(&harmless(error), Tone::Bad))),
        ("exit code", envelope.exit_code.filter(|code| *code != 0).map(|code| code.to_string())),
        ("effects", envelope.effects.as_ref().and_then(effects_text)),
        ("approval", approval),
        ("undo", undo),
        ("audit", envelope.audit.as_ref().map(|audit| format!("record {}", audit.seq))),
        ("id", Some(harmless(&envelope.id))),
        ("next", next),
    ]
}

fn decision_text(decision: &Decision) -> String {
    let tone = match decision.verdict.as_str() {
        "allow" => Tone::Good,
        "review" => Tone::Warning,
        _deny => Tone::Bad,
    };
    let mut text = format!("{} by {}", paint(&harmless(&decision.verdict), tone), harmless(&decision.rule));
    if !decision.reason.is_empty() {
        text.push_str(&format!(": {}", harmless(&decision.reason)));
    }
    text
}

/// `destroy 2 snapshots (tank/a@x, tank/a@y), frees 1.2 GiB, NO UNDO`.
fn effects_text(effects: &Value) -> Option<String> {
    let objects = effects.get("objects")?.as_array()?;
    let text =
        |object: &Value, name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut groups: Vec<((String, String), Vec<String>)> = Vec::new();
    for object in objects {
        let group = (text(object, "action"), text(object, "kind"));
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, names)) => names.push(text(object, "name")),
            None => groups.push((group, vec![text(object, "name")])),
        }
    }
    let mut parts: Vec<String> =
        groups.iter().map(|((action, kind), names)| group_text(action, kind, names)).collect();
    if let Some(freed) = effects.get("bytes_freed").and_then(Value::as_u64).filter(|freed| *freed > 0) {
        parts.push(format!("frees {}", bytes(freed)));
    }
    let dependents = effects.get("dependents").and_then(Value::as_array).map_or(0, Vec::len);
    if dependents > 0 {
        parts.push(format!("{dependents} that depend on it go with it"));
    }
    if effects.get("reversible").and_then(Value::as_bool) == Some(false) {
        parts.push(paint("NO UNDO", Tone::Bad));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn group_text(action: &str, kind: &str, names: &[String]) -> String {
    let plural = if names.len() == 1 { "" } else { "s" };
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| harmless(name)).collect();
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("{} {} {}{plural} ({}{more})", harmless(action), names.len(), harmless(kind), shown.join(", "))
}

/// Says on standard error that it is waited now, when somebody is there to read it.
pub(super) fn waiting(screen: Screen, envelope: &Envelope) -> Result<(), Failure> {
    let what = match &envelope.approval {
        Some(ApprovalView { runs_at: Some(at), .. }) => {
            format!("is approved and waits until {}", harmless(at))
        }
        Some(approval) => format!(
            "waits for {} of {} people",
            approval.needed - approval.given.min(approval.needed),
            approval.needed
        ),
        None => envelope.state.as_str().to_owned(),
    };
    screen.note(&format!(
        "{} {what}; Ctrl-C leaves it as it is, `reeve watch {0}` comes back",
        harmless(&envelope.id)
    ));
    Ok(())
}

/// One entry of what an operation's tools print: its text, or all of it where it has none.
pub(super) fn output(screen: Screen, entry: &Value) -> Result<(), Failure> {
    if screen.is_json() {
        return screen.compact(entry);
    }
    let line = match (entry.get("text"), entry.get("missing")) {
        (Some(Value::String(text)), _) => harmless(text),
        (_, Some(missing)) => paint(&format!("… {missing} entries are not kept any more"), Tone::Faint),
        (_, None) => harmless(&entry.to_string()),
    };
    screen.line(&format!("  {line}"))
}

/// Prints a change of state; the exit code when nothing follows.
pub(super) fn event(screen: Screen, document: &Value) -> Result<Option<Exit>, Failure> {
    let state = read(document)?;
    if screen.is_json() {
        screen.compact(document)?;
        return Ok(state.is_final.then(|| Exit::of(state.state)));
    }
    if state.is_final {
        return envelope(screen, document).map(Some);
    }
    let (mark, tone) = look(state.state);
    let approval = state.approval.as_ref().map(|approval| format!("  {}", stands(approval)));
    screen.line(&format!(
        "{} {}{}",
        paint(mark, tone),
        paint(state.state.as_str(), tone),
        approval.unwrap_or_default()
    ))?;
    Ok(None)
}

/// Prints what would be decided and done.
pub(super) fn plan(screen: Screen, asked: &Value, document: &Value) -> Result<Exit, Failure> {
    let decision = document.get("decision").cloned().unwrap_or_default();
    let decision: Decision = serde_json::from_value(decision).map_err(|error| not_understood(&error))?;
    let (exit, would) = match decision.verdict.as_str() {
        "allow" => (Exit::Done, "would be done at once"),
        "review" => (Exit::Waits, "would be put to people"),
        _deny => (Exit::Denied, "would be denied"),
    };
    if screen.is_json() {
        screen.document(document)?;
        return Ok(exit);
    }
    let asked = Value::Object(
        asked
            .as_object()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .filter(|(name, _)| name != "reason" && name != "metadata")
            .collect(),
    );
    screen.line(&format!("{}  {would}", paint(&harmless(&command_line(&asked)), Tone::Strong)))?;
    let undo = document.pointer("/effects/undo").and_then(Value::as_str).map(harmless);
    screen.facts(&[
        ("decision", Some(decision_text(&decision))),
        ("effects", document.get("effects").and_then(effects_text)),
        ("undo", undo),
    ])?;
    Ok(exit)
}

/// An operation as a row of a list.
pub(super) fn row(operation: &Value) -> Vec<String> {
    let text = |name: &str| harmless(operation.get(name).and_then(Value::as_str).unwrap_or("-"));
    let asked = operation.get("operation").map(command_line).unwrap_or_default();
    vec![text("id"), text("state"), text("principal"), harmless(&asked), text("created_at")]
}

/// Prints approvals that wait.
pub(in crate::cli) fn approvals(screen: Screen, approvals: &[WaitingApproval]) -> Result<Exit, Failure> {
    if approvals.is_empty() && screen.is_terminal() {
        screen.line("nothing waits for people")?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = approvals
        .iter()
        .map(|waiting| {
            let confirmed = format!("{} of {}", waiting.approval.given, waiting.approval.needed);
            let view = &waiting.approval;
            [
                &waiting.operation,
                waiting.principal.as_str(),
                &waiting.command,
                &confirmed,
                &view.expires_at,
                &view.id,
            ]
            .map(harmless)
            .to_vec()
        })
        .collect();
    screen.table(&["operation", "who", "what", "confirmed", "until", "approval"], &rows)?;
    Ok(Exit::Done)
}
