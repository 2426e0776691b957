//! Names around Proxmox containers, by Proxmox's own rules and stricter where that is safe: no name begins with `-`, and
//! none can carry a path, an option or a second value.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::operation::Invalid;
use crate::operation::name_type::name_type;

/// `pve-vmid`: 100 to 999999999.
const VM_IDS: std::ops::RangeInclusive<u32> = 100..=999_999_999;
/// Proxmox's bound on a snapshot's name.
const MAX_SNAPSHOT: usize = 40;
/// How many mount points a container may have.
const MAX_MOUNT_POINTS: u16 = 256;

/// A container's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VmId(u32);

/// One container's number, or all from one to another: `101`, `200-299`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VmRange {
    first: VmId,
    last: VmId,
}

/// What `pct resize` takes: the root file system or a mount point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Disk {
    /// `rootfs`
    Root,
    /// `mp0` to `mp255`
    MountPoint(u16),
}

impl VmId {
    /// The number.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl VmRange {
    /// Whether a container is among them.
    pub fn holds(self, vm: VmId) -> bool {
        (self.first..=self.last).contains(&vm)
    }

    /// Whether all of the other are among them.
    pub fn covers(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

impl From<VmId> for VmRange {
    fn from(vm: VmId) -> Self {
        Self { first: vm, last: vm }
    }
}

impl TryFrom<String> for VmId {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        // Digits only, without a leading zero or a sign: the one spelling that a number has.
        let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        let number = text.parse::<u32>().ok().filter(|number| is_plain && VM_IDS.contains(number));
        number.map(Self).ok_or_else(|| Invalid::here("is no container number: 100 to 999999999"))
    }
}

impl TryFrom<String> for VmRange {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let Some((first, last)) = text.split_once('-') else { return VmId::try_from(text).map(Self::from) };
        let (first, last) = (VmId::try_from(first.to_owned())?, VmId::try_from(last.to_owned())?);
        if first < last {
            return Ok(Self { first, last });
        }
        Err(Invalid::here("runs from a smaller number to a larger one: 200-299"))
    }
}

impl TryFrom<String> for Disk {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        if text == "rootfs" {
            return Ok(Self::Root);
        }
        let number = text.strip_prefix("mp").and_then(|digits| index(digits, MAX_MOUNT_POINTS));
        number.map(Self::MountPoint).ok_or_else(|| Invalid::here("is rootfs, or mp0 to mp255"))
    }
}

/// A number below `end` without leading zeros.
pub(super) fn index(digits: &str, end: u16) -> Option<u16> {
    let is_plain = digits == "0" || !digits.starts_with('0');
    let is_plain = is_plain && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|number| is_plain && *number < end)
}

impl fmt::Display for VmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for VmRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return self.first.fmt(f);
        }
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("rootfs"),
            Self::MountPoint(number) => write!(f, "mp{number}"),
        }
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.to_string()
            }
        }
    )*};
}
as_text!(VmId, VmRange, Disk);

name_type! {
    /// A container's snapshot: `before-upgrade`.
    SnapshotName, check_snapshot
}
name_type! {
    /// A storage of Proxmox: `local-zfs`.
    StorageName, check_storage
}
name_type! {
    /// A template to make containers of: `local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst`.
    Template, check_template
}
name_type! {
    /// A host name, with or without a domain.
    Hostname, check_hostname
}
name_type! {
    /// A tag of a container.
    Tag, check_tag
}
name_type! {
    /// One line of free text.
    Line, check_line
}

impl Template {
    /// The storage that it lies on.
    pub fn storage(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }
}

fn require(holds: bool, problem: &'static str) -> Result<(), Invalid> {
    if holds { Ok(()) } else { Err(Invalid::here(problem)) }
}

fn check_snapshot(name: &str) -> Result<(), Invalid> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let is_name = (2..=MAX_SNAPSHOT).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(is_plain);
    require(is_name, "is no snapshot's name: 2 to 40 of a-z A-Z 0-9 _ -, a letter first")?;
    let is_reserved = ["current", "vzdump"].iter().any(|reserved| name.eq_ignore_ascii_case(reserved));
    require(!is_reserved, "is a name that Proxmox keeps for itself")
}

fn check_storage(name: &str) -> Result<(), Invalid> {
    let is_inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let is_name = (2..=100).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(is_inside);
    require(is_name, "is no storage's name: a letter first, then a-z A-Z 0-9 _ - .")
}

fn check_template(name: &str) -> Result<(), Invalid> {
    const WHAT: &str = "is no template: STORAGE:vztmpl/FILE, where FILE ends in .tar, .tar.gz, .tar.xz, .tar.zst or .tar.bz2";
    let (storage, file) = name.split_once(":vztmpl/").ok_or_else(|| Invalid::here(WHAT))?;
    check_storage(storage).map_err(|_| Invalid::here(WHAT))?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+' | b'~');
    let is_file = file.len() <= 200
        && file.starts_with(|c: char| c.is_ascii_alphanumeric())
        && file.bytes().all(is_plain)
        && [".tar", ".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2"].iter().any(|end| file.ends_with(end));
    require(is_file, WHAT)
}

