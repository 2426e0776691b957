//! Looking again: which of a plan's objects the host now shows as planned. Exit statuses are not asked: `resize` ends
//! with 0 whatever became of it.

use serde_json::{Value, json};

use super::parse::{Config, Snapshots, State, bytes};
use super::reader::{self, RETIRED};
use super::set::is_so;
use super::settings::Ha;
use super::{snapshot, state};
use crate::adapter::{Action, Happened, Host, Object, Plan, PlanRefusal, Verification};
use crate::operation::pct::{Creation, PctOperation, VmId};

/// How a verification depends on what is known besides the host's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Knowing {
    /// Every step ended with status 0.
    StepsSucceeded,
    /// Nothing: the run was interrupted.
    Nothing,
}

/// Whether one object is as planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Yes,
    No,
    Unclear,
}

impl Seen {
    fn is(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    fn word(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::Unclear => None,
        }
    }
}

/// A container as it is now.
struct Now {
    config: Config,
    state: State,
    pid: Option<String>,
    snapshots: Snapshots,
    is_ha: bool,
}

struct Looking<'a> {
    op: &'a PctOperation,
    now: Option<Now>,
    knowing: Knowing,
}

/// Looks at what the operation was about.
pub(super) fn look(op: &PctOperation, plan: &Plan, host: &dyn Host, knowing: Knowing) -> Verification {
    let subject = if let PctOperation::Clone { to, .. } = op { Some(*to) } else { op.vm() };
    let Some(vm) = subject else { return Verification::new(Happened::Wholly, Value::Null, None) };
    let now = match Now::of(host, vm) {
        Ok(now) => now,
        Err(refusal) => return Verification::new(Happened::CannotTell, Value::Null, Some(refusal.reason)),
    };
    let looking = Looking { op, now, knowing };
    let seen: Vec<(Seen, &Object)> =
        plan.effects.objects.iter().map(|object| (looking.one(object), object)).collect();
    let waits = match looking.waits_for_start(host, vm) {
        Ok(waits) => waits,
        Err(refusal) => return Verification::new(Happened::CannotTell, Value::Null, Some(refusal.reason)),
    };
    let facts: Vec<Value> = seen
        .iter()
        .map(|(is, object)| json!({"action": object.action, "name": object.name, "guid": looking.guid(object), "done": is.word()}))
        .collect();
    let word = looking.now.as_ref().map_or("absent", |now| now.state.word());
    let mut result = json!({"objects": facts, "state": word});
    if let Some(map) = result.as_object_mut().filter(|_| !waits.is_empty()) {
        map.insert("waits_for_start".to_owned(), json!(waits));
    }
    summed_up(&seen, result)
}

impl Now {
    fn of(host: &dyn Host, vm: VmId) -> Result<Option<Self>, PlanRefusal> {
        let Some(config) = reader::config(host, vm)? else { return Ok(None) };
        let Some(status) = reader::status(host, vm)? else { return Err(reader::missing(vm)) };
        let snapshots = reader::snapshots(host, vm)?;
        let settings = &host.settings().pct;
        let is_ha = settings.ha == Ha::Allow && reader::is_ha(host, vm, settings)?;
        let pid = status.pairs.get("pid").cloned();
        Ok(Some(Self { config, state: status.state, pid, snapshots, is_ha }))
    }
}

