//! Programs that run what they are given: shells, interpreters, and others that start programs. Whoever declares one says
//! that it may, or declares it so that it does not.
//!
//! This makes honest mistakes clear early, and stops nobody: a copy has another name. What a tool may do is up to its
//! confinement, whatever it runs.

use super::arguments::Template;

/// How a program comes to run something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It reads a program: from its input, from an option with one of these letters or words, or from a file.
    Reads { letters: &'static str, words: &'static [&'static str] },
    /// Its first argument that is no option is a program text or another program.
    Starts,
    /// One of these options does.
    ByOption(&'static [&'static str]),
}

const SHELL: Kind =
    Kind::Reads { letters: "cis", words: &["--rcfile", "--init-file", "--command", "--init-command"] };

/// By name, without a version at its end.
#[rustfmt::skip]
const KINDS: &[(&[&str], Kind)] = &[
    (&["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "lksh", "yash", "fish", "csh", "tcsh", "rbash", "pwsh"], SHELL),
    (&["python", "pypy", "ipython"], Kind::Reads { letters: "cmi", words: &[] }),
    (&["perl"], Kind::Reads { letters: "eEnpMmi", words: &[] }),
    (&["ruby", "irb"], Kind::Reads { letters: "enpr", words: &[] }),
    (&["node", "nodejs", "deno", "bun"], Kind::Reads { letters: "epri", words: &["--eval", "--print", "--require", "--import", "--loader"] }),
    (&["php"], Kind::Reads { letters: "rBRE", words: &["--run"] }),
    (&["lua", "luajit", "texlua"], Kind::Reads { letters: "eli", words: &[] }),
    (&["tclsh", "wish", "expect", "guile", "gjs", "ocaml", "ghci", "runghc", "erl", "escript", "elixir", "iex", "julia", "r", "rscript", "octave", "jshell", "java", "groovy", "scala", "kotlin", "sbcl", "emacs", "gdb", "lldb", "sqlite", "psql", "mysql", "bc", "dc", "gnuplot", "m4"],
        Kind::Starts),
    (&["awk", "gawk", "mawk", "nawk", "sed", "ed", "ex", "vi", "vim", "nvim", "view", "nano", "less", "more", "man"], Kind::Starts),
    (&["env", "xargs", "nice", "nohup", "timeout", "setsid", "stdbuf", "time", "ionice", "chrt", "taskset", "flock", "script", "watch", "parallel", "entr", "unbuffer", "strace", "ltrace", "valgrind", "perf",
       "sudo", "su", "doas", "runuser", "setpriv", "capsh", "chroot", "unshare", "nsenter", "bwrap", "firejail", "systemd-run", "systemctl", "docker", "podman", "crontab", "at", "batch",
       "busybox", "toybox", "start-stop-daemon", "run-parts", "socat", "nc", "ncat", "tmux", "screen", "dbus-run-session", "xvfb-run", "eatmydata", "fakeroot", "cpulimit", "choom", "prlimit", "setarch", "linux"],
        Kind::Starts),
    (&["make", "gmake", "ninja", "cmake", "cargo", "npm", "npx", "yarn", "pip", "gem", "go", "mvn", "gradle", "ansible", "ansible-playbook", "gcc", "cc", "tcc"], Kind::Starts),
    (&["git"], Kind::Starts),
    (&["ssh", "scp", "sftp"], Kind::Starts),
    (&["rsync"], Kind::ByOption(&["-e", "--rsh", "--rsync-path"])),
    (&["tar", "bsdtar"], Kind::ByOption(&["-I", "-F", "--to-command", "--use-compress-program", "--checkpoint-action", "--rsh-command", "--info-script", "--new-volume-script"])),
    (&["find"], Kind::ByOption(&["-exec", "-execdir", "-ok", "-okdir"])),
    (&["zip", "7z"], Kind::ByOption(&["-TT", "--unzip-command"])),
    (&["rg"], Kind::ByOption(&["--pre", "--hostname-bin"])),
    (&["sort"], Kind::ByOption(&["--compress-program"])),
    (&["split"], Kind::ByOption(&["--filter"])),
    (&["curl", "wget"], Kind::ByOption(&["-K", "--config", "--use-askpass"])),
    (&["dpkg", "apt", "apt-get", "rpm"], Kind::Starts),
];

/// Looks whether a declaration runs what it is given, and says so.
///
/// # Errors
/// What would run something, and what to do about it.
pub(super) fn check(program: &str, arguments: &[Template], runs_code: bool) -> Result<(), String> {
    if runs_code {
        return Ok(());
    }
    let name = program.rsplit('/').next().unwrap_or_default();
    let Some(kind) = kind(name) else { return Ok(()) };
    let Some(what) = runs(kind, arguments) else { return Ok(()) };
    Err(format!(
        "{name} runs what it is given ({what}): say runs_code = true if that is meant, or name a script of root's as its first \
         argument"
    ))
}

fn kind(name: &str) -> Option<Kind> {
    let name = name.to_ascii_lowercase();
    if name.starts_with("ld-linux") || name.starts_with("ld.so") || name.starts_with("ld-musl") {
        return Some(Kind::Starts);
    }
    let bare = name.trim_end_matches(|sign: char| sign.is_ascii_digit() || matches!(sign, '.' | '-'));
    let is = |names: &&[&str]| names.contains(&name.as_str()) || names.contains(&bare);
    KINDS.iter().find(|(names, _)| is(names)).map(|(_, kind)| *kind)
}

/// What of a declaration runs something, in words.
fn runs(kind: Kind, arguments: &[Template]) -> Option<String> {
    match kind {
        Kind::Starts => Some("its arguments".to_owned()),
        Kind::ByOption(options) => {
            let found = arguments
                .iter()
                .filter_map(literal)
                .find(|text| options.iter().any(|option| is_option(text, option)));
            found.map(str::to_owned)
        }
        Kind::Reads { letters, words } => {
            for argument in arguments {
                let Some(text) = literal(argument) else { break };
                let is_word = words.iter().any(|word| is_option(text, word));
                let has_letter = text.len() > 1
                    && text.starts_with('-')
                    && !text.starts_with("--")
                    && text.chars().skip(1).any(|letter| letters.contains(letter));
                if is_word || has_letter {
                    return Some(text.to_owned());
                }
                if !text.starts_with('-') {
                    // A script that only root can have written; what follows it is data.
                    return (!text.starts_with('/')).then(|| text.to_owned());
                }
            }
            Some("its input, or its first argument".to_owned())
        }
    }
}

/// `--to-command`, `--to-command=x`; `-I`, `-Ix`.
fn is_option(text: &str, option: &str) -> bool {
    let joined = if option.starts_with("--") {
        text.strip_prefix(option).is_some_and(|rest| rest.starts_with('='))
    } else {
        text.starts_with(option)
    };
    text == option || joined
}

/// What root wrote of an argument, up to where a parameter begins.
fn literal(argument: &Template) -> Option<&str> {
    match argument {
        Template::Literal(text) => Some(text),
        Template::When { word, .. } => Some(word),
        Template::Value { before, .. } if !before.is_empty() => Some(before),
        Template::Value { .. } | Template::Each { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(program: &str, arguments: &[&str]) -> bool {
        let arguments: Vec<Template> = arguments
            .iter()
            .map(|text| match text.strip_prefix('{') {
                Some(name) => {
                    Template::Each { name: name.trim_end_matches('}').to_owned(), may_be_option: false }
                }
                None => Template::Literal((*text).to_owned()),
            })
            .collect();
        assert_eq!(check(program, &arguments, true), Ok(()), "{program}: it was said");
        check(program, &arguments, false).is_err()
    }

    #[test]
    fn row_059_a_shell_is_one_by_whatever_of_its_names() {
        for name in [
            "sh",
            "/usr/bin/sh",
            "/usr/bin/BASH",
            "/usr/bin/bash-5.2",
            "/usr/bin/python3.13",
            "/usr/bin/perl5.40.1",
            "/usr/bin/node20",
            "/usr/bin/lua5.4",
        ] {
            assert!(refuses(name, &[]), "{name}");
        }
        for name in ["/usr/bin/jq", "/usr/bin/cat", "/usr/bin/shasum", "/usr/bin/wc", "/usr/bin/base64"] {
            assert!(!refuses(name, &["{x}"]), "{name}");
        }
    }

    #[test]
    fn row_064_code_in_an_argument_has_to_be_meant() {
        for (program, argument) in [
            ("sh", "-c"),
            ("bash", "-lc"),
            ("dash", "-ec"),
            ("python3", "-c"),
            ("python3", "-cprint()"),
            ("python3", "-Ic"),
            ("python3", "-m"),
            ("node", "-e"),
            ("node", "-p"),
            ("node", "--eval=x"),
            ("node", "--require"),
            ("perl", "-e"),
            ("perl", "-ne"),
            ("perl", "-pe"),
            ("ruby", "-e"),
            ("php", "-r"),
            ("awk", "BEGIN{system(\"x\")}"),
            ("find", "-exec"),
            ("xargs", "cat"),
            ("env", "-S"),
            ("busybox", "sh"),
        ] {
            assert!(refuses(program, &[argument, "{code}"]), "{program} {argument}");
        }
        // A script of root's, with what the caller gives behind it.
        for (program, before) in [
            ("python3", vec!["-I", "-B"]),
            ("sh", vec!["-e"]),
            ("perl", vec![]),
            ("node", vec!["--no-warnings"]),
        ] {
            let arguments = [before.as_slice(), &["/usr/share/x/script", "{word}"]].concat();
            assert!(!refuses(program, &arguments), "{program}");
        }
        assert!(!refuses("find", &[".", "-name", "{name}"]));
    }

    #[test]
    fn row_065_what_starts_other_programs_has_to_be_meant() {
        for (program, argument) in [
            ("env", "ls"),
            ("nice", "ls"),
            ("timeout", "5"),
            ("setsid", "ls"),
            ("stdbuf", "-o0"),
            ("sudo", "ls"),
            ("/usr/lib64/ld-linux-x86-64.so.2", "ls"),
            ("script", "-c"),
            ("git", "status"),
            ("tar", "--to-command=sh"),
            ("tar", "-Ish"),
            ("tar", "--checkpoint-action=exec=sh"),
            ("ssh", "-oProxyCommand=sh"),
            ("rsync", "-e"),
            ("make", "all"),
            ("vim", "-c"),
            ("rg", "--pre=sh"),
            ("curl", "--config=x"),
        ] {
            assert!(refuses(program, &[argument]), "{program} {argument}");
        }
        assert!(
            !refuses("tar", &["--extract", "--file=a"])
                && !refuses("rsync", &["-a"])
                && !refuses("rg", &["--json"])
        );
    }

    #[test]
    fn row_066_code_from_the_input_or_the_workspace_has_to_be_meant() {
        for arguments in
            [&[] as &[&str], &["-"], &["-I", "-"], &["script.py"], &["./x"], &["{file}"], &["-B", "{file}"]]
        {
            assert!(refuses("python3", arguments), "{arguments:?}");
        }
    }
}
