//! Branches, tags, stashes and what Reeve keeps, as git lists them.

use serde_json::{Value, json};

use super::repository::{Repository, is_id, unreadable};
use crate::adapter::PlanRefusal;
use crate::adapter::foreign::harmless;

/// Where what is kept before a reset or a clean has its refs.
pub(super) const KEPT: &str = "refs/reeve/undo/";
/// How many refs one answer lists.
const MOST_SHOWN: usize = 2000;

/// Fields of a ref, each but the last closed by a NUL, which no ref and no subject holds.
const FORMAT: &str = "--format=%(refname)%00%(objectname)%00%(upstream)%00%(upstream:track,nobracket)%00%(committerdate:unix)%00%(symref)%00%(contents:subject)";
/// Fields of a stash.
const STASH_FORMAT: &str = "--format=%gd%x00%H%x00%ct%x00%gs";

/// One ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ref {
    pub(super) name: String,
    pub(super) id: String,
    upstream: String,
    track: String,
    time: Option<i64>,
    is_symbolic: bool,
    subject: String,
}

/// Every ref that matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refs(Vec<Ref>);

impl Refs {
    /// Lists branches, remote branches, tags, and what is kept.
    pub(super) fn read(repository: &Repository<'_>) -> Result<Self, PlanRefusal> {
        let args = ["for-each-ref", FORMAT, "refs/heads", "refs/remotes", "refs/tags", "refs/reeve/undo"];
        let listed = repository.bytes(args)?;
        let lines = listed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| one(line).ok_or_else(|| unreadable("for-each-ref printed what is no ref")))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// What a ref stands for.
    pub(super) fn id(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|one| one.name == name).map(|one| one.id.as_str())
    }

    /// What was kept under a name: the refs below it, and what they stand for.
    pub(super) fn kept(&self, name: &str) -> Vec<&Ref> {
        let below = format!("{KEPT}{name}/");
        self.0.iter().filter(|one| one.name.starts_with(&below)).collect()
    }

    /// A name under which nothing is kept yet, the same as long as nothing changes.
    pub(super) fn free_name(&self, wanted: &str) -> String {
        let is_free = |name: &String| self.kept(name).is_empty();
        let numbered = (2..).map(|number| format!("{wanted}-{number}"));
        std::iter::once(wanted.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
    }

    /// Branches, for the caller.
    pub(super) fn branches(&self, current: Option<&str>) -> Value {
        let branch = |one: &Ref| {
            let local = one.name.strip_prefix("refs/heads/");
            let name = local.or_else(|| one.name.strip_prefix("refs/remotes/"))?;
            (!one.is_symbolic).then(|| {
                json!({
                    "name": name, "remote": local.is_none(), "current": local.is_some() && current == local,
                    "commit": one.id, "upstream": one.upstream.strip_prefix("refs/remotes/"),
                    "track": (!one.track.is_empty()).then_some(&one.track), "time": one.time, "subject": harmless(&one.subject),
                })
            })
        };
        let branches: Vec<Value> = self.0.iter().filter_map(branch).collect();
        let count = branches.len();
        let shown: Vec<Value> = branches.into_iter().take(MOST_SHOWN).collect();
        json!({"branches": shown, "count": count, "truncated": count > MOST_SHOWN})
    }

    /// What is kept, for the caller.
    pub(super) fn all_kept(&self) -> Vec<Value> {
        let kept = |one: &Ref| {
            let (name, what) = one.name.strip_prefix(KEPT)?.split_once('/')?;
            Some(json!({"name": name, "what": what, "commit": one.id, "time": one.time}))
        };
        self.0.iter().filter_map(kept).collect()
    }
}

fn one(line: &[u8]) -> Option<Ref> {
    let text = String::from_utf8_lossy(line);
    let mut fields = text.splitn(7, '\0').map(str::to_owned);
    let name = fields.next()?;
    let id = fields.next().filter(|id| is_id(id))?;
    let (upstream, track) = (fields.next()?, fields.next()?);
    let time = fields.next()?.parse().ok();
    let is_symbolic = !fields.next()?.is_empty();
    Some(Ref { name, id, upstream, track, time, is_symbolic, subject: fields.next()? })
}

/// One stash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stash {
    /// `stash@{0}`.
    pub(super) place: String,
    pub(super) id: String,
    time: Option<i64>,
    pub(super) message: String,
}

impl Stash {
    /// Whether it was put away under this name.
    pub(super) fn is_named(&self, mark: &str) -> bool {
        self.message.split_once(": ").is_some_and(|(_branch, message)| message == mark)
    }

    /// For the caller.
    pub(super) fn answer(&self) -> Value {
        let name = self
            .message
            .split_once(": ")
            .and_then(|(_branch, message)| message.strip_prefix(super::stash::MARK));
        json!({"place": self.place, "commit": self.id, "time": self.time, "message": harmless(&self.message), "name": name.map(harmless)})
    }
}

/// Every stash, the newest first.
pub(super) fn stashes(repository: &Repository<'_>) -> Result<Vec<Stash>, PlanRefusal> {
    let there =
        repository.ask(["rev-parse", "--verify", "--quiet", "--end-of-options", "refs/stash^{commit}"])?;
    if there.exit_code != 0 {
        return Ok(Vec::new());
    }
    let args = [
        "log",
        "--walk-reflogs",
        "-z",
        "--no-color",
        "--no-show-signature",
        STASH_FORMAT,
        "--end-of-options",
        "refs/stash",
        "--",
    ];
    let listed = repository.bytes(args)?;
    let mut fields = listed.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned());
    let mut stashes = Vec::new();
    while let Some(place) = fields.next().filter(|place| !place.is_empty()) {
        let (Some(id), Some(time), Some(message)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(unreadable("git printed half a stash"));
        };
        if !is_id(&id) {
            return Err(unreadable("git printed a stash without an id"));
        }
        // The place is the number in the list, unless `log.date` made a time of it.
        let place_is_plain = place == format!("stash@{{{}}}", stashes.len())
            || place == format!("refs/stash@{{{}}}", stashes.len());
        if !place_is_plain {
            return Err(unreadable("git numbered its stashes otherwise"));
        }
        let place = format!("stash@{{{}}}", stashes.len());
        stashes.push(Stash { place, id, time: time.parse().ok(), message });
    }
    Ok(stashes)
}
