//! Names of repositories, branches, revisions, remotes, files, stashes and kept states: git's rules
//! (`git-check-ref-format(1)`), and stricter where that is safe. Nothing here begins with `-`, holds a blank or leads upwards.

use crate::operation::Invalid;
use crate::operation::name_type::name_type;

/// As long as the path of a repository, or of a file in one, may be.
const MAX_PATH: usize = 1024;
/// As long as the name of a branch or a revision may be.
const MAX_REF: usize = 200;

name_type! {
    /// A repository's working tree, by its absolute path: `/srv/app`.
    RepositoryPath, check_repository
}
name_type! {
    /// A local branch: `main`, `feature/x`.
    BranchName, check_branch
}
name_type! {
    /// A commit, by branch, tag, remote branch or id, with steps back: `main`, `origin/main~2`, `1a2b3c4`.
    Revision, check_revision
}
name_type! {
    /// A remote: `origin`.
    RemoteName, check_remote
}
name_type! {
    /// A file or folder in a repository, by its path from the top.
    FilePath, check_file
}
name_type! {
    /// The name that a stash is put away under.
    StashName, check_stash
}
name_type! {
    /// A state that Reeve kept before it took something away: `reset-1a2b3c4d`.
    KeptName, check_kept
}

impl RepositoryPath {
    /// Whether this is `other` or lies below it. Components are compared, never bytes: `/srv/a` does not hold `/srv/ab`.
    pub fn is_within(&self, other: &RepositoryPath) -> bool {
        self == other || self.0.strip_prefix(&other.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

fn here<T>(problem: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid::here(problem))
}

fn check_repository(path: &str) -> Result<(), Invalid> {
    let Some(inside) = path.strip_prefix('/') else { return here("is an absolute path: /srv/app") };
    if path.len() > MAX_PATH {
        return here(format!("is at most {MAX_PATH} bytes"));
    }
    for part in inside.split('/') {
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+' | b'@');
        if matches!(part, "" | "." | "..") || part.starts_with('-') || !part.bytes().all(plain) {
            return here("has parts of letters, digits and _ . - + @, none of them empty, `.` or `..`");
        }
        if part.eq_ignore_ascii_case(".git") {
            return here("is the working tree, not its .git directory");
        }
    }
    Ok(())
}

fn check_branch(name: &str) -> Result<(), Invalid> {
    if name.is_empty() || name.len() > MAX_REF {
        return here(format!("is 1 to {MAX_REF} bytes"));
    }
    if matches!(name, "HEAD" | "@") {
        return here("is git's own word, no branch");
    }
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+' | b'@' | b'#' | b'=')
    };
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && !part.ends_with('.')
            && !part.ends_with(".lock")
            && !part.contains("..")
            && part.bytes().all(plain)
    };
    if name.split('/').all(is_part) {
        return Ok(());
    }
    here("has parts of letters, digits and _ . - + @ # =, none of which begins with `-` or `.` or has `..`")
}

/// A name as of a branch, then any number of `~`, `~2`, `^`, `^2`. No `@{…}`, no `:`, no range.
fn check_revision(revision: &str) -> Result<(), Invalid> {
    let end = revision.find(['~', '^']).unwrap_or(revision.len());
    let (name, steps) = revision.split_at(end);
    if name != "HEAD" {
        check_branch(name)?;
    }
    let is_step = |step: &str| step.len() <= 5 && step.bytes().all(|byte| byte.is_ascii_digit());
    if steps.len() > 20 || !steps.split(['~', '^']).all(is_step) {
        return here("has only steps back behind its name: main~2, main^");
    }
    Ok(())
}

fn check_remote(name: &str) -> Result<(), Invalid> {
    if name.contains('/') {
        return here("is a remote's name, not its address");
    }
    check_branch(name)
}

fn check_file(path: &str) -> Result<(), Invalid> {
    if path.len() > MAX_PATH {
        return here(format!("is at most {MAX_PATH} bytes"));
    }
    if path.chars().any(char::is_control) {
        return here("has no control characters");
    }
    let part_is_bad = |part: &str| matches!(part, "" | "." | "..") || part.eq_ignore_ascii_case(".git");
    if path.split('/').any(part_is_bad) {
        return here("is a path from the repository's top, without empty parts, `.`, `..` and `.git`");
    }
    Ok(())
}

fn check_stash(name: &str) -> Result<(), Invalid> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let is_name = (1..=64).contains(&name.len()) && !name.starts_with(['-', '.']) && name.bytes().all(plain);
    if is_name {
        Ok(())
    } else {
        here("is 1 to 64 letters, digits and _ . -, and begins with a letter or digit")
    }
}

