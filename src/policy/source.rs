//! The policy as files: read by the gate, handed to the worker as text, known by one digest.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::{self, ConfigError};
use crate::operation::Digest;

/// A policy file and the files beside it that it may load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySource {
    main: SourceFile,
    beside: BTreeMap<String, String>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Its name, without a directory: `policy.star`.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl PolicySource {
    /// A policy from text, and the files that it may load. Those whose names are no plain `NAME.star` are out of its reach.
    #[must_use]
    pub fn new(main: SourceFile, beside: Vec<SourceFile>) -> Self {
        let beside = beside
            .into_iter()
            .filter(|file| is_loadable(&file.name) && file.name != main.name)
            .map(|file| (file.name, file.text))
            .collect();
        Self { main, beside }
    }

    /// Reads a policy and every `.star` file beside it, each of which only root or this process's user can have written.
    ///
    /// # Errors
    /// Says which file could not be read or is not to be trusted.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::read_without(path, None)
    }

    /// The same without a file that is on trial beside it: what is tried there is no part of what is in force.
    ///
    /// # Errors
    /// As [`PolicySource::read`].
    pub fn read_without(path: &Path, trial: Option<&Path>) -> Result<Self, ConfigError> {
        let main = SourceFile { name: file_name(path), text: config::read_text(path)? };
        let directory = path.parent().unwrap_or(Path::new("/"));
        let cannot_list = |source| ConfigError::Directory { path: directory.to_owned(), source };
        let mut beside = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(cannot_list)? {
            let path = entry.map_err(cannot_list)?.path();
            let name = file_name(&path);
            if is_loadable(&name) && name != main.name && trial != Some(path.as_path()) {
                beside.push(SourceFile { name, text: config::read_text(&path)? });
            }
        }
        Ok(Self::new(main, beside))
    }

    /// SHA-256 over the names and texts of all files.
    #[must_use]
    pub fn revision(&self) -> Digest {
        Digest::of(&serde_json::json!({
            "main": {"name": self.main.name, "text": self.main.text}, "beside": self.beside
        }))
    }

    /// How large all files are together, names included.
    pub(super) fn bytes(&self) -> usize {
        let beside: usize = self.beside.iter().map(|(name, text)| name.len() + text.len()).sum();
        beside + self.main.name.len() + self.main.text.len()
    }

    pub(super) fn main(&self) -> &SourceFile {
        &self.main
    }

    pub(super) fn beside(&self) -> &BTreeMap<String, String> {
        &self.beside
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether `load()` can name a file so: no directory, nothing hidden, `.star` at its end.
pub(super) fn is_loadable(name: &str) -> bool {
    let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    is_plain
        && !name.starts_with(['.', '-'])
        && name.strip_suffix(".star").is_some_and(|stem| !stem.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn file(name: &str, text: &str) -> SourceFile {
        SourceFile { name: name.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn only_plain_names_can_be_loaded() {
        for good in ["zfs.star", "a-b_c.2.star"] {
            assert!(is_loadable(good), "{good}");
        }
        for bad in [
            "",
            ".star",
            "a.py",
            "../a.star",
            "/etc/a.star",
            "a/b.star",
            ".a.star",
            "-a.star",
            "a\0.star",
            "ä.star",
        ] {
            assert!(!is_loadable(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_policy_is_read_with_the_files_beside_it_and_every_change_shows_in_its_revision() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        };
        write("policy.star", "main");
        write("zfs.star", "zfs");
        write("notes.txt", "no policy");
        let source = PolicySource::read(&directory.path().join("policy.star")).unwrap();
        assert_eq!(source, PolicySource::new(file("policy.star", "main"), vec![file("zfs.star", "zfs")]));
        let trial = directory.path().join("zfs.star");
        let without =
            PolicySource::read_without(&directory.path().join("policy.star"), Some(&trial)).unwrap();
        assert_eq!(without, PolicySource::new(file("policy.star", "main"), vec![]));
        for other in [
            PolicySource::new(file("policy.star", "other"), vec![file("zfs.star", "zfs")]),
            PolicySource::new(file("policy.star", "main"), vec![file("zfs.star", "other")]),
            PolicySource::new(file("policy.star", "main"), vec![]),
        ] {
            assert_ne!(source.revision(), other.revision());
        }
    }
}
