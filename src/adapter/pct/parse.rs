//! What Proxmox's tools print, line by line. What is not as it must be is no answer: half a listing is none.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// One line of `pct list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) vm: String,
    pub(super) status: State,
    pub(super) lock: Option<String>,
    pub(super) name: String,
}

/// Whether a container runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Stopped,
}

/// `pct config`: each key with its value, and the raw LXC lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) keys: BTreeMap<String, String>,
    pub(super) raw: Vec<(String, String)>,
}

/// One line of `pct listsnapshot`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) name: String,
    pub(super) parent: Option<String>,
    /// When it was taken, on the node's own clock.
    pub(super) taken: String,
    pub(super) description: Option<String>,
}

/// `pct listsnapshot`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Snapshots {
    pub(super) all: Vec<Snapshot>,
    /// The one that the container stands on.
    pub(super) below_current: Option<String>,
}

/// One line of `pvesm list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Backup {
    pub(super) volume: String,
    pub(super) bytes: u64,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Running, Self::Stopped].into_iter().find(|state| state.word() == word)
    }
}

/// `pct list`: nothing at all where there is no container, else a head and a line for each.
pub(super) fn list(text: &str) -> Option<Vec<Listed>> {
    let mut lines = text.lines();
    let Some(head) = lines.next() else { return Some(Vec::new()) };
    if head.split_whitespace().collect::<Vec<_>>() != ["VMID", "Status", "Lock", "Name"] {
        return None;
    }
    lines.map(listed).collect()
}

fn listed(line: &str) -> Option<Listed> {
    let (vm, status, lock, name) = match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        [vm, status, name] => (*vm, *status, None, *name),
        [vm, status, lock, name] => (*vm, *status, Some((*lock).to_owned()), *name),
        _other => return None,
    };
    let is_number = vm.bytes().all(|b| b.is_ascii_digit());
    let status = State::from_word(status).filter(|_| is_number)?;
    Some(Listed { vm: vm.to_owned(), status, lock, name: name.to_owned() })
}

/// `key: value` in each line, no key twice.
pub(super) fn pairs(text: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let (key, value) = pair(line)?;
        if found.insert(key, value).is_some() {
            return None;
        }
    }
    Some(found)
}

fn pair(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, "")))?;
    let is_key = key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    is_key.then(|| (key.to_owned(), value.trim_end().to_owned()))
}

impl Config {
    /// `pct config`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut config = Self::default();
        for line in text.lines() {
            let (key, value) = pair(line)?;
            if key.starts_with("lxc.") {
                config.raw.push((key, value));
            } else if config.keys.insert(key, value).is_some() {
                return None;
            }
        }
        // Every container has one; without it this is half an answer.
        config.keys.contains_key("rootfs").then_some(config)
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.keys.get(key).map(String::as_str)
    }

    pub(super) fn is_on(&self, key: &str) -> bool {
        self.get(key) == Some("1")
    }

    pub(super) fn tags(&self) -> Vec<&str> {
        let all = self.get("tags").unwrap_or_default();
        all.split([';', ',', ' ']).filter(|tag| !tag.is_empty()).collect()
    }

    /// What tells this configuration from any other. Its lock comes and goes with every task, and is shown beside it.
    pub(super) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let keys = self.keys.iter().filter(|(key, _)| *key != "lock");
        for (key, value) in keys.chain(self.raw.iter().map(|(key, value)| (key, value))) {
            hash.update(format!("{key}: {value}\n"));
        }
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }

    /// The volumes that belong to the container itself, by key: what lies on the host (`/…`) or is another's does not.
    pub(super) fn volumes(&self, vm: &str) -> Vec<Volume<'_>> {
        let is_place = |key: &str| {
            let numbered = key.strip_prefix("mp").or(key.strip_prefix("unused"));
            key == "rootfs"
                || numbered.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        };
        let own = format!("-{vm}-");
        self.keys
            .iter()
            .filter(|(key, _)| is_place(key))
            .map(|(key, value)| Volume::read(key, value))
            .filter(|volume| !volume.name.starts_with('/') && volume.name.contains(&own))
            .collect()
    }

    pub(super) fn volume(&self, key: &str) -> Option<Volume<'_>> {
        self.keys.get_key_value(key).map(|(key, value)| Volume::read(key, value))
    }
}

