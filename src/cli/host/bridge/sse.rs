//! Server-sent events as signal-cli writes them, taken apart as they come, in bounded memory.

/// The longest event. A message with all its parts is far below it, and one that is not is passed over: whoever writes long
/// messages cuts nobody's connection.
const LONGEST: usize = 256 << 10;
/// The event that brings a message.
const RECEIVE: &[u8] = b"receive";

/// One event that brings a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Its data.
    Message(Vec<u8>),
    /// It was too long.
    TooLong,
}

/// What has come of an event so far.
#[derive(Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    name: Option<Vec<u8>>,
    data: Option<Vec<u8>>,
    is_too_long: bool,
    /// Whether there is anything in the line, of which nothing may be kept: an empty one is an event's end.
    has_content: bool,
}

impl Parser {
    /// Takes what came, and gives what is complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + part.len() > LONGEST {
                self.is_too_long = true;
                self.line.clear();
            }
            self.has_content |= part.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
            // What is left of one that is too long says nothing.
            if !self.is_too_long {
                self.line.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                let (line, has_content) =
                    (std::mem::take(&mut self.line), std::mem::take(&mut self.has_content));
                events.extend(match (self.is_too_long, has_content) {
                    (true, true) => None,
                    (true, false) => self.end(),
                    (false, _) => self.line(line.trim_ascii_end()),
                });
            }
        }
        events
    }

    fn line(&mut self, line: &[u8]) -> Option<Event> {
        if line.is_empty() {
            return self.end();
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(at) => (line.get(..at)?, line.get(at + 1..)?),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = Some(value.to_vec()),
            b"data" => self.data(value),
            // A comment, which keeps the connection alive, or a field that says nothing here.
            _ => {}
        }
        None
    }

    fn data(&mut self, value: &[u8]) {
        let data = self.data.get_or_insert_default();
        if data.len() + value.len() > LONGEST {
            self.is_too_long = true;
            data.clear();
            return;
        }
        if !data.is_empty() {
            data.push(b'\n');
        }
        data.extend_from_slice(value);
    }

    fn end(&mut self) -> Option<Event> {
        let Self { line: _, name, data, is_too_long, has_content: _ } = std::mem::take(self);
        if is_too_long {
            return Some(Event::TooLong);
        }
        data.filter(|_| name.is_none_or(|name| name == RECEIVE)).map(Event::Message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Event {
        Event::Message(text.as_bytes().to_vec())
    }

    /// Everything that a stream gives, however it is cut on its way.
    fn all(stream: &[u8]) -> Vec<Event> {
        let mut parser = Parser::default();
        let at_once = parser.take(stream);
        for size in [1, 2, 7] {
            let mut parser = Parser::default();
            let cut: Vec<_> = stream.chunks(size).flat_map(|part| parser.take(part)).collect();
            assert_eq!(cut, at_once, "in parts of {size}");
        }
        at_once
    }

    #[test]
    fn what_signal_cli_writes_is_read_however_it_is_cut() {
        let stream = b":\nevent:receive\ndata:{\"a\":1}\n\n:\n:\nevent: receive\r\ndata: {\"b\":2}\r\n\r\n";
        assert_eq!(all(stream), [message("{\"a\":1}"), message("{\"b\":2}")]);
    }

    #[test]
    fn data_in_several_lines_is_one_message_and_other_events_are_none() {
        let stream =
            b"data:{\ndata:}\n\nevent:other\ndata:x\n\nid:7\nretry\n\n\ndata:last\n\ndata:unfinished";
        assert_eq!(all(stream), [message("{\n}"), message("last")]);
    }

    #[test]
    fn an_event_that_is_too_long_is_passed_over_and_takes_no_memory() {
        let long = "x".repeat(3 * LONGEST);
        let lines = "data:xxxxxxxx\n".repeat(LONGEST / 4);
        for too_long in [format!("data:{long}\n\n"), format!("{lines}\n"), format!(":{long}\ndata:a\n\n")] {
            for (too_long, size) in [
                (too_long.clone(), 1000),
                (too_long.replace('\n', "\r\n"), 1000),
                (too_long.replace('\n', "\r\n"), 1),
            ] {
                let mut parser = Parser::default();
                let mut events = Vec::new();
                for part in too_long.as_bytes().chunks(size) {
                    events.extend(parser.take(part));
                    assert!(parser.line.len() <= LONGEST + 1000);
                    assert!(parser.data.as_ref().is_none_or(|data| data.len() <= LONGEST));
                }
                events.extend(parser.take(b"event:receive\ndata:next\n\n"));
                assert_eq!(events, [Event::TooLong, message("next")], "in parts of {size}");
            }
        }
    }

    #[test]
    fn a_line_whose_end_alone_makes_it_too_long_is_not_the_end_of_its_event() {
        let mut parser = Parser::default();
        let mut line = b"data:".to_vec();
        line.resize(LONGEST, b'x');
        assert!(parser.take(&line).is_empty());
        assert!(parser.take(b"\n").is_empty());
        assert!(parser.take(b"data:more\n").is_empty());
        assert_eq!(parser.take(b"\ndata:next\n\n"), [Event::TooLong, message("next")]);
    }
}
