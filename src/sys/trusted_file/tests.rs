//! What a trusted file must not be.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::sys::scratch::Scratch;

fn file(scratch: &Scratch, mode: u32) -> PathBuf {
    let path = scratch.path("key");
    std::fs::write(&path, "contents").unwrap();
    chmod(&path, mode);
    path
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn said(result: Result<Vec<u8>, TrustedFileError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_file_of_our_own_is_read() {
    let scratch = Scratch::new();
    assert_eq!(read(&file(&scratch, 0o644), 8).unwrap(), b"contents");
    assert_eq!(read_secret(&file(&scratch, 0o600), 8).unwrap(), b"contents");
}

#[test]
fn a_file_that_the_group_may_write_is_refused() {
    let scratch = Scratch::new();
    let path = file(&scratch, 0o664);
    assert_eq!(
        said(read(&path, 8)),
        format!("{}: others may write it (mode 0664): run chmod go-w on it", path.display())
    );
}

#[test]
fn a_secret_that_the_group_may_read_is_refused() {
    let scratch = Scratch::new();
    let path = file(&scratch, 0o640);
    assert_eq!(
        said(read_secret(&path, 8)),
        format!("{}: others may read it (mode 0640): run chmod go= on it", path.display())
    );
}

#[test]
fn a_symbolic_link_is_refused_as_file_and_as_parent() {
    let scratch = Scratch::new();
    let real = file(&scratch, 0o600);
    let (link, up) = (scratch.path("link"), scratch.path("up"));
    symlink(&real, &link).unwrap();
    symlink(scratch.root(), &up).unwrap();
    assert_eq!(said(read(&link, 8)), format!("{}: is a symbolic link: name the real path", link.display()));
    assert_eq!(
        said(read(&up.join("key"), 8)),
        format!("{}: is a symbolic link: name the real path", up.display())
    );
}

#[test]
fn a_parent_that_others_may_write_is_refused() {
    let scratch = Scratch::new();
    let path = file(&scratch, 0o600);
    chmod(scratch.root(), 0o777);
    assert!(said(read(&path, 8)).contains("others may write it (mode 0777)"));
}

#[test]
fn a_file_right_inside_a_sticky_directory_is_refused() {
    let scratch = Scratch::new();
    let path = file(&scratch, 0o600);
    chmod(scratch.root(), 0o1777);
    assert!(said(read(&path, 8)).contains("others may write it (mode 1777)"));
}

#[test]
fn root_trusts_only_root_and_a_service_also_itself() {
    let (root, service) = (Uid::from_raw(0), Uid::from_raw(990));
    assert!(may_own(0, root) && may_own(0, service) && may_own(990, service));
    assert!(!may_own(990, root) && !may_own(991, service));
}

#[test]
fn a_fifo_a_directory_and_a_device_are_refused_without_waiting() {
    let scratch = Scratch::new();
    let fifo = scratch.path("fifo");
    nix::unistd::mkfifo(&fifo, Mode::S_IRUSR).unwrap();
    assert!(said(read(&fifo, 8)).contains("wrong kind"));
    std::fs::create_dir(scratch.path("sub")).unwrap();
    assert!(said(read(&scratch.path("sub"), 8)).contains("wrong kind"));
    assert!(said(read(Path::new("/dev/null"), 8)).contains("wrong kind"));
    assert!(said(read(Path::new("/"), 8)).contains("wrong kind"));
}

#[test]
fn a_path_that_is_relative_or_climbs_is_refused() {
    for path in ["key", "./key", "/etc/../etc/passwd"] {
        assert_eq!(said(read(Path::new(path), 8)), format!("{path}: must be an absolute path without '..'"));
    }
}

#[test]
fn a_file_one_byte_too_large_is_refused() {
    let scratch = Scratch::new();
    let path = file(&scratch, 0o600);
    assert_eq!(said(read(&path, 7)), format!("{}: is larger than 7 bytes", path.display()));
}

#[test]
fn a_missing_file_is_told_from_a_wrong_one() {
    let scratch = Scratch::new();
    assert!(read(&scratch.path("none"), 8).unwrap_err().is_not_found());
    assert!(!read(&file(&scratch, 0o666), 8).unwrap_err().is_not_found());
}

#[test]
fn a_private_directory_admits_nobody_else() {
    let scratch = Scratch::new();
    chmod(scratch.root(), 0o700);
    assert!(private_directory(scratch.root()).is_ok());
    chmod(scratch.root(), 0o750);
    assert!(private_directory(scratch.root()).unwrap_err().to_string().contains("mode 0750"));
}
