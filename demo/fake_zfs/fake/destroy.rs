//! Destroying, and rolling back, which destroys too.

use super::flags::Flags;
use super::state::no_dataset;
use super::{Done, Fail, Host, Output, done, printed};

impl Host<'_> {
    pub(super) fn destroy(&mut self, flags: &Flags) -> Done {
        let Some(name) = flags.name(0) else {
            return Err(Fail::usage("missing dataset argument", "destroy"));
        };
        if name.contains('#') {
            return self.destroy_bookmark(name);
        }
        if let Some((dataset, list)) = name.split_once('@') {
            return self.destroy_snapshots(flags, dataset, list);
        }
        self.destroy_dataset(flags, name)
    }

    fn destroy_bookmark(&mut self, name: &str) -> Done {
        let Some((dataset, short)) = name.split_once('#') else { return Err(no_dataset(name)) };
        if self.state.find_bookmark(name).is_none() {
            return Err(Fail::say(format!("bookmark '{name}' does not exist.")));
        }
        self.may("destroy", dataset, &format!("cannot destroy bookmark '{name}'"))?;
        self.state.dataset_mut(dataset)?.bookmarks.retain(|bookmark| bookmark.name != short);
        done()
    }

    fn destroy_snapshots(&mut self, flags: &Flags, dataset: &str, list: &str) -> Done {
        self.state.dataset(dataset)?;
        let mut datasets = vec![dataset.to_owned()];
        if flags.has('r') || flags.has('R') {
            datasets.extend(self.state.below(dataset));
        }
        let names: Vec<String> = datasets
            .iter()
            .flat_map(|dataset| list.split(',').map(move |short| format!("{dataset}@{short}")))
            .filter(|name| self.state.find_snapshot(name).is_some())
            .collect();
        if names.is_empty() {
            return Err(Fail::say("could not find any snapshots to destroy; check snapshot names."));
        }
        let lines: String = names.iter().map(|name| format!("destroy\t{name}\n")).collect();
        let shown = if flags.has('v') && flags.has('p') { lines } else { String::new() };
        for name in &names {
            let clones = self.state.clones(self.state.snapshot(name)?.guid);
            if !clones.is_empty() {
                let problem = format!("cannot destroy '{name}': snapshot has dependent clones");
                let hint = "use '-R' to destroy the following datasets:";
                return Err(Fail::say(format!("{problem}\n{hint}\n{}", clones.join("\n"))).after(shown));
            }
        }
        let freed: u64 = names
            .iter()
            .filter_map(|name| self.state.find_snapshot(name))
            .map(|snapshot| snapshot.used)
            .sum();
        if flags.has('n') {
            return printed(if shown.is_empty() { shown } else { format!("{shown}reclaim\t{freed}\n") });
        }
        self.may("destroy", dataset, "cannot destroy snapshots")?;
        for name in &names {
            if self.state.find_snapshot(name).is_some_and(|snapshot| !snapshot.holds.is_empty()) {
                let problem = format!("cannot destroy snapshot {name}: it's being held.");
                return Err(Fail::say(format!("{problem} Run 'zfs holds -r {name}' to see holders.")));
            }
        }
        for name in &names {
            self.forget_snapshot(name);
        }
        Ok(Output { stdout: shown, ..Output::default() })
    }

    fn forget_snapshot(&mut self, name: &str) {
        if let Some((dataset, short)) = name.split_once('@')
            && let Ok(dataset) = self.state.dataset_mut(dataset)
        {
            dataset.snapshots.retain(|snapshot| snapshot.name != short);
        }
    }

    fn destroy_dataset(&mut self, flags: &Flags, name: &str) -> Done {
        let dataset = self.state.dataset(name)?;
        let kind = if dataset.volume { "volume" } else { "filesystem" };
        let cannot = format!("cannot destroy '{name}'");
        let recursive = flags.has('r') || flags.has('R');
        if !name.contains('/') && !recursive {
            let hints = format!(
                "use 'zfs destroy -r {name}' to destroy all datasets in the pool\nuse 'zpool destroy {name}' to destroy the pool itself"
            );
            return Err(Fail::say(format!("{cannot}: operation does not apply to pools\n{hints}")));
        }
        let everything = self.tree(name);
        let clones: Vec<String> = everything
            .iter()
            .filter_map(|thing| self.state.find_snapshot(thing))
            .flat_map(|snapshot| self.state.clones(snapshot.guid))
            .filter(|clone| !everything.contains(clone))
            .collect();
        let listed = |names: &[String]| format!("to destroy the following datasets:\n{}", names.join("\n"));
        if !recursive && everything.len() > 1 {
            let children: Vec<String> = everything.iter().filter(|thing| *thing != name).cloned().collect();
            return Err(Fail::say(format!("{cannot}: {kind} has children\nuse '-r' {}", listed(&children))));
        }
        if !clones.is_empty() && !flags.has('R') {
            return Err(Fail::say(format!(
                "{cannot}: {kind} has dependent clones\nuse '-R' {}",
                listed(&clones)
            )));
        }
        let doomed: Vec<String> = clones.into_iter().chain(everything).collect();
        if flags.has('n') {
            let lines = doomed.iter().map(|thing| format!("destroy\t{thing}\n")).collect();
            return printed(if flags.has('v') { lines } else { String::new() });
        }
        let denied = match dataset.mounted {
            true => format!("cannot unmount '{}'", self.mountpoint(name)),
            false => cannot,
        };
        self.may("destroy", name, &denied)?;
        for thing in doomed {
            match thing.contains('@') {
                true => self.forget_snapshot(&thing),
                false => drop(self.state.datasets.remove(&thing)),
            }
        }
        done()
    }

    /// Everything that goes with a dataset: what is below first, then its snapshots, then itself.
    fn tree(&self, name: &str) -> Vec<String> {
        let mut all = Vec::new();
        for dataset in self.state.below(name).into_iter().rev().chain([name.to_owned()]) {
            if let Ok(found) = self.state.dataset(&dataset) {
                all.extend(found.snapshots.iter().map(|snapshot| format!("{dataset}@{}", snapshot.name)));
            }
            all.push(dataset);
        }
        all
    }

    pub(super) fn rollback(&mut self, flags: &Flags) -> Done {
        let Some(name) = flags.name(0) else {
            return Err(Fail::usage("missing dataset argument", "rollback"));
        };
        let to = self.state.snapshot(name)?.clone();
        let dataset = name.split('@').next().unwrap_or(name);
        let found = self.state.dataset(dataset)?;
        let younger: Vec<String> = found
            .snapshots
            .iter()
            .filter(|snapshot| snapshot.createtxg > to.createtxg)
            .map(|snapshot| format!("{dataset}@{}", snapshot.name))
            .chain(
                found
                    .bookmarks
                    .iter()
                    .filter(|bookmark| bookmark.createtxg > to.createtxg)
                    .map(|bookmark| format!("{dataset}#{}", bookmark.name)),
            )
            .collect();
        if !younger.is_empty() && !flags.has('r') {
            let problem = format!("cannot rollback to '{name}': more recent snapshots or bookmarks exist");
            let hint = "use '-r' to force deletion of the following snapshots and bookmarks:";
            return Err(Fail::say(format!("{problem}\n{hint}\n{}", younger.join("\n"))));
        }
        self.may("rollback", dataset, &format!("cannot rollback '{dataset}'"))?;
        for thing in younger {
            let held = self.state.find_snapshot(&thing).is_some_and(|snapshot| !snapshot.holds.is_empty());
            if held {
                return Err(Fail::say(format!("cannot destroy '{thing}': dataset is busy")));
            }
            self.forget_snapshot(&thing);
        }
        let found = self.state.dataset_mut(dataset)?;
        found.bookmarks.retain(|bookmark| bookmark.createtxg <= to.createtxg);
        found.referenced = to.referenced;
        found.written = 0;
        found.files.retain(|file| file.txg <= to.createtxg);
        done()
    }
}
