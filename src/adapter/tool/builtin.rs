//! Tier A in a declaration: what Reeve does itself, with parameters and arguments of its own. A key that would mean nothing
//! there is an error.

use serde_json::{Value, json};

use super::declaration::{AsWritten, Wrong};
use crate::builtin::{MOST_DEPTH, MOST_FILES, MOST_QUERY};
use crate::sandbox::{BUILTIN, Builtin, Tier};

/// As long as a path may be, in characters.
const MOST_PATH: u32 = 1024;

/// Fills in what a declaration of tier A leaves to Reeve, and refuses what no other has.
pub(super) fn complete(written: &mut AsWritten, tier: Tier) -> Result<Option<Builtin>, Wrong> {
    let wrong = |problem: &str| Err(("builtin", problem.to_owned()));
    let builtin = match (tier, written.builtin.as_deref()) {
        (Tier::B | Tier::C | Tier::W, None) => return Ok(None),
        (Tier::B | Tier::C | Tier::W, Some(_)) => return wrong("only in tier a Reeve does it itself"),
        (Tier::A, None) => return wrong("tier a has no program; it says list, hash or query here"),
        (Tier::A, Some(name)) => Builtin::read(name),
    };
    let Some(builtin) = builtin else { return wrong("is list, hash or query") };
    means_something(written)?;
    written.program = Some(BUILTIN.to_owned());
    // As with a package: it is known when it runs.
    written.sha256 = Some("0".repeat(64));
    written.parameters = Some(schema(builtin));
    written.arguments = arguments(builtin, written.limits.meant()?.file_size);
    Ok(Some(builtin))
}

fn means_something(written: &AsWritten) -> Result<(), Wrong> {
    let keys = [
        ("program", written.program.is_some()),
        ("sha256", written.sha256.is_some()),
        ("package", written.package.is_some()),
        ("runs_code", written.runs_code),
        ("workspace_exec", written.workspace_exec),
        ("single_program", written.single_program),
        ("debug", written.debug),
        ("read_only", !written.read_only.is_empty()),
        ("hidden", !written.hidden.is_empty()),
        ("protected", !written.protected.is_empty()),
        ("arguments", !written.arguments.is_empty()),
        ("parameters", written.parameters.is_some()),
        ("environment", !written.environment.is_empty()),
        ("egress_allow", !written.egress_allow.is_empty()),
        ("egress_deny", !written.egress_deny.is_empty()),
        ("egress_parameters", !written.egress_parameters.is_empty()),
        ("egress", written.egress != "none"),
    ];
    if let Some((key, _)) = keys.into_iter().find(|(_, is_set)| *is_set) {
        return Err((
            key,
            "tier a takes none: what is built in reads a workspace and does nothing else".to_owned(),
        ));
    }
    if written.workspace == "fresh" {
        return Err((
            "workspace",
            "is \"principal\" or \"named:NAME\": in a fresh one there is nothing to read".to_owned(),
        ));
    }
    Ok(())
}

fn schema(builtin: Builtin) -> Value {
    let path = || json!({"type": "string", "minLength": 1, "maxLength": MOST_PATH, "description": "a path in the workspace"});
    let (required, properties) = match builtin {
        Builtin::List => (
            json!([]),
            json!({"path": path(), "depth": {"type": "integer", "minimum": 1, "maximum": MOST_DEPTH}}),
        ),
        Builtin::Hash => (
            json!(["paths"]),
            json!({"paths": {"type": "array", "minItems": 1, "maxItems": MOST_FILES, "items": path()}}),
        ),
        Builtin::Query => (
            json!(["path", "query"]),
            json!({"path": path(), "query": {"type": "string", "minLength": 1, "maxLength": MOST_QUERY, "description": "a JSONPath (RFC 9535)"}}),
        ),
    };
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn arguments(builtin: Builtin, most: u64) -> Vec<String> {
    let most = format!("--most={most}");
    let rest: &[&str] = match builtin {
        Builtin::List => &["--depth={depth}", "--", "{path}"],
        Builtin::Hash => &[&most, "--", "{paths}"],
        Builtin::Query => &[&most, "--", "{path}", "{query}"],
    };
    std::iter::once(builtin.as_str()).chain(rest.iter().copied()).map(str::to_owned).collect()
}
