//! What the network side counts: requests, handshakes, refusals of strangers, certificates.

use std::sync::OnceLock;
use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::{MetricsError, Registry, SHORT};

/// The endpoints, as the label has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Endpoint {
    /// `POST /host/op`.
    Submit,
    /// `GET /host/op/{id}`.
    Operation,
    /// `GET /host/op/{id}/events`.
    Events,
    /// `DELETE /host/op/{id}`.
    Cancel,
    /// `GET /host/op`.
    List,
    /// `POST /host/plan`.
    Plan,
    /// `GET /host/ops`.
    Catalogue,
    /// `POST /evaluate`.
    Evaluate,
    /// `GET /pending`.
    Pending,
    /// `GET /directory/{handle}`.
    Directory,
    /// `GET /health`.
    Health,
    /// `GET /metrics`.
    Metrics,
    /// `GET /openapi.json`.
    OpenApi,
    /// `POST /admin/reload`.
    Reload,
    /// `POST /admin/freeze`.
    Freeze,
    /// `GET /admin/preflight`.
    Preflight,
    /// `GET /admin/warn-permissions`.
    WarnPermissions,
    /// `POST /webhook/signal`.
    Post,
    /// `POST /witness/add-checkpoint`.
    AddCheckpoint,
    /// What no endpoint is.
    None,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Submit,
        Self::Operation,
        Self::Events,
        Self::Cancel,
        Self::List,
        Self::Plan,
        Self::Catalogue,
        Self::Evaluate,
        Self::Pending,
        Self::Directory,
        Self::Health,
        Self::Metrics,
        Self::OpenApi,
        Self::Reload,
        Self::Freeze,
        Self::Preflight,
        Self::WarnPermissions,
        Self::Post,
        Self::AddCheckpoint,
        Self::None,
    ];

    /// The label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Operation => "operation",
            Self::Events => "events",
            Self::Cancel => "cancel",
            Self::List => "list",
            Self::Plan => "plan",
            Self::Catalogue => "catalogue",
            Self::Evaluate => "evaluate",
            Self::Pending => "pending",
            Self::Directory => "directory",
            Self::Health => "health",
            Self::Metrics => "metrics",
            Self::OpenApi => "openapi",
            Self::Reload => "reload",
            Self::Freeze => "freeze",
            Self::Preflight => "preflight",
            Self::WarnPermissions => "warn_permissions",
            Self::Post => "webhook_signal",
            Self::AddCheckpoint => "witness_add_checkpoint",
            Self::None => "none",
        }
    }
}

/// Every status that is ever sent. One that is not in the list would be counted as 500.
const CODES: [u16; 18] =
    [200, 202, 204, 400, 403, 404, 405, 408, 409, 413, 415, 422, 429, 431, 500, 501, 503, 505];

/// One endpoint's counters, found at their first use so that a request costs no look-up of labels.
#[derive(Default)]
struct EndpointMetrics {
    codes: [OnceLock<IntCounter>; CODES.len()],
    duration: OnceLock<Histogram>,
}

/// The network side's metrics.
pub struct Front {
    registry: Registry,
    requests: IntCounterVec,
    duration: HistogramVec,
    endpoints: [EndpointMetrics; Endpoint::ALL.len()],
    handshakes: IntCounterVec,
    auth_failures: IntCounterVec,
    rate_limited: IntCounterVec,
    spans: IntCounterVec,
    certificate_expiry: IntGaugeVec,
    /// 1 when the configuration in force is the one that was read last.
    pub reload_successful: IntGauge,
}

