//! The three verdicts, in order of strictness, and what a decision carries besides.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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

/// Who has to say yes to a review, and how long there is for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenTerms", into = "WrittenTerms")]
pub struct ReviewTerms {
    approvals: u32,
    group: Option<String>,
    ttl: Duration,
}

/// The form of terms in the job store and between the processes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTerms {
    approvals: u32,
    group: Option<String>,
    ttl_seconds: u64,
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
    /// Too short or too long.
    #[error("ttl is from 1m to 24h")]
    Ttl,
    /// Kept too short or too long.
    #[error("keep is from 1h to 366 days")]
    Keep,
}

impl ReviewTerms {
    /// Time for a review when a rule says nothing: half an hour.
    pub const DEFAULT_TTL: Duration = Duration::from_secs(30 * 60);
    const MOST_APPROVALS: u32 = 16;
    const SHORTEST: Duration = Duration::from_secs(60);
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

    /// Terms within the bounds: 1 to 16 approvals, a plain group name or none, one minute to one day.
    ///
    /// # Errors
    /// Says which term is out of bounds.
    pub fn new(approvals: u32, group: Option<String>, ttl: Duration) -> Result<Self, TermsError> {
        if !(1..=Self::MOST_APPROVALS).contains(&approvals) {
            return Err(TermsError::Approvals(i64::from(approvals)));
        }
        if let Some(group) = group.as_ref().filter(|group| !is_group(group)) {
            return Err(TermsError::Group(group.clone()));
        }
        if !(Self::SHORTEST..=Self::LONGEST).contains(&ttl) {
            return Err(TermsError::Ttl);
        }
        Ok(Self { approvals, group, ttl })
    }

    /// How many different people have to say yes.
    #[must_use]
    pub fn approvals(&self) -> u32 {
        self.approvals
    }

    /// Of which group of people; of any when there is none.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    /// How long the review waits for them.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Terms that satisfy both; `None` when they ask for two different groups, which no review can.
    fn both(self, other: Self) -> Option<Self> {
        let group = match (self.group, other.group) {
            (Some(one), Some(two)) if one != two => return None,
            (Some(one), _) => Some(one),
            (None, two) => two,
        };
        Some(Self { approvals: self.approvals.max(other.approvals), group, ttl: self.ttl.min(other.ttl) })
    }
}

impl Default for ReviewTerms {
    /// One approval by anybody who may approve, within half an hour.
    fn default() -> Self {
        Self { approvals: 1, group: None, ttl: Self::DEFAULT_TTL }
    }
}

impl TryFrom<WrittenTerms> for ReviewTerms {
    type Error = TermsError;

    fn try_from(written: WrittenTerms) -> Result<Self, TermsError> {
        Self::new(written.approvals, written.group, Duration::from_secs(written.ttl_seconds))
    }
}

impl From<ReviewTerms> for WrittenTerms {
    fn from(terms: ReviewTerms) -> Self {
        Self { approvals: terms.approvals, group: terms.group, ttl_seconds: terms.ttl.as_secs() }
    }
}

fn is_group(name: &str) -> bool {
    let first_is_fine = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest_is_fine =
        name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
    first_is_fine && rest_is_fine && name.len() <= 64
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
        Self { verdict: Verdict::Deny, rule, reason, terms: None, keep: None, revision }
    }

    /// The stricter of two decisions. Of two reviews, the terms of both hold, and if those cannot hold together it is a
    /// refusal. What either wants kept is kept, for the longer time.
    #[must_use]
    pub fn strictest(mut self, mut other: Self) -> Self {
        let keep = self.keep.max(other.keep);
        (self.keep, other.keep) = (keep, keep);
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
            None => Self::deny(
                "review-conflict",
                format!("{} and {} ask for reviews by different groups", self.rule, other.rule),
                self.revision,
            ),
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
        assert_eq!(both, decision(Verdict::Review, "one", terms(2, Some("storage"), 10)));
        assert_eq!(two.strictest(one).terms, both.terms);
    }

    #[test]
    fn reviews_by_two_different_groups_are_refused_since_one_yes_cannot_satisfy_both() {
        let one = decision(Verdict::Review, "one", terms(1, Some("storage"), 30));
        let two = decision(Verdict::Review, "two", terms(1, Some("network"), 30));
        let both = one.strictest(two);
        assert_eq!((both.verdict, both.rule.as_str()), (Verdict::Deny, "review-conflict"));
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
    }
}