fn check_hostname(name: &str) -> Result<(), Invalid> {
    let is_name = name.len() <= 253 && name.split('.').all(is_label);
    require(is_name, "is no host name: labels of a-z A-Z 0-9 -, between dots")
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Tags of this beginning say what Reeve did to a container, so nobody else sets them.
pub const OWN_TAGS: &str = "reeve-";

fn check_tag(tag: &str) -> Result<(), Invalid> {
    let is_inside =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'+' | b'.');
    let is_tag = (1..=64).contains(&tag.len())
        && tag.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && tag.bytes().all(is_inside);
    require(is_tag, "is no tag: a-z 0-9 _ first, then - + . too")?;
    require(!tag.starts_with(OWN_TAGS), "is a tag of Reeve's own")
}

fn check_line(text: &str) -> Result<(), Invalid> {
    let is_line = (1..=500).contains(&text.chars().count())
        && text.chars().all(|c| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}'))
        && text.trim() == text;
    require(is_line, "is one line of 1 to 500 characters without blanks at its ends")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: TryFrom<String, Error = Invalid> + ToString>(text: &str) -> Option<String> {
        T::try_from(text.to_owned()).ok().map(|name| name.to_string())
    }

    #[test]
    fn a_container_has_one_spelling() {
        for fine in ["100", "101", "999999999"] {
            assert_eq!(read::<VmId>(fine).as_deref(), Some(fine));
        }
        for wrong in ["99", "0101", "+101", "1000000000", "101 ", "-101", "1e3", "", "٣٠٠", "101,102"] {
            assert_eq!(read::<VmId>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_range_runs_upwards_and_covers_what_lies_within() {
        let range = |text: &str| VmRange::try_from(text.to_owned()).unwrap();
        assert_eq!(range("200-299").to_string(), "200-299");
        assert!(range("200-299").covers(range("200")) && range("200-299").covers(range("250-299")));
        assert!(!range("200-299").covers(range("250-300")) && !range("200").covers(range("200-201")));
        assert!(range("200-299").holds(VmId(299)) && !range("200-299").holds(VmId(300)));
        for wrong in ["299-200", "200-200", "200-", "-200", "200-299-300", "*"] {
            assert_eq!(read::<VmRange>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn disks_are_the_root_file_system_and_numbered_mount_points() {
        for fine in ["rootfs", "mp0", "mp255"] {
            assert_eq!(read::<Disk>(fine).as_deref(), Some(fine));
        }
        for wrong in ["mp256", "mp01", "mp", "mp-1", "unused0", "/dev/sda", "mp+1"] {
            assert_eq!(read::<Disk>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_that_could_mean_something_else_are_refused() {
        for name in ["x", "9x", "-x", "current", "CURRENT", "vzdump", "a b", "a/b", &"a".repeat(41)] {
            assert_eq!(read::<SnapshotName>(name), None, "{name}");
        }
        for name in ["/etc", "local:", "-local", "a", "local-", "lo cal"] {
            assert_eq!(read::<StorageName>(name), None, "{name}");
        }
        for name in [
            "/etc/shadow.tar",
            "local:vztmpl/../x.tar",
            "local:vztmpl/a/b.tar",
            "local:backup/a.tar",
            "local:vztmpl/-a.tar",
            "local:vztmpl/a.sh",
            "-",
        ] {
            assert_eq!(read::<Template>(name), None, "{name}");
        }
        for name in ["-a", "a-", "a..b", "a b", "", "a_b", "ä"] {
            assert_eq!(read::<Hostname>(name), None, "{name}");
        }
        for name in ["A", "-a", "a;b", "a,b", "", "reeve-retired"] {
            assert_eq!(read::<Tag>(name), None, "{name}");
        }
        for text in ["", " a", "a\nb", "a\u{1b}[2Jb", &"x".repeat(501)] {
            assert_eq!(read::<Line>(text), None, "{text:?}");
        }
    }

    #[test]
    fn ordinary_names_are_taken_as_they_are() {
        assert_eq!(read::<SnapshotName>("before-1").as_deref(), Some("before-1"));
        assert_eq!(read::<StorageName>("local-zfs").as_deref(), Some("local-zfs"));
        let template = Template::try_from("local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst".to_owned());
        assert_eq!(template.unwrap().storage(), "local");
        assert_eq!(read::<Hostname>("web.example.org").as_deref(), Some("web.example.org"));
        assert_eq!(read::<Tag>("team-a").as_deref(), Some("team-a"));
        assert!(read::<Line>("vor dem Umzug, bitte nicht löschen").is_some());
    }
}
