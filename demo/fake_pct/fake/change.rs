//! Changing and destroying containers.

use std::fs;

use super::args::{Args, Opt};
use super::config::{Config, encoded};
use super::make::interface;
use super::{Done, Fail, Machine, unlocked};

const SET: &[Opt] = &[
    Opt::Value("delete"),
    Opt::Value("revert"),
    Opt::Value("digest"),
    Opt::Value("hostname"),
    Opt::Value("memory"),
    Opt::Value("swap"),
    Opt::Value("cores"),
    Opt::Value("cpulimit"),
    Opt::Value("cpuunits"),
    Opt::Switch("onboot"),
    Opt::Switch("protection"),
    Opt::Value("tags"),
    Opt::Value("description"),
    Opt::Value("nameserver"),
    Opt::Value("searchdomain"),
    Opt::Value("startup"),
    Opt::Value("features"),
    Opt::Value("lock"),
    Opt::Value("rootfs"),
    Opt::Value("hookscript"),
    Opt::Numbered("net"),
    Opt::Numbered("mp"),
    Opt::Numbered("dev"),
    Opt::Numbered("unused"),
];

/// What a running container takes at its next start only.
const WAITS: [&str; 3] = ["hostname", "nameserver", "searchdomain"];

impl Machine {
    pub(super) fn change(&self, command: &str, rest: &[String]) -> Done {
        match command {
            "set" => self.set(&Args::read(rest, "set", &["vmid"], SET)?),
            "resize" => {
                self.resize(&Args::read(rest, "resize", &["vmid", "disk", "size"], &[Opt::Value("digest")])?)
            }
            _destroy => {
                let options =
                    [Opt::Switch("force"), Opt::Switch("purge"), Opt::Switch("destroy-unreferenced-disks")];
                self.destroy(&Args::read(rest, "destroy", &["vmid"], &options)?)
            }
        }
    }

