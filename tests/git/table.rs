//! The wrapper's table: what the adapter asks for is in it, and what would open a door is not.

use std::sync::OnceLock;
use std::time::Duration;

use reeve::adapter::{Argv, Program};
use reeve::grant::{Grant, Ledger, RunAs, SigningKey, WrapperName};
use reeve::sys::random;
use reeve::wrapper::{Context, Root, authorise};

use crate::bench::Bench;
use crate::wrapper::TABLE;

struct Court {
    key: SigningKey,
    ledger: std::path::PathBuf,
}

fn court() -> &'static Court {
    static COURT: OnceLock<Court> = OnceLock::new();
    COURT.get_or_init(|| {
        use std::os::unix::fs::DirBuilderExt;
        let folder = std::env::temp_dir().join(format!("reeve-court-{}", std::process::id()));
        let ledger = folder.join("spent");
        std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&ledger).unwrap();
        Court { key: SigningKey::generate(&folder.join("key")).unwrap(), ledger }
    })
}

fn shown(args: &[String], directory: Option<String>, run_as: RunAs) -> Result<(), String> {
    shown_of(Program::Git, args, directory, run_as)
}

fn shown_of(
    program: Program,
    args: &[String],
    directory: Option<String>,
    run_as: RunAs,
) -> Result<(), String> {
    let court = court();
    let now_boot = Duration::from_secs(1000);
    let mut nonce = [0; 16];
    random::fill(&mut nonce).unwrap();
    let grant = Grant {
        operation: "op_1".to_owned(),
        step: 0,
        wrapper: WrapperName::Git,
        program: program.production_path().to_owned(),
        argv: args.to_vec(),
        directory,
        run_as,
        host: "host".to_owned(),
        boot: "boot".to_owned(),
        not_after: u64::try_from((now_boot + Duration::from_secs(10)).as_nanos()).unwrap(),
        run_limit_secs: 5,
        nonce,
    };
    let context = Context {
        key: court.key.public(),
        ledger: Ledger::open_trusted(&court.ledger).unwrap(),
        host: "host".to_owned(),
        boot: "boot".to_owned(),
        now_boot,
        root: Root::Held,
    };
    let signed = court.key.sign(&grant).map_err(|malformed| malformed.to_string())?;
    authorise(signed.as_bytes(), &TABLE, &context).map(|_cleared| ()).map_err(|refusal| refusal.to_string())
}

/// What the table says to a command.
pub fn permitted(argv: &Argv) -> Result<(), String> {
    shown_of(argv.program, &argv.args, argv.directory.clone(), RunAs::User("nobody".to_owned()))
}

/// What the table says to arguments behind the right first ones.
fn says(words: &[&str]) -> Result<(), String> {
    let bench = Bench::new();
    let _ = bench.rule("nowhere", "status", serde_json::json!({}));
    let first = bench.calls().remove(0).args;
    let place = first.iter().position(|word| word == "config").unwrap();
    let args: Vec<String> =
        first[..place].iter().cloned().chain(words.iter().map(|word| (*word).to_owned())).collect();
    shown(&args, Some("/srv/app".to_owned()), RunAs::User("nobody".to_owned()))
}

const ID: &str = "4c7442bcf5acd0f1e2a95fe4f12b12c6b779b585";

#[test]
fn git_never_runs_as_root_and_always_in_a_directory() {
    let args = ["status".to_owned()];
    assert!(shown(&args, Some("/srv/app".to_owned()), RunAs::Root).is_err());
    assert!(shown(&args, None, RunAs::User("nobody".to_owned())).is_err());
}

#[test]
fn the_first_arguments_are_exactly_those_of_the_table() {
    let bare: Vec<String> = ["status", "--porcelain=v2"].map(str::to_owned).to_vec();
    assert_eq!(
        shown(&bare, Some("/srv/app".to_owned()), RunAs::User("nobody".to_owned())).unwrap_err(),
        "argument 1 is not in the table"
    );
    assert_eq!(says(&["status", "--porcelain=v2"]), Ok(()));
}

#[test]
fn the_adapter_and_the_wrapper_know_the_same_first_arguments() {
    let bench = Bench::new();
    bench.read("app", "status", serde_json::json!({}));
    let given = bench.calls().remove(0).args;
    let table = &TABLE.programs[0];
    let (first, rest) = given.split_at(table.prefix.len());
    assert_eq!(
        (table.path, first),
        ("/usr/bin/git", &table.prefix.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()[..])
    );
    assert_eq!(rest[0], "config");
}

#[test]
fn files_are_looked_at_in_one_way_only() {
    const FORM: &str = "--printf=%f %s %i %.9Y %.9Z\\0";
    let says = |words: &[&str], directory: Option<&str>, run_as: RunAs| {
        let args: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        shown_of(Program::Stat, &args, directory.map(str::to_owned), run_as)
    };
    let nobody = || RunAs::User("nobody".to_owned());
    assert_eq!(says(&[FORM, "--", "./a", "./-b"], Some("/srv/app"), nobody()), Ok(()));
    assert!(says(&[FORM, "--", "./a"], Some("/srv/app"), RunAs::Root).is_err());
    assert!(says(&[FORM, "--", "./a"], None, nobody()).is_err());
    for words in [
        &["./a"][..],
        &["--printf=%n", "--", "./a"],
        &[FORM, "--", "/etc/shadow"],
        &[FORM, "--", "./../x"],
        &[FORM, "--", "./.git/config"],
        &[FORM, "--", "a"],
        &[FORM, "--", "--dereference", "./a"],
        &[FORM, "-L", "--", "./a"],
        &[FORM, "--"],
    ] {
        assert!(says(words, Some("/srv/app"), nobody()).is_err(), "{words:?}");
    }
}

