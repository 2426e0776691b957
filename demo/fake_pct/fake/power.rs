//! Starting and ending containers.

use super::args::{Args, Opt};
use super::{Done, Fail, Machine, unlocked};

impl Machine {
    pub(super) fn power(&self, command: &str, rest: &[String]) -> Done {
        let options: &[Opt] = match command {
            "start" => &[Opt::Switch("skiplock"), Opt::Switch("debug")],
            "stop" => &[Opt::Switch("skiplock"), Opt::Switch("overrule-shutdown")],
            "shutdown" => &[Opt::Value("timeout"), Opt::Switch("forceStop")],
            "reboot" => &[Opt::Value("timeout")],
            _unlock => &[],
        };
        let args = Args::read(rest, command, &["vmid"], options)?;
        let vm = args.operand(0);
        if command == "unlock" {
            return self.unlock(vm);
        }
        // Whether it runs is asked before whether it is there.
        let runs = self.backing.pid(self, vm)?.is_some();
        match (command, runs) {
            ("start", true) => return Err(Fail::die(format!("CT {vm} already running"))),
            ("start", false) => {}
            ("reboot", false) => return Err(Fail::die(format!("VM {vm} not running"))),
            (_, false) => return Err(Fail::die(format!("CT {vm} not running"))),
            (_, true) => {}
        }
        self.with_quorum()?;
        if self.is_ha(vm) && command != "reboot" {
            let word = if command == "start" { "start" } else { "stop" };
            return self.task(&format!("ha{word}"), vm, |output| {
                output.push_str(&format!("Requesting HA {word} for CT {vm}\n"));
                Ok(())
            });
        }
        let timeout = args.value("timeout").and_then(|text| text.parse().ok()).unwrap_or(60);
        self.task(&format!("vz{command}"), vm, |output| match command {
            "start" => self.start(vm, output),
            "stop" => {
                unlocked(&self.load(vm)?)?;
                self.backing.stop(self, vm)
            }
            "shutdown" => {
                unlocked(&self.load(vm)?)?;
                self.shut_down(vm, timeout, args.is_on("forceStop"), output)
            }
            _reboot => {
                unlocked(&self.load(vm)?)?;
                self.shut_down(vm, timeout, true, output)?;
                self.start(vm, output)
            }
        })
    }

    pub(super) fn start(&self, vm: &str, output: &mut String) -> Result<(), Fail> {
        let mut config = self.load(vm)?;
        if config.get("template") == Some("1") {
            return Err(Fail::die("you can't start a CT if it's a template"));
        }
        if config.get("lock") != Some("mounted") {
            unlocked(&config)?;
        }
        config.now = config.with_pending();
        config.pending.clear();
        self.save(vm, &config)?;
        let failed = |output: &mut String| {
            output.push_str(&format!("Job for pve-container@{vm}.service failed because the control process exited with error code.\n"));
            Err(Fail::die(format!("command 'systemctl start pve-container@{vm}' failed: exit code 1")))
        };
        if self.is_faulty("start-fails") {
            return failed(output);
        }
        self.backing.start(self, vm, &config).or_else(|_| failed(output))
    }

    fn shut_down(&self, vm: &str, timeout: u32, kill: bool, output: &mut String) -> Result<(), Fail> {
        if !self.is_faulty("shutdown-hangs") && self.backing.shut_down(self, vm, timeout)? {
            return Ok(());
        }
        output.push_str(&format!(
            "command 'lxc-stop -n {vm} --nokill --timeout {timeout}' failed: exit code 1\n"
        ));
        if kill { self.backing.stop(self, vm) } else { Err(Fail::die("container did not stop")) }
    }

    fn unlock(&self, vm: &str) -> Done {
        let mut config = self.load(vm)?;
        if config.now.keys.remove("lock").is_none() {
            return Err(Fail::die("no lock found trying to remove any lock"));
        }
        self.save(vm, &config)?;
        Ok(String::new())
    }
}