    /// The SHA-1 of the file that `--digest` must be.
    fn agrees(&self, vm: &str, args: &Args) -> Result<(), Fail> {
        let Some(asked) = args.value("digest") else { return Ok(()) };
        let file = fs::read(self.config_path(vm))?;
        let sha = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &file);
        let now: String = sha.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        if now == asked {
            return Ok(());
        }
        Err(Fail::die("detected modified configuration - file changed by other user? Try again."))
    }

    fn set(&self, args: &Args) -> Done {
        let vm = args.operand(0);
        if args.options().all(|(name, _)| name == "digest") {
            return Err(Fail::die("no options specified"));
        }
        let mut config = self.load(vm)?;
        self.with_quorum()?;
        unlocked(&config)?;
        self.agrees(vm, args)?;
        let runs = self.backing.pid(self, vm)?.is_some();
        for key in args.value("delete").unwrap_or_default().split(',').filter(|key| !key.is_empty()) {
            let is_known = SET.iter().any(|opt| match opt {
                Opt::Value(name) | Opt::Switch(name) => *name == key,
                Opt::Numbered(name) => key.strip_prefix(name).is_some_and(|rest| rest.parse::<u16>().is_ok()),
            });
            if !is_known {
                return Err(Fail::die(format!(
                    "400 Parameter verification failed.\ndelete: unknown option '{key}'"
                )));
            }
            if runs && WAITS.contains(&key) {
                config.pending.insert("delete".to_owned(), key.to_owned());
            } else if let Some(value) = config.now.keys.remove(key).filter(|_| key.starts_with("mp")) {
                let volume = value.split(',').next().unwrap_or_default().to_owned();
                let free = (0_u8..).map(|n| format!("unused{n}")).find(|key| config.get(key).is_none());
                config.set(&free.unwrap_or_default(), volume);
            }
        }
        for (key, value) in args.options().filter(|(key, _)| !matches!(*key, "delete" | "revert" | "digest"))
        {
            self.set_one(vm, &mut config, (key, value), runs)?;
        }
        self.save(vm, &config)?;
        Ok(String::new())
    }

    fn set_one(
        &self,
        vm: &str,
        config: &mut Config,
        (key, value): (&str, &str),
        runs: bool,
    ) -> Result<(), Fail> {
        let value = match key {
            "description" => format!("{}%0A", encoded(value)),
            key if key.starts_with("net") => interface(vm, key, value),
            key if key.starts_with("mp") && !value.starts_with('/') => self.new_volume(vm, config, value)?,
            _other => value.to_owned(),
        };
        if runs && WAITS.contains(&key) {
            config.pending.insert(key.to_owned(), value);
        } else {
            config.set(key, value);
        }
        Ok(())
    }

    fn new_volume(&self, vm: &str, config: &Config, value: &str) -> Result<String, Fail> {
        let (place, rest) = value.split_once(':').unwrap_or(("local-zfs", value));
        let (gib, options) = rest.split_once(',').unwrap_or((rest, ""));
        if gib.parse::<u32>().is_err() {
            return Ok(value.to_owned());
        }
        let name = |n: &u16| format!("{place}:subvol-{vm}-disk-{n}");
        let number =
            (0_u16..).find(|n| config.now.keys.values().all(|own| !own.starts_with(&name(n)))).unwrap_or(0);
        self.make_volume(&name(&number))?;
        Ok(format!("{},{options},size={gib}G", name(&number)))
    }

    /// A worker does it, and how that ended is not asked: whatever happens, the status is 0.
    fn resize(&self, args: &Args) -> Done {
        let (vm, disk, size) = (args.operand(0), args.operand(1), args.operand(2));
        let mut config = self.load(vm)?;
        self.with_quorum()?;
        unlocked(&config)?;
        self.agrees(vm, args)?;
        let Some(value) = config.get(disk).map(str::to_owned) else {
            return Err(Fail::die(format!("disk '{disk}' does not exist")));
        };
        let gib = |text: &str| text.strip_suffix('G').and_then(|digits| digits.parse::<u64>().ok());
        let old = value.rsplit_once("size=").and_then(|(_, size)| gib(size)).unwrap_or(0);
        let new = match size.strip_prefix('+') {
            Some(more) => gib(more).map(|more| old + more),
            None => gib(size),
        };
        let new = new.ok_or_else(|| {
            Fail::die("400 Parameter verification failed.\nsize: value does not match the regex pattern")
        })?;
        if new < old {
            return Err(Fail::die("unable to shrink disk size"));
        }
        if new == old {
            return Err(Fail::die("disk is already at specified size"));
        }
        let done = self.task("resize", vm, |_| {
            if self.is_faulty("resize-worker") {
                return Err(Fail::die("zfs error: cannot set property for 'rpool/data': out of space"));
            }
            config.set(disk, value.replace(&format!("size={old}G"), &format!("size={new}G")));
            self.save(vm, &config)
        });
        match done {
            Ok(output) => Ok(output),
            Err(fail) => Err(Fail { code: 0, ..fail }),
        }
    }

    fn destroy(&self, args: &Args) -> Done {
        let vm = args.operand(0);
        let config = self.load(vm)?;
        if config.get("protection") == Some("1") {
            return Err(Fail::die(format!("can't remove CT {vm} - protection mode enabled")));
        }
        unlocked(&config)?;
        if self.is_ha(vm) && !args.is_on("purge") {
            return Err(Fail::die(format!(
                "unable to remove CT {vm} - used in HA resources and purge parameter not set."
            )));
        }
        self.with_quorum()?;
        let runs = self.backing.pid(self, vm)?.is_some();
        if runs && !args.is_on("force") {
            return Err(Fail::die(format!("unable to destroy CT {vm} - container is running")));
        }
        self.task("vzdestroy", vm, |output| {
            if runs {
                output.push_str(&format!("forced to stop CT {vm} before destroying!\n"));
                self.backing.stop(self, vm)?;
            }
            for (_, volume) in config.volumes(vm) {
                self.remove_volume(&volume)?;
            }
            if args.is_on("purge") {
                output.push_str(&format!("purging CT {vm} from related configurations..\n"));
                self.forget_ha(vm)?;
            }
            self.backing.forget(self, vm)?;
            Ok(fs::remove_file(self.config_path(vm))?)
        })
    }
}
