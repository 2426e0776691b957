//! Holds the reference to the parsers: it has every key that they know and no other, what it calls a default is one, and what it
//! calls a bound is where they begin to refuse.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::{Default, FILES, File, Key, Kind, SECOND, time};

/// What no file has.
const STRANGE: &str = "nothing-such";
/// The operator's own name for something, in a probe.
const SOME_NAME: &str = "x";

/// A table at a place, in tables or, where `many` says so, in the first of many.
fn at(path: &[String], inner: Table, many: &dyn Fn(&[String]) -> bool) -> Table {
    let mut table = inner;
    for (depth, name) in path.iter().enumerate().rev() {
        let here = path.get(..=depth).unwrap();
        let value = Value::Table(table);
        let value = if many(here) { Value::Array(vec![value]) } else { value };
        table = Table::from_iter([(name.clone(), value)]);
    }
    table
}

/// The keys that a parser knows at a place, as it lists them when it meets another; none where there is no table of ours.
fn known(file: &File, path: &[String], many: &BTreeSet<Vec<String>>) -> Option<(Vec<String>, bool)> {
    for as_many in [false, true] {
        let strange = Table::from_iter([(STRANGE.to_owned(), Value::Integer(1))]);
        let text = at(path, strange, &|here| many.contains(here) || as_many && here == path).to_string();
        let Err(refused) = (file.read)(&text) else { return None };
        if refused.contains(&format!("unknown key `{STRANGE}`")) {
            let known = refused.split_once("the keys here are ").unwrap_or_else(|| panic!("{refused}")).1;
            let known = known.lines().next().unwrap_or_default();
            return Some((known.trim().split(", ").map(str::to_owned).collect(), as_many));
        }
    }
    None
}

/// Every key that a parser knows, and which of its tables there may be many of.
fn discovered(file: &File) -> (BTreeSet<String>, BTreeSet<Vec<String>>) {
    let (mut keys, mut many) = (BTreeSet::new(), BTreeSet::new());
    let mut open = vec![Vec::new()];
    // What has names of the operator's below it, which no parser can list.
    let named: Vec<Vec<String>> =
        file.keys().filter_map(|key| key.name.split_once(".NAME.")).map(|(table, _)| split(table)).collect();
    while let Some(path) = open.pop() {
        if named.contains(&path) {
            open.push([path.as_slice(), &[SOME_NAME.to_owned()]].concat());
            continue;
        }
        let is_free = file.keys().any(|key| matches!(key.kind, Kind::Table(_)) && split(key.name) == path);
        let found = if is_free { None } else { known(file, &path, &many) };
        let Some((below, as_many)) = found else {
            keys.insert(path.join(".").replace(&format!(".{SOME_NAME}."), ".NAME."));
            continue;
        };
        if as_many {
            many.insert(path.clone());
        }
        open.extend(below.into_iter().map(|key| [path.as_slice(), &[key]].concat()));
    }
    (keys, many)
}

fn split(name: &str) -> Vec<String> {
    name.split('.').map(|part| if part == "NAME" { SOME_NAME } else { part }.to_owned()).collect()
}

#[test]
fn the_reference_has_every_key_that_a_parser_knows_and_no_other() {
    let mut parsed = BTreeSet::new();
    let mut told = BTreeSet::new();
    for file in FILES {
        let (keys, _) = discovered(file);
        assert!(keys.len() > 5, "{}: {keys:?}", file.mark);
        parsed.extend(keys.into_iter().map(|key| format!("{}: {key}", file.mark)));
        for key in file.keys() {
            assert!(told.insert(format!("{}: {}", file.mark, key.name)), "{}: stands twice", key.name);
        }
    }
    let missing: Vec<_> = parsed.difference(&told).collect();
    let strange: Vec<_> = told.difference(&parsed).collect();
    assert!(
        missing.is_empty() && strange.is_empty(),
        "not in the reference: {missing:?}; in no parser: {strange:?}"
    );
}

