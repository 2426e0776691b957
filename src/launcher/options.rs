//! The launcher's command line: all the configuration it has.

use std::path::PathBuf;

use super::server::Start;

/// What the launcher was told.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// Where to listen, unless systemd passed a socket.
    pub socket: Option<PathBuf>,
    /// The only user that may call.
    pub gate_user: String,
    /// Where the wrappers lie.
    pub wrappers: PathBuf,
    /// How they get their rights.
    pub start: Start,
}

/// How to call it.
pub const USAGE: &str =
    "usage: reeve-launcher [--socket PATH] --gate-user NAME --wrappers DIR --start sudo|direct";

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
            socket: socket.map(|path| absolute("--socket", path)).transpose()?,
            gate_user: gate_user.ok_or("--gate-user is missing")?,
            wrappers: absolute("--wrappers", wrappers.ok_or("--wrappers is missing")?)?,
            start: start_from(&start.ok_or("--start is missing")?)?,
        })
    }
}

fn absolute(name: &str, path: String) -> Result<PathBuf, String> {
    let path = PathBuf::from(path);
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
    fn all_options_are_understood_and_the_socket_may_be_left_to_systemd() {
        let options = Options {
            socket: Some("/run/l.sock".into()),
            gate_user: "gate".into(),
            wrappers: "/w".into(),
            start: Start::Direct,
        };
        let line = "--socket /run/l.sock --gate-user gate --wrappers /w --start direct";
        assert_eq!(parse(line).unwrap(), options);
        let line = "--start sudo --wrappers /w --gate-user gate";
        assert_eq!(parse(line).unwrap(), Options { socket: None, start: Start::Sudo, ..options });
    }

    #[test]
    fn what_is_missing_unknown_double_or_relative_is_refused() {
        for (line, says) in [
            ("", "--gate-user is missing"),
            ("--gate-user g", "--wrappers is missing"),
            ("--gate-user g --wrappers /w", "--start is missing"),
            ("--gate-user", "--gate-user wants a value"),
            ("--gate-user g --gate-user g", "--gate-user was given twice"),
            ("--gate-user g --wrappers w --start sudo", "--wrappers wants an absolute path"),
            ("--gate-user g --wrappers /w --start doas", "--start is sudo or direct, not \"doas\""),
            ("--verbose", "unknown option \"--verbose\""),
        ] {
            assert_eq!(parse(line).unwrap_err(), says, "{line}");
        }
    }
}
