//! What `evaluate` returned, as a ruling. Whatever is no verdict beyond doubt is an error, and an error decides as `deny`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use starlark::values::Value;
use starlark::values::dict::DictRef;
use starlark::values::list::ListRef;

use crate::operation::Digest;
use crate::policy::problem::Problem;
use crate::policy::{KeepFor, PolicyDecision, ReviewTerms, Timing, Verdict, Window};

/// Longer reasons are cut, since people have to read them on a telephone.
const MAX_REASON: usize = 500;
const MAX_RULE: usize = 64;
pub(super) const KEYS: [&str; 10] =
    ["verdict", "reason", "rule", "approvals", "group", "groups", "ttl", "hold", "window", "keep"];
/// Those that say how people decide.
pub(super) const TERMS: [&str; 6] = ["approvals", "group", "groups", "ttl", "hold", "window"];

/// A decision before it is known under which revision it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ruling {
    pub(crate) verdict: Verdict,
    pub(crate) rule: String,
    pub(crate) reason: String,
    pub(crate) terms: Option<ReviewTerms>,
    #[serde(default)]
    pub(crate) keep: Option<KeepFor>,
}

impl Ruling {
    /// The decision under a revision.
    pub(crate) fn under(self, revision: Digest) -> PolicyDecision {
        let Self { verdict, rule, reason, terms, keep } = self;
        PolicyDecision { verdict, rule, reason, terms, keep, contract: None, revision }
    }

    /// Callers read this, so it says where the policy failed and nothing of what stands there.
    pub(super) fn error(problem: &Problem) -> Self {
        let place = problem.place.as_ref().map(|place| format!(" (line {})", place.line)).unwrap_or_default();
        let reason = format!("the policy failed on this{place}");
        Self { verdict: Verdict::Deny, rule: "policy-error".to_owned(), reason, terms: None, keep: None }
    }
}

/// The rulings that a value is: one, or those of a list in its order.
pub(super) fn read(value: Value<'_>) -> Result<Vec<Ruling>, String> {
    match ListRef::from_value(value) {
        Some(list) => list.iter().map(read_one).collect(),
        None => read_one(value).map(|ruling| vec![ruling]),
    }
}

/// The strictest of rulings; where there is none, no rule matched.
pub(super) fn strictest_of(rulings: impl IntoIterator<Item = Ruling>) -> Ruling {
    rulings.into_iter().reduce(strictest).unwrap_or_else(|| {
        let (rule, reason) = ("no-rule".to_owned(), "no rule matched".to_owned());
        Ruling { verdict: Verdict::Deny, rule, reason, terms: None, keep: None }
    })
}

pub(super) fn strictest(one: Ruling, other: Ruling) -> Ruling {
    let nowhere = Digest::of_bytes(b"");
    let PolicyDecision { verdict, rule, reason, terms, keep, .. } =
        one.under(nowhere.clone()).strictest(other.under(nowhere));
    Ruling { verdict, rule, reason, terms, keep }
}

fn read_one(value: Value<'_>) -> Result<Ruling, String> {
    if let Some(word) = value.unpack_str() {
        return ruling(verdict(word)?, None, None, None);
    }
    let Some(dict) = DictRef::from_value(value) else {
        return Err(format!("evaluate returned {}, which is no verdict", value.get_type()));
    };
    if let Some(unknown) = dict.keys().find(|key| !key.unpack_str().is_some_and(|key| KEYS.contains(&key))) {
        return Err(format!("a verdict has no key {unknown}"));
    }
    let word = text(&dict, "verdict")?.ok_or("a verdict dict has the key \"verdict\"")?;
    let verdict = verdict(word)?;
    let terms = match verdict {
        Verdict::Review => Some(
            Terms {
                approvals: number(&dict, "approvals")?,
                group: text(&dict, "group")?,
                groups: dict.get_str("groups").filter(|groups| !groups.is_none()),
                ttl: text(&dict, "ttl")?,
                hold: text(&dict, "hold")?,
                window: text(&dict, "window")?,
            }
            .meant()?,
        ),
        Verdict::Allow | Verdict::Deny => no_terms(&dict)?,
    };
    let keep = text(&dict, "keep")?.map(keep_for).transpose()?;
    if keep.is_some() && verdict == Verdict::Deny {
        return Err("keep does not go with deny: nothing is done".to_owned());
    }
    Ok(Ruling { keep, ..ruling(verdict, text(&dict, "reason")?, text(&dict, "rule")?, terms)? })
}

fn verdict(word: &str) -> Result<Verdict, String> {
    Verdict::from_word(word).ok_or_else(|| format!("{word:?} is no verdict: write allow, review or deny"))
}

