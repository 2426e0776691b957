//! What `git status --porcelain=v2 -z --branch` prints, as values.

use serde_json::{Value, json};

use crate::adapter::Garbled;

/// How many files an answer lists; more are counted.
const MOST_SHOWN: usize = 2000;

/// How a repository stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// The current commit; none before the first.
    pub(super) commit: Option<String>,
    /// The current branch; none when HEAD is detached.
    pub(super) branch: Option<String>,
    pub(super) upstream: Option<String>,
    pub(super) ahead: Option<u64>,
    pub(super) behind: Option<u64>,
    pub(super) files: Vec<File>,
}

/// A file that is not as committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: Vec<u8>,
    pub(super) state: State,
}

/// What is so with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Tracked, and changed: what is staged (a letter, or `.`), what is not, and the id of what is staged.
    Changed { staged: char, unstaged: char, id: String },
    /// A submodule at another commit, or with changes of its own.
    Submodule,
    /// A merge that nobody has ended.
    Unmerged,
    /// Not tracked.
    Untracked,
    /// Not tracked, and ignored.
    Ignored,
}

impl File {
    /// The path, when it is text.
    pub(super) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.path).ok()
    }

    /// The path, with what is no text replaced.
    pub(super) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.path).into_owned()
    }

    /// Another repository inside, which git leaves alone.
    pub(super) fn is_folder(&self) -> bool {
        self.path.ends_with(b"/")
    }
}

impl Status {
    /// Reads the output.
    pub(super) fn read(stdout: &[u8]) -> Result<Self, Garbled> {
        let mut status = Self::default();
        let mut records = stdout.split(|byte| *byte == 0);
        while let Some(record) = records.next() {
            match record.first() {
                None => {}
                Some(b'#') => status.header(record)?,
                // A rename has its old path in the next record. Renames are not asked for, and would be two paths.
                Some(b'2') => {
                    records.next();
                    status.files.push(changed(record, 9)?);
                }
                Some(b'1') => status.files.push(changed(record, 8)?),
                Some(b'u') => {
                    status.files.push(File { path: field(record, 10)?.to_vec(), state: State::Unmerged });
                }
                Some(b'?') => status.files.push(plain(record, State::Untracked)?),
                Some(b'!') => status.files.push(plain(record, State::Ignored)?),
                Some(_) => return Err(garbled(record)),
            }
        }
        Ok(status)
    }

    fn header(&mut self, record: &[u8]) -> Result<(), Garbled> {
        let text = std::str::from_utf8(record).map_err(|_error| garbled(record))?;
        if let Some(oid) = text.strip_prefix("# branch.oid ") {
            self.commit = (oid != "(initial)").then(|| oid.to_owned());
        } else if let Some(head) = text.strip_prefix("# branch.head ") {
            self.branch = (head != "(detached)").then(|| head.to_owned());
        } else if let Some(upstream) = text.strip_prefix("# branch.upstream ") {
            self.upstream = Some(upstream.to_owned());
        } else if let Some(counts) = text.strip_prefix("# branch.ab +") {
            let counts = counts
                .split_once(" -")
                .and_then(|(ahead, behind)| Some((ahead.parse::<u64>().ok()?, behind.parse::<u64>().ok()?)));
            let (ahead, behind) = counts.ok_or_else(|| garbled(record))?;
            (self.ahead, self.behind) = (Some(ahead), Some(behind));
        }
        Ok(())
    }

    /// Tracked files that are not as committed, submodules left out.
    pub(super) fn changes(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| matches!(file.state, State::Changed { .. } | State::Unmerged))
    }

    /// Untracked files, ignored ones too where they were asked for.
    pub(super) fn untracked(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| matches!(file.state, State::Untracked | State::Ignored))
    }

    /// Whether a merge waits for somebody to end it.
    pub(super) fn is_unmerged(&self) -> bool {
        self.files.iter().any(|file| file.state == State::Unmerged)
    }

    /// For the caller.
    pub(super) fn answer(&self) -> Value {
        let files: Vec<Value> = self.files.iter().take(MOST_SHOWN).map(File::answer).collect();
        json!({
            "commit": self.commit, "branch": self.branch, "upstream": self.upstream, "ahead": self.ahead,
            "behind": self.behind, "clean": self.files.is_empty(), "files": files, "count": self.files.len(),
            "truncated": self.files.len() > MOST_SHOWN,
        })
    }
}

