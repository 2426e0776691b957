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