fn ruling(
    verdict: Verdict,
    reason: Option<&str>,
    rule: Option<&str>,
    terms: Option<ReviewTerms>,
) -> Result<Ruling, String> {
    let reason: String = reason.unwrap_or_default().chars().take(MAX_REASON).collect();
    let rule = match rule {
        Some(rule) if slug(rule) != rule || rule.is_empty() => {
            return Err(format!("a rule's name is 1 to {MAX_RULE} of a-z 0-9 and -, not {rule:?}"));
        }
        Some(rule) => rule.to_owned(),
        None => Some(slug(&reason)).filter(|slug| !slug.is_empty()).unwrap_or("policy".to_owned()),
    };
    let terms = terms.or_else(|| (verdict == Verdict::Review).then(ReviewTerms::default));
    Ok(Ruling { verdict, rule, reason, terms, keep: None })
}

/// Terms as a policy wrote them; what it left out has its default.
pub(super) struct Terms<'a, 'v> {
    pub(super) approvals: Option<i64>,
    pub(super) group: Option<&'a str>,
    /// A dict of numbers.
    pub(super) groups: Option<Value<'v>>,
    pub(super) ttl: Option<&'a str>,
    pub(super) hold: Option<&'a str>,
    pub(super) window: Option<&'a str>,
}

impl Terms<'_, '_> {
    /// The terms that are meant.
    pub(super) fn meant(self) -> Result<ReviewTerms, String> {
        let approvals = self.approvals.unwrap_or(1);
        let groups = match (self.group, self.groups) {
            (Some(_), Some(_)) => return Err("a review has either group or groups".to_owned()),
            (Some(group), None) => BTreeMap::from([(group.to_owned(), number_of_people(approvals)?)]),
            (None, Some(groups)) => numbers(groups)?,
            (None, None) => BTreeMap::new(),
        };
        let time = |key, text: Option<&str>| text.map(|text| duration(key, text)).transpose();
        let ttl = time("ttl", self.ttl)?.unwrap_or(ReviewTerms::DEFAULT_TTL);
        let window = self.window.map(|text| Window::try_from(text.to_owned())).transpose();
        let hold = time("hold", self.hold)?.unwrap_or_default();
        let terms = ReviewTerms::of_groups(approvals, groups, ttl);
        let timing = window.and_then(|window| Timing::new(hold, window));
        terms.and_then(|terms| Ok(terms.at(timing?))).map_err(|error| error.to_string())
    }
}

/// `{"storage": 1, "owners": 1}`.
fn numbers(groups: Value<'_>) -> Result<BTreeMap<String, u32>, String> {
    let wanted = || "groups is a dict such as {\"storage\": 1, \"owners\": 1}".to_owned();
    let dict = DictRef::from_value(groups).ok_or_else(wanted)?;
    let one = |(name, number): (Value<'_>, Value<'_>)| {
        let (name, number) = (name.unpack_str(), number.unpack_i32());
        let (name, number) = name.zip(number).ok_or_else(wanted)?;
        Ok((name.to_owned(), number_of_people(i64::from(number))?))
    };
    dict.iter().map(one).collect()
}

fn number_of_people(number: i64) -> Result<u32, String> {
    u32::try_from(number).map_err(|_outside| format!("approvals is from 1 to 16, not {number}"))
}

fn duration(key: &str, text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_unread| format!("{key} is a time such as \"30m\" or \"4h\", not {text:?}"))
}

/// How long to keep, as a policy writes it: `7d`.
pub(super) fn keep_for(text: &str) -> Result<KeepFor, String> {
    let time = humantime::parse_duration(text)
        .map_err(|_unread| format!("keep is a time such as \"7d\", not {text:?}"))?;
    KeepFor::try_from(time.as_secs()).map_err(|error| error.to_string())
}

/// Terms that nobody would look at are a mistake: was a review meant?
fn no_terms(dict: &DictRef<'_>) -> Result<Option<ReviewTerms>, String> {
    let present = TERMS.into_iter().find(|key| dict.get_str(key).is_some_and(|value| !value.is_none()));
    match present {
        None => Ok(None),
        Some(key) => Err(format!("{key} belongs to review")),
    }
}

fn text<'v>(dict: &DictRef<'v>, key: &str) -> Result<Option<&'v str>, String> {
    match dict.get_str(key) {
        None => Ok(None),
        Some(value) if value.is_none() => Ok(None),
        Some(value) => match value.unpack_str() {
            Some(text) => Ok(Some(text)),
            None => Err(format!("{key} is a string, not {}", value.get_type())),
        },
    }
}

fn number(dict: &DictRef<'_>, key: &str) -> Result<Option<i64>, String> {
    match dict.get_str(key) {
        None => Ok(None),
        Some(value) if value.is_none() => Ok(None),
        Some(value) => match value.unpack_i32() {
            Some(number) => Ok(Some(i64::from(number))),
            None => Err(format!("{key} is a small integer, not {}", value.get_type())),
        },
    }
}

/// `destroying needs a person` as a rule's name: `destroying-needs-a-person`.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == MAX_RULE {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}
