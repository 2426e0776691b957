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
    /// An option with one of these letters or words does.
    ByOption { letters: &'static str, words: &'static [&'static str] },
    /// As that, and its first argument may be letters without a `-`.
    ByLetters { letters: &'static str, words: &'static [&'static str] },
    /// One of these commands of its own does, and they may be shortened.
    ByCommand(&'static [&'static str]),
}

const SHELL: Kind =
    Kind::Reads { letters: "cis", words: &["--rcfile", "--init-file", "--command", "--init-command"] };

/// By name: less what says for which machine it is, which of several it is, or which version.
#[rustfmt::skip]
const KINDS: &[(&[&str], Kind)] = &[
    (&["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "lksh", "yash", "fish", "csh", "tcsh", "bsd-csh", "sash", "rbash", "pwsh"], SHELL),
    (&["python", "pypy", "ipython"], Kind::Reads { letters: "cmi", words: &[] }),
    (&["perl"], Kind::Reads { letters: "eEnpMmi", words: &[] }),
    (&["ruby", "irb"], Kind::Reads { letters: "enpr", words: &[] }),
    (&["node", "nodejs", "deno", "bun"], Kind::Reads { letters: "epri", words: &["--eval", "--print", "--require", "--import", "--loader"] }),
    (&["php"], Kind::Reads { letters: "rBRE", words: &["--run"] }),
    (&["lua", "luajit", "texlua"], Kind::Reads { letters: "eli", words: &[] }),
    (&["tclsh", "wish", "expect", "guile", "gjs", "ocaml", "ghci", "runghc", "erl", "escript", "elixir", "iex", "julia", "r", "rscript", "octave", "jshell", "java", "groovy", "scala", "kotlin", "sbcl", "emacs", "gdb", "lldb", "sqlite", "psql", "mysql", "mariadb", "bc", "dc", "gnuplot", "m4"],
        Kind::Starts),
    (&["awk", "gawk", "mawk", "nawk", "original-awk", "sed", "ed", "ex", "vi", "vim", "rvim", "gvim", "vimdiff", "nvim", "view", "nano", "less", "more", "man"], Kind::Starts),
    (&["env", "xargs", "nice", "nohup", "timeout", "setsid", "stdbuf", "time", "ionice", "chrt", "taskset", "flock", "script", "watch", "parallel", "entr", "unbuffer", "strace", "ltrace", "valgrind", "perf",
       "sudo", "su", "doas", "runuser", "newgrp", "sg", "runcon", "setpriv", "capsh", "chroot", "unshare", "nsenter", "bwrap", "firejail", "systemd-run", "systemctl", "docker", "podman", "crontab", "at", "batch",
       "busybox", "toybox", "coreutils", "start-stop-daemon", "run-parts", "socat", "nc", "ncat", "tmux", "screen", "dbus-run-session", "xvfb-run", "eatmydata", "fakeroot", "cpulimit", "choom", "prlimit", "setarch", "linux"],
        Kind::Starts),
    (&["make", "gmake", "ninja", "cmake", "cargo", "npm", "npx", "yarn", "pip", "gem", "go", "mvn", "gradle", "ansible", "ansible-playbook", "gcc", "g++", "cc", "c++", "clang", "clang++", "tcc"], Kind::Starts),
    (&["git"], Kind::Starts),
    (&["ssh", "scp", "sftp", "ssh-agent", "autossh", "sshpass"], Kind::Starts),
    (&["ip"], Kind::ByCommand(&["netns", "vrf", "-batch"])),
    (&["rsync"], Kind::ByOption { letters: "e", words: &["--rsh", "--rsync-path"] }),
    (&["tar", "bsdtar"], Kind::ByLetters { letters: "IF", words: &["--to-command", "--use-compress-program", "--checkpoint-action", "--rsh-command", "--rmt-command", "--info-script", "--new-volume-script"] }),
    (&["find"], Kind::ByOption { letters: "", words: &["-exec", "-execdir", "-ok", "-okdir"] }),
    (&["fd", "fdfind"], Kind::ByOption { letters: "xX", words: &["--exec", "--exec-batch"] }),
    (&["zip", "7z"], Kind::ByOption { letters: "", words: &["-TT", "--unzip-command"] }),
    (&["rg"], Kind::ByOption { letters: "", words: &["--pre", "--hostname-bin"] }),
    (&["sort"], Kind::ByOption { letters: "", words: &["--compress-program"] }),
    (&["split"], Kind::ByOption { letters: "", words: &["--filter"] }),
    (&["curl", "wget"], Kind::ByOption { letters: "K", words: &["--config", "--use-askpass"] }),
    (&["dpkg", "apt", "apt-get", "rpm"], Kind::Starts),
];

/// Options that would be taken for one of those above and are others.
const OTHERS: [&str; 2] = ["--checkpoint", "-executable"];
/// How Debian tells several builds of one program apart, besides after a dot.
const BUILDS: [&str; 13] =
    ["static", "dbg", "debug", "minimal", "gtk", "pgtk", "nox", "lucid", "cli", "sysv", "tcp", "rs", "bin"];
/// What is behind a dot in the name of somebody's own script, which is no build of the program that it may be called after.
const SCRIPTS: [&str; 8] = ["sh", "bash", "py", "pl", "rb", "js", "lua", "php"];

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
    let bare = bare(&name);
    let is = |names: &&[&str]| names.contains(&name.as_str()) || names.contains(&bare.as_str());
    KINDS.iter().find(|(names, _)| is(names)).map(|(_, kind)| *kind)
}

/// The program that a name is of: `x86_64-linux-gnu-gcc-12`, `perl5.36-x86_64-linux-gnu`, `vim.basic`, `emacs-nox`. Links are refused
/// in a declaration, so that these are the names that stand there.
fn bare(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('-').collect();
    // A machine is named by its architecture, perhaps a vendor, the system and its library.
    let system = parts.iter().position(|part| matches!(*part, "linux" | "w64" | "kfreebsd"));
    if let Some(system) = system.filter(|at| (1..parts.len() - 1).contains(at)) {
        let machine = system + 2;
        if parts.len() > machine {
            parts.drain(..machine);
        } else {
            parts.truncate(system - 1);
        }
    }
    let version = |sign: char| sign.is_ascii_digit() || matches!(sign, '.' | '-');
    if let [before @ .., build] = parts.as_slice()
        && !before.is_empty()
        && BUILDS.contains(&build.trim_end_matches(version))
    {
        parts.pop();
    }
    let whole = parts.join("-");
    let whole = whole.trim_end_matches(version);
    let program = match whole.split_once('.') {
        Some((program, behind)) if !SCRIPTS.contains(&behind) => program,
        Some(_) | None => whole,
    };
    program.trim_end_matches(version).to_owned()
}

/// What of a declaration runs something, in words.
fn runs(kind: Kind, arguments: &[Template]) -> Option<String> {
    match kind {
        Kind::Starts => Some("its arguments".to_owned()),
        Kind::ByOption { letters, words } => {
            let is_one = |text: &&str| has_letter(until_a_path(text), letters) || is_one_of(text, words);
            arguments.iter().filter_map(literal).find(is_one).map(str::to_owned)
        }
        Kind::ByLetters { letters, words } => {
            let first = arguments.first().and_then(literal).filter(|text| !text.starts_with('-'));
            let is_one = first.filter(|text| text.contains(|letter: char| letters.contains(letter)));
            is_one.map(str::to_owned).or_else(|| runs(Kind::ByOption { letters, words }, arguments))
        }
        Kind::ByCommand(commands) => {
            let is_one = |text: &&str| commands.iter().any(|command| is_short_for(text, command));
            let is_option = |one: &Template| literal(one).is_some_and(|text| text.starts_with('-'));
            let first = arguments.iter().find(|one| !is_option(one));
            let said = arguments.iter().filter_map(literal).find(is_one).map(str::to_owned);
            said.or_else(|| {
                first.filter(|one| literal(one).is_none()).map(|_| "its first argument".to_owned())
            })
        }
        Kind::Reads { letters, words } => {
            for argument in arguments {
                let Some(text) = literal(argument) else { break };
                if has_letter(text, letters) || is_one_of(text, words) {
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

/// `-I`, `-Ish`, and with others in front: `-xIsh`. What a letter takes that is not behind a blank is not told from letters.
fn has_letter(text: &str, letters: &str) -> bool {
    let bundle = text.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
    bundle.is_some_and(|bundle| bundle.contains(|letter: char| letters.contains(letter)))
}

/// `-C` of `-C/srv/In`: no letter is behind it.
fn until_a_path(text: &str) -> &str {
    text.split(['/', '.', '=', ':']).next().unwrap_or(text)
}

/// `--to-command`, `--to-command=x`, `--to-com=x`; and of what begins with one `-`: `-exec`, `-TT`, `-rTT`.
fn is_one_of(text: &str, words: &[&str]) -> bool {
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    let is_bundle = name.starts_with('-') && !name.starts_with("--");
    let is = |word: &str| match word.strip_prefix("--") {
        Some(_) => name.len() > 2 && word.starts_with(name),
        None => is_bundle && name.contains(word.trim_start_matches('-')),
    };
    !OTHERS.contains(&name) && words.iter().any(|word| is(word))
}

/// `netn` for `netns`, `-b` and `--batch` for `-batch`; of a command, what is shorter stands for something else.
fn is_short_for(text: &str, command: &str) -> bool {
    let text = text.strip_prefix('-').filter(|rest| rest.starts_with('-')).unwrap_or(text);
    let least = if text.starts_with('-') { 2 } else { 3 };
    text.len() >= least && command.starts_with(text)
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
mod tests;
