//! `docs/attacks.md` and `docs/sandbox-rows.md` are held to the code: the first has a row for every lesson, the second each row of the
//! sandbox with its tests, and the tests that they and the threat model name exist.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What earlier systems taught; rows behind them are our own.
const LESSONS: usize = 52;
/// What sandboxes are tested for.
const SANDBOX: usize = 126;
const SANDBOX_ROWS: &str = "docs/sandbox-rows.md";
/// What stands where a test cannot be named.
const NO_TEST: [&str; 2] = ["none yet", "not built yet"];

struct Row {
    number: usize,
    test: String,
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn files(directory: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|own| own == extension) {
                found.push(path);
            }
        }
    }
    found
}

/// The names of functions that carry a test attribute, and the sentences of the shell tests.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in ["src", "tests"].iter().flat_map(|directory| files(directory, "rs")) {
        let text = read(path);
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, tail)) =
                line.split_once("fn ").filter(|_| is_test && !line.starts_with("#["))
            {
                found.insert(tail.split('(').next().unwrap().to_owned());
                is_test = false;
            }
        }
    }
    for path in files("tests", "sh") {
        let text = read(path);
        // The last two make several sentences of one.
        for call in ["it \"", "wrong \"", "worse \""] {
            let sentences = text.lines().filter_map(|line| line.split_once(call)?.1.split('"').next());
            found.extend(sentences.map(str::to_owned));
        }
    }
    found
}

/// What stands between backticks.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn rows() -> Vec<Row> {
    rows_of("docs/attacks.md")
}

fn rows_of(page: &str) -> Vec<Row> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
        Some(Row { number: cells.first()?.parse().ok()?, test: (*cells.last()?).to_owned() })
    };
    read(page).lines().filter_map(row).collect()
}

/// The rows that a test's name has: `row_003_and_018_…`, `rows_041_to_044_…`.
fn numbers(test: &str) -> Vec<usize> {
    let words = test.split('_').take_while(|word| {
        ["row", "rows", "and", "to"].contains(word) || (word.len() == 3 && word.parse::<usize>().is_ok())
    });
    let named: Vec<usize> = words.filter_map(|word| word.parse().ok()).collect();
    match named.as_slice() {
        [first, last] if test.contains("_to_") => (*first..=*last).collect(),
        _one_by_one => named,
    }
}

#[test]
fn every_lesson_has_its_row_in_order() {
    let numbers: Vec<usize> = rows().iter().map(|row| row.number).collect();
    assert!(numbers.len() >= LESSONS);
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
}

#[test]
fn every_row_names_tests_that_exist_or_says_that_there_is_none() {
    let tests = tests();
    let mut wrong = Vec::new();
    for Row { number, test } in rows() {
        let names: Vec<&str> = named(&test).collect();
        let is_empty = names.is_empty() && !NO_TEST.contains(&test.as_str());
        wrong.extend(is_empty.then(|| format!("{number}: names no test: {test:?}")));
        let missing = names.iter().filter(|name| !tests.contains(**name));
        wrong.extend(missing.map(|name| format!("{number}: there is no test {name}")));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The last cells of its tables, and whatever else in it is spelled like a test: the rest of its backticks are paths and words.
#[test]
fn every_test_that_the_threat_model_names_exists() {
    let (tests, page) = (tests(), read("docs/threat-model.md"));
    let in_text = page.lines().flat_map(named).filter(|name| is_spelled_like_a_test(name));
    let in_tables = page.lines().filter_map(last_cell).flat_map(named);
    let missing: BTreeSet<&str> = in_text.chain(in_tables).filter(|name| !tests.contains(*name)).collect();
    assert_eq!(missing, BTreeSet::new());
}

fn is_spelled_like_a_test(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.matches('_').count() >= 3 && name.bytes().all(is_plain)
}

fn last_cell(line: &str) -> Option<&str> {
    line.strip_suffix('|')?.rsplit('|').next()
}

#[test]
fn every_row_of_the_sandbox_has_a_test_of_its_number_and_every_such_test_its_row() {
    let (tests, rows) = (tests(), rows_of(SANDBOX_ROWS));
    assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), (1..=SANDBOX).collect::<Vec<_>>());
    for Row { number, test } in &rows {
        let of_its_number: BTreeSet<&str> =
            tests.iter().map(String::as_str).filter(|test| numbers(test).contains(number)).collect();
        assert!(!of_its_number.is_empty(), "row {number} has no test of its number");
        assert_eq!(named(test).collect::<BTreeSet<_>>(), of_its_number, "row {number}");
    }
}

/// What must still work, and what is said of modules.
#[test]
fn every_other_test_that_the_page_of_the_sandbox_names_exists_or_it_says_why_there_is_none() {
    let (tests, page) = (tests(), read(SANDBOX_ROWS));
    let behind = page.split_once("\n## What must still work").unwrap().1;
    let rows: Vec<&str> =
        behind.lines().filter_map(last_cell).skip_while(|cell| !cell.contains('`')).collect();
    assert!(rows.len() > 25, "{rows:?}");
    for cell in rows {
        let cell = cell.trim();
        let is_heading = cell == "test" || cell == "---";
        let missing: Vec<&str> = named(cell).filter(|name| !tests.contains(*name)).collect();
        assert_eq!(missing, Vec::<&str>::new());
        assert!(is_heading || cell.contains('`') || cell.starts_with("not applicable: "), "{cell}");
    }
}
