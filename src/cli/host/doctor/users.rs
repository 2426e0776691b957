//! Reeve's own users, as they are made on a host: who must not have more than is meant, and who tries it.

use crate::gate::config::GateConfig;

/// The table that they are made from.
const TABLE: &str = include_str!("../../../../systemd/reeve.sysusers");
/// The one group of people, who may well have rules of their own.
const PEOPLE: &str = "reeve-approvers";

/// The network side, unless the gate's configuration calls it otherwise.
const FRONT: &str = "reeve";
pub(super) const GATE: &str = "reeve-gate";
pub(super) const LAUNCHER: &str = "reeve-run";
pub(super) const TOOL: &str = "reeve-tool";
pub(super) const ALARMS: &str = "reeve-alarms";
/// Who has an identity at Azure: to fetch secrets, to ask about texts, to act.
pub(super) const AT_AZURE: [&str; 3] = ["reeve-secrets", "reeve-shields", "reeve-azure"];

/// Whether it is one of Reeve's users, or with `%` one of their groups.
pub(super) fn is_own(name: &str) -> bool {
    TABLE.lines().any(|line| match line.split(' ').collect::<Vec<_>>().as_slice() {
        ["u", user, ..] => *user == name,
        ["g", group, ..] => *group != PEOPLE && name.strip_prefix('%') == Some(group),
        _ => false,
    })
}

/// All of Reeve's users, by the names that this host has for them.
pub(super) fn all(config: &GateConfig) -> Vec<&str> {
    let made = TABLE.lines().filter_map(|line| line.strip_prefix("u ")?.split(' ').next());
    made.map(|user| if user == FRONT { config.front_user.as_str() } else { user }).collect()
}

/// Those who try what none of them may do: whoever hears strangers, starts what strangers wrote, or has a network and an identity.
pub(super) fn who_try<'a>(config: &'a GateConfig, besides: &[&'a str]) -> Vec<&'a str> {
    let all = [config.front_user.as_str(), TOOL].into_iter().chain(AT_AZURE);
    besides.iter().copied().chain(all).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_users_are_those_that_are_made() {
        let config = GateConfig::parse("gate.toml", "front_user = \"hears\"\n", "host01").unwrap();
        let all = all(&config);
        assert_eq!((all.first().copied(), all.len()), (Some("hears"), TABLE.matches("\nu ").count()));
        for user in [GATE, LAUNCHER, TOOL, ALARMS, "reeve-hook", "reeve-witness", "reeve-egress"]
            .iter()
            .chain(&AT_AZURE)
        {
            assert!(all.contains(user) && is_own(user), "{user}");
        }
    }

    #[test]
    fn every_user_that_is_made_is_one_of_our_own_and_people_are_not() {
        for name in
            ["reeve", GATE, LAUNCHER, TOOL, ALARMS, "%reeve-tools", "reeve-traces"].iter().chain(&AT_AZURE)
        {
            assert!(is_own(name), "{name}");
        }
        for name in ["%reeve-approvers", "reeve-approvers", "root", "alice", "%reeve", "u", ""] {
            assert!(!is_own(name), "{name}");
        }
    }
}
