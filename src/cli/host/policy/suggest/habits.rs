//! What each principal has asked for, and the narrowest rules that let just that pass.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::starlark::quoted;
use crate::operation::zfs::{DatasetName, Target};
use crate::policy::{Input, Verdict};

/// How many names a rule lists before it says something wider.
const MOST_NAMES: usize = 8;

/// What was asked for and not denied, by principal and operation; and a sample of each kind of decision.
#[derive(Debug, Default)]
pub(super) struct Habits {
    asked: BTreeMap<String, BTreeMap<String, Asked>>,
    samples: BTreeMap<(String, String, Verdict, String), (usize, Input)>,
}

/// What was asked of one operation.
#[derive(Debug, Default)]
struct Asked {
    count: usize,
    resources: BTreeSet<String>,
}

impl Habits {
    /// One decision more. The last of its kind is the sample.
    pub(super) fn add(&mut self, principal: &str, input: Input) {
        let tool = input.asked.tool.clone();
        if input.verdict != Verdict::Deny {
            let asked = self.asked.entry(principal.to_owned()).or_default().entry(tool.clone()).or_default();
            asked.count += 1;
            let resource = input.asked.args.get("resource").and_then(Value::as_str);
            asked.resources.extend(resource.map(str::to_owned));
        }
        let kind = (principal.to_owned(), tool, input.verdict, input.rule.clone());
        let count = self.samples.get(&kind).map_or(0, |(count, _)| *count);
        self.samples.insert(kind, (count + 1, input));
    }

    /// A decision of each kind, and how many there were.
    pub(super) fn samples(&self) -> impl Iterator<Item = (usize, &Input)> {
        self.samples.values().map(|(count, input)| (*count, input))
    }

    /// Everybody who has asked for something that was not denied.
    pub(super) fn principals(&self) -> impl Iterator<Item = &str> {
        self.asked.keys().map(String::as_str)
    }

    /// Whether somebody has asked for an operation.
    pub(super) fn asked(&self, principal: &str, tool: &str) -> bool {
        self.asked.get(principal).is_some_and(|tools| tools.contains_key(tool))
    }

    /// A profile that has nothing to say of what the principal has asked for, and has people look at the rest.
    pub(super) fn profile(&self, principal: &str, span: &str) -> String {
        let mut text = format!("def {}(tool, args, context):\n", function(principal));
        for (tool, asked) in self.asked.get(principal).into_iter().flatten() {
            let condition = match of(&asked.resources) {
                Some(names) => format!("tool == {} and {names}", quoted(tool)),
                None => format!("tool == {}", quoted(tool)),
            };
            text.push_str(&format!("    if {condition}:  # {} times\n        return None\n", asked.count));
        }
        let reason = quoted(&format!("{principal} has not asked for this in {span}"));
        text + &format!("    return review({reason}, rule = \"unusual\")")
    }
}

/// The line that gives profiles to their principals.
pub(super) fn profiles<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let entries: Vec<String> = names.map(|name| format!("{}: {}", quoted(name), function(name))).collect();
    format!("PROFILES = {{{}}}", entries.join(", "))
}

/// What holds of all these resources and of little else; nothing where that cannot be said shortly.
fn of(resources: &BTreeSet<String>) -> Option<String> {
    let targets: Option<Vec<DatasetName>> = resources.iter().map(|name| dataset(name)).collect();
    if let Some(targets) = targets.filter(|targets| !targets.is_empty()) {
        let conditions: Vec<String> =
            tops(targets).iter().map(|name| format!("under({})", quoted(name))).collect();
        return Some(match conditions.as_slice() {
            [one] => one.clone(),
            several => format!("({})", several.join(" or ")),
        });
    }
    let names: Vec<String> = resources.iter().map(|name| quoted(name)).collect();
    (!names.is_empty() && names.len() <= MOST_NAMES)
        .then(|| format!("args.get(\"resource\") in [{}]", names.join(", ")))
}

