//! Commits: how two stand to each other, what would be lost, and what `log`, `show` and `diff` answer.

use serde_json::{Value, json};

use super::command;
use super::repository::{Repository, is_id, short, unreadable};
use crate::adapter::foreign::harmless;
use crate::adapter::{PlanRefusal, ReadAnswer, Rule};
use crate::operation::git::{FilePath, Revision};

/// How many commits a plan may lose.
const MOST_LOST: usize = 500;
/// How many commits a log has, where nobody says.
const USUAL: u64 = 20;
/// Fields of a commit, all closed by a NUL. A NUL in a message ends it.
const FORMAT: &str = "--format=%H%x00%P%x00%an%x00%ae%x00%at%x00%ct%x00%B";
/// How many fields that are.
const FIELDS: usize = 7;
/// What keeps everything but git itself from making a difference's text.
const PLAIN: [&str; 7] = [
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--ignore-submodules=dirty",
    "-z",
    "--numstat",
];

/// How far two commits are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Apart {
    /// Commits that only the first has.
    pub(super) ours: u64,
    /// Commits that only the second has.
    pub(super) theirs: u64,
}

/// How far they are apart; none when the second is not here yet.
pub(super) fn apart(
    repository: &Repository<'_>,
    ours: &str,
    theirs: &str,
) -> Result<Option<Apart>, PlanRefusal> {
    let range = format!("{ours}...{theirs}");
    let counted =
        repository.ask(["rev-list", "--left-right", "--count", "--end-of-options", &range, "--"])?;
    if counted.exit_code != 0 {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&counted.stdout);
    let counts = text
        .trim()
        .split_once('\t')
        .and_then(|(ours, theirs)| Some(Apart { ours: ours.parse().ok()?, theirs: theirs.parse().ok()? }));
    counts.map(Some).ok_or_else(|| unreadable("rev-list printed no counts"))
}

/// A commit that no branch and no tag would lead to any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) id: String,
    pub(super) subject: String,
}

/// What would be lost if the branch (or a detached HEAD) went from one commit to another.
pub(super) fn lost(
    repository: &Repository<'_>,
    branch: Option<&str>,
    (from, to): (&str, &str),
) -> Result<Vec<Lost>, PlanRefusal> {
    let count = format!("--max-count={}", MOST_LOST + 1);
    let mut args =
        vec!["log".to_owned(), "-z".to_owned(), "--no-show-signature".to_owned(), "--no-color".to_owned()];
    args.extend([
        count,
        "--format=%H%x00%P%x00%s".to_owned(),
        from.to_owned(),
        "--not".to_owned(),
        to.to_owned(),
    ]);
    args.extend(branch.map(|branch| format!("--exclude={branch}")));
    args.extend(["--branches", "--tags", "--remotes", "--"].map(str::to_owned));
    let listed = repository.bytes(args)?;
    let mut fields = listed.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned());
    let (mut lost, mut first) = (Vec::new(), None);
    while let Some(id) = fields.next().filter(|id| !id.is_empty()) {
        let (Some(parents), Some(subject)) = (fields.next(), fields.next().filter(|_| is_id(&id))) else {
            return Err(unreadable("git printed half a commit"));
        };
        if parents.is_empty() {
            first = Some(id.clone());
        }
        lost.push(Lost { id, subject });
    }
    if lost.len() > MOST_LOST {
        let reason = format!("more than {MOST_LOST} commits would be lost");
        return Err(PlanRefusal::new(Rule::GitTooMany, reason));
    }
    match first {
        Some(first) => nothing_behind(repository, &first).map(|()| lost),
        None => Ok(lost),
    }
}

/// That a commit without parents is the first one indeed. `.git/shallow` takes the parents of any commit away, and what
/// is lost behind it would not be listed.
fn nothing_behind(repository: &Repository<'_>, first: &str) -> Result<(), PlanRefusal> {
    if repository.text(["rev-parse", "--is-shallow-repository"])?.trim_end() == "false" {
        return Ok(());
    }
    let reason = format!(
        "{} would be lost, and its history is cut off: what is lost behind it is not known",
        short(first)
    );
    Err(PlanRefusal::new(Rule::GitShallow, reason))
}

