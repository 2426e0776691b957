//! Server-sent events, as far as hosts send them: `id`, `event` and `data`, with comments between.

/// The longest event; an envelope with a long listing is shorter by far.
const LONGEST: usize = 8 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::cli) struct Event {
    /// What `Last-Event-ID` is to be when the stream is taken up again.
    pub(in crate::cli) id: Option<String>,
    /// What kind of event it is.
    pub(in crate::cli) name: Option<String>,
    /// What happened.
    pub(in crate::cli) data: String,
}

/// Takes a stream apart as it comes.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    event: Event,
}

/// An event that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

impl Parser {
    /// The events that are complete with these bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut complete = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                if self.line.len() + self.event.data.len() > LONGEST {
                    return Err(TooLong);
                }
                continue;
            }
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
            complete.extend(self.line_of(line.trim_end_matches('\r')));
        }
        Ok(complete)
    }

    fn line_of(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (!event.data.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.event.id = Some(value.to_owned()),
            "event" => self.event.name = Some(value.to_owned()),
            "data" if self.event.data.is_empty() => self.event.data = value.to_owned(),
            "data" => self.event.data.extend(["\n", value]),
            // Comments, and fields that say nothing to us.
            _other => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_the_stream_is_cut() {
        let stream =
            b": still here\n\nid: 3\nevent: state\ndata: {\"a\":1}\n\r\ndata: x\ndata: y\n\nid: 4\ndata: cut";
        let wanted = [
            Event { id: Some("3".to_owned()), name: Some("state".to_owned()), data: "{\"a\":1}".to_owned() },
            Event { id: None, name: None, data: "x\ny".to_owned() },
        ];
        for size in 1..stream.len() {
            let mut parser = Parser::default();
            let events: Vec<Event> =
                stream.chunks(size).flat_map(|chunk| parser.take(chunk).unwrap()).collect();
            assert_eq!(events, wanted, "{size}");
        }
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut parser = Parser::default();
        let chunk = vec![b'x'; 1 << 20];
        assert!((0..9).any(|_| parser.take(&chunk) == Err(TooLong)));
    }
}
