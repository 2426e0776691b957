//! Rows on files.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use reeve::sandbox::report::{FULL, How, Limit};
use reeve::sandbox::{Tier, Workspace};
use reeve::sys::usage::{self, Usage};

use super::fixture::*;
use crate::edited::Covered;

/// A directory that everybody may read and write, and that no tool is granted.
pub(super) struct Open;

pub(super) const OPEN: &str = "/var/lib/reeve-e2e-open";

impl Open {
    pub(super) fn new() -> Open {
        drop(std::fs::remove_dir_all(OPEN));
        std::fs::create_dir(OPEN).unwrap();
        std::fs::set_permissions(OPEN, PermissionsExt::from_mode(0o777)).unwrap();
        std::fs::write(format!("{OPEN}/file"), "here").unwrap();
        std::fs::set_permissions(format!("{OPEN}/file"), PermissionsExt::from_mode(0o666)).unwrap();
        Open
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        std::fs::remove_dir_all(OPEN).unwrap();
    }
}

#[test]
fn row_025_the_workspace_is_read_and_written() {
    let code = "open('a', 'w').write('x'); os.mkdir('d'); os.rename('a', 'd/b'); os.symlink('d/b', 'l'); os.mkfifo('f')\nprint(open('l').read(), sorted(os.listdir('.'))); os.unlink('d/b'); os.rmdir('d')";
    for tier in TIERS {
        for workspace in [Workspace::Fresh, Workspace::Named("e2e".to_owned())] {
            let tool = Tool::probe(tier, code).with(|tool| tool.confinement.workspace = workspace);
            assert_eq!(tool.run().text(), "x ['d', 'f', 'l']", "{tier:?}");
            drop(std::fs::remove_dir_all("/var/lib/reeve-tools/named/e2e"));
        }
    }
}

#[test]
fn row_026_nothing_outside_is_written() {
    let _open = Open::new();
    row(&format!("print(tried(wrote, '{OPEN}/file'))"), (USER, "OK"), ["EACCES", "ENOENT"]);
    row(&format!("print(tried(wrote, '{OPEN}/new'))"), (USER, "OK"), ["EACCES", "ENOENT"]);
    row("print(tried(wrote, '/usr/local/x'))", ("root", "OK"), ["EACCES", "EACCES"]);
    std::fs::remove_file("/usr/local/x").unwrap();
    assert_eq!(std::fs::read_to_string(format!("{OPEN}/file")).unwrap(), "herex");
}