impl Front {
    /// All at zero.
    ///
    /// # Errors
    /// Only when two of them have one name.
    pub fn new() -> Result<Self, MetricsError> {
        let mut r = Registry::new();
        let requests =
            r.counters("reeve_requests_total", "Requests by endpoint and status", &["endpoint", "code"])?;
        let duration = r.histograms(
            ("reeve_request_duration_seconds", "Time from a request's head to its answer's head"),
            &["endpoint"],
            SHORT,
        )?;
        let build = r.gauges("reeve_build_info", "The version that runs", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(Self {
            endpoints: Default::default(),
            requests,
            duration,
            handshakes: r.counters("reeve_tls_handshakes_total", "TLS handshakes by result", &["result"])?,
            auth_failures: r.counters(
                "reeve_auth_failures_total",
                "Callers refused for their certificate, by reason",
                &["reason"],
            )?,
            rate_limited: r.counters(
                "reeve_rate_limited_total",
                "Requests refused for the caller's rate",
                &["principal"],
            )?,
            spans: r.counters(
                "reeve_front_spans_total",
                "Spans that the network side made, by what became of them",
                &["outcome"],
            )?,
            certificate_expiry: r.gauges(
                "reeve_certificate_expiry_timestamp_seconds",
                "When certificates and the revocation list end, in Unix time",
                &["cert"],
            )?,
            reload_successful: r.gauge(
                "reeve_config_last_reload_successful",
                "Whether the configuration in force is the one that was read last",
            )?,
            registry: r,
        })
    }

    /// A request was answered.
    pub fn answered(&self, endpoint: Endpoint, code: u16, time: Duration) {
        let (position, code) =
            CODES.iter().copied().enumerate().find(|(_, known)| *known == code).unwrap_or(UNKNOWN_CODE);
        let Some(metrics) = self.endpoints.get(endpoint as usize) else { return };
        let label = endpoint.as_str();
        if let Some(counter) = metrics.codes.get(position) {
            counter.get_or_init(|| self.requests.with_label_values(&[label, &code.to_string()])).inc();
        }
        let duration = metrics.duration.get_or_init(|| self.duration.with_label_values(&[label]));
        duration.observe(time.as_secs_f64());
    }

    /// A handshake ended: `ok`, or a word of the fixed set of reasons.
    pub fn handshake(&self, result: &'static str) {
        self.handshakes.with_label_values(&[result]).inc();
    }

    /// A caller was refused for its certificate.
    pub fn auth_failure(&self, reason: &'static str) {
        self.auth_failures.with_label_values(&[reason]).inc();
    }

    /// The counter of one caller's requests that were too many; callers are bounded by configuration.
    #[must_use]
    pub fn rate_limited(&self, principal: &str) -> IntCounter {
        self.rate_limited.with_label_values(&[principal])
    }

    /// What counts what became of spans: `exported`, `rejected`, `dropped` or `lost`.
    pub fn spans(&self) -> impl Fn(&'static str, u64) + Send + Sync + use<> {
        let spans = self.spans.clone();
        move |outcome, count| spans.with_label_values(&[outcome]).inc_by(count)
    }

    /// When something ends: `server`, `client_ca` or `crl`.
    pub fn expires(&self, cert: &'static str, unix_seconds: i64) {
        self.certificate_expiry.with_label_values(&[cert]).set(unix_seconds);
    }

    /// A line about each, for the golden file.
    #[must_use]
    pub fn described(&self) -> &[String] {
        &self.registry.described
    }

    /// All of them in Prometheus' text form.
    ///
    /// # Errors
    /// Only when a metric contradicts itself.
    pub fn text(&self) -> Result<String, MetricsError> {
        self.registry.text()
    }
}

/// What a status outside of [`CODES`] is counted as, with its place there.
const UNKNOWN_CODE: (usize, u16) = (14, 500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_stand_in_the_list_where_their_number_says() {
        for (position, endpoint) in Endpoint::ALL.into_iter().enumerate() {
            assert_eq!(position, endpoint as usize, "{endpoint:?}");
        }
        assert_eq!(CODES[UNKNOWN_CODE.0], UNKNOWN_CODE.1);
    }

    #[test]
    fn what_happened_is_in_the_text() {
        let front = Front::new().unwrap();
        front.answered(Endpoint::Submit, 202, Duration::from_millis(3));
        front.answered(Endpoint::Health, 299, Duration::from_micros(10));
        front.handshake("ok");
        front.auth_failure("revoked");
        front.rate_limited("librarian").inc();
        front.expires("crl", 1_800_000_000);
        front.reload_successful.set(1);
        let text = front.text().unwrap();
        for line in [
            "reeve_requests_total{code=\"202\",endpoint=\"submit\"} 1",
            "reeve_requests_total{code=\"500\",endpoint=\"health\"} 1",
            "reeve_request_duration_seconds_count{endpoint=\"submit\"} 1",
            "reeve_tls_handshakes_total{result=\"ok\"} 1",
            "reeve_auth_failures_total{reason=\"revoked\"} 1",
            "reeve_rate_limited_total{principal=\"librarian\"} 1",
            "reeve_certificate_expiry_timestamp_seconds{cert=\"crl\"} 1800000000",
            "reeve_config_last_reload_successful 1",
            "reeve_build_info{version=\"0.1.0\"} 1",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
        }
    }
}
