//! The reference of every key of every configuration file: the tables of `docs/configuration.md` are written from here, and
//! tests hold these to what the parsers know, take and refuse.

mod adapters;
mod alarms;
mod azure;
mod bridge;
mod front;
mod gate;
mod holding;
mod hook;
mod lists;
mod people;
mod shields;
mod tools;
#[cfg(feature = "otlp")]
mod traces;
mod vaults;
mod witness;

use std::time::Duration;

/// One key.
#[derive(Clone, Copy)]
struct Key {
    /// With the tables that it lies in; `NAME` stands for a name that is the operator's.
    name: &'static str,
    kind: Kind,
    default: Default,
    /// What it changes.
    changes: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy)]
enum Kind {
    /// Text, with what it has to be.
    Text(&'static str),
    /// An absolute path, with what lies there.
    Path(&'static str),
    /// One of these.
    Words(&'static [&'static str]),
    Flag,
    /// From, to, and of what.
    Number(u64, u64, &'static str),
    /// From and to, in milliseconds.
    Time(u64, u64),
    /// The least and the most, and one more on either side.
    Size {
        least: &'static str,
        most: &'static str,
        beyond: [&'static str; 2],
    },
    /// A list of what.
    List(&'static str),
    /// A table of what.
    Table(&'static str),
    /// What a file takes only beside other keys: its type, and its bounds.
    Beside(&'static str, &'static str),
}

/// What holds when the file says nothing.
#[derive(Clone, Copy)]
enum Default {
    /// The file has to say it.
    Needed,
    /// Nothing, with what that means.
    Absent(&'static str),
    /// What one would write.
    Is(&'static str),
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A file, with its keys and where their table stands.
struct File {
    /// What marks the place in the page.
    mark: &'static str,
    keys: &'static [&'static [Key]],
    /// Reads a text, and says what is wrong or shows what it means.
    read: fn(&str) -> Result<String, String>,
    /// What has to stand in a file for one of its tables to be right, by the table's name; `""` is the top.
    least: &'static [(&'static str, &'static str)],
}

const FILES: &[&File] = &[
    &front::FILE,
    &gate::FILE,
    &tools::FILE,
    &lists::FILE,
    &bridge::FILE,
    &hook::FILE,
    &witness::FILE,
    &alarms::FILE,
    &vaults::FILE,
    &shields::FILE,
    &azure::FILE,
    #[cfg(feature = "otlp")]
    &traces::FILE,
];

fn time(milliseconds: u64) -> String {
    humantime::format_duration(Duration::from_millis(milliseconds)).to_string()
}

impl Kind {
    fn shown(self) -> [String; 2] {
        let [kind, bounds] = match self {
            Self::Text(bounds) => ["text", bounds],
            Self::Path(what) => ["path", what],
            Self::Flag => ["flag", "`true`, `false`"],
            Self::Words(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                return ["word".to_owned(), words.join(", ")];
            }
            Self::Number(least, most, unit) if most == u64::MAX => {
                return [with_unit(unit), format!("{least} and more")];
            }
            Self::Number(least, most, unit) => return [with_unit(unit), format!("{least} to {most}")],
            Self::Time(least, most) => {
                return ["time".to_owned(), format!("{} to {}", time(least), time(most))];
            }
            Self::Size { least, most, .. } => return ["size".to_owned(), format!("{least} to {most}")],
            Self::List(what) => ["list", what],
            Self::Table(what) => ["table", what],
            Self::Beside(kind, bounds) => [kind, bounds],
        };
        [kind.to_owned(), bounds.to_owned()]
    }
}

fn with_unit(unit: &str) -> String {
    if unit.is_empty() { "number".to_owned() } else { format!("number, {unit}") }
}

impl Default {
    fn shown(self) -> String {
        match self {
            Self::Needed => "*needed*".to_owned(),
            Self::Absent(what) => what.to_owned(),
            Self::Is(value) => format!("`{value}`"),
        }
    }
}

impl Key {
    fn row(&self) -> String {
        let [kind, bounds] = self.kind.shown();
        format!("| `{}` | {kind} | {} | {bounds} | {} |\n", self.name, self.default.shown(), self.changes)
    }
}

impl File {
    fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().flat_map(|keys| keys.iter())
    }

    fn table(&self) -> String {
        let rows: String = self.keys().map(Key::row).collect();
        format!(
            "| key | type | default | bounds | what it changes |\n| --- | --- | --- | --- | --- |\n{rows}"
        )
    }
}

const PAGE: &str = "docs/configuration.md";

/// The page with each table between its marks written anew.
fn page(written: &str) -> String {
    let mut page = written.to_owned();
    for file in FILES {
        let (begin, end) = (format!("<!-- keys of {} -->\n", file.mark), "<!-- end -->");
        let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("{PAGE} has no {begin}"));
        let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("{PAGE}: no {end} after {begin}"));
        page = format!("{before}{begin}\n{}\n{end}{after}", file.table());
    }
    page
}

#[test]
fn the_tables_of_the_configuration_page_are_what_the_code_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let written = std::fs::read_to_string(&path).unwrap();
    let wanted = page(&written);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &wanted).unwrap();
        return;
    }
    assert_eq!(written, wanted, "{PAGE} is not what src/cli/reference/ says; UPDATE_GOLDEN=1 writes it");
}
