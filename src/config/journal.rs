//! The journal's own form: a record with a priority, and a field for each thing that is told. What was said about one
//! operation is found by its id: `journalctl REEVE_OPERATION=op_…`.

use std::error::Error;
use std::fmt;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use nix::sys::stat::fstat;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

const SOCKET: &str = "/run/systemd/journal/socket";
/// More of one thing is cut off, so that a record is always one datagram.
const MOST: usize = 8 * 1024;
/// A journal that takes nothing holds nobody up for longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where records go.
pub(super) struct Journal {
    socket: UnixDatagram,
    /// What the journal calls this program.
    program: String,
}

impl Journal {
    /// The journal, where standard error leads there anyway: systemd says so in `JOURNAL_STREAM`.
    pub(super) fn behind_stderr() -> Option<Self> {
        let told = std::env::var("JOURNAL_STREAM").ok()?;
        let stderr = fstat(io::stderr()).ok()?;
        if told != format!("{}:{}", stderr.st_dev, stderr.st_ino) {
            return None;
        }
        let program = std::env::args().next()?;
        let name = Path::new(&program).file_name()?.to_string_lossy().into_owned();
        Self::at(Path::new(SOCKET), name).ok()
    }

    fn at(path: &Path, program: String) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { socket, program })
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        let metadata = event.metadata();
        let mut record = Vec::new();
        put(&mut record, "MESSAGE", &told.text);
        put(&mut record, "PRIORITY", priority(*metadata.level()));
        put(&mut record, "SYSLOG_IDENTIFIER", &self.program);
        put(&mut record, "TARGET", metadata.target());
        for (name, value) in &told.fields {
            put(&mut record, &field_name(name), value);
        }
        if self.socket.send(&record).is_err() {
            // That is read by the journal, too, when it reads again.
            eprintln!("{}", told.text);
        }
    }
}

/// syslog's numbers.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        _ => "7",
    }
}

/// What an event tells: for people as a line, and each thing by itself.
#[derive(Default)]
struct Told {
    text: String,
    fields: Vec<(&'static str, String)>,
}

impl Told {
    fn tell(&mut self, field: &Field, value: String, shown: &dyn fmt::Display) {
        if field.name() == "message" {
            self.text.push_str(&shown.to_string());
            return;
        }
        let blank = if self.text.is_empty() { "" } else { " " };
        self.text.push_str(&format!("{blank}{}={shown}", field.name()));
        self.fields.push((field.name(), value));
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        self.tell(field, value.clone(), &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // Quoted and escaped for people: it may be foreign.
        self.tell(field, value.to_owned(), &format_args!("{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        self.tell(field, text.clone(), &text);
    }
}

/// Ours, in the letters that the journal takes.
fn field_name(name: &str) -> String {
    let letter =
        |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    format!("REEVE_{}", name.chars().take(50).map(letter).collect::<String>())
}

/// One field: on its line, or with its length where it has several.
fn put(record: &mut Vec<u8>, name: &str, value: &str) {
    let mut end = value.len().min(MOST);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let value = value.get(..end).unwrap_or_default();
    record.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        record.push(b'\n');
        record.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        record.push(b'=');
    }
    record.extend_from_slice(value.as_bytes());
    record.push(b'\n');
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// What the journal gets.
    fn heard(say: impl FnOnce()) -> String {
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("socket")).unwrap();
        let journal = Journal::at(&dir.path().join("socket"), "reeve-gate".to_owned()).unwrap();
        with_default(tracing_subscriber::registry().with(journal), say);
        let mut bytes = [0; 64 * 1024];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the launcher does not answer")]
    struct Down(#[source] io::Error);

    #[test]
    fn an_operation_is_a_field_of_its_own_and_an_error_comes_with_its_cause() {
        let down = Down(io::Error::other("no such file"));
        let expected = "MESSAGE=a step was not carried out operation=\"op_1\" step=2 error=the launcher does not answer: no such file\n\
             PRIORITY=3\nSYSLOG_IDENTIFIER=reeve-gate\nTARGET=a_step\nREEVE_OPERATION=op_1\nREEVE_STEP=2\n\
             REEVE_ERROR=the launcher does not answer: no such file\n";
        let said = heard(|| {
            let error = &down as &dyn Error;
            tracing::error!(target: "a_step", operation = "op_1", step = 2, error, "a step was not carried out");
        });
        assert_eq!(said, expected);
    }

    #[test]
    fn nobody_makes_fields_up_by_a_line_end_and_what_is_long_is_cut() {
        let said = heard(|| tracing::info!(target: "t", said = "x\nPRIORITY=0", "heard"));
        assert!(said.starts_with("MESSAGE=heard said=\"x\\nPRIORITY=0\"\nPRIORITY=6\n"), "{said}");
        let length = "x\nPRIORITY=0".len() as u8;
        let escaped = format!("REEVE_SAID\n{}\0\0\0\0\0\0\0x\nPRIORITY=0\n", char::from(length));
        assert!(said.ends_with(&escaped), "{said:?}");
        let long = heard(|| tracing::info!(said = "é".repeat(MOST), "heard"));
        assert!(long.len() < 3 * MOST, "{}", long.len());
    }

    #[test]
    fn each_level_has_its_priority() {
        let of = |level| priority(level);
        let all = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        assert_eq!(all.map(of), ["3", "4", "6", "7", "7"]);
    }
}
