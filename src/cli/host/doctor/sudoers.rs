//! Sudo's whole configuration, read by root, line by line: what lets somebody do more than a reader expects, and what
//! lets Reeve's own users do more than they must.

use std::path::{Path, PathBuf};

use super::found::Found;
use super::users;
use crate::gate::preflight::{Status, SudoRisk};

/// The rule that is shipped, for either sudo: what Reeve's users may have, or less.
const FRAGMENTS: [&str; 2] =
    [include_str!("../../../../sudoers/reeve"), include_str!("../../../../sudoers/reeve-rs")];
/// Files that include files that include files: no further.
const DEEPEST: usize = 8;
/// Programs that do anything at all when their arguments are the caller's.
const ANYTHING: &[&str] = &[
    "zfs",
    "zpool",
    "pct",
    "qm",
    "git",
    "systemctl",
    "systemd-run",
    "ansible",
    "ansible-playbook",
    "sh",
    "bash",
    "dash",
    "zsh",
    "env",
    "python",
    "python3",
    "perl",
    "ruby",
    "find",
    "vi",
    "vim",
    "nano",
    "less",
    "tee",
    "cp",
    "mv",
    "dd",
    "tar",
    "rsync",
    "chmod",
    "chown",
    "docker",
    "podman",
    "lxc",
    "lxc-attach",
    "mount",
    "su",
    "sudo",
    "apt",
    "apt-get",
    "dpkg",
    "journalctl",
    "xargs",
    "awk",
    "sed",
];

/// What was read, and what could not be.
#[derive(Debug, Default)]
pub(super) struct Probe {
    risky: Vec<SudoRisk>,
    /// Lines about Reeve's own users.
    own: Vec<String>,
    unread: Vec<String>,
}

/// Reads the file and all that it includes.
pub(super) fn probe(sudoers: &Path, host: &str) -> Probe {
    let mut probe = Probe::default();
    probe.read(sudoers, host, 0);
    if let Some(other) = other_sources(&sudoers.with_file_name("nsswitch.conf")) {
        probe.unread.push(format!("sudo also goes by {other}, which is not looked at"));
    }
    probe
}

/// Where else sudo looks, when it does not go by files alone.
fn other_sources(nsswitch: &Path) -> Option<String> {
    let text = std::fs::read_to_string(nsswitch).ok()?;
    let sources = text.lines().find_map(|line| line.trim().strip_prefix("sudoers:"))?.trim();
    (sources != "files").then(|| sources.to_owned())
}

impl Probe {
    /// The risky lines, if all of it could be read.
    pub(super) fn risks(&self) -> Option<Vec<SudoRisk>> {
        self.unread.is_empty().then(|| self.risky.clone())
    }

    /// Whether anybody may do more than a reader expects.
    pub(super) fn risky(&self) -> Found {
        let unread = self.unread.iter().map(|why| (Status::CouldNotCheck, why.clone()));
        let risky = self
            .risky
            .iter()
            .map(|risk| (Status::Warn, format!("{}: {}: {}", risk.place, risk.why, risk.rule)));
        Found::worst(unread.chain(risky).collect(), "no line lets anybody do more than it says")
    }

    /// Whether Reeve's own users have what is shipped, or less.
    pub(super) fn own(&self) -> Found {
        let shipped: Vec<&str> = FRAGMENTS.iter().flat_map(|one| one.lines()).map(str::trim).collect();
        let more = self.own.iter().filter(|line| !shipped.contains(&line.as_str()));
        let mut problems: Vec<(Status, String)> =
            more.map(|line| (Status::Fail, format!("more than is shipped: {line}"))).collect();
        problems.extend(self.unread.iter().map(|why| (Status::CouldNotCheck, why.clone())));
        let wrappers = self.own.iter().filter(|line| line.contains("NOPASSWD")).count();
        Found::worst(
            problems,
            format!("the launcher may start {wrappers} wrappers, and nobody else anything"),
        )
    }

    fn read(&mut self, path: &Path, host: &str, depth: usize) {
        if depth > DEEPEST {
            self.unread.push(format!("{}: included too deep", path.display()));
            return;
        }
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                self.unread.push(format!("{}: {error}", path.display()));
                return;
            }
        };
        for (number, line) in logical(&text) {
            match include(&line, path, host) {
                Some(Include::File(file)) => self.read(&file, host, depth + 1),
                Some(Include::Directory(directory)) => self.read_directory(&directory, host, depth),
                None => self.line(&format!("{}:{number}", path.display()), &line),
            }
        }
    }

    /// sudo passes by names with a dot, and those that end in `~`.
    fn read_directory(&mut self, directory: &Path, host: &str, depth: usize) {
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => {
                self.unread.push(format!("{}: {error}", directory.display()));
                return;
            }
        };
        let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        files.sort();
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.contains('.') && !name.ends_with('~') {
                self.read(&file, host, depth + 1);
            }
        }
    }

    fn line(&mut self, place: &str, line: &str) {
        let whom = line.split_whitespace().next().unwrap_or_default();
        if whom == "root" {
            return;
        }
        let whose = whom.split(',').map(|user| user.trim_start_matches("Defaults:").trim_matches('"'));
        if whose.clone().any(users::is_own) {
            self.own.push(line.to_owned());
        }
        if let Some(why) = risk(line) {
            self.risky.push(SudoRisk { place: place.to_owned(), rule: line.to_owned(), why });
        }
    }
}

