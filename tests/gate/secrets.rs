//! What must hold of every test, whatever it is about: what people were sent to answer with is in no answer of the gate and
//! in no record.

use std::collections::HashSet;

use crate::phones::CAROL;
use crate::stage::{PEOPLE, Stage};

impl Stage {
    /// Looks through all that the gate has answered and recorded.
    pub(crate) fn holds_no_token(&self) {
        let everybody = PEOPLE.into_iter().chain([CAROL]);
        let sent: Vec<_> = everybody.flat_map(|(name, _)| self.phones.sent_until_its_end(name)).collect();
        let words = sent.iter().flat_map(|message| message.text.split_whitespace());
        let tokens: HashSet<String> = words
            .filter(|word| is_token(word))
            .flat_map(|word| [word.to_owned(), word.replace('-', "")])
            .collect();
        // A test may have taken the log away.
        let log = std::fs::read_to_string(self.path("log/audit.jsonl")).unwrap_or_default();
        let answered = self.answered.lock().unwrap();
        for text in [answered.as_str(), &log] {
            let mut words = text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '-');
            assert!(!words.any(|word| tokens.contains(word)), "a token was seen outside of a phone");
        }
    }
}

/// Four groups of four, in the letters of a token.
fn is_token(word: &str) -> bool {
    let is_group = |group: &str| {
        group.len() == 4 && group.bytes().all(|byte| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&byte))
    };
    word.split('-').count() == 4 && word.split('-').all(is_group)
}
