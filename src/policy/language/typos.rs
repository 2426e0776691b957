//! Words in a policy that are one letter away from those that there are: what compares with them never comes true, and a rule
//! that was to deny denies nothing.

use std::sync::LazyLock;

use starlark::syntax::ast::{Argument, AstExpr, AstLiteral, AstString, BinOp, Expr};

use crate::operation::{Entry, catalogue};

/// What stands in `context` of an operation. Whoever asks by `POST /evaluate` may say more.
pub const CONTEXT: [&str; 16] = [
    "agent_allowed_domains",
    "agent_denied_domains",
    "agent_id",
    "domain",
    "domain_lists",
    "domains",
    "domains_unreadable",
    "effect",
    "effects",
    "host",
    "now",
    "on_behalf_of",
    "recent",
    "reversible",
    "roles",
    "scheduled",
];

/// Shorter words are near to too many others.
const SHORTEST: usize = 4;
/// Longer ones are none.
const LONGEST: usize = 64;

/// A word that is nearly another.
pub(super) struct Typo<'a> {
    pub(super) written: &'a AstString,
    pub(super) message: String,
    pub(super) help: String,
}

/// The words of one expression, and not of those within it, that are nearly others.
pub(super) fn of(expression: &AstExpr) -> Vec<Typo<'_>> {
    if let Expr::Index(pair) = &expression.node {
        return keys(is(&pair.0, "context"), &pair.1);
    }
    if let Expr::Call(function, arguments) = &expression.node
        && let Expr::Dot(of, name) = &function.node
        && let Some(Argument::Positional(first)) = arguments.args.first().map(|argument| &argument.node)
    {
        return keys(name.node == "get" && is(of, "context"), first);
    }
    let Expr::Op(one, sign, other) = &expression.node else { return Vec::new() };
    let (is_equal, is_in) =
        (matches!(sign, BinOp::Equal | BinOp::NotEqual), matches!(sign, BinOp::In | BinOp::NotIn));
    if is_equal && (is(one, "tool") || is(other, "tool")) {
        return [one, other].into_iter().filter_map(|side| literal(side)).filter_map(tool).collect();
    }
    if is_in && is(one, "tool") {
        return items(other).iter().filter_map(literal).filter_map(tool).collect();
    }
    keys(is_in && is(other, "context"), one)
}

/// A word that names a key of `context`, where it does.
fn keys(is_one: bool, expression: &AstExpr) -> Vec<Typo<'_>> {
    literal(expression).filter(|_| is_one).and_then(key).into_iter().collect()
}

fn is(expression: &AstExpr, name: &str) -> bool {
    matches!(&expression.node, Expr::Identifier(found) if found.node.ident == name)
}

fn literal(expression: &AstExpr) -> Option<&AstString> {
    if let Expr::Literal(AstLiteral::String(text)) = &expression.node { Some(text) } else { None }
}

fn items(expression: &AstExpr) -> &[AstExpr] {
    if let Expr::List(items) | Expr::Tuple(items) = &expression.node { items } else { &[] }
}

fn key(written: &AstString) -> Option<Typo<'_>> {
    let near = near(&written.node, CONTEXT)?;
    let message = format!("context has no {:?}", written.node);
    Some(Typo { written, message, help: format!("write {near:?}") })
}

/// Every operation's name. A policy may compare with ten thousand.
static TOOLS: LazyLock<Vec<String>> = LazyLock::new(|| catalogue().map(Entry::name).collect());

fn tool(written: &AstString) -> Option<Typo<'_>> {
    let text = Some(written.node.as_str()).filter(|text| text.contains('.'))?;
    let near = near(text, TOOLS.iter().map(String::as_str))?;
    let message = format!("there is no operation {:?}: nothing is ever called so", written.node);
    Some(Typo { written, message, help: format!("write {near:?}") })
}

/// The word that is one letter away, where the one written is none of those that there are.
fn near<'a>(written: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    if !(SHORTEST..=LONGEST).contains(&written.len()) || known.clone().into_iter().any(|word| word == written)
    {
        return None;
    }
    known.into_iter().find(|word| may_be_near(word, written) && strsim::osa_distance(written, word) == 1)
}

/// Whether two words are the same but for a few bytes in one place: looked at first, since it takes next to no time.
fn may_be_near(one: &str, other: &str) -> bool {
    let same = |(one, other): &(u8, u8)| one == other;
    let before = one.bytes().zip(other.bytes()).take_while(same).count();
    let behind = one.bytes().rev().zip(other.bytes().rev()).take_while(same).count();
    before + behind + 4 >= one.len().max(other.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_letter_makes_another_word_and_two_a_word_of_its_own() {
        for (written, meant) in [
            ("efect", Some("effect")),
            ("role", Some("roles")),
            ("effetc", Some("effect")),
            ("effect", None),
            ("session", None),
            ("nov", None),
        ] {
            assert_eq!(near(written, CONTEXT), meant, "{written}");
        }
        assert_eq!(near("git.push", ["git.pull"]), None, "another gateway's");
        for typo in ["ffect", "eeffect", "efect", "effec", "effectt", "fefect", "effetc", "efféct", "xffect"]
        {
            assert_eq!(near(typo, CONTEXT), Some("effect"), "{typo}");
        }
        assert_eq!(near("zfs.destory", ["zfs.destroy"]), Some("zfs.destroy"));
    }
}
