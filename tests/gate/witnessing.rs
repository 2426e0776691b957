//! Two hosts with gates of their own, one of which watches the other's log over mutual TLS.

use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};
use std::sync::Arc;

use reeve::api::{Server, Settings};
use reeve::audit::witness::Seen;
use reeve::audit::{NodeHash, SignedCheckpoint, Signer, WitnessKey};
use reeve::gate::protocol::{Answer, Call, Cosigned, ProblemKind, State, WitnessStep};
use reeve::job::Store;
use reeve::sys::clock::SystemClock;
use serde_json::json;

use crate::pki::{Ca, Wish};
use crate::servers::eventually;
use crate::stage::{Stage, kind, snapshot, zfs};

const HOST01: &str = "spiffe://example.org/host/host01";

/// The host whose log is watched, and the one that watches.
struct Two {
    watched: Stage,
    witness: Stage,
    ca: Ca,
    taker: Option<Child>,
}

impl Drop for Two {
    fn drop(&mut self) {
        self.stop_taking();
    }
}

fn nobody() -> u32 {
    nix::unistd::User::from_name("nobody").unwrap().unwrap().uid.as_raw()
}

fn detail(stage: &Stage, name: &str) -> String {
    stage.records("gate_started").pop().unwrap()["detail"][name].as_str().unwrap().to_owned()
}

