//! Traps that are links in `.git`, through which git reads and writes outside of the repository, or pipes, at which it waits.

use super::Yard;
use super::corpus::{Trap, not_entered};
use super::planting::plain;

/// The empty file, as git calls it.
const BLOB: &str = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";

pub const LINKS: &[Trap] = &[
    not_entered(
        "packed refs that are a link",
        |yard| std::os::unix::fs::symlink(yard.mark(), yard.bench.path("app/.git/packed-refs")).unwrap(),
        |yard| plain(yard, &["pack-refs", "--all"]),
    ),
    not_entered(
        "packed refs that are a pipe",
        |yard| pipe(yard, "app/.git/packed-refs"),
        |yard| waits(yard, &["branch", "--list"]),
    ),
    not_entered(
        "a list of what is left out that is a pipe",
        |yard| {
            std::fs::remove_file(yard.bench.path("app/.git/info/exclude")).ok();
            pipe(yard, "app/.git/info/exclude");
        },
        |yard| waits(yard, &["status"]),
    ),
    not_entered(
        "a log that is a link",
        |yard| in_place_of(yard, "logs/HEAD"),
        |yard| plain(yard, &["commit", "--allow-empty", "-m", "x"]),
    ),
    not_entered(
        "a branch's log that is a link",
        |yard| in_place_of(yard, "logs/refs/heads/main"),
        |yard| plain(yard, &["commit", "--allow-empty", "-m", "x"]),
    ),
    not_entered(
        "a folder of objects that is a link",
        |yard| {
            std::fs::create_dir(yard.bench.path("elsewhere")).unwrap();
            let link = yard.bench.path(&format!("app/.git/objects/{}", &BLOB[..2]));
            let _ = std::fs::remove_dir_all(&link);
            std::os::unix::fs::symlink(yard.bench.path("elsewhere"), link).unwrap();
        },
        |yard| {
            yard.bench.write("app/empty", "");
            plain(yard, &["add", "empty"]);
            let _ = std::fs::rename(yard.bench.path("elsewhere").join(&BLOB[2..]), yard.mark());
        },
    ),
    not_entered(
        "a pack that is a link",
        |yard| {
            yard.bench.make("secret");
            yard.bench.commit("secret", "s", "secret\n", "secret");
            yard.bench.git("secret", &["gc", "--quiet"]);
            for pack in std::fs::read_dir(yard.bench.path("secret/.git/objects/pack")).unwrap() {
                let pack = pack.unwrap();
                let link = yard.bench.path("app/.git/objects/pack").join(pack.file_name());
                std::os::unix::fs::symlink(pack.path(), link).unwrap();
            }
        },
        |yard| {
            if yard.bench.plain("app", &["show", &yard.bench.head("secret")]).status.success() {
                std::fs::write(yard.mark(), "").unwrap();
            }
        },
    ),
];

/// A link to where the mark will be, in the place of a file that git writes.
fn in_place_of(yard: &Yard, file: &str) {
    let link = yard.bench.path(&format!("app/.git/{file}"));
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(yard.mark(), link).unwrap();
}

fn pipe(yard: &Yard, at: &str) {
    let at = yard.bench.path(at);
    std::fs::create_dir_all(at.parent().unwrap()).unwrap();
    nix::unistd::mkfifo(&at, nix::sys::stat::Mode::S_IRWXU).unwrap();
}

/// Leaves the mark when git does not come to an end by itself.
fn waits(yard: &Yard, args: &[&str]) {
    let mut git = yard.bench.plain_git("app").args(args).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    if git.try_wait().unwrap().is_none() {
        std::fs::write(yard.mark(), "").unwrap();
        git.kill().unwrap();
        git.wait().unwrap();
    }
}
