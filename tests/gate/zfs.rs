//! The host's ZFS: a file of lines that a script at `/usr/sbin/zfs` lists, and that the launcher's work changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What `zfs` prints, from the file; whatever else it is asked, it fails.
const SCRIPT: &str = r##"#!/bin/sh
items=@DIR@/items
for name; do :; done
if [ -e @DIR@/hangs ]; then sleep 30; fi
pick() { /usr/bin/awk -F '\t' -v n="$name" "$1" "$items"; }
case "$*" in
  "list -Hp "*" -d 0 "*) out=$(pick '$1 == n') ;;
  "list -Hp "*" -t snapshot,bookmark -d 1 "*) out=$(pick 'index($1, n "@") == 1 || index($1, n "#") == 1') ;;
  "list -Hp "*" -d 1 "*) out=$(pick '$2 == "filesystem" && ($1 == n || index($1, n "/") == 1)') ;;
  "list -Hp "*" -r "*) out=$(pick '$1 == n || index($1, n "/") == 1 || index($1, n "@") == 1 || index($1, n "#") == 1') ;;
  "destroy -nvp "*) printf 'destroy\t%s\nreclaim\t1000\n' "$name"; exit 0 ;;
  *) echo "unknown: $*" >&2; exit 2 ;;
esac
if [ -z "$out" ] && [ -z "$(pick '$1 == n')" ]; then
  echo "cannot open '$name': dataset does not exist" >&2
  exit 1
fi
[ -z "$out" ] || printf '%s\n' "$out"
"##;

/// The made-up pool.
#[derive(Clone)]
pub(crate) struct Zfs {
    items: PathBuf,
}

impl Zfs {
    /// A pool with a few datasets, each with a snapshot `@old`, and the script that lists them.
    pub(crate) fn make(dir: &Path) -> Self {
        std::fs::write(dir.join("zfs"), SCRIPT.replace("@DIR@", dir.to_str().unwrap())).unwrap();
        let zfs = Self { items: dir.join("items") };
        std::fs::write(&zfs.items, "").unwrap();
        for dataset in ["tank", "tank/media", "tank/media/films", "tank/vm", "tank/archive"] {
            zfs.add(dataset);
            zfs.add(&format!("{dataset}@old"));
        }
        zfs
    }

    /// Makes a thing, long ago, with a guid that nothing had before.
    pub(crate) fn add(&self, name: &str) {
        self.add_made(name, 1_700_000_000);
    }

    /// The same, made just now.
    pub(crate) fn add_now(&self, name: &str) {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        self.add_made(name, since.as_secs());
    }

    fn add_made(&self, name: &str, creation: u64) {
        let mut text = self.text();
        static NEXT: AtomicU64 = AtomicU64::new(1_000_000);
        let guid = NEXT.fetch_add(1, Ordering::Relaxed);
        let (kind, mounted) = if name.contains('@') { ("snapshot", "-") } else { ("filesystem", "yes") };
        let txg = 10 + text.lines().count();
        text += &format!("{name}\t{kind}\t{guid}\t{txg}\t{creation}\t1000\t1000\t0\t-\t-\t0\t{mounted}\n");
        self.write(&text);
    }

    pub(crate) fn remove(&self, name: &str) {
        let kept: Vec<String> = self
            .text()
            .lines()
            .filter(|line| !line.starts_with(&format!("{name}\t")))
            .map(|line| format!("{line}\n"))
            .collect();
        self.write(&kept.concat());
    }

    /// The same name, another thing.
    pub(crate) fn replace(&self, name: &str) {
        self.remove(name);
        self.add("tank/filler");
        self.add(name);
    }

    /// Takes away everything at and below a name, snapshots too.
    pub(crate) fn clear(&self, below: &str) {
        let kept = self.text();
        let kept = kept.lines().filter(|line| !is_at_or_below(line.split('\t').next().unwrap(), below));
        self.write(&kept.map(|line| format!("{line}\n")).collect::<String>());
    }

    /// It takes so many bytes from now on.
    pub(crate) fn grow(&self, name: &str, bytes: u64) {
        let resized = |line: &str| {
            let mut columns: Vec<String> = line.split('\t').map(str::to_owned).collect();
            if columns[0] == name {
                columns[5] = bytes.to_string();
            }
            columns.join("\t") + "\n"
        };
        self.write(&self.text().lines().map(resized).collect::<String>());
    }

    /// Name and guid of everything at and below a name.
    pub(crate) fn below(&self, name: &str) -> BTreeMap<String, String> {
        let text = self.text();
        let columns = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let below = columns.filter(|columns| is_at_or_below(columns[0], name));
        below.map(|columns| (columns[0].to_owned(), columns[2].to_owned())).collect()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.text().lines().any(|line| line.starts_with(&format!("{name}\t")))
    }

    /// Does what the real tool would.
    pub(crate) fn run(&self, argv: &[String]) {
        match argv.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["destroy", list] => {
                let (dataset, shorts) = list.split_once('@').unwrap_or((list, ""));
                match shorts {
                    "" => self.remove(list),
                    shorts => shorts.split(',').for_each(|short| self.remove(&format!("{dataset}@{short}"))),
                }
            }
            ["snapshot", name] => self.add_now(name),
            ["rollback", _] => {}
            ref other => panic!("nobody taught the host {other:?}"),
        }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.items).unwrap()
    }

    /// In one move: the script may be reading.
    fn write(&self, text: &str) {
        let new = self.items.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &self.items).unwrap();
    }
}

fn is_at_or_below(name: &str, root: &str) -> bool {
    name.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '@', '#']))
}
