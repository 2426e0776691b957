//! The three verdicts, in order of strictness, and what a decision carries besides.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::quorum::{Quorum, Timing, Window};
use crate::operation::Digest;

/// What may become of an operation. The greater is the stricter, and the strictest always wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may run.
    Allow,
    /// People decide.
    Review,
    /// It does not run.
    Deny,
}

impl Verdict {
    /// The word in policies, answers, metrics and the audit log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Review => "review",
            Self::Deny => "deny",
        }
    }

    /// The verdict of that word, written exactly so.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "allow" => Some(Self::Allow),
            "review" => Some(Self::Review),
            "deny" => Some(Self::Deny),
            _ => None,
        }
    }
}

/// Who has to say yes to a review, how long there is for it, and when what they said yes to may run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenTerms", into = "WrittenTerms")]
pub struct ReviewTerms {
    quorum: Quorum,
    ttl: Duration,
    timing: Timing,
}

/// The form of terms in the job store and between the processes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTerms {
    approvals: u32,
    /// In stores of before there were numbers for each group: all approvals are of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(default)]
    groups: BTreeMap<String, u32>,
    ttl_seconds: u64,
    #[serde(default)]
    hold_seconds: u64,
    #[serde(default)]
    window: Option<Window>,
}

/// Terms that no review may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// Too few or too many approvals.
    #[error("approvals is from 1 to 16, not {0}")]
    Approvals(i64),
    /// A group that cannot be one.
    #[error("group is 1 to 64 of a-z 0-9 . _ - and begins with a letter or digit, not {0:?}")]
    Group(String),
    /// Too many groups.
    #[error("groups has at most 6 groups")]
    Groups,
    /// Too short or too long.
    #[error("ttl is from 1m to 24h")]
    Ttl,
    /// Held too long.
    #[error("hold is at most 24h")]
    Hold,
    /// A time of the day that is none.
    #[error("window is two different times of the day in UTC such as \"02:00-04:00\", not {0:?}")]
    Window(String),
    /// Kept too short or too long.
    #[error("keep is from 1h to 366 days")]
    Keep,
}

impl ReviewTerms {
    /// Time for a review when a rule says nothing: half an hour.
    pub const DEFAULT_TTL: Duration = Duration::from_secs(30 * 60);
    const SHORTEST: Duration = Duration::from_secs(60);
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

    /// Terms within the bounds: 1 to 16 approvals, a plain group name or none, one minute to one day.
    ///
    /// # Errors
    /// Says which term is out of bounds.
    pub fn new(approvals: u32, group: Option<String>, ttl: Duration) -> Result<Self, TermsError> {
        let groups = group.into_iter().map(|group| (group, approvals)).collect();
        Self::of_groups(i64::from(approvals), groups, ttl)
    }

    /// The same, with a number for each group, and at least so many in all.
    ///
    /// # Errors
    /// Says which term is out of bounds.
    pub fn of_groups(
        approvals: i64,
        groups: BTreeMap<String, u32>,
        ttl: Duration,
    ) -> Result<Self, TermsError> {
        let quorum = Quorum::new(approvals, groups)?;
        if !(Self::SHORTEST..=Self::LONGEST).contains(&ttl) {
            return Err(TermsError::Ttl);
        }
        Ok(Self { quorum, ttl, timing: Timing::default() })
    }

    /// The same, of what runs at another time than at once.
    #[must_use]
    pub fn at(self, timing: Timing) -> Self {
        Self { timing, ..self }
    }

    /// How many people of which groups have to say yes.
    #[must_use]
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    /// How long the review waits for them.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// When what they said yes to may run.
    #[must_use]
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Terms that satisfy both; `None` when they ask for more people than any review may, or for two windows.
    fn both(self, other: Self) -> Option<Self> {
        let (quorum, timing) = (self.quorum.both(other.quorum)?, self.timing.both(other.timing)?);
        Some(Self { quorum, ttl: self.ttl.min(other.ttl), timing })
    }
}

impl Default for ReviewTerms {
    /// One approval by anybody who may approve, within half an hour.
    fn default() -> Self {
        Self { quorum: Quorum::anybody(), ttl: Self::DEFAULT_TTL, timing: Timing::default() }
    }
}

impl TryFrom<WrittenTerms> for ReviewTerms {
    type Error = TermsError;