fn check_kept(name: &str) -> Result<(), Invalid> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let tail = name.strip_prefix("reset-").or_else(|| name.strip_prefix("clean-"));
    let is_name = tail.is_some_and(|tail| (1..=32).contains(&tail.len()) && tail.bytes().all(plain));
    if is_name { Ok(()) } else { here("is a name that a reset or clean gave: reset-1a2b3c4d") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes<T: TryFrom<String>>(names: &[&str]) {
        for name in names {
            assert!(T::try_from((*name).to_owned()).is_ok(), "{name:?} is a name");
        }
    }

    fn refuses<T: TryFrom<String>>(names: &[&str]) {
        for name in names {
            assert!(T::try_from((*name).to_owned()).is_err(), "{name:?} is no name");
        }
    }

    #[test]
    fn a_repository_is_an_absolute_path_without_ways_around() {
        takes::<RepositoryPath>(&["/srv/app", "/srv/app.git", "/a/b-c/d_e/@x+1", "/srv/..x"]);
        refuses::<RepositoryPath>(&[
            "",
            "/",
            "srv/app",
            "/srv//app",
            "/srv/app/",
            "/srv/./app",
            "/srv/../etc",
            "/srv/-x",
            "/srv/a b",
            "/srv/é",
            "/srv/app/.git",
            "/srv/app/.GIT",
            "/srv/a\n",
            "/srv/a:b",
            "/srv/$(id)",
            "~/app",
        ]);
    }

    #[test]
    fn a_repository_beside_is_not_inside() {
        let path = |text: &str| RepositoryPath::try_from(text.to_owned()).unwrap();
        assert!(path("/srv/app").is_within(&path("/srv/app")));
        assert!(path("/srv/app/vendor/x").is_within(&path("/srv/app")));
        assert!(!path("/srv/app-evil").is_within(&path("/srv/app")));
        assert!(!path("/srv").is_within(&path("/srv/app")));
    }

    #[test]
    fn a_branch_that_git_could_read_otherwise_is_refused() {
        takes::<BranchName>(&["main", "feature/x-1", "v1.2.3", "a@b", "fix#12", "x=y"]);
        refuses::<BranchName>(&[
            "",
            "-f",
            "--output=x",
            "a/-b",
            ".a",
            "a/.b",
            "a..b",
            "a.",
            "a.lock",
            "a.lock/b",
            "a b",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "a@{1}",
            "@",
            "HEAD",
            "/a",
            "a/",
            "a//b",
            "é",
            "a\n",
        ]);
    }

    #[test]
    fn a_revision_is_a_name_with_steps_back_and_nothing_else() {
        takes::<Revision>(&["HEAD", "HEAD~3", "main^", "main^2~1", "origin/main", "1a2b3c4", "v1.0"]);
        refuses::<Revision>(&[
            "",
            "~1",
            "-1",
            "--all",
            "main..x",
            "main:file",
            "main@{1}",
            "main^{tree}",
            "main^{/x}",
            ":/x",
            "main~x",
            "main ~1",
            "^main",
            "@{-1}",
        ]);
    }

    #[test]
    fn a_remote_is_a_name_and_never_an_address() {
        takes::<RemoteName>(&["origin", "up-stream"]);
        refuses::<RemoteName>(&["", "-o", "../x", "/srv/x", "ext::id", "https://x", "host:path", "a/b"]);
    }

    #[test]
    fn a_file_lies_in_the_repository_and_outside_of_its_git_directory() {
        takes::<FilePath>(&["a", "a/b c", "-x", "--all", "*", ":(top)x", "ä"]);
        refuses::<FilePath>(&[
            "",
            "/a",
            "a/",
            "a//b",
            ".",
            "a/./b",
            "../a",
            "a/..",
            ".git",
            ".git/config",
            "a/.Git/x",
            "a\nb",
        ]);
    }

    #[test]
    fn stashes_and_kept_states_have_plain_names() {
        takes::<StashName>(&["wip", "before.upgrade-1"]);
        refuses::<StashName>(&["", "-a", ".a", "a b", "a/b", "a}", "stash@{0}"]);
        takes::<KeptName>(&["reset-1a2b3c4d", "clean-1a2b-2"]);
        refuses::<KeptName>(&["", "reset-", "x-1", "reset-A", "reset-1/2", "reset-1 2", "../reset-1"]);
    }
}
