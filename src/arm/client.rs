//! Speaks to Azure Resource Manager: tokens, pages, throttling, and operations that take their time.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, IF_MATCH, LOCATION, RETRY_AFTER};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use super::{ArmConfig, ArmError, Trouble};
use crate::vault::{CredentialKind, Identity};

/// What the token is for, below the manager's own address.
const SCOPE: &str = ".default";
/// How long one command may take altogether; the grant's own limit comes first where it is shorter.
const PATIENCE: Duration = Duration::from_secs(14 * 60);
/// How long it is waited where Azure does not say how long.
const PAUSE: Duration = Duration::from_secs(2);
/// How long one wait may be, whatever Azure says.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Azure may say that it need not be waited at all, and is not asked as fast as the network is all the same.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// No answer of use comes near this.
const LONGEST_ANSWER: usize = 8 << 20;
/// Nor what is no answer of the manager's.
const LONGEST_PLAIN: usize = 4 << 10;
/// As many pages as a listing may have.
const MOST_PAGES: usize = 200;

/// Azure Resource Manager, asked as this host.
pub(super) struct Client {
    identity: Arc<Identity>,
    manager: Url,
    until: Instant,
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: Value,
}

/// What is to be another way.
pub(super) struct Change<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) version: &'a str,
    pub(super) body: Option<Value>,
    /// The etag that it has to have still.
    pub(super) only_if: Option<String>,
}

impl<'a> Change<'a> {
    /// One without a body or a condition.
    pub(super) fn of(method: Method, path: &'a str, version: &'a str) -> Self {
        Self { method, path, version, body: None, only_if: None }
    }
}

/// One request, which may be made again.
struct Asked {
    method: Method,
    url: Url,
    body: Option<Value>,
    only_if: Option<String>,
}

impl Asked {
    fn get(url: Url) -> Self {
        Self { method: Method::GET, url, body: None, only_if: None }
    }
}

impl Client {
    pub(super) fn new(config: &ArmConfig) -> Result<Self, ArmError> {
        let environment = config.environment.clone();
        let identity = Identity::new(&config.azure, move |name| environment.get(name).cloned());
        let identity = identity.map_err(|problem| ArmError::new(Trouble::Other, problem))?;
        let until = Instant::now() + PATIENCE;
        Ok(Self { identity: Arc::new(identity), manager: config.manager.clone(), until })
    }

    /// The same, for what others wait behind: it is asked again for so long at most.
    pub(super) fn hurried(&self, patience: Duration) -> Self {
        let until = self.until.min(Instant::now() + patience);
        Self { identity: Arc::clone(&self.identity), manager: self.manager.clone(), until }
    }

    /// By what this host was known.
    pub(super) fn credential(&self) -> Option<CredentialKind> {
        self.identity.answered()
    }

    /// Reads one thing.
    pub(super) async fn get(&self, path: &str, version: &str) -> Result<Value, ArmError> {
        let reply = self.look(path, version).await?;
        if reply.status == StatusCode::OK { Ok(reply.body) } else { Err(refused(&reply)) }
    }

    /// Reads one thing, whatever comes of it.
    pub(super) async fn look(&self, path: &str, version: &str) -> Result<Reply, ArmError> {
        self.send(&Asked::get(self.url(path, version)?)).await
    }

    /// Reads a listing to its last page. Half a listing is none.
    pub(super) async fn list(&self, path: &str, version: &str) -> Result<Vec<Value>, ArmError> {
        self.pages(self.url(path, version)?).await
    }

    /// The same, from an address.
    pub(super) async fn pages(&self, mut url: Url) -> Result<Vec<Value>, ArmError> {
        let mut items = Vec::new();
        for _page in 0..MOST_PAGES {
            let reply = self.send(&Asked::get(url)).await?;
            if reply.status != StatusCode::OK {
                return Err(refused(&reply));
            }
            let Some(page) = reply.body.get("value").and_then(Value::as_array) else {
                return Err(odd("a listing has no list in it"));
            };
            items.extend(page.iter().cloned());
            match reply.body.get("nextLink") {
                None | Some(Value::Null) => return Ok(items),
                Some(Value::String(next)) if next.is_empty() => return Ok(items),
                Some(Value::String(next)) => url = self.own(next)?,
                Some(_) => return Err(odd("the next page of a listing has no address")),
            }
        }
        Err(odd("a listing does not end"))
    }

