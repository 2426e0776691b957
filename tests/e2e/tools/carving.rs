//! Rows 41 to 45: what is taken out of a grant again, by mounts, in tier C; and that tier B refuses what it cannot.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use reeve::sandbox::{Tier, Workspace};

use super::fixture::*;
use crate::host::up;

const PLACE: &str = "/var/lib/reeve-e2e-carved";
const REPOSITORY: &str = "/var/lib/reeve-tools/named/e2e-carved";
/// What a tool does to a repository: its own, and one deep inside of it.
const PLANT: &str = "for top in ['', 'vendor/x/']:\n  print(tried(wrote, top + '.git/hooks/pre-commit'), tried(wrote, top + '.git/config'), \
    tried(os.unlink, top + '.git/HEAD'), tried(os.rename, top + '.git', top + 'git'), tried(os.link, top + '.git/config', top + 'linked'))";

/// A workspace that stays, gone when this is.
struct Repository;

impl Repository {
    fn new() -> Repository {
        up();
        let repository = Repository;
        repository.tidy();
        let made = "for top in ['.git', 'vendor/x/.git']:\n  os.makedirs(top + '/hooks'); wrote(top + '/config'); wrote(top + '/HEAD')";
        Tool::probe(Tier::B, made).with(kept).run().text();
        repository
    }

    fn tidy(&self) {
        assert!(Command::new("/bin/rm").args(["-rf", REPOSITORY]).status().unwrap().success());
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        self.tidy();
    }
}

fn kept(tool: &mut Tool) {
    tool.confinement.workspace = Workspace::Named("e2e-carved".to_owned());
}

fn protecting(code: &str, protected: &[&str]) -> Tool {
    Tool::probe(Tier::C, code).with(kept).with(|tool| {
        tool.confinement.protected = protected.iter().map(|&one| one.to_owned()).collect();
    })
}

#[test]
fn row_041_what_is_protected_of_a_workspace_is_read_and_neither_written_nor_moved() {
    let _repository = Repository::new();
    let denied = "EROFS EROFS EROFS EBUSY EXDEV";
    let ran = protecting(PLANT, &[".git"]).run();
    assert_eq!(ran.text(), format!("{denied}\n{denied}"));
    let rest = "wrote('own'); os.rename('own', 'other'); print(tried(read, '.git/config'), os.listdir('.git/hooks'))";
    assert_eq!(protecting(rest, &[".git"]).run().text(), "OK []");
    // The control: the same without it.
    let free = "OK OK OK OK ENOENT";
    assert_eq!(protecting(PLANT, &[]).run().text(), format!("{free}\n{free}"));
    Tool::probe(Tier::B, "")
        .with(kept)
        .with(|tool| tool.confinement.protected = vec![".git".to_owned()])
        .run()
        .is_refused("argument");
}

/// Which file is at a path of the repository.
fn inode(path: &str) -> u64 {
    std::fs::symlink_metadata(format!("{REPOSITORY}/{path}")).unwrap().ino()
}

#[test]
fn row_042_a_protected_name_is_so_at_any_depth_and_no_directory_above_it_is_moved() {
    let _repository = Repository::new();
    let deep = "os.makedirs('a/b/c/.git'); open('a/b/c/w', 'w').close(); os.makedirs('w/t'); open('w/t/.git', 'w').write('gitdir: x')";
    Tool::probe(Tier::B, deep).with(kept).run().text();
    let before = ["a/b/c/.git", "vendor/x/.git"].map(inode);
    let code = "print(tried(wrote, 'a/b/c/.git/x'), tried(wrote, 'w/t/.git'), tried(os.unlink, 'w/t/.git'), tried(wrote, 'a/b/c/w'))\n\
        print(tried(os.rename, 'a', 'z'), tried(os.rename, 'a/b', 'a/z'), tried(os.rename, 'a/b/c', 'a/b/z'), tried(os.rename, 'vendor', 'v'), \
        tried(os.rename, 'vendor/x', 'x'), call(316, -100, b'a', -100, b'vendor', 2))\n\
        os.mkdir('a/b/own'); wrote('a/b/own/x'); os.rename('a/b/own', 'a/b/other'); os.unlink('a/b/other/x'); os.rmdir('a/b/other')";
    assert_eq!(
        protecting(code, &[".git"]).run().text(),
        "EROFS EROFS EBUSY OK\nEBUSY EBUSY EBUSY EBUSY EXDEV EBUSY"
    );
    assert_eq!(["a/b/c/.git", "vendor/x/.git"].map(inode), before);
    // A path is that one place.
    let one = "print(tried(wrote, 'a/b/c/.git/x'), tried(wrote, 'w/t/.git'), tried(os.rename, 'a', 'z'), tried(os.rename, 'vendor', 'v'))";
    assert_eq!(protecting(one, &["a/b/c/.git"]).run().text(), "EROFS OK EBUSY OK");
    assert_eq!(inode("a/b/c/.git"), before[0]);
    // The control: the same without it.
    assert_eq!(protecting(one, &[]).run().text(), "OK OK OK ENOENT");
}

