//! Renaming, mounting and unmounting.

use super::flags::Flags;
use super::{Done, Fail, Host, done, printed};

impl Host<'_> {
    pub(super) fn rename(&mut self, flags: &Flags) -> Done {
        let (Some(from), Some(to)) = (flags.name(0), flags.name(1)) else {
            return Err(Fail::usage("missing source dataset argument", "rename"));
        };
        if from.contains('@') {
            return self.rename_snapshot(from, to);
        }
        let item = self.state.dataset(from)?;
        let (mounted, volume) = (item.mounted, item.volume);
        let mount_point = self.mountpoint(from);
        let denied = if mounted {
            format!("cannot unmount '{mount_point}'")
        } else {
            format!("cannot rename '{from}'")
        };
        let below = self.state.below(from);
        self.place_for(to).map_err(|Fail(output)| {
            let exists = format!("cannot create '{to}': dataset already exists\n");
            if output.stderr == exists {
                Fail::say(format!("cannot rename '{from}': dataset already exists"))
            } else {
                Fail(output)
            }
        })?;
        self.may("rename", from, &denied)?;
        if to.starts_with(&format!("{from}/")) {
            let why = if volume {
                "parent is not a filesystem"
            } else {
                "New dataset name cannot be a descendant of current dataset name"
            };
            return Err(Fail::say(format!("cannot rename '{from}': {why}")));
        }
        let grown = |old: &str| old.len() - from.len() + to.len() > 255;
        if below.iter().any(|old| grown(old)) {
            return Err(Fail::say(format!("cannot rename '{from}': dataset name is too long")));
        }
        for old in std::iter::once(from.to_owned()).chain(below) {
            if let Some(dataset) = self.state.datasets.remove(&old) {
                let new = format!("{to}{}", old.strip_prefix(from).unwrap_or_default());
                self.state.datasets.insert(new, dataset);
            }
        }
        // What was mounted is mounted again, if it still has a place.
        let moved: Vec<String> = std::iter::once(to.to_owned()).chain(self.state.below(to)).collect();
        for name in moved {
            let has_place = self.mountpoint(&name).starts_with('/');
            if let Ok(dataset) = self.state.dataset_mut(&name) {
                dataset.mounted = dataset.mounted && has_place;
            }
        }
        done()
    }

    fn rename_snapshot(&mut self, from: &str, to: &str) -> Done {
        let to = if to.contains('@') {
            to.to_owned()
        } else {
            format!("{}@{to}", from.split('@').next().unwrap_or(from))
        };
        if from.split('@').next() != to.split('@').next() {
            return Err(Fail::say(format!(
                "cannot rename to '{to}': snapshots must be part of same dataset"
            )));
        }
        self.state.snapshot(from)?;
        self.may("rename", from, &format!("cannot rename '{from}'"))?;
        if self.state.find_snapshot(&to).is_some() {
            return Err(Fail::say(format!("cannot rename '{from}': dataset already exists")));
        }
        if let (Some(snapshot), Some((_, short))) = (self.state.snapshot_mut(from), to.split_once('@')) {
            short.clone_into(&mut snapshot.name);
        }
        done()
    }

    pub(super) fn mount(&mut self, flags: &Flags) -> Done {
        let Some(name) = flags.name(0) else {
            let mounted = self.state.datasets.iter().filter(|(_, dataset)| dataset.mounted);
            return printed(
                mounted.map(|(name, _)| format!("{name:<30}  {}\n", self.mountpoint(name))).collect(),
            );
        };
        let dataset = self.state.dataset(name)?;
        if dataset.volume {
            return Err(Fail::say(format!(
                "cannot open '{name}': operation not applicable to datasets of this type"
            )));
        }
        self.may("mount", name, &format!("cannot mount '{name}'"))?;
        if dataset.mounted {
            return Err(Fail::say(format!("cannot mount '{name}': filesystem already mounted")));
        }
        match self.mountpoint(name).as_str() {
            "none" => return Err(Fail::say(format!("cannot mount '{name}': no mountpoint set"))),
            "legacy" => return Err(Fail::say(format!("cannot mount '{name}': legacy mountpoint"))),
            _path => {}
        }
        self.state.dataset_mut(name)?.mounted = true;
        done()
    }

    pub(super) fn unmount(&mut self, flags: &Flags) -> Done {
        let Some(name) = flags.name(0) else {
            return Err(Fail::usage("missing filesystem argument", "unmount"));
        };
        self.may("mount", name, &format!("cannot unmount '{}'", self.mountpoint(name)))?;
        self.state.dataset_mut(name)?.mounted = false;
        done()
    }

    pub(super) fn mount_if_wanted(&mut self, name: &str) {
        let wanted = self.mountpoint(name).starts_with('/');
        if let Some(dataset) = self.state.datasets.get_mut(name) {
            let can = dataset.local.get("canmount").is_none_or(|can| can == "on");
            dataset.mounted = wanted && can && !dataset.volume;
        }
    }
}
