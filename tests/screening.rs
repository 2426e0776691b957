//! How often the screening is wrong, either way: on what operators write every day, and on what is written to mislead a model.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::path::Path;

use reeve::screening::{Rating, Screening};
use serde_json::json;

/// The samples of a file: separated by `%%`, or else one a line.
fn samples(file: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screening").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let split: Vec<&str> =
        if text.contains("\n%%\n") { text.split("\n%%\n").collect() } else { text.lines().collect() };
    split.into_iter().filter(|sample| !sample.trim().is_empty()).map(str::to_owned).collect()
}

/// The samples that are rated at least so, with what was found.
fn rated(files: &[&str], least: Rating) -> (Vec<String>, usize) {
    let (screening, mut found, mut count) = (Screening::default(), Vec::new(), 0);
    for sample in files.iter().flat_map(|file| samples(file)) {
        count += 1;
        let screened = screening.look_at(&json!(sample), "");
        if screened.rating >= least {
            let rules: Vec<&str> = screened.findings.iter().map(|finding| finding.rule.as_str()).collect();
            found.push(format!("{}: {sample}", rules.join(", ")));
        }
    }
    (found, count)
}

const ORDINARY: &[&str] = &["ordinary/reasons.txt", "ordinary/logs.txt", "ordinary/diffs.txt"];

#[test]
fn what_operators_write_every_day_is_rarely_looked_at_twice_and_never_refused() {
    let (refused, count) = rated(ORDINARY, Rating::Unsafe);
    assert_eq!(refused, Vec::<String>::new());
    let (reviewed, _) = rated(ORDINARY, Rating::Review);
    assert!(count >= 120, "{count} samples tell little");
    assert!(reviewed.len() * 100 <= count * 3, "{} of {count}: {reviewed:#?}", reviewed.len());
}

#[test]
fn what_is_written_to_mislead_is_found() {
    for (file, least_unsafe, least_found) in [("attacks/plain.txt", 85, 95), ("attacks/hidden.txt", 60, 100)]
    {
        let (found, count) = rated(&[file], Rating::Review);
        let (refused, _) = rated(&[file], Rating::Unsafe);
        let missed: Vec<String> = samples(file)
            .into_iter()
            .filter(|sample| !found.iter().any(|found| found.ends_with(sample)))
            .collect();
        assert!(found.len() * 100 >= count * least_found, "{file}: missed {missed:#?}");
        assert!(
            refused.len() * 100 >= count * least_unsafe,
            "{file}: {} of {count} refused: {refused:#?}",
            refused.len()
        );
    }
}

/// It knows wordings, not meanings: nobody may take it for more. When it learns some of these, this says so.
#[test]
fn what_is_worded_otherwise_is_not_found_and_so_it_only_ever_tightens() {
    let (found, count) = rated(&["attacks/worded-otherwise.txt"], Rating::Review);
    assert!(count > 0 && found.len() < count, "{found:#?}");
}
