//! Rows on workspaces that stay, and on what else outlives a run or is shared by several: nobody else's is in reach, and none is
//! left as what does something by itself.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use reeve::sandbox::report::FULL;
use reeve::sandbox::{Tier, Workspace};

use super::fixture::*;
use crate::host::{up, wait_until};

const NAMED: &str = "/var/lib/reeve-tools/named";

fn named(tier: Tier, name: &str, code: &str) -> Tool {
    Tool::probe(tier, code).with(|tool| tool.confinement.workspace = Workspace::Named(name.to_owned()))
}

fn mounting(program: &str, args: &[&str]) {
    assert!(Command::new(program).args(args).status().unwrap().success(), "{program} {args:?}");
}

#[test]
fn row_046_another_callers_workspace_is_not_there_to_be_changed() {
    let others = "/var/lib/reeve-tools/principal/e2e-alice";
    let principal = |name: &str| Workspace::Principal(name.to_owned());
    let as_caller = |tier, workspace, code: &str| {
        Tool::probe(tier, code).with(|tool| tool.confinement.workspace = workspace)
    };
    as_caller(Tier::B, principal("e2e-alice"), "wrote('own')").run().text();
    let code = format!(
        "print(tried(os.chmod, '{others}', 0o700), tried(os.utime, '{others}/own', (1, 1)), tried(os.truncate, '{others}/own', 0), tried(os.stat, '{others}'))"
    );
    assert_eq!(outside(USER, &code), "OK OK OK OK");
    let own = [principal("e2e-bob"), Workspace::Named("e2e-bob".to_owned()), Workspace::Fresh];
    for (tier, workspace) in TIERS.into_iter().flat_map(|tier| own.clone().map(|one| (tier, one))) {
        let ran = as_caller(tier, workspace.clone(), &format!("wrote('x')\n{code}")).run();
        assert_eq!(ran.text(), "ENOENT ENOENT ENOENT ENOENT", "{tier:?} {workspace:?}");
    }
    for place in [others, "/var/lib/reeve-tools/principal/e2e-bob", "/var/lib/reeve-tools/named/e2e-bob"] {
        std::fs::remove_dir_all(place).unwrap();
    }
}

#[test]
fn row_025_a_workspace_that_one_run_shut_is_open_to_the_next() {
    let place = format!("{NAMED}/e2e-shut");
    for tier in TIERS {
        for mode in ["0", "0o777"] {
            assert_eq!(named(tier, "e2e-shut", &format!("os.chmod('.', {mode})")).run().text(), "");
            assert_eq!(named(tier, "e2e-shut", "wrote('x'); print('in')").run().text(), "in", "{tier:?}");
            assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o7777, 0o700);
        }
    }
    std::fs::remove_dir_all(place).unwrap();
}

#[test]
fn row_015_no_file_gets_a_mode_by_which_others_would_run_it_as_the_tools_user() {
    let code = "import shutil\nshutil.copy('/usr/bin/id', 'x'); m = 0o4711\nprint(tried(os.chmod, 'x', m), tried(os.chmod, 'x', 0o2755), tried(os.fchmod, os.open('x', 0), m), call(452, -100, b'x', m, 0), tried(os.open, 'y', os.O_CREAT | os.O_WRONLY, m), tried(os.mknod, 'z', m | stat.S_IFREG), tried(os.chmod, 'x', 0o755))\nfor n in 'xyz': os.path.exists(n) and os.unlink(n)";
    row(code, (USER, "OK OK OK OK OK OK OK"), ["EPERM EPERM EPERM EPERM EPERM EPERM OK"; 2]);
}

/// One that has it all the same, by a call whose arguments no filter sees.
#[test]
fn row_015_nobody_but_a_tool_gets_to_a_file_that_stays_whatever_its_mode_is() {
    let place = format!("{NAMED}/e2e-setuid");
    let code = "how = struct.pack('QQQ', os.O_CREAT | os.O_WRONLY, 0o4711, 0)\nprint(call(437, -100, b'x', how, 24), oct(os.stat('x').st_mode)); os.chmod('.', 0o711)";
    let reaches = |user: &str, group: &str| {
        let ids = ["--reuid", user, "--regid", group, "--clear-groups", "--", "/usr/bin/stat"];
        Command::new("/usr/bin/setpriv")
            .args(ids)
            .arg(format!("{place}/x"))
            .output()
            .unwrap()
            .status
            .success()
    };
    for tier in TIERS {
        assert_eq!(named(tier, "e2e-setuid", code).run().text(), "OK 0o104711", "{tier:?}");
        assert!(reaches(USER, "reeve-tools"), "the control");
        for (user, group) in [("librarian", "librarian"), ("nobody", "nogroup"), ("reeve-run", "reeve-run")] {
            assert!(!reaches(user, group), "{user} {tier:?}");
        }
        std::fs::remove_dir_all(&place).unwrap();
    }
}

