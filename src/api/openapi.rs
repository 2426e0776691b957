//! `GET /openapi.json`: OpenAPI 3.1 of all paths, made of the same enums and the same catalogue that the code is.

mod schema;

use serde_json::{Map, Value, json};

use crate::metrics::front::Endpoint;

/// One path and method.
struct Path {
    method: &'static str,
    path: &'static str,
    about: &'static str,
    parameters: Vec<Value>,
    /// The schema of the body, where there is one.
    body: Option<&'static str>,
    /// What is answered when all goes well: status, words, schema.
    good: Vec<Good>,
    /// The statuses of problems, besides those that every path has.
    problems: &'static [u16],
}

struct Good {
    status: u16,
    about: &'static str,
    content: Option<(&'static str, Value)>,
}

/// What every path may answer: no principal or a refused certificate, too many requests, a gate that is down.
const EVERYWHERE: [u16; 2] = [403, 429];

/// The document.
pub(super) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for path in Endpoint::ALL.into_iter().filter_map(described) {
        let methods = paths.entry(path.path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(path.method.to_owned(), operation(&path));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Reeve",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Runs a host on behalf of its people: agents ask, rules decide, people confirm what cannot be \
                            undone. A client certificate says who asks.",
        },
        "security": [{"certificate": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"certificate": {"type": "mutualTLS"}},
            "schemas": schema::all(),
        },
    })
}

fn operation(path: &Path) -> Value {
    let mut responses: Map<String, Value> =
        path.good.iter().map(|good| (good.status.to_string(), answer(good))).collect();
    for status in path.problems.iter().chain(&EVERYWHERE) {
        let content = json!({"application/problem+json": {"schema": reference("Problem")}});
        responses.insert(status.to_string(), json!({"description": words(*status), "content": content}));
    }
    let mut operation = json!({"summary": path.about, "responses": responses});
    if let Some(operation) = operation.as_object_mut() {
        if !path.parameters.is_empty() {
            operation.insert("parameters".to_owned(), json!(path.parameters));
        }
        if let Some(schema) = path.body {
            let content = json!({"application/json": {"schema": reference(schema)}});
            operation.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
        }
    }
    operation
}

fn answer(good: &Good) -> Value {
    let mut answer = json!({"description": good.about});
    if let (Some((kind, schema)), Some(members)) = (&good.content, answer.as_object_mut()) {
        members.insert("content".to_owned(), json!({*kind: {"schema": schema}}));
    }
    answer
}

/// What a status means, wherever it comes.
fn words(status: u16) -> &'static str {
    match status {
        400 => "Not JSON that Reeve reads, or a header or query that is not understood",
        403 => "Denied by the rules, not for this caller's role, or a certificate that is not accepted",
        404 => "No such thing for this caller",
        408 => "The body did not come in time",
        409 => {
            "In conflict with what is: another operation under the key, a host that is not as it must be, too late, busy"
        }
        413 => "A body of more than 64 KiB",
        415 => "A body that is not application/json",
        422 => "Not a valid request; `pointer` says where",
        429 => "Too many requests or connections, or the same was refused a moment ago",
        503 => "The gate, the audit log or the approval channel cannot do its part",
        _ => "A problem",
    }
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn is_json(status: u16, about: &'static str, schema: &str) -> Good {
    Good { status, about, content: Some(("application/json", reference(schema))) }
}

fn parameter(place: &str, name: &str, schema: &Value, about: &str) -> Value {
    json!({"in": place, "name": name, "required": place == "path", "schema": schema, "description": about})
}

fn id() -> Value {
    parameter(
        "path",
        "id",
        &json!({"type": "string", "pattern": "^[A-Za-z0-9_]{1,64}$"}),
        "the operation's id",
    )
}

fn get(path: &'static str, about: &'static str, good: Good) -> Path {
    Path {
        method: "get",
        path,
        about,
        parameters: Vec::new(),
        body: None,
        good: vec![good],
        problems: &[503],
    }
}

fn post(path: &'static str, about: &'static str, body: &'static str, good: Good) -> Path {
    let problems = &[400, 408, 413, 415, 422, 503];
    Path { method: "post", path, about, parameters: Vec::new(), body: Some(body), good: vec![good], problems }
}

