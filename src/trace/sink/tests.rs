//! The queue's far end in the test's hands.

use std::sync::Mutex;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixListener;

use super::*;
use crate::sys::clock::SystemClock;
use crate::trace::{Context, Kind, Tracer};

type Counted = Arc<Mutex<Vec<(&'static str, u64)>>>;

fn tracer(socket: &std::path::Path) -> (Tracer, Counted) {
    let me = ids::user_of(nix::unistd::geteuid().as_raw()).unwrap().unwrap().name;
    let text = format!(
        "endpoint = \"https://otel.example/\"\nqueue = 16\nuser = \"{me}\"\nsocket = \"{}\"\n",
        socket.display()
    );
    let counted = Counted::default();
    let counts = Arc::clone(&counted);
    let count = move |outcome, count| counts.lock().unwrap().push((outcome, count));
    let tracer = Tracer::new("reeve-gate", Arc::new(SystemClock), Arc::new(count));
    tracer.set(Some(TracesConfig::parse("traces.toml", &text).unwrap()));
    (tracer, counted)
}

fn make(tracer: &Tracer, spans: usize) {
    let caller = Context::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    for _ in 0..spans {
        drop(tracer.root(Some(caller), "submit", Kind::Server));
    }
}

async fn wait_for(counted: &Counted, wanted: &[(&'static str, u64)]) {
    for _ in 0..500 {
        if *counted.lock().unwrap() == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?}, not {wanted:?}", counted.lock().unwrap());
}

async fn lines(stream: &mut BufReader<UnixStream>, count: usize) {
    let mut line = String::new();
    for _ in 0..count {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        serde_json::from_str::<Span>(&line).unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_not_believed_and_ends_the_connection() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let (tracer, counted) = tracer(&socket);
    let mut wanted = Vec::new();
    // Of more spans than there were; of none of the kinds; and one that breaks off.
    for nonsense in [[b'+', 3, 0, 0, 0, 0, 0, 0, 0].as_slice(), &[b'x', 1, 0, 0, 0, 0, 0, 0, 0], b"+\x02"] {
        make(&tracer, 2);
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        lines(&mut stream, 2).await;
        stream.get_mut().write_all(nonsense).await.unwrap();
        stream.get_mut().shutdown().await.unwrap();
        wanted.push(("lost", 2));
        wait_for(&counted, &wanted).await;
    }
}

#[tokio::test]
async fn what_was_under_way_is_counted_when_another_configuration_comes_into_force() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let (tracer, counted) = tracer(&socket);
    make(&tracer, 3);
    let mut stream = BufReader::new(listener.accept().await.unwrap().0);
    lines(&mut stream, 3).await;
    tracer.set(None);
    make(&tracer, 1);
    stream.get_mut().write_all(&[b'+', 2, 0, 0, 0, 0, 0, 0, 0]).await.unwrap();
    stream.get_mut().write_all(&[b'-', 1, 0, 0, 0, 0, 0, 0, 0]).await.unwrap();
    wait_for(&counted, &[("exported", 2), ("rejected", 1)]).await;
    // Then it hangs up.
    assert_eq!(stream.read_line(&mut String::new()).await.unwrap(), 0);
}
