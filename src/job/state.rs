//! The states of an operation, and which may follow which.

use serde::{Deserialize, Serialize};

/// Where an operation is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Read, not yet decided.
    Proposed,
    /// Refused by floor, contract or policy.
    Denied,
    /// Waits for people.
    Pending,
    /// Granted, by rules or by people; not yet begun.
    Approved,
    /// A person said no.
    Refused,
    /// Nobody answered in time.
    Expired,
    /// Taken back before it began.
    Cancelled,
    /// The host changed under an approval, which is void; people were asked anew.
    Superseded,
    /// Begun.
    Executing,
    /// Done.
    Succeeded,
    /// Did not do what was asked.
    Failed,
    /// Begun, and what became of it cannot be told.
    Unknown,
}

impl State {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 12] = [
        Self::Proposed,
        Self::Denied,
        Self::Pending,
        Self::Approved,
        Self::Refused,
        Self::Expired,
        Self::Cancelled,
        Self::Superseded,
        Self::Executing,
        Self::Succeeded,
        Self::Failed,
        Self::Unknown,
    ];

    /// Whether nothing follows.
    pub fn is_final(self) -> bool {
        self.next().is_empty()
    }

    /// Whether `next` may follow.
    pub fn may_become(self, next: Self) -> bool {
        self.next().contains(&next)
    }

    fn next(self) -> &'static [Self] {
        match self {
            Self::Proposed => &[Self::Denied, Self::Pending, Self::Approved, Self::Failed],
            Self::Pending => &[Self::Approved, Self::Refused, Self::Expired, Self::Cancelled, Self::Failed],
            // Succeeded and Failed without Executing: the plan before acting found nothing left to do, or that it cannot be done.
            // Refused: until it begins, a no still stops it.
            Self::Approved => &[
                Self::Executing,
                Self::Superseded,
                Self::Refused,
                Self::Cancelled,
                Self::Expired,
                Self::Succeeded,
                Self::Failed,
            ],
            // A superseded operation is decided anew under the same id.
            Self::Superseded => &[Self::Pending, Self::Approved, Self::Denied, Self::Failed],
            Self::Executing => &[Self::Succeeded, Self::Failed, Self::Unknown],
            Self::Unknown => &[Self::Succeeded, Self::Failed],
            Self::Denied
            | Self::Refused
            | Self::Expired
            | Self::Cancelled
            | Self::Succeeded
            | Self::Failed => &[],
        }
    }

    /// The word in answers, metrics and the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Denied => "denied",
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
            Self::Executing => "executing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_twice_and_nothing_refused_runs() {
        for state in State::ALL {
            assert_eq!(state.may_become(State::Executing), state == State::Approved, "{state:?}");
            assert!(!state.may_become(State::Proposed));
        }
        for last in
            [State::Denied, State::Refused, State::Expired, State::Cancelled, State::Succeeded, State::Failed]
        {
            assert!(last.is_final(), "{last:?}");
        }
    }

    #[test]
    fn the_word_is_what_json_holds() {
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }
}
