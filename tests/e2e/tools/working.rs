//! What must still work inside: a sandbox that breaks these is switched off.

use reeve::sandbox::{Tier, Workspace};

use super::fixture::*;

fn shell(tier: Tier, script: &str) -> Ran {
    in_a_shell(tier, script).run()
}

fn in_a_shell(tier: Tier, script: &str) -> Tool {
    let shell = std::fs::canonicalize("/bin/sh").unwrap().display().to_string();
    Tool::new(tier, &shell, &["-ec", script]).with(|tool| {
        tool.confinement.workspace_exec = true;
        tool.confinement.limits.workspace = 256 << 20;
        tool.confinement.limits.memory = 1 << 30;
        tool.confinement.limits.processes = 128;
        tool.seconds = 60;
    })
}

#[test]
fn a_shell_with_pipes_here_documents_and_temporary_files() {
    for tier in TIERS {
        let script = "f=$(mktemp); cat >$f <<E\nb\na\nE\nsort $f | tr a-z A-Z | tr -d '\\n'; pwd; date +%Y | grep -c 20; rm $f";
        let home = Tool::probe(tier, "").confinement.workspace_inside();
        assert_eq!(shell(tier, script).text(), format!("AB{home}\n1"), "{tier:?}");
    }
}

#[test]
fn git_makes_commits() {
    for tier in TIERS {
        let script = "git init -q .; echo x >a; git add a; git -c user.name=x -c user.email=x@x commit -qm x; git status --short; git log --oneline | wc -l";
        assert_eq!(shell(tier, script).text(), "1", "{tier:?}");
    }
}

#[test]
fn make_and_the_compiler_build_a_program_that_runs() {
    for tier in TIERS {
        let script = "printf '#include <stdio.h>\\nint main(void) { puts(\"built\"); }\\n' >a.c; printf 'all: a b\\na: a.c\\n\\tcc -o a a.c\\nb: a.c\\n\\tcc -o b a.c\\n' >Makefile; make -s -j2; ./a; ./b";
        assert_eq!(shell(tier, script).text(), "built\nbuilt", "{tier:?}");
    }
}

/// With the compiler's own folder where every program lies.
#[test]
fn cargo_builds_and_runs_a_program() {
    crate::host::up();
    let found = std::process::Command::new("rustc").args(["--print", "sysroot"]).output().unwrap();
    let sysroot = String::from_utf8(found.stdout).unwrap().trim().to_owned();
    let place = "/usr/local/lib/reeve-e2e-rust";
    std::fs::create_dir_all(place).unwrap();
    let by_mount = |args: &[&str]| {
        assert!(std::process::Command::new("/bin/mount").args(args).status().unwrap().success());
    };
    by_mount(&["--bind", &sysroot, place]);
    let script = format!(
        "PATH={place}/bin:$PATH; cargo new --quiet --vcs none --offline x; cd x; cargo build --quiet --offline -j 2; cargo test --quiet --offline >/dev/null; target/debug/x"
    );
    let runs: Vec<String> = TIERS
        .map(|tier| shell(tier, &script))
        .iter()
        .map(|ran| format!("{:?} {}", ran.how(), String::from_utf8_lossy(&ran.out)))
        .collect();
    assert!(std::process::Command::new("/bin/umount").arg(place).status().unwrap().success());
    assert_eq!(runs, ["Exit(0) Hello, world!\n"; 2]);
}

#[test]
fn node_runs_timers_promises_and_a_child() {
    for tier in TIERS {
        let script = "node -e 'const { execFileSync } = require(\"child_process\"); setTimeout(() => Promise.resolve(String(execFileSync(\"/usr/bin/echo\", [\"child\"]))).then(t => process.stdout.write(t)), 5)'";
        assert_eq!(shell(tier, script).text(), "child", "{tier:?}");
    }
    let server = "node -e 'const s = require(\"http\").createServer((q, a) => a.end(\"served\")).listen(0, \"127.0.0.1\", async () => { console.log(await (await fetch(\"http://127.0.0.1:\" + s.address().port)).text()); process.exit() })'";
    assert_eq!(shell(Tier::C, server).text(), "served");
}

/// `class T { main { System.out.println("ran") } }`, as a compiler of Java would leave it: there may be none.
const CLASS: &str = "yv66vgAAADEAFgcAAgEAAVQHAAQBABBqYXZhL2xhbmcvT2JqZWN0AQAEbWFpbgEAFihbTGphdmEvbGFuZy9TdHJpbmc7KVYBAARDb2RlCQAJAAsHAAoBABBqYXZhL2xhbmcvU3lzdGVtDAAMAA0BAANvdXQBABVMamF2YS9pby9QcmludFN0cmVhbTsIAA8BAANyYW4KABEAEwcAEgEAE2phdmEvaW8vUHJpbnRTdHJlYW0MABQAFQEAB3ByaW50bG4BABUoTGphdmEvbGFuZy9TdHJpbmc7KVYAIQABAAMAAAAAAAEACQAFAAYAAQAHAAAAFQACAAEAAAAJsgAIEg62ABCxAAAAAAAA";

