//! Snapshots: taken, destroyed, gone back to.

use super::args::{Args, Opt};
use super::config::{Config, encoded};
use super::{Done, Fail, Machine, unlocked};

/// Where a volume can go back to its newest snapshot only, as on ZFS.
pub(super) const NEWEST_ONLY: &str = "local-zfs";

impl Machine {
    pub(super) fn snapshots(&self, command: &str, rest: &[String]) -> Done {
        let options: &[Opt] = match command {
            "snapshot" => &[Opt::Value("description")],
            "delsnapshot" => &[Opt::Switch("force")],
            _rollback => &[Opt::Switch("start")],
        };
        let args = Args::read(rest, command, &["vmid", "snapname"], options)?;
        let (vm, name) = (args.operand(0), args.operand(1));
        if matches!(name, "current" | "vzdump") {
            return Err(Fail::die(format!("unable to use snapshot name '{name}' (reserved name)")));
        }
        self.with_quorum()?;
        let kind = format!("vz{command}");
        match command {
            "snapshot" => self.task(&kind, vm, |_| self.take(vm, name, args.value("description"))),
            "delsnapshot" => self.task(&kind, vm, |_| self.forget(vm, name)),
            _rollback => self.task(&kind, vm, |output| self.go_back(vm, name, args.is_on("start"), output)),
        }
    }

    fn take(&self, vm: &str, name: &str, description: Option<&str>) -> Result<(), Fail> {
        let mut config = self.load(vm)?;
        if config.get("template") == Some("1") {
            return Err(Fail::die("you can't take a snapshot if it's a template"));
        }
        unlocked(&config)?;
        if config.snapshots.contains_key(name) {
            return Err(Fail::die(format!("snapshot name '{name}' already used")));
        }
        let volumes = config.volumes(vm);
        if self.is_faulty("no-snapshots") || volumes.iter().any(|(_, volume)| volume.starts_with("nfs:")) {
            return Err(Fail::die("snapshot feature is not available"));
        }
        let mut section = config.now.clone();
        section.keys.remove("description");
        section.keys.insert("snaptime".to_owned(), self.now.to_string());
        section
            .keys
            .extend(description.map(|text| ("description".to_owned(), format!("{}%0A", encoded(text)))));
        for (_, volume) in &volumes {
            self.snapshot_volume(volume, name)?;
        }
        config.snapshots.insert(name.to_owned(), section);
        config.set("parent", name);
        self.save(vm, &config)
    }

    fn forget(&self, vm: &str, name: &str) -> Result<(), Fail> {
        let mut config = self.load(vm)?;
        unlocked(&config)?;
        let Some(gone) = config.snapshots.remove(name) else {
            return Err(Fail::die(format!("snapshot '{name}' does not exist")));
        };
        for section in config.snapshots.values_mut().chain([&mut config.now]) {
            if section.get("parent") == Some(name) {
                match gone.get("parent") {
                    Some(parent) => section.keys.insert("parent".to_owned(), parent.to_owned()),
                    None => section.keys.remove("parent"),
                };
            }
        }
        for (_, volume) in config.volumes(vm) {
            self.forget_snapshot(&volume, name)?;
        }
        self.save(vm, &config)
    }

    fn go_back(&self, vm: &str, name: &str, start: bool, output: &mut String) -> Result<(), Fail> {
        let mut config = self.load(vm)?;
        unlocked(&config)?;
        let Some(section) = config.snapshots.get(name).cloned() else {
            return Err(Fail::die(format!("snapshot '{name}' does not exist")));
        };
        if let Some(state) = section.get("snapstate") {
            return Err(Fail::die(format!(
                "unable to rollback to incomplete snapshot (snapstate = {state})"
            )));
        }
        let volumes = Config { now: section.clone(), ..Config::default() }.volumes(vm);
        for (_, volume) in &volumes {
            self.may_go_back(volume, name)?;
        }
        // A running one is killed, without a word.
        if self.backing.pid(self, vm)?.is_some() {
            self.backing.stop(self, vm)?;
        }
        for (_, volume) in &volumes {
            self.restore_volume(volume, name)?;
        }
        let mut now = section;
        now.keys.remove("snaptime");
        now.keys.remove("description");
        now.keys.extend(config.get("description").map(|text| ("description".to_owned(), text.to_owned())));
        now.keys.insert("parent".to_owned(), name.to_owned());
        config.now = now;
        config.pending.clear();
        self.save(vm, &config)?;
        if start { self.start(vm, output) } else { Ok(()) }
    }
}
