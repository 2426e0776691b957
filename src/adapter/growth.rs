//! How much a number may grow that moves by itself on a live host, between the question and the deed.

use serde::{Deserialize, Serialize};

/// At most so many hundredths of what was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Growth(u32);

impl Growth {
    /// Between which factors it is: below, nothing could ever run; above, nobody has seen what happens.
    pub const FACTORS: (f64, f64) = (1.0, 10.0);

    /// From a factor such as 1.2, with at most two decimals.
    pub fn by_factor(factor: f64) -> Option<Self> {
        let (least, most) = Self::FACTORS;
        let hundredths = (factor * 100.0).round();
        let is_exact = (factor * 100.0 - hundredths).abs() < 1e-6;
        let is_meant = (least..=most).contains(&factor) && is_exact;
        // From 100 to 1000.
        is_meant.then_some(Self(hundredths as u32))
    }

    /// The most that it may be by then.
    pub fn most(self, shown: u64) -> u64 {
        let most = u128::from(shown) * u128::from(self.0) / 100;
        u64::try_from(most).unwrap_or(u64::MAX)
    }
}

impl Default for Growth {
    fn default() -> Self {
        Self(120)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_from_one_to_ten_with_two_decimals() {
        assert_eq!(Growth::by_factor(1.2), Some(Growth::default()));
        for (factor, most) in [(1.0, 1000), (1.05, 1050), (2.0, 2000), (10.0, 10_000)] {
            assert_eq!(Growth::by_factor(factor).unwrap().most(1000), most, "{factor}");
        }
        for wrong in [0.99, 0.0, -1.2, 10.01, 1.234, f64::NAN, f64::INFINITY] {
            assert_eq!(Growth::by_factor(wrong), None, "{wrong}");
        }
        assert_eq!(Growth::default().most(0), 0, "of nothing there is no more");
        assert_eq!(Growth::default().most(u64::MAX), u64::MAX);
    }
}
