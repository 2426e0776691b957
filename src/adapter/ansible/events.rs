//! The lines that `reeve_events.py` prints: what `ansible-playbook` does, or would do, as values.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::adapter::Garbled;

/// The form of the lines that this build reads.
const FORM: u32 = 1;
/// No line is longer; the plugin's own bounds are far below.
const MAX_LINE: usize = 64 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Event {
    /// It begins.
    Start {
        /// The form of the lines.
        form: u32,
        /// A dry run or a run.
        mode: Mode,
        /// Ansible's version.
        ansible: String,
    },
    /// The plugin refuses what the playbook asks for.
    Refused {
        /// Where: `site.yml:12`.
        at: String,
        /// Why.
        why: String,
    },
    /// The plugin does not understand what it sees.
    Broken {
        /// Why.
        why: String,
    },
    /// A play begins.
    Play {
        /// Its name.
        play: String,
    },
    /// A task begins.
    Task {
        /// Its name.
        task: String,
        /// Its module or action.
        action: String,
        /// Where it stands.
        at: String,
        /// Whether another task notified it.
        #[serde(default)]
        handler: bool,
    },
    /// A task, or one round of its loop, has ended.
    Result(TaskResult),
    /// It has come to its end.
    Stats(Stats),
}

/// What `ansible-playbook` was started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// Saying what would change.
    Check,
    /// Changing it.
    Run,
}

/// How a task, or one round of its loop, ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskResult {
    pub(super) task: String,
    pub(super) action: String,
    pub(super) at: String,
    pub(super) status: Status,
    /// Which round of its loop.
    #[serde(default)]
    pub(super) item: Option<String>,
    /// `no_log`: nothing else may be known of it.
    #[serde(default)]
    pub(super) hidden: bool,
    /// A dry run skipped it only for being one.
    #[serde(default)]
    pub(super) unforeseen: bool,
    /// The digest of what it asks for.
    #[serde(default)]
    pub(super) does: Option<String>,
    #[serde(default)]
    pub(super) changes: Vec<Change>,
    #[serde(default)]
    pub(super) why: Option<String>,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// All is as it asks.
    Ok,
    /// It changed something, or would.
    Changed,
    /// It was not to be done.
    Skipped,
    /// It failed.
    Failed,
    /// It failed, and the playbook goes on regardless.
    Ignored,
    /// The host did not answer.
    Unreachable,
}

/// One thing that a task changes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// What: a path, most often.
    pub(super) name: String,
    /// Its contents before: a digest, `nothing`, `binary` or `larger`.
    pub(super) was: Option<String>,
    /// Its contents afterwards.
    pub(super) becomes: Option<String>,
    /// Its lines are not for everybody.
    #[serde(default)]
    pub(super) hidden: bool,
    /// The first lines of the difference.
    #[serde(default)]
    pub(super) lines: Vec<String>,
}

/// How many tasks ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stats {
    pub(super) ok: u64,
    pub(super) changed: u64,
    pub(super) failures: u64,
    pub(super) unreachable: u64,
    pub(super) skipped: u64,
    pub(super) rescued: u64,
    pub(super) ignored: u64,
}

/// Everything that was printed from its beginning to its end.
pub(super) fn read(stdout: &[u8], mode: Mode) -> Result<Vec<Event>, Garbled> {
    let events = lines(stdout)?;
    match events.first() {
        Some(Event::Start { form: FORM, mode: found, .. }) if *found == mode => {}
        _other => return Err(Garbled("it does not begin as Reeve's own plugin does".to_owned())),
    }
    let is_whole =
        matches!(events.last(), Some(Event::Stats(_) | Event::Refused { .. } | Event::Broken { .. }));
    if is_whole { Ok(events) } else { Err(Garbled("it ends before its end".to_owned())) }
}

fn lines(stdout: &[u8]) -> Result<Vec<Event>, Garbled> {
    let text = stdout.strip_suffix(b"\n").unwrap_or(stdout);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(|byte| *byte == b'\n').enumerate().map(|(number, line)| one(number, line)).collect()
}

