//! From method and path to one of the things that can be asked. Every path stands here, and none elsewhere.

use http::Method;

use crate::metrics::front::Endpoint;
use crate::principal::PrincipalName;

/// One thing that can be asked, with what its path says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Submit,
    Operation(OperationId),
    Events(OperationId),
    Cancel(OperationId),
    List,
    Plan,
    Catalogue,
    Evaluate,
    Pending,
    Directory(PrincipalName),
    Health,
    Metrics,
    OpenApi,
    Reload,
    Freeze,
    Preflight,
    WarnPermissions,
    Post,
    AddCheckpoint,
}

/// An operation's id as it may stand in a path: letters, digits and `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OperationId(String);

impl OperationId {
    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (plain && (1..=64).contains(&text.len())).then(|| Self(text.to_owned()))
    }
}

/// What a method and a path come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Routing {
    Found(Route),
    /// There is something at the path, for these methods only.
    OtherMethod(&'static str),
    Nothing,
}

impl Route {
    pub(super) fn endpoint(&self) -> Endpoint {
        match self {
            Self::Submit => Endpoint::Submit,
            Self::Operation(_) => Endpoint::Operation,
            Self::Events(_) => Endpoint::Events,
            Self::Cancel(_) => Endpoint::Cancel,
            Self::List => Endpoint::List,
            Self::Plan => Endpoint::Plan,
            Self::Catalogue => Endpoint::Catalogue,
            Self::Evaluate => Endpoint::Evaluate,
            Self::Pending => Endpoint::Pending,
            Self::Directory(_) => Endpoint::Directory,
            Self::Health => Endpoint::Health,
            Self::Metrics => Endpoint::Metrics,
            Self::OpenApi => Endpoint::OpenApi,
            Self::Reload => Endpoint::Reload,
            Self::Freeze => Endpoint::Freeze,
            Self::Preflight => Endpoint::Preflight,
            Self::WarnPermissions => Endpoint::WarnPermissions,
            Self::Post => Endpoint::Post,
            Self::AddCheckpoint => Endpoint::AddCheckpoint,
        }
    }
}

/// Finds the route.
pub(super) fn route(method: &Method, path: &str) -> Routing {
    let Some(path) = path.strip_prefix('/') else { return Routing::Nothing };
    let mut parts = path.split('/');
    let parts = [parts.next(), parts.next(), parts.next(), parts.next(), parts.next()];
    match parts {
        [Some("host"), Some("op"), None, ..] => collection(method),
        [Some("host"), Some("op"), Some(id), below, None] => match OperationId::parse(id) {
            Some(id) => one_operation(method, id, below),
            None => Routing::Nothing,
        },
        [Some("host"), Some("plan"), None, ..] => only(method, &Method::POST, Route::Plan),
        [Some("host"), Some("ops"), None, ..] => only(method, &Method::GET, Route::Catalogue),
        [Some("evaluate"), None, ..] => only(method, &Method::POST, Route::Evaluate),
        [Some("pending"), None, ..] => only(method, &Method::GET, Route::Pending),
        [Some("directory"), Some(name), None, ..] => match PrincipalName::try_from(name.to_owned()) {
            Ok(name) => only(method, &Method::GET, Route::Directory(name)),
            Err(_) => Routing::Nothing,
        },
        [Some("health"), None, ..] => only(method, &Method::GET, Route::Health),
        [Some("metrics"), None, ..] => only(method, &Method::GET, Route::Metrics),
        [Some("openapi.json"), None, ..] => only(method, &Method::GET, Route::OpenApi),
        [Some("webhook"), Some("signal"), None, ..] => only(method, &Method::POST, Route::Post),
        [Some("witness"), Some("add-checkpoint"), None, ..] => {
            only(method, &Method::POST, Route::AddCheckpoint)
        }
        [Some("admin"), Some("reload"), None, ..] => only(method, &Method::POST, Route::Reload),
        [Some("admin"), Some("freeze"), None, ..] => only(method, &Method::POST, Route::Freeze),
        [Some("admin"), Some("preflight"), None, ..] => only(method, &Method::GET, Route::Preflight),
        [Some("admin"), Some("warn-permissions"), None, ..] => {
            only(method, &Method::GET, Route::WarnPermissions)
        }
        _other => Routing::Nothing,
    }
}