#[test]
fn row_042_a_protected_file_with_another_name_keeps_the_tool_from_starting() {
    let _repository = Repository::new();
    Tool::probe(Tier::B, "os.link('.git/config', 'other')").with(kept).run().text();
    protecting("print('ran')", &[".git/config"]).run().is_refused(".git/config: is a file with more names");
    Tool::probe(Tier::B, "os.unlink('other')").with(kept).run().text();
    assert_eq!(protecting("print('ran')", &[".git/config"]).run().text(), "ran");
}

#[test]
fn row_043_what_is_protected_and_not_there_is_not_made_by_the_tool() {
    let _repository = Repository::new();
    let code = "print(tried(wrote, '.agent/x'), tried(os.rmdir, '.agent'), tried(os.rename, 'own', '.agent'), tried(wrote, 'ci/rc'), os.listdir('.agent'))\n\
        print(tried(os.rename, 'ci', 'x'), tried(wrote, 'ci/other'))";
    let tool = protecting(&format!("os.mkdir('own')\n{code}"), &[".agent", "ci/rc"]);
    assert_eq!(tool.run().text(), "EROFS EBUSY EBUSY EISDIR []\nEBUSY OK");
    let left = std::fs::read_dir(format!("{REPOSITORY}/.agent")).unwrap().count();
    assert_eq!(left, 0);
    let place = inode("ci/rc");
    protecting("tried(os.rename, 'ci', 'x')", &["ci/rc"]).run().text();
    assert_eq!(inode("ci/rc"), place);
}

#[test]
fn row_045_a_link_in_the_place_of_what_is_protected_keeps_the_tool_from_starting() {
    let _repository = Repository::new();
    std::os::unix::fs::symlink("/etc", format!("{REPOSITORY}/.agent")).unwrap();
    protecting("print('ran')", &[".agent"]).run().is_refused("a symbolic link stands in the way");
    protecting("print('ran')", &[".agent/passwd"]).run().is_refused("a symbolic link stands in the way");
    let ran = protecting("print('ran')", &[".git"]).run();
    assert_eq!(ran.text(), "ran");
}

#[test]
fn row_044_what_is_hidden_of_a_grant_is_not_there_and_what_is_granted_in_it_is() {
    up();
    drop(std::fs::remove_dir_all(PLACE));
    std::fs::create_dir_all(format!("{PLACE}/private/open")).unwrap();
    for file in ["seen", "key", "private/x", "private/open/y"] {
        std::fs::write(format!("{PLACE}/{file}"), "here").unwrap();
    }
    let code = format!(
        "P = '{PLACE}/'\nprint(tried(read, P + 'seen'), len(open(P + 'key').read()), os.listdir(P + 'private'), tried(read, P + 'private/x'), \
         tried(read, P + 'private/open/y'))"
    );
    let reading = |paths: &[&str], hidden: &[&str]| {
        let own = |all: &[&str]| all.iter().map(|one| format!("{PLACE}{one}")).collect::<Vec<_>>();
        let (paths, hidden) = (own(paths), own(hidden));
        move |tool: &mut Tool| (tool.confinement.read_only, tool.confinement.hidden) = (paths, hidden)
    };
    assert_eq!(
        outside(
            USER,
            &code
                .replace("os.listdir", "sorted(os.listdir")
                .replace("'private'), tried", "'private')), tried")
        ),
        "OK 4 ['open', 'x'] OK OK"
    );
    let carved = || reading(&["", "/private/open"], &["/private", "/key"]);
    assert_eq!(Tool::probe(Tier::C, &code).with(carved()).run().text(), "OK 0 ['open'] ENOENT OK");
    let writes = format!(
        "P = '{PLACE}/'\nprint(*(tried(wrote, P + name) in ('EROFS', 'EACCES') for name in ('private/new', 'key', 'seen')))"
    );
    assert_eq!(Tool::probe(Tier::C, &writes).with(carved()).run().text(), "True True True");
    let whole = Tool::probe(Tier::C, &code).with(reading(&[""], &["/private"]));
    assert_eq!(whole.run().text(), "OK 4 [] ENOENT ENOENT");
    Tool::probe(Tier::B, &code).with(carved()).run().is_refused("argument");
    // Where somebody else could move it, hiding it would mean nothing; and what is not there is not hidden.
    Tool::probe(Tier::C, &code).with(reading(&[""], &["/nowhere"])).run().is_refused("a file to act on");
    std::os::unix::fs::chown(PLACE, Some(reeve::sys::ids::user(USER).unwrap().unwrap().uid), None).unwrap();
    Tool::probe(Tier::C, &code).with(carved()).run().is_refused("a file to act on");
    std::fs::remove_dir_all(PLACE).unwrap();
}