#[test]
fn row_027_nothing_outside_is_read() {
    let _open = Open::new();
    row(&format!("print(tried(read, '{OPEN}/file'))"), (USER, "OK"), ["EACCES", "ENOENT"]);
    row(&format!("print(tried(os.listdir, '{OPEN}'))"), (USER, "OK"), ["EACCES", "ENOENT"]);
    row("print(tried(read, '/etc/hostname'))", (USER, "OK"), ["EACCES", "ENOENT"]);
    let other = Workspace::Principal("somebody".to_owned());
    let make = Tool::probe(Tier::B, "wrote('secret')").with(|tool| tool.confinement.workspace = other);
    make.run().text();
    let path = "/var/lib/reeve-tools/principal/somebody";
    row(&format!("print(tried(read, '{path}/secret'))"), (USER, "OK"), ["ENOENT", "ENOENT"]);
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn row_028_programs_libraries_and_certificates_are_readable() {
    let code = "import ssl\nprint(len(os.listdir('/bin')) > 50, tried(read, '/usr/bin/ls'), tried(read, '/etc/passwd'), len(os.listdir('/etc/ssl/certs')) > 50)";
    row(code, (USER, "True OK OK True"), ["True OK OK True"; 2]);
}

#[test]
fn row_029_what_is_read_only_is_not_shortened() {
    let _open = Open::new();
    let code = format!(
        "print(tried(os.truncate, '{OPEN}/file', 1), tried(os.open, '{OPEN}/file', os.O_TRUNC), tried(os.open, '{OPEN}/file', os.O_WRONLY | os.O_CREAT))"
    );
    assert_eq!(outside(USER, &code), "OK OK OK");
    for (tier, answer) in [(Tier::B, "EACCES EACCES EACCES"), (Tier::C, "EROFS EROFS EROFS")] {
        std::fs::write(format!("{OPEN}/file"), "here").unwrap();
        let tool = Tool::probe(tier, &code).with(|tool| tool.confinement.read_only = vec![OPEN.to_owned()]);
        // Landlock answers first where both would.
        let text = tool.run().text().to_owned();
        assert!(text == answer || text == "EACCES EACCES EACCES", "{tier:?}: {text}");
        assert_eq!(std::fs::read_to_string(format!("{OPEN}/file")).unwrap(), "here");
    }
}

#[test]
fn a_granted_path_is_read_and_nothing_beside_it() {
    let _open = Open::new();
    std::fs::create_dir(format!("{OPEN}/docs")).unwrap();
    std::fs::write(format!("{OPEN}/docs/a"), "x").unwrap();
    let code = format!(
        "print(tried(read, '{OPEN}/docs/a'), tried(wrote, '{OPEN}/docs/a'), tried(read, '{OPEN}/file'))"
    );
    // A directory that others may write: what is in it they could exchange.
    let tool = |tier| {
        Tool::probe(tier, &code).with(|tool| tool.confinement.read_only = vec![format!("{OPEN}/docs")])
    };
    tool(Tier::B).run().is_refused("a file to act on is not to be trusted");
    std::fs::set_permissions(OPEN, PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(tool(Tier::B).run().text(), "OK EACCES EACCES");
    assert_eq!(tool(Tier::C).run().text(), "OK EACCES ENOENT");
}

#[test]
fn row_031_no_hard_link_crosses_the_boundary() {
    let _open = Open::new();
    let code = format!(
        "open('own', 'w')\nprint(tried(os.link, 'own', '{OPEN}/in'), tried(os.link, '{OPEN}/file', 'out'))"
    );
    for tier in TIERS {
        let ran = Tool::probe(tier, &code).run();
        let is_no = |word: &str| ["EACCES", "EXDEV", "ENOENT", "EPERM"].contains(&word);
        assert!(ran.text().split(' ').all(is_no), "{tier:?}: {}", ran.text());
    }
    assert!(!Path::new(&format!("{OPEN}/in")).exists());
    assert_eq!(outside("root", &format!("print(tried(os.link, '{OPEN}/file', '{OPEN}/out'))")), "OK");
}

#[test]
fn row_032_nothing_is_renamed_across_the_boundary() {
    let _open = Open::new();
    let code = format!(
        "open('own', 'w')\nprint(tried(os.rename, 'own', '{OPEN}/in'), tried(os.rename, '{OPEN}/file', 'out'))"
    );
    for tier in TIERS {
        let ran = Tool::probe(tier, &code).run();
        let is_no = |word: &str| ["EACCES", "EXDEV", "ENOENT"].contains(&word);
        assert!(ran.text().split(' ').all(is_no), "{tier:?}: {}", ran.text());
    }
    assert_eq!(outside(USER, &format!("print(tried(os.rename, '{OPEN}/file', '{OPEN}/out'))")), "OK");
}

#[test]
fn row_033_names_change_between_directories_of_the_workspace() {
    let code = "os.mkdir('a'); os.mkdir('b'); open('a/x', 'w')\nprint(tried(os.rename, 'a/x', 'b/x'), tried(os.link, 'b/x', 'a/y'))";
    for tier in TIERS {
        assert_eq!(Tool::probe(tier, code).run().text(), "OK OK", "{tier:?}");
    }
}

#[test]
fn row_034_a_link_leads_nowhere_else() {
    let _open = Open::new();
    let code = format!(
        "os.symlink('{OPEN}', 'l')\nprint(tried(read, 'l/file'), tried(wrote, 'l/file'), tried(wrote, 'l/new'), tried(os.listdir, 'l/.'))\nos.unlink('l')"
    );
    row(&code, (USER, "OK OK OK OK"), ["EACCES EACCES EACCES EACCES", "ENOENT ENOENT ENOENT ENOENT"]);
}

#[test]
fn row_036_no_path_climbs_out() {
    let _open = Open::new();
    let up = "../".repeat(20);
    let code = format!(
        "print(tried(read, '{up}{OPEN}/file'), tried(read, '/proc/self/root{OPEN}/file'), tried(read, '/proc/1/root{OPEN}/file'))"
    );
    assert!(outside("root", &code).starts_with("OK OK"));
    for tier in TIERS {
        let ran = Tool::probe(tier, &code).run();
        assert!(!ran.text().contains("OK"), "{tier:?}: {}", ran.text());
    }
}

#[test]
fn row_038_no_file_is_opened_by_its_handle() {
    row("print(call(304, -100, 0, 0))", ("root", "EFAULT"), ["EPERM", "EPERM"]);
}

#[test]
fn row_039_nothing_is_mounted() {
    let code = "print(call(165, b'x', b'/tmp', b'tmpfs', 0, 0), call(166, b'/nowhere', 0), call(155, b'/', b'/'), call(161, b'/'), call(428, -100, b'/', 0), call(430, b'tmpfs', 0))";
    for tier in TIERS {
        assert_eq!(Tool::probe(tier, code).run().text(), "EPERM EPERM EPERM EPERM ENOSYS ENOSYS", "{tier:?}");
    }
    assert_eq!(outside("root", "print(call(161, b'/'), call(430, b'tmpfs', 0))"), "OK OK");
}

#[test]
fn row_046_and_047_what_a_file_is_cannot_be_changed_from_outside_of_it() {
    let _open = Open::new();
    let code = format!(
        "print(tried(os.chmod, '{OPEN}/file', 0o600), tried(os.utime, '{OPEN}/file', (1, 1)), tried(os.chown, '{OPEN}/file', os.getuid(), -1))"
    );
    row(&code, ("root", "OK OK OK"), ["EPERM EPERM EPERM", "ENOENT ENOENT ENOENT"]);
    // Landlock lets names be seen, where no namespace stands before them: documented, and shown here.
    row(&format!("print(tried(os.stat, '{OPEN}/file'))"), (USER, "OK"), ["OK", "ENOENT"]);
}

#[test]
fn row_048_no_device_is_made() {
    row(
        "print(tried(os.mknod, 'dev', 0o600 | stat.S_IFCHR, os.makedev(1, 3)))\nos.path.exists('dev') and os.unlink('dev')",
        ("root", "OK"),
        ["EACCES", "EACCES"],
    );
}

#[test]
fn row_050_devices_that_hold_nothing_are_there_and_no_others() {
    let code = "print(tried(wrote, '/dev/null'), tried(read, '/dev/zero'), tried(read, '/dev/urandom'), tried(read, '/dev/random'))";
    row(code, (USER, "OK OK OK OK"), ["OK OK OK OK"; 2]);
    row("print(tried(os.open, '/dev/kmsg', 0))", ("root", "OK"), ["EACCES", "ENOENT"]);
}

#[test]
fn row_051_its_tmp_is_nobody_elses_and_bounded() {
    std::fs::write("/tmp/reeve-e2e-of-the-host", "x").unwrap();
    let code = "print(os.path.exists('/tmp/reeve-e2e-of-the-host'), os.path.exists('/tmp/reeve-e2e-of-a-tool')); wrote('/tmp/reeve-e2e-of-a-tool')";
    for tier in TIERS {
        for _twice in 0..2 {
            assert_eq!(Tool::probe(tier, code).run().text(), "False False", "{tier:?}");
        }
        let fill = "f = open('/tmp/x', 'wb', 0)\nprint(tried(lambda: [f.write(bytes(1 << 16)) for _ in range(10000)]))";
        let tool = Tool::probe(tier, fill).with(|tool| tool.confinement.limits.workspace = 1 << 20);
        assert_eq!(tool.run().text(), "ENOSPC", "{tier:?}");
    }
    assert!(!Path::new("/tmp/reeve-e2e-of-a-tool").exists());
    std::fs::remove_file("/tmp/reeve-e2e-of-the-host").unwrap();
}

#[test]
fn row_053_what_was_written_is_not_run_unless_it_is_declared() {
    let code = "import shutil, subprocess\nt = f'/tmp/reeve-e2e-{os.getuid()}-{os.getpid()}'\nshutil.copy('/usr/bin/true', 'reeve-e2e'); shutil.copy('/usr/bin/true', t)\nprint(tried(subprocess.run, ['./reeve-e2e']), tried(subprocess.run, [t])); os.unlink(t); os.unlink('reeve-e2e')";
    row(code, (USER, "OK OK"), ["EACCES EACCES"; 2]);
    for tier in TIERS {
        let tool = Tool::probe(tier, code).with(|tool| tool.confinement.workspace_exec = true);
        assert_eq!(tool.run().text(), "OK OK", "{tier:?}");
    }
}

/// Which are root's: for tier B each is covered by a file that everybody may read and write, so that nothing but the sandbox stands
/// before it. Tier C has a `/proc` of its own, which no cover reaches, and whose files of a process are its user's to write.
#[test]
fn row_054_the_kernels_own_files_are_not_written() {
    const FILES: [&str; 4] = [
        "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/vm/drop_caches",
        "/sys/kernel/uevent_seqnum",
    ];
    let _open = Open::new();
    let code = format!(
        "print(*(f(p) for p in {FILES:?} for f in (lambda p: tried(read, p), lambda p: tried(wrote, p))))"
    );
    {
        let _covered = FILES.map(|path| Covered::with(path, &format!("{OPEN}/file")));
        assert_eq!(outside(USER, &code), ["OK"; 8].join(" "));
        assert_eq!(Tool::probe(Tier::B, &code).run().text(), ["EACCES"; 8].join(" "));
    }
    assert_eq!(
        std::fs::read_to_string(format!("{OPEN}/file")).unwrap(),
        "herexxxx",
        "the control alone wrote"
    );
    let by = |path: &str| format!("tried(os.open, '{path}', os.O_WRONLY)");
    let root = format!("print({})", FILES[..3].iter().map(|path| by(path)).collect::<Vec<_>>().join(", "));
    row(&root, ("root", "OK OK OK"), ["EACCES EACCES EACCES"; 2]);
    let own = ["comm", "oom_score_adj", "coredump_filter"].map(|name| by(&format!("/proc/self/{name}")));
    row(&format!("print({})", own.join(", ")), (USER, "OK OK OK"), ["EACCES EACCES EACCES"; 2]);
}

#[test]
fn row_055_no_process_of_the_host_is_seen() {
    row("print(tried(os.listdir, '/proc'))", (USER, "OK"), ["EACCES", "OK"]);
    let ran = Tool::probe(Tier::C, "print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()))").run();
    assert_eq!(ran.text(), "[1, 2]");
}

#[test]
fn row_056_a_fresh_workspace_has_its_size_and_its_number_of_files() {
    let fill =
        "f = open('x', 'wb', 0)\nprint(tried(lambda: [f.write(bytes(1 << 16)) for _ in range(10000)]))";
    let many = "print(tried(lambda: [open(str(n), 'w') and None for n in range(100000)]))";
    for tier in TIERS {
        let small = |code: &str| {
            let tool = Tool::probe(tier, code).with(|tool| {
                tool.confinement.limits.workspace = 1 << 20;
                tool.confinement.limits.inodes = 1000;
            });
            tool.run().text().to_owned()
        };
        assert_eq!(small(fill), "ENOSPC", "{tier:?}");
        assert_eq!(small(many), "ENOSPC", "{tier:?}");
    }
}

#[test]
fn row_056_a_workspace_that_stays_has_its_size_and_its_number_of_files_and_the_outcome_names_which() {
    let bytes = "n = 0\nwhile True:\n  with open(str(n % 16), 'wb') as f: f.write(bytes(1 << 20))\n  n += 1";
    let files = "n = 0\nwhile True:\n  open(str(n % 4000), 'w').close(); n += 1";
    let deep = "while True:\n  os.mkdir('d'); os.chdir('d')";
    let last = "for n in range(8):\n  with open(str(n), 'wb') as f: f.write(bytes(1 << 20))";
    let workspaces = [Workspace::Named("e2e-size".to_owned()), Workspace::Principal("e2e-size".to_owned())];
    for (tier, workspace) in TIERS.into_iter().flat_map(|tier| workspaces.clone().map(|one| (tier, one))) {
        let small = |code: &str| {
            Tool::probe(tier, code).with(|tool| {
                tool.confinement.workspace = workspace.clone();
                tool.confinement.limits.workspace = 4 << 20;
                tool.confinement.limits.inodes = 1000;
            })
        };
        for (code, limit) in [
            (bytes, Limit::Workspace),
            (files, Limit::Inodes),
            (deep, Limit::Inodes),
            (last, Limit::Workspace),
        ] {
            assert_eq!(small(code).run().how(), How::Limit(limit), "{tier:?} {workspace:?} {code}");
            if code != last {
                // Deeper than std goes.
                assert!(Command::new("/bin/rm").args(["-rf", &workspace.path()]).status().unwrap().success());
            }
        }
        // What is too large may become smaller, and then stay; and no larger, however often it is tried.
        let most = Usage { bytes: u64::MAX, inodes: u64::MAX };
        let size = || usage::of(Path::new(&workspace.path()), most, || false).unwrap();
        let before = size();
        for _again in 0..3 {
            let more = small(bytes).run();
            assert_eq!(more.how(), How::Limit(Limit::Workspace), "{tier:?}");
            assert_eq!(more.active.unwrap().workspace, FULL);
            assert_eq!(size(), before, "{tier:?}");
        }
        assert_eq!(small("os.truncate('0', 1); print(tried(wrote, '0'), tried(wrote, 'y'), tried(os.mkdir, 'd'), tried(os.link, '1', 'l'))").run().text(), "EACCES EACCES EACCES EACCES");
        assert_eq!(small("for n in os.listdir('.'): os.unlink(n)").run().text(), "");
        assert_eq!(small("wrote('y')").run().text(), "");
        std::fs::remove_dir_all(workspace.path()).unwrap();
    }
}

#[test]
fn row_058_only_what_may_be_run_runs() {
    let _open = Open::new();
    std::fs::copy("/usr/bin/true", format!("{OPEN}/true")).unwrap();
    std::fs::set_permissions(OPEN, PermissionsExt::from_mode(0o755)).unwrap();
    let code = format!("import subprocess\nprint(tried(subprocess.run, ['{OPEN}/true']))");
    assert_eq!(outside(USER, &code), "OK");
    for tier in TIERS {
        let tool = Tool::probe(tier, &code).with(|tool| tool.confinement.read_only = vec![OPEN.to_owned()]);
        assert_eq!(tool.run().text(), "EACCES", "{tier:?}");
    }
}

#[test]
fn row_062_no_program_is_made_in_memory() {
    row("print(call(319, b'x', 0))", (USER, "OK"), ["ENOSYS", "ENOSYS"]);
}
