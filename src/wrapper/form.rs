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

/// `0` or `1`.
#[must_use]
pub fn bit(text: &str) -> bool {
    matches!(text, "0" | "1")
}

/// A container's number.
#[must_use]
pub fn container(text: &str) -> bool {
    (3..=9).contains(&text.len()) && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A word of letters, digits, `_`, `-`, `.` and `+` that begins with a letter, a digit or `_`: what names and file names
/// of Proxmox are made of.
#[must_use]
pub fn word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'~');
    text.len() <= 255
        && !text.starts_with(['-', '.', '+', '~'])
        && !text.is_empty()
        && text.bytes().all(plain)
}

/// Words between `;`, commas or blanks.
#[must_use]
pub fn words(text: &str) -> bool {
    text.split([';', ',', ' ']).all(word)
}

/// IP addresses between blanks.
#[must_use]
pub fn addresses(text: &str) -> bool {
    text.split(' ').all(|address| address.parse::<std::net::IpAddr>().is_ok())
}

/// One line without control characters, and none that could end the line of a file.
#[must_use]
pub fn line(text: &str) -> bool {
    text.len() <= 4096 && !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// `order=1,up=30`: words with numbers.
#[must_use]
pub fn counts(text: &str) -> bool {
    text.split(',').all(|part| part.split_once('=').is_some_and(|(name, count)| word(name) && number(count)))
}

/// `local:vztmpl/debian.tar.zst`: a template on a storage, never a path of the host.
#[must_use]
pub fn template(text: &str) -> bool {
    text.split_once(":vztmpl/").is_some_and(|(storage, file)| word(storage) && word(file))
}

/// `local-zfs:8`: a new volume on a storage, never one that is there or a path of the host.
#[must_use]
pub fn new_volume(text: &str) -> bool {
    text.split_once(':').is_some_and(|(storage, size)| word(storage) && number(size))
}

/// `local-zfs:8,mp=/data,backup=1`: a new volume and where it goes inside the container.
#[must_use]
pub fn new_mount(text: &str) -> bool {
    let mut parts = text.split(',');
    parts.next().is_some_and(new_volume)
        && parts.all(|part| match part.split_once('=') {
            Some(("mp", path)) => path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(word)),
            Some(("backup" | "ro", value)) => bit(value),
            Some(_) | None => false,
        })
}

/// `name=eth0,bridge=vmbr0,ip=dhcp`: an interface, without anything that names a file or a script.
#[must_use]
pub fn network(text: &str) -> bool {
    let value = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'/');
    text.split(',').all(|part| match part.split_once('=') {
        Some((
            "name" | "bridge" | "firewall" | "gw" | "gw6" | "hwaddr" | "ip" | "ip6" | "link_down" | "mtu"
            | "rate" | "tag" | "type",
            said,
        )) => !said.is_empty() && said.bytes().all(value),
        Some(_) | None => false,
    })
}

/// `rootfs` or a mount point.
#[must_use]
pub fn disk(text: &str) -> bool {
    text == "rootfs" || text.strip_prefix("mp").is_some_and(|digits| digits.len() <= 3 && number(digits))
}

/// `16G`: a whole size, never one that is added.
#[must_use]
pub fn gib(text: &str) -> bool {
    text.strip_suffix('G').is_some_and(number)
}

/// What a container may do beyond a plain one: no file systems mounted from inside, no devices made.
#[must_use]
pub fn container_features(text: &str) -> bool {
    text.split(',').all(|feature| matches!(feature, "nesting=1" | "keyctl=1"))
}