    /// Asks for something that may take its time, and waits for its end.
    pub(super) async fn act(
        &self,
        change: Change<'_>,
        progress: &mut (dyn FnMut(Value) + Send),
    ) -> Result<(), ArmError> {
        let Change { method, path, version, body, only_if } = change;
        let reply = self.send(&Asked { method, url: self.url(path, version)?, body, only_if }).await?;
        if reply.status.is_server_error() {
            return Err(begun(refused(&reply)));
        }
        if !reply.status.is_success() {
            let no = refused(&reply);
            // A no is about what it was asked of, whatever number Azure gives it.
            let trouble = if no.trouble == Trouble::Other { Trouble::Conflict } else { no.trouble };
            return Err(ArmError { trouble, ..no });
        }
        self.follow(&reply, progress).await.map_err(|error| match error.trouble {
            Trouble::Failed => error,
            // It was taken in hand: whatever is the matter with the looks, Azure goes on.
            Trouble::NotFound
            | Trouble::Denied
            | Trouble::Unavailable
            | Trouble::Conflict
            | Trouble::Other
            | Trouble::Begun
            | Trouble::Moved
            | Trouble::Unclaimed
            | Trouble::Unfit => begun(error),
        })
    }

    async fn follow(&self, reply: &Reply, progress: &mut (dyn FnMut(Value) + Send)) -> Result<(), ArmError> {
        let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok());
        let by_status = header("azure-asyncoperation").map(|url| self.own(url)).transpose()?;
        let by_location = header(LOCATION.as_str()).map(|url| self.own(url)).transpose()?;
        match (by_status, by_location) {
            (Some(url), _) => self.poll(url, &reply.headers, progress).await,
            (None, Some(url)) if reply.status == StatusCode::ACCEPTED => {
                self.poll(url, &reply.headers, progress).await
            }
            (None, _) if reply.status == StatusCode::ACCEPTED => {
                Err(odd("something was begun, and nobody says where its end can be seen"))
            }
            (None, _) => Ok(()),
        }
    }

    /// Looks until it is over: a status that says so, or, where there is none, an answer that is no 202 any more.
    async fn poll(
        &self,
        url: Url,
        headers: &HeaderMap,
        progress: &mut (dyn FnMut(Value) + Send),
    ) -> Result<(), ArmError> {
        let mut pause = pause_of(headers);
        loop {
            self.wait(pause.unwrap_or(PAUSE)).await?;
            let reply = self.send(&Asked::get(url.clone())).await?;
            if !reply.status.is_success() {
                return Err(refused(&reply));
            }
            let status =
                reply.body.get("status").or_else(|| reply.body.pointer("/properties/provisioningState"));
            let status = status.and_then(Value::as_str);
            progress(
                json!({"waits": status.unwrap_or("accepted"), "percent": reply.body.get("percentComplete")}),
            );
            match (status, reply.status) {
                (Some("Succeeded"), _) => return Ok(()),
                (Some("Failed" | "Canceled" | "Cancelled"), _) => {
                    let why = format!("{} ({})", status.unwrap_or_default(), code(&reply.body));
                    return Err(ArmError::new(Trouble::Failed, why));
                }
                (None, StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT) => return Ok(()),
                (_, _) => pause = pause_of(&reply.headers),
            }
        }
    }

    /// Waits, unless the time is over before.
    pub(super) async fn wait(&self, pause: Duration) -> Result<(), ArmError> {
        let wakes = Instant::now() + pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        if wakes >= self.until {
            return Err(ArmError::new(Trouble::Unavailable, "it takes longer than anybody waits here"));
        }
        tokio::time::sleep_until(wakes).await;
        Ok(())
    }

    async fn send(&self, asked: &Asked) -> Result<Reply, ArmError> {
        let mut is_renewed = false;
        loop {
            let reply = self.once(asked).await?;
            match reply.status {
                // It was not taken in hand, so that it may be asked again.
                StatusCode::TOO_MANY_REQUESTS => self.wait(pause_of(&reply.headers).unwrap_or(PAUSE)).await?,
                StatusCode::SERVICE_UNAVAILABLE if asked.method == Method::GET => {
                    self.wait(pause_of(&reply.headers).unwrap_or(PAUSE)).await?;
                }
                StatusCode::UNAUTHORIZED if !is_renewed => {
                    is_renewed = true;
                    self.identity.forget();
                }
                _other => return Ok(reply),
            }
        }
    }

    async fn once(&self, question: &Asked) -> Result<Reply, ArmError> {
        let scope = self.manager.join(SCOPE).map_err(|_none| odd("the manager has no address"))?;
        let token = self.identity.token(scope.as_str()).await;
        let token = token.map_err(|trouble| ArmError::new(Trouble::Denied, trouble.problem))?;
        let (method, url) = (question.method.clone(), question.url.clone());
        let mut asked = self.identity.http().request(method, url).bearer_auth(token);
        if let Some(body) = &question.body {
            asked = asked.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        if let Some(etag) = &question.only_if {
            asked = asked.header(IF_MATCH, etag);
        }
        let unreachable = |error: reqwest::Error| {
            // What was sent may have been heard, though nothing came back.
            let is_sent = question.method != Method::GET && !error.is_connect();
            let trouble = if is_sent { Trouble::Begun } else { Trouble::Unavailable };
            let error = error.without_url();
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            ArmError::new(trouble, format!("Azure cannot be reached: {error}{cause}"))
        };
        // It was heard, so that what is not understood of the answer may have been done.
        let unclear = |why: &str| match question.method {
            Method::GET => odd(why),
            _ => begun(odd(why)),
        };
        let mut answer = asked.send().await.map_err(unreachable)?;
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(unreachable)? {
            bytes.extend_from_slice(&part);
            if bytes.len() > LONGEST_ANSWER {
                return Err(unclear("an answer is too long"));
            }
        }
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = serde_json::from_slice(&bytes);
        let body = match body {
            Ok(body) => body,
            Err(_) if bytes.is_empty() || !status.is_success() => Value::Null,
            Err(_) => return Err(unclear("an answer is no JSON")),
        };
        Ok(Reply { status, headers, body })
    }

    /// Asks somebody else than the manager, who is shown no token.
    pub(super) async fn plain(&self, url: &Url) -> Result<(StatusCode, Vec<u8>), ArmError> {
        let unreachable = |error: reqwest::Error| {
            ArmError::new(Trouble::Unavailable, format!("does not answer: {}", error.without_url()))
        };
        let mut answer = self.identity.http().get(url.clone()).send().await.map_err(unreachable)?;
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(unreachable)? {
            bytes.extend_from_slice(&part);
            if bytes.len() > LONGEST_PLAIN {
                return Err(odd("an answer is too long"));
            }
        }
        Ok((answer.status(), bytes))
    }

    pub(super) fn url(&self, path: &str, version: &str) -> Result<Url, ArmError> {
        let mut url = self.manager.join(path).map_err(|_none| odd("a name makes no address"))?;
        url.query_pairs_mut().append_pair("api-version", version);
        Ok(url)
    }

    /// An address that Azure gave: the token goes nowhere else than to the manager itself.
    fn own(&self, text: &str) -> Result<Url, ArmError> {
        let url = Url::parse(text).map_err(|_none| odd("an address of Azure's is none"))?;
        if url.origin() == self.manager.origin() { Ok(url) } else { Err(odd("an answer leads elsewhere")) }
    }
}

fn pause_of(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

pub(super) fn refused(reply: &Reply) -> ArmError {
    let trouble = match reply.status {
        StatusCode::NOT_FOUND => Trouble::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Trouble::Denied,
        StatusCode::CONFLICT => Trouble::Conflict,
        StatusCode::PRECONDITION_FAILED => Trouble::Moved,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Trouble::Unavailable,
        _other => Trouble::Other,
    };
    ArmError::new(trouble, format!("HTTP {} {}", reply.status.as_u16(), code(&reply.body)))
}

/// Azure's own code, which is a word. What it says besides may hold anything.
pub(super) fn code(body: &Value) -> String {
    let code = body.pointer("/error/code").and_then(Value::as_str).unwrap_or("without a code");
    code.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '_')).take(64).collect()
}

/// What is the matter with a look at what was begun, which goes on all the same.
pub(super) fn begun(error: ArmError) -> ArmError {
    ArmError { trouble: Trouble::Begun, ..error }
}

pub(super) fn odd(why: &str) -> ArmError {
    ArmError::new(Trouble::Other, why)
}
