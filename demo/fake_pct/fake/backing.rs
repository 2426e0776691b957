//! What containers and volumes are: LXC's containers on folders, or only words about them.
//!
//! A volume is a folder `volumes/STORAGE/NAME`, a snapshot of it a copy `NAME@SNAPSHOT` beside it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reeve::sys::process::{Command, Exit, Finished, run};

use super::config::Config;
use super::snapshots::NEWEST_ONLY;
use super::{Fail, Machine};

/// What containers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backing {
    /// Real ones, which LXC runs.
    Lxc,
    /// Files that say that one runs.
    Pure,
}

/// The first process of a container: ends at once when it is asked to shut down.
const INIT: &str =
    "#!/bin/busybox sh\ntrap 'exit 0' USR1 PWR TERM\nwhile :; do /bin/busybox sleep 3600 & wait $!; done\n";

impl Backing {
    /// The first process of a running container, as the host numbers it.
    pub(super) fn pid(self, machine: &Machine, vm: &str) -> Result<Option<u32>, Fail> {
        match self {
            Self::Pure => match std::fs::read_to_string(machine.running(vm)) {
                Ok(text) => Ok(text.trim().parse().ok()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error.into()),
            },
            Self::Lxc => {
                if !machine.lxc().join(vm).join("config").exists() {
                    return Ok(None);
                }
                let info = machine.lxc_tool("lxc-info", vm, &["-p", "-H"])?;
                Ok(String::from_utf8_lossy(&info.stdout).trim().parse().ok())
            }
        }
    }

    pub(super) fn start(self, machine: &Machine, vm: &str, config: &Config) -> Result<(), Fail> {
        match self {
            Self::Pure => {
                let number = machine.dir.join("pids");
                let next = std::fs::read_to_string(&number)
                    .ok()
                    .and_then(|n| n.trim().parse::<u32>().ok())
                    .unwrap_or(4711)
                    + 1;
                std::fs::write(number, next.to_string())?;
                std::fs::create_dir_all(machine.dir.join("running"))?;
                Ok(std::fs::write(machine.running(vm), next.to_string())?)
            }
            Self::Lxc => {
                machine.write_lxc_config(vm, config)?;
                let log = machine.lxc().join(format!("{vm}.log"));
                let started =
                    machine.lxc_tool("lxc-start", vm, &["-d", "-o", &log.to_string_lossy(), "-l", "WARN"])?;
                if started.status == Exit::Code(0) { Ok(()) } else { Err(Fail::die("lxc-start failed")) }
            }
        }
    }

    /// Kills it.
    pub(super) fn stop(self, machine: &Machine, vm: &str) -> Result<(), Fail> {
        match self {
            Self::Pure => Ok(std::fs::remove_file(machine.running(vm))?),
            Self::Lxc => machine.lxc_tool("lxc-stop", vm, &["-k"]).map(|_| ()),
        }
    }

    /// Forgets what was written down to start it.
    pub(super) fn forget(self, machine: &Machine, vm: &str) -> Result<(), Fail> {
        match self {
            Self::Pure => Ok(()),
            Self::Lxc => remove(&machine.lxc().join(vm)),
        }
    }

    /// Asks it to end; whether it did in time.
    pub(super) fn shut_down(self, machine: &Machine, vm: &str, timeout: u32) -> Result<bool, Fail> {
        match self {
            Self::Pure => std::fs::remove_file(machine.running(vm)).map(|()| true).map_err(Fail::from),
            Self::Lxc => {
                let ended =
                    machine.lxc_tool("lxc-stop", vm, &["--nokill", "--timeout", &timeout.to_string()])?;
                Ok(ended.status == Exit::Code(0))
            }
        }
    }
}

impl Machine {
    fn running(&self, vm: &str) -> PathBuf {
        self.dir.join("running").join(vm)
    }

    fn lxc(&self) -> PathBuf {
        self.dir.join("lxc")
    }

    fn lxc_tool(&self, tool: &str, vm: &str, args: &[&str]) -> Result<Finished, Fail> {
        let path = self.lxc();
        let path = path.to_string_lossy();
        let mut words = vec!["-P", &path, "-n", vm];
        words.extend(args);
        let command =
            Command::new(format!("/usr/bin/{tool}")).args(words).deadline(Duration::from_secs(4000));
        run(&command).map_err(|error| Fail { code: 70, said: format!("fake pct: {tool}: {error}") })
    }

    /// What LXC is told about a container, written anew for each start, as Proxmox does.
    fn write_lxc_config(&self, vm: &str, config: &Config) -> Result<(), Fail> {
        let root = config.volumes(vm).into_iter().find(|(key, _)| key == "rootfs").map(|(_, volume)| volume);
        let root = self.volume(&root.unwrap_or_default());
        let host = config.get("hostname").map_or_else(|| format!("CT{vm}"), str::to_owned);
        let mut text = format!(
            "lxc.uts.name = {host}\nlxc.rootfs.path = dir:{}\nlxc.net.0.type = empty\nlxc.signal.halt = SIGUSR1\n\
             lxc.init.cmd = /sbin/init\nlxc.mount.auto = proc:mixed\nlxc.autodev = 1\nlxc.tty.max = 0\n",
            root.display()
        );
        for (key, volume) in config.volumes(vm) {
            let inside = config
                .get(&key)
                .and_then(|value| value.split(',').find_map(|part| part.strip_prefix("mp=/")));
            if let Some(inside) = inside {
                let from = self.volume(&volume);
                text.push_str(&format!(
                    "lxc.mount.entry = {} {inside} none bind,create=dir 0 0\n",
                    from.display()
                ));
            }
        }
        let folder = self.lxc().join(vm);
        std::fs::create_dir_all(&folder)?;
        Ok(std::fs::write(folder.join("config"), text)?)
    }