enum Include {
    File(PathBuf),
    Directory(PathBuf),
}

/// `@include`, and as older files have it `#include`.
fn include(line: &str, from: &Path, host: &str) -> Option<Include> {
    let rest = line.strip_prefix('@').or_else(|| line.strip_prefix('#'))?;
    let (word, path) = rest.split_once(char::is_whitespace)?;
    let path = path.trim().trim_matches('"').replace("%h", host);
    let path = from.parent().unwrap_or(Path::new("/")).join(path);
    match word {
        "include" => Some(Include::File(path)),
        "includedir" => Some(Include::Directory(path)),
        _ => None,
    }
}

/// The lines that mean something, continuations joined and comments gone, with the number of their first.
fn logical(text: &str) -> Vec<(usize, String)> {
    let (mut lines, mut whole, mut begins) = (Vec::new(), String::new(), 1);
    for (index, line) in text.lines().enumerate() {
        if whole.is_empty() {
            begins = index + 1;
        }
        if let Some(goes_on) = line.strip_suffix('\\') {
            whole.push_str(goes_on);
            continue;
        }
        whole.push_str(line);
        let line = uncommented(&whole).trim().to_owned();
        if !line.is_empty() {
            lines.push((begins, line));
        }
        whole.clear();
    }
    lines
}

/// `#include` is no comment, and neither is the number of a user.
fn uncommented(line: &str) -> &str {
    let begins = |at: usize| {
        let (before, after) = line.split_at(at);
        let is_first = before.trim().is_empty();
        let after = after.trim_start_matches('#');
        let is_number = after.starts_with(|c: char| c.is_ascii_digit());
        let includes = is_first && after.starts_with("include");
        !is_number && !includes && (is_first || before.ends_with(char::is_whitespace))
    };
    let comment = line.match_indices('#').map(|(at, _)| at).find(|at| begins(*at));
    comment.map_or(line, |at| line.split_at(at).0)
}

/// What is risky about a line.
fn risk(line: &str) -> Option<String> {
    if let Some(defaults) = line.strip_prefix("Defaults") {
        return defaults_risk(defaults);
    }
    let (head, value) = line.split_once('=')?;
    // Aliases of users, hosts and run-as names start nothing.
    if head.contains("_Alias") && !head.starts_with("Cmnd_Alias") && !head.starts_with("Cmd_Alias") {
        return None;
    }
    let mut no_password = false;
    value.split(',').find_map(|part| command_risk(part, &mut no_password))
}

fn defaults_risk(defaults: &str) -> Option<String> {
    let settings = defaults.split_once(char::is_whitespace)?.1;
    settings.split(',').map(str::trim).find_map(|setting| {
        let name = setting.split(['=', '+', ' ']).next().unwrap_or_default();
        match name {
            "env_keep" | "env_check" if setting.contains('=') => {
                Some("variables of the caller's reach what runs as root".to_owned())
            }
            "!env_reset" => Some("all of the caller's environment reaches what runs as root".to_owned()),
            "setenv" => Some("callers set any variable of what runs as root".to_owned()),
            "!authenticate" => Some("nobody is asked for a password".to_owned()),
            _ => None,
        }
    })
}

