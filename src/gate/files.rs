//! The files that a reload reads, as they are: known by one digest, so that what comes into force is what people were shown.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::config::GateConfig;
use super::start::Sources;
use crate::config::difference::Seen;
use crate::config::{self, ConfigError};
use crate::operation::Digest;

/// Names, as people read them, and texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Files(BTreeMap<String, String>);

impl Files {
    /// Reads all of them.
    pub(super) fn read(sources: &Sources, config: &GateConfig) -> Result<Self, ConfigError> {
        let mut files = BTreeMap::new();
        let mut paths = vec![sources.config.clone(), sources.policy.clone()];
        let beside_it = [&config.lists, &config.alarms_file, &config.traces_file]
            .into_iter()
            .filter(|file| file.exists());
        paths.extend(beside_it.cloned());
        paths.extend(config.shadow.clone().filter(|shadow| shadow.exists()));
        let beside = sources.policy.parent().unwrap_or(Path::new("/"));
        paths.extend(of_kind(beside, "star")?);
        for folder in [&sources.contracts, &config.tools] {
            paths.extend(of_kind(folder, "toml")?);
        }
        let own = sources.config.parent().unwrap_or(Path::new("/"));
        for path in paths {
            let name = path.strip_prefix(own).unwrap_or(&path).display().to_string();
            files.insert(name, config::read_text(&path)?);
        }
        Ok(Self(files))
    }

    /// With the keys of votes that are posted: by digests, for people are shown what is here.
    pub(super) fn with_keys(mut self, keys: &BTreeMap<String, Digest>) -> Self {
        let named = keys.iter().map(|(name, key)| (format!("webhook/{name}.key"), key.as_str().to_owned()));
        self.0.extend(named);
        self
    }

    /// SHA-256 over names and texts.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&json!(self.0))
    }

    /// The same by keys, for whoever is told what has become another.
    pub(super) fn seen(&self) -> Seen {
        let mut seen = Seen::default();
        for (name, text) in &self.0 {
            if Path::new(name).extension().is_some_and(|own| own == "toml") {
                seen.keys(name, text);
            } else {
                seen.file(name, text.as_bytes());
            }
        }
        seen
    }

    /// What is in these and was not in those, and the other way round, line by line under the name of its file.
    pub(super) fn changes_since(&self, before: &Self) -> Vec<(String, Vec<String>)> {
        let names: BTreeSet<&String> = self.0.keys().chain(before.0.keys()).collect();
        let of = |files: &Self, name: &String| files.0.get(name).cloned().unwrap_or_default();
        let changed = names.into_iter().map(|name| (name.clone(), lines(&of(before, name), &of(self, name))));
        changed.filter(|(_, lines)| !lines.is_empty()).collect()
    }
}

/// The files of a folder whose names end so; none where there is no folder.
fn of_kind(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, ConfigError> {
    let cannot_list = |source| ConfigError::Directory { path: folder.to_owned(), source };
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot_list)? {
        let path = entry.map_err(cannot_list)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if is_plain(&name) && path.extension().is_some_and(|own| own == extension) {
            files.push(path);
        }
    }
    Ok(files)
}

/// What an editor has left lying about is no file of these.
fn is_plain(name: &str) -> bool {
    !name.starts_with(['.', '-'])
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// Lines that went, and lines that came. One that only moved is in neither, unless it came more often than it went.
fn lines(before: &str, after: &str) -> Vec<String> {
    let gone = left(before, after).into_iter().map(|line| format!("- {line}"));
    let come = left(after, before).into_iter().map(|line| format!("+ {line}"));
    let lines: Vec<String> = gone.chain(come).collect();
    if lines.is_empty() && before != after {
        vec!["~ the same lines in another order".to_owned()]
    } else {
        lines
    }
}

/// The lines of a text that another does not have, or not so often.
fn left<'a>(text: &'a str, other: &str) -> Vec<&'a str> {
    let mut there: BTreeMap<&str, usize> = BTreeMap::new();
    for line in other.lines() {
        *there.entry(line).or_default() += 1;
    }
    let is_new = |line: &&str| match there.get_mut(*line) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        Some(_) | None => true,
    };
    text.lines().filter(is_new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[(&str, &str)]) -> Files {
        Files(texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn every_line_that_came_or_went_is_shown_under_its_file() {
        let before = files(&[("policy.star", "a\nb\nb\n"), ("contracts/x.toml", "x\n"), ("same", "s")]);
        let after = files(&[("policy.star", "a\nb\nc\n"), ("contracts/y.toml", "x\n"), ("same", "s")]);
        let lines = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            after.changes_since(&before),
            [
                ("contracts/x.toml".to_owned(), lines(&["- x"])),
                ("contracts/y.toml".to_owned(), lines(&["+ x"])),
                ("policy.star".to_owned(), lines(&["- b", "+ c"])),
            ]
        );
        assert!(after.changes_since(&after).is_empty());
    }

    #[test]
    fn another_order_is_another_text() {
        let (before, after) = (files(&[("policy.star", "a\nb")]), files(&[("policy.star", "b\na")]));
        assert_ne!(before.digest(), after.digest());
        assert_eq!(after.changes_since(&before)[0].1, ["~ the same lines in another order"]);
        assert_ne!(files(&[("a", "b")]).digest(), files(&[("b", "a")]).digest());
    }
}
