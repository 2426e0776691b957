//! What `pct` prints when it is only asked.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::args::Args;
use super::config::{Config, Section, decoded};
use super::{Done, Fail, Machine};

impl Machine {
    pub(super) fn list(&self, _args: &Args) -> Done {
        let numbers = self.numbers()?;
        let mut text = String::new();
        let mut line = |cells: [&str; 4]| {
            let [number, status, lock, name] = cells;
            writeln!(text, "{number:<10} {status:<10} {lock:<12} {name:<20}").map_err(|_| Fail::die("format"))
        };
        if !numbers.is_empty() {
            line(["VMID", "Status", "Lock", "Name"])?;
        }
        for number in numbers {
            let vm = number.to_string();
            let config = self.load(&vm)?;
            let name = config.get("hostname").map_or_else(|| format!("CT{vm}"), str::to_owned);
            line([&vm, self.word(&vm)?, config.get("lock").unwrap_or_default(), &name])?;
        }
        Ok(text)
    }

    pub(super) fn word(&self, vm: &str) -> Result<&'static str, Fail> {
        Ok(if self.backing.pid(self, vm)?.is_some() { "running" } else { "stopped" })
    }

    pub(super) fn status(&self, args: &Args) -> Done {
        let vm = args.operand(0);
        let config = self.load(vm)?;
        let status = self.word(vm)?;
        if !args.is_on("verbose") {
            return Ok(format!("status: {status}\n"));
        }
        let pid = self.backing.pid(self, vm)?;
        let mebi = |key: &str| config.get(key).and_then(|mib| mib.parse::<u64>().ok()).unwrap_or(512) << 20;
        let mut lines: BTreeMap<&str, String> = BTreeMap::from([
            ("cpus", config.get("cores").unwrap_or("2").to_owned()),
            ("disk", "0".to_owned()),
            ("diskread", "0".to_owned()),
            ("diskwrite", "0".to_owned()),
            ("maxdisk", self.root_bytes(&config).to_string()),
            ("maxmem", mebi("memory").to_string()),
            ("maxswap", mebi("swap").to_string()),
            ("mem", if pid.is_some() { "1703936" } else { "0" }.to_owned()),
            ("name", config.get("hostname").map_or_else(|| format!("CT{vm}"), str::to_owned)),
            ("netin", "0".to_owned()),
            ("netout", "0".to_owned()),
            ("status", status.to_owned()),
            ("swap", "0".to_owned()),
            ("type", "lxc".to_owned()),
            ("uptime", if pid.is_some() { "7" } else { "0" }.to_owned()),
            ("vmid", vm.to_owned()),
        ]);
        lines.extend(pid.map(|pid| ("pid", pid.to_string())));
        for key in ["lock", "tags", "template"] {
            lines.extend(config.get(key).map(|value| (key, value.to_owned())));
        }
        Ok(lines.into_iter().map(|(key, value)| format!("{key}: {value}\n")).collect())
    }

    fn root_bytes(&self, config: &Config) -> u64 {
        let size = config.get("rootfs").and_then(|root| root.rsplit_once("size=")).map(|(_, size)| size);
        size.and_then(|size| size.strip_suffix('G')?.parse::<u64>().ok()).unwrap_or(0) << 30
    }

    pub(super) fn config(&self, args: &Args) -> Done {
        let config = self.load(args.operand(0))?;
        if let Some(name) = args.value("snapshot") {
            let section = config.snapshots.get(name);
            return section
                .map(printed)
                .ok_or_else(|| Fail::die(format!("snapshot '{name}' does not exist")));
        }
        Ok(if args.is_on("current") { printed(&config.now) } else { printed(&config.with_pending()) })
    }

    pub(super) fn pending(&self, args: &Args) -> Done {
        let config = self.load(args.operand(0))?;
        let deleted: Vec<&str> =
            config.pending.get("delete").map(|keys| keys.split(',').collect()).unwrap_or_default();
        let mut lines: Vec<(String, String)> = Vec::new();
        for (key, value) in &config.now.keys {
            let what = if deleted.contains(&key.as_str()) { "del" } else { "cur" };
            lines.push((key.clone(), format!("{what} {key}: {value}\n")));
        }
        let new = config.pending.iter().filter(|(key, _)| *key != "delete");
        lines.extend(new.map(|(key, value)| (key.clone(), format!("new {key}: {value}\n"))));
        lines.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(lines.into_iter().map(|(_, line)| line).collect())
    }

    pub(super) fn listsnapshot(&self, args: &Args) -> Done {
        let config = self.load(args.operand(0))?;
        let mut text = String::new();
        self.branch(&config, None, 0, &mut text);
        Ok(text)
    }

    /// The snapshots below one, by their age, and `current` where it belongs.
    fn branch(&self, config: &Config, parent: Option<&str>, depth: usize, text: &mut String) {
        let time =
            |section: &Section| section.get("snaptime").and_then(|t| t.parse::<i64>().ok()).unwrap_or(0);
        let above = |section: &'_ Section| {
            section.get("parent").filter(|name| config.snapshots.contains_key(*name)).map(str::to_owned)
        };
        let mut below: Vec<(&String, &Section)> =
            config.snapshots.iter().filter(|(_, section)| above(section).as_deref() == parent).collect();
        below.sort_by_key(|(name, section)| (time(section), (*name).clone()));
        let prefix = format!("{}`->", " ".repeat(depth));
        let width = 30_usize.saturating_sub(prefix.len());
        for (name, section) in below {
            let description = decoded(section.get("description").unwrap_or_default());
            let last = description.trim_end().lines().last().unwrap_or_default();
            let last = if last.is_empty() { "no-description" } else { last };
            let when = moment(time(section));
            text.push_str(&format!("{prefix} {name:<width$} {when:<23} {last}\n"));
            self.branch(config, Some(name), depth + 1, text);
        }
        if above(&config.now).as_deref() == parent {
            text.push_str(&format!("{prefix} {:<width$} {:<23} You are here!\n", "current", ""));
        }
    }
}

/// Keys by name, raw lines last; the description in one line.
fn printed(section: &Section) -> String {
    let mut text: String = section.keys.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
    for line in &section.lxc {
        text.push_str(&format!("{line}\n"));
    }
    text
}

/// `%F %H:%M:%S`, where the node's clock is on UTC.
fn moment(seconds: i64) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let moment =
        time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    moment.format(format).unwrap_or_default()
}