impl Looking<'_> {
    fn one(&self, object: &Object) -> Seen {
        let Some(now) = &self.now else {
            let goes = matches!(object.action, Action::Destroy);
            return Seen::is(goes);
        };
        match object.action {
            Action::Start => self.in_state(now, State::Running),
            Action::Stop if self.is_step_to_a_start() => self.if_steps_succeeded(),
            Action::Stop => self.in_state(now, State::Stopped),
            Action::Restart => restarted(now, object),
            Action::Snapshot => {
                Seen::is(short(object).is_some_and(|name| now.snapshots.find(name).is_some()))
            }
            Action::Create => self.created(now),
            Action::Set => self.is_set(now, object),
            Action::Resize => self.resized(now),
            Action::Retire => {
                Seen::is(now.config.tags().contains(&RETIRED) && now.config.is_on("protection"))
            }
            Action::Unretire => Seen::is(!now.config.tags().contains(&RETIRED)),
            Action::Unlock => Seen::is(now.config.get("lock").is_none()),
            Action::Rollback => self.rolled_back(now, object),
            Action::Destroy => destroyed(now, object),
            // None of them is planned for a container.
            Action::Rename
            | Action::Hold
            | Action::Release
            | Action::Bookmark
            | Action::Scrub
            | Action::Play
            | Action::Task
            | Action::Unforeseen
            | Action::Reload
            | Action::Enable
            | Action::Disable
            | Action::Mask
            | Action::Unmask
            | Action::ResetFailed
            | Action::Move
            | Action::PutAway
            | Action::BringBack
            | Action::Run
            | Action::Write => Seen::Unclear,
        }
    }

    fn in_state(&self, now: &Now, wanted: State) -> Seen {
        match now.state == wanted {
            true => Seen::Yes,
            // It was asked to, and does it in its own time.
            false if now.is_ha && self.knowing == Knowing::StepsSucceeded => Seen::Unclear,
            false => Seen::No,
        }
    }

    fn is_step_to_a_start(&self) -> bool {
        matches!(self.op, PctOperation::Rollback { start: true, .. })
    }

    fn if_steps_succeeded(&self) -> Seen {
        match self.knowing {
            Knowing::StepsSucceeded => Seen::Yes,
            Knowing::Nothing => Seen::Unclear,
        }
    }

    fn created(&self, now: &Now) -> Seen {
        // A lock says that it is being made still, or that making it ended half way.
        if now.config.get("lock").is_some() {
            return Seen::Unclear;
        }
        let fits = if let PctOperation::Create(creation) = self.op {
            is_of(&now.config, creation)
        } else if let PctOperation::Clone { hostname, .. } = self.op {
            hostname.as_ref().is_none_or(|name| now.config.get("hostname") == Some(name.as_str()))
        } else {
            false
        };
        if fits { Seen::Yes } else { Seen::Unclear }
    }

    fn is_set(&self, now: &Now, object: &Object) -> Seen {
        let PctOperation::Set { changes, delete, .. } = self.op else { return Seen::Unclear };
        let is_all = changes.iter().all(|setting| is_so(setting, &now.config))
            && delete.iter().all(|key| now.config.get(key.as_str()).is_none());
        let is_untouched = object.guid.as_deref() == Some(now.config.digest().as_str());
        match (is_all, is_untouched) {
            (true, _) => Seen::Yes,
            (false, true) => Seen::No,
            (false, false) => Seen::Unclear,
        }
    }

    fn resized(&self, now: &Now) -> Seen {
        let PctOperation::Resize { disk, gib, .. } = self.op else { return Seen::Unclear };
        let volume = now.config.volume(&disk.to_string()).and_then(|volume| volume.bytes);
        Seen::is(volume == bytes(&format!("{gib}G")))
    }

    fn rolled_back(&self, now: &Now, object: &Object) -> Seen {
        let PctOperation::Rollback { name, .. } = self.op else { return Seen::Unclear };
        let stands_on_it = now.snapshots.below_current.as_deref() == Some(name.as_str());
        let stood_on_it = object.was.as_deref().is_some_and(|was| was.ends_with(&format!(", on {name}")));
        match (stands_on_it, self.knowing) {
            (false, _) => Seen::No,
            (true, Knowing::StepsSucceeded) => Seen::Yes,
            // It stood there before, so that this shows nothing.
            (true, Knowing::Nothing) => {
                if stood_on_it {
                    Seen::Unclear
                } else {
                    Seen::Yes
                }
            }
        }
    }

    /// What is there now under the object's name.
    fn guid(&self, object: &Object) -> Option<String> {
        let now = self.now.as_ref()?;
        if object.kind == "snapshot" {
            return short(object).and_then(|name| now.snapshots.find(name)).map(snapshot::identity);
        }
        Some(now.config.digest())
    }

    /// The keys that a running container takes at its next start.
    fn waits_for_start(&self, host: &dyn Host, vm: VmId) -> Result<Vec<String>, PlanRefusal> {
        let Some(now) = &self.now else { return Ok(Vec::new()) };
        if !matches!(self.op, PctOperation::Set { .. }) || now.state == State::Stopped {
            return Ok(Vec::new());
        }
        let current = reader::current(host, vm)?;
        let keys = now.config.keys.keys().chain(current.keys.keys());
        let mut waits: Vec<String> =
            keys.filter(|key| now.config.get(key) != current.get(key)).cloned().collect();
        waits.sort();
        waits.dedup();
        Ok(waits)
    }
}

/// What stands behind the `@` of a snapshot's name.
fn short(object: &Object) -> Option<&str> {
    object.name.split_once('@').map(|(_, name)| name)
}

fn restarted(now: &Now, object: &Object) -> Seen {
    match (&now.pid, now.state) {
        (Some(pid), State::Running) => Seen::is(object.was.as_deref() != Some(state::run_of(pid).as_str())),
        (None, _) | (Some(_), State::Stopped) => Seen::Unclear,
    }
}

fn destroyed(now: &Now, object: &Object) -> Seen {
    if object.kind == "snapshot" {
        let there = short(object).and_then(|name| now.snapshots.find(name)).map(snapshot::identity);
        return Seen::is(there.is_none() || there != object.guid);
    }
    // With another configuration it may be another container, or the same after a change.
    if object.guid.as_deref() == Some(now.config.digest().as_str()) { Seen::No } else { Seen::Unclear }
}

fn is_of(config: &Config, creation: &Creation) -> bool {
    let fits = |key: &str, wanted: Option<String>| {
        wanted.is_none_or(|wanted| config.get(key) == Some(wanted.as_str()))
    };
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let root = config.volume("rootfs");
    let is_there = root.is_some_and(|root| {
        root.name.split(':').next() == Some(creation.storage.as_str())
            && root.bytes.is_none_or(|bytes| bytes == u64::from(creation.gib) << 30)
    });
    is_there
        && config.is_on("unprivileged") != creation.privileged
        && fits("hostname", creation.hostname.as_ref().map(ToString::to_string))
        && fits("memory", number(creation.memory))
        && fits("swap", number(creation.swap))
        && fits("cores", number(creation.cores))
}

fn summed_up(seen: &[(Seen, &Object)], result: Value) -> Verification {
    let count = |wanted: Seen| seen.iter().filter(|(is, _)| *is == wanted).count();
    let happened = match (count(Seen::Yes), count(Seen::No), count(Seen::Unclear)) {
        (_, 0, 0) => Happened::Wholly,
        (0, _, 0) => Happened::NotAtAll,
        (_, _, 0) => Happened::Partly,
        (_, _, _) => Happened::CannotTell,
    };
    let left = seen.iter().filter(|(is, _)| *is != Seen::Yes).map(|(_, object)| object.name.as_str());
    let reason = (happened != Happened::Wholly).then(|| {
        let yes = count(Seen::Yes);
        format!("{yes} of {} are as planned; not so, or not to be told: {}", seen.len(), reader::names(left))
    });
    Verification::new(happened, result, reason)
}
