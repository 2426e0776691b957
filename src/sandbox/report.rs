//! What the wrapper says while a tool runs, line by line on its standard output: what confines it, what it writes, how it
//! ended. Output is in base64, so that no byte of a tool's can be taken for a line of the wrapper's.

use std::fmt::{self, Write as _};

mod end;

pub use end::{End, How, Limit};

/// As much output as one line carries.
pub const CHUNK: usize = 32 * 1024;

/// What a workspace is called that is too large already.
pub const FULL: &str = "full";

/// What was found to be in force in the tool's own process, just before it became the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Active {
    /// Landlock's ABI.
    pub landlock: u32,
    /// Which of Landlock's known flaws the kernel says it has mended.
    pub errata: u32,
    /// The rights on files that are taken away where nothing gives them back.
    pub fs: u64,
    /// The same for TCP ports.
    pub net: u64,
    /// The scopes.
    pub scoped: u64,
    /// The mode of the filter of system calls: 2 is a filter.
    pub seccomp: u32,
    /// Real, effective and saved user.
    pub uid: u32,
    /// Real, effective and saved group.
    pub gid: u32,
    /// The namespaces, `mnt:4026531841`; on the way to the gate only the names of those that are its own.
    pub namespaces: Vec<String>,
    /// How it gets to a network.
    pub egress: String,
    /// Whether it may become other programs: `any` or `once`.
    pub exec: String,
    /// Whether it may trace its own: `tracing` or `untraced`.
    pub tracing: String,
    /// What bounds a module, as [`super::module::Bounds`] writes it; `-` where there is none.
    pub module: String,
    /// [`FULL`], where nothing may be added to the workspace; `-` elsewhere.
    pub workspace: String,
    /// Limits as the kernel tells them: the tool's own process those of a process, the wrapper those of the group.
    pub limits: Vec<(String, u64)>,
    /// What bounds memory, processes and processor time together; empty in the tool's own process.
    pub bounded_by: String,
}

impl fmt::Display for Active {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Active {
            landlock,
            errata,
            fs,
            net,
            scoped,
            seccomp,
            uid,
            gid,
            namespaces,
            egress,
            exec,
            tracing,
            module,
            workspace,
            limits,
            bounded_by,
        } = self;
        let limits: Vec<String> = limits.iter().map(|(name, most)| format!("{name}={most}")).collect();
        write!(
            f,
            "active {landlock} {errata} {fs} {net} {scoped} {seccomp} {uid} {gid} {} {egress} {exec} {tracing} {module} {workspace} {} {bounded_by}",
            namespaces.join(","),
            limits.join(",")
        )
    }
}

impl Active {
    /// Reads a line that was written as this type writes it.
    #[must_use]
    pub fn read(line: &str) -> Option<Active> {
        let mut words = line.strip_prefix("active ")?.split(' ');
        let active = Active {
            landlock: words.next()?.parse().ok()?,
            errata: words.next()?.parse().ok()?,
            fs: words.next()?.parse().ok()?,
            net: words.next()?.parse().ok()?,
            scoped: words.next()?.parse().ok()?,
            seccomp: words.next()?.parse().ok()?,
            uid: words.next()?.parse().ok()?,
            gid: words.next()?.parse().ok()?,
            namespaces: words.next()?.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            egress: words.next()?.to_owned(),
            exec: words.next()?.to_owned(),
            tracing: words.next()?.to_owned(),
            module: words.next()?.to_owned(),
            workspace: words.next()?.to_owned(),
            limits: words
                .next()?
                .split(',')
                .filter(|one| !one.is_empty())
                .map(limit)
                .collect::<Option<_>>()?,
            bounded_by: words.next()?.to_owned(),
        };
        words.next().is_none().then_some(active)
    }
}

fn limit(text: &str) -> Option<(String, u64)> {
    let (name, most) = text.split_once('=')?;
    Some((name.to_owned(), most.parse().ok()?))
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A line with output: `out` or `err`, and the bytes in base64.
#[must_use]
pub fn output(stream: &str, bytes: &[u8]) -> String {
    let mut line = String::with_capacity(8 + bytes.len() * 4 / 3);
    let _ = write!(line, "{stream} ");
    for three in bytes.chunks(3) {
        let mut padded = [0_u8; 4];
        for (at, byte) in padded.iter_mut().skip(1).zip(three) {
            *at = *byte;
        }
        let group = u32::from_be_bytes(padded);
        for place in 0..4 {
            let sextet = usize::try_from(group >> (18 - 6 * place) & 63).unwrap_or(0);
            let digit = DIGITS.get(sextet).copied().unwrap_or(b'=');
            line.push(char::from(if place <= three.len() { digit } else { b'=' }));
        }
    }
    line
}

/// The bytes of a line that [`output`] wrote, without its first word.
#[cfg(feature = "full")]
#[must_use]
pub fn bytes(digits: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for four in digits.as_bytes().chunks(4) {
        let padding = four.iter().filter(|digit| **digit == b'=').count();
        if four.len() != 4 || padding > 2 {
            return None;
        }
        let mut group = 0_u32;
        for digit in four {
            let sextet = if *digit == b'=' { 0 } else { DIGITS.iter().position(|known| known == digit)? };
            group = group << 6 | u32::try_from(sextet).ok()?;
        }
        bytes.extend(group.to_be_bytes().iter().skip(1).take(3 - padding));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_force_is_read_as_it_was_written() {
        let active = Active {
            landlock: 7,
            errata: 3,
            fs: 65535,
            net: 3,
            scoped: 3,
            seccomp: 2,
            uid: 998,
            gid: 997,
            namespaces: vec!["mnt".to_owned(), "pid".to_owned()],
            egress: "strict".to_owned(),
            exec: "any".to_owned(),
            tracing: "untraced".to_owned(),
            module: "-".to_owned(),
            workspace: "-".to_owned(),
            limits: vec![("cpu".to_owned(), 20), ("memory".to_owned(), 1 << 30)],
            bounded_by: "cgroup-v2".to_owned(),
        };
        assert_eq!(Active::read(&active.to_string()), Some(active.clone()));
        let bare = Active { namespaces: vec![], limits: vec![], bounded_by: String::new(), ..active.clone() };
        assert_eq!(Active::read(&bare.to_string()), Some(bare));
        assert_eq!(Active::read("active 1 2"), None);
        assert_eq!(Active::read(&active.to_string().replace("cpu=20", "cpu=x")), None);
    }

    #[test]
    #[cfg(feature = "full")]
    fn every_byte_comes_through_and_none_ends_a_line() {
        assert_eq!(output("out", b"Man"), "out TWFu");
        assert_eq!(output("err", b"Ma"), "err TWE=");
        assert_eq!(output("out", b"M"), "out TQ==");
        let all: Vec<u8> = (0..=255).chain(0..=255).collect();
        for length in [0, 1, 2, 3, 255, 512] {
            let line = output("out", &all[..length]);
            assert!(!line.contains('\n'));
            assert_eq!(bytes(line.strip_prefix("out ").unwrap()).as_deref(), Some(&all[..length]));
        }
        assert_eq!(bytes("TQ="), None);
        assert_eq!(bytes("T\0=="), None);
    }
}
