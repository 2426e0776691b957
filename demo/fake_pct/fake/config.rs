//! A container's configuration file, in Proxmox's grammar: `key: value`, `[pve:pending]`, and a section for each snapshot.

use std::collections::BTreeMap;

/// A whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) now: Section,
    pub(super) pending: BTreeMap<String, String>,
    pub(super) snapshots: BTreeMap<String, Section>,
}

/// One section: the keys, and raw LXC lines in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) keys: BTreeMap<String, String>,
    pub(super) lxc: Vec<String>,
}

impl Config {
    pub(super) fn read(text: &str) -> Self {
        let mut config = Self::default();
        let mut section: Option<String> = None;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = Some(name.to_owned());
                if name != "pve:pending" {
                    config.snapshots.entry(name.to_owned()).or_default();
                }
                continue;
            }
            let into = match section.as_deref() {
                None => &mut config.now,
                Some("pve:pending") => {
                    config.pending.extend(line.split_once(": ").map(|(k, v)| (k.to_owned(), v.to_owned())));
                    continue;
                }
                Some(name) => config.snapshots.entry(name.to_owned()).or_default(),
            };
            into.take(line);
        }
        config
    }

    pub(super) fn written(&self) -> String {
        let mut text = self.now.written();
        if !self.pending.is_empty() {
            text.push_str("\n[pve:pending]\n");
            self.pending.iter().for_each(|(key, value)| text.push_str(&format!("{key}: {value}\n")));
        }
        for (name, section) in &self.snapshots {
            text.push_str(&format!("\n[{name}]\n{}", section.written()));
        }
        text
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.now.get(key)
    }

    pub(super) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.now.keys.insert(key.to_owned(), value.into());
    }

    /// What `pct config` shows: what waits for the next start counts.
    pub(super) fn with_pending(&self) -> Section {
        let mut section = self.now.clone();
        for (key, value) in &self.pending {
            if key == "delete" {
                value.split(',').for_each(|key| {
                    section.keys.remove(key);
                });
            } else {
                section.keys.insert(key.clone(), value.clone());
            }
        }
        section
    }

    /// The volumes that are this container's own: key, and storage with name.
    pub(super) fn volumes(&self, vm: &str) -> Vec<(String, String)> {
        self.now.volumes().filter(|(_, volume)| volume.contains(&format!("-{vm}-"))).collect()
    }
}

impl Section {
    fn take(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some(text) = line.strip_prefix('#') {
            let known = self.keys.entry("description".to_owned()).or_default();
            known.push_str(&format!("{text}%0A"));
        } else if line.starts_with("lxc.") {
            self.lxc.push(line.to_owned());
        } else if let Some((key, value)) = line.split_once(": ") {
            self.keys.insert(key.to_owned(), value.to_owned());
        }
    }

    fn written(&self) -> String {
        let mut text = String::new();
        if let Some(description) = self.get("description") {
            description
                .trim_end_matches("%0A")
                .split("%0A")
                .for_each(|line| text.push_str(&format!("#{line}\n")));
        }
        let others = self.keys.iter().filter(|(key, _)| *key != "description");
        others.for_each(|(key, value)| text.push_str(&format!("{key}: {value}\n")));
        self.lxc.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        text
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.keys.get(key).map(String::as_str)
    }

    fn volumes(&self) -> impl Iterator<Item = (String, String)> {
        let is_volume = |key: &str| key == "rootfs" || key.starts_with("mp") || key.starts_with("unused");
        self.keys.iter().filter(move |(key, _)| is_volume(key)).filter_map(|(key, value)| {
            let volume = value.split(',').next().unwrap_or_default();
            (!volume.starts_with('/')).then(|| (key.clone(), volume.to_owned()))
        })
    }
}

/// Text as a configuration holds it in one line.
pub(super) fn encoded(text: &str) -> String {
    text.replace('%', "%25").replace('\n', "%0A").replace(':', "%3A")
}

/// The other way round.
pub(super) fn decoded(text: &str) -> String {
    text.replace("%0A", "\n").replace("%3A", ":").replace("%25", "%")
}