    fn try_from(written: WrittenTerms) -> Result<Self, TermsError> {
        let WrittenTerms { approvals, group, mut groups, ttl_seconds, hold_seconds, window } = written;
        groups.extend(group.map(|group| (group, approvals)));
        let timing = Timing::new(Duration::from_secs(hold_seconds), window)?;
        Ok(Self::of_groups(i64::from(approvals), groups, Duration::from_secs(ttl_seconds))?.at(timing))
    }
}

impl From<ReviewTerms> for WrittenTerms {
    fn from(terms: ReviewTerms) -> Self {
        let ReviewTerms { quorum, ttl, timing } = terms;
        Self {
            approvals: quorum.needed(),
            group: None,
            groups: quorum.groups().clone(),
            ttl_seconds: ttl.as_secs(),
            hold_seconds: timing.hold.as_secs(),
            window: timing.window,
        }
    }
}

/// What was decided, by which rule, and under which rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDecision {
    /// Whether the operation may run.
    pub verdict: Verdict,
    /// The rule that decided: `reads-are-free`.
    pub rule: String,
    /// Why, for the caller and for people to read.
    pub reason: String,
    /// Who has to say yes. With a review that has none, [`ReviewTerms::default`] is meant.
    pub terms: Option<ReviewTerms>,
    /// That what could not be taken back is to be done so that it can, and for how many seconds it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<KeepFor>,
    /// The digest of the caller's contract as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Digest>,
    /// The digest of the rules that decided.
    pub revision: Digest,
}

/// How long what an operation put aside is kept before it is destroyed for good: from one hour to one year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct KeepFor(Duration);

impl KeepFor {
    const BOUNDS: std::ops::RangeInclusive<u64> = 3_600..=366 * 24 * 3_600;

    /// The time.
    #[must_use]
    pub fn time(self) -> Duration {
        self.0
    }
}

impl TryFrom<u64> for KeepFor {
    type Error = TermsError;

    fn try_from(seconds: u64) -> Result<Self, TermsError> {
        let in_bounds = Self::BOUNDS.contains(&seconds);
        in_bounds.then(|| Self(Duration::from_secs(seconds))).ok_or(TermsError::Keep)
    }
}

impl From<KeepFor> for u64 {
    fn from(keep: KeepFor) -> Self {
        keep.0.as_secs()
    }
}

impl PolicyDecision {
    /// A refusal.
    #[must_use]
    pub fn deny(rule: impl Into<String>, reason: impl Into<String>, revision: Digest) -> Self {
        let (rule, reason) = (rule.into(), reason.into());
        Self { verdict: Verdict::Deny, rule, reason, terms: None, keep: None, contract: None, revision }
    }

    /// Under this contract.
    #[must_use]
    pub fn of_contract(self, contract: Digest) -> Self {
        Self { contract: Some(contract), ..self }
    }

