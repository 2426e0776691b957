//! Lines of one file, in bounded memory, from a file that may still grow.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use super::record::MAX_LINE;

/// What the next read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A whole line; it is in [`Lines::line`].
    Line,
    /// More than a record may have, and still no newline.
    TooLong,
    /// The end as it is now, with this many bytes behind the last newline. Reading again may find more.
    End(u64),
}

/// A file, read line by line.
#[derive(Debug)]
pub(super) struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
    whole: bool,
    number: u64,
    offset: u64,
}

impl Lines {
    /// Begins at the first line.
    pub(super) fn new(file: File) -> Lines {
        Lines {
            reader: BufReader::with_capacity(1 << 16, file),
            line: Vec::new(),
            whole: false,
            number: 0,
            offset: 0,
        }
    }

    /// Begins at a byte that must be the first of a line; line numbers count from there.
    pub(super) fn from_offset(mut file: File, offset: u64) -> io::Result<Lines> {
        file.seek(SeekFrom::Start(offset))?;
        Ok(Lines { offset, ..Lines::new(file) })
    }

    /// Reads on: to the end of a line, or to the end of the file.
    pub(super) fn read(&mut self) -> io::Result<Step> {
        if self.whole {
            self.line.clear();
            self.whole = false;
        }
        let room = (MAX_LINE + 1).saturating_sub(self.line.len());
        self.reader.by_ref().take(room as u64).read_until(b'\n', &mut self.line)?;
        if self.line.last() == Some(&b'\n') {
            self.whole = true;
            self.number += 1;
            self.offset += self.line.len() as u64;
            return Ok(Step::Line);
        }
        Ok(if self.line.len() > MAX_LINE { Step::TooLong } else { Step::End(self.line.len() as u64) })
    }

    /// The line just read, without its newline.
    pub(super) fn line(&self) -> &[u8] {
        self.line.strip_suffix(b"\n").unwrap_or(&self.line)
    }

    /// The number of the line just read, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Where the line just read ends, newline included.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }
}

/// Where the last lines of a file begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// The byte they begin at.
    pub(super) offset: u64,
    /// How many whole lines follow: as many as asked for, or all there are.
    pub(super) lines: usize,
}

/// Looks backwards for the start of the last `wanted` whole lines; what stands behind the last newline is no line.
pub(super) fn start_of_last(file: &File, wanted: usize) -> io::Result<Start> {
    let mut block = vec![0; 1 << 16];
    let mut end = file.metadata()?.len();
    let mut newlines = 0;
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let part = block.get_mut(..usize::try_from(end - start).unwrap_or(usize::MAX)).unwrap_or_default();
        file.read_exact_at(part, start)?;
        for (at, _) in part.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            if newlines == wanted {
                return Ok(Start { offset: start + at as u64 + 1, lines: wanted });
            }
            newlines += 1;
        }
        end = start;
    }
    Ok(Start { offset: 0, lines: newlines })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_line_that_is_still_being_written_is_read_once_it_is_whole() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one\ntw").unwrap();
        let mut lines = Lines::new(file.reopen().unwrap());
        assert_eq!((lines.read().unwrap(), lines.line(), lines.number()), (Step::Line, &b"one"[..], 1));
        assert_eq!(lines.read().unwrap(), Step::End(2));
        file.write_all(b"o\n").unwrap();
        assert_eq!((lines.read().unwrap(), lines.line(), lines.offset()), (Step::Line, &b"two"[..], 8));
        assert_eq!(lines.read().unwrap(), Step::End(0));
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&vec![b'x'; 3 * MAX_LINE]).unwrap();
        let mut lines = Lines::new(file.reopen().unwrap());
        assert_eq!(lines.read().unwrap(), Step::TooLong);
        assert_eq!(lines.line().len(), MAX_LINE + 1);
    }

    #[test]
    fn the_last_lines_are_found_from_the_end() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one\ntwo\n").unwrap();
        file.write_all(&vec![b'x'; 100_000]).unwrap();
        file.write_all(b"\nhalf").unwrap();
        let found = |wanted| start_of_last(file.as_file(), wanted).unwrap();
        assert_eq!(found(0), Start { offset: 100_009, lines: 0 });
        assert_eq!(found(1), Start { offset: 8, lines: 1 });
        assert_eq!(found(2), Start { offset: 4, lines: 2 });
        assert_eq!(found(9), Start { offset: 0, lines: 3 });
    }
}
