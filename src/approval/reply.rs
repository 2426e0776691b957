//! What a person's text means as a vote: `confirm` or `deny`, with the token or without, and nothing cleverer.

use unicode_normalization::UnicodeNormalization;

use super::foreign::is_invisible;
use super::token::Token;

/// A person's text, understood.
pub enum Reply {
    /// `confirm`, with the token or (in a quote-reply) without.
    Confirm(Option<Token>),
    /// `deny`, with the token or (in a quote-reply) without.
    Deny(Option<Token>),
    /// It begins like a vote and is none: the person is told why.
    Malformed(Malformed),
}

/// Why a text that begins like a vote is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// What follows the word is not a token.
    NotAToken,
    /// No token, and not a reply to a prompt.
    NoToken,
}

/// Reads a person's text. `None` is not a vote at all.
///
/// `is_quote_reply` is whether the message quotes another: only then can the token be left out.
pub fn parse(text: &str, is_quote_reply: bool) -> Option<Reply> {
    let clean: String = text.nfkc().filter(|c| c.is_whitespace() || !is_invisible(*c)).collect();
    let trimmed = clean.trim();
    let end = trimmed.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(trimmed.len());
    let (word, rest) = trimmed.split_at(end);
    let vote: fn(Option<Token>) -> Reply = match word.to_lowercase().as_str() {
        "confirm" => Reply::Confirm,
        "deny" => Reply::Deny,
        _ => return None,
    };
    Some(match token_after_blank(rest) {
        Ok(None) if !is_quote_reply => Reply::Malformed(Malformed::NoToken),
        Ok(token) => vote(token),
        Err(reason) => Reply::Malformed(reason),
    })
}

fn token_after_blank(rest: &str) -> Result<Option<Token>, Malformed> {
    if rest.is_empty() {
        return Ok(None);
    }
    if !rest.starts_with(char::is_whitespace) {
        return Err(Malformed::NotAToken);
    }
    Token::parse(rest).map(Some).map_err(|_| Malformed::NotAToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens cannot be printed, so a reply is described by its kind and its token's hash.
    fn described(text: &str, is_quote_reply: bool) -> String {
        let hash = |token: Option<Token>| token.map_or("none".to_owned(), |t| t.hash().to_string());
        match parse(text, is_quote_reply) {
            None => "not a vote".to_owned(),
            Some(Reply::Confirm(token)) => format!("confirm {}", hash(token)),
            Some(Reply::Deny(token)) => format!("deny {}", hash(token)),
            Some(Reply::Malformed(reason)) => format!("{reason:?}"),
        }
    }

    #[test]
    fn confirm_with_the_token_is_a_vote_however_a_phone_writes_it() {
        let hash = Token::parse("K7QF-92M4-0XTR-8B3D").unwrap_or_else(|_| panic!("a token")).hash();
        for text in [
            "CONFIRM K7QF-92M4-0XTR-8B3D",
            "  confirm k7qf 92m4 oxtr 8b3d\n",
            "Confirm\u{200b} K7QF\u{2011}92M4\u{2011}0XTR\u{2011}8B3D\u{fe0f}",
            "ＣＯＮＦＩＲＭ Ｋ７ＱＦ９２Ｍ４０ＸＴＲ８Ｂ３Ｄ",
            "\u{fffc}\u{202a}confirm K7QF92M40XTR8B3D\u{202c}",
        ] {
            assert_eq!(described(text, false), format!("confirm {hash}"), "{text}");
        }
        assert_eq!(described("deny K7QF-92M4-0XTR-8B3D", false), format!("deny {hash}"));
    }

    #[test]
    fn a_bare_word_is_a_vote_only_as_a_quote_reply() {
        assert_eq!(described("confirm", true), "confirm none");
        assert_eq!(described(" DENY ", true), "deny none");
        assert_eq!(described("confirm", false), "NoToken");
        assert_eq!(described("Deny", false), "NoToken");
    }

    #[test]
    fn a_text_that_only_begins_like_a_vote_is_explained() {
        for text in [
            "confirm, go ahead",
            "confirm K7QF",
            "confirm!",
            "deny please",
            "confirm-K7QF-92M4-0XTR-8B3D",
            "confirm K7QF-92M4-0XTR-8B3D now",
        ] {
            assert_eq!(described(text, true), "NotAToken", "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_votes() {
        for text in [
            "",
            "yes",
            "ok",
            "y",
            "👍",
            "please confirm K7QF-92M4-0XTR-8B3D",
            "confirmed",
            "denying",
            "K7QF-92M4-0XTR-8B3D",
            "сonfirm",
            "confirm_x",
        ] {
            assert_eq!(described(text, true), "not a vote", "{text}");
        }
    }
}
