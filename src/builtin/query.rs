//! A JSONPath (RFC 9535) over a document, in time that grows with the document and not with what the query makes of it.

use serde_json::{Value, json};
use serde_json_path::JsonPath;

/// As long as a query may be, in characters.
pub const MOST_QUERY: u32 = 512;

/// How often a query may have what multiplies its work. With one search at any depth and one filter, and nothing of the whole
/// document in that, each value is looked at a number of times that these bound: [`MOST_COMMAS`] are at most sixteen ways
/// to the same one.
const MOST_SEARCHES: usize = 1;
const MOST_FILTERS: usize = 1;
const MOST_COMMAS: usize = 4;
/// Readers of queries try each parenthesis in several ways.
const MOST_PARENTHESES: usize = 4;

/// What a query finds: at most so many values, each with its place.
///
/// # Errors
/// What is wrong with the document or the query.
pub(super) fn run(document: &[u8], query: &str, most: usize) -> Result<Value, String> {
    bounded(query)?;
    let path = JsonPath::parse(query).map_err(|error| format!("the query is no JSONPath: {error}"))?;
    let document: Value =
        serde_json::from_slice(document).map_err(|error| format!("is no JSON document: {error}"))?;
    let nodes = path.query_located(&document);
    let found: Vec<Value> = nodes
        .iter()
        .take(most)
        .map(|found| json!({"path": found.location().to_string(), "value": found.node()}))
        .collect();
    Ok(json!({"truncated": nodes.len() > found.len(), "matches": found}))
}

/// Whether its work is in proportion to the document.
fn bounded(query: &str) -> Result<(), String> {
    let most = usize::try_from(MOST_QUERY).unwrap_or(usize::MAX);
    if query.chars().count() > most {
        return Err(format!("the query is longer than {most} characters"));
    }
    let plain = without_names(query);
    let beyond_first = plain.get(1..).unwrap_or_default();
    for (what, found, most) in [
        ("searches at any depth (..)", plain.matches("..").count(), MOST_SEARCHES),
        ("filters (?)", plain.matches('?').count(), MOST_FILTERS),
        ("commas", plain.matches(',').count(), MOST_COMMAS),
        ("parentheses", plain.matches('(').count(), MOST_PARENTHESES),
        ("references to the whole document ($)", beyond_first.matches('$').count(), 0),
    ] {
        if found > most {
            return Err(format!("the query has {found} {what}, and {most} may be: ask in several steps"));
        }
    }
    Ok(())
}

/// The query with nothing between its quotation marks.
fn without_names(query: &str) -> String {
    let (mut plain, mut quote, mut escaped) = (String::new(), None, false);
    for character in query.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(mark) if character == mark => quote = None,
            Some(_) => {}
            None if matches!(character, '\'' | '"') => quote = Some(character),
            None => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"a": [{"n": 1, "k..?": "x"}, {"n": 2}, {"n": 30}], "b": {"n": 4}}"#;

    fn values(query: &str) -> Result<Vec<Value>, String> {
        let found = run(DOCUMENT.as_bytes(), query, 100)?;
        Ok(found["matches"].as_array().unwrap().iter().map(|one| one["value"].clone()).collect())
    }

    #[test]
    fn a_query_finds_values_with_their_places() {
        let found = run(DOCUMENT.as_bytes(), "$.a[1].n", 100).unwrap();
        assert_eq!(found, json!({"truncated": false, "matches": [{"path": "$['a'][1]['n']", "value": 2}]}));
        assert_eq!(values("$.a[?@.n > 1 && @.n < 40].n").unwrap(), [2, 30]);
        assert_eq!(values("$..n").unwrap().len(), 4);
        assert_eq!(values("$.a[0]['k..?']").unwrap(), ["x"]);
        assert_eq!(values("$.a[?length(@['k..?']) == 1].n").unwrap(), [1]);
        assert_eq!(values("$.none").unwrap(), Vec::<Value>::new());
    }

    #[test]
    fn as_many_are_told_as_are_wanted_and_it_is_said_that_there_are_more() {
        let found = run(DOCUMENT.as_bytes(), "$..n", 3).unwrap();
        assert_eq!((found["matches"].as_array().unwrap().len(), &found["truncated"]), (3, &json!(true)));
    }

    #[test]
    fn what_would_multiply_its_work_is_refused_before_the_document_is_read() {
        let nested = format!("$[?{}@.n{}]", "(".repeat(5), ")".repeat(5));
        let long = format!("$.{}", "x".repeat(600));
        for query in [
            "$..a..n",
            "$..*..*",
            "$.a[?@..n]..n",
            "$.a[?@[?@.n]]",
            "$.a[?$.b]",
            "$[?@.n == $.b.n]",
            "$[*,*,*,*,*,*]",
            "$[*,*][*,*][*,*][*,*][*,*]",
            &nested,
            &long,
        ] {
            assert!(run(b"no document", query, 9).unwrap_err().contains("the query"), "{query}");
        }
        assert!(values("$.a[?match(@.n, '(a+)+')]").unwrap_err().contains("no JSONPath"));
        assert!(values("$.a[").unwrap_err().contains("no JSONPath"));
        assert!(values("").unwrap_err().contains("no JSONPath"));
    }

    #[test]
    fn what_is_no_document_is_refused_and_depth_is_bounded() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        for document in ["", "{", "{\"a\": 1} x", deep.as_str()] {
            assert!(
                run(document.as_bytes(), "$", 9).unwrap_err().contains("no JSON document"),
                "{document:.20}"
            );
        }
    }

    #[test]
    fn the_dearest_queries_find_no_more_than_in_proportion_to_the_document() {
        let document = |count: usize| format!("[{}1{}]", "[1,2,".repeat(20), "]".repeat(20)).repeat(count);
        let whole = |count: usize| format!("[{}0]", document(count).replace("][", "],[") + ",");
        for query in
            ["$..*", "$..[*,*,*,*,*]", "$[*][*,*][*,*][*,*][*,*]", "$..[?@.*]", "$..[?count(@.*) > 1]"]
        {
            let count = |times: usize| {
                let found = run(whole(times).as_bytes(), query, usize::MAX).unwrap();
                found["matches"].as_array().unwrap().len()
            };
            let (one, ten) = (count(2), count(20));
            assert!(one > 0 && ten <= 11 * one, "{query}: {one} {ten}");
        }
    }
}
