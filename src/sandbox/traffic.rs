//! What went through a tool's proxy, and what was stopped there: lines of the proxy's, which the wrapper hands on.

use std::fmt;

use super::egress::Stop;

/// As many different hosts are named one by one; the rest counts as `other`.
pub const MOST_NAMED: usize = 32;

/// What is said in place of all that when the proxy did not live to say it.
pub const UNCOUNTED: &str = "uncounted";

/// What is said of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// It was reached.
    Reached {
        /// `host:port`.
        to: String,
        /// How often.
        connections: u64,
        /// Bytes from the tool.
        sent: u64,
        /// Bytes to the tool.
        received: u64,
    },
    /// It was not.
    Stopped {
        /// `host:port`, or `-` where the request has no readable one.
        to: String,
        /// Why.
        why: Stop,
        /// How often.
        times: u64,
    },
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Traffic::Reached { to, connections, sent, received } => {
                write!(f, "reached {to} {connections} {sent} {received}")
            }
            Traffic::Stopped { to, why, times } => write!(f, "stopped {to} {} {times}", why.as_str()),
        }
    }
}

impl Traffic {
    /// Reads a line that was written as this type writes it.
    #[must_use]
    pub fn read(line: &str) -> Option<Traffic> {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["reached", to, connections, sent, received] if is_place(to) => Some(Traffic::Reached {
                to: (*to).to_owned(),
                connections: connections.parse().ok()?,
                sent: sent.parse().ok()?,
                received: received.parse().ok()?,
            }),
            ["stopped", to, why, times] if is_place(to) => Some(Traffic::Stopped {
                to: (*to).to_owned(),
                why: Stop::ALL.into_iter().find(|stop| stop.as_str() == *why)?,
                times: times.parse().ok()?,
            }),
            _other => None,
        }
    }
}

fn is_place(text: &str) -> bool {
    let plain =
        |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b':' | b'[' | b']');
    (1..=270).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_through_is_read_as_it_was_written_and_nothing_else_is() {
        let reached =
            Traffic::Reached { to: "api.example.com:443".to_owned(), connections: 1, sent: 2, received: 3 };
        let mut all = vec![reached];
        all.extend(Stop::ALL.map(|why| Traffic::Stopped { to: "-".to_owned(), why, times: 4 }));
        for one in all {
            assert_eq!(Traffic::read(&one.to_string()), Some(one));
        }
        for line in [
            "reached a 1 2",
            "reached A 1 2 3",
            "stopped a tea 1",
            "stopped a;b never 1",
            "reached \u{1b}[2J 1 2 3",
            "",
        ] {
            assert_eq!(Traffic::read(line), None, "{line}");
        }
    }
}
