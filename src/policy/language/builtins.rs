//! What a policy can call besides plain Starlark. `allow`, `deny` and `review` make the dicts that a policy could also write out.

#![allow(clippy::too_many_arguments, reason = "what a policy may write in a call is an argument each")]

use starlark::environment::{Globals, GlobalsBuilder, LibraryExtension};
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::dict::{AllocDict, DictRef};
use starlark::values::none::{NoneOr, NoneType};
use starlark::values::{Heap, Value};

use super::examples::Example;
use super::ruling::Terms;
use super::session::{Current, RuleCall};
use super::{at, helpers, ruling};
use crate::policy::Verdict;

/// A builtin that was called in a way that it cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Misuse(String);

pub(super) fn misuse(message: impl Into<String>) -> starlark::Error {
    starlark::Error::new_native(Misuse(message.into()))
}

pub(super) fn globals() -> Globals {
    GlobalsBuilder::extended_by(&[LibraryExtension::StructType, LibraryExtension::Json])
        .with(natives)
        .with(helpers::natives)
        .build()
}

#[starlark_module]
#[allow(clippy::unnecessary_wraps, reason = "the interpreter calls functions that can fail")]
fn natives(builder: &mut GlobalsBuilder) {
    /// The operation may run.
    fn allow<'v>(
        #[starlark(default = NoneOr::None)] reason: NoneOr<&str>,
        #[starlark(require = named, default = NoneOr::None)] rule: NoneOr<&str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        come_to(Verdict::Allow, reason, rule, eval)?;
        Ok(verdict(eval.heap(), Verdict::Allow, reason, rule))
    }

    /// The operation does not run.
    fn deny<'v>(
        reason: NoneOr<&str>,
        #[starlark(require = named, default = NoneOr::None)] rule: NoneOr<&str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        come_to(Verdict::Deny, reason, rule, eval)?;
        Ok(verdict(eval.heap(), Verdict::Deny, reason, rule))
    }

    /// People decide.
    fn review<'v>(
        reason: NoneOr<&str>,
        #[starlark(require = named, default = 1)] approvals: i32,
        #[starlark(require = named, default = NoneOr::None)] group: NoneOr<&str>,
        #[starlark(require = named, default = NoneOr::None)] groups: NoneOr<Value<'v>>,
        #[starlark(require = named, default = NoneOr::None)] ttl: NoneOr<&str>,
        #[starlark(require = named, default = NoneOr::None)] hold: NoneOr<&str>,
        #[starlark(require = named, default = NoneOr::None)] window: NoneOr<&str>,
        #[starlark(require = named, default = NoneOr::None)] rule: NoneOr<&str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        come_to(Verdict::Review, reason, rule, eval)?;
        let (group, groups, ttl) = (group.into_option(), groups.into_option(), ttl.into_option());
        let (hold, window) = (hold.into_option(), window.into_option());
        let in_all = Some(i64::from(approvals));
        Terms { approvals: in_all, group, groups, ttl, hold, window }.meant().map_err(misuse)?;
        let heap = eval.heap();
        Ok(heap.alloc(AllocDict([
            ("verdict", heap.alloc(Verdict::Review.as_str())),
            ("reason", text(heap, reason.into_option())),
            ("rule", text(heap, rule.into_option())),
            ("approvals", heap.alloc(approvals)),
            ("group", text(heap, group)),
            ("groups", groups.unwrap_or_else(Value::new_none)),
            ("ttl", text(heap, ttl)),
            ("hold", text(heap, hold)),
            ("window", text(heap, window)),
        ])))
    }

    /// As this verdict; but what could not be taken back is done so that it can, where there is such a way, and what
    /// was put aside is destroyed for good after a time, if the rules then allow it. Where there is none, people decide.
    fn reversible_first<'v>(
        verdict: Value<'v>,
        #[starlark(require = named, default = "7d")] keep: &str,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        ruling::keep_for(keep).map_err(misuse)?;
        let mut entries: Vec<(Value<'v>, Value<'v>)> =
            match (verdict.unpack_str(), DictRef::from_value(verdict)) {
                (Some(word), _) => vec![(heap.alloc("verdict"), heap.alloc(word))],
                (None, Some(dict)) => dict.iter().collect(),
                (None, None) => return Err(misuse("reversible_first takes a verdict")),
            };
        entries.push((heap.alloc("keep"), heap.alloc(keep)));
        Ok(heap.alloc(AllocDict(entries)))
    }

    /// States what `evaluate` has to say to this; a policy of which it does not come true is kept out.
    fn example<'v>(
        tool: &str,
        #[starlark(default = NoneOr::None)] args: NoneOr<Value<'v>>,
        #[starlark(default = NoneOr::None)] context: NoneOr<Value<'v>>,
        #[starlark(require = named)] expect: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let expect = Verdict::from_word(expect)
            .ok_or_else(|| misuse(format!("expect is \"allow\", \"review\" or \"deny\", not {expect:?}")))?;
        let notes = Current::of(eval).and_then(Current::examples);
        let (Some(place), Some(notes)) = (eval.call_stack_top_location(), notes) else {
            return Err(misuse("example() stands at the top level of a file"));
        };
        let object = |value: NoneOr<Value<'v>>| match value.into_option() {
            Some(value) => value.to_json_value().map_err(starlark::Error::new_native),
            None => Ok(serde_json::json!({})),
        };
        let (args, context) = (object(args)?, object(context)?);
        let example = Example { tool: tool.to_owned(), args, context, expect, stands: at(&place, "") };
        notes.add(&example).map_err(starlark::Error::new_native)?;
        Ok(NoneType)
    }
}

/// Writes down that a rule was come to, when somebody wants to know.
fn come_to(
    verdict: Verdict,
    reason: NoneOr<&str>,
    rule: NoneOr<&str>,
    eval: &Evaluator<'_, '_, '_>,
) -> starlark::Result<()> {
    let Some(notes) = Current::of(eval).and_then(Current::calls) else { return Ok(()) };
    let Some(place) = eval.call_stack_top_location() else { return Ok(()) };
    let text = |text: NoneOr<&str>| text.into_option().map(str::to_owned);
    let call = RuleCall { verdict, reason: text(reason), rule: text(rule), stands: at(&place, "") };
    notes.add(&call).map_err(starlark::Error::new_native)
}

fn verdict<'v>(heap: Heap<'v>, verdict: Verdict, reason: NoneOr<&str>, rule: NoneOr<&str>) -> Value<'v> {
    heap.alloc(AllocDict([
        ("verdict", heap.alloc(verdict.as_str())),
        ("reason", text(heap, reason.into_option())),
        ("rule", text(heap, rule.into_option())),
    ]))
}

fn text<'v>(heap: Heap<'v>, text: Option<&str>) -> Value<'v> {
    match text {
        Some(text) => heap.alloc(text),
        None => Value::new_none(),
    }
}
