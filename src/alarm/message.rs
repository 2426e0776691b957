//! What people are told. It is made of a closed set of sentences, so no token and no word of an agent's can be in it.

use serde::{Deserialize, Serialize};

use crate::principal::PrincipalName;

/// What there is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Nobody can be asked any more.
    ChannelDown {
        /// Why.
        why: String,
    },
    /// They can again.
    ChannelUp,
    /// Fewer people can be asked than there should be.
    TooFewReachable {
        /// How many.
        reachable: usize,
        /// How many there should be.
        wanted: usize,
    },
    /// As many as there should be, or more.
    EnoughReachable {
        /// How many.
        reachable: usize,
    },
    /// Something that needs people was refused because they cannot be asked.
    NotAsked {
        /// Who wanted it.
        principal: PrincipalName,
        /// What: `zfs.destroy`.
        operation: String,
        /// How many can be reached, and how many are needed.
        why: String,
    },
    /// What waits for people will not get as many as it needs.
    WaitsInVain {
        /// Its id.
        operation: String,
        /// How many are missing.
        missing: u32,
    },
    /// What waits for people is on nobody's phone.
    NotDelivered {
        /// Its id.
        operation: String,
    },
    /// Signal wants to see a human before it takes another message.
    CaptchaWanted,
    /// The daemon is so old that Signal refuses it soon, or does already.
    OldDaemon {
        /// Which version it is.
        version: String,
        /// How old it is at least.
        days: u64,
    },
    /// Signal takes nothing from this host's account.
    CanaryLost {
        /// Why, as far as it is known.
        why: String,
    },
    /// It does again.
    CanaryBack,
    /// Somebody tries whether alarms arrive.
    Test,
}

impl What {
    /// One word of a fixed set: in records, as the metric's label, for programs that get it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ChannelDown { .. } => "channel_down",
            Self::ChannelUp => "channel_up",
            Self::TooFewReachable { .. } => "too_few_reachable",
            Self::EnoughReachable { .. } => "enough_reachable",
            Self::NotAsked { .. } => "not_asked",
            Self::WaitsInVain { .. } => "waits_in_vain",
            Self::NotDelivered { .. } => "not_delivered",
            Self::CaptchaWanted => "captcha_wanted",
            Self::OldDaemon { .. } => "old_daemon",
            Self::CanaryLost { .. } => "canary_lost",
            Self::CanaryBack => "canary_back",
            Self::Test => "test",
        }
    }

    /// What is the same as something that was told a moment ago.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::NotAsked { principal, .. } => format!("{} {principal}", self.name()),
            Self::WaitsInVain { operation, .. } | Self::NotDelivered { operation } => {
                format!("{} {operation}", self.name())
            }
            Self::ChannelDown { .. }
            | Self::ChannelUp
            | Self::TooFewReachable { .. }
            | Self::EnoughReachable { .. }
            | Self::CaptchaWanted
            | Self::OldDaemon { .. }
            | Self::CanaryLost { .. }
            | Self::CanaryBack
            | Self::Test => self.name().to_owned(),
        }
    }

    /// What people read, of that host.
    #[must_use]
    pub fn text(&self, host: &str) -> String {
        let said = match self {
            Self::ChannelDown { why } => {
                format!(
                    "nobody can be asked on Signal: {why}. What needs people is refused until that is mended."
                )
            }
            Self::ChannelUp => "people can be asked on Signal again.".to_owned(),
            Self::TooFewReachable { reachable, wanted } => format!(
                "{reachable} of the approvers can be reached on Signal, and {wanted} should be. \
                 Look at `reeve approver list` and at signal-cli."
            ),
            Self::EnoughReachable { reachable } => {
                format!("{reachable} of the approvers can be reached on Signal again.")
            }
            Self::NotAsked { principal, operation, why } => format!(
                "{principal} asked for {operation}, which needs people, and was refused: {why}. Nothing ran."
            ),
            Self::WaitsInVain { operation, missing } => format!(
                "{operation} waits for people, and {missing} of those it needs cannot be reached on Signal. \
                 `reeve approval list` on the host shows it."
            ),
            Self::NotDelivered { operation } => format!(
                "{operation} waits for people, and the question is on nobody's phone yet. \
                 `reeve show {operation}` on the host shows who was sent it."
            ),
            Self::CaptchaWanted => format!(
                "Signal takes no message before a captcha is solved. From {host}'s own address, open \
                 https://signalcaptchas.org/challenge/generate.html, solve it, copy what `Open Signal` links to, and on \
                 {host} run: reeve signal captcha 'signalcaptcha://…'"
            ),
            Self::OldDaemon { version, days } => format!(
                "signal-cli {version} is {days} days old or older, and Signal refuses it after about 90. Update it."
            ),
            Self::CanaryLost { why } => format!(
                "Signal takes nothing from this host's account: {why}. What needs people will not reach them. \
                 Look at signal-cli."
            ),
            Self::CanaryBack => "Signal takes messages from this host's account again.".to_owned(),
            Self::Test => "this is a test. Nothing is wrong.".to_owned(),
        };
        format!("reeve · {host}: {said}")
    }
}

/// One alarm, as it is handed over and delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// Its id: whoever gets it twice knows it by that.
    pub id: String,
    /// The host that it is about.
    pub host: String,
    /// [`What::name`].
    pub what: String,
    /// [`What::text`].
    pub text: String,
    /// When it was raised, in milliseconds since 1970.
    pub at: u64,
    /// Until when it is worth telling, in milliseconds since 1970.
    pub expires_at: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_says_which_host_what_and_what_to_do() {
        let principal = PrincipalName::try_from("librarian".to_owned()).unwrap();
        let all = [
            What::ChannelDown { why: "the daemon does not answer".into() },
            What::ChannelUp,
            What::TooFewReachable { reachable: 1, wanted: 2 },
            What::EnoughReachable { reachable: 2 },
            What::NotAsked {
                principal,
                operation: "zfs.destroy".into(),
                why: "no channel: 0 of the approvers who may decide can be reached, 1 are needed".into(),
            },
            What::WaitsInVain { operation: "op_1".into(), missing: 1 },
            What::NotDelivered { operation: "op_1".into() },
            What::CaptchaWanted,
            What::OldDaemon { version: "0.13.16".into(), days: 77 },
            What::CanaryLost { why: "the Signal server cannot be reached".into() },
            What::CanaryBack,
            What::Test,
        ];
        let told = all.map(|what| format!("{}: {}\n", what.key(), what.text("host01"))).concat();
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/alarms.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(golden, &told).unwrap();
        }
        assert_eq!(told, std::fs::read_to_string(golden).unwrap());
    }
}