/// A container's number is a dataset's name by its letters, and not by what is meant.
fn dataset(name: &str) -> Option<DatasetName> {
    let is_number = name.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let target = Target::try_from(name.to_owned()).ok().filter(|_| !is_number && !name.contains('.'));
    target.map(|target| target.dataset()).filter(|name| name.as_str().contains('/'))
}

/// The datasets themselves; where they are many, those that they lie in, which is never a whole pool.
fn tops(datasets: Vec<DatasetName>) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = datasets.iter().map(|name| name.as_str().to_owned()).collect();
    loop {
        let within = |name: &String| {
            names
                .iter()
                .any(|other| name.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('/')))
        };
        let top: BTreeSet<String> = names.iter().filter(|name| !within(name)).cloned().collect();
        let deepest = top.iter().map(|name| name.matches('/').count()).max().unwrap_or_default();
        if top.len() <= MOST_NAMES || deepest <= 1 {
            return top;
        }
        let outer = |name: &String| match name.rsplit_once('/') {
            Some((outer, _)) if name.matches('/').count() == deepest => outer.to_owned(),
            Some(_) | None => name.clone(),
        };
        names = top.iter().map(outer).collect();
    }
}

/// A principal's name as a function's.
fn function(principal: &str) -> String {
    let plain: String = principal.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("usual_{plain}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn input(tool: &str, resource: &str, verdict: Verdict) -> Input {
        serde_json::from_value(json!({
            "asked": {"tool": tool, "args": {"resource": resource}, "context": {}},
            "contract": "allow", "verdict": verdict, "rule": "r",
        }))
        .unwrap()
    }

    #[test]
    fn a_profile_lets_pass_what_was_asked_for_and_nothing_that_was_denied() {
        let mut habits = Habits::default();
        for (tool, resource, verdict) in [
            ("zfs.snapshot", "tank/a/b", Verdict::Allow),
            ("zfs.snapshot", "tank/a", Verdict::Allow),
            ("zfs.destroy", "tank/vm@x", Verdict::Review),
            ("zfs.destroy", "tank/evil", Verdict::Deny),
            ("pct.start", "101", Verdict::Allow),
            ("pct.purge", "101", Verdict::Deny),
        ] {
            habits.add("agent-1", input(tool, resource, verdict));
        }
        let expected = "def usual_agent_1(tool, args, context):\n    \
             if tool == \"pct.start\" and args.get(\"resource\") in [\"101\"]:  # 1 times\n        return None\n    \
             if tool == \"zfs.destroy\" and under(\"tank/vm\"):  # 1 times\n        return None\n    \
             if tool == \"zfs.snapshot\" and under(\"tank/a\"):  # 2 times\n        return None\n    \
             return review(\"agent-1 has not asked for this in 30days\", rule = \"unusual\")";
        assert_eq!(habits.profile("agent-1", "30days"), expected);
        assert_eq!(profiles(habits.principals()), "PROFILES = {\"agent-1\": usual_agent_1}");
        assert!(habits.asked("agent-1", "pct.start") && !habits.asked("agent-1", "pct.purge"));
        assert_eq!(habits.samples().count(), 5);
    }

    #[test]
    fn many_datasets_are_told_by_what_they_lie_in_and_never_by_their_pool() {
        let names = |prefix: &str, count: usize| -> BTreeSet<String> {
            (0..count).map(|number| format!("{prefix}{number}")).collect()
        };
        assert_eq!(of(&names("tank/a/b", 20)).as_deref(), Some("under(\"tank/a\")"));
        let wide = of(&names("tank/a", 20)).unwrap();
        assert!(wide.contains("under(\"tank/a19\")") && !wide.contains("under(\"tank\")"), "{wide}");
        assert_eq!(
            of(&names("unit", 2)).as_deref(),
            Some("args.get(\"resource\") in [\"unit0\", \"unit1\"]")
        );
        assert_eq!(of(&names("unit", 20)), None);
    }
}
