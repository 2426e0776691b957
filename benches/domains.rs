//! What a look-up in a list of 500 000 domains costs, and what memory the list takes: against a hash set of the same names as texts,
//! in alternating rounds, on names that are there, that lie below such names, and that are not there.
//!
//! Prints one JSON object a line.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures time and says what is wrong by failing"
)]

use std::collections::HashSet;
use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use reeve::domains::{Domain, DomainList, Limits};
use serde_json::json;

const ENTRIES: usize = 500_000;
const LOOKED_UP: usize = 200_000;
const ROUNDS: usize = 7;

fn main() {
    let text = list();
    let before = resident();
    let limits = Limits { entries: ENTRIES, patterns: 0 };
    let begun = Instant::now();
    let list = DomainList::read(text.as_bytes(), limits).unwrap().list;
    let read = begun.elapsed();
    let held = resident() - before;
    assert_eq!(list.entries(), ENTRIES);
    let before = resident();
    let set: HashSet<String> = text.lines().map(str::to_owned).collect();
    let set_held = resident() - before;
    let names = names();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(each(&names, |name| list.has(name)));
        theirs.push(each(&names, |name| name.and_above().any(|name| set.contains(name))));
    }
    print("domain_list_lookup", median(ours), "us", median(theirs), "<= 2 us");
    print("domain_list_memory_500k", held as f64 / 1e6, "MB", set_held as f64 / 1e6, "<= 32 MB");
    print("domain_list_read_500k", read.as_secs_f64() * 1e3, "ms", read.as_secs_f64() * 1e3, "<= 2000 ms");
}

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn list() -> String {
    let mut text = String::new();
    for number in 0..ENTRIES {
        writeln!(text, "{}.example{}.net", label(number), number % 700).unwrap();
    }
    text
}

fn label(number: usize) -> String {
    format!("tracker-{:x}-{}", number.wrapping_mul(2_654_435_761) % 0xffff_ffff, number % 13)
}

/// A third is there, a third lies two labels below what is there, a third is not there.
fn names() -> Vec<Domain> {
    let name = |at: usize| {
        let number = at.wrapping_mul(7919) % ENTRIES;
        let there = format!("{}.example{}.net", label(number), number % 700);
        let text = match at % 3 {
            0 => there,
            1 => format!("www.cdn.{there}"),
            _ => format!("www.cdn.absent-{number}.example.org"),
        };
        Domain::parse(&text).unwrap()
    };
    (0..LOOKED_UP).map(name).collect()
}

/// Microseconds for one look-up.
fn each(names: &[Domain], has: impl Fn(&Domain) -> bool) -> f64 {
    let begun = Instant::now();
    let found = names.iter().filter(|name| black_box(has(name))).count();
    let took = begun.elapsed();
    assert!(found.abs_diff(names.len() * 2 / 3) < 3, "{found}");
    took.as_secs_f64() * 1e6 / names.len() as f64
}

fn print(name: &str, value: f64, unit: &str, baseline: f64, aim: &str) {
    let ratio = value / baseline;
    println!(
        "{}",
        json!({"name": name, "value": value, "unit": unit, "baseline": baseline, "ratio": ratio, "aim": aim})
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap()
}
