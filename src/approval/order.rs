//! What an approver may say without having been asked: `FREEZE` and `THAW`, with an agent's name or `host`; `CHECKPOINT`.

use super::reply::cleaned;

/// What is frozen or thawed: a principal by its name, or the whole host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// Everything that anybody asks for.
    Host,
    /// What one principal asks for.
    Principal(String),
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Nothing more is done for them.
    Freeze(Whom),
    /// They may go on.
    Thaw(Whom),
    /// Where the audit log stands now, signed.
    Checkpoint,
}

impl Whom {
    /// Reads a name: `host`, or nothing at all, is the whole host.
    pub fn named(name: &str) -> Self {
        match name.trim().to_lowercase().as_str() {
            "" | "host" => Self::Host,
            other => Self::Principal(other.to_owned()),
        }
    }

    /// How it is called in messages and records.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Host => "host",
            Self::Principal(name) => name,
        }
    }
}

/// Reads a person's text. `None` is no order.
pub fn parse(text: &str) -> Option<Order> {
    let clean = cleaned(text);
    let (word, rest) = clean.split_once(char::is_whitespace).unwrap_or((&clean, ""));
    let order: fn(Whom) -> Order = match word.to_lowercase().as_str() {
        "freeze" => Order::Freeze,
        "thaw" => Order::Thaw,
        // A message that was sent back begins with something else, and one that goes on is talk.
        "checkpoint" if rest.is_empty() => return Some(Order::Checkpoint),
        _ => return None,
    };
    // `freeze everything now` is about nobody of that name, and its sender hears so.
    Some(order(Whom::named(rest)))
}

/// Whose enrolment a text stops: `STOP` and a name.
pub fn stop(text: &str) -> Option<String> {
    let clean = cleaned(text);
    let (word, name) = clean.split_once(char::is_whitespace)?;
    word.eq_ignore_ascii_case("stop").then(|| name.trim().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_one_word_and_a_name() {
        let librarian = || Whom::Principal("librarian".to_owned());
        assert_eq!(parse("FREEZE librarian"), Some(Order::Freeze(librarian())));
        assert_eq!(parse(" freeze\u{200b}  Librarian\n"), Some(Order::Freeze(librarian())));
        assert_eq!(parse("Thaw host"), Some(Order::Thaw(Whom::Host)));
        assert_eq!(parse("freeze"), Some(Order::Freeze(Whom::Host)));
        assert_eq!(parse("freeze it all"), Some(Order::Freeze(Whom::Principal("it all".to_owned()))));
        assert_eq!(parse(" Checkpoint\n"), Some(Order::Checkpoint));
        assert_eq!(stop(" Stop  Alice\n").as_deref(), Some("alice"));
        assert_eq!((stop("stop"), stop("stopped alice")), (None, None));
        for text in
            ["", "freezer librarian", "please freeze", "THAWED", "confirm", "checkpoint 48213", "checkpoints"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
