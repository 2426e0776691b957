//! What must hold of every test, whatever it is about: what people were sent to answer with is in no answer of the gate and
//! in no record, and no refusal says how to get past it.

use std::collections::HashSet;

use reeve::gate::protocol::{Answer, Call, Problem};

use crate::answers::{is_refusal, is_token, ways_around};
use crate::phones::CAROL;
use crate::stage::{PEOPLE, Stage};

/// An answer to a caller, once what it may not say is found not to be in it. Who votes is told how.
pub(crate) fn says_no_way_around(call: &Call, answer: &Result<Answer, Problem>) {
    let refusal = match answer {
        Err(problem) if !matches!(call, Call::Post(_) | Call::Vote { .. }) => {
            serde_json::to_value(problem).unwrap()
        }
        Ok(Answer::Operation(envelope)) => serde_json::to_value(envelope).unwrap(),
        Ok(_) | Err(_) => return,
    };
    let found: Vec<String> = Some(refusal).filter(is_refusal).iter().flat_map(ways_around).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

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
