//! What a person's text means as a vote: `confirm` or `deny`, with the token or without, and nothing cleverer.

use unicode_normalization::UnicodeNormalization;

use super::foreign::is_invisible;
use super::token::{self, Token};

/// A person's text, understood.
pub enum Reply {
    /// `confirm`.
    Confirm(Said),
    /// `deny`.
    Deny(Said),
    /// It begins like a vote and is none: the person is told why.
    Malformed(Malformed),
}

/// What stands behind the word.
pub struct Said {
    /// The token; in a quote-reply it can be left out.
    pub token: Option<Token>,
    /// The name that was repeated.
    pub name: Option<String>,
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
    let clean = cleaned(text);
    let trimmed = clean.as_str();
    let end = trimmed.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(trimmed.len());
    let (word, rest) = trimmed.split_at(end);
    let vote: fn(Said) -> Reply = match word.to_lowercase().as_str() {
        "confirm" => Reply::Confirm,
        "deny" => Reply::Deny,
        _ => return None,
    };
    Some(match behind_the_word(rest, is_quote_reply) {
        Ok(Said { token: None, .. }) if !is_quote_reply => Reply::Malformed(Malformed::NoToken),
        Ok(said) => vote(said),
        Err(reason) => Reply::Malformed(reason),
    })
}

/// What stands behind `enrol`, with which an account answers that is about to be enrolled.
pub fn enrolment(text: &str) -> Option<String> {
    let clean = cleaned(text);
    let (word, rest) = clean.split_once(char::is_whitespace)?;
    word.eq_ignore_ascii_case("enrol").then(|| rest.to_owned())
}

/// A text as it counts: in one form for each character, without what cannot be seen, and without blanks around it.
pub(super) fn cleaned(text: &str) -> String {
    let clean: String = text.nfkc().filter(|c| c.is_whitespace() || !is_invisible(*c)).collect();
    clean.trim().to_owned()
}

fn behind_the_word(rest: &str, is_quote_reply: bool) -> Result<Said, Malformed> {
    if rest.is_empty() {
        return Ok(Said { token: None, name: None });
    }
    if !rest.starts_with(char::is_whitespace) {
        return Err(Malformed::NotAToken);
    }
    let (token, behind) = token::lead(rest);
    match (Token::parse(token), behind.trim()) {
        (Ok(token), "") => Ok(Said { token: Some(token), name: None }),
        (Ok(token), name) if behind.starts_with(char::is_whitespace) => {
            Ok(Said { token: Some(token), name: Some(name.to_owned()) })
        }
        // A reply to the prompt needs no token, so what stands here can only be the name.
        (Ok(_) | Err(_), _) if is_quote_reply => Ok(Said { token: None, name: Some(rest.trim().to_owned()) }),
        (Ok(_) | Err(_), _) => Err(Malformed::NotAToken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens cannot be printed, so a reply is described by its kind and its token's hash.
    fn described(text: &str, is_quote_reply: bool) -> String {
        let said = |Said { token, name }: Said| {
            let hash = token.map_or("none".to_owned(), |t| t.hash().to_string());
            name.map_or(hash.clone(), |name| format!("{hash} and {name}"))
        };
        match parse(text, is_quote_reply) {
            None => "not a vote".to_owned(),
            Some(Reply::Confirm(behind)) => format!("confirm {}", said(behind)),
            Some(Reply::Deny(behind)) => format!("deny {}", said(behind)),
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
        for text in ["confirm, go ahead", "confirm!", "confirm-K7QF-92M4-0XTR-8B3D"] {
            assert_eq!(described(text, true), "NotAToken", "{text}");
        }
        for text in ["confirm K7QF", "deny please", "confirm tank/vm K7QF-92M4-0XTR-8B3D"] {
            assert_eq!(described(text, false), "NotAToken", "{text}");
        }
    }

    #[test]
    fn a_name_may_stand_behind_the_token_or_alone_in_a_quote_reply() {
        let hash = Token::parse("K7QF-92M4-0XTR-8B3D").unwrap_or_else(|_| panic!("a token")).hash();
        for text in ["CONFIRM K7QF-92M4-0XTR-8B3D tank/vm-101", "confirm k7qf 92m4 oxtr 8b3d   tank/vm-101 "]
        {
            assert_eq!(described(text, false), format!("confirm {hash} and tank/vm-101"), "{text}");
        }
        assert_eq!(described("confirm tank/vm-101", true), "confirm none and tank/vm-101");
        assert_eq!(described("confirm Tank/vm-101", true), "confirm none and Tank/vm-101", "case counts");
        assert_eq!(described("DENY K7QF92M40XTR8B3D tank/vm", false), format!("deny {hash} and tank/vm"));
        assert_eq!(described("confirm K7QF92M40XTR8B3Dtank/vm", false), "NotAToken");
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
