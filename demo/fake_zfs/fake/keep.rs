//! Holds, bookmarks, and differences between snapshots.

use super::flags::Flags;
use super::state::{Bookmark, no_dataset};
use super::{Done, Fail, Host, done, printed};

impl Host<'_> {
    pub(super) fn hold(&mut self, flags: &Flags) -> Done {
        let (Some(tag), Some(name)) = (flags.name(0), flags.name(1)) else {
            return Err(Fail::usage("missing tag argument", "hold"));
        };
        self.held_dataset(name)?;
        let cannot = format!("cannot hold snapshot '{name}'");
        if self.state.find_snapshot(name).is_none() {
            return Err(Fail::say(format!("{cannot}: dataset does not exist")));
        }
        self.may("hold", name, "cannot hold")?;
        let now = self.now;
        match self.state.snapshot_mut(name) {
            Some(snapshot) if !snapshot.holds.contains_key(tag) => snapshot.holds.insert(tag.to_owned(), now),
            Some(_) | None => return Err(Fail::say(format!("{cannot}: tag already exists on this dataset"))),
        };
        done()
    }

    pub(super) fn release(&mut self, flags: &Flags) -> Done {
        let (Some(tag), Some(name)) = (flags.name(0), flags.name(1)) else {
            return Err(Fail::usage("missing tag argument", "release"));
        };
        self.held_dataset(name)?;
        let cannot = format!("cannot release hold from snapshot '{name}'");
        let Some(snapshot) = self.state.find_snapshot(name) else {
            return Err(Fail::say(format!("{cannot}: dataset does not exist")));
        };
        if !snapshot.holds.contains_key(tag) {
            return Err(Fail::say(format!("{cannot}: no such tag on this dataset")));
        }
        self.may("release", name, "cannot release")?;
        if let Some(snapshot) = self.state.snapshot_mut(name) {
            snapshot.holds.remove(tag);
        }
        done()
    }

    /// The dataset of a snapshot must be there before the snapshot is looked for.
    fn held_dataset(&self, name: &str) -> Result<(), Fail> {
        match name.split_once('@') {
            Some((dataset, _)) => self.state.dataset(dataset).map(drop),
            None => Err(Fail::say(format!("'{name}' is not a snapshot"))),
        }
    }

    pub(super) fn holds(&mut self, flags: &Flags) -> Done {
        let mut lines = String::new();
        let mut problems = String::new();
        for name in &flags.names {
            match self.state.find_snapshot(name) {
                None if !name.contains('@') => problems.push_str(&format!("'{name}' is not a snapshot\n")),
                None => problems.push_str(&format!("cannot open '{name}': dataset does not exist\n")),
                Some(snapshot) => {
                    for (tag, since) in &snapshot.holds {
                        let when =
                            if flags.has('p') { since.to_string() } else { super::values::date(*since) };
                        lines.push_str(&format!("{name}\t{tag}\t{when}\n"));
                    }
                }
            }
        }
        if !problems.is_empty() {
            return Err(Fail::say(format!("{problems}no datasets available")));
        }
        if flags.has('H') {
            return printed(lines);
        }
        let rows: Vec<Vec<String>> =
            lines.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect();
        printed(super::values::table(&["NAME", "TAG", "TIMESTAMP"], &rows))
    }

    pub(super) fn bookmark(&mut self, flags: &Flags) -> Done {
        let (Some(source), Some(new)) = (flags.name(0), flags.name(1)) else {
            return Err(Fail::usage("missing source argument", "bookmark"));
        };
        let dataset = source.split(['@', '#']).next().unwrap_or(source).to_owned();
        let new = if new.starts_with('#') { format!("{dataset}{new}") } else { new.to_owned() };
        let made = match (self.state.find_snapshot(source), self.state.find_bookmark(source)) {
            (Some(snapshot), _) => Bookmark {
                name: String::new(),
                guid: snapshot.guid,
                createtxg: snapshot.createtxg,
                creation: snapshot.creation,
                referenced: snapshot.referenced,
            },
            (None, Some(bookmark)) => bookmark.clone(),
            (None, None) => {
                let Fail(output) = no_dataset(source);
                return Err(Fail::usage(output.stderr.trim_end(), "bookmark"));
            }
        };
        let cannot = format!("cannot create bookmark '{new}'");
        let Some((target, short)) = new.split_once('#') else {
            return Err(Fail::say(format!("{cannot}: missing '#' delimiter")));
        };
        if target != dataset {
            return Err(Fail::say(format!(
                "{cannot}: source is not an ancestor of the new bookmark's dataset"
            )));
        }
        if self.state.find_bookmark(&new).is_some() {
            return Err(Fail::say(format!("{cannot}: bookmark exists")));
        }
        self.may("bookmark", &dataset, &cannot)?;
        self.state.dataset_mut(target)?.bookmarks.push(Bookmark { name: short.to_owned(), ..made });
        done()
    }

    pub(super) fn diff(&mut self, flags: &Flags) -> Done {
        let Some(from) = flags.name(0) else {
            return Err(Fail::usage("must provide at least one snapshot name", "diff"));
        };
        let name = from.split('@').next().unwrap_or(from);
        if self.state.dataset(name)?.volume {
            return Err(Fail::say(format!(
                "cannot open '{name}': operation not applicable to datasets of this type"
            )));
        }
        let unable = |why: &str| Fail::say(format!("Unable to obtain diffs: {why}"));
        let since =
            self.state.find_snapshot(from).ok_or_else(|| unable("No such file or directory"))?.createtxg;
        let until = match flags.name(1) {
            None => u64::MAX,
            Some(to) => {
                self.state.find_snapshot(to).ok_or_else(|| unable("No such file or directory"))?.createtxg
            }
        };
        if until < since {
            return Err(unable("\n   Not an earlier snapshot from the same fs"));
        }
        let needed = "The diff delegated permission is needed in order\nto create a just-in-time snapshot for diffing\n";
        if !self.is_allowed("diff", name) {
            return Err(Fail::say(format!("{needed}: unable to generate diffs")));
        }
        let files =
            self.state.dataset(name)?.files.iter().filter(|file| file.txg > since && file.txg <= until);
        let mut lines: String =
            files.map(|file| format!("{}.000000000\t+\tF\t{}\n", file.at, file.path)).collect();
        if !lines.is_empty() {
            lines.push_str(&format!("{}.000000000\tM\t/\t{}/\n", self.now, self.mountpoint(name)));
        }
        printed(lines)
    }
}
