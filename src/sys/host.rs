//! Which host this is, which boot of it, and where its root-side files lie.

use std::io;
use std::path::PathBuf;

/// What stands before every path that root's side reads or runs. Set when building (`REEVE_PREFIX`), for a demo
/// without root; nothing at run time changes where root looks.
pub const PREFIX: &str = match option_env!("REEVE_PREFIX") {
    Some(prefix) => prefix,
    None => "",
};

/// Where an absolute path of the production layout lies in this build.
#[must_use]
pub fn prefixed(path: &str) -> PathBuf {
    PathBuf::from(format!("{PREFIX}{path}"))
}

/// The identifier the kernel drew for this boot: what was granted before a reboot is worth nothing after it.
///
/// # Errors
/// When `/proc` is not mounted.
pub fn boot_id() -> io::Result<String> {
    one_line(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?)
}

/// The identifier of this installation (`/etc/machine-id`).
///
/// # Errors
/// When the file is missing or holds no identifier, as in an image that was never booted.
pub fn machine_id() -> io::Result<String> {
    let id = one_line(std::fs::read_to_string(prefixed("/etc/machine-id"))?)?;
    if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(id);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "/etc/machine-id holds no machine id: run systemd-machine-id-setup",
    ))
}

/// The host's name, for people; machines compare [`machine_id`].
///
/// # Errors
/// When the name is not UTF-8.
pub fn hostname() -> io::Result<String> {
    let name = nix::unistd::gethostname()?;
    name.into_string().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the host's name is not UTF-8"))
}

fn one_line(text: String) -> io::Result<String> {
    let line = text.trim_end_matches('\n');
    if line.is_empty() || line.contains('\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "expected one line"));
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_id_is_one_uuid_and_stays() {
        let id = boot_id().unwrap();
        assert_eq!(id.len(), 36);
        assert_eq!(id, boot_id().unwrap());
    }

    #[test]
    fn a_file_of_several_lines_is_not_an_identifier() {
        assert!(one_line("a\nb\n".into()).is_err());
        assert!(one_line("\n".into()).is_err());
        assert_eq!(one_line("a\n".into()).unwrap(), "a");
    }
}