/// What stands behind an endpoint; nothing behind the label for paths that are none.
fn described(endpoint: Endpoint) -> Option<Path> {
    Some(match endpoint {
        Endpoint::Submit => submit(),
        Endpoint::Operation => one_operation(),
        Endpoint::Events => events(),
        Endpoint::Cancel => cancel(),
        Endpoint::List => list(),
        Endpoint::Plan => Path {
            problems: &[400, 408, 409, 413, 415, 422, 503],
            ..post(
                "/host/plan",
                "What would be decided and what would happen; nothing runs and nobody is asked",
                "Operation",
                is_json(200, "The decision and the effects", "Plan"),
            )
        },
        Endpoint::Catalogue => get(
            "/host/ops",
            "Every operation with its JSON Schema and effect, and whether the caller's contract has it",
            is_json(200, "The catalogue", "Document"),
        ),
        Endpoint::Evaluate => post(
            "/evaluate",
            "Asks the rules about a tool that Reeve does not run; identity is the certificate's, never the body's",
            "Evaluation",
            is_json(200, "The verdict", "Verdict"),
        ),
        Endpoint::Pending => get(
            "/pending",
            "Approvals that wait: an agent's own, an admin's all; never a token",
            is_json(200, "The approvals", "Approvals"),
        ),
        Endpoint::Directory => directory(),
        Endpoint::Health => Path {
            problems: &[],
            ..get("/health", "Whether all is well, as of a second ago", is_json(200, "The health", "Health"))
        },
        Endpoint::Metrics => metrics(),
        Endpoint::OpenApi => Path {
            problems: &[],
            ..get("/openapi.json", "This document", is_json(200, "This document", "Document"))
        },
        Endpoint::Reload => reload(),
        Endpoint::Freeze => freeze(),
        Endpoint::Preflight => get(
            "/admin/preflight",
            "What `reeve doctor` found on the host, check by check, and whether it is in lockdown, for the role admin",
            is_json(200, "The checks", "Preflight"),
        ),
        Endpoint::WarnPermissions => get(
            "/admin/warn-permissions",
            "The risky lines of sudo's configuration, for the role admin",
            is_json(200, "The lines", "SudoersProbe"),
        ),
        Endpoint::Post => posted(),
        Endpoint::AddCheckpoint => add_checkpoint(),
        Endpoint::None => return None,
    })
}

fn submit() -> Path {
    let key = json!({"type": "string", "pattern": "^[!-~]{1,128}$"});
    let about = "the same key and operation give the first answer again";
    let mut path = post(
        "/host/op",
        "Submits an operation",
        "Operation",
        is_json(200, "It is over, whatever the tool's own exit status", "Envelope"),
    );
    path.good.push(is_json(
        202,
        "It waits for people or still runs; Location says where to look",
        "Envelope",
    ));
    path.parameters = vec![parameter("header", "Idempotency-Key", &key, about)];
    path.problems = &[400, 408, 409, 413, 415, 422, 503];
    path
}

fn one_operation() -> Path {
    let wait = json!({"type": "integer", "minimum": 0, "maximum": 300, "default": 0});
    let about = "seconds to wait for the final state; running out of time is an answer, not an error";
    Path {
        parameters: vec![id(), parameter("query", "wait", &wait, about)],
        problems: &[400, 404, 503],
        ..get("/host/op/{id}", "An operation's state", is_json(200, "The operation as it is", "Envelope"))
    }
}

fn events() -> Path {
    let last = json!({"type": "string", "pattern": "^[0-9]{1,20}$"});
    let stream = Good {
        status: 200,
        about: "Events named `state`, with the version as id and the envelope as data; it ends after the final state",
        content: Some(("text/event-stream", json!({"type": "string"}))),
    };
    let mut path = get("/host/op/{id}/events", "An operation's states as they come", stream);
    path.good.push(Good { status: 204, about: "The caller has seen the final state", content: None });
    path.parameters = vec![id(), parameter("header", "Last-Event-ID", &last, "resumes after this event")];
    path.problems = &[400, 404, 503];
    path
}

