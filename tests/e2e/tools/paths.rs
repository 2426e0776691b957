//! Rows on paths: ways to reach a file by another name, by a descriptor, or by a link, and what is not to be granted at all.

use std::os::unix::fs::{PermissionsExt, symlink};

use reeve::sandbox::{Tier, encode};

use super::fixture::*;
use crate::grants::{show_to, sign};
use crate::host::up;

const PLACE: &str = "/var/lib/reeve-e2e-place";

/// A directory with a file that everybody may write.
struct Place;

impl Place {
    fn new() -> Place {
        up();
        drop(std::fs::remove_dir_all(PLACE));
        std::fs::create_dir(PLACE).unwrap();
        std::fs::write(format!("{PLACE}/file"), "here").unwrap();
        std::fs::set_permissions(format!("{PLACE}/file"), PermissionsExt::from_mode(0o666)).unwrap();
        Place
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        std::fs::remove_dir_all(PLACE).unwrap();
    }
}

fn granted(tier: Tier, code: &str) -> Tool {
    Tool::probe(tier, code).with(|tool| tool.confinement.read_only = vec![PLACE.to_owned()])
}

#[test]
fn row_030_what_is_granted_to_read_is_not_written_by_any_other_call() {
    let _place = Place::new();
    for (code, control) in [
        (format!("print(tried(os.open, '{PLACE}/file', os.O_WRONLY | os.O_APPEND))"), "OK"),
        (format!("print(tried(os.open, '{PLACE}/file', os.O_RDWR))"), "OK"),
        (format!("print(tried(os.truncate, '{PLACE}/file', 1))"), "OK"),
        (
            format!("import mmap\nprint(tried(lambda: mmap.mmap(os.open('{PLACE}/file', os.O_RDWR), 1)))"),
            "OK",
        ),
        (
            format!(
                "wrote('own')\nprint(tried(lambda: os.sendfile(os.open('{PLACE}/file', os.O_WRONLY), os.open('own', 0), 0, 1)))"
            ),
            "OK",
        ),
    ] {
        std::fs::write(format!("{PLACE}/file"), "here").unwrap();
        assert_eq!(outside(USER, &code), control, "{code}");
        std::fs::write(format!("{PLACE}/file"), "here").unwrap();
        for (tier, answer) in [(Tier::B, "EACCES"), (Tier::C, "EROFS")] {
            let ran = granted(tier, &code).run();
            assert!([answer, "EACCES"].contains(&ran.text()), "{tier:?} {code}: {}", ran.text());
        }
        assert_eq!(std::fs::read_to_string(format!("{PLACE}/file")).unwrap(), "here", "{code}");
    }
}

#[test]
fn row_035_a_link_leads_nowhere_however_its_name_goes_on() {
    let _place = Place::new();
    for path in ["link/file", "link//file", "link/./file", "link/../reeve-e2e-place/file", "./link/file"] {
        let code = format!(
            "if not os.path.islink('link'): os.symlink('{PLACE}', 'link')\nprint(tried(read, '{path}'))"
        );
        row(&code, (USER, "OK"), ["EACCES", "ENOENT"]);
    }
    let listed = format!(
        "if not os.path.islink('link'): os.symlink('{PLACE}', 'link')\nprint(tried(os.listdir, 'link/.'))"
    );
    row(&listed, (USER, "OK"), ["EACCES", "ENOENT"]);
    let long = "print(tried(read, 'x' * 256), tried(read, '/'.join(['.'] * 3000)))";
    row(long, (USER, "ENAMETOOLONG ENAMETOOLONG"), ["ENAMETOOLONG ENAMETOOLONG"; 2]);
}

#[test]
fn row_037_a_directory_that_is_only_held_leads_nowhere() {
    let _place = Place::new();
    let code = format!(
        "d = None\ndef go():\n  global d; d = os.open('{PLACE}', os.O_PATH)\n  os.open('file', 0, dir_fd=d)\nprint(tried(go))"
    );
    row(&code, (USER, "OK"), ["EACCES", "ENOENT"]);
}