fn collection(method: &Method) -> Routing {
    match *method {
        Method::POST => Routing::Found(Route::Submit),
        Method::GET => Routing::Found(Route::List),
        _ => Routing::OtherMethod("GET, POST"),
    }
}

fn one_operation(method: &Method, id: OperationId, below: Option<&str>) -> Routing {
    match below {
        Some("events") => only(method, &Method::GET, Route::Events(id)),
        Some(_) => Routing::Nothing,
        None => match *method {
            Method::GET => Routing::Found(Route::Operation(id)),
            Method::DELETE => Routing::Found(Route::Cancel(id)),
            _ => Routing::OtherMethod("DELETE, GET"),
        },
    }
}

fn only(method: &Method, wanted: &Method, route: Route) -> Routing {
    if method == wanted {
        return Routing::Found(route);
    }
    Routing::OtherMethod(if *wanted == Method::GET { "GET" } else { "POST" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> OperationId {
        OperationId::parse(text).unwrap()
    }

    #[test]
    fn every_path_of_the_contract_is_found() {
        let librarian = PrincipalName::try_from("librarian".to_owned()).unwrap();
        for (method, path, wanted) in [
            (Method::POST, "/host/op", Route::Submit),
            (Method::GET, "/host/op", Route::List),
            (Method::GET, "/host/op/op_1", Route::Operation(id("op_1"))),
            (Method::DELETE, "/host/op/op_1", Route::Cancel(id("op_1"))),
            (Method::GET, "/host/op/op_1/events", Route::Events(id("op_1"))),
            (Method::POST, "/host/plan", Route::Plan),
            (Method::GET, "/host/ops", Route::Catalogue),
            (Method::POST, "/evaluate", Route::Evaluate),
            (Method::GET, "/pending", Route::Pending),
            (Method::GET, "/directory/librarian", Route::Directory(librarian)),
            (Method::GET, "/health", Route::Health),
            (Method::GET, "/metrics", Route::Metrics),
            (Method::GET, "/openapi.json", Route::OpenApi),
            (Method::POST, "/admin/reload", Route::Reload),
            (Method::POST, "/admin/freeze", Route::Freeze),
            (Method::GET, "/admin/preflight", Route::Preflight),
            (Method::GET, "/admin/warn-permissions", Route::WarnPermissions),
            (Method::POST, "/webhook/signal", Route::Post),
            (Method::POST, "/witness/add-checkpoint", Route::AddCheckpoint),
        ] {
            assert_eq!(route(&method, path), Routing::Found(wanted), "{method} {path}");
        }
    }

    #[test]
    fn another_method_names_those_there_are() {
        for (method, path, allowed) in [
            (Method::HEAD, "/health", "GET"),
            (Method::PUT, "/host/op", "GET, POST"),
            (Method::POST, "/host/op/op_1", "DELETE, GET"),
            (Method::GET, "/admin/reload", "POST"),
            (Method::GET, "/admin/freeze", "POST"),
            (Method::OPTIONS, "/evaluate", "POST"),
            (Method::DELETE, "/host/op/op_1/events", "GET"),
        ] {
            assert_eq!(route(&method, path), Routing::OtherMethod(allowed), "{method} {path}");
        }
    }

    #[test]
    fn anything_else_is_nothing() {
        for path in [
            "",
            "*",
            "/",
            "//health",
            "/health/",
            "/Health",
            "/host",
            "/host/op/",
            "/host/op//events",
            "/host/op/a/b",
            "/host/op/a/events/",
            "/host/op/..%2f",
            "/directory/",
            "/directory/Root",
            "/admin/sudoers",
            "/host/op/a-b",
        ] {
            assert_eq!(route(&Method::GET, path), Routing::Nothing, "{path}");
        }
        assert_eq!(route(&Method::GET, &format!("/host/op/{}", "a".repeat(65))), Routing::Nothing);
    }
}