#[test]
fn java_runs_a_program_with_its_own_folder_of_etc() {
    let etc = std::fs::read_dir("/etc").unwrap().flatten().map(|entry| entry.path().display().to_string());
    let etc: Vec<String> = etc.filter(|path| path.starts_with("/etc/java-")).collect();
    for tier in TIERS {
        let tool = in_a_shell(tier, &format!("echo {CLASS} | base64 -d >T.class; java -Xmx64m -cp . T"))
            .with(|tool| tool.confinement.read_only.clone_from(&etc));
        assert_eq!(tool.run().text(), "ran", "{tier:?}");
    }
}

#[test]
fn go_builds_a_program_whose_routines_talk_to_each_other() {
    let code =
        "package main\nfunc main() {\n\tc := make(chan int)\n\tgo func() { c <- 42 }()\n\tprintln(<-c)\n}\n";
    let script = format!(
        "printf '{}' >a.go; GOCACHE=$PWD/cache go build -o a a.go; ./a 2>&1",
        code.replace('\n', "\\n").replace('\t', "\\t")
    );
    for tier in TIERS {
        let tool = in_a_shell(tier, &script).with(|tool| {
            tool.confinement.limits.cpu = 120;
            tool.confinement.limits.processes = 512;
            tool.seconds = 120;
        });
        assert_eq!(tool.run().text(), "42", "{tier:?}");
    }
}

#[test]
fn python_starts_processes_and_in_tier_c_shares_semaphores_with_them() {
    let pool = "import multiprocessing as m\nif __name__ == '__main__':\n  p = m.get_context('fork').Process(target=print, args=('child',)); p.start(); p.join()";
    for tier in TIERS {
        assert_eq!(Tool::probe(tier, pool).run().text(), "child", "{tier:?}");
    }
    let queue =
        "import multiprocessing as m\nq = m.get_context('fork').Queue(); q.put('through'); print(q.get())";
    assert_eq!(Tool::probe(Tier::C, queue).run().text(), "through");
    for context in ["fork", "spawn", "forkserver"] {
        let pool = format!(
            "import multiprocessing as m\nif __name__ == '__main__':\n  with m.get_context('{context}').Pool(3) as p: print(p.map(abs, [-1, -2, 3]))"
        );
        let tool = Tool::probe(Tier::C, &pool).with(|tool| tool.seconds = 60);
        assert_eq!(tool.run().text(), "[1, 2, 3]", "{context}");
    }
}

#[test]
fn sqlite_locks_its_files() {
    let code = "import sqlite3\nd = sqlite3.connect('x.db'); d.execute('pragma journal_mode=wal'); d.execute('create table t(a)'); d.execute('insert into t values (1)'); d.commit(); print(d.execute('select count(*) from t').fetchone()[0])";
    for tier in TIERS {
        assert_eq!(Tool::probe(tier, code).run().text(), "1", "{tier:?}");
    }
}

#[test]
fn an_archive_is_made_and_unpacked() {
    for tier in TIERS {
        let script =
            "mkdir d; echo x >'d/a b'; ln -s 'a b' d/l; tar -cf a.tar d; rm -r d; tar -xf a.tar; cat d/l";
        assert_eq!(shell(tier, script).text(), "x", "{tier:?}");
    }
}

/// In a workspace that stays files get no attributes, and in none what makes whoever runs them somebody else.
#[test]
fn what_copies_packs_and_builds_works_in_a_workspace_that_stays() {
    let copies = "mkdir d; echo x >d/a; chmod 755 d/a; cp -a d e; cp -p d/a f; install -m 755 d/a g; mv d /tmp/d; mv /tmp/d d; sed -i s/x/y/ d/a; cat d/a";
    let packs = "tar -cf a.tar d; tar -xpf a.tar -C e; tar --xattrs -cf b.tar d; tar --xattrs -xf b.tar -C e; cat e/d/a; tar --numeric-owner -cf - e | tar -xf - -C d";
    let python =
        "python3 -B -c 'import shutil; shutil.copytree(\"d\", \"t\"); print(open(\"t/a\").read().strip())'";
    let builds = "printf 'int main(void) { return 0; }\\n' >a.c; printf 'a: a.c\\n\\tcc -o a a.c\\n' >Makefile; make -s; ./a; ar rc a.a a.c";
    let git = "git init -q .; git add d; git -c user.name=x -c user.email=x@x commit -qm x; git gc -q; git clone -q . c; git log --oneline | wc -l";
    let script = [copies, packs, python, builds, git].join("; ");
    for tier in TIERS {
        let workspace = Workspace::Named("e2e-working".to_owned());
        let path = workspace.path();
        let tool = in_a_shell(tier, &script).with(|tool| tool.confinement.workspace = workspace);
        assert_eq!(tool.run().text(), "y\ny\ny\n1", "{tier:?}");
        std::fs::remove_dir_all(path).unwrap();
    }
}

#[test]
fn names_that_are_unusual_are_names() {
    let code = "for n in ['a b', 'ä\\u4e2d', 'new\\nline', '-x']: open(n, 'w')\nprint(len(os.listdir('.')))";
    for tier in TIERS {
        let workspace = Workspace::Fresh;
        let tool = Tool::probe(tier, code).with(|tool| tool.confinement.workspace = workspace);
        assert_eq!(tool.run().text(), "4", "{tier:?}");
    }
}

#[test]
fn a_megabyte_of_output_comes_whole() {
    for tier in TIERS {
        let ran = Tool::probe(tier, "sys.stdout.write('x' * 1000000)").run();
        assert_eq!(ran.text().len(), 1_000_000, "{tier:?}");
    }
}
