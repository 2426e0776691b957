//! Making: create, snapshot, clone, promote, and a file written.

use std::collections::BTreeMap;

use super::flags::Flags;
use super::state::{Dataset, EMPTY, Snapshot, Written, guid, no_dataset, parent_of, pool_of};
use super::{Done, Fail, Host, Output, done, printed};

impl Host<'_> {
    pub(super) fn create(&mut self, flags: &Flags) -> Done {
        let Some(name) = flags.name(0) else {
            return Err(Fail::usage("missing filesystem argument", "create"));
        };
        // The fake's own limit: more than one name is a mistake in a test, which OpenZFS also refuses.
        if flags.names.len() > 1 {
            return Err(Fail::usage("too many arguments", "create"));
        }
        if flags.has('n') {
            return printed(format!("would create {name}\n"));
        }
        self.may("create", parent_of(name).unwrap_or(name), &format!("cannot create '{name}'"))?;
        let volume = flags.value('V').map(|size| super::set::size(size, name)).transpose()?;
        let mut local = self.settings_for(flags, name, volume.is_some())?;
        if flags.has('p') {
            self.make_parents(name)?;
        }
        self.place_for(name)?;
        if let Some(size) = volume {
            // A volume is as large as its blocks.
            local.insert("volsize".to_owned(), size.next_multiple_of(16_384).to_string());
        }
        if local
            .get("quota")
            .and_then(|quota| quota.parse::<u64>().ok())
            .is_some_and(|quota| quota > 0 && quota < EMPTY)
        {
            return Err(Fail::say(format!("cannot create '{name}': out of space")));
        }
        let mut dataset = self.empty(volume.is_some());
        dataset.sparse = flags.has('s');
        dataset.local = local;
        self.state.datasets.insert(name.to_owned(), dataset);
        self.mount_if_wanted(name);
        let asked: String = flags
            .all('o')
            .filter_map(|pair| pair.split_once('='))
            .map(|(property, value)| format!("property\t{property}\t{value}\n"))
            .collect();
        printed(if flags.has('P') { format!("create\t{name}\n{asked}") } else { String::new() })
    }

    fn settings_for(
        &self,
        flags: &Flags,
        name: &str,
        volume: bool,
    ) -> Result<BTreeMap<String, String>, Fail> {
        let mut local = BTreeMap::new();
        for (property, value) in super::set::assignments(flags.all('o'))? {
            let value = super::set::check(&property, &value, volume)
                .map_err(|problem| Fail::say(format!("cannot create '{name}': {problem}")))?;
            local.insert(property, value);
        }
        Ok(local)
    }

    fn empty(&mut self, volume: bool) -> Dataset {
        Dataset {
            volume,
            sparse: false,
            guid: guid(),
            createtxg: self.state.next_txg(),
            creation: self.now,
            referenced: if volume { EMPTY / 2 } else { EMPTY },
            written: if volume { EMPTY / 2 } else { EMPTY },
            mounted: false,
            local: BTreeMap::new(),
            snapshots: Vec::new(),
            bookmarks: Vec::new(),
            origin: None,
            allowed: BTreeMap::new(),
            files: Vec::new(),
        }
    }

    fn make_parents(&mut self, name: &str) -> Result<(), Fail> {
        let mut missing = Vec::new();
        let mut at = parent_of(name);
        while let Some(parent) = at.filter(|parent| !self.state.datasets.contains_key(*parent)) {
            missing.push(parent.to_owned());
            at = parent_of(parent);
        }
        for parent in missing.into_iter().rev() {
            self.place_for(&parent)?;
            let dataset = self.empty(false);
            self.state.datasets.insert(parent.clone(), dataset);
            self.mount_if_wanted(&parent);
        }
        Ok(())
    }

    /// That a dataset of that name can be made.
    pub(super) fn place_for(&self, name: &str) -> Result<(), Fail> {
        let cannot = |why: String| Fail::say(format!("cannot create '{name}': {why}"));
        if let Some(delimiter) = name.chars().find(|c| *c == '@' || *c == '#') {
            let what = if delimiter == '@' { "snapshot" } else { "bookmark" };
            return Err(cannot(format!("{what} delimiter '{delimiter}' is not expected here")));
        }
        if let Some(stranger) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.:/ ".contains(*c))) {
            return Err(cannot(format!("invalid character '{stranger}' in name")));
        }
        if name.len() > 255 {
            return Err(cannot("name is too long".to_owned()));
        }
        let pool = pool_of(name);
        if !self.state.pools.contains_key(pool) {
            return Err(cannot(format!("no such pool '{pool}'")));
        }
        if self.state.datasets.contains_key(name) {
            return Err(cannot("dataset already exists".to_owned()));
        }
        match parent_of(name).map(|parent| self.state.datasets.get(parent)) {
            None => Err(cannot("missing dataset name".to_owned())),
            Some(None) => Err(cannot("parent does not exist".to_owned())),
            Some(Some(parent)) if parent.volume => Err(cannot("parent is not a filesystem".to_owned())),
            Some(Some(_)) => Ok(()),
        }
    }

    pub(super) fn snapshot(&mut self, flags: &Flags) -> Done {
        if flags.names.is_empty() {
            return Err(Fail::usage("missing snapshot argument", "snapshot"));
        }
        let mut wanted = Vec::new();
        for name in &flags.names {
            let Some((dataset, short)) = name.split_once('@') else {
                return Err(Fail::usage(
                    &format!("cannot create snapshot '{name}': missing '@' delimiter"),
                    "snapshot",
                ));
            };
            if short.contains('/') {
                return Err(Fail::say(format!("cannot create snapshot '{name}': trailing slash in name")));
            }
            if name.len() > 255 {
                return Err(Fail::say(format!("cannot create snapshot '{name}': name is too long")));
            }
            if !self.state.datasets.contains_key(dataset) {
                let problem = format!("cannot open '{dataset}': dataset does not exist");
                return Err(Fail::usage(&problem, "snapshot"));
            }
            self.may("snapshot", dataset, "cannot create snapshots ")?;
            wanted.push((dataset.to_owned(), short.to_owned()));
            if flags.has('r') {
                wanted.extend(self.state.below(dataset).into_iter().map(|below| (below, short.to_owned())));
            }
        }
        self.refuse_clashes(&wanted)?;
        let (txg, now) = (self.state.next_txg(), self.now);
        for (dataset, short) in wanted {
            take(self.state.dataset_mut(&dataset)?, short, txg, now);
        }
        done()
    }

    fn refuse_clashes(&self, wanted: &[(String, String)]) -> Result<(), Fail> {
        let clashes: Vec<String> = wanted
            .iter()
            .map(|(dataset, short)| format!("{dataset}@{short}"))
            .filter(|name| self.state.find_snapshot(name).is_some())
            .map(|name| format!("cannot create snapshot '{name}': dataset already exists\n"))
            .collect();
        let twice = wanted
            .iter()
            .enumerate()
            .any(|(at, (dataset, _))| wanted.iter().skip(at + 1).any(|(other, _)| other == dataset));
        if twice {
            let problem = "cannot create snapshots : multiple snapshots of same fs not allowed";
            return Err(Fail::say(format!("{problem}\nno snapshots were created")));
        }
        match clashes.as_slice() {
            [] => Ok(()),
            [one] if wanted.len() == 1 => Err(Fail::say(one.trim_end())),
            _several => Err(Fail::say(format!("{}no snapshots were created", clashes.concat()))),
        }
    }

    pub(super) fn clone_of(&mut self, flags: &Flags) -> Done {
        let (Some(snapshot), Some(name)) = (flags.name(0), flags.name(1)) else {
            return Err(Fail::usage("missing source dataset argument", "clone"));
        };
        let source = self.state.snapshot(snapshot)?.clone();
        let (volume, sparse) = {
            let of = self.state.dataset(snapshot.split('@').next().unwrap_or(snapshot))?;
            (of.volume, of.sparse)
        };
        self.may("clone", parent_of(name).unwrap_or(name), &format!("cannot create '{name}'"))?;
        self.place_for(name)?;
        if pool_of(name) != pool_of(snapshot) {
            return Err(Fail::say(format!("cannot create '{name}': source and target pools differ")));
        }
        let local = self.settings_for(flags, name, volume)?;
        let mut dataset = self.empty(volume);
        dataset.sparse = sparse || volume;
        dataset.local = local;
        dataset.origin = Some(source.guid);
        (dataset.referenced, dataset.written) = (source.referenced, 0);
        self.state.datasets.insert(name.to_owned(), dataset);
        self.mount_if_wanted(name);
        done()
    }

    pub(super) fn promote(&mut self, flags: &Flags) -> Done {
        let Some(name) = flags.name(0) else {
            return Err(Fail::usage("missing clone filesystem argument", "promote"));
        };
        let origin = self.state.dataset(name)?.origin;
        let Some(origin) = origin else {
            return Err(Fail::say(format!("cannot promote '{name}': not a cloned filesystem")));
        };
        self.may("promote", name, &format!("cannot promote '{name}'"))?;
        let Some(whole) = self.state.snapshot_of_guid(origin) else { return Err(no_dataset(name)) };
        let parent = whole.split('@').next().unwrap_or_default().to_owned();
        let txg = self.state.snapshot(&whole)?.createtxg;
        let from = self.state.dataset_mut(&parent)?;
        let (mut moving, staying): (Vec<Snapshot>, Vec<Snapshot>) =
            from.snapshots.drain(..).partition(|snapshot| snapshot.createtxg <= txg);
        from.snapshots = staying;
        let (mut marks, left) = from.bookmarks.drain(..).partition(|bookmark| bookmark.createtxg <= txg);
        from.bookmarks = left;
        let parents_origin = from.origin.replace(origin);
        let to = self.state.dataset_mut(name)?;
        moving.append(&mut to.snapshots);
        to.snapshots = moving;
        to.bookmarks.append(&mut marks);
        to.origin = parents_origin;
        done()
    }

    /// `zfs fake-write DATASET BYTES [FILE]`: what a program would have written. OpenZFS has no such command.
    pub(super) fn fake_write(&mut self, args: &[String]) -> Done {
        let (name, bytes) = match args {
            [name, bytes, ..] => (name.as_str(), bytes.parse().unwrap_or(0_u64)),
            _too_few => return Err(Fail::usage("fake-write DATASET BYTES [FILE]", "fake-write")),
        };
        self.state.writes += 1;
        let file = args.get(2).cloned().unwrap_or_else(|| format!("file-{}", self.state.writes));
        let path = format!("{}/{file}", self.mountpoint(name));
        let (txg, at) = (self.state.next_txg(), self.now);
        let dataset = self.state.dataset_mut(name)?;
        dataset.referenced += bytes;
        dataset.written += bytes;
        // Half of it replaces what only the newest snapshot still has.
        if let Some(newest) = dataset.snapshots.last_mut() {
            newest.used += bytes / 2;
        }
        dataset.files.push(Written { path, txg, at });
        Ok(Output::default())
    }
}

fn take(dataset: &mut Dataset, name: String, createtxg: u64, creation: u64) {
    let (referenced, written) = (dataset.referenced, std::mem::take(&mut dataset.written));
    let holds = BTreeMap::new();
    dataset.snapshots.push(Snapshot {
        name,
        guid: guid(),
        createtxg,
        creation,
        referenced,
        written,
        used: 0,
        holds,
    });
}