/// A file in which everything is right, with this key as given; without it, with none.
fn with(file: &File, key: &Key, value: Option<&str>) -> String {
    let (_, many) = discovered(file);
    let path = split(key.name);
    let (last, tables) = path.split_last().unwrap();
    let mut whole: Table = least(file, "").parse().unwrap();
    let mut below: Table =
        if tables.is_empty() { whole.clone() } else { least(file, &tables.join(".")).parse().unwrap() };
    match value {
        Some(value) => {
            drop(below.insert(
                last.clone(),
                format!("it = {value}").parse::<Table>().unwrap().remove("it").unwrap(),
            ))
        }
        None => drop(below.remove(last)),
    }
    if tables.is_empty() {
        return below.to_string();
    }
    // The table that the key lies in is as it is here, and not as the top has it.
    drop(tables.first().and_then(|table| whole.remove(table)));
    whole.extend(at(tables, below, &|here| many.contains(here)));
    whole.to_string()
}

fn least(file: &File, table: &str) -> &'static str {
    file.least.iter().find(|(name, _)| *name == table).map_or("", |(_, text)| text)
}

fn all() -> impl Iterator<Item = (&'static File, &'static Key)> {
    FILES.iter().copied().flat_map(|file| file.keys().map(move |key| (file, key)))
}

#[test]
fn what_the_reference_calls_a_default_is_what_a_file_means_that_does_not_say_it() {
    let mut seen = 0;
    for (file, key) in all() {
        let (name, unsaid) = (key.name, (file.read)(&with(file, key, None)));
        match key.default {
            Default::Needed => {
                let refused = unsaid.expect_err(name);
                assert!(
                    refused.contains(name.rsplit('.').next().unwrap()) || refused.contains("missing"),
                    "{name}: {refused}"
                );
            }
            // Another of them stands in its place.
            Default::Absent(what) if what.starts_with("one of") => {}
            Default::Absent(_) => drop(unsaid.unwrap_or_else(|error| panic!("{name}: {error}"))),
            Default::Is(value) => {
                let said = (file.read)(&with(file, key, Some(value)))
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(
                    unsaid.unwrap_or_else(|error| panic!("{name}: {error}")),
                    said,
                    "{name} = {value}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 60, "{seen}");
}

/// Values on the bounds, and values beyond them, as one would write them.
fn probes(kind: Kind) -> (Vec<String>, Vec<String>) {
    let quoted = |text: &str| format!("\"{text}\"");
    match kind {
        Kind::Words(words) => (words.iter().copied().map(quoted).collect(), vec![quoted(STRANGE)]),
        Kind::Flag => (vec!["true".to_owned(), "false".to_owned()], vec![quoted("yes")]),
        Kind::Path(_) => (vec![quoted("/somewhere")], vec!["1".to_owned()]),
        Kind::Number(least, most, _) => {
            let below = least.checked_sub(1).map(|below| below.to_string());
            let above = most.checked_add(1).map(|above| above.to_string());
            let highest = i64::try_from(most).map_or(least, |_| most);
            (vec![least.to_string(), highest.to_string()], below.into_iter().chain(above).collect())
        }
        Kind::Time(least, most) => {
            let below = (least > 0).then(|| quoted(&time(least - 1)));
            let above = quoted(&time(most + SECOND));
            (
                vec![quoted(&time(least)), quoted(&time(most))],
                below.into_iter().chain([above, quoted("soon")]).collect(),
            )
        }
        Kind::Size { least, most, beyond } => {
            (vec![quoted(least), quoted(most)], beyond.iter().copied().map(quoted).collect())
        }
        Kind::Text(_) => (Vec::new(), vec!["1".to_owned()]),
        Kind::Beside(..) => (Vec::new(), vec!["-1".to_owned(), quoted("x")]),
        Kind::List(_) | Kind::Table(_) => (Vec::new(), vec!["1".to_owned(), quoted("x")]),
    }
}

#[test]
fn what_the_reference_calls_a_bound_is_where_the_parser_begins_to_refuse() {
    let mut probed = 0;
    for (file, key) in all() {
        let (good, bad) = probes(key.kind);
        for value in &good {
            if let Err(error) = (file.read)(&with(file, key, Some(value))) {
                panic!("{} = {value} is refused: {error}", key.name);
            }
        }
        for value in &bad {
            let taken = (file.read)(&with(file, key, Some(value)));
            assert!(taken.is_err(), "{} = {value} is taken", key.name);
        }
        probed += good.len() + bad.len();
    }
    assert!(probed > 200, "{probed}");
}
