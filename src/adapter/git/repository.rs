//! A repository that has been looked over: its configuration is harmless and its objects are its own. Everything that
//! reads or changes one begins with [`Repository::open`].

use super::command::{far, git};
use super::config::Config;
use super::status::Status;
use crate::adapter::{Argv, Garbled, Host, HostError, PlanRefusal, Rule, ToolOutput};
use crate::operation::Digest;
use crate::operation::git::{FilePath, RepositoryPath, Revision};

/// The arguments of every `git status`.
const STATUS: [&str; 6] =
    ["status", "--porcelain=v2", "-z", "--branch", "--no-renames", "--ignore-submodules=dirty"];

/// Which files besides tracked ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untracked {
    /// None.
    No,
    /// Those that are not ignored.
    Yes,
    /// All.
    AndIgnored,
}

/// A repository whose configuration and objects were found harmless.
pub(super) struct Repository<'a> {
    pub(super) host: &'a dyn Host,
    pub(super) path: &'a RepositoryPath,
    pub(super) config: Config,
}

impl<'a> Repository<'a> {
    /// Looks a repository over.
    pub(super) fn open(host: &'a dyn Host, path: &'a RepositoryPath) -> Result<Self, PlanRefusal> {
        let argv = git(path, ["config", "--local", "--no-includes", "-z", "--list"]);
        let listed = match host.read(&argv) {
            Err(HostError::Refused { said, .. }) => return Err(not_entered(path, &said)),
            listed => listed.map_err(|error| unreadable(error.to_string()))?,
        };
        if listed.exit_code != 0 {
            return Err(not_entered(path, ""));
        }
        let config = Config::read(&listed.stdout, &host.settings().git.tolerated)?;
        let repository = Self { host, path, config };
        repository.objects_are_its_own()?;
        Ok(repository)
    }