fn one(number: usize, line: &[u8]) -> Result<Event, Garbled> {
    if line.len() > MAX_LINE {
        return Err(Garbled(format!("line {} is too long", number + 1)));
    }
    serde_json::from_slice(line)
        .map_err(|_error| Garbled(format!("line {} is not one of its events", number + 1)))
}

/// What a caller sees of one line while it comes: what happens, and how it ended; no contents.
pub(super) fn progress(line: &[u8]) -> Option<Value> {
    Some(match one(0, line).ok()? {
        Event::Start { mode, ansible, .. } => {
            let doing = match mode {
                Mode::Check => "check",
                Mode::Run => "run",
            };
            json!({"event": "start", "mode": doing, "ansible": ansible})
        }
        Event::Refused { at, why } => json!({"event": "refused", "at": at, "why": why}),
        Event::Broken { why } => json!({"event": "broken", "why": why}),
        Event::Play { play } => json!({"event": "play", "play": play}),
        Event::Task { task, action, at, .. } => {
            json!({"event": "task", "task": task, "action": action, "at": at})
        }
        Event::Result(result) => result.told(),
        Event::Stats(stats) => json!({"event": "stats", "stats": stats}),
    })
}

impl TaskResult {
    /// The result without what it changes.
    fn told(&self) -> Value {
        let mut told = json!({"event": "result", "task": self.task, "at": self.at, "status": self.status});
        if let (Some(map), Some(item)) = (told.as_object_mut(), &self.item) {
            map.insert("item".to_owned(), json!(item));
        }
        if let (Some(map), Some(why)) = (told.as_object_mut(), &self.why) {
            map.insert("why".to_owned(), json!(why));
        }
        told
    }

    /// The task's name, with the round of its loop.
    pub(super) fn name(&self) -> String {
        match &self.item {
            Some(item) => format!("{} ({item})", self.task),
            None => self.task.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = r#"{"ansible":"2.14.18","event":"start","form":1,"mode":"check"}"#;
    const STATS: &str = r#"{"changed":0,"event":"stats","failures":0,"ignored":0,"ok":1,"rescued":0,"skipped":0,"unreachable":0}"#;

    fn of(lines: &[&str]) -> Result<Vec<Event>, Garbled> {
        read(format!("{}\n", lines.join("\n")).as_bytes(), Mode::Check)
    }

    #[test]
    fn what_begins_and_ends_as_it_should_is_read() {
        assert_eq!(of(&[START, STATS]).unwrap().len(), 2);
        let refused = r#"{"at":"site.yml:3","event":"refused","why":"no"}"#;
        assert!(
            matches!(&of(&[START, refused]).unwrap()[..], [_, Event::Refused { at, .. }] if at == "site.yml:3")
        );
    }

    #[test]
    fn what_is_cut_short_or_of_another_mode_or_form_is_not_understood() {
        let run = START.replace("check", "run");
        let newer = START.replace("\"form\":1", "\"form\":2");
        for lines in [
            &[][..],
            &[START],
            &[STATS],
            &[&run, STATS],
            &[&newer, STATS],
            &[START, "hello", STATS],
            &[START, "{}", STATS],
        ] {
            assert!(of(lines).is_err(), "{lines:?}");
        }
        let extra = STATS.replace("\"ok\":1", "\"ok\":1,\"more\":1");
        assert!(of(&[START, &extra]).is_err());
        let long = format!(r#"{{"event":"play","play":"{}"}}"#, "x".repeat(MAX_LINE));
        assert!(of(&[START, &long, STATS]).is_err());
    }

    #[test]
    fn progress_tells_how_a_task_ended_and_no_contents() {
        let line = r#"{"action":"copy","at":"a.yml:2","changes":[{"becomes":"sha256:1","lines":["+secret"],"name":"/x","was":"nothing"}],"does":"sha256:2","event":"result","item":"a","status":"changed","task":"t"}"#;
        let told = progress(line.as_bytes()).unwrap();
        assert_eq!(
            told,
            json!({"event": "result", "task": "t", "at": "a.yml:2", "status": "changed", "item": "a"})
        );
        assert_eq!(progress(b"anything else"), None);
    }
}
