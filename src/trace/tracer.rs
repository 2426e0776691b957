//! Takes the time of pieces of work and hands their spans over, without ever waiting for anybody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;

use super::config::TracesConfig;
use super::context::{Context, SpanId, TraceId};
use super::span::{Key, Kind, Place, Span, Value};
use crate::sys::clock::Clock;

/// Counts what became of spans: how many, and `exported`, `rejected`, `dropped` or `lost`.
pub type Counts = Arc<dyn Fn(&'static str, u64) + Send + Sync>;

/// Makes the spans of one process.
pub struct Tracer {
    service: &'static str,
    clock: Arc<dyn Clock>,
    in_force: ArcSwapOption<InForce>,
    #[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "there is nothing to count"))]
    counts: Counts,
}

struct InForce {
    share: f64,
    #[cfg(feature = "otlp")]
    sink: super::sink::Sink,
}

impl Tracer {
    /// For a program of this name; without a configuration it makes none.
    pub fn new(service: &'static str, clock: Arc<dyn Clock>, counts: Counts) -> Self {
        Self { service, clock, in_force: ArcSwapOption::empty(), counts }
    }

    /// By this configuration from now on. To be called where tasks can be begun.
    pub fn set(&self, config: Option<TracesConfig>) {
        #[cfg(feature = "otlp")]
        let in_force = config.map(|config| {
            Arc::new(InForce {
                share: config.sample,
                sink: super::sink::Sink::start(config, Arc::clone(&self.counts)),
            })
        });
        // Without the feature a configuration is an error before it gets here.
        #[cfg(not(feature = "otlp"))]
        let in_force = config.map(|config| Arc::new(InForce { share: config.sample }));
        self.in_force.store(in_force);
    }

    /// Begins a piece of work under what a caller said, or as the first of a new trace.
    pub fn root(&self, caller: Option<Context>, name: &str, kind: Kind) -> Work<'_> {
        match caller {
            Some(context) => self.open(context, Some(context.span), (name, kind)),
            None => match self.first() {
                Some(context) => self.open(context, None, (name, kind)),
                None => Work { tracer: self, open: None, context: None },
            },
        }
    }

    /// Begins a part of something.
    pub fn work(&self, within: Option<Context>, name: &str) -> Work<'_> {
        match within {
            Some(context) => self.open(context, Some(context.span), (name, Kind::Internal)),
            None => Work { tracer: self, open: None, context: None },
        }
    }

    /// A place for an operation under what asks for it, or the first of a new trace.
    #[must_use]
    pub fn place(&self, within: Option<Context>) -> Option<Place> {
        let Some(context) = within else {
            return self.first().map(|here| Place { here, parent: None });
        };
        // An id of its own also where nothing is kept now: it may be when the operation ends, and the caller's is another span's.
        match SpanId::random() {
            Some(span) => Some(Place { here: context.under(span), parent: Some(context.span) }),
            None => Some(Place { here: context, parent: None }),
        }
    }

    /// Hands over the span of an operation that has ended.
    pub fn operation(&self, place: &Place, (name, since): (&str, SystemTime), about: BTreeMap<Key, Value>) {
        let took = self.clock.now().duration_since(since).unwrap_or_default();
        self.past((place.here, place.parent), (self.service, name), (since, took), about);
    }

    /// Hands over the span of something that is over, a part of what is there.
    pub fn part(
        &self,
        within: Option<Context>,
        name: (&str, &str),
        when: (SystemTime, Duration),
        about: BTreeMap<Key, Value>,
    ) -> Option<Context> {
        let within = within?;
        let here = within.under(SpanId::random()?);
        self.past((here, Some(within.span)), name, when, about);
        Some(here)
    }

    /// The clock that spans go by.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    fn past(
        &self,
        (here, parent): (Context, Option<SpanId>),
        (service, name): (&str, &str),
        (since, took): (SystemTime, Duration),
        attributes: BTreeMap<Key, Value>,
    ) {
        if !self.keeps(here) {
            return;
        }
        let start = nanos(since);
        self.offer(Span {
            service: service.to_owned(),
            name: name.to_owned(),
            kind: Kind::Internal,
            trace: here.trace,
            id: here.span,
            parent,
            start,
            end: start.saturating_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)),
            failed: false,
            attributes,
        });
    }

    /// A new trace, where traces are kept at all; one that falls to no share is only a name for logs and records.
    fn first(&self) -> Option<Context> {
        let share = self.in_force.load().as_ref()?.share;
        let (trace, span) = (TraceId::random()?, SpanId::random()?);
        Some(Context { trace, span, sampled: trace.is_within(share) })
    }

    fn keeps(&self, context: Context) -> bool {
        context.sampled && self.in_force.load().is_some()
    }

    fn open(&self, context: Context, parent: Option<SpanId>, (name, kind): (&str, Kind)) -> Work<'_> {
        let id = match parent {
            // The first of a trace has the id that the trace began with.
            None => Some(context.span),
            Some(_) => SpanId::random(),
        };
        let Some(id) = id.filter(|_| self.keeps(context)) else {
            return Work { tracer: self, open: None, context: Some(context) };
        };
        let span = Span {
            service: self.service.to_owned(),
            name: name.to_owned(),
            kind,
            trace: context.trace,
            id,
            parent,
            start: nanos(self.clock.now()),
            end: 0,
            failed: false,
            attributes: BTreeMap::new(),
        };
        Work {
            tracer: self,
            open: Some(Box::new((span, self.clock.boot()))),
            context: Some(context.under(id)),
        }
    }

    #[cfg(feature = "otlp")]
    fn offer(&self, span: Span) {
        if let Some(now) = self.in_force.load().as_ref()
            && !now.sink.take(span)
        {
            (self.counts)("dropped", 1);
        }
    }

    #[cfg(not(feature = "otlp"))]
    fn offer(&self, _span: Span) {}
}

/// A piece of work that is being done. Its span is handed over when it is dropped, however it ends.
#[must_use]
pub struct Work<'a> {
    tracer: &'a Tracer,
    open: Option<Box<(Span, Duration)>>,
    context: Option<Context>,
}

impl Work<'_> {
    /// The place of what is done for it.
    #[must_use]
    pub fn context(&self) -> Option<Context> {
        self.context
    }

    /// Whether anybody will see it.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.open.is_some()
    }

    /// Says something about it.
    pub fn set(&mut self, key: Key, value: impl Into<Value>) {
        if let Some(open) = &mut self.open {
            open.0.attributes.insert(key, value.into());
        }
    }

    /// Says that it came to nothing.
    pub fn failed(&mut self) {
        if let Some(open) = &mut self.open {
            open.0.failed = true;
        }
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let (mut span, began) = *open;
            // By the clock that nobody sets: a span does not end before it begins.
            let took = self.tracer.clock.boot().saturating_sub(began);
            span.end = span.start.saturating_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
            self.tracer.offer(span);
        }
    }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
