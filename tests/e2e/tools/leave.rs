//! Rows on what a declaration takes away beyond the tier, or gives: no other program, and a debugger's calls.

use std::os::unix::fs::PermissionsExt;

use reeve::sandbox::Tier;

use super::fixture::*;

/// Each way to become another program, in a process of its own.
const WAYS: &str = "
def became(f, *a):
    pid = os.fork()
    if pid == 0:
        try: f(*a)
        except OSError as e: os._exit(e.errno)
        os._exit(99)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return 'OK' if status == 0 else name(status)
def all_ways():
    return [became(os.execv, '/usr/bin/true', ['true']), became(os.execve, os.open('/usr/bin/true', os.O_RDONLY), ['true'], {}),
        became(os.execv, os.path.realpath('/usr/bin/python3'), ['python3', '-c', 'pass']),
        became(os.execv, '/lib64/ld-linux-x86-64.so.2', ['ld.so', '/usr/bin/true']),
        tried(os.posix_spawn, '/usr/bin/true', ['true'], {})]
";

#[test]
fn row_067_a_single_program_becomes_no_other_and_starts_none_by_any_call() {
    let code = format!("{WAYS}print(*all_ways())");
    row(&code, (USER, "OK OK OK OK OK"), ["OK OK OK OK OK"; 2]);
    for tier in TIERS {
        let tool = Tool::probe(tier, &code).with(|tool| tool.confinement.single_program = true);
        let ran = tool.run();
        assert_eq!(ran.text(), "EACCES EACCES EACCES EACCES EACCES", "{tier:?}");
        assert_eq!(ran.active.unwrap().exec, "once");
        assert_eq!(Tool::probe(tier, "").run().active.unwrap().exec, "any");
    }
}

#[test]
fn row_067_a_single_script_has_its_interpreter_and_nothing_else() {
    crate::host::up();
    let path = "/usr/local/lib/reeve-e2e-script";
    let code = format!("#!{} -B\nimport os, errno\ndef name(n): return errno.errorcode[n]\n", python());
    let tried = "def tried(f, *a):\n  try: f(*a); return 'OK'\n  except OSError as e: return name(e.errno)\n";
    std::fs::write(path, format!("{code}{tried}{WAYS}print(*all_ways())")).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    for tier in TIERS {
        let tool = Tool::new(tier, path, &[]);
        assert_eq!(tool.run().text(), "OK OK OK OK OK", "{tier:?}");
        let tool = tool.with(|tool| tool.confinement.single_program = true);
        assert_eq!(tool.run().text(), "EACCES EACCES EACCES EACCES EACCES", "{tier:?}");
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn row_070_a_debugger_traces_its_own_processes_where_that_is_declared_and_nobody_elses() {
    const SEIZE: &str = "0x4206";
    let code = format!(
        "pid = os.fork()\nif pid == 0: time.sleep(60)\nprint(call(101, {SEIZE}, pid, 0, 0), call(310, pid, 0, 0, 0, 0, 0)); os.kill(pid, 9)"
    );
    row(&code, (USER, "OK OK"), ["EPERM EPERM"; 2]);
    let first = format!("print(call(101, {SEIZE}, 1, 0, 0), call(101, {SEIZE}, os.getppid(), 0, 0))");
    for (tier, tracing) in [(Tier::B, true), (Tier::C, true), (Tier::B, false)] {
        let run = |code: &str| Tool::probe(tier, code).with(|tool| tool.confinement.debug = tracing).run();
        let ran = run(&code);
        assert_eq!(ran.text(), if tracing { "OK OK" } else { "EPERM EPERM" }, "{tier:?}");
        assert_eq!(ran.active.unwrap().tracing, if tracing { "tracing" } else { "untraced" });
        // The first process of its tree is the wrapper's, of the same user, and not shut in.
        assert_eq!(run(&first).text(), "EPERM EPERM", "{tier:?}");
    }
}
