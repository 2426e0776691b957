//! Whatever happens to the files that a playbook is about, between the question and the deed: nothing is changed but what
//! people saw, from what they saw.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use reeve::adapter::{self, Growth, Plan, PlanRefusal, Still};
use serde_json::json;

use crate::stage::{Stage, operation, play};

/// A file that the playbook writes, one in which it keeps a line, and one that is none of its business.
const FILES: [&str; 3] = ["motd", "lines", "else"];

fn stage() -> Stage {
    let tasks = "- {name: the message, copy: {dest: OUT/motd, content: \"hello\\n\", mode: \"0644\"}}\n\
                 - {name: a line, lineinfile: {path: OUT/lines, line: x=1, create: true, mode: \"0644\"}}";
    Stage::new(&[("site.yml", &play(tasks))], "")
}

/// What somebody else does: writes one of three texts into a file, or takes it away.
#[derive(Debug, Clone)]
struct Work(&'static str, Option<u8>);

const TEXTS: [&str; 3] = ["hello\n", "x=1\n", "somebody's own\n"];

fn work() -> impl Strategy<Value = Work> {
    (prop::sample::select(FILES.to_vec()), prop::option::of(0_u8..3))
        .prop_map(|(file, text)| Work(file, text))
}

fn does(stage: &Stage, Work(file, text): &Work) {
    let path = stage.out().join(file);
    match text {
        Some(text) => {
            std::fs::write(&path, TEXTS[usize::from(*text)]).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        }
        None => drop(std::fs::remove_file(path)),
    }
}

fn has(stage: &Stage) -> BTreeMap<&'static str, Option<String>> {
    FILES.into_iter().map(|file| (file, stage.found(file))).collect()
}

fn plan(stage: &Stage) -> Result<Plan, PlanRefusal> {
    adapter::of(&operation("run", json!({}))).plan(stage)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Ran,
    Asked,
    Nothing,
    Refused,
}

/// Asks about the playbook after `before`, and acts after `meanwhile`. None: there was nothing to ask about.
fn live(before: &[Work], meanwhile: impl FnOnce(&Stage)) -> Result<Option<Came>, String> {
    let stage = stage();
    before.iter().for_each(|work| does(&stage, work));
    let seen = has(&stage);
    let shown = plan(&stage).unwrap();
    if shown.settled {
        return Ok(None);
    }
    meanwhile(&stage);
    let now = has(&stage);
    let op = operation("run", json!({}));
    let plan = match adapter::still(&op, (Some(&shown.effects), Growth::default()), plan(&stage)) {
        Still::Retain(plan) => plan,
        Still::Replace(_) => return Ok(Some(Came::Asked)),
        Still::Clear => return Ok(Some(Came::Nothing)),
        Still::Not(_) => return Ok(Some(Came::Refused)),
    };
    stage.act(&plan);
    let after = has(&stage);
    for file in FILES {
        let (was, is, left) = (&seen[file], &now[file], &after[file]);
        if is != left && (was != is || file == "else") {
            return Err(format!("{file}: shown {was:?}, found {is:?}, left {left:?}"));
        }
    }
    Ok(Some(Came::Ran))
}

proptest! {
    // Each case is up to three runs of ansible.
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn no_file_is_changed_but_what_was_approved_as_it_was_then(
        before in prop::collection::vec(work(), 0..3),
        meanwhile in prop::collection::vec(work(), 0..3),
    ) {
        if let Err(wrong) = live(&before, |stage| meanwhile.iter().for_each(|work| does(stage, work))) {
            prop_assert!(false, "{wrong}");
        }
    }
}

#[test]
fn an_approval_about_a_playbook_is_kept_replaced_or_cleared() {
    let came = |work: &[Work]| live(&[], |stage| work.iter().for_each(|work| does(stage, work))).unwrap();
    assert_eq!(came(&[Work("else", Some(2))]), Some(Came::Ran), "another file");
    assert_eq!(came(&[Work("motd", Some(2))]), Some(Came::Asked), "it would be overwritten");
    assert_eq!(came(&[Work("motd", Some(0))]), Some(Came::Asked), "less is left than was shown");
    assert_eq!(
        came(&[Work("motd", Some(0)), Work("lines", Some(1))]),
        Some(Came::Nothing),
        "by somebody else"
    );
    let ran = |stage: &Stage| drop(stage.act(&plan(stage).unwrap()));
    assert_eq!(live(&[], ran).unwrap(), Some(Came::Nothing));
    let altered = |stage: &Stage| stage.put("README", "another playbook than root's");
    assert_eq!(live(&[], altered).unwrap(), Some(Came::Refused));
}