#[test]
fn what_would_run_or_write_something_else_is_not_in_the_table() {
    let path = format!("--output=/tmp/x {ID}");
    for words in [
        ["gc"].as_slice(),
        &["push", "--", "https://h/a"],
        &["config", "core.fsmonitor", "/tmp/x"],
        &["config", "--local", "--list", "--includes"],
        &["-c", "core.fsmonitor=/tmp/x", "status"],
        &[
            "-c",
            "core.sshCommand=/tmp/x",
            "ls-remote",
            "--quiet",
            "--heads",
            "--tags",
            "--refs",
            "--",
            "ssh://h/a",
        ],
        &[
            "-c",
            "credential.helper=!id",
            "ls-remote",
            "--quiet",
            "--heads",
            "--tags",
            "--refs",
            "--",
            "https://h/a",
        ],
        &[
            "-c",
            "credential.helper=store --file=/etc/../x",
            "ls-remote",
            "--quiet",
            "--heads",
            "--tags",
            "--refs",
            "--",
            "https://h/a",
        ],
        &[
            "-c",
            "credential.helper=store --file=/a;id",
            "ls-remote",
            "--quiet",
            "--heads",
            "--tags",
            "--refs",
            "--",
            "https://h/a",
        ],
        &[
            "-c",
            "core.sshCommand=/bin/false",
            "ls-remote",
            "--quiet",
            "--heads",
            "--tags",
            "--refs",
            "--",
            "ext::id",
        ],
        &[
            "-c",
            "core.sshCommand=/bin/false",
            "ls-remote",
            "--quiet",
            "--heads",
            "--tags",
            "--refs",
            "--",
            "--upload-pack=id",
        ],
        &[
            "-c",
            "core.sshCommand=/bin/false",
            "ls-remote",
            "--quiet",
            "--heads",
            "--tags",
            "--refs",
            "--",
            "ssh://-oProxyCommand=id/a",
        ],
        &["-c", "core.sshCommand=/bin/false", "fetch", "--upload-pack=id", "--", "https://h/a"],
        &["--git-dir=/tmp/x", "status"],
        &["log", "--output=/tmp/x", ID, "--"],
        &["log", &path, "--"],
        &["log", "main", "--"],
        &["log", "--format=%(trailers:key=x)", ID, "--"],
        &["log", "--show-signature", ID, "--"],
        &["diff", "--ext-diff", ID, "--"],
        &["diff", "--textconv", ID, "--"],
        &["diff", "--no-index", "./a", "./b"],
        &["diff", "--", "a"],
        &["diff", "--", "./../a"],
        &["diff", "--", "./.git/config"],
        &["show", "HEAD", "--"],
        &["rev-parse", "--verify", "--quiet", "--end-of-options", "main"],
        &["rev-parse", "--git-dir"],
        &["reset", "--hard", "main"],
        &["reset", "--soft", ID],
        &["stash", "drop", "stash@{1}", "stash@{2}"],
        &["stash", "clear"],
        &["stash", "--message", "mine"],
        &["stash", "--quiet", "--message", "reeve undo x", "--", "a"],
        &["stash", "branch", "x"],
        &["update-ref", "refs/heads/main", ID],
        &["update-ref", "-d", "refs/heads/main", ID],
        &["update-ref", "-m", "reeve: keep", "refs/heads/main", ID, ID],
        &[
            "update-ref",
            "-m",
            "reeve: keep",
            "refs/reeve/undo/../../heads/main",
            ID,
            "0000000000000000000000000000000000000000",
        ],
        &["update-ref", "--stdin"],
        &["switch", "--force", "main"],
        &["switch", "--detach", "main"],
        &["merge", "--no-ff", ID],
        &["merge", "--ff-only", "--quiet", "-Xours", ID],
        &["restore", "--source=main", "--", "."],
        &["clean", "-fdx"],
        &["submodule", "update"],
        &["checkout", "main"],
        &["alias"],
        &[],
    ] {
        assert!(says(words).is_err(), "{words:?} is in the table");
    }
}

#[test]
fn a_refspec_writes_below_the_remotes_and_nowhere_else() {
    let fetch = |refspec: &str| {
        says(&[
            "-c",
            "core.sshCommand=/bin/false",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-prune",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            "--no-write-fetch-head",
            "--",
            "https://git.example.net/a",
            refspec,
        ])
    };
    for refspec in [
        "+refs/heads/*:refs/remotes/origin/*",
        "+refs/heads/a/b:refs/remotes/origin/a/b",
        "refs/tags/*:refs/tags/*",
    ] {
        assert_eq!(fetch(refspec), Ok(()), "{refspec}");
    }
    for refspec in [
        "+refs/heads/*:refs/heads/*",
        "+refs/*:refs/*",
        "main",
        "+refs/heads/a:refs/remotes/origin/b",
        "+refs/tags/*:refs/tags/*",
        ":refs/heads/main",
        "+refs/heads/*:refs/remotes/../heads/*",
        "--upload-pack=id",
    ] {
        assert!(fetch(refspec).is_err(), "{refspec}");
    }
}
