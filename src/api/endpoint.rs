//! What each path does: takes a request apart, asks the gate, and gives its answer on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer as Reply};
use super::caller::Caller;
use super::query::Query;
use super::refusal::Refusal;
use super::route::{self, Route, Routing};
use super::server::Shared;
use super::standing::Standing;
use super::status::{self, Fault};
use super::{body, events, freezing, operations, posted, reload, traced, witness};
use crate::gate::protocol::{Answer, Call, Problem};
use crate::metrics::front::Endpoint;
use crate::operation::{self, Invalid, Submission};
use crate::trace;

/// How long the gate may take for what it answers from memory.
pub(super) const SOON: Duration = Duration::from_secs(15);
/// How long it may take where it reads the host or acts on it.
pub(super) const LATER: Duration = Duration::from_secs(300);
/// The longest name of a tool that Reeve does not run.
const TOOL_NAME: usize = 128;

/// Why a request has no proper answer.
pub(super) enum Failure {
    /// The request is at fault; with words about how.
    Fault(Fault, String),
    /// The gate says no.
    Problem(Box<Problem>),
    /// The gate's answer was to another question.
    Mismatch,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault, String::new())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl Failure {
    fn answer(&self) -> Reply {
        match self {
            Self::Fault(fault, detail) => status::fault(*fault, detail),
            Self::Problem(problem) => status::problem(problem),
            Self::Mismatch => status::internal(),
        }
    }
}

/// Answers one request.
pub(super) async fn respond(shared: &Arc<Shared>, standing: &Standing, request: Request<Incoming>) -> Reply {
    let began = shared.clock.boot();
    let routing = route::route(request.method(), request.uri().path());
    let endpoint = match &routing {
        Routing::Found(route) => route.endpoint(),
        Routing::OtherMethod(_) | Routing::Nothing => Endpoint::None,
    };
    let waits = body::waits_for_leave(request.headers());
    let work = traced::begin(shared, endpoint, (request.method(), request.headers()));
    let context = work.as_ref().and_then(trace::Work::context);
    let (parts, mut body) = request.into_parts();
    let answer = match let_in(shared, standing, began) {
        Err(refused) => refused,
        Ok(caller) => match routing {
            Routing::Nothing => status::fault(Fault::NoRoute, "GET /openapi.json lists the paths"),
            Routing::OtherMethod(methods) => status::method_not_allowed(methods),
            Routing::Found(route) => {
                let (asked, request) = (Asked { shared, caller }, Request::from_parts(parts, &mut body));
                let answered = trace::within(context, asked.answer(route, request)).await;
                answered.unwrap_or_else(|failure| failure.answer())
            }
        },
    };
    let took = shared.clock.boot().saturating_sub(began);
    shared.metrics.answered(endpoint, answer.status().as_u16(), took);
    traced::answered(work, answer.status());
    if !waits {
        body::finish(&mut body).await;
    }
    answer
}

fn let_in<'a>(shared: &Shared, standing: &'a Standing, now: Duration) -> Result<&'a Caller, Reply> {
    let caller = standing.check(shared).map_err(|refusal: Refusal| status::refused(refusal))?;
    caller.take(now, &shared.live.load().settings.limits).map_err(|wait| {
        shared.notes.limited(&caller.name);
        status::rate_limited(wait)
    })?;
    Ok(caller)
}

/// A question of one caller.
pub(super) struct Asked<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) caller: &'a Caller,
}