async fn with_peers(stage: &mut Stage, peers: &str) {
    stage.write("witness.toml", peers);
    std::fs::set_permissions(stage.path("witness.toml"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let gate = format!("witness = {:?}\n{}", stage.path("witness.toml"), stage.read("gate.toml"));
    stage.write("gate.toml", &gate);
    stage.crash().await;
}

impl Two {
    async fn set() -> Self {
        let (mut watched, mut witness, ca) = (Stage::set().await, Stage::set().await, Ca::new("the house"));
        let log = detail(&watched, "checkpoint_key");
        with_peers(&mut witness, &format!("[[peer]]\nname = \"host01\"\nlog = {log:?}\n")).await;
        let url = listen(&witness, &ca).await;
        let leaf = ca.client(HOST01);
        for (name, text) in [("ca.crt", &ca.pem), ("own.crt", &leaf.pem), ("own.key", &leaf.key)] {
            watched.write(name, text);
            std::os::unix::fs::chown(watched.path(name), Some(nobody()), None).unwrap();
        }
        let file = |name: &str| watched.path(name).display().to_string();
        let peers = format!(
            "user = \"nobody\"\nevery = \"10s\"\npatience = \"20s\"\nca = {:?}\ncertificate = {:?}\nkey = {:?}\n[[peer]]\nname = \"host02\"\nurl = {url:?}\nwitness = {:?}\n",
            file("ca.crt"),
            file("own.crt"),
            file("own.key"),
            detail(&witness, "witness_key"),
        );
        with_peers(&mut watched, &peers).await;
        let mut two = Self { watched, witness, ca, taker: None };
        two.begin_taking();
        two.until_cosigned();
        two
    }

    /// Starts `reeve witness` as its user.
    fn begin_taking(&mut self) {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
        command.args([env!("CARGO_BIN_EXE_reeve"), "witness", "--gate-user", "root", "--config"]);
        command.arg(self.watched.path("witness.toml")).arg("--socket").arg(self.watched.path("gate.sock"));
        self.taker = Some(command.spawn().unwrap());
    }

    /// Waits until the witness has said something of the log as it is.
    fn until_cosigned(&self) {
        let shown = || {
            let asked = self.watched.ask_as(crate::stage::ALICE, &Call::Checkpoint);
            let Some(Ok(Answer::Text(text))) = asked else { return None };
            text.contains(" host01/witness ").then_some(())
        };
        eventually("a cosignature", shown);
    }

    fn stop_taking(&mut self) {
        if let Some(mut taker) = self.taker.take() {
            taker.kill().unwrap();
            taker.wait().unwrap();
        }
    }

    fn key(&self) -> WitnessKey {
        detail(&self.witness, "witness_key").parse().unwrap()
    }

    /// What the witness has seen.
    async fn seen(&mut self) -> Option<Seen> {
        self.witness.kill();
        let seen =
            Store::open(&self.witness.path("state/state.redb")).unwrap().note("witness_seen:host01/reeve");
        self.witness.start().await;
        seen.unwrap()
    }

    /// Destroys something, and gives the message that tells alice of it.
    async fn outcome(&self, name: &str) -> String {
        let made = self.watched.submit("librarian", snapshot("tank/media", name)).await.unwrap();
        self.watched.until(&made.id, State::Succeeded).await;
        let gone = format!("tank/media@{name}");
        let before = self.watched.phones.so_far("alice").len();
        let asked = self.watched.submit("librarian", zfs("destroy", &gone)).await.unwrap();
        self.watched.phones.votes("alice", before + 1, "CONFIRM");
        self.watched.until(&asked.id, State::Succeeded).await;
        let messages = || self.watched.phones.so_far("alice").into_iter().skip(before);
        eventually("the outcome", || {
            messages().find(|message| message.text.contains("done, and the host shows it"))
        })
        .text
    }
}

/// `reeved` of the witness.
async fn listen(stage: &Stage, ca: &Ca) -> String {
    let server = ca.server();
    stage.write("server.crt", &server.pem);
    stage.write("server.key", &server.key);
    stage.write("client-ca.crt", &ca.pem);
    let path = |name: &str| stage.path(name).display().to_string();
    let text = format!(
        "listen = \"127.0.0.1:0\"\ngate_socket = {:?}\ngate_user = \"root\"\n[tls]\ncertificate = {:?}\nkey = {:?}\nclient_ca = {:?}\n[[identity]]\nuri = {HOST01:?}\nprincipal = \"host01\"\n[[identity]]\nuri = \"spiffe://example.org/agent/librarian\"\nprincipal = \"librarian\"\n",
        path("gate.sock"),
        path("server.crt"),
        path("server.key"),
        path("client-ca.crt"),
    );
    stage.write("reeved.toml", &text);
    let config = stage.path("reeved.toml");
    let settings = Settings::read(&config).unwrap();
    let server = Server::bind(&config, settings, Arc::new(SystemClock)).await.unwrap();
    let port = server.local_addr().unwrap().port();
    tokio::spawn(server.run());
    format!("https://localhost:{port}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_carries_the_word_of_the_host_that_watches_also_after_either_was_restarted() {
    let mut two = Two::set().await;
    let key = two.key();
    let message = two.outcome("first").await;
    let checkpoint = SignedCheckpoint::from_pasted(&message).unwrap();
    assert!(checkpoint.cosigned_at(&key).is_some(), "{message}");
    let seen = two.seen().await.unwrap();
    assert!(seen.size >= checkpoint.size());
    two.watched.crash().await;
    two.until_cosigned();
    let message = two.outcome("second").await;
    assert!(SignedCheckpoint::from_pasted(&message).unwrap().cosigned_at(&key).is_some(), "{message}");
    // Whoever asks for a checkpoint gets it with the same.
    let Some(Ok(Answer::Text(asked))) = two.watched.ask_as(crate::stage::ALICE, &Call::Checkpoint) else {
        panic!("no checkpoint")
    };
    assert!(SignedCheckpoint::from_pasted(&asked).unwrap().cosigned_at(&key).is_some(), "{asked}");
    assert!(
        two.watched.records("witness_alarm").is_empty() && two.witness.records("witness_alarm").is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_forgot_what_its_witness_has_seen_is_told_and_goes_on_from_there() {
    let mut two = Two::set().await;
    let key = two.key();
    two.outcome("first").await;
    two.stop_taking();
    two.watched.kill();
    std::fs::remove_file(two.watched.path("state/state.redb")).unwrap();
    two.watched.start().await;
    two.begin_taking();
    two.until_cosigned();
    let message = two.outcome("second").await;
    assert!(SignedCheckpoint::from_pasted(&message).unwrap().cosigned_at(&key).is_some(), "{message}");
    assert!(two.watched.records("witness_alarm").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_cut_is_told_to_people_by_its_witness() {
    let mut two = Two::set().await;
    two.outcome("first").await;
    two.stop_taking();
    two.watched.kill();
    // Whoever rolls back the log and the store together leaves no trace on the host itself.
    std::fs::remove_file(two.watched.path("state/state.redb")).unwrap();
    let lines: Vec<String> = two.watched.read("log/audit.jsonl").lines().take(2).map(str::to_owned).collect();
    std::fs::write(two.watched.path("log/audit.jsonl"), lines.join("\n") + "\n").unwrap();
    two.watched.start().await;
    two.begin_taking();
    let record = two.watched.until_recorded("witness_alarm", 1).pop().unwrap();
    assert_eq!((&record["detail"]["of"], &record["detail"]["peer"]), (&json!("own"), &json!("host02")));
    let told = || {
        let messages = two.watched.phones.so_far("bob");
        messages.into_iter().find(|message| message.text.contains("has seen another history"))
    };
    eventually("a word to bob", told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_log_that_is_forked_is_not_cosigned_and_people_there_are_told() {
    let mut two = Two::set().await;
    two.outcome("first").await;
    two.stop_taking();
    let seen = two.seen().await.unwrap();
    let signer = Signer::load_or_make(&two.watched.path("state/checkpoint.key"), "host01").unwrap();
    let other = SignedCheckpoint::sign(&signer, seen.size, NodeHash::leaf(b"another history"));
    let ask = async |request: String| two.witness.call("host01", Call::AddCheckpoint(request)).await;
    let forked = ask(format!("old {}\n\n{other}\n", seen.size)).await.unwrap();
    assert_eq!(forked, Answer::Cosigned(Cosigned::Conflict(seen.size)));
    let longer = SignedCheckpoint::sign(&signer, seen.size + 1, NodeHash::leaf(b"another history"));
    let shown = ask(format!("old {}\n\n{longer}\n", seen.size)).await.unwrap();
    assert_eq!(shown, Answer::Cosigned(Cosigned::Inconsistent));
    let stranger = Signer::load_or_make(&two.watched.path("state/strange.key"), "host01").unwrap();
    let forged = SignedCheckpoint::sign(&stranger, seen.size + 1, NodeHash::leaf(b"x"));
    assert_eq!(ask(format!("old 0\n\n{forged}\n")).await.unwrap(), Answer::Cosigned(Cosigned::Unsigned));
    assert_eq!(two.witness.records("witness_alarm").len(), 1, "people are told once, however often it asks");
    let told = || {
        let messages = two.witness.phones.so_far("alice");
        messages
            .into_iter()
            .find(|message| message.text.contains("the audit log of host01 does not only grow"))
    };
    eventually("a word to alice", told);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_configured_peers_are_heard_and_the_one_who_takes_checkpoints_does_nothing_else() {
    let two = Two::set().await;
    let add = Call::AddCheckpoint("old 0\n".to_owned());
    assert_eq!(kind(two.witness.call("librarian", add.clone()).await), ProblemKind::Forbidden);
    assert_eq!(kind(two.watched.call("host01", add).await), ProblemKind::Forbidden, "it watches nobody");
    let next = Call::Witness(WitnessStep::Next { peer: "host02".to_owned() });
    assert_eq!(kind(two.watched.call("librarian", next.clone()).await), ProblemKind::Forbidden);
    assert_eq!(kind(two.watched.client().call(None, next.clone()).await), ProblemKind::Forbidden);
    for call in [Call::Pending, Call::Checkpoint, Call::Status] {
        let refused = two.watched.ask_as(nobody(), &call).unwrap();
        assert_eq!(kind(refused), ProblemKind::Forbidden, "{call:?}");
    }
    assert!(two.watched.ask_as(crate::stage::ALICE, &next).unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_the_peers_key_has_not_signed_is_shown_to_nobody() {
    let mut two = Two::set().await;
    two.stop_taking();
    let mut offered = None;
    for _ in 0..100 {
        let next = Call::Witness(WitnessStep::Next { peer: "host02".to_owned() });
        // Whatever there was to be said was said already, perhaps, until something is recorded.
        if let Some(Ok(Answer::Text(request))) = two.watched.ask_as(nobody(), &next) {
            offered = Some(request);
            break;
        }
        two.watched.submit("librarian", zfs("list", "tank/media")).await.unwrap();
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let offered = offered.unwrap();
    let stranger = Signer::load_or_make_witness(&two.watched.path("state/strange.key"), "host01").unwrap();
    let request: reeve::audit::witness::AddCheckpoint = offered.parse().unwrap();
    let word = reeve::audit::Cosignature::sign(&stranger, request.body(), 1_795_183_320);
    let answered =
        WitnessStep::Answered { peer: "host02".to_owned(), status: 200, body: format!("{word}\n") };
    let told = two.watched.ask_as(nobody(), &Call::Witness(answered)).unwrap().unwrap();
    assert_eq!(told, Answer::Done("not cosigned".to_owned()));
    let Some(Ok(Answer::Text(shown))) = two.watched.ask_as(crate::stage::ALICE, &Call::Checkpoint) else {
        panic!("no checkpoint")
    };
    assert!(!shown.contains("witness"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_network_it_is_the_protocol_of_witnesses_behind_mutual_tls() {
    let two = Two::set().await;
    let text = std::fs::read_to_string(two.watched.path("witness.toml")).unwrap();
    let url = text.lines().find_map(|line| line.strip_prefix("url = ")).unwrap().trim_matches('"').to_owned();
    let curl = |certificate: Option<&str>, body: &str| {
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--show-error",
            "--max-time",
            "20",
            "--write-out",
            "\n%{http_code} %{content_type}",
        ]);
        command.arg("--cacert").arg(two.watched.path("ca.crt"));
        if let Some(name) = certificate {
            command.arg("--cert").arg(two.watched.path(&format!("{name}.crt")));
            command.arg("--key").arg(two.watched.path(&format!("{name}.key")));
        }
        command.args(["--data-binary", body, "--header", "content-type: text/plain"]);
        let output = command.arg(format!("{url}/witness/add-checkpoint")).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let message = two.outcome("first").await;
    let now = SignedCheckpoint::from_pasted(&message).unwrap();
    let head = now.to_string().lines().take(5).collect::<Vec<_>>().join("\n");
    let again = curl(Some("own"), &format!("old 0\n\n{head}\n"));
    assert!(again.contains("409 text/x.tlog.size"), "{again}");
    assert!(again.lines().next().unwrap().parse::<u64>().unwrap() >= now.size(), "{again}");
    assert!(curl(Some("own"), "nonsense").ends_with("400 text/plain; charset=utf-8"));
    let leaf = two.ca.issue(&Wish { uris: vec!["spiffe://example.org/agent/librarian"], ..Wish::default() });
    two.watched.write("lib.crt", &leaf.pem);
    two.watched.write("lib.key", &leaf.key);
    assert!(curl(Some("lib"), &format!("old 0\n\n{head}\n")).contains("403 application/problem+json"));
    assert!(curl(None, "nonsense").ends_with("000 "), "without a certificate nothing is heard");
}
