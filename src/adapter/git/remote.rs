//! Fetching. A remote's address is taken from the repository's configuration, compared with root's list, and then named
//! to git itself: what else the configuration says about remotes is never looked at.

use std::collections::BTreeMap;

use super::refs::Refs;
use super::repository::{Repository, is_id, short, unreadable};
use super::settings::Access;
use super::status::Status;
use super::url::Url;
use super::{command, guard, history};
use crate::adapter::{Action, Argv, Effects, Object, Plan, PlanRefusal, Rule, UndoOffer};
use crate::operation::Operation;
use crate::operation::git::{Act, BranchName, GitOperation, RemoteName, Revision};

/// `ssh` that reads nobody's configuration and asks nobody anything. The wrapper knows the same words.
const SSH: &str = "/usr/bin/ssh -F /dev/null -oBatchMode=yes -oIdentitiesOnly=yes -oStrictHostKeyChecking=yes \
                   -oGlobalKnownHostsFile=/dev/null -oConnectTimeout=10 -oUserKnownHostsFile=";

/// How many branches one fetch may move.
const MOST: usize = 1000;

/// A remote that may be fetched from.
pub(super) struct Remote {
    name: RemoteName,
    url: Url,
    /// The setting by which git opens it; it names files, and holds no secret.
    opened_by: String,
}

impl Remote {
    /// A remote by its name in the repository's configuration.
    pub(super) fn named(repository: &Repository<'_>, name: &RemoteName) -> Result<Self, PlanRefusal> {
        let refused = |why: String| PlanRefusal::new(Rule::GitRemote, format!("the remote {name} {why}"));
        let key = format!("remote.{name}.url");
        let written = repository.config.get(&key).ok_or_else(|| refused("is not there".to_owned()))?;
        let url = Url::parse(written)
            .map_err(|problem| refused(format!("has no address that is taken: {problem}")))?;
        let access = repository.host.settings().git.access(&url);
        let access = access.ok_or_else(|| refused(format!("is {url}, which nobody allowed")))?;
        let opened_by = match access {
            Access::Open => "core.sshCommand=/bin/false".to_owned(),
            Access::Ssh { key, known_hosts } => {
                format!("core.sshCommand={SSH}{known_hosts} -oIdentityFile={key}")
            }
            Access::Credentials(file) => format!("credential.helper=store --file={file}"),
        };
        Ok(Self { name: name.clone(), url, opened_by })
    }

    /// What the remote has, by the name of each branch and tag.
    fn refs(&self, repository: &Repository<'_>) -> Result<BTreeMap<String, String>, PlanRefusal> {
        let url = self.url.to_string();
        let args = ["-c", &self.opened_by, "ls-remote", "--quiet", "--heads", "--tags", "--refs", "--", &url];
        let output = repository.ask_far(args)?;
        if output.exit_code != 0 {
            let reason = format!("the remote {} did not answer: {}", self.name, why(&output.stderr));
            return Err(PlanRefusal::new(Rule::GitUnreachable, reason));
        }
        let text = String::from_utf8(output.stdout).map_err(|_error| unreadable("git printed no text"))?;
        let pair = |line: &str| {
            let (id, name) = line.split_once('\t')?;
            is_id(id).then(|| (name.to_owned(), id.to_owned()))
        };
        text.lines()
            .map(|line| pair(line).ok_or_else(|| unreadable("ls-remote printed what is no ref")))
            .collect()
    }

    fn fetch(&self, repository: &Repository<'_>, refspecs: &[String]) -> crate::adapter::Step {
        let url = self.url.to_string();
        let args = [
            "-c",
            &self.opened_by,
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-prune",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            "--no-write-fetch-head",
            "--",
            &url,
        ];
        let args = args.into_iter().map(str::to_owned).chain(refspecs.iter().cloned());
        let limit = Some(repository.host.settings().git.fetch_limit);
        command::step(Argv { limit, ..command::git(repository.path, args) })
    }

    fn tracking(&self, branch: &str) -> String {
        format!("refs/remotes/{}/{branch}", self.name)
    }
}

