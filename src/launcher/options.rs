//! The launcher's command line: all the configuration it has. Without any it is what an installed host needs.

use std::path::PathBuf;

use super::server::Start;

/// What the launcher was told.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// Where to listen, unless systemd passed a socket.
    pub socket: PathBuf,
    /// The only user that may call.
    pub gate_user: String,
    /// Where the wrappers lie.
    pub wrappers: PathBuf,
    /// How they get their rights.
    pub start: Start,
}

/// How to call it.
pub const USAGE: &str =
    "usage: reeve-launcher [--socket PATH] [--gate-user NAME] [--wrappers DIR] [--start sudo|direct]";

impl Options {
    /// Reads the arguments that follow the program's name: each option once, all paths absolute.
    ///
    /// # Errors
    /// A line that says what is wrong.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
        let (mut socket, mut gate_user, mut wrappers, mut start) = (None, None, None, None);
        while let Some(name) = args.next() {
            let place = match name.as_str() {
                "--socket" => &mut socket,
                "--gate-user" => &mut gate_user,
                "--wrappers" => &mut wrappers,
                "--start" => &mut start,
                _ => return Err(format!("unknown option {name:?}")),
            };
            let value = args.next().ok_or_else(|| format!("{name} wants a value"))?;
            if place.replace(value).is_some() {
                return Err(format!("{name} was given twice"));
            }
        }
        Ok(Options {
            socket: absolute("--socket", socket, "/run/reeve/launcher.sock")?,
            gate_user: gate_user.unwrap_or_else(|| "reeve-gate".to_owned()),
            wrappers: absolute("--wrappers", wrappers, "/usr/local/libexec/reeve")?,
            start: start.as_deref().map_or(Ok(Start::Sudo), start_from)?,
        })
    }
}

fn absolute(name: &str, path: Option<String>, default: &str) -> Result<PathBuf, String> {
    let path = path.map_or_else(|| PathBuf::from(default), PathBuf::from);
    if path.is_absolute() { Ok(path) } else { Err(format!("{name} wants an absolute path")) }
}

fn start_from(word: &str) -> Result<Start, String> {
    match word {
        "sudo" => Ok(Start::Sudo),
        "direct" => Ok(Start::Direct),
        _ => Err(format!("--start is sudo or direct, not {word:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn without_options_it_is_what_an_installed_host_needs() {
        let options = Options {
            socket: "/run/reeve/launcher.sock".into(),
            gate_user: "reeve-gate".into(),
            wrappers: "/usr/local/libexec/reeve".into(),
            start: Start::Sudo,
        };
        assert_eq!(parse("").unwrap(), options);
    }

    #[test]
    fn all_options_are_understood() {
        let options = Options {
            socket: "/run/l.sock".into(),
            gate_user: "gate".into(),
            wrappers: "/w".into(),
            start: Start::Direct,
        };
        assert_eq!(
            parse("--start direct --wrappers /w --gate-user gate --socket /run/l.sock").unwrap(),
            options
        );
    }

    #[test]
    fn what_is_unknown_double_or_relative_is_refused() {
        for (line, says) in [
            ("--gate-user", "--gate-user wants a value"),
            ("--gate-user g --gate-user g", "--gate-user was given twice"),
            ("--wrappers w", "--wrappers wants an absolute path"),
            ("--socket s", "--socket wants an absolute path"),
            ("--start doas", "--start is sudo or direct, not \"doas\""),
            ("--verbose", "unknown option \"--verbose\""),
        ] {
            assert_eq!(parse(line).unwrap_err(), says, "{line}");
        }
    }
}
