//! The program itself: how it starts, reloads, runs out of descriptors and ends.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::client::{Client, get, post};
use crate::fake_gate::FakeGate;
use crate::host::{Files, LIBRARIAN, eventually};

const LIST: &str = r#"{"kind":"zfs","op":"list","resource":"tank"}"#;
const REEVED: &str = env!("CARGO_BIN_EXE_reeved");

/// A running reeved, ended with the test.
struct Reeved {
    child: Child,
    log: Receiver<String>,
    address: SocketAddr,
}

impl Drop for Reeved {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Reeved {
    fn start(files: &Files, descriptors: u32) -> (Self, UnixDatagram) {
        let (mut reeved, notify) = Self::run(files, &format!("ulimit -n {descriptors}; exec {REEVED}"));
        let ready = wait_for(&reeved.log, "ready");
        reeved.address = ready.split("listen=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        (reeved, notify)
    }

    /// By a line of the shell that ends in the program, before its options.
    #[allow(
        clippy::disallowed_methods,
        reason = "the program under test runs beside the test, which sends it signals"
    )]
    fn run(files: &Files, line: &str) -> (Self, UnixDatagram) {
        let notify = UnixDatagram::bind(files.path("notify.sock")).unwrap();
        notify.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let script = format!("{line} --config \"$0\"");
        let mut child = Command::new("/bin/sh")
            .args(["-c", &script])
            .arg(files.path("reeved.toml"))
            .env_clear()
            .env("NOTIFY_SOCKET", files.path("notify.sock"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
        });
        (Self { child, log, address: ([127, 0, 0, 1], 0).into() }, notify)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// CPU time so far, in clock ticks (100 a second).
    fn cpu(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

fn wait_for(log: &Receiver<String>, words: &str) -> String {
    loop {
        let line =
            log.recv_timeout(Duration::from_secs(10)).unwrap_or_else(|_| panic!("{words}: not in the log"));
        if line.contains(words) {
            return line;
        }
    }
}

fn told(notify: &UnixDatagram) -> String {
    let mut bytes = [0; 512];
    let length = notify.recv(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).trim().to_owned()
}

fn client(files: &Files, reeved: &Reeved) -> Client {
    Client::new(reeved.address, &files.ca.pem, Some(&files.ca.client(LIBRARIAN)))
}

#[tokio::test]
async fn a_terminated_server_answers_what_is_under_way_and_takes_no_more() {
    let files = Files::new("");
    let gate = FakeGate::start(&files.path("gate.sock"));
    let (mut reeved, notify) = Reeved::start(&files, 256);
    assert_eq!(told(&notify), "READY=1");
    gate.hold(true);
    gate.set("op_2", reeve::gate::protocol::State::Pending);
    let client = client(&files, &reeved);
    let (mut one, mut two) = (client.http1().await, client.http2().await);
    let mut waiting = client.http2().await;
    let under_way = tokio::spawn(async move {
        tokio::join!(
            one.send(post("/host/op", LIST)),
            two.send(post("/host/op", LIST)),
            waiting.send(get("/host/op/op_2?wait=300"))
        )
    });
    eventually("all have been asked", async || gate.asked().len() >= 4).await;
    reeved.signal(Signal::SIGTERM);
    assert_eq!(told(&notify), "STOPPING=1");
    eventually("nobody listens", async || tokio::net::TcpStream::connect(reeved.address).await.is_err())
        .await;
    gate.hold(false);
    let (one, two, waited) = under_way.await.unwrap();
    assert_eq!((one.unwrap().status.as_u16(), two.unwrap().status.as_u16()), (200, 200));
    assert_eq!(waited.unwrap().json()["state"], "pending", "a wait ends early, with what is known");
    eventually("the process has ended", async || reeved.child.try_wait().unwrap().is_some()).await;
    assert!(reeved.child.wait().unwrap().success());
}

/// Started as systemd does it: at the first connection to a socket that is passed on. The files say that it is there.
fn activated(files: &Files, at: SocketAddr) -> (Reeved, UnixDatagram) {
    let by = format!("exec /usr/bin/systemd-socket-activate -l {at} -E NOTIFY_SOCKET {REEVED}");
    let (mut reeved, notify) = Reeved::run(files, &by);
    wait_for(&reeved.log, "Listening on");
    reeved.address = at;
    (reeved, notify)
}

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_socket_that_systemd_holds_is_served() {
    let files = Files::new("");
    let _gate = FakeGate::start(&files.path("gate.sock"));
    let at = free_address();
    files.listen(at);
    let (reeved, notify) = activated(&files, at);
    // The first caller waits in the socket's queue until the program is there.
    assert_eq!(client(&files, &reeved).get("/health").await.status.as_u16(), 200);
    assert_eq!(told(&notify), "READY=1");
}

#[tokio::test]
async fn a_socket_that_systemd_holds_somewhere_else_is_refused() {
    let files = Files::new("");
    let (at, elsewhere) = (free_address(), free_address());
    files.listen(elsewhere);
    let (reeved, _notify) = activated(&files, at);
    drop(tokio::net::TcpStream::connect(at).await.unwrap());
    let line = wait_for(&reeved.log, "systemd passed a socket");
    let expected = format!(
        "systemd passed a socket at {at}, and `listen` is {elsewhere}: make ListenStream= of reeved.socket the same"
    );
    assert!(line.contains(&expected), "{line}");
}

#[tokio::test]
async fn a_hangup_reloads_and_tells_systemd() {
    let files = Files::new("");
    let _gate = FakeGate::start(&files.path("gate.sock"));
    let (reeved, notify) = Reeved::start(&files, 256);
    assert_eq!(told(&notify), "READY=1");
    let client = client(&files, &reeved);
    files.configure("[limits]\nrequests_per_second = 1\nburst = 1\n");
    reeved.signal(Signal::SIGHUP);
    assert!(told(&notify).starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(told(&notify), "READY=1");
    let mut connection = client.http1().await;
    let statuses = [connection.send(get("/health")).await, connection.send(get("/health")).await];
    assert_eq!(statuses.map(|answer| answer.unwrap().status.as_u16()), [200, 429]);
    files.write("reeved.toml", "listen = 1");
    reeved.signal(Signal::SIGHUP);
    let line = wait_for(&reeved.log, "not reloaded");
    assert!(line.contains("reeved.toml:1:10: invalid type: integer"), "{line}");
    assert!(client.get("/health").await.status.as_u16() < 500);
}

#[tokio::test]
async fn a_reload_changes_how_much_is_logged() {
    let files = Files::new("");
    let _gate = FakeGate::start(&files.path("gate.sock"));
    let (reeved, notify) = Reeved::start(&files, 256);
    assert_eq!(told(&notify), "READY=1");
    let plain = std::fs::read_to_string(files.path("reeved.toml")).unwrap();
    for log in ["error", "info"] {
        files.write("reeved.toml", &format!("log = \"{log}\"\n{plain}"));
        reeved.signal(Signal::SIGHUP);
        assert!(told(&notify).starts_with("RELOADING=1"));
        assert_eq!(told(&notify), "READY=1");
    }
    let line = wait_for(&reeved.log, "reloaded");
    assert!(line.contains("generation=3"), "the first one was not to be logged: {line}");
}

#[tokio::test]
async fn without_descriptors_it_waits_instead_of_spinning_and_then_goes_on() {
    let files = Files::new("");
    let _gate = FakeGate::start(&files.path("gate.sock"));
    let (reeved, _notify) = Reeved::start(&files, 32);
    let client = client(&files, &reeved);
    assert_eq!(client.get("/health").await.status, 200);
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(tokio::net::TcpStream::connect(reeved.address).await.unwrap());
    }
    wait_for(&reeved.log, "cannot accept connections");
    let (cpu, began) = (reeved.cpu(), tokio::time::Instant::now());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (used, time) = (reeved.cpu() - cpu, began.elapsed());
    assert!(used <= 10, "{used} ticks of CPU in {time:?}");
    assert!(reeved.log.try_iter().count() < 20, "one line for each pause");
    drop(held);
    eventually("it answers again", async || client.try_get("/health").await.is_some()).await;
}

#[tokio::test]
async fn what_is_wrong_with_the_configuration_is_said_before_anything_is_listened_on() {
    let files = Files::new("");
    let check = |arguments: &[&str]| {
        let command = reeve::sys::process::Command::new(REEVED).args(arguments);
        let done = reeve::sys::process::run(&command).unwrap();
        (
            done.status.success(),
            String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap(),
        )
    };
    let config = files.path("reeved.toml").display().to_string();
    assert_eq!(check(&["--check", "--config", &config]), (true, format!("reeved: {config} is valid\n")));
    files.write("ca.crl", "nonsense");
    let crl = files.path("ca.crl").display().to_string();
    for arguments in [&["--check", "--config", &config][..], &["--config", &config]] {
        let (good, said) = check(arguments);
        assert!(!good);
        assert_eq!(
            said.lines().last(),
            Some(&*format!("reeved: {crl}: cannot be used as tls.crl: it is not a revocation list in PEM"))
        );
    }
    files.configure("limit = 1");
    let (good, said) = check(&["--check", "--config", &config]);
    assert!(!good);
    assert!(said.contains("unknown key `limit`; did you mean `limits`?"), "{said}");
}
