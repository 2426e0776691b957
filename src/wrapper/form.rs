//! What single arguments look like: plain predicates over bytes, since the last line of defence understands as little as
//! possible.

/// What an argument has to look like.
pub type Form = fn(&str) -> bool;

/// A ZFS name, or a part of one. No blank, `%` or `,`: the last two make one argument of `destroy` mean many snapshots.
pub(super) fn is_zfs_name(text: &str) -> bool {
    text.len() <= 255 && text.split(['/', '@', '#']).all(is_zfs_part)
}

/// Snapshots of one dataset, each by its name.
pub(super) fn is_zfs_list(text: &str) -> bool {
    /// As long as one list of snapshots may be.
    const MAX_LIST: usize = 4096;
    let Some((dataset, snapshots)) = text.split_once('@') else { return false };
    text.len() <= MAX_LIST
        && is_zfs_name(dataset)
        && !dataset.contains('#')
        && snapshots.split(',').all(is_zfs_part)
}

pub(super) fn is_zfs_part(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
    !part.is_empty() && !part.starts_with('-') && !matches!(part, "." | "..") && part.bytes().all(plain)
}

/// A number of bytes, with a unit or without.
pub(super) fn is_size(text: &str) -> bool {
    number(text.strip_suffix(['K', 'M', 'G', 'T', 'P']).unwrap_or(text))
}

/// Up to 19 decimal digits.
#[must_use]
pub fn number(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A unit of systemd: no pattern, no path, no option.
#[must_use]
pub fn unit(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-' | b'@' | b'\\');
    (3..=255).contains(&text.len())
        && !text.starts_with(['-', '.', '@'])
        && text.contains('.')
        && text.bytes().all(plain)
}

/// A moment in seconds since 1970 (`@1795183320`), or so many seconds before now (`-900s`).
#[must_use]
pub fn moment(text: &str) -> bool {
    let ago = text.strip_prefix('-').and_then(|rest| rest.strip_suffix('s'));
    text.strip_prefix('@').or(ago).is_some_and(number)
}

/// How urgent a message is, as syslog has it.
#[must_use]
pub fn priority(text: &str) -> bool {
    matches!(text, "emerg" | "alert" | "crit" | "err" | "warning" | "notice" | "info" | "debug")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_no_option_path_or_pattern() {
        for name in ["nginx.service", r"app@a\x2db.service", "a.b"] {
            assert!(unit(name), "{name}");
        }
        let too_long = format!("{}.service", "x".repeat(248));
        for name in [
            "",
            "a",
            "--now",
            "-.mount",
            ".x.service",
            "@a.service",
            "*.service",
            "a/b.service",
            "a b.service",
            "a?.service",
            "[a].service",
            "ä.service",
            &too_long,
        ] {
            assert!(!unit(name), "{name}");
        }
    }

    #[test]
    fn a_moment_is_one_moment() {
        assert!(moment("@0") && moment("-900s"));
        for text in ["", "@", "-s", "900s", "-900", "@-1", "-1s ", "yesterday", "@1s"] {
            assert!(!moment(text), "{text}");
        }
        assert!(priority("err") && !priority("error") && !priority("0..7") && !priority(""));
    }
}
