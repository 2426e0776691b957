//! Where the gate finds what is beside its configuration: a policy on trial, and secrets.

use std::path::{Path, PathBuf};

use super::{GateConfigError, absolute};
use crate::secret::{Consumer, Places, PlacesAsWritten};

/// A policy on trial: a file beside the policy by its name, or any by its whole path; not the policy itself.
pub(super) fn beside(policy: &Path, shadow: PathBuf) -> Result<PathBuf, GateConfigError> {
    let is_name = shadow.components().count() == 1 && shadow.file_name().is_some();
    let path = match policy.parent() {
        Some(directory) if is_name => directory.join(&shadow),
        Some(_) | None => absolute("shadow", shadow)?,
    };
    if path != policy {
        return Ok(path);
    }
    let problem = "is the policy itself; name another file".to_owned();
    Err(GateConfigError::Value { key: "shadow", problem })
}

/// `[secrets]`.
pub(super) fn secrets(written: PlacesAsWritten) -> Result<Places, GateConfigError> {
    let problem =
        |problem: &'static str| GateConfigError::Value { key: "secrets", problem: problem.to_owned() };
    written.meant(Consumer::Gate).map_err(problem)
}
