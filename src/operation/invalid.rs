//! What is wrong with a request, and where.

use std::fmt;

/// A value that is refused. `pointer` is a JSON Pointer (RFC 6901) to it, empty for the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Where: `/params/name`.
    pub pointer: String,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

impl Invalid {
    /// A problem with the value itself, whose place the caller knows.
    pub fn here(problem: impl Into<String>) -> Self {
        Self { pointer: String::new(), problem: problem.into() }
    }

    /// A problem at a place.
    pub fn at(pointer: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), problem: problem.into() }
    }

    /// The same problem, seen from one level further out.
    pub fn under(mut self, outer: &str) -> Self {
        self.pointer.insert_str(0, outer);
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            return f.write_str(&self.problem);
        }
        write!(f, "{}: {}", self.pointer, self.problem)
    }
}

impl std::error::Error for Invalid {}
