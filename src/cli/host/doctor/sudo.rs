//! Whether sudo and its rule fit each other.

use std::path::Path;

use super::found::Found;
use crate::cli::host::sudo::Sudo;
use crate::gate::preflight::Status;

/// Settings of the rule for the old sudo: sudo-rs leaves out a line with one, and complains of it at each call.
const UNKNOWN_TO_RS: [&str; 3] = ["setenv", "pam_session", "pam_setcred"];

/// That the sudo of this host knows all that the rule says.
pub(super) fn fits(rule: &Path) -> Found {
    let sudo = match Sudo::of_this_host() {
        Ok(sudo) => sudo,
        Err(why) => return Found::unseen(why),
    };
    let text = match std::fs::read_to_string(rule) {
        Ok(text) => text,
        Err(error) => return Found::unseen(format!("{}: {error}", rule.display())),
    };
    let unknown = unknown(&sudo, &text);
    if unknown.is_empty() {
        return Found::new(Status::Pass, sudo.version);
    }
    let what =
        format!("{} does not know {}, which {} says", sudo.version, unknown.join(", "), rule.display());
    Found::new(Status::Warn, what)
}

fn unknown(sudo: &Sudo, rule: &str) -> Vec<&'static str> {
    if !sudo.is_rs {
        return Vec::new();
    }
    let settings = rule.lines().filter(|line| line.starts_with("Defaults"));
    let words: Vec<&str> =
        settings.flat_map(|line| line.split([' ', ','])).map(|word| word.trim_start_matches('!')).collect();
    UNKNOWN_TO_RS.into_iter().filter(|known| words.contains(known)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_rs_does_not_fit_the_rule_for_the_old_sudo_and_fits_its_own() {
        let sudo = |version: &str, is_rs| Sudo { version: version.to_owned(), is_rs };
        let (old, rs) = (sudo("Sudo version 1.9.16p2", false), sudo("sudo-rs 0.2.5", true));
        let (rule, rule_rs) =
            (include_str!("../../../../sudoers/reeve"), include_str!("../../../../sudoers/reeve-rs"));
        assert_eq!(unknown(&rs, rule), UNKNOWN_TO_RS);
        assert_eq!(unknown(&rs, rule_rs), [""; 0]);
        assert_eq!(unknown(&old, rule), [""; 0]);
    }
}
