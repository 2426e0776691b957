//! Making containers: from a template, by copying, and turning one into a template.

use super::args::{Args, Opt};
use super::config::{Config, encoded};
use super::{Done, Fail, Machine, unlocked};

const CREATE: &[Opt] = &[
    Opt::Value("hostname"),
    Opt::Value("memory"),
    Opt::Value("swap"),
    Opt::Value("cores"),
    Opt::Value("rootfs"),
    Opt::Value("storage"),
    Opt::Value("tags"),
    Opt::Value("features"),
    Opt::Value("description"),
    Opt::Switch("onboot"),
    Opt::Switch("unprivileged"),
    Opt::Switch("start"),
    Opt::Value("ssh-public-keys"),
    Opt::Value("password"),
    Opt::Value("ostype"),
    Opt::Value("arch"),
    Opt::Value("pool"),
    Opt::Switch("force"),
    Opt::Numbered("net"),
    Opt::Numbered("mp"),
];

const CLONE: &[Opt] = &[
    Opt::Value("hostname"),
    Opt::Value("snapname"),
    Opt::Switch("full"),
    Opt::Value("storage"),
    Opt::Value("pool"),
    Opt::Value("target"),
    Opt::Value("bwlimit"),
    Opt::Value("description"),
];

/// Storages that hold volumes of containers.
const DIRECTORIES: [&str; 3] = ["local-zfs", "local-lvm", "nfs"];

impl Machine {
    pub(super) fn make(&self, command: &str, rest: &[String]) -> Done {
        match command {
            "create" => {
                let args = Args::read(rest, "create", &["vmid", "ostemplate"], CREATE)?;
                let vm = args.operand(0);
                self.is_free(vm)?;
                let keys = args.value("ssh-public-keys").map(std::fs::read_to_string).transpose();
                let keys = keys.map_err(|error| {
                    Fail::die(format!("400 Parameter verification failed.\nssh-public-keys: {error}"))
                })?;
                self.with_quorum()?;
                self.task("vzcreate", vm, |output| self.create(vm, &args, keys.as_deref(), output))
            }
            "clone" => {
                let args = Args::read(rest, "clone", &["vmid", "newid"], CLONE)?;
                self.with_quorum()?;
                self.clone_of(&args)
            }
            _template => {
                self.template(&Args::read(rest, "template", &["vmid"], &[Opt::Switch("experimental")])?)
            }
        }
    }

    fn is_free(&self, vm: &str) -> Result<(), Fail> {
        if self.config_path(vm).exists() {
            return Err(Fail::die(format!("CT {vm} already exists on node 'pve'")));
        }
        // A virtual machine's number is taken as well.
        if self.dir.join("nodes/pve/qemu-server").join(format!("{vm}.conf")).exists() {
            return Err(Fail::die(format!("VM {vm} already exists on node 'pve'")));
        }
        Ok(())
    }

    fn create(&self, vm: &str, args: &Args, keys: Option<&str>, output: &mut String) -> Result<(), Fail> {
        let template = args.operand(1);
        let file = template.strip_prefix("local:vztmpl/").unwrap_or("?");
        if !self.dir.join("templates").join(file).is_file() {
            return Err(Fail::die(format!("unable to create CT {vm} - volume '{template}' does not exist")));
        }
        let storage = args.value("storage").unwrap_or("local").to_owned();
        let root = args.value("rootfs").unwrap_or("local:4").to_owned();
        let (place, gib) = root.split_once(':').unwrap_or((&storage, &root));
        if !DIRECTORIES.contains(&place) {
            let said = format!(
                "unable to create CT {vm} - storage '{place}' does not support container directories"
            );
            return Err(Fail::die(said));
        }
        let volume = format!("{place}:subvol-{vm}-disk-0");
        let mut config = Config::default();
        for (key, value) in [
            ("arch", "amd64"),
            ("memory", "512"),
            ("swap", "512"),
            ("ostype", "unmanaged"),
            ("unprivileged", "1"),
        ] {
            config.set(key, value);
        }
        for (name, value) in args.options() {
            match name {
                "rootfs" | "storage" | "start" | "ssh-public-keys" | "password" | "pool" | "force" => {}
                "description" => config.set("description", format!("{}%0A", encoded(value))),
                "unprivileged" if value == "0" => {
                    config.now.keys.remove("unprivileged");
                }
                name if name.starts_with("net") => config.set(name, interface(vm, name, value)),
                other => config.set(other, value),
            }
        }
        config.set("rootfs", format!("{volume},size={gib}G"));
        self.make_volume(&volume)?;
        self.fill_root(&volume)?;
        output.push_str(&format!("extracting archive '/var/lib/vz/template/cache/{file}'\n"));
        if let Some(keys) = keys {
            std::fs::create_dir_all(self.volume(&volume).join("root/.ssh"))?;
            std::fs::write(self.volume(&volume).join("root/.ssh/authorized_keys"), keys)?;
        }
        output.push_str("Detected container architecture: amd64\n");
        self.save(vm, &config)?;
        if args.is_on("start") { self.start(vm, output) } else { Ok(()) }
    }