impl Asked<'_> {
    async fn answer(&self, route: Route, request: Request<&mut Incoming>) -> Result<Reply, Failure> {
        match route {
            Route::Submit => self.submit(request).await,
            Route::Operation(id) => self.operation(id.into_string(), request.uri().query()).await,
            Route::Events(id) => events::stream(self, id.into_string(), request.headers()).await,
            Route::Cancel(id) => {
                let envelope =
                    operations::envelope(self.gate(Call::Cancel { op: id.into_string() }, LATER).await?)?;
                Ok(status::operation(&envelope))
            }
            Route::List => self.list(request.uri().query()).await,
            Route::Plan => self.plan(request).await,
            Route::Catalogue => self.document(Call::Catalogue).await,
            Route::Evaluate => self.evaluate(request).await,
            Route::Pending => self.pending().await,
            Route::Directory(name) => self.document(Call::Directory { handle: name.into() }).await,
            Route::Health => Ok(answer::json_bytes(StatusCode::OK, self.shared.health.body())),
            Route::Metrics => self.metrics().await,
            Route::OpenApi => Ok(answer::json_bytes(StatusCode::OK, Bytes::clone(&self.shared.openapi))),
            Route::Reload => reload::asked(self).await,
            Route::Freeze => freezing::asked(self, request).await,
            Route::Preflight => self.document(Call::Preflight).await,
            Route::WarnPermissions => self.document(Call::WarnPermissions).await,
            Route::Post => {
                let headers = request.headers().clone();
                posted::hand_on(self, &headers, self.body(request).await?).await
            }
            Route::AddCheckpoint => {
                let patience = self.shared.live.load().settings.limits.body_timeout;
                witness::hand_on(self, body::read_text(request, patience).await?).await
            }
        }
    }

    /// Asks the gate as this caller.
    pub(super) async fn gate(&self, call: Call, patience: Duration) -> Result<Answer, Problem> {
        self.shared.ask(&self.caller.name, call, patience).await
    }

    async fn submit(&self, request: Request<&mut Incoming>) -> Result<Reply, Failure> {
        let idempotency_key = idempotency_key(request.headers())?;
        let submission = submission(&self.body(request).await?)?;
        let call = Call::Submit { submission, idempotency_key };
        let envelope = operations::envelope(self.gate(call, LATER).await?)?;
        Ok(status::submitted(&envelope))
    }

    async fn plan(&self, request: Request<&mut Incoming>) -> Result<Reply, Failure> {
        let submission = submission(&self.body(request).await?)?;
        let planned = self.gate(Call::Plan { submission }, LATER).await?;
        let Answer::Plan { decision, effects } = planned else { return Err(mismatch()) };
        Ok(answer::json(StatusCode::OK, &json!({"decision": decision, "effects": effects})))
    }

    async fn evaluate(&self, request: Request<&mut Incoming>) -> Result<Reply, Failure> {
        let body = self.body(request).await?;
        let (tool, args, context) = evaluation(&body)?;
        let evaluated = self.gate(Call::Evaluate { tool, args, context }, SOON).await?;
        let Answer::Verdict { verdict, reason } = evaluated else { return Err(mismatch()) };
        Ok(answer::json(StatusCode::OK, &json!({"verdict": verdict, "reason": reason})))
    }

    async fn pending(&self) -> Result<Reply, Failure> {
        let waiting = self.gate(Call::Pending, SOON).await?;
        let Answer::Approvals(approvals) = waiting else { return Err(mismatch()) };
        Ok(answer::json(StatusCode::OK, &json!({"approvals": approvals})))
    }

    pub(super) async fn document(&self, call: Call) -> Result<Reply, Failure> {
        let Answer::Document(document) = self.gate(call, SOON).await? else { return Err(mismatch()) };
        Ok(answer::json(StatusCode::OK, &document))
    }

    /// The gate's metrics, which it gives to those who may have them, and ours behind them.
    async fn metrics(&self) -> Result<Reply, Failure> {
        let Answer::Text(text) = self.gate(Call::Metrics, SOON).await? else { return Err(mismatch()) };
        Ok(match self.shared.metrics.text() {
            Ok(own) => answer::metrics(text + &own),
            Err(_) => status::internal(),
        })
    }

    pub(super) async fn body(&self, request: Request<&mut Incoming>) -> Result<Bytes, Fault> {
        let patience = self.shared.live.load().settings.limits.body_timeout;
        body::read(request, patience).await
    }

    async fn list(&self, query: Option<&str>) -> Result<Reply, Failure> {
        operations::list(self, Query::parse(query)?).await
    }

    async fn operation(&self, id: String, query: Option<&str>) -> Result<Reply, Failure> {
        operations::one(self, id, Query::parse(query)?).await
    }
}

/// The gate answered something else than was asked.
pub(super) fn mismatch() -> Failure {
    tracing::error!("the gate's answer is not one to the question; are both programs of one version?");
    Failure::Mismatch
}

fn submission(body: &[u8]) -> Result<Submission, Failure> {
    Submission::from_json(body).map_err(|invalid| unreadable(body, invalid))
}

/// Tells what is no JSON of ours from JSON that is no request. Only a refusal costs reading it twice.
fn unreadable(body: &[u8], invalid: Invalid) -> Failure {
    match operation::parse_json(body) {
        Ok(_) => Failure::from(Problem::from(invalid)),
        Err(error) => Failure::Fault(Fault::NotJson, error.problem),
    }
}

type Evaluation = (String, Map<String, Value>, Map<String, Value>);

fn evaluation(body: &[u8]) -> Result<Evaluation, Failure> {
    let value = operation::parse_json(body).map_err(|error| Failure::Fault(Fault::NotJson, error.problem))?;
    parts(value).map_err(|invalid| Failure::from(Problem::from(invalid)))
}

fn parts(value: Value) -> Result<Evaluation, Invalid> {
    let Value::Object(mut map) = value else { return Err(Invalid::here("the body is a JSON object")) };
    let tool = match map.remove("tool") {
        Some(Value::String(tool)) if (1..=TOOL_NAME).contains(&tool.len()) => tool,
        _other => return Err(Invalid::at("/tool", format!("is a name of 1 to {TOOL_NAME} bytes"))),
    };
    let mut object = |name: &str| match map.remove(name) {
        None => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(Invalid::at(format!("/{name}"), "is an object")),
    };
    let (args, context) = (object("args")?, object("context")?);
    nothing_else(&map)?;
    Ok((tool, args, context))
}

/// What is left of a body once its fields are taken out of it.
pub(super) fn nothing_else(rest: &Map<String, Value>) -> Result<(), Invalid> {
    match rest.keys().next() {
        Some(name) => {
            let name = name.replace('~', "~0").replace('/', "~1");
            Err(Invalid::at(format!("/{name}"), "is not a field of this request"))
        }
        None => Ok(()),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let visible = key.as_bytes().iter().all(u8::is_ascii_graphic) && (1..=128).contains(&key.len());
    match key.to_str() {
        Ok(key) if visible && keys.next().is_none() => Ok(Some(key.to_owned())),
        Ok(_) | Err(_) => Err(Fault::IdempotencyKey),
    }
}

#[cfg(test)]
mod tests;
