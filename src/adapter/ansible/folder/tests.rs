//! Folders as they should be, and as they should not.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn file(path: &str, contents: &str) -> PinnedFile {
    PinnedFile { path: path.to_owned(), contents: contents.as_bytes().to_vec() }
}

/// A folder with a playbook and a template.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::create_dir(folder.path().join("a")).unwrap();
    std::fs::write(folder.path().join("site.yml"), "- hosts: localhost\n").unwrap();
    std::fs::write(folder.path().join("a/b.j2"), "x").unwrap();
    std::fs::write(folder.path().join("a.j2"), "").unwrap();
    folder
}

// `printf -- '- hosts: localhost\n' >site.yml; mkdir a; printf x >a/b.j2; : >a.j2`, and then what the head of folder.rs says.
const DIGEST: &str = "b5666e7efefcd1cd3b2ae3527d4ab479c8398dd3e3afa2e4ef7eb306867063e2";

#[test]
fn the_digest_is_that_of_sha256sums_own_listing() {
    let files = [file("site.yml", "- hosts: localhost\n"), file("a/b.j2", "x"), file("a.j2", "")];
    assert_eq!(digest(&files), DIGEST);
    assert_eq!(digest(&read(folder().path()).unwrap()), DIGEST);
}

#[test]
fn any_file_added_removed_or_altered_makes_another_digest() {
    let alter: [&dyn Fn(&Path); 4] = [
        &|path| std::fs::write(path.join("a/b.j2"), "y").unwrap(),
        &|path| std::fs::write(path.join("ansible.cfg"), "").unwrap(),
        &|path| std::fs::remove_file(path.join("a.j2")).unwrap(),
        &|path| std::fs::rename(path.join("a.j2"), path.join("b.j2")).unwrap(),
    ];
    for alter in alter {
        let folder = folder();
        alter(folder.path());
        assert_ne!(digest(&read(folder.path()).unwrap()), DIGEST);
    }
}

#[test]
fn what_a_digest_would_not_hold_is_refused() {
    let spoil: [&dyn Fn(&Path); 4] = [
        &|path| symlink("/etc/passwd", path.join("link")).unwrap(),
        &|path| nix::unistd::mkfifo(&path.join("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap(),
        &|path| std::fs::write(path.join("a\nb"), "").unwrap(),
        &|path| std::fs::write(path.join("a\\b"), "").unwrap(),
    ];
    for spoil in spoil {
        let folder = folder();
        spoil(folder.path());
        assert!(matches!(read(folder.path()), Err(FolderError::Stranger(_))));
    }
    assert!(matches!(read(&folder().path().join("gone")), Err(FolderError::Unlisted { .. })));
}

#[test]
fn what_others_may_write_is_refused() {
    for (path, mode) in [("a/b.j2", 0o666), ("a", 0o777), ("", 0o777)] {
        let folder = folder();
        std::fs::set_permissions(folder.path().join(path), PermissionsExt::from_mode(mode)).unwrap();
        assert!(matches!(read(folder.path()), Err(FolderError::Untrusted(_))), "{path}");
    }
}

#[test]
fn a_folder_of_too_much_is_refused() {
    let many = folder();
    (0..MAX_FILES).for_each(|number| std::fs::write(many.path().join(format!("{number}")), "").unwrap());
    assert!(matches!(read(many.path()), Err(FolderError::TooMuch(_))));
    let large = folder();
    std::fs::write(large.path().join("x"), vec![0; MAX_BYTES]).unwrap();
    assert!(matches!(read(large.path()), Err(FolderError::TooMuch(_))));
}