    fn clone_of(&self, args: &Args) -> Done {
        let (vm, new) = (args.operand(0), args.operand(1));
        let config = self.load(vm)?;
        self.is_free(new).map_err(|fail| Fail::die(format!("unable to create CT {new}: {}", fail.said)))?;
        let snapshot = args.value("snapname");
        let section = match snapshot {
            Some(name) => config
                .snapshots
                .get(name)
                .ok_or_else(|| Fail::die(format!("snapshot '{name}' does not exist")))?,
            None => &config.now,
        };
        let is_template = config.get("template") == Some("1");
        let is_full = args.is_on("full") || !is_template;
        if is_full && snapshot.is_none() && self.backing.pid(self, vm)?.is_some() {
            return Err(Fail::die("Full clone of a running container is only possible from a snapshot"));
        }
        if !is_full && args.value("storage").is_some() {
            return Err(Fail::die(
                "400 Parameter verification failed.\nstorage: parameter 'storage' not allowed for linked clones",
            ));
        }
        let mut copy = Config { now: section.clone(), ..Config::default() };
        self.task("vzclone", vm, |output| {
            unlocked(&config)?;
            for key in ["template", "parent", "snaptime", "description", "protection", "lock"] {
                copy.now.keys.remove(key);
            }
            for (key, volume) in copy.volumes(vm) {
                let way = if is_full { "full clone of mountpoint" } else { "linked clone of mount point" };
                output.push_str(&format!("create {way} {key} ({volume})\n"));
                let (place, name) = volume.split_once(':').unwrap_or(("local-zfs", &volume));
                let place = args.value("storage").unwrap_or(place);
                let to = format!(
                    "{place}:{}",
                    name.replace(&format!("-{vm}-"), &format!("-{new}-")).replace("basevol", "subvol")
                );
                let from =
                    snapshot.map_or_else(|| self.volume(&volume), |name| self.snapshot_of(&volume, name));
                std::fs::create_dir_all(self.dir.join("volumes").join(place))?;
                self.copy_volume(&from, &to)?;
                let value = copy.get(&key).unwrap_or_default().replacen(&volume, &to, 1);
                copy.set(&key, value);
            }
            if let Some(name) = args.value("hostname") {
                copy.set("hostname", name);
            }
            self.save(new, &copy)
        })
    }

    fn template(&self, args: &Args) -> Done {
        let vm = args.operand(0);
        let mut config = self.load(vm)?;
        if !config.snapshots.is_empty() {
            return Err(Fail::die("unable to create template, because CT contains snapshots"));
        }
        if config.get("template") == Some("1") {
            return Err(Fail::die("you can't convert a template to a template"));
        }
        if self.backing.pid(self, vm)?.is_some() {
            return Err(Fail::die("you can't convert a CT to template if the CT is running"));
        }
        config.set("template", "1");
        self.save(vm, &config)?;
        Ok(String::new())
    }
}

/// An interface as Proxmox writes it down: with an address of its own, the name first, the rest by name.
pub(super) fn interface(vm: &str, key: &str, value: &str) -> String {
    let mut parts: Vec<String> = value.split(',').map(str::to_owned).collect();
    if !parts.iter().any(|part| part.starts_with("hwaddr=")) {
        let number: u32 = vm.parse().unwrap_or(0);
        let place: u32 = key.trim_start_matches("net").parse().unwrap_or(0);
        parts.push(format!("hwaddr=BC:24:11:{:02X}:{:02X}:{place:02X}", (number >> 8) & 255, number & 255));
    }
    if !parts.iter().any(|part| part.starts_with("type=")) {
        parts.push("type=veth".to_owned());
    }
    parts.sort_by_key(|part| (!part.starts_with("name="), part.clone()));
    parts.join(",")
}