#[test]
fn row_040_a_path_that_somebody_else_could_exchange_is_not_granted() {
    let _place = Place::new();
    let inside = format!("{PLACE}/theirs");
    std::fs::create_dir(&inside).unwrap();
    let grants = |tier| {
        Tool::probe(tier, "print('ran')").with(|tool| tool.confinement.read_only = vec![inside.clone()])
    };
    for tier in TIERS {
        assert_eq!(grants(tier).run().text(), "ran", "{tier:?}");
    }
    // Now the directory above is somebody's who could put a link there at any moment.
    std::os::unix::fs::chown(PLACE, Some(reeve::sys::ids::user(USER).unwrap().unwrap().uid), None).unwrap();
    for tier in TIERS {
        grants(tier).run().is_refused("a file to act on is not to be trusted");
    }
}

#[test]
fn rows_041_to_044_no_repository_of_a_users_is_a_workspace_and_nothing_is_carved_out_of_one() {
    let good = Tool::probe(Tier::C, "");
    let text = encode(&good.confinement);
    for (from, to) in [
        ("workspace=fresh", "workspace=/srv/app"),
        ("workspace=fresh", "workspace=named:../../../srv/app"),
        ("workspace=fresh", "workspace=principal:a/.git"),
        ("egress=none", "egress=none;read=/var/lib/reeve-tools/named/app/.git"),
        ("egress=none", "egress=none;read=/var/lib/reeve-tools"),
    ] {
        let mut grant = good.grant();
        grant.argv[0] = text.replace(from, to);
        assert_ne!(grant.argv[0], text);
        let output = show_to("reeve-tool", &sign(&grant));
        assert_eq!(output.status.code(), Some(125), "{to}: {output:?}");
    }
}

#[test]
fn row_045_a_granted_path_is_a_real_one_and_no_link() {
    let _place = Place::new();
    symlink(format!("{PLACE}/file"), format!("{PLACE}/link")).unwrap();
    symlink("/nowhere", format!("{PLACE}/dangling")).unwrap();
    for tier in TIERS {
        for path in ["link", "dangling"] {
            let path = format!("{PLACE}/{path}");
            let tool = Tool::probe(tier, "").with(|tool| tool.confinement.read_only = vec![path]);
            tool.run().is_refused("a file to act on is not to be trusted");
        }
    }
}

#[test]
fn row_049_a_device_does_nothing_but_read_and_write() {
    let code =
        "import fcntl\nprint(tried(lambda: fcntl.ioctl(os.open('/dev/urandom', 0), 0x80045200, b'    ')))";
    row(code, (USER, "OK"), ["EACCES", "EACCES"]);
}

#[test]
fn row_052_shared_memory_is_the_tools_own() {
    let path = "/dev/shm/reeve-e2e-shm";
    drop(std::fs::remove_file(path));
    let code = format!("print(tried(wrote, '{path}'))");
    row(&code, (USER, "OK"), ["EACCES", "OK"]);
    std::fs::remove_file(path).unwrap();
    let seen = Tool::probe(Tier::C, "wrote('/dev/shm/x'); print(os.listdir('/dev/shm'))");
    assert_eq!(seen.run().text(), "['x']");
    assert_eq!(seen.run().text(), "['x']", "and not of the run before");
    assert!(!std::path::Path::new("/dev/shm/x").exists());
}

#[test]
fn row_060_and_061_a_copied_shell_does_not_run_and_by_the_loader_it_gains_nothing() {
    let _place = Place::new();
    let copy = "import shutil, subprocess\nshutil.copy(os.path.realpath('/bin/sh'), 'innocent'); os.chmod('innocent', 0o755)\n";
    let direct =
        format!("{copy}print(tried(lambda: subprocess.run(['./innocent', '-c', 'true'], check=True)))");
    row(&direct, (USER, "OK"), ["EACCES", "EACCES"]);
    // The loader maps what it may read. What runs then is as shut in as what started it.
    let loaded = format!(
        "{copy}r = subprocess.run(['/lib64/ld-linux-x86-64.so.2', './innocent', '-c', 'cat {PLACE}/file || exit 7'], stderr=-3, stdout=-3)\nprint(r.returncode in (7, 126, 127))"
    );
    row(&loaded, (USER, "False"), ["True", "True"]);
}
