//! A host with a link, the world behind its daemon, and what tests say and ask there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reeve::approval::inbound::Inbound;
use reeve::approval::people::{Approver, ApproverAsWritten, People};
use reeve::approval::prompt::{self, Answer, PromptFacts, Stands, Undo};
use reeve::approval::signal::{Link, SignalConfig, Status};
use reeve::approval::token::Token;
use reeve::approval::vote::{self, Candidate, Judged, Pending, SentPrompt};
use reeve::policy::ReviewTerms;
use reeve::sys::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::TRANSPORT;
use crate::stand_in::{Command, Daemon, Dialect, Person, Say, Web, World};

pub(crate) const ACCOUNT: &str = "+15550001";
pub(crate) const US: &str = "00000000-0000-4000-8000-000000000001";
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn uuid(digit: char) -> String {
    format!("{}-1111-4111-8111-111111111111", digit.to_string().repeat(8))
}

pub(crate) fn key(digit: char) -> String {
    format!("05{}", digit.to_string().repeat(64))
}

pub(crate) fn everybody() -> [(&'static str, char); 2] {
    [("alice", 'a'), ("bob", 'b')]
}

pub(crate) fn people() -> Arc<People> {
    let written = everybody().map(|(name, digit)| {
        let entry =
            json!({"name": name, "uuid": uuid(digit), "fingerprint": key(digit), "groups": ["storage"]});
        serde_json::from_value::<ApproverAsWritten>(entry).unwrap()
    });
    Arc::new(People::from_written(written.into()).unwrap())
}

/// How the link reaches the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "each suite has one of them")]
pub(crate) enum Transport {
    Socket,
    Http,
    Rest,
}

/// The daemon, as it is reached.
#[allow(dead_code, reason = "each suite has one of them, which is there until it is dropped")]
pub(crate) enum Listening {
    Socket(Daemon),
    Web(Web),
}

impl Listening {
    /// Where it was before, if it was somewhere.
    fn at(dir: &Path, world: &World) -> Self {
        let dialect = match TRANSPORT {
            Transport::Socket => return Self::Socket(Daemon::listen(&socket(dir), world).unwrap()),
            Transport::Http => Dialect::Daemon,
            Transport::Rest => Dialect::Rest,
        };
        let address = std::fs::read_to_string(dir.join("address")).unwrap_or("127.0.0.1:0".to_owned());
        let web = Web::listen(address, dialect, world).unwrap();
        std::fs::write(dir.join("address"), web.address().to_string()).unwrap();
        Self::Web(web)
    }
}

/// `reeve bridge`, as it is installed; ended with the test.
pub(crate) struct Bridge(std::process::Child);

impl Bridge {
    /// To this address; `more` stands in its file behind what every bridge needs.
    pub(crate) fn start(dir: &Path, url: &str, more: &str) -> Self {
        let transport = if TRANSPORT == Transport::Rest { "rest-api" } else { "http" };
        let own = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
        let written = format!(
            "socket = {:?}\ngate_user = {own:?}\ntransport = {transport:?}\nurl = {url:?}\n{more}",
            socket(dir)
        );
        std::fs::write(dir.join("bridge.toml"), written).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_reeve"));
        command.arg("bridge").arg("--config").arg(dir.join("bridge.toml"));
        Self(command.stderr(std::fs::File::create(dir.join("bridge.log")).unwrap()).spawn().unwrap())
    }

    /// Whom the daemon must run as, as a line of the file.
    pub(crate) fn own_user() -> String {
        let own = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
        format!("user = {own:?}\n")
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A host with a link, and the world behind its daemon.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) daemon: Option<Listening>,
    #[allow(dead_code, reason = "it is there until it is dropped")]
    pub(crate) bridge: Option<Bridge>,
    pub(crate) people: Arc<People>,
    pub(crate) link: Link,
    pub(crate) inbox: mpsc::Receiver<Inbound>,
    pub(crate) dir: tempfile::TempDir,
}

impl Stage {
    /// Everything in order, and connected.
    pub(crate) async fn set() -> Self {
        Self::with(|_| {}, |_| {}).await.up().await
    }

    pub(crate) async fn with(before: impl FnOnce(&World), configure: impl FnOnce(&mut SignalConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let person = |(name, digit): (&str, char)| Person {
            name: name.into(),
            uuid: uuid(digit),
            fingerprint: key(digit),
        };
        let world = World::new(ACCOUNT, US, everybody().map(person).into());
        before(&world);
        let daemon = Listening::at(dir.path(), &world);
        let bridge = match &daemon {
            Listening::Socket(_) => None,
            Listening::Web(web) => {
                Some(Bridge::start(dir.path(), &format!("http://{}", web.address()), &Bridge::own_user()))
            }
        };
        let mut config = config(dir.path());
        configure(&mut config);
        let people = people();
        let (link, inbox) = Link::start(config, Arc::clone(&people), Arc::new(SystemClock));
        Self { world, daemon: Some(daemon), bridge, people, link, inbox, dir }
    }

    /// The daemon comes back where it was.
    pub(crate) fn restart(&mut self) {
        drop(self.daemon.take());
        self.daemon = Some(Listening::at(self.dir.path(), &self.world));
    }

    /// What the bridge has said.
    #[allow(dead_code, reason = "where there is one")]
    pub(crate) fn bridge_log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("bridge.log")).unwrap()
    }

    pub(crate) async fn up(self) -> Self {
        self.until(|status| matches!(status, Status::Up { version: _, reachable: _ })).await;
        self
    }

    pub(crate) async fn until(&self, wanted: impl FnMut(&Status) -> bool) {
        let mut status = self.link.watch();
        let reached = tokio::time::timeout(PATIENCE, status.wait_for(wanted)).await;
        assert!(reached.is_ok(), "the link stays {:?}", self.link.status());
    }

    pub(crate) fn approver(&self, name: &str) -> &Approver {
        self.people.named(name).unwrap()
    }

    pub(crate) async fn next(&mut self) -> Inbound {
        tokio::time::timeout(PATIENCE, self.inbox.recv()).await.unwrap().unwrap()
    }

    /// Puts a request to alice and bob.
    pub(crate) async fn ask(&self) -> Pending {
        let token = Token::generate().unwrap();
        let now = SystemClock.now();
        let terms = ReviewTerms::new(2, Some("storage".into()), ReviewTerms::DEFAULT_TTL).unwrap();
        let facts = PromptFacts {
            host: "host01",
            stands: Stands::Asked(&token),
            id: "ap_1",
            principal: "librarian",
            on_behalf_of: &[],
            command_line: "zfs destroy tank/media@old",
            objects: &[],
            dependents: &[],
            effects_digest: "sha256:00",
            bytes_freed: None,
            frees_at_most: None,
            undo: Undo::None,
            reason: None,
            rule: "destroying needs a person",
            terms: &terms,
            repeat: None,
            asked_at: now,
            expires_at: now + Duration::from_secs(1800),
        };
        let text = prompt::prompt(&facts).unwrap();
        let mut prompts = Vec::new();
        for approver in self.people.iter() {
            let sent = self.link.send(approver, &text, None).await.unwrap();
            prompts.push(SentPrompt::new(&approver.name, sent.timestamp));
        }
        Pending {
            approval_id: "ap_1".into(),
            about: facts.command_line.into(),
            token: token.hash(),
            prompts,
            created_at: now,
            expires_at: facts.expires_at,
            quorum: terms.quorum().clone(),
            repeat: None,
            excluded: vec!["librarian".into()],
            confirmed_by: BTreeMap::new(),
            is_approved: false,
            settled: None,
        }
    }

    pub(crate) async fn says(&mut self, say: Say, pending: &Pending) -> Judged {
        self.world.command(Command::Say(Box::new(say)));
        let inbound = self.next().await;
        vote::judge(&inbound, std::slice::from_ref(pending), &self.people, SystemClock.now())
    }

    pub(crate) fn last_line_for(&self, name: &str) -> String {
        let messages = self.world.wait_for_messages(name, 1, PATIENCE);
        messages.last().unwrap().text.lines().last().unwrap().to_owned()
    }
}