/// Answers `log`.
pub(super) fn log(
    repository: &Repository<'_>,
    (revision, count): (Option<&Revision>, Option<u64>),
    path: Option<&FilePath>,
) -> Result<ReadAnswer, PlanRefusal> {
    let start = match revision {
        Some(revision) => repository.commit(revision)?,
        None => match repository.status(super::repository::Untracked::No, &[])?.commit {
            Some(commit) => commit,
            None => return Ok(answer(json!({"commits": []}))),
        },
    };
    let count = format!("--max-count={}", count.unwrap_or(USUAL));
    let mut args =
        ["log", "-z", "--no-show-signature", "--no-color", &count, FORMAT, "--end-of-options", &start, "--"]
            .map(str::to_owned)
            .to_vec();
    args.extend(path.map(command::path));
    let listed = repository.bytes(args)?;
    let fields: Vec<&[u8]> = listed.strip_suffix(b"\0").unwrap_or(&listed).split(|byte| *byte == 0).collect();
    let is_empty = listed.is_empty();
    let commits: Option<Vec<Value>> = fields.chunks(FIELDS).filter(|_| !is_empty).map(commit).collect();
    Ok(answer(json!({"commits": commits.ok_or_else(|| unreadable("git printed half a commit"))?})))
}

fn answer(result: Value) -> ReadAnswer {
    ReadAnswer { result, exit_code: 0 }
}

fn commit(fields: &[&[u8]]) -> Option<Value> {
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    let [id, parents, author, mail, authored, committed, message] = fields else { return None };
    let (id, parents) = (text(id), text(parents));
    let parents: Vec<&str> = parents.split(' ').filter(|parent| !parent.is_empty()).collect();
    if !is_id(&id) || !parents.iter().all(|parent| is_id(parent)) {
        return None;
    }
    let words = |field: &[u8]| harmless(&text(field));
    let message = words(message);
    Some(json!({
        "commit": id, "parents": parents, "author": {"name": words(author), "mail": words(mail)},
        "authored": text(authored).parse::<i64>().ok(), "committed": text(committed).parse::<i64>().ok(),
        "message": message.trim_end(),
    }))
}

/// Answers `show`.
pub(super) fn show(repository: &Repository<'_>, revision: &Revision) -> Result<ReadAnswer, PlanRefusal> {
    let id = repository.commit(revision)?;
    let head = ["show", FORMAT, "--no-show-signature", "--diff-merges=first-parent"];
    let (printed, is_whole) = with_patch(repository, &head, &["--end-of-options", &id, "--"])?;
    let mut parts = printed.splitn(FIELDS + 1, |byte| *byte == 0);
    let fields: Vec<&[u8]> = parts.by_ref().take(FIELDS).collect();
    let mut shown = commit(&fields).ok_or_else(|| unreadable("git printed half a commit"))?;
    let rest = parts.next().unwrap_or_default();
    let rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    let changed = Changed::read(rest)?.answer(is_whole);
    if let (Some(shown), Value::Object(changed)) = (shown.as_object_mut(), changed) {
        shown.extend(changed);
    }
    Ok(answer(shown))
}

/// What `diff` compares.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) from: Option<&'a Revision>,
    pub(super) to: Option<&'a Revision>,
    pub(super) staged: bool,
}

/// Answers `diff`.
pub(super) fn diff(
    repository: &Repository<'_>,
    sides: Sides<'_>,
    path: Option<&FilePath>,
) -> Result<ReadAnswer, PlanRefusal> {
    let mut last = Vec::new();
    if sides.staged {
        last.push("--cached".to_owned());
    }
    last.push("--end-of-options".to_owned());
    for side in [sides.from, sides.to].into_iter().flatten() {
        last.push(repository.commit(side)?);
    }
    last.push("--".to_owned());
    last.extend(path.map(command::path));
    let last: Vec<&str> = last.iter().map(String::as_str).collect();
    let (printed, is_whole) = with_patch(repository, &["diff"], &last)?;
    Ok(answer(Changed::read(&printed)?.answer(is_whole)))
}

/// Runs it with the whole text of the difference, and where that is too much, without.
fn with_patch(
    repository: &Repository<'_>,
    head: &[&str],
    last: &[&str],
) -> Result<(Vec<u8>, bool), PlanRefusal> {
    let with = head.iter().chain(&PLAIN).chain(&["--patch"]).chain(last).copied();
    match repository.bytes(with) {
        Ok(printed) => Ok((printed, true)),
        Err(refusal) if refusal.rule == Rule::HostUnreadable => {
            let without = head.iter().chain(&PLAIN).chain(last).copied();
            Ok((repository.bytes(without)?, false))
        }
        Err(refusal) => Err(refusal),
    }
}

