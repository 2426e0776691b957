//! A program that is pinned by the package that it comes from: whatever that package has at its path at the moment.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::sys::trusted_file;

/// Where dpkg keeps which files a package has.
pub(super) const DPKG: &str = "/var/lib/dpkg/info";

const MAX_LIST: usize = 16 << 20;

/// Whether this can be a package's name.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.');
    (2..=100).contains(&text.len())
        && text.bytes().all(plain)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// The digest of a program as its package has it now.
///
/// # Errors
/// When the package is not there, or has no such file, or not only root can have written it.
pub(super) fn digest(info: &Path, package: &str, program: &str) -> Result<String, String> {
    let lists = std::fs::read_dir(info).map_err(|error| format!("{}: {error}", info.display()))?;
    let is_ones = |name: &str| {
        let stem = name.strip_suffix(".list");
        stem.is_some_and(|stem| {
            stem == package || stem.split_once(':').is_some_and(|(name, _)| name == package)
        })
    };
    let list = lists
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_ones));
    let list = list.ok_or_else(|| format!("the package {package} is not installed"))?;
    let text = trusted_file::read(&list, MAX_LIST).map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&text);
    // Before Debian's folders were merged into /usr, the same file was listed without it.
    let shorter = program.strip_prefix("/usr");
    if !text.lines().any(|line| line == program || Some(line) == shorter) {
        return Err(format!("the package {package} has no {program}"));
    }
    digest_of(Path::new(program))
}

/// The digest of a program that only root can have written, as it is now.
///
/// # Errors
/// When it is not there, or somebody else could have written it.
pub(super) fn digest_of(program: &Path) -> Result<String, String> {
    let mut file = trusted_file::open_file(program).map_err(|error| error.to_string())?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        let count = file.read(&mut buffer).map_err(|error| error.to_string())?;
        if count == 0 {
            break;
        }
        digest.update(buffer.get(..count).unwrap_or_default());
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_program_is_what_its_package_has_and_follows_it() {
        let here = tempfile::tempdir().unwrap();
        let program = here.path().join("tool");
        std::fs::write(&program, "one").unwrap();
        let program = program.to_str().unwrap();
        let list = here.path().join("a-tool:amd64.list");
        std::fs::write(&list, format!("/.\n{program}\n")).unwrap();
        let found = |package: &str, path: &str| digest(here.path(), package, path);
        let one = found("a-tool", program).unwrap();
        assert_eq!(one, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
        std::fs::write(program, "two").unwrap();
        assert_ne!(found("a-tool", program).unwrap(), one);
        assert!(found("a-too", program).unwrap_err().contains("not installed"));
        assert!(found("a-tool", "/usr/bin/other").unwrap_err().contains("has no"));
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(found("a-tool", program).unwrap_err().contains("others may write it"));
    }

    #[test]
    fn a_packages_name_is_no_path() {
        for name in ["", "a", "../x", "A", "a/b", "a b", "-a"] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_name("ripgrep") && is_name("libc6") && is_name("g++"));
    }
}
