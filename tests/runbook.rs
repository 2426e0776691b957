//! The runbook has an answer to whatever Reeve can refuse with: each word in the code has its row in `docs/operations.md`, and
//! no row is about a word that is not there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

type Words = BTreeSet<String>;

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// What stands between quotation marks right behind each `before`, blanks and line ends aside.
fn quoted_after<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = String> + 'a {
    let behind = text.split(before).skip(1);
    behind.filter_map(|tail| tail.trim_start().strip_prefix('"')?.split('"').next()).map(str::to_owned)
}

/// A file of the code without its own tests.
fn code(path: impl AsRef<Path>) -> String {
    read(path).split("#[cfg(test)]\nmod ").next().unwrap().to_owned()
}

/// The words that the enum's `as_str` in a file gives its variants.
fn words_of(path: &str, the_enum: &str) -> Words {
    let text = code(path);
    let body = text.split_once(&format!("impl {the_enum} {{")).unwrap().1.split("\n}\n").next().unwrap();
    quoted_after(body, "=>").collect()
}

/// The first cells of the table below a heading of the runbook. Each has something behind it.
fn rows(heading: &str) -> Vec<String> {
    let page = read("docs/operations.md");
    let section = page.split_once(&format!("\n### {heading}\n")).unwrap().1.split("\n### ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with("| ")).skip(2);
    let cells = lines.map(|line| line.trim_matches('|').split_once(" | ").unwrap());
    cells
        .map(|(word, what_to_do)| {
            assert!(what_to_do.trim().len() > 5, "{heading}: nothing to do about {word}");
            word.trim().to_owned()
        })
        .collect()
}

/// The words in code style in the first cells of a table.
fn answered(heading: &str) -> Words {
    let mut found = Words::new();
    for cell in rows(heading) {
        for word in cell.split('`').skip(1).step_by(2) {
            assert!(found.insert(word.to_owned()), "{heading}: {word} has two rows");
        }
    }
    found
}

fn sources(directory: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            found.extend(sources(path));
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found
}

/// Every rule of Reeve's own: what is given to a decision as its rule, and whatever else has a name of these families.
/// A policy's own rules have the names that its author gave.
fn rules() -> Words {
    const FAMILIES: [&str; 7] =
        ["contract-", "policy-", "screening-", "shield-", "no-", "too-many-", "review-"];
    // The name of a thread.
    const NO_RULE: [&str; 1] = ["policy-workers"];
    let mut found = Words::new();
    for folder in ["src/policy", "src/gate"] {
        for path in sources(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
            let text = code(&path);
            found.extend(quoted_after(&text, "deny(").chain(quoted_after(&text, "rule:")));
            let literals = text.split('"').skip(1).map(str::to_owned);
            found.extend(literals.filter(|word| FAMILIES.iter().any(|family| word.starts_with(family))));
        }
    }
    let is_word = |word: &String| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    found.retain(|word| is_word(word) && !word.is_empty() && !NO_RULE.contains(&word.as_str()));
    found
}

#[test]
fn every_code_of_an_answer_has_a_row() {
    let text = code("src/api/status.rs");
    let of_problems = text.split("StatusCode::").skip(1).filter_map(|tail| {
        tail.split_once(',')?.1.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned)
    });
    let mut codes: Words = of_problems.chain(quoted_after(&text, "body(status,")).collect();
    // The other refusals of a connection have a table of their own.
    codes.insert("too_many_connections".to_owned());
    assert_eq!(answered("Of a request"), codes);
}

#[test]
fn every_reason_against_a_certificate_has_a_row() {
    let mut words = words_of("src/api/refusal.rs", "Refusal");
    words.retain(|word| !word.contains(' ') && word != "too_many_connections");
    assert_eq!(answered("Of a certificate"), words);
}

#[test]
fn every_rule_of_reeves_own_has_a_row() {
    assert_eq!(answered("By contract, policy and state"), rules());
}

#[test]
fn every_state_of_the_host_that_refuses_has_a_row() {
    assert_eq!(answered("By the state of the host"), words_of("src/adapter/refusal.rs", "Rule"));
}

#[test]
fn every_reason_why_a_step_fails_has_a_row() {
    assert_eq!(answered("Of a step"), words_of("src/adapter/refusal.rs", "FailureReason"));
}

#[test]
fn every_line_of_a_wrapper_has_a_row() {
    let text = code("src/grant/refusal.rs");
    let lines = text.split("write!(").skip(1).filter_map(|tail| tail.split('"').nth(1).map(str::to_owned));
    let rows = rows("Of a wrapper");
    let said: Vec<&str> = rows.iter().flat_map(|cell| cell.split(" · ")).collect();
    let lines: Vec<String> = lines.collect();
    assert!(lines.len() > 20, "{lines:?}");
    for line in &lines {
        assert!(said.iter().any(|words| line.contains(words.trim_end_matches(" …"))), "no row for: {line}");
    }
    for words in said {
        assert!(
            lines.iter().any(|line| line.contains(words.trim_end_matches(" …"))),
            "nothing says: {words}"
        );
    }
}

#[test]
fn every_answer_to_a_vote_that_does_not_count_has_a_row() {
    let rows = rows("Of a vote");
    let said: Vec<&str> = rows.iter().flat_map(|cell| cell.split(" · ")).collect();
    let mut answers = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/prompts")).unwrap() {
        let text = read(entry.unwrap().path());
        answers.extend(text.split_once("Not counted: ").map(|(_, why)| why.trim().to_owned()));
    }
    assert!(answers.len() > 20, "{answers:?}");
    for answer in &answers {
        assert!(said.iter().any(|words| answer.starts_with(words)), "no row for: {answer}");
    }
    for words in said {
        assert!(answers.iter().any(|answer| answer.starts_with(words)), "nobody hears: {words}");
    }
}

/// The checks of the doctor as they are written down: whether each is required, and its name.
#[test]
fn every_check_of_the_doctor_has_its_row() {
    let text = code("src/cli/host/doctor/mod.rs");
    let named = |before, how: &str| {
        let with = move |id| format!("{id} {how}");
        quoted_after(&text, before).map(with).collect::<Words>()
    };
    let gates = quoted_after(&code("src/gate/preflight/mod.rs"), " check(")
        .map(|id| format!("{id} advisory"))
        .collect::<Words>();
    let checks: Words = [named(" required(", "required"), named(" advisory(", "advisory"), gates]
        .into_iter()
        .flatten()
        .collect();
    let page = read("docs/hardening.md");
    let section = page.split_once("\n## Examined\n").unwrap().1;
    let mut rows = Words::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
        let (ids, required) = (cells.next().unwrap(), cells.next().unwrap());
        let how = if required == "yes" { "required" } else { "advisory" };
        rows.extend(ids.split('`').skip(1).step_by(2).map(|id| format!("{id} {how}")));
    }
    assert_eq!(rows, checks);
}
