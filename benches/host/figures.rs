//! A figure: a value, what it is held against, and the aim; printed as one JSON object a line.

use serde_json::json;

/// How often everything is measured, in turns.
pub(crate) const ROUNDS: usize = 5;

pub(crate) fn print(name: &str, (values, unit): (&[f64], &str), baselines: &[f64], aim: &str) {
    let (value, baseline) = (median(values), median(baselines));
    println!(
        "{}",
        json!({"name": name, "value": rounded(value), "unit": unit, "baseline": rounded(baseline),
               "ratio": rounded(value / baseline), "aim": aim})
    );
}

/// What is less than a thousandth of a value is noise.
fn rounded(value: f64) -> f64 {
    let scale = 10f64.powf(3.0 - value.abs().max(1e-9).log10().floor());
    (value * scale).round() / scale
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap()
}