#[test]
fn row_057_what_the_host_unmounts_is_gone_for_a_tool_that_sleeps_and_not_held() {
    up();
    let (shared, below) = ("/run/reeve-e2e-shared", "/run/reeve-e2e-shared/below");
    std::fs::create_dir_all(shared).unwrap();
    mounting("/bin/mount", &["-t", "tmpfs", "e2e", shared]);
    mounting("/bin/mount", &["--make-shared", shared]);
    std::fs::create_dir(below).unwrap();
    let is_held = || {
        let listed = processes_of_the_user();
        let pids = listed.lines().filter_map(|line| line.split(' ').next());
        let mounts = pids.map(|pid| std::fs::read_to_string(format!("/proc/{pid}/mountinfo")));
        mounts.flatten().any(|mounts| mounts.contains(below))
    };
    for tier in TIERS {
        mounting("/bin/mount", &["-t", "tmpfs", "e2e", below]);
        let mut child = Tool::probe(tier, "time.sleep(86393)").start();
        wait_until("the tool sleeps", || processes_of_the_user().contains("86393"));
        assert!(is_held(), "it has the mounts of the host, as the control: {tier:?}");
        mounting("/bin/umount", &[below]);
        assert!(!is_held(), "{tier:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        drop(child);
        wait_until("it is gone", || processes_of_the_user().is_empty());
    }
    mounting("/bin/umount", &[shared]);
    std::fs::remove_dir(shared).unwrap();
}

/// As a file in memory it could be written, and then given to the loader by its descriptor, wherever what is written may not run.
#[test]
fn row_053_standard_input_holds_no_code_whatever_is_written_to_it() {
    let code = "import mmap, subprocess\nprogram = open('/usr/bin/true', 'rb').read()\ndef fill():\n  try: return os.write(0, program)\n  except OSError: os.fchmod(0, 0o700); return os.write(os.open('/proc/self/fd/0', os.O_RDWR | os.O_NONBLOCK), program)\nprint(tried(fill))\nr = subprocess.run(['/lib64/ld-linux-x86-64.so.2', '/proc/self/fd/0'], stderr=-3, timeout=10)\nprint(r.returncode == 0, tried(mmap.mmap, 0, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC))";
    let in_memory = format!("os.dup2(os.memfd_create('x'), 0)\n{code}");
    assert_eq!(outside(USER, &in_memory), "OK\nTrue OK");
    for tier in TIERS {
        let ran = Tool::probe(tier, code).with(|tool| tool.input = "some".to_owned()).run();
        let (filled, came_to) = ran.text().split_once('\n').unwrap();
        assert!(["False EPERM", "False ENODEV"].contains(&came_to), "{tier:?}, filled: {filled}: {came_to}");
    }
}

#[test]
fn row_123_input_is_opened_anew_by_its_name_and_comes_whole_however_long_it_is() {
    let long = "0123456789".repeat(6000);
    for tier in TIERS {
        let read = |code: &str| {
            Tool::probe(tier, code).with(|tool| tool.input.clone_from(&long)).run().text().to_owned()
        };
        assert_eq!(read("sys.stdout.write(open('/dev/stdin').read())"), long, "{tier:?}");
        assert_eq!(read("sys.stdout.write(sys.stdin.read())"), long, "{tier:?}");
        assert_eq!(read("print(tried(os.write, 0, b'x'), tried(wrote, '/dev/stdin'))"), "EBADF EACCES");
    }
}

#[test]
fn row_056_another_file_system_in_a_workspace_that_stays_is_too_much_since_nobody_counts_it() {
    let place = format!("{NAMED}/e2e-below");
    let below = format!("{place}/below");
    for tier in TIERS {
        let workspace = |code: &str| named(tier, "e2e-below", code).run().active.unwrap().workspace;
        assert_eq!(workspace("os.mkdir('below')"), "-");
        mounting("/bin/mount", &["-t", "tmpfs", "e2e", &below]);
        let ran = named(tier, "e2e-below", "print(tried(wrote, 'x'))").run();
        mounting("/bin/umount", &[&below]);
        assert_eq!(
            (ran.text(), ran.active.as_ref().unwrap().workspace.as_str()),
            ("EACCES", FULL),
            "{tier:?}"
        );
        assert_eq!(workspace("wrote('x')"), "-");
        std::fs::remove_dir_all(&place).unwrap();
    }
}

#[test]
fn row_056_no_attributes_are_put_on_files_that_stay_since_nobody_counts_them() {
    let code = "wrote('x')\nprint(tried(os.setxattr, 'x', 'user.x', b'x'), call(190, os.open('x', 0), b'user.x', b'x', 1, 0))";
    for tier in TIERS {
        assert_eq!(named(tier, "e2e-attributes", code).run().text(), "ENOTSUP ENOTSUP", "{tier:?}");
        std::fs::remove_dir_all(format!("{NAMED}/e2e-attributes")).unwrap();
    }
}
