//! The reference of the language and of contracts, written from the code. `docs/policy-reference.md` has to be what this says.

use starlark::docs::{DocItem, DocMember};
use starlark::environment::Globals;

use super::{builtins, limits, ruling};
use crate::policy::Contract;

const PAGE: &str = "docs/policy-reference.md";

const HEAD: &str = "# Reference of policies and contracts\n\n\
What stands here is written from the code by `UPDATE_GOLDEN=1 cargo test --lib policy::language::reference`, and a test holds it \
to that. [Contracts and policy](policy.md) says what it is for.\n";

/// Functions, each with what it takes and what it is for.
fn functions() -> String {
    let known = Globals::standard().documentation().members;
    let own = builtins::globals().documentation().members;
    let mut besides = Vec::new();
    let mut text = "\n## Functions\n".to_owned();
    for (name, item) in own.iter() {
        let is_own = !known.contains_key(name) && name != "struct";
        let DocItem::Member(DocMember::Function(function)) = item else {
            besides.push(format!("`{name}`"));
            continue;
        };
        if !is_own {
            besides.push(format!("`{name}`"));
            continue;
        }
        let code = function.render_as_code(name);
        let signature = code.split("\"\"\"").next().unwrap_or_default().trim_end();
        let signature = signature.trim_end_matches("pass").trim_end().trim_end_matches(':');
        text.push_str(&format!("\n### `{name}`\n\n```text\n{}\n```\n", signature.trim_start_matches("def ")));
        if let Some(docs) = &function.docs {
            let more = docs.details.as_deref().map(|more| format!(" {}", more.replace('\n', " ")));
            text.push_str(&format!("\n{}{}\n", docs.summary, more.unwrap_or_default()));
        }
    }
    besides.sort();
    text + &format!("\nAs in other Starlark: {}.\n", besides.join(", "))
}

fn verdicts() -> String {
    let list = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    format!(
        "\n## Verdicts\n\nA verdict that is written out is a dict with {}. With `review` alone go {}.\n",
        list(&ruling::KEYS),
        list(&ruling::TERMS)
    )
}

/// The keys that a table of a contract may have, as the parser itself lists them when it meets another.
fn keys_of(contract: &str) -> String {
    let refused = Contract::parse("x", contract).unwrap_err().to_string();
    let known = refused.split_once("the keys here are ").unwrap_or_else(|| panic!("{refused}")).1;
    known.split(", ").map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

fn contracts() -> String {
    let entry = "principal = \"a\"\nroles = []\n[[allow]]\n";
    format!(
        "\n## Contracts\n\nAt the top: {}.\n\nIn an `[[allow]]`: {}.\n\nIn a condition of `where`: {}.\n",
        keys_of("nothing-such = 1"),
        keys_of(&format!("{entry}nothing-such = 1")),
        keys_of(&format!("{entry}operations = []\nwhere = {{ \"/x\" = {{ nothing-such = 1 }} }}"))
    )
}

#[test]
fn the_reference_is_what_the_code_says() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let wanted = format!("{HEAD}{}{}{}{}", functions(), verdicts(), contracts(), limits::described());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&page, &wanted).unwrap();
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    assert_eq!(written, wanted, "{PAGE} is not what the code says; see its head");
}
