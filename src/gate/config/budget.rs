//! `[[budget]]` of `gate.toml`.

use serde::Deserialize;

use super::GateConfigError;
use crate::operation::Effect;
use crate::principal::PrincipalName;

/// How much may be changed or destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// By whom; by each, when there is none.
    principal: Option<PrincipalName>,
    /// What counts; changing as well as destroying, when there is none.
    effect: Option<Effect>,
    /// In an hour.
    pub(in crate::gate) per_hour: Amount,
    /// In a day.
    pub(in crate::gate) per_day: Amount,
}

/// The most in one span of time; unbounded where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many operations.
    pub(in crate::gate) operations: Option<u64>,
    /// How many different objects.
    pub(in crate::gate) objects: Option<u64>,
    /// How many bytes are freed.
    pub(in crate::gate) bytes: Option<u64>,
}

impl Budget {
    /// Whether an operation of a principal counts.
    pub(in crate::gate) fn is_for(&self, principal: &PrincipalName, effect: Effect) -> bool {
        self.principal.as_ref().is_none_or(|own| own == principal) && self.counts(effect)
    }

    /// Whether an operation of this effect counts.
    pub(in crate::gate) fn counts(&self, effect: Effect) -> bool {
        self.effect.is_none_or(|own| own == effect)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetAsWritten {
    principal: Option<PrincipalName>,
    effect: Option<Counted>,
    operations_per_hour: Option<u64>,
    operations_per_day: Option<u64>,
    objects_per_hour: Option<u64>,
    objects_per_day: Option<u64>,
    bytes_per_hour: Option<String>,
    bytes_per_day: Option<String>,
}

/// Reading is not counted.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Counted {
    Change,
    Destroy,
}

impl BudgetAsWritten {
    pub(super) fn meant(self) -> Result<Budget, GateConfigError> {
        let size = |key, text: Option<String>| text.map(|text| size(key, &text)).transpose();
        let per_hour = Amount {
            operations: self.operations_per_hour,
            objects: self.objects_per_hour,
            bytes: size("budget.bytes_per_hour", self.bytes_per_hour)?,
        };
        let per_day = Amount {
            operations: self.operations_per_day,
            objects: self.objects_per_day,
            bytes: size("budget.bytes_per_day", self.bytes_per_day)?,
        };
        if per_hour == Amount::default() && per_day == Amount::default() {
            let problem =
                "it bounds nothing: operations_per_hour, objects_per_day, bytes_per_day, …".to_owned();
            return Err(GateConfigError::Value { key: "budget", problem });
        }
        let effect = self.effect.map(|counted| match counted {
            Counted::Change => Effect::Change,
            Counted::Destroy => Effect::Destroy,
        });
        Ok(Budget { principal: self.principal, effect, per_hour, per_day })
    }
}

/// `10G`, with the units of contracts.
fn size(key: &'static str, text: &str) -> Result<u64, GateConfigError> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_uppercase());
    let unit: Option<u64> = match text.get(digits.len()..) {
        Some("") => Some(1),
        Some("K") => Some(1 << 10),
        Some("M") => Some(1 << 20),
        Some("G") => Some(1 << 30),
        Some("T") => Some(1 << 40),
        Some("P") => Some(1 << 50),
        Some(_) | None => None,
    };
    let is_plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| is_plain);
    number.zip(unit).and_then(|(number, unit)| number.checked_mul(unit)).ok_or_else(|| {
        GateConfigError::Value { key, problem: format!("{text:?} is no size such as \"512M\" or \"10G\"") }
    })
}
