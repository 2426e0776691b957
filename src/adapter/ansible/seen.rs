//! What a dry run shows: the effects that people and rules see, and that an approval binds to.

use serde_json::{Value, json};

use super::events::{Change, Event, Mode, Stats, Status, TaskResult, read};
use crate::adapter::{Action, Effects, Garbled, Object, PlanRefusal, Rule};
use crate::operation::ansible::PlaybookName;

/// A dry run that came to its end.
#[derive(Debug)]
pub(super) struct Seen {
    results: Vec<TaskResult>,
    stats: Stats,
}

impl Seen {
    /// Reads what a dry run printed.
    ///
    /// # Errors
    /// The outer one: it was not understood. The inner one: the playbook was refused, or a task of it failed.
    pub(super) fn of(stdout: &[u8]) -> Result<Result<Self, PlanRefusal>, Garbled> {
        let mut results = Vec::new();
        for event in read(stdout, Mode::Check)? {
            match event {
                Event::Start { .. } | Event::Play { .. } | Event::Task { .. } => {}
                Event::Refused { at, why } => {
                    return Ok(Err(PlanRefusal::new(Rule::AnsibleForbidden, format!("{at}: {why}"))));
                }
                Event::Broken { why } => return Err(Garbled(why)),
                Event::Result(result) => results.push(result),
                Event::Stats(stats) => return Ok(Self { results, stats }.without_failures()),
            }
        }
        Err(Garbled("it ends before its end".to_owned()))
    }

    fn without_failures(self) -> Result<Self, PlanRefusal> {
        let failed =
            self.results.iter().find(|result| matches!(result.status, Status::Failed | Status::Unreachable));
        // A rescued failure is a part of the playbook.
        if self.stats.failures == 0 && self.stats.unreachable == 0 {
            return Ok(self);
        }
        match failed {
            None => Err(PlanRefusal::new(Rule::AnsibleFailed, "the dry run failed")),
            Some(result) => {
                let why = result.why.as_deref().unwrap_or("its result is not shown");
                let reason = format!("the dry run failed at {}, {}: {why}", result.at, result.name());
                Err(PlanRefusal::new(Rule::AnsibleFailed, reason))
            }
        }
    }

    /// The tasks that a dry run cannot foresee.
    pub(super) fn unforeseen(&self) -> impl Iterator<Item = &TaskResult> {
        self.results.iter().filter(|result| result.unforeseen)
    }

    /// The tasks that would change something.
    pub(super) fn changed(&self) -> impl Iterator<Item = &TaskResult> {
        self.results.iter().filter(|result| result.status == Status::Changed)
    }

    /// Whether a run would find everything as it asks.
    pub(super) fn is_settled(&self) -> bool {
        self.changed().next().is_none() && self.unforeseen().next().is_none()
    }

    /// What a run would do: first of all the playbook with the digest of all that it is made of, then each change.
    pub(super) fn effects(&self, playbook: &PlaybookName, sha256: &str) -> Effects {
        let digest = Some(format!("sha256:{sha256}"));
        let mut objects = vec![Object::new(Action::Play, "playbook", playbook.as_str(), digest)];
        objects.extend(self.results.iter().flat_map(objects_of));
        Effects { objects, bytes_freed: None, reversible: false, ..Effects::none() }
    }

    /// What is left to do, by task.
    pub(super) fn left(&self) -> Value {
        let names = |results: &mut dyn Iterator<Item = &TaskResult>| {
            results.map(TaskResult::name).collect::<Vec<_>>()
        };
        json!({
            "changed": self.stats.changed, "would_change": names(&mut self.changed()),
            "unforeseen": names(&mut self.unforeseen()),
        })
    }

    /// What a caller reads.
    pub(super) fn told(&self) -> Value {
        let changes: Vec<Value> = self.changed().flat_map(told).collect();
        let unforeseen: Vec<Value> = self
            .unforeseen()
            .map(|result| json!({"task": result.name(), "action": result.action, "at": result.at}))
            .collect();
        json!({"changed": self.stats.changed, "stats": self.stats, "changes": changes, "unforeseen": unforeseen})
    }
}

/// One object for each thing that a task changes; one for the task itself where that is all that is known.
fn objects_of(result: &TaskResult) -> Vec<Object> {
    let whole = |action| Object::new(action, "task", in_one_line(&result.name()), None);
    if result.unforeseen {
        return vec![whole(Action::Unforeseen).becomes(does(result)).note(at(result))];
    }
    if result.status != Status::Changed {
        return Vec::new();
    }
    if result.changes.is_empty() {
        let note = if result.hidden {
            format!("{}; its result is not shown (no_log)", at(result))
        } else {
            at(result)
        };
        return vec![whole(Action::Task).becomes(does(result)).note(note)];
    }
    result.changes.iter().map(|change| object(result, change)).collect()
}

fn object(result: &TaskResult, change: &Change) -> Object {
    let name = if change.name.is_empty() { result.name() } else { change.name.clone() };
    let kind = if name.starts_with('/') { "file" } else { "task" };
    let mut object = Object::new(Action::Task, kind, in_one_line(&name), None);
    object.was = change.was.clone();
    // Two tasks may write the same: what a task asks for belongs to what it does.
    object.becomes = Some(format!("{} by {}", change.becomes.as_deref().unwrap_or("nothing"), does(result)));
    object.note(note(result, change))
}

fn does(result: &TaskResult) -> String {
    result.does.clone().unwrap_or_else(|| "hidden".to_owned())
}

fn at(result: &TaskResult) -> String {
    format!("{} at {}", result.action, result.at)
}

fn note(result: &TaskResult, change: &Change) -> String {
    let mut note = format!("{}, {}", result.name(), at(result));
    if change.hidden {
        note.push_str("; its lines are not for everybody, and not shown");
    }
    change.lines.iter().for_each(|line| {
        note.push('\n');
        note.push_str(line);
    });
    note
}

fn told(result: &TaskResult) -> Vec<Value> {
    let task = json!({"task": result.name(), "action": result.action, "at": result.at});
    if result.changes.is_empty() {
        return vec![json!({"by": task, "hidden": result.hidden})];
    }
    let one = |change: &Change| {
        json!({
            "by": task, "name": change.name, "was": change.was, "becomes": change.becomes, "hidden": change.hidden,
            "lines": change.lines,
        })
    };
    result.changes.iter().map(one).collect()
}

/// A name as prompts can show it: what cannot be seen is spelt out.
fn in_one_line(name: &str) -> String {
    name.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}
