//! What can be seen, without running anything, of a playbook that would act while it is run dry.
//!
//! Most of it `reeve_events.py` sees, with Ansible's own reading of the playbook. Before that plugin is there, though,
//! Ansible fills in the templates of imports; and what makes a dry run differ from a run is plain words. Both are looked
//! for here, line by line, in every file of the folder.

use super::folder::PinnedFile;
use crate::operation::ansible::Vars;

/// Lookups that read and do nothing else, as in `reeve_events.py`, which lets a dry run have no others. Some are made
/// before that plugin is there, so what can be seen of them is looked for here.
const LOOKUPS: [&str; 20] = [
    "config",
    "csvfile",
    "dict",
    "env",
    "file",
    "fileglob",
    "first_found",
    "indexed_items",
    "ini",
    "inventory_hostnames",
    "items",
    "list",
    "nested",
    "sequence",
    "subelements",
    "template",
    "together",
    "unvault",
    "varnames",
    "vars",
];

/// Words by which a playbook does something else in a dry run than in a run, or reaches another host.
const WORDS: [&str; 4] =
    ["ansible_check_mode", "ansible_connection", "ansible_diff_mode", "ansible_become_password"];

/// The first line of the folder by which a dry run would act, or would show something else than a run does.
pub(super) fn find(files: &[PinnedFile]) -> Option<String> {
    files.iter().filter_map(|file| Some((file, std::str::from_utf8(&file.contents).ok()?))).find_map(
        |(file, text)| {
            // In a template, what begins so is no comment.
            let is_yaml = file.path.ends_with(".yml") || file.path.ends_with(".yaml");
            let is_comment = |line: &str| is_yaml && line.trim_start().starts_with('#');
            let mut lines = text.lines().enumerate().filter(|(_, line)| !is_comment(line));
            let found = lines.find_map(|(number, line)| Some((number + 1, acts(line)?)));
            found.map(|(number, why)| format!("{}:{number}: {why}", file.path))
        },
    )
}

/// Why the variables would act, or tell a dry run from a run, where a playbook takes their text for an expression.
pub(super) fn find_in(vars: &Vars) -> Option<String> {
    acts(&vars.argument())
}

fn acts(line: &str) -> Option<String> {
    if let Some(word) = WORDS.into_iter().find(|word| has_word(line, word)) {
        return Some(format!("{word} makes a dry run differ from a run"));
    }
    let called = calls(line).find(|name| !name.as_deref().is_some_and(is_reading))?;
    Some(match called {
        Some(name) => format!("the lookup {name:?} may act in a dry run, too"),
        None => "a lookup does not name what it looks up".to_owned(),
    })
}

/// The first argument of each call of `lookup`, `query` or `q` in a line; `None` for one that is no text.
fn calls(line: &str) -> impl Iterator<Item = Option<String>> + '_ {
    ["lookup", "query", "q"].into_iter().flat_map(move |function| {
        line.match_indices(function).filter_map(move |(place, _)| {
            let (before, after) = (line.get(..place)?, line.get(place + function.len()..)?);
            if before.ends_with(is_part_of_a_word) {
                return None;
            }
            let arguments = after.trim_start().strip_prefix('(')?.trim_start();
            let quote = arguments.chars().next().filter(|first| matches!(first, '"' | '\''));
            let name = quote.and_then(|quote| arguments.get(1..)?.split(quote).next());
            Some(name.map(|name| name.trim_end_matches('\\').to_owned()))
        })
    })
}

fn is_reading(name: &str) -> bool {
    let short =
        name.strip_prefix("ansible.builtin.").or(name.strip_prefix("ansible.legacy.")).unwrap_or(name);
    LOOKUPS.contains(&short)
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(place, _)| {
        let before = line.get(..place).unwrap_or_default();
        let after = line.get(place + word.len()..).unwrap_or_default();
        !before.ends_with(is_part_of_a_word) && !after.starts_with(is_part_of_a_word)
    })
}

fn is_part_of_a_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(contents: &str) -> [PinnedFile; 1] {
        [PinnedFile { path: "site.yml".to_owned(), contents: contents.as_bytes().to_vec() }]
    }

    #[test]
    fn what_acts_while_a_template_is_filled_in_is_found() {
        for line in [
            "- import_playbook: \"{{ lookup('pipe', 'id') }}\"",
            "x: \"{{ lookup( \\\"ansible.builtin.pipe\\\", 'id') }}\"",
            "x: {{ query('lines', 'id') }}",
            "x: {{ q ('url', 'http://x') }}",
            "x: {{ lookup(name) }}",
            "when: not ansible_check_mode",
            "ansible_connection: ssh",
        ] {
            assert!(
                find(&file(&format!("---\n{line}\n"))).is_some_and(|why| why.starts_with("site.yml:2: ")),
                "{line}"
            );
        }
    }

    #[test]
    fn variables_that_would_act_as_an_expression_are_found() {
        let found = |value: serde_json::Value| {
            find_in(
                &Vars::new(serde_json::json!({"a": [{"b": value}]}).as_object().unwrap().clone()).unwrap(),
            )
        };
        for text in [
            "(true if ansible_check_mode else 1)",
            "lookup('pipe', 'id')",
            "x or query ('lines', 'id')",
            "q(name)",
        ] {
            assert!(found(text.into()).is_some(), "{text}");
        }
        for text in ["Back at ten", "ask the query desk (room 2)", "lookup('file', 'x')", "1"] {
            assert_eq!(found(text.into()), None, "{text}");
        }
    }

    #[test]
    fn a_comment_of_a_template_is_none() {
        let [file] = file("# {{ lookup('pipe', 'id') }}");
        assert!(find(&[PinnedFile { path: "x.j2".to_owned(), ..file }]).is_some());
    }

    #[test]
    fn what_only_reads_is_let_be() {
        for line in [
            "x: {{ lookup('file', 'x') }}",
            "x: {{ lookup('ansible.builtin.template', 'x') }}",
            "x: {{ query(\"fileglob\", '*') }}",
            "my_lookup('pipe')",
            "# a query (or two), and lookup('pipe')",
            "name: pipe and lines",
            "my_ansible_check_mode: 1",
        ] {
            assert_eq!(find(&file(line)), None, "{line}");
        }
    }
}