fn cancel() -> Path {
    Path {
        method: "delete",
        parameters: vec![id()],
        problems: &[404, 409, 503],
        ..get(
            "/host/op/{id}",
            "Takes an operation back before it begins",
            is_json(200, "The operation as it is now", "Envelope"),
        )
    }
}

fn list() -> Path {
    let text = json!({"type": "string"});
    let limit = json!({"type": "integer", "minimum": 1, "maximum": 200, "default": 50});
    Path {
        parameters: vec![
            parameter("query", "state", &reference("State"), "only these"),
            parameter("query", "kind", &text, "only of this kind"),
            parameter("query", "cursor", &text, "`next` of the page before"),
            parameter("query", "limit", &limit, "how many"),
        ],
        problems: &[400, 503],
        ..get(
            "/host/op",
            "Operations, newest first: an agent's own, an admin's all",
            is_json(200, "A page", "Operations"),
        )
    }
}

fn directory() -> Path {
    let handle = json!({"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"});
    Path {
        parameters: vec![parameter("path", "handle", &handle, "a principal's name")],
        problems: &[404, 503],
        ..get(
            "/directory/{handle}",
            "What a principal is and offers, as far as the caller's contract shows it",
            is_json(200, "The principal", "Document"),
        )
    }
}

fn metrics() -> Path {
    let text = Good {
        status: 200,
        about: "Prometheus' text form",
        content: Some(("text/plain", json!({"type": "string"}))),
    };
    get("/metrics", "Metrics, for the roles metrics and admin", text)
}

fn reload() -> Path {
    let waits = "People are asked about what would change who may approve what; the rest of the gate's files waits with it";
    let mut path = get(
        "/admin/reload",
        "Reads configuration, contracts, policy, certificates and revocation lists again, for the role admin",
        is_json(200, "Everything was read", "Reloaded"),
    );
    path.good.push(is_json(202, waits, "Reloaded"));
    Path { method: "post", problems: &[409, 503], ..path }
}

fn freeze() -> Path {
    Path {
        problems: &[400, 404, 408, 413, 415, 422, 503],
        ..post(
            "/admin/freeze",
            "Has nothing more done for a principal or on the whole host, or ends that, for the role admin",
            "Freeze",
            is_json(200, "How it is now", "Frozen"),
        )
    }
}

fn posted() -> Path {
    let id = json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"});
    let seconds = json!({"type": "string", "pattern": "^[0-9]{1,20}$"});
    let signature = json!({"type": "string", "pattern": "^v1,[A-Za-z0-9+/]{43}=( |$)"});
    let header = |name, schema: &Value, about| {
        let mut header = parameter("header", name, schema, about);
        if let Some(members) = header.as_object_mut() {
            members.insert("required".to_owned(), json!(true));
        }
        header
    };
    Path {
        parameters: vec![
            header("webhook-id", &id, "never the same twice"),
            header("webhook-timestamp", &seconds, "when it was signed, in seconds since 1970"),
            header(
                "webhook-signature",
                &signature,
                "HMAC-SHA256 of the approver's key over id.timestamp.body",
            ),
        ],
        problems: &[400, 404, 408, 409, 413, 415, 422, 503],
        ..post(
            "/webhook/signal",
            "Takes what an approver signed as if it had come on Signal; who votes is said by the key, never by the body",
            "Posted",
            is_json(200, "What the approver is told", "Heard"),
        )
    }
}

fn add_checkpoint() -> Path {
    let text = |status, about, kind| Good { status, about, content: Some((kind, json!({"type": "string"}))) };
    let plain = "text/plain";
    Path {
        method: "post",
        path: "/witness/add-checkpoint",
        about: "Cosigns the checkpoint of a host whose log is watched here, if it has only grown (C2SP tlog-witness); the body is that protocol's text",
        parameters: Vec::new(),
        body: None,
        good: vec![
            text(200, "The cosignature, a line of a signed note", plain),
            text(404, "No log of this name is watched", plain),
            text(409, "How many records were seen last, from where to go on", "text/x.tlog.size"),
        ],
        problems: &[400, 408, 413, 422, 503],
    }
}

#[cfg(test)]
mod tests;
