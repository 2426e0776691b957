//! Which requests are seen in traces: those that ask for something to be decided. What only looks is left out.

use http::{HeaderMap, Method, StatusCode};

use super::server::Shared;
use crate::metrics::front::Endpoint;
use crate::trace::{Context, Key, Kind, Work, context};

/// Begins the span of a request, under what its caller says that it belongs to.
pub(super) fn begin<'a>(
    shared: &'a Shared,
    endpoint: Endpoint,
    (method, headers): (&Method, &HeaderMap),
) -> Option<Work<'a>> {
    let route = match endpoint {
        Endpoint::Submit => "/host/op",
        Endpoint::Plan => "/host/plan",
        Endpoint::Evaluate => "/evaluate",
        Endpoint::Cancel => "/host/op/{id}",
        Endpoint::Operation
        | Endpoint::Events
        | Endpoint::List
        | Endpoint::Catalogue
        | Endpoint::Pending
        | Endpoint::Directory
        | Endpoint::Health
        | Endpoint::Metrics
        | Endpoint::OpenApi
        | Endpoint::Reload
        | Endpoint::Freeze
        | Endpoint::Preflight
        | Endpoint::WarnPermissions
        | Endpoint::Post
        | Endpoint::AddCheckpoint
        | Endpoint::None => return None,
    };
    let mut work = shared.traces.root(caller(headers), &format!("{method} {route}"), Kind::Server);
    work.set(Key::Method, method.as_str());
    work.set(Key::Route, route);
    Some(work)
}

/// The request was answered.
pub(super) fn answered(work: Option<Work<'_>>, status: StatusCode) {
    if let Some(mut work) = work {
        work.set(Key::Status, i64::from(status.as_u16()));
        if status.is_server_error() {
            work.failed();
        }
    }
}

/// What the caller says. Two of them are as good as none, as is one that is not of the form.
fn caller(headers: &HeaderMap) -> Option<Context> {
    let mut said = headers.get_all(context::HEADER).iter();
    let (first, second) = (said.next()?, said.next());
    Context::parse(first.to_str().ok()?).ok().filter(|_| second.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_trace_is_joined_that_is_named_once_and_in_its_form() {
        let said = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(context::HEADER, value.parse().unwrap());
            }
            caller(&headers)
        };
        assert_eq!(said(&[GOOD]), Some(Context::parse(GOOD).unwrap()));
        for bad in [vec![], vec![GOOD, GOOD], vec!["00-x"], vec![""]] {
            assert_eq!(said(&bad), None, "{bad:?}");
        }
    }
}