/// Files with what was added and taken away in each, and the text of the difference.
#[derive(Debug, Default)]
pub(super) struct Changed<'a> {
    /// Path, lines added, lines taken away; no lines for a binary file.
    pub(super) files: Vec<(&'a [u8], Option<u64>, Option<u64>)>,
    pub(super) patch: &'a [u8],
}

impl<'a> Changed<'a> {
    /// Reads what `--numstat --patch -z` printed: a record for each file, an empty one, and the text.
    pub(super) fn read(printed: &'a [u8]) -> Result<Self, PlanRefusal> {
        let mut changed = Self::default();
        let mut rest = printed;
        while let Some(end) = rest.iter().position(|byte| *byte == 0) {
            let (record, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            if record.is_empty() {
                changed.patch = rest;
                return Ok(changed);
            }
            let mut fields = record.splitn(3, |byte| *byte == b'\t');
            let (Some(added), Some(taken), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
                return Err(unreadable("git printed a difference that is none"));
            };
            let count = |field: &[u8]| std::str::from_utf8(field).ok().and_then(|text| text.parse().ok());
            changed.files.push((path, count(added), count(taken)));
        }
        Ok(changed)
    }

    fn answer(&self, is_whole: bool) -> Value {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let file = |(path, added, removed): &(&[u8], Option<u64>, Option<u64>)| json!({"path": text(path), "added": added, "removed": removed});
        let files: Vec<Value> = self.files.iter().map(file).collect();
        json!({"files": files, "patch": is_whole.then(|| harmless(&text(self.patch))), "truncated": !is_whole})
    }

    /// The text of each file's difference, in the order of the files; none where git wrote something else between them.
    pub(super) fn sections(&self) -> Option<Vec<&'a [u8]>> {
        // No line of a difference begins like this but its first: content has a mark before it.
        const HEAD: &[u8] = b"diff --git ";
        let is_start = |at: &usize| {
            let before = at.checked_sub(1).and_then(|before| self.patch.get(before));
            before.is_none_or(|byte| *byte == b'\n')
                && self.patch.get(*at..).is_some_and(|rest| rest.starts_with(HEAD))
        };
        let starts: Vec<usize> = (0..self.patch.len()).filter(is_start).collect();
        let ends = starts.iter().skip(1).copied().chain([self.patch.len()]);
        let sections: Option<Vec<&[u8]>> =
            starts.iter().zip(ends).map(|(start, end)| self.patch.get(*start..end)).collect();
        sections.filter(|sections| sections.len() == self.files.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_files_and_a_text_with_a_part_for_each() {
        let printed =
            b"1\t0\ta b\0-\t-\tbin\0\0diff --git a/a b b/a b\n+diff --git x\ndiff --git a/bin b/bin\nX\n";
        let changed = Changed::read(printed).unwrap();
        assert_eq!(changed.files, [(&b"a b"[..], Some(1), Some(0)), (&b"bin"[..], None, None)]);
        let sections = changed.sections().unwrap();
        assert_eq!(
            sections,
            [&b"diff --git a/a b b/a b\n+diff --git x\n"[..], b"diff --git a/bin b/bin\nX\n"]
        );
        assert!(Changed::read(b"").unwrap().files.is_empty());
        assert!(Changed::read(b"what\0").is_err());
    }

    #[test]
    fn a_commit_is_seven_fields_with_ids_where_ids_belong() {
        let id = "4c7442bcf5acd0f1e2a95fe4f12b12c6b779b585";
        let fields: Vec<&[u8]> = vec![id.as_bytes(), b"", b"A", b"a@b", b"1", b"2", b"one\n\nbody\n"];
        assert_eq!(
            commit(&fields).unwrap(),
            json!({"commit": id, "parents": [], "author": {"name": "A", "mail": "a@b"}, "authored": 1, "committed": 2,
                   "message": "one\n\nbody"})
        );
        assert_eq!(commit(&fields[..6]), None);
        let forged: Vec<&[u8]> = vec![b"x", b"", b"A", b"a@b", b"1", b"2", b"one"];
        assert_eq!(commit(&forged), None);
    }
}