    /// The stricter of two decisions. Of two reviews, the terms of both hold, and if those cannot hold together it is a
    /// refusal. What either wants kept is kept, for the longer time.
    #[must_use]
    pub fn strictest(mut self, mut other: Self) -> Self {
        let keep = self.keep.max(other.keep);
        (self.keep, other.keep) = (keep, keep);
        let contract = self.contract.take().or(other.contract.take());
        (self.contract, other.contract) = (contract.clone(), contract);
        if self.verdict != other.verdict {
            return if self.verdict > other.verdict { self } else { other };
        }
        if self.verdict != Verdict::Review {
            return self;
        }
        // A side without terms asks for no more than that people look; it does not shorten the other's.
        let terms = match (self.terms, other.terms) {
            (Some(one), Some(two)) => one.both(two).map(Some),
            (one, two) => Some(one.or(two)),
        };
        match terms {
            Some(terms) => Self { terms, ..self },
            None => Self {
                contract: self.contract,
                ..Self::deny(
                    "review-conflict",
                    format!("{} and {} ask for reviews that cannot both be had", self.rule, other.rule),
                    self.revision,
                )
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(verdict: Verdict, rule: &str, terms: Option<ReviewTerms>) -> PolicyDecision {
        PolicyDecision {
            verdict,
            rule: rule.to_owned(),
            reason: String::new(),
            terms,
            keep: None,
            contract: None,
            revision: Digest::of_bytes(b"x"),
        }
    }

    fn terms(approvals: u32, group: Option<&str>, minutes: u64) -> Option<ReviewTerms> {
        ReviewTerms::new(approvals, group.map(str::to_owned), Duration::from_secs(60 * minutes)).ok()
    }

    #[test]
    fn the_strictest_verdict_wins_from_either_side() {
        use Verdict::{Allow, Deny, Review};
        for (one, two, wins) in [(Allow, Review, Review), (Review, Deny, Deny), (Allow, Deny, Deny)] {
            let (one, two) = (decision(one, "one", None), decision(two, "two", None));
            assert_eq!(one.clone().strictest(two.clone()).verdict, wins);
            assert_eq!(two.strictest(one).verdict, wins);
        }
    }

    #[test]
    fn two_reviews_make_one_that_satisfies_both() {
        let one = decision(Verdict::Review, "one", terms(1, Some("storage"), 30));
        let two = decision(Verdict::Review, "two", terms(2, None, 10));
        let both = one.clone().strictest(two.clone());
        let quorum = both.terms.as_ref().unwrap().quorum();
        assert_eq!((quorum.needed(), quorum.groups().get("storage")), (2, Some(&1)));
        assert!(!quorum.admits(&["network".to_owned()]), "all of them are of the group");
        assert_eq!(both.terms.as_ref().unwrap().ttl(), Duration::from_secs(600));
        assert_eq!(two.strictest(one).terms, both.terms);
    }

    #[test]
    fn reviews_by_two_different_groups_need_people_of_both() {
        let one = decision(Verdict::Review, "one", terms(1, Some("storage"), 30));
        let two = decision(Verdict::Review, "two", terms(1, Some("network"), 30));
        let both = one.strictest(two).terms.unwrap();
        assert_eq!(both.quorum().needed(), 2);
        let in_both = ["network".to_owned(), "storage".to_owned()];
        assert_eq!(both.quorum().missing([in_both.as_slice()]), 1, "one yes does not satisfy both");
    }

    #[test]
    fn reviews_that_cannot_both_be_had_are_refused() {
        let with = |window: &str| {
            let timing = Timing::new(Duration::ZERO, Window::parse(window).ok()).unwrap();
            let one = terms(1, None, 30).map(|terms| terms.at(timing));
            decision(Verdict::Review, "one", one)
        };
        let both = with("02:00-04:00").strictest(with("03:00-05:00"));
        assert_eq!((both.verdict, both.rule.as_str()), (Verdict::Deny, "review-conflict"));
        assert_eq!(with("02:00-04:00").strictest(with("02:00-04:00")).verdict, Verdict::Review);
        let many = |group| decision(Verdict::Review, "many", terms(16, Some(group), 30));
        assert_eq!(many("storage").strictest(many("network")).verdict, Verdict::Deny);
    }

    #[test]
    fn of_two_holds_the_longer_is_kept() {
        let held = |seconds| {
            let timing = Timing::new(Duration::from_secs(seconds), None).unwrap();
            decision(Verdict::Review, "one", terms(1, None, 30).map(|terms| terms.at(timing)))
        };
        let both = held(60).strictest(held(600)).terms.unwrap();
        assert_eq!(both.timing().hold, Duration::from_secs(600));
    }

    #[test]
    fn terms_out_of_bounds_are_no_terms() {
        let minute = Duration::from_secs(60);
        for approvals in [0, 17, u32::MAX] {
            assert_eq!(
                ReviewTerms::new(approvals, None, minute),
                Err(TermsError::Approvals(i64::from(approvals)))
            );
        }
        for ttl in [Duration::ZERO, Duration::from_secs(59), Duration::from_secs(24 * 3600 + 1)] {
            assert_eq!(ReviewTerms::new(1, None, ttl), Err(TermsError::Ttl));
        }
        for group in ["", "Storage", "a b", "-a", &"x".repeat(65)] {
            assert!(ReviewTerms::new(1, Some(group.to_owned()), minute).is_err(), "{group:?}");
        }
        assert!(ReviewTerms::new(16, Some("storage".to_owned()), 1440 * minute).is_ok());
    }

    #[test]
    fn a_stored_decision_comes_back_whole_and_stored_terms_are_checked_again() {
        let stored = decision(Verdict::Review, "one", terms(2, Some("storage"), 10));
        let text = serde_json::to_string(&stored).unwrap();
        assert_eq!(serde_json::from_str::<PolicyDecision>(&text).unwrap(), stored);
        let forged = text.replace("\"approvals\":2", "\"approvals\":0");
        assert!(serde_json::from_str::<PolicyDecision>(&forged).is_err());
        let of_before = r#"{"approvals":2,"group":"storage","ttl_seconds":600}"#;
        assert_eq!(serde_json::from_str::<ReviewTerms>(of_before).ok(), terms(2, Some("storage"), 10));
    }
}
