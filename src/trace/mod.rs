//! Traces: one for each operation, through the network side, the gate, the launcher and the wrapper, in the form of OpenTelemetry.
//!
//! Spans tell how long what took, and decide nothing. They go from a bounded queue over a Unix socket to `reeve traces export`,
//! which has the network that the gate has not; what finds no room is dropped and counted, and nothing ever waits for it.

pub mod config;
pub mod context;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(feature = "otlp")]
mod sink;
mod span;
mod tracer;

use std::future::Future;

use tracing::Instrument;

pub use context::{Context, SpanId, TraceId};
#[cfg(feature = "otlp")]
pub use sink::{EXPORTED, REJECTED};
pub use span::{Key, Kind, Place, Span, Value};
pub use tracer::{Counts, Tracer, Work};

tokio::task_local! {
    static CURRENT: Option<Context>;
}

/// The trace that the current task works for.
#[must_use]
pub fn current() -> Option<Context> {
    CURRENT.try_with(|context| *context).unwrap_or_default()
}

/// Does something for a trace: what it logs has the trace's id, and what it asks of others belongs to it.
pub async fn within<T>(context: Option<Context>, work: impl Future<Output = T>) -> T {
    let log = match context {
        Some(context) => tracing::info_span!("trace", id = %context.trace),
        None => tracing::Span::none(),
    };
    CURRENT.scope(context, work.instrument(log)).await
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A log that can be read.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_is_logged_for_a_trace_has_its_id_and_what_is_asked_for_it_belongs_to_it() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        let _set = tracing::subscriber::set_default(subscriber);
        let context = Context::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00").ok();
        assert!(context.is_some());
        assert_eq!(current(), None);
        let told = async {
            tokio::task::yield_now().await;
            tracing::info!("inside");
            current()
        };
        assert_eq!(within(context, told).await, context);
        assert_eq!(within(None, async { current() }).await, None);
        tracing::info!("outside");
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].contains("4bf92f3577b34da6a3ce929d0e0e4736") && lines[0].contains("inside"),
            "{text}"
        );
        assert!(
            !lines[1].contains("4bf92f3577b34da6a3ce929d0e0e4736") && lines[1].contains("outside"),
            "{text}"
        );
    }
}
