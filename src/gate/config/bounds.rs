//! Values of `gate.toml` that have to be of a form of their own.

use super::GateConfigError;
use crate::adapter::Growth;
use crate::config::logging;

pub(super) fn filter(log: String) -> Result<String, GateConfigError> {
    match logging::check(&log) {
        Ok(()) => Ok(log),
        Err(error) => {
            let problem = format!("{log:?} is not a log filter such as info: {error}");
            Err(GateConfigError::Value { key: "log", problem })
        }
    }
}

pub(super) fn growth(factor: f64) -> Result<Growth, GateConfigError> {
    let (least, most) = Growth::FACTORS;
    Growth::by_factor(factor).ok_or_else(|| {
        let problem = format!("{factor} is not from {least} to {most} with at most two decimals");
        GateConfigError::Value { key: "approvals.growth", problem }
    })
}