pub(crate) fn socket(dir: &Path) -> PathBuf {
    dir.join("signal.sock")
}

/// Quick enough for a test, patient enough for a busy machine.
pub(crate) fn config(dir: &Path) -> SignalConfig {
    let own_uuid = uuid::Uuid::try_parse(US).unwrap();
    let uid = nix::unistd::geteuid().as_raw();
    SignalConfig {
        send_timeout: Duration::from_secs(10),
        probe_every: Duration::from_millis(50),
        probe_timeout: Duration::from_secs(5),
        backoff: (Duration::from_millis(5), Duration::from_millis(50)),
        pause: Duration::from_millis(100),
        ..SignalConfig::new(socket(dir), ACCOUNT.into(), own_uuid, uid)
    }
}

/// Whoever is not asked at the first try is told so: a question waits for one pause at most, and not for a second.
pub(crate) fn impatient(config: &mut SignalConfig) {
    config.question_patience = config.pause;
}

pub(crate) fn say(who: &str, text: &str) -> Say {
    Say { who: who.into(), text: Some(text.into()), ..Say::default() }
}

pub(crate) fn fault(world: &World, fault: Value) {
    let mut command = json!({"do": "fault"});
    command.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
    assert_eq!(world.command(serde_json::from_value(command).unwrap()), json!({}));
}

pub(crate) fn confirmed(judged: Judged) -> Candidate {
    let Judged::Confirm(candidate) = judged else { panic!("not a confirmation: {judged:?}") };
    candidate
}

pub(crate) fn refused_count(judged: Judged) -> Answer {
    let Judged::NotCounted(not_counted) = judged else { panic!("it counts: {judged:?}") };
    not_counted.answer
}
