//! `reeve traces export` between programs that make spans and collectors that take them, are slow, refuse them, or are not there.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reeve::sys::clock::SystemClock;
use reeve::trace::config::TracesConfig;
use reeve::trace::{Context, Key, Kind, Tracer};

use crate::collector::{Collector, Says};
use crate::host::reeve;

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PATIENCE: Duration = Duration::from_secs(30);

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self, endpoint: &str, more: &str) -> PathBuf {
        let text = format!(
            "endpoint = \"{endpoint}\"\nuser = \"root\"\nsenders = [\"root\"]\nsocket = \"{}\"\n{more}",
            self.path("spans.sock").display()
        );
        std::fs::write(self.path("traces.toml"), text).unwrap();
        self.path("traces.toml")
    }
}

/// `reeve traces export`, until it is dropped.
struct Exporting(Child);

impl Exporting {
    #[allow(clippy::disallowed_methods, reason = "it runs beside the test")]
    fn start(config: &Path) -> Self {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_reeve"));
        command.args(["traces", "export", "--config"]).arg(config).stdin(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Exporting {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A program that makes spans, and what it has counted.
struct Program {
    tracer: Tracer,
    counted: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Program {
    fn start(config: &Path) -> Self {
        let counted: Arc<Mutex<BTreeMap<&'static str, u64>>> = Arc::default();
        let counts = Arc::clone(&counted);
        let count = move |outcome, count| *counts.lock().unwrap().entry(outcome).or_default() += count;
        let tracer = Tracer::new("reeve-gate", Arc::new(SystemClock), Arc::new(count));
        tracer.set(TracesConfig::read(config).unwrap());
        Self { tracer, counted }
    }

    /// Makes so many spans of the caller's trace.
    fn makes(&self, spans: usize) {
        for _ in 0..spans {
            drop(self.tracer.root(Some(Context::parse(CALLER).unwrap()), "submit", Kind::Server));
        }
    }

    fn counted(&self) -> BTreeMap<&'static str, u64> {
        self.counted.lock().unwrap().clone()
    }

    async fn counts(&self, wanted: &[(&'static str, u64)]) {
        let begun = Instant::now();
        let wanted = wanted.iter().copied().collect();
        while self.counted() != wanted {
            assert!(begun.elapsed() < PATIENCE, "{:?}, not {wanted:?}", self.counted());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn nobody() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}/v1/traces")
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_reach_the_collector_as_parts_of_the_callers_trace_with_the_token_of_the_file() {
    let (place, collector) = (Place::new(), Collector::start(&[]));
    std::fs::write(place.path("token"), "s3cr3t\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(place.path("token"), mode).unwrap();
    let token = format!("token = \"{}\"\n", place.path("token").display());
    let config = place.config(&collector.endpoint(), &token);
    let _exporting = Exporting::start(&config);
    let program = Program::start(&config);
    let mut outer = program.tracer.root(Some(Context::parse(CALLER).unwrap()), "submit", Kind::Server);
    outer.set(Key::Problem, "denied");
    outer.failed();
    drop(program.tracer.work(outer.context(), "decide"));
    drop(outer);
    let seen = collector.hears(TRACE, &["reeve-gate submit", "reeve-gate decide"]);
    program.counts(&[("exported", 2)]).await;
    let [submit, decide] =
        ["submit", "decide"].map(|name| seen.iter().find(|span| span.name == name).unwrap());
    assert_eq!((submit.parent.as_deref(), submit.kind, submit.failed), (Some("00f067aa0ba902b7"), 2, true));
    assert_eq!((decide.parent.as_ref(), decide.kind, decide.failed), (Some(&submit.id), 1, false));
    assert!(submit.start <= decide.start && decide.end <= submit.end, "{submit:?} {decide:?}");
    assert_eq!(submit.attributes["reeve.problem"], "denied");
    let (_, head, _) = collector.requests().remove(0);
    assert!(head.to_ascii_lowercase().contains("\r\nauthorization: bearer s3cr3t\r\n"), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_its_caller_does_not_keep_or_that_falls_to_no_share_leaves_no_span() {
    let (place, collector) = (Place::new(), Collector::start(&[]));
    let config = place.config(&collector.endpoint(), "sample = 0.0\n");
    let _exporting = Exporting::start(&config);
    let program = Program::start(&config);
    let unkept = Context::parse(&CALLER.replace("-01", "-00")).unwrap();
    let work = program.tracer.root(Some(unkept), "submit", Kind::Server);
    // Logs and records still have its name.
    assert_eq!((work.is_kept(), work.context()), (false, Some(unkept)));
    let own = program.tracer.root(None, "submit", Kind::Server);
    assert!(!own.is_kept() && !own.context().unwrap().sampled);
    assert!(!program.tracer.place(None).unwrap().here.sampled);
    drop((work, own));
    program.makes(1);
    program.counts(&[("exported", 1)]).await;
    assert_eq!(collector.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_to_send_them_spans_are_dropped_and_counted_and_nothing_waits() {
    let place = Place::new();
    let config = place.config(&nobody(), "queue = 16\n");
    let program = Program::start(&config);
    let begun = Instant::now();
    program.makes(5_000);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let dropped = program.counted()["dropped"];
    assert!((4_900..=4_984).contains(&dropped), "{dropped}");
    // What waits is sent when somebody is there.
    let collector = Collector::start(&[]);
    let _exporting = Exporting::start(&place.config(&collector.endpoint(), "queue = 16\n"));
    program.counts(&[("dropped", dropped), ("exported", 5_000 - dropped)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_costs_spans_and_no_time() {
    let place = Place::new();
    let config = place.config(&nobody(), "queue = 16\nexpires_after = \"2s\"\n");
    let _exporting = Exporting::start(&config);
    let program = Program::start(&config);
    program.makes(10);
    program.counts(&[("rejected", 10)]).await;
    let begun = Instant::now();
    program.makes(50_000);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(program.counted()["dropped"] > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_busy_is_asked_again_no_sooner_than_it_says() {
    let busy = Says { head: "retry-after: 2\r\n", ..Says::status(503) };
    let (place, collector) = (Place::new(), Collector::start(&[busy, Says::status(429)]));
    let config = place.config(&collector.endpoint(), "");
    let _exporting = Exporting::start(&config);
    let program = Program::start(&config);
    program.makes(3);
    program.counts(&[("exported", 3)]).await;
    let requests = collector.requests();
    assert_eq!(requests.iter().map(|request| request.2).collect::<Vec<_>>(), [false, false, true]);
    let waited = requests[1].0 - requests[0].0;
    assert!(waited >= Duration::from_secs(2), "{waited:?}");
    assert_eq!(collector.seen().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_wants_no_pause_is_not_asked_as_fast_as_the_network_is() {
    let eager = || Says { head: "retry-after: 0\r\n", ..Says::status(429) };
    let (place, collector) = (Place::new(), Collector::start(&[eager(), eager()]));
    let config = place.config(&collector.endpoint(), "");
    let _exporting = Exporting::start(&config);
    let program = Program::start(&config);
    program.makes(3);
    program.counts(&[("exported", 3)]).await;
    let requests = collector.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[2].0 - requests[0].0 >= Duration::from_millis(750), "{requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_will_not_have_is_not_sent_again() {
    let in_part = Says { body: r#"{"partialSuccess":{"rejectedSpans":"1"}}"#, ..Says::TAKEN };
    let (place, collector) =
        (Place::new(), Collector::start(&[Says::status(400), Says::status(302), in_part]));
    let config = place.config(&collector.endpoint(), "");
    let _exporting = Exporting::start(&config);
    let program = Program::start(&config);
    program.makes(2);
    program.counts(&[("rejected", 2)]).await;
    program.makes(4);
    program.counts(&[("rejected", 6)]).await;
    program.makes(3);
    program.counts(&[("exported", 2), ("rejected", 7)]).await;
    assert_eq!(collector.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_slow_collector_queues_fill_and_what_is_too_much_is_counted_where_it_is_made() {
    let slow = Says { after: Duration::from_secs(3), ..Says::TAKEN };
    let (place, collector) = (Place::new(), Collector::start(&[slow]));
    let config = place.config(&collector.endpoint(), "queue = 16\n");
    let _exporting = Exporting::start(&config);
    let program = Program::start(&config);
    program.makes(1);
    while collector.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The sockets and both queues hold some hundreds.
    let mut made = 1;
    while program.counted().get("dropped").copied().unwrap_or(0) == 0 {
        program.makes(500);
        made += 500;
        assert!(made < 100_000, "nothing is dropped");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let begun = Instant::now();
    loop {
        let counted = program.counted();
        let all: u64 = counted.values().sum();
        if all == made {
            assert!(counted["exported"] > 1 && !counted.contains_key("lost"), "{counted:?}");
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{counted:?} of {made}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_on_their_way_when_the_one_who_sends_them_ends_are_counted_as_lost() {
    let slow = Says { after: Duration::from_secs(60), ..Says::TAKEN };
    let (place, collector) = (Place::new(), Collector::start(&[slow]));
    let config = place.config(&collector.endpoint(), "");
    let exporting = Exporting::start(&config);
    let program = Program::start(&config);
    program.makes(2);
    while collector.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(exporting);
    program.counts(&[("lost", 2)]).await;
    let _again = Exporting::start(&config);
    program.makes(1);
    program.counts(&[("exported", 1), ("lost", 2)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_go_to_nobody_but_the_user_who_sends_them() {
    let (place, collector) = (Place::new(), Collector::start(&[]));
    let config = place.config(&collector.endpoint(), "");
    let _exporting = Exporting::start(&config);
    let other = std::fs::read_to_string(&config).unwrap().replace("user = \"root\"", "user = \"nobody\"");
    std::fs::write(place.path("other.toml"), other).unwrap();
    let program = Program::start(&place.path("other.toml"));
    program.makes(1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((program.counted().len(), collector.requests().len()), (0, 0));
}

#[test]
fn without_its_file_there_is_nothing_to_send() {
    let place = Place::new();
    let missing = place.path("traces.toml");
    let tried = reeve(&["traces", "export", "--config", missing.to_str().unwrap()], &[]);
    assert_eq!(tried.exit, 1, "{tried:?}");
    assert!(tried.err.contains("is not there, so there are no traces"), "{tried:?}");
}