/// What git said, as far as a caller may know it: nothing of it, since a remote's words are foreign.
fn why(stderr: &[u8]) -> &'static str {
    super::explain::explain(stderr).as_str()
}

/// What a fetch brings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) remote: Option<&'a RemoteName>,
    pub(super) branch: Option<&'a BranchName>,
    pub(super) tags: bool,
}

/// Fetches branches, and tags where they are wanted.
pub(super) fn fetch(repository: &Repository<'_>, wanted: Wanted<'_>) -> Result<Plan, PlanRefusal> {
    let origin =
        RemoteName::try_from("origin".to_owned()).map_err(|invalid| unreadable(invalid.to_string()))?;
    let remote = Remote::named(repository, wanted.remote.unwrap_or(&origin))?;
    let far = remote.refs(repository)?;
    let here = Refs::read(repository)?;
    let is_wanted = |branch: &str| wanted.branch.is_none_or(|only| only.as_str() == branch);
    let mut objects = Vec::new();
    let mut refspecs = Vec::new();
    for (name, id) in &far {
        let branch = name.strip_prefix("refs/heads/").filter(|branch| is_wanted(branch));
        if let Some(branch) = branch {
            let ours = here.id(&remote.tracking(branch));
            objects.extend(moved(repository, &format!("{}/{branch}", remote.name), ours, id));
        }
        let tag = name.strip_prefix("refs/tags/").filter(|_| wanted.tags);
        if let Some(tag) = tag {
            objects.extend(new_tag(repository, tag, here.id(name), id)?);
        }
    }
    match wanted.branch {
        Some(only) if !far.contains_key(&format!("refs/heads/{only}")) => {
            return Err(PlanRefusal::new(
                Rule::GitNotFound,
                format!("the remote {} has no branch {only}", remote.name),
            ));
        }
        Some(only) => refspecs.push(format!("+refs/heads/{only}:{}", remote.tracking(only.as_str()))),
        None => refspecs.push(format!("+refs/heads/*:{}", remote.tracking("*"))),
    }
    if wanted.tags {
        refspecs.push("refs/tags/*:refs/tags/*".to_owned());
    }
    if objects.len() > MOST {
        let reason = format!("{} branches and tags would move; name one branch", objects.len());
        return Err(PlanRefusal::new(Rule::GitTooMany, reason));
    }
    let effects = Effects { objects, reversible: false, ..Effects::none() };
    if effects.objects.is_empty() {
        return Ok(Plan::settled(effects));
    }
    let steps = vec![remote.fetch(repository, &refspecs)];
    Ok(Plan { effects, steps, undo: None, settled: false })
}

/// A remote branch as it is kept here, when it is not so already.
fn moved(repository: &Repository<'_>, name: &str, ours: Option<&str>, theirs: &str) -> Option<Object> {
    let name = repository.name(name);
    match ours {
        Some(ours) if ours == theirs => None,
        Some(ours) => {
            let object = Object::new(Action::Move, "remote branch", name, Some(ours.to_owned()));
            Some(object.was(ours).becomes(theirs))
        }
        None => Some(Object::new(Action::Create, "remote branch", name, None).becomes(theirs)),
    }
}

/// A tag that is not here yet. One that is here and means something else stays, and is a reason to stop.
fn new_tag(
    repository: &Repository<'_>,
    tag: &str,
    ours: Option<&str>,
    theirs: &str,
) -> Result<Option<Object>, PlanRefusal> {
    match ours {
        Some(ours) if ours == theirs => Ok(None),
        Some(_) => {
            let reason = format!("the tag {tag} is here already, and means another commit");
            Err(PlanRefusal::new(Rule::GitExists, reason))
        }
        None => Ok(Some(Object::new(Action::Create, "tag", repository.name(tag), None).becomes(theirs))),
    }
}

