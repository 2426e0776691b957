//! The tools beside `pct`: which backups there are, and what the HA manager looks after.

use std::fs;

use super::args::{Args, Opt};
use super::{Done, Fail, Machine};

impl Machine {
    /// `pvesm list STORAGE --content backup --vmid N`: what lies in the folder `backups/STORAGE`.
    pub(super) fn pvesm(&self, args: &[String]) -> Done {
        let Some(("list", rest)) = args.split_first().map(|(word, rest)| (word.as_str(), rest)) else {
            return Err(Fail::die(format!("fake pvesm does not know: {}", args.join(" "))));
        };
        let args = Args::read(rest, "list", &["storage"], &[Opt::Value("content"), Opt::Value("vmid")])?;
        let (storage, vm) = (args.operand(0), args.value("vmid").unwrap_or_default());
        let folder = self.dir.join("backups").join(storage);
        if args.value("content") != Some("backup") || !folder.is_dir() {
            return Err(Fail::die(format!("storage '{storage}' does not exist")));
        }
        let mut rows: Vec<(String, u64)> = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&format!("vzdump-lxc-{vm}-")) {
                rows.push((format!("{storage}:backup/{name}"), entry.metadata()?.len()));
            }
        }
        rows.sort();
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let digits = rows.iter().map(|(_, size)| size.to_string().len()).max().unwrap_or(1);
        let mut text =
            format!("{:<width$} {:<7} {:<9} {:>digits$} VMID\n", "Volid", "Format", "Type", "Size");
        for (name, size) in rows {
            text.push_str(&format!("{name:<width$} {:<7} {:<9} {size:>digits$} {vm}\n", "tar.zst", "backup"));
        }
        Ok(text)
    }

    /// `ha-manager config`: the file as it is.
    pub(super) fn ha_manager(&self, args: &[String]) -> Done {
        if args != ["config"] {
            return Err(Fail::die(format!("fake ha-manager does not know: {}", args.join(" "))));
        }
        Ok(fs::read_to_string(self.dir.join("ha/resources.cfg")).unwrap_or_default())
    }

    /// Takes a container out of the HA manager's care.
    pub(super) fn forget_ha(&self, vm: &str) -> Result<(), Fail> {
        let path = self.dir.join("ha/resources.cfg");
        let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
        let kept: Vec<&str> = text
            .split("\n\n")
            .filter(|block| !block.trim_start().starts_with(&format!("ct:{vm}\n")))
            .collect();
        Ok(fs::write(path, kept.join("\n\n"))?)
    }
}
