//! The people's phones: the stand-in for Signal as a process, and the socket by which people read and answer.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::stage::{PATIENCE, PEOPLE};

pub(crate) const ACCOUNT: &str = "+15550001";
pub(crate) const US: &str = "00000000-0000-4000-8000-000000000001";

/// Somebody with a phone who may approve nothing.
pub(crate) const CAROL: (&str, char) = ("carol", 'c');

pub(crate) struct Phones {
    process: Child,
    control: PathBuf,
    is_up: bool,
}

/// One message that somebody got.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Its identity: what replies and reactions refer to.
    pub(crate) timestamp: u64,
    pub(crate) text: String,
    /// What stands in its place since it was edited.
    pub(crate) edited: Option<String>,
}

impl Message {
    pub(crate) fn is_question(&self) -> bool {
        self.text.contains("CONFIRM ")
    }
}

impl Phones {
    pub(crate) fn start(dir: &Path) -> Self {
        let control = dir.join("people.sock");
        for left in [&control, &dir.join("signal.sock")] {
            drop(std::fs::remove_file(left));
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_reeve-signal-stand-in"));
        command.arg("--socket").arg(dir.join("signal.sock")).arg("--control").arg(&control);
        command.args(["--account", ACCOUNT, "--own-uuid", US]);
        for (name, digit) in PEOPLE.into_iter().chain([CAROL]) {
            command.arg("--person").arg(format!("{name},{},{}", uuid(digit), key(digit)));
        }
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { process, control, is_up: true }
    }

    /// All that somebody was sent, once there are so many.
    pub(crate) fn messages(&self, of: &str, count: usize) -> Vec<Message> {
        let messages = self.news(of, 0, count);
        assert!(messages.len() >= count, "{of} got {messages:?}");
        messages
    }

    /// What somebody was sent behind the first `known` messages, once there are so many in all.
    pub(crate) fn news(&self, of: &str, known: usize, count: usize) -> Vec<Message> {
        let patience = u64::try_from(PATIENCE.as_millis()).unwrap();
        let answer = self.tell(
            &json!({"do": "messages", "of": of, "known": known, "count": count, "patience_ms": patience}),
        );
        answer["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| Message {
                timestamp: message["timestamp"].as_u64().unwrap(),
                text: message["text"].as_str().unwrap().to_owned(),
                edited: message["edited"].as_str().map(str::to_owned),
            })
            .collect()
    }

    /// Whether the daemon leaves every call without an answer.
    pub(crate) fn fault(&self, stalls: bool) {
        assert_eq!(self.tell(&json!({"do": "fault", "stall": stalls})), json!({}));
    }

    /// The daemon fails in one of its other ways; in none, by an empty object.
    pub(crate) fn fails(&self, how: &Value) {
        let mut command = json!({"do": "fault"});
        command.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
        assert_eq!(self.tell(&command), json!({}));
    }

    /// The daemon's connections break.
    pub(crate) fn drops(&self) {
        assert_eq!(self.tell(&json!({"do": "drop"})), json!({}));
    }

    /// The server, the phones or the daemon behave otherwise from now on.
    pub(crate) fn change(&self, to: &Value) {
        assert_eq!(self.tell(&json!({"do": "change", "to": to})), json!({}));
    }

    /// Somebody's account gets another identity key, as with a new phone.
    pub(crate) fn has_new_key(&self, who: &str, digit: char) {
        let command =
            json!({"do": "new_identity", "of": who, "fingerprint": key(digit), "trust": "UNTRUSTED"});
        assert_eq!(self.tell(&command), json!({}));
    }

    /// The safety number that somebody's phone shows for a key.
    pub(crate) fn safety_number(digit: char) -> String {
        let of = |c: char| char::from_digit(c.to_digit(16).unwrap() % 10, 10).unwrap();
        key(digit).chars().map(of).take(60).collect()
    }

    /// What somebody has been sent by now.
    pub(crate) fn so_far(&self, of: &str) -> Vec<Message> {
        self.messages(of, 0)
    }

    /// The same, of phones that may have lost it with the daemon.
    pub(crate) fn sent_until_its_end(&self, of: &str) -> Vec<Message> {
        if self.is_up { self.so_far(of) } else { Vec::new() }
    }

    /// The daemon ends, as it does when it crashes.
    pub(crate) fn crash(&mut self) {
        self.is_up = false;
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) fn says(&self, who: &str, text: &str) {
        assert!(self.tell(&json!({"do": "say", "as": who, "text": text}))["timestamp"].is_u64());
    }

    /// Writes that, and reads the message that comes next.
    pub(crate) fn hears(&self, who: &str, text: &str) -> String {
        self.hears_back(who, json!({"do": "say", "as": who, "text": text}))
    }

    /// The same with a reply to one of the messages.
    pub(crate) fn replies(&self, who: &str, to: u64, text: &str) -> String {
        self.hears_back(who, json!({"do": "say", "as": who, "text": text, "quote": to}))
    }

    /// The same with a reaction.
    pub(crate) fn reacts(&self, who: &str, to: u64, emoji: &str) -> String {
        self.hears_back(who, json!({"do": "say", "as": who, "emoji": emoji, "quote": to}))
    }

    fn hears_back(&self, who: &str, said: Value) -> String {
        let before = self.so_far(who).len();
        assert!(self.tell(&said)["timestamp"].is_u64());
        self.messages(who, before + 1).remove(before).text
    }

    /// Waits for so many messages and answers the last one that is a question.
    pub(crate) fn votes(&self, who: &str, count: usize, verb: &str) {
        let messages = self.messages(who, count);
        let prompt = &messages.iter().rfind(|message| message.is_question()).unwrap().text;
        let (confirm, deny) = prompt.lines().last().unwrap().split_once("   or   ").unwrap();
        self.says(who, [confirm, deny].into_iter().find(|half| half.starts_with(verb)).unwrap());
    }

    /// Waits until the first message of somebody, which is a question, shows this.
    pub(crate) fn shows(&self, of: &str, words: &str) -> String {
        let begun = std::time::Instant::now();
        loop {
            let now = self.messages(of, 1).remove(0).edited.unwrap_or_default();
            if now.contains(words) {
                return now;
            }
            assert!(begun.elapsed() < PATIENCE, "{words:?} is not in {now:?}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    fn tell(&self, command: &Value) -> Value {
        let mut stream = UnixStream::connect(&self.control).unwrap();
        writeln!(stream, "{command}").unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

/// The token, as a person reads it off the prompt.
pub(crate) fn token(prompt: &str) -> String {
    let words = prompt.split_whitespace().collect::<Vec<_>>();
    let at =
        words.iter().position(|word| *word == "CONFIRM").unwrap_or_else(|| panic!("no token in {prompt}"));
    words[at + 1].to_owned()
}

pub(crate) fn uuid(digit: char) -> String {
    format!("{}-1111-4111-8111-111111111111", digit.to_string().repeat(8))
}

pub(crate) fn key(digit: char) -> String {
    format!("05{}", digit.to_string().repeat(64))
}

impl Drop for Phones {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