    /// Objects may come from elsewhere only where root's configuration says so.
    fn objects_are_its_own(&self) -> Result<(), PlanRefusal> {
        let counted = self.text(["count-objects", "-v"])?;
        for line in counted.lines() {
            let Some(folder) = line.strip_prefix("alternate: ") else { continue };
            let is_allowed = |allowed: &String| {
                let rest = folder.strip_prefix(allowed.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && !folder.contains("/../")
            };
            if !self.host.settings().git.alternates.iter().any(is_allowed) {
                let reason = format!("its objects come from {}, too", folder.escape_debug());
                return Err(PlanRefusal::new(Rule::GitAlternates, reason));
            }
        }
        Ok(())
    }

    /// Runs git here, whatever its exit status is.
    pub(super) fn ask<T: Into<String>>(
        &self,
        args: impl IntoIterator<Item = T>,
    ) -> Result<ToolOutput, PlanRefusal> {
        ask(self.host, &git(self.path, args))
    }

    /// Runs git here so that it asks another host.
    pub(super) fn ask_far<T: Into<String>>(
        &self,
        args: impl IntoIterator<Item = T>,
    ) -> Result<ToolOutput, PlanRefusal> {
        ask(self.host, &far(self.path, args))
    }

    /// What git prints, when it succeeds.
    pub(super) fn bytes<T: Into<String>>(
        &self,
        args: impl IntoIterator<Item = T>,
    ) -> Result<Vec<u8>, PlanRefusal> {
        let argv = git(self.path, args);
        let output = ask(self.host, &argv)?;
        if output.exit_code == 0 {
            return Ok(output.stdout);
        }
        Err(unreadable(format!("git could not read the repository (exit status {})", output.exit_code)))
    }

    /// The same as text.
    pub(super) fn text<T: Into<String>>(
        &self,
        args: impl IntoIterator<Item = T>,
    ) -> Result<String, PlanRefusal> {
        String::from_utf8(self.bytes(args)?).map_err(|_error| unreadable("git printed no text"))
    }

    /// Every file that is not as committed.
    pub(super) fn status(&self, untracked: Untracked, paths: &[FilePath]) -> Result<Status, PlanRefusal> {
        let files = match untracked {
            Untracked::No => "--untracked-files=no",
            Untracked::Yes | Untracked::AndIgnored => "--untracked-files=all",
        };
        let mut args: Vec<String> = STATUS.into_iter().chain([files]).map(str::to_owned).collect();
        if untracked == Untracked::AndIgnored {
            args.push("--ignored=traditional".to_owned());
        }
        if !paths.is_empty() {
            args.push("--".to_owned());
            args.extend(paths.iter().map(super::command::path));
        }
        Ok(Status::read(&self.bytes(args)?)?)
    }

    /// A digest for each file that git does not know, which is another as soon as anything of the file is. The content
    /// stands for nothing in it: it may be of any size.
    pub(super) fn identities(&self, files: &[FilePath]) -> Result<Vec<String>, PlanRefusal> {
        let printed = ask(self.host, &super::command::stat(self.path, files))?;
        let records = printed.stdout.split(|byte| *byte == 0).filter(|record| !record.is_empty());
        let digests: Vec<String> =
            records.map(|record| Digest::of_bytes(record).as_str().to_owned()).collect();
        if printed.exit_code != 0 || digests.len() != files.len() {
            return Err(unreadable("the files changed while they were looked at"));
        }
        Ok(digests)
    }

    /// The commit that a revision stands for, by its whole id.
    pub(super) fn commit(&self, revision: &Revision) -> Result<String, PlanRefusal> {
        let name = format!("{revision}^{{commit}}");
        let found = self.ask(["rev-parse", "--verify", "--quiet", "--end-of-options", &name])?;
        let id = String::from_utf8_lossy(&found.stdout).trim_end().to_owned();
        match found.exit_code {
            0 if is_id(&id) => Ok(id),
            _absent => Err(PlanRefusal::new(Rule::GitNotFound, format!("there is no commit {revision}"))),
        }
    }

    /// What an approval calls something in this repository.
    pub(super) fn name(&self, thing: &str) -> String {
        format!("{}:{thing}", self.path)
    }

    /// The id that no object has, which says "is not there" to `update-ref`.
    pub(super) fn no_id(&self) -> String {
        let is_sha256 = self.config.get("extensions.objectformat") == Some("sha256");
        "0".repeat(if is_sha256 { 64 } else { 40 })
    }
}

/// Whether this is an object's whole id.
pub(super) fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// An id as people read it.
pub(super) fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

/// A refusal because nothing is known.
pub(super) fn unreadable(reason: impl Into<String>) -> PlanRefusal {
    PlanRefusal::new(Rule::HostUnreadable, reason)
}

impl From<Garbled> for PlanRefusal {
    fn from(garbled: Garbled) -> Self {
        unreadable(garbled.to_string())
    }
}

fn ask(host: &dyn Host, argv: &Argv) -> Result<ToolOutput, PlanRefusal> {
    host.read(argv).map_err(|error: HostError| unreadable(error.to_string()))
}

/// What the wrapper says of a repository that it does not enter, and what a caller gets of it.
const NOT_ENTERED: [(&str, &str); 6] = [
    ("is not owned", "it belongs to another user"),
    ("has no .git", "it is no repository"),
    (".git is a link", "its .git is a link"),
    (".git is no directory", "its .git is a file that leads elsewhere"),
    ("leads elsewhere", "something in its .git leads elsewhere"),
    ("is a link", "a link stands in its path"),
];

/// The first command did not run: the wrapper did not enter, or git found no repository there.
fn not_entered(path: &RepositoryPath, said: &str) -> PlanRefusal {
    let known = NOT_ENTERED.iter().find(|(words, _)| said.contains(words)).map(|(_, why)| *why);
    let why = known.unwrap_or("it is no repository that can be entered");
    PlanRefusal::new(Rule::GitRepository, format!("{path}: {why}"))
}
