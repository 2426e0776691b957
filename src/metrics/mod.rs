//! What operators count: the metrics of the network side ([`front`]) and of the gate ([`gate`], [`signal`]), in Prometheus' text form.
//!
//! Labels come from bounded sets: never a dataset, a path, an id or a serial number. The two sides share no family, so
//! that one exposition can hold both.

pub mod front;
pub mod gate;
pub mod signal;

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    TextEncoder,
};

/// A metric that cannot be made or shown; only a mistake in this module can be the cause.
#[derive(Debug, thiserror::Error)]
#[error("metrics")]
pub struct MetricsError(#[from] prometheus::Error);

/// From a tenth of a millisecond to a quarter of a minute: requests, rules, disk.
const SHORT: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];
/// From ten milliseconds to an hour: what tools take.
const LONG: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0];
/// From a second to a day: what people take.
const PATIENT: &[f64] = &[1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 14400.0, 86400.0];

/// One side's metrics, and a line about each for the golden file.
struct Registry {
    inner: prometheus::Registry,
    described: Vec<String>,
}

impl Registry {
    fn new() -> Self {
        Self { inner: prometheus::Registry::new(), described: Vec::new() }
    }

    fn add<C: Collector + Clone + 'static>(&mut self, kind: &str, metric: C) -> Result<C, MetricsError> {
        for desc in metric.desc() {
            let mut labels = desc.variable_labels.clone();
            labels.sort();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            self.described.push(format!("{}{labels} {kind}: {}", desc.fq_name, desc.help));
        }
        self.inner.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counter(&mut self, name: &str, help: &str) -> Result<IntCounter, MetricsError> {
        self.add("counter", IntCounter::new(name, help)?)
    }

    fn counters(&mut self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, MetricsError> {
        self.add("counter", IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&mut self, name: &str, help: &str) -> Result<IntGauge, MetricsError> {
        self.add("gauge", IntGauge::new(name, help)?)
    }

    fn gauges(&mut self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, MetricsError> {
        self.add("gauge", IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histogram(&mut self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, MetricsError> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.add("histogram", Histogram::with_opts(options)?)
    }

    fn histograms(
        &mut self,
        (name, help): (&str, &str),
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, MetricsError> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.add("histogram", HistogramVec::new(options, labels)?)
    }

    fn text(&self) -> Result<String, MetricsError> {
        Ok(TextEncoder::new().encode_to_string(&self.inner.gather())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_the_one_of_the_golden_file_and_no_side_has_one_of_the_other() {
        let (front, gate) = (front::Front::new().unwrap(), gate::Gate::new().unwrap());
        let mut lines: Vec<&str> =
            front.described().iter().chain(gate.described()).map(String::as_str).collect();
        lines.sort_unstable();
        let names: std::collections::BTreeSet<&str> =
            lines.iter().filter_map(|line| line.split(['{', ' ']).next()).collect();
        assert_eq!(names.len(), lines.len(), "a family stands on both sides");
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/metrics.txt");
        let text = lines.join("\n") + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(golden, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(golden).unwrap(), text);
    }
}