/// A place of the configuration that holds a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Volume<'a> {
    pub(super) key: &'a str,
    /// `local-zfs:subvol-101-disk-0`, or a path of the host.
    pub(super) name: &'a str,
    pub(super) bytes: Option<u64>,
}

impl<'a> Volume<'a> {
    fn read(key: &'a str, value: &'a str) -> Self {
        let mut parts = value.split(',');
        let name = parts.next().unwrap_or_default();
        let name = name.strip_prefix("volume=").unwrap_or(name);
        Self { key, name, bytes: parts.find_map(|part| bytes(part.strip_prefix("size=")?)) }
    }
}

/// `8G`, `512M`, or plain bytes.
pub(super) fn bytes(size: &str) -> Option<u64> {
    let units = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];
    let unit = units.into_iter().find_map(|(unit, shift)| Some((size.strip_suffix(unit)?, shift)));
    let (digits, shift) = unit.unwrap_or((size, 0));
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// `pct listsnapshot`: a tree by blanks, in which `current` stands once, below what the container stands on.
pub(super) fn snapshots(text: &str) -> Option<Snapshots> {
    let mut all: Vec<Snapshot> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut current: Option<Option<String>> = None;
    for line in text.lines() {
        let bare = line.trim_start_matches(' ');
        let depth = line.len() - bare.len();
        let rest = bare.strip_prefix("`-> ")?;
        if depth > path.len() {
            return None;
        }
        path.truncate(depth);
        let parent = path.last().cloned();
        let (name, rest) = rest.split_once(' ')?;
        let rest = rest.trim_start();
        if name == "current" {
            if rest != "You are here!" || current.replace(parent).is_some() {
                return None;
            }
            continue;
        }
        let taken = rest.get(..19).filter(|time| is_time(time))?;
        let description = rest.get(19..).unwrap_or_default().trim();
        let description = (description != "no-description").then(|| description.to_owned());
        path.push(name.to_owned());
        all.push(Snapshot { name: name.to_owned(), parent, taken: taken.to_owned(), description });
    }
    current.map(|below_current| Snapshots { all, below_current })
}

fn is_time(text: &str) -> bool {
    let shape = b"dddd-dd-dd dd:dd:dd";
    text.len() == shape.len()
        && text.bytes().zip(shape).all(|(b, s)| if *s == b'd' { b.is_ascii_digit() } else { b == *s })
}

impl Snapshots {
    pub(super) fn find(&self, name: &str) -> Option<&Snapshot> {
        self.all.iter().find(|snapshot| snapshot.name == name)
    }

    /// The one that was taken last.
    pub(super) fn newest(&self) -> Option<&Snapshot> {
        self.all.iter().max_by(|a, b| a.taken.cmp(&b.taken))
    }

    /// Those that were taken after this one.
    pub(super) fn younger(&self, than: &Snapshot) -> Vec<&str> {
        // Two of one second are told apart by what stands on what.
        let is_below = |snapshot: &Snapshot| {
            let mut parent = snapshot.parent.as_deref();
            while let Some(name) = parent {
                if name == than.name {
                    return true;
                }
                parent = self.find(name).and_then(|above| above.parent.as_deref());
            }
            false
        };
        let is_younger = |snapshot: &&Snapshot| snapshot.taken > than.taken || is_below(snapshot);
        self.all.iter().filter(is_younger).map(|snapshot| snapshot.name.as_str()).collect()
    }
}

/// `pvesm list`: a head, then five columns.
pub(super) fn backups(text: &str) -> Option<Vec<Backup>> {
    let mut lines = text.lines();
    if lines.next()?.split_whitespace().collect::<Vec<_>>() != ["Volid", "Format", "Type", "Size", "VMID"] {
        return None;
    }
    let one = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [volume, _format, "backup", bytes, _vm] = columns.as_slice() else { return None };
        Some(Backup { volume: (*volume).to_owned(), bytes: bytes.parse().ok()? })
    };
    lines.map(one).collect()
}

/// `ha-manager config`: the containers that it looks after.
pub(super) fn ha(text: &str) -> Option<Vec<&str>> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with(['\t', ' '])) {
        let (kind, name) = line.split_once(':')?;
        found.extend((kind == "ct").then_some(name.trim()));
    }
    Some(found)
}

#[cfg(test)]
mod tests;
