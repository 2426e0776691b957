//! The name of a declared tool.

use crate::operation::Invalid;
use crate::operation::name_type::{check_word, name_type};

/// What `list` acts on; no tool has this name.
pub(in crate::operation) const DECLARED: &str = "declared";

name_type! {
    /// A tool by the name of its declaration's file: never a path.
    ToolName, check
}

fn check(name: &str) -> Result<(), Invalid> {
    check_word(name)?;
    if name == DECLARED {
        return Err(Invalid::here(format!("is not {DECLARED}, which stands for all of them")));
    }
    Ok(())
}