    /// The folder of `STORAGE:NAME`.
    pub(super) fn volume(&self, volume: &str) -> PathBuf {
        let (storage, name) = volume.split_once(':').unwrap_or(("none", volume));
        self.dir.join("volumes").join(storage).join(name)
    }

    /// Makes an empty volume.
    pub(super) fn make_volume(&self, volume: &str) -> Result<(), Fail> {
        Ok(std::fs::create_dir_all(self.volume(volume))?)
    }

    /// Puts into a root file system what a template would bring: busybox, and an init.
    pub(super) fn fill_root(&self, volume: &str) -> Result<(), Fail> {
        let root = self.volume(volume);
        for folder in ["bin", "sbin", "etc", "proc", "sys", "dev", "tmp", "root", "run"] {
            std::fs::create_dir_all(root.join(folder))?;
        }
        match self.backing {
            Backing::Pure => Ok(()),
            Backing::Lxc => {
                std::fs::copy("/bin/busybox", root.join("bin/busybox"))?;
                for name in ["sh", "cat", "touch", "hostname", "rm", "ls"] {
                    std::os::unix::fs::symlink("busybox", root.join("bin").join(name))?;
                }
                let init = root.join("sbin/init");
                std::fs::write(&init, INIT)?;
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
                Ok(std::fs::set_permissions(init, mode)?)
            }
        }
    }

    pub(super) fn remove_volume(&self, volume: &str) -> Result<(), Fail> {
        for name in self.taken(volume)? {
            self.forget_snapshot(volume, &name)?;
        }
        remove(&self.volume(volume))?;
        remove_file(&self.order(volume))
    }

    pub(super) fn copy_volume(&self, from: &Path, to: &str) -> Result<(), Fail> {
        copy(from, &self.volume(to))
    }

    /// The folder of a volume's snapshot.
    pub(super) fn snapshot_of(&self, volume: &str, name: &str) -> PathBuf {
        self.volume(&format!("{volume}@{name}"))
    }

    /// A volume's snapshots, the oldest first.
    fn taken(&self, volume: &str) -> Result<Vec<String>, Fail> {
        match std::fs::read_to_string(self.order(volume)) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    fn order(&self, volume: &str) -> PathBuf {
        self.volume(&format!("{volume}.snapshots"))
    }

    pub(super) fn snapshot_volume(&self, volume: &str, name: &str) -> Result<(), Fail> {
        copy(&self.volume(volume), &self.snapshot_of(volume, name))?;
        let mut taken = self.taken(volume)?;
        taken.push(name.to_owned());
        Ok(std::fs::write(self.order(volume), taken.join("\n"))?)
    }

    pub(super) fn forget_snapshot(&self, volume: &str, name: &str) -> Result<(), Fail> {
        remove(&self.snapshot_of(volume, name))?;
        let mut taken = self.taken(volume)?;
        taken.retain(|own| own != name);
        Ok(std::fs::write(self.order(volume), taken.join("\n"))?)
    }

    pub(super) fn may_go_back(&self, volume: &str, name: &str) -> Result<(), Fail> {
        let taken = self.taken(volume)?;
        if !taken.iter().any(|own| own == name) {
            return Err(Fail::die(format!("can't rollback, snapshot '{name}' does not exist on '{volume}'")));
        }
        let is_newest_only = volume.split(':').next() == Some(NEWEST_ONLY);
        if is_newest_only && taken.last().is_some_and(|last| last != name) {
            return Err(Fail::die(format!(
                "can't rollback, '{name}' is not most recent snapshot on '{volume}'"
            )));
        }
        Ok(())
    }

    pub(super) fn restore_volume(&self, volume: &str, name: &str) -> Result<(), Fail> {
        remove(&self.volume(volume))?;
        copy(&self.snapshot_of(volume, name), &self.volume(volume))
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Fail> {
    tool("/bin/cp", &["-a", "--", &from.to_string_lossy(), &to.to_string_lossy()])
}

fn remove(path: &Path) -> Result<(), Fail> {
    tool("/bin/rm", &["-rf", "--", &path.to_string_lossy()])
}

fn remove_file(path: &Path) -> Result<(), Fail> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn tool(program: &str, args: &[&str]) -> Result<(), Fail> {
    let ended = run(&Command::new(program).args(args.iter().copied()));
    match ended {
        Ok(finished) if finished.status == Exit::Code(0) => Ok(()),
        Ok(finished) => Err(Fail { code: 70, said: String::from_utf8_lossy(&finished.stderr).into_owned() }),
        Err(error) => Err(Fail { code: 70, said: error.to_string() }),
    }
}
