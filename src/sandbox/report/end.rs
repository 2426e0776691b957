//! How a run ended, what it used, and which limits it came to.

use std::fmt;

/// A limit that a run may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Time by the clock.
    WallClock,
    /// Processor time.
    Cpu,
    /// Memory.
    Memory,
    /// The size of a file.
    FileSize,
    /// Output.
    Output,
    /// Processes and threads.
    Processes,
    /// The size of a workspace.
    Workspace,
    /// The number of its files.
    Inodes,
    /// What a module may take of instructions.
    Fuel,
    /// A module's time by the clock.
    Deadline,
    /// Elements of a module's tables.
    Table,
}

impl Limit {
    /// Every one of them.
    pub const ALL: [Limit; 11] = [
        Limit::WallClock,
        Limit::Cpu,
        Limit::Memory,
        Limit::FileSize,
        Limit::Output,
        Limit::Processes,
        Limit::Workspace,
        Limit::Inodes,
        Limit::Fuel,
        Limit::Deadline,
        Limit::Table,
    ];

    /// The key of the declaration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Limit::WallClock => "wall_clock",
            Limit::Cpu => "cpu",
            Limit::Memory => "memory",
            Limit::FileSize => "file_size",
            Limit::Output => "output",
            Limit::Processes => "processes",
            Limit::Workspace => "workspace",
            Limit::Inodes => "inodes",
            Limit::Fuel => "fuel",
            Limit::Deadline => "deadline",
            Limit::Table => "table",
        }
    }

    /// Reads its word.
    #[must_use]
    pub fn read(word: &str) -> Option<Limit> {
        Limit::ALL.into_iter().find(|limit| limit.as_str() == word)
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By itself, with this status.
    Exit(i32),
    /// By this signal, which no limit of ours sent.
    Signal(i32),
    /// By a limit.
    Limit(Limit),
    /// By a trap of a module's.
    Trap,
    /// It is no module that may run, and was not begun.
    Refused,
}

impl How {
    /// Two words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            How::Exit(status) => format!("exit {status}"),
            How::Signal(signal) => format!("signal {signal}"),
            How::Limit(limit) => format!("limit {}", limit.as_str()),
            How::Trap => "trap -".to_owned(),
            How::Refused => "refused -".to_owned(),
        }
    }

    /// Reads two words.
    #[must_use]
    pub fn read(kind: &str, what: &str) -> Option<How> {
        match kind {
            "exit" => what.parse().ok().map(How::Exit),
            "signal" => what.parse().ok().map(How::Signal),
            "limit" => Limit::read(what).map(How::Limit),
            "trap" if what == "-" => Some(How::Trap),
            "refused" if what == "-" => Some(How::Refused),
            _ => None,
        }
    }
}

/// The end of a run, and what it used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// How.
    pub how: How,
    /// Until what confines it was in force.
    pub start_ms: u64,
    /// By the clock.
    pub wall_ms: u64,
    /// Processor time of all its processes; absent where nothing counts it.
    pub cpu_ms: Option<u64>,
    /// The most memory that it had at one time, in bytes; absent where nothing counts it.
    pub memory: Option<u64>,
    /// Whether it wrote more than was handed on, whatever the reason.
    pub is_cut: bool,
    /// Limits that it came to and that did not end it: a call failed inside, or a process of its own ended.
    pub reached: Vec<Limit>,
}

const CUT: &str = "cut";
const WHOLE: &str = "whole";

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
        let End { how, start_ms, wall_ms, cpu_ms, memory, is_cut, reached } = self;
        let output = if *is_cut { CUT } else { WHOLE };
        let reached: Vec<&str> = reached.iter().map(|limit| limit.as_str()).collect();
        let reached = if reached.is_empty() { "-".to_owned() } else { reached.join(",") };
        let (how, cpu, memory) = (how.words(), number(*cpu_ms), number(*memory));
        write!(f, "end {how} {start_ms} {wall_ms} {cpu} {memory} {output} {reached}")
    }
}

impl End {
    /// Reads a line that was written as this type writes it.
    #[must_use]
    pub fn read(line: &str) -> Option<End> {
        let words: Vec<&str> = line.strip_prefix("end ")?.split(' ').collect();
        let [kind, what, start, wall, cpu, memory, output, reached] = words.as_slice() else { return None };
        let number = |word: &str| if word == "-" { Some(None) } else { word.parse().ok().map(Some) };
        let reached = Some(*reached).filter(|word| *word != "-");
        Some(End {
            how: How::read(kind, what)?,
            start_ms: start.parse().ok()?,
            wall_ms: wall.parse().ok()?,
            cpu_ms: number(cpu)?,
            memory: number(memory)?,
            is_cut: match *output {
                CUT => true,
                WHOLE => false,
                _other => return None,
            },
            reached: reached
                .into_iter()
                .flat_map(|words| words.split(','))
                .map(Limit::read)
                .collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_read_as_it_was_written() {
        let hows = Limit::ALL.into_iter().map(How::Limit).chain([
            How::Exit(127),
            How::Signal(9),
            How::Trap,
            How::Refused,
        ]);
        for how in hows {
            for (is_cut, reached) in
                [(false, vec![]), (true, vec![Limit::Processes]), (true, Limit::ALL.to_vec())]
            {
                let end =
                    End { how, start_ms: 3, wall_ms: 12, cpu_ms: None, memory: Some(4096), is_cut, reached };
                assert_eq!(End::read(&end.to_string()), Some(end));
            }
        }
        for line in [
            "end limit tea 1 2 3 4 whole -",
            "end exit 0 1 2 3 4",
            "end exit 0 1 2 3 4 half -",
            "end exit 0 1 2 3 4 whole tea",
            "end exit 0 1 2 3 4 whole cpu,",
            "end exit 0 1 2 3 4 whole - -",
        ] {
            assert_eq!(End::read(line), None, "{line}");
        }
    }
}