impl File {
    fn answer(&self) -> Value {
        let path = self.shown();
        match &self.state {
            State::Changed { staged, unstaged, .. } => {
                json!({"path": path, "state": "changed", "staged": word(*staged), "unstaged": word(*unstaged)})
            }
            State::Submodule => json!({"path": path, "state": "submodule"}),
            State::Unmerged => json!({"path": path, "state": "unmerged"}),
            State::Untracked => json!({"path": path, "state": "untracked"}),
            State::Ignored => json!({"path": path, "state": "ignored"}),
        }
    }
}

fn word(letter: char) -> Option<&'static str> {
    match letter {
        'M' => Some("modified"),
        'T' => Some("type changed"),
        'A' => Some("added"),
        'D' => Some("deleted"),
        'R' => Some("renamed"),
        'C' => Some("copied"),
        _unchanged => None,
    }
}

/// The field at a place, counted from 0; the last one, the path, may have blanks.
fn field(record: &[u8], place: usize) -> Result<&[u8], Garbled> {
    record.splitn(place + 1, |byte| *byte == b' ').nth(place).ok_or_else(|| garbled(record))
}

fn changed(record: &[u8], path_at: usize) -> Result<File, Garbled> {
    let path = field(record, path_at)?;
    let (letters, submodule, id) = (word_at(record, 1)?, word_at(record, 2)?, word_at(record, 7));
    let mut letters = letters.chars();
    let (Some(staged), Some(unstaged), None) = (letters.next(), letters.next(), letters.next()) else {
        return Err(garbled(record));
    };
    let state = match submodule.starts_with('S') {
        true => State::Submodule,
        false => State::Changed { staged, unstaged, id: id? },
    };
    Ok(File { path: path.to_vec(), state })
}

fn word_at(record: &[u8], place: usize) -> Result<String, Garbled> {
    let word = record.split(|byte| *byte == b' ').nth(place).ok_or_else(|| garbled(record))?;
    String::from_utf8(word.to_vec()).map_err(|_error| garbled(record))
}

fn plain(record: &[u8], state: State) -> Result<File, Garbled> {
    let path = record.get(2..).filter(|path| !path.is_empty()).ok_or_else(|| garbled(record))?;
    Ok(File { path: path.to_vec(), state })
}

fn garbled(record: &[u8]) -> Garbled {
    Garbled(format!("status: {}", String::from_utf8_lossy(record).escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "4c7442bcf5acd0f1e2a95fe4f12b12c6b779b585";

    fn read(text: &str) -> Result<Status, Garbled> {
        Status::read(text.as_bytes())
    }

    fn changed(path: &str, staged: char, unstaged: char) -> File {
        let state = State::Changed { staged, unstaged, id: HEAD.to_owned() };
        File { path: path.as_bytes().to_vec(), state }
    }

    #[test]
    fn every_kind_of_record_is_read() {
        let one = |letters: &str, sub: &str, path: &str| {
            format!("1 {letters} {sub} 100644 100644 100644 {HEAD} {HEAD} {path}\0")
        };
        let text = format!(
            "# branch.oid {HEAD}\0# branch.head main\0# branch.upstream origin/main\0# branch.ab +2 -1\0\
             {}{}{}u UU N... 100644 100644 100644 100644 {HEAD} {HEAD} {HEAD} both\0? a b\0! target/x\0",
            one(".M", "N...", "src/a b.rs"),
            one("A.", "N...", "-new"),
            one(".M", "SC..", "vendor/x"),
        );
        let status = read(&text).unwrap();
        assert_eq!(
            (status.commit.as_deref(), status.branch.as_deref(), status.upstream.as_deref()),
            (Some(HEAD), Some("main"), Some("origin/main"))
        );
        assert_eq!((status.ahead, status.behind), (Some(2), Some(1)));
        let file = |path: &str, state| File { path: path.as_bytes().to_vec(), state };
        assert_eq!(
            status.files,
            [
                changed("src/a b.rs", '.', 'M'),
                changed("-new", 'A', '.'),
                file("vendor/x", State::Submodule),
                file("both", State::Unmerged),
                file("a b", State::Untracked),
                file("target/x", State::Ignored),
            ]
        );
        assert!(status.is_unmerged());
    }

    #[test]
    fn a_path_with_a_newline_is_one_path() {
        let status = read("? a\n? b\0").unwrap();
        assert_eq!(status.files.len(), 1);
    }

    #[test]
    fn no_commit_and_no_branch_are_none() {
        let status = read("# branch.oid (initial)\0# branch.head (detached)\0").unwrap();
        assert_eq!((status.commit, status.branch), (None, None));
    }

    #[test]
    fn what_is_not_understood_is_no_clean_repository() {
        for text in ["x y\0", "1 .M\0", "? \0", "# branch.ab +x -1\0", "1 .MM N... 1 1 1 a b c\0"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