/// Fetches the current branch's upstream and goes forward to it.
pub(super) fn pull(repository: &Repository<'_>) -> Result<Plan, PlanRefusal> {
    let status = guard::nothing_hidden(repository)?;
    let (branch, head) = guard::on_branch(&status)?;
    let (remote, upstream) = upstream(repository, branch)?;
    let theirs = remote.refs(repository)?.remove(&format!("refs/heads/{upstream}"));
    let theirs = theirs.ok_or_else(|| {
        let reason = format!("the remote {} has no branch {upstream}", remote.name);
        PlanRefusal::new(Rule::GitNotFound, reason)
    })?;
    let tracking = remote.tracking(&upstream);
    let tracked = Refs::read(repository)?.id(&tracking).map(str::to_owned);
    let mut objects: Vec<Object> =
        moved(repository, &format!("{}/{upstream}", remote.name), tracked.as_deref(), &theirs)
            .into_iter()
            .collect();
    let stands = history::apart(repository, head, &theirs)?;
    if let Some(apart) = stands {
        refuse_diverged(branch, &remote, apart)?;
    }
    let is_behind = stands.is_none_or(|apart| apart.theirs > 0);
    let refspec = format!("+refs/heads/{upstream}:{tracking}");
    let mut steps = Vec::new();
    if !objects.is_empty() || stands.is_none() {
        steps.push(remote.fetch(repository, &[refspec]));
    }
    if is_behind {
        let object = Object::new(Action::Move, "branch", repository.name(branch), Some(head.to_owned()));
        objects.push(object.was(head).becomes(&theirs).note(forward(stands)));
        let args = ["merge", "--ff-only", "--quiet", "--no-overwrite-ignore", &theirs];
        steps.push(command::step(command::git(repository.path, args)));
    }
    let undo = UndoOffer::by(back(repository, head)?);
    let effects = Effects { objects, undo: Some(format!("reset to {}", short(head))), ..Effects::none() };
    if effects.objects.is_empty() {
        return Ok(Plan::settled(Effects { undo: None, ..effects }));
    }
    Ok(Plan { effects, steps, undo: Some(undo), settled: false })
}

fn forward(stands: Option<history::Apart>) -> String {
    match stands {
        Some(apart) => format!("{} commits forward", apart.theirs),
        None => {
            "how many commits forward is known once they are here; a branch that diverged stays".to_owned()
        }
    }
}

fn refuse_diverged(branch: &str, remote: &Remote, apart: history::Apart) -> Result<(), PlanRefusal> {
    if apart.ours == 0 || apart.theirs == 0 {
        return Ok(());
    }
    let reason = format!(
        "{branch} and {} diverged: {} commits are here only, {} there only",
        remote.name, apart.ours, apart.theirs
    );
    Err(PlanRefusal::new(Rule::GitDiverged, reason))
}

/// Where a branch's configuration says that it comes from.
fn upstream(repository: &Repository<'_>, branch: &str) -> Result<(Remote, String), PlanRefusal> {
    let none = || PlanRefusal::new(Rule::GitNotFound, format!("{branch} has no upstream"));
    let remote = repository.config.get(&format!("branch.{branch}.remote")).ok_or_else(none)?;
    let remote = RemoteName::try_from(remote.to_owned()).map_err(|_invalid| none())?;
    let merge = repository.config.get(&format!("branch.{branch}.merge")).ok_or_else(none)?;
    let name = merge.strip_prefix("refs/heads/").ok_or_else(none)?;
    let name = BranchName::try_from(name.to_owned()).map_err(|_invalid| none())?;
    Ok((Remote::named(repository, &remote)?, name.to_string()))
}

/// The operation that takes the current branch back to a commit.
pub(super) fn back(repository: &Repository<'_>, commit: &str) -> Result<Operation, PlanRefusal> {
    let to = Revision::try_from(commit.to_owned()).map_err(|invalid| unreadable(invalid.to_string()))?;
    Ok(Operation::Git(GitOperation { repository: repository.path.clone(), act: Act::Reset { to } }))
}

/// Whether this status is of a repository without a commit, where most things make no sense yet.
pub(super) fn commit_of(status: &Status) -> Result<&str, PlanRefusal> {
    let unborn = || PlanRefusal::new(Rule::GitUnborn, "the repository has no commit yet");
    status.commit.as_deref().ok_or_else(unborn)
}