/// One command of a rule; tags hold for those that follow, too.
fn command_risk(part: &str, no_password: &mut bool) -> Option<String> {
    let mut rest = part.trim();
    if let Some(after) = rest.strip_prefix('(') {
        rest = after.split_once(')').map_or("", |(_, after)| after).trim();
    }
    while let Some((tag, after)) = rest.split_once(':') {
        if tag.is_empty() || !tag.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
            break;
        }
        match tag {
            "NOPASSWD" => *no_password = true,
            "PASSWD" => *no_password = false,
            "SETENV" => return Some("callers set any variable of what runs as root".to_owned()),
            _ => {}
        }
        rest = after.trim();
    }
    let mut words = rest.split_whitespace();
    let program = words.next()?.trim_start_matches('!');
    if program == "ALL" {
        return no_password.then(|| "anything, without a password".to_owned());
    }
    if rest.contains(['*', '?', '[']) {
        return Some("a pattern, which takes blanks and slashes for anything else".to_owned());
    }
    if program.ends_with('/') {
        return Some("every program of a directory".to_owned());
    }
    let name = program.rsplit('/').next().unwrap_or_default();
    let any_arguments = words.next().is_none();
    (any_arguments && ANYTHING.contains(&name))
        .then(|| format!("{name} with any arguments, which is anything"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lets_somebody_do_anything_is_found() {
        for line in [
            "deploy ALL=(ALL) NOPASSWD: ALL",
            "deploy ALL=(root) NOPASSWD: /usr/sbin/zfs",
            "deploy ALL=(root) NOPASSWD: /usr/bin/id, /usr/bin/systemctl",
            "%ops ALL = /usr/sbin/pct",
            "deploy ALL=NOPASSWD: /usr/bin/git",
            "deploy ALL=(root) /usr/bin/systemctl restart *",
            "deploy ALL=(root) /usr/sbin/zfs list [a-z]*",
            "deploy ALL=(root) SETENV: /usr/bin/id",
            "deploy ALL=(root) /opt/scripts/",
            "Cmnd_Alias STORAGE = /usr/sbin/zfs, /usr/sbin/zpool",
            "Defaults env_keep += \"LD_PRELOAD\"",
            "Defaults:deploy !env_reset",
            "Defaults!/usr/bin/x setenv",
            "Defaults !authenticate",
        ] {
            assert!(risk(line).is_some(), "{line}");
        }
    }

    #[test]
    fn what_says_exactly_what_it_lets_do_is_not() {
        for line in [
            "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart nginx.service",
            "%sudo ALL=(ALL:ALL) ALL",
            "deploy ALL=(root) /usr/sbin/zfs \"\"",
            "User_Alias ADMINS = alice, bob",
            "Defaults env_reset, mail_badpass",
            "Defaults secure_path=\"/usr/sbin:/usr/bin\"",
            "deploy ALL=(root) NOPASSWD: /usr/bin/id, PASSWD: ALL",
        ] {
            assert_eq!(risk(line), None, "{line}");
        }
        let shipped: Vec<_> = logical(FRAGMENTS[0]).into_iter().filter_map(|(_, line)| risk(&line)).collect();
        assert_eq!(shipped, Vec::<String>::new());
    }

    fn probed(sudoers: &str, included: &[(&str, &str)]) -> Probe {
        let etc = tempfile::tempdir().unwrap();
        std::fs::create_dir(etc.path().join("sudoers.d")).unwrap();
        std::fs::write(etc.path().join("sudoers"), sudoers).unwrap();
        for (name, text) in included {
            std::fs::write(etc.path().join("sudoers.d").join(name), text).unwrap();
        }
        probe(&etc.path().join("sudoers"), "host01")
    }

    #[test]
    fn what_is_included_and_what_goes_on_in_the_next_line_is_read_and_comments_are_not() {
        let sudoers =
            "# deploy ALL=(ALL) NOPASSWD: ALL\nroot ALL=(ALL) NOPASSWD: ALL\n#includedir sudoers.d\n";
        let probe = probed(
            sudoers,
            &[
                ("deploy", "deploy ALL=(root) \\\n NOPASSWD: ALL # for now\n"),
                ("off.bak", "x ALL=NOPASSWD: ALL"),
            ],
        );
        let risks = probe.risks().unwrap();
        assert_eq!(risks.len(), 1, "{risks:?}");
        assert!(risks[0].place.ends_with("sudoers.d/deploy:1"), "{risks:?}");
        assert_eq!(risks[0].rule, "deploy ALL=(root)  NOPASSWD: ALL");
        assert_eq!(probe.risky().status, Status::Warn);
    }

    #[test]
    fn what_could_not_be_read_is_no_pass_and_no_number() {
        let probe = probe(Path::new("/nowhere/sudoers"), "host01");
        assert_eq!((probe.risks(), probe.risky().status), (None, Status::CouldNotCheck));
        let missing = probed("@include missing\n", &[]);
        assert_eq!((missing.risks(), missing.own().status), (None, Status::CouldNotCheck));
    }

    #[test]
    fn a_line_more_for_reeves_own_users_fails_and_fewer_pass() {
        let fewer: String = FRAGMENTS[0]
            .lines()
            .filter(|line| !line.contains("reeve-git"))
            .flat_map(|line| [line, "\n"])
            .collect();
        assert_eq!(probed("@includedir sudoers.d", &[("reeve", &fewer)]).own().status, Status::Pass);
        for more in [
            "reeve ALL=(root) /usr/bin/id",
            "alice,reeve-run ALL=(root) /usr/bin/id",
            "Defaults:reeve-run setenv",
            "reeve-azure ALL=(root) /usr/bin/id",
            "%reeve-tools ALL=(root) /usr/bin/id",
        ] {
            let own = probed("@includedir sudoers.d", &[("reeve", FRAGMENTS[0]), ("more", more)]).own();
            assert_eq!(own.status, Status::Fail, "{more}");
        }
    }
}
