//! Whatever happens in a repository between the question and the deed, no commit and no line goes that people did not see.

use std::collections::BTreeMap;

use proptest::prelude::*;
use reeve::adapter::{self, Growth, Still};
use serde_json::{Value, json};

use crate::bench::Bench;

/// Something that its user does meanwhile.
#[derive(Debug, Clone)]
enum Work {
    Write(&'static str, u8),
    Remove(&'static str),
    Stage(&'static str),
    Commit(&'static str, u8),
    Branch,
}

/// Two files that are tracked, and two that are not.
const FILES: [&str; 4] = ["a", "b", "new", "sub/new"];

fn work() -> impl Strategy<Value = Work> {
    let file = || prop::sample::select(FILES.to_vec());
    prop_oneof![
        4 => (file(), 0_u8..3).prop_map(|(file, content)| Work::Write(file, content)),
        2 => file().prop_map(Work::Remove),
        2 => file().prop_map(Work::Stage),
        2 => (file(), 0_u8..3).prop_map(|(file, content)| Work::Commit(file, content)),
        1 => Just(Work::Branch),
    ]
}

fn does(bench: &Bench, work: &Work) {
    let write = |file: &str, content: u8| bench.write(&format!("app/{file}"), &format!("{content}\n"));
    // What git will not do, somebody tried in vain.
    match work {
        Work::Write(file, content) => write(file, *content),
        Work::Remove(file) => drop(std::fs::remove_file(bench.path(&format!("app/{file}")))),
        Work::Stage(file) => drop(bench.plain("app", &["add", "--", file])),
        Work::Commit(file, content) => {
            write(file, *content);
            bench.plain("app", &["add", "--", file]);
            bench.plain("app", &["commit", "--quiet", "-m", "meanwhile", "--", file]);
        }
        Work::Branch => drop(bench.plain("app", &["branch", "other"])),
    }
}

/// What the user has: where the branch is, what is staged, and every file.
#[derive(Debug, PartialEq)]
struct Has {
    head: String,
    staged: String,
    files: BTreeMap<&'static str, Option<String>>,
}

fn has(bench: &Bench) -> Has {
    let files = FILES.map(|file| (file, bench.content(&format!("app/{file}"))));
    let (head, staged) = (bench.head("app"), bench.git("app", &["diff", "--cached", "--full-index"]));
    Has { head, staged, files: files.into_iter().collect() }
}

#[derive(Debug, PartialEq)]
enum Came {
    Ran,
    Asked,
    Nothing,
    Refused,
}

/// One life of an approval; what is wrong with it, if anything is.
fn live((op, params): (&str, &Value), before: &[Work], meanwhile: &[Work]) -> Result<Option<Came>, String> {
    let bench = Bench::new();
    before.iter().for_each(|work| does(&bench, work));
    let operation = bench.operation("app", op, params.clone());
    let Ok(shown) = adapter::of(&operation).plan(&bench) else { return Ok(None) };
    if shown.settled {
        return Ok(None);
    }
    let seen = has(&bench);
    meanwhile.iter().for_each(|work| does(&bench, work));
    let now = has(&bench);
    let plan = match adapter::still(
        &operation,
        (Some(&shown.effects), Growth::default()),
        adapter::of(&operation).plan(&bench),
    ) {
        Still::Retain(plan) => plan,
        Still::Replace(_) => return Ok(Some(Came::Asked)),
        Still::Clear => return Ok(Some(Came::Nothing)),
        Still::Not(_) => return Ok(Some(Came::Refused)),
    };
    let _ended = bench.act(&plan);
    let after = has(&bench);
    for (file, content) in now.files.iter().filter(|(file, content)| after.files[*file] != **content) {
        if content.is_some() && seen.files[file] != *content {
            return Err(format!("{file} was lost as nobody saw it: {seen:?} {now:?}"));
        }
    }
    if after.head != now.head && seen.head != now.head {
        return Err(format!("a commit was left that nobody saw: {seen:?} {now:?}"));
    }
    if after.staged != now.staged && seen.staged != now.staged {
        return Err(format!("what is staged was lost as nobody saw it: {seen:?} {now:?}"));
    }
    Ok(Some(Came::Ran))
}

proptest! {
    // Each case is a repository of its own, and some eighty runs of git.
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn no_commit_and_no_line_goes_but_what_was_approved_as_it_was_then(
        resets in any::<bool>(),
        before in prop::collection::vec(work(), 1..4),
        meanwhile in prop::collection::vec(work(), 0..3),
    ) {
        let asked = if resets { ("reset", json!({"to": "HEAD~1"})) } else { ("clean", json!({})) };
        if let Err(wrong) = live((asked.0, &asked.1), &before, &meanwhile) {
            prop_assert!(false, "{wrong}");
        }
    }
}

#[test]
fn an_approval_about_a_repository_is_kept_replaced_or_cleared() {
    let clean =
        |meanwhile: &[Work]| live(("clean", &json!({})), &[Work::Write("new", 1)], meanwhile).unwrap();
    assert_eq!(clean(&[]), Some(Came::Ran));
    assert_eq!(clean(&[Work::Write("a", 2)]), Some(Came::Ran), "a tracked file is none of its");
    assert_eq!(clean(&[Work::Write("new", 2)]), Some(Came::Asked), "the same name, other words");
    assert_eq!(clean(&[Work::Write("sub/new", 1)]), Some(Came::Asked));
    assert_eq!(clean(&[Work::Remove("new")]), Some(Came::Nothing));
    let reset = |meanwhile: &[Work]| live(("reset", &json!({"to": "HEAD~1"})), &[], meanwhile).unwrap();
    assert_eq!(reset(&[]), Some(Came::Ran));
    assert_eq!(reset(&[Work::Write("a", 2)]), Some(Came::Asked));
    assert_eq!(reset(&[Work::Commit("a", 2)]), Some(Came::Asked));
}
