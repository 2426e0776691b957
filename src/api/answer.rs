//! What is sent back: JSON, problems (RFC 9457), text, and streams of events.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use serde::Serialize;
use tokio::sync::mpsc;

use super::activity::InFlight;

/// An answer on its way out.
pub(super) type Answer = Response<Content>;

/// The body of an answer.
pub(super) struct Content {
    inner: Inner,
    /// Keeps the connection from being idle until the last byte is out.
    in_flight: Option<InFlight>,
}

enum Inner {
    Whole(Option<Bytes>),
    Stream(mpsc::Receiver<Bytes>),
}

impl Content {
    fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { inner: Inner::Whole((!bytes.is_empty()).then_some(bytes)), in_flight: None }
    }

    pub(super) fn keep(&mut self, in_flight: InFlight) {
        self.in_flight = Some(in_flight);
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.inner {
            Inner::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Inner::Stream(chunks) => {
                chunks.poll_recv(cx).map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Whole(bytes) => bytes.is_none(),
            Inner::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Whole(bytes) => SizeHint::with_exact(
                bytes.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            ),
            Inner::Stream(_) => SizeHint::default(),
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const TREE_SIZE: HeaderValue = HeaderValue::from_static("text/x.tlog.size");

/// JSON that is already bytes.
pub(super) fn json_bytes(status: StatusCode, bytes: impl Into<Bytes>) -> Answer {
    with_type(status, JSON, Content::whole(bytes))
}

/// A value as JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(bytes) => json_bytes(status, bytes),
        Err(_) => super::status::internal(),
    }
}

/// A problem as JSON.
pub(super) fn problem(status: StatusCode, value: &serde_json::Value) -> Answer {
    with_type(status, PROBLEM, Content::whole(value.to_string()))
}

/// A line for another host.
pub(super) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    with_type(status, PLAIN, Content::whole(text))
}

/// How many records were seen of a log, as C2SP tlog-witness has it.
pub(super) fn tree_size(status: StatusCode, size: u64) -> Answer {
    with_type(status, TREE_SIZE, Content::whole(format!("{size}\n")))
}

/// Metrics.
pub(super) fn metrics(text: String) -> Answer {
    with_type(StatusCode::OK, TEXT, Content::whole(text))
}

/// Events as they come.
pub(super) fn events(chunks: mpsc::Receiver<Bytes>) -> Answer {
    let content = Content { inner: Inner::Stream(chunks), in_flight: None };
    let mut answer = with_type(StatusCode::OK, EVENTS, content);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Nothing more to say.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Content::whole(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

fn with_type(status: StatusCode, content_type: HeaderValue, content: Content) -> Answer {
    let mut answer = Response::new(content);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

/// Says when to ask again, in whole seconds.
pub(super) fn retry_after(answer: Answer, seconds: u64) -> Answer {
    with_header(answer, RETRY_AFTER, HeaderValue::from(seconds))
}

/// Says where the operation is.
pub(super) fn location(answer: Answer, operation: &str) -> Answer {
    match HeaderValue::from_str(&format!("/host/op/{operation}")) {
        Ok(place) => with_header(answer, LOCATION, place),
        Err(_) => answer,
    }
}

/// Says which methods there are.
pub(super) fn allow(answer: Answer, methods: &'static str) -> Answer {
    with_header(answer, ALLOW, HeaderValue::from_static(methods))
}

/// Ends the connection after this; HTTP/2 has no such header, and its connection is told to end otherwise.
pub(super) fn close(answer: Answer) -> Answer {
    with_header(answer, CONNECTION, HeaderValue::from_static("close"))
}

fn with_header(mut answer: Answer, name: HeaderName, value: HeaderValue) -> Answer {
    answer.headers_mut().insert(name, value);
    answer
}