/// Keys of a container's configuration that may go back to what they are without being set.
#[must_use]
pub fn container_keys(text: &str) -> bool {
    text.split(',').all(|key| {
        let numbered = key.strip_prefix("net").or(key.strip_prefix("mp"));
        numbered.is_some_and(|digits| digits.len() <= 3 && number(digits))
            || matches!(
                key,
                "cores"
                    | "cpulimit"
                    | "cpuunits"
                    | "description"
                    | "hostname"
                    | "memory"
                    | "nameserver"
                    | "onboot"
                    | "protection"
                    | "searchdomain"
                    | "startup"
                    | "swap"
                    | "tags"
            )
    })
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

/// A subscription, by the name that root's configuration gives it.
#[must_use]
pub fn azure_name(text: &str) -> bool {
    (1..=32).contains(&text.len()) && is_small(text) && !text.starts_with('-')
}

/// A resource group.
#[must_use]
pub fn azure_group(text: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'(' | b')')
    };
    (1..=90).contains(&text.len())
        && text.bytes().all(plain)
        && !text.starts_with(['-', '.'])
        && !text.ends_with('.')
}

/// A container app.
#[must_use]
pub fn azure_app(text: &str) -> bool {
    (2..=32).contains(&text.len())
        && is_small(text)
        && text.starts_with(|first: char| first.is_ascii_lowercase())
}

/// A revision of a container app: the app, two dashes, and more of the same.
#[must_use]
pub fn azure_revision(text: &str) -> bool {
    text.len() <= 100 && is_small(text) && text.split_once("--").is_some_and(|(app, _)| azure_app(app))
}

/// A resource below its group: a namespace, and as many types as names: `microsoft.app/containerapps/shop`.
#[must_use]
pub fn azure_resource(text: &str) -> bool {
    let mut parts = text.split('/');
    let has_namespace = parts.next().is_some_and(|first| first.contains('.') && azure_group(first));
    let types_and_names = parts.clone().count();
    text.len() <= 255
        && has_namespace
        && types_and_names >= 2
        && types_and_names.is_multiple_of(2)
        && parts.all(azure_group)
}

/// A vault.
#[must_use]
pub fn azure_vault(text: &str) -> bool {
    (3..=24).contains(&text.len()) && azure_app(text)
}

/// An IPv4 address with its bits, and never more than 256 of them: `20.1.2.3/32`.
#[must_use]
pub fn azure_address(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let is_narrow = matches!(bits, "24" | "25" | "26" | "27" | "28" | "29" | "30" | "31" | "32");
    is_narrow && address.parse::<std::net::Ipv4Addr>().is_ok()
}

/// How long a vault's firewall may be open: a day at most.
#[must_use]
pub fn azure_minutes(text: &str) -> bool {
    !text.starts_with('0') && number(text) && text.parse::<u32>().is_ok_and(|minutes| minutes <= 24 * 60)
}

/// By what something at Azure is told from what it was before: 64 hexadecimal digits.
#[must_use]
pub fn azure_mark(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// How many replicas a container app may have.
#[must_use]
pub fn azure_replicas(text: &str) -> bool {
    let is_plain = text == "0" || !text.starts_with('0');
    is_plain && number(text) && text.len() <= 4 && text.parse::<u16>().is_ok_and(|count| count <= 1000)
}

fn is_small(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
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

    #[test]
    fn a_resource_at_azure_is_a_namespace_and_as_many_types_as_names() {
        for name in ["microsoft.app/containerapps/shop", "microsoft.sql/servers/a/databases/b_1.x"] {
            assert!(azure_resource(name), "{name}");
        }
        for name in [
            "",
            "microsoft.app",
            "microsoft.app/containerapps",
            "microsoft.app/containerapps/shop/revisions",
            "microsoft/containerapps/shop",
            "microsoft.app/containerapps/..",
            "microsoft.app/containerapps/Shop",
            "microsoft.app/containerapps/a?b",
            "microsoft.app/containerapps/a%2fb",
            "microsoft.app//shop",
            "-microsoft.app/containerapps/shop",
        ] {
            assert!(!azure_resource(name), "{name}");
        }
        assert!(azure_mark(&"0f".repeat(32)));
        for mark in ["", "0f", &"0F".repeat(32), &"0g".repeat(32)] {
            assert!(!azure_mark(mark), "{mark}");
        }
    }
}
