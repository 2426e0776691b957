//! A git operation from its JSON: every field typed, none left over.

use serde_json::Value;

use super::{Act, FilePath, GitOperation};
use crate::operation::{Invalid, fields::Fields};

/// How many commits one log may have.
pub(super) const MAX_LOG: u64 = 500;
/// How many paths one operation may name.
const MAX_PATHS: usize = 64;

impl GitOperation {
    /// Makes the operation `op` on `resource`.
    pub(in crate::operation) fn from_parts(
        op: &str,
        resource: &str,
        params: &mut Fields,
    ) -> Result<Self, Invalid> {
        let repository =
            resource.to_owned().try_into().map_err(|invalid: Invalid| invalid.under("/resource"))?;
        let act = match op {
            "status" => Act::Status,
            "log" | "diff" | "show" | "branches" | "stashes" => Act::look(op, params)?,
            "reset" => Act::Reset { to: params.required("to")? },
            "clean" => Act::Clean { paths: paths(params)?, ignored: params.switch("ignored")? },
            "purge" => Act::Purge { name: params.required("name")? },
            "fetch" | "pull" | "checkout" | "stash" | "stash-pop" | "restore" => Act::change(op, params)?,
            other => {
                let problem = format!("git has no operation {other:?}; GET /host/ops lists them");
                return Err(Invalid::at("/op", problem));
            }
        };
        Ok(Self { repository, act })
    }
}

impl Act {
    fn look(op: &str, params: &mut Fields) -> Result<Self, Invalid> {
        Ok(match op {
            "log" => Self::Log {
                revision: params.parsed("revision")?,
                count: params.number("count", 1, MAX_LOG)?,
                path: params.parsed("path")?,
            },
            "diff" => {
                let (from, to) = (params.parsed("from")?, params.parsed("to")?);
                let staged = params.switch("staged")?;
                if to.is_some() && (staged || from.is_none()) {
                    return Err(Invalid::at("/params/to", "goes with from, and not with staged"));
                }
                Self::Diff { from, to, staged, path: params.parsed("path")? }
            }
            "show" => Self::Show { revision: params.required("revision")? },
            "branches" => Self::Branches,
            _stashes => Self::Stashes,
        })
    }

    fn change(op: &str, params: &mut Fields) -> Result<Self, Invalid> {
        Ok(match op {
            "fetch" => Self::Fetch {
                remote: params.parsed("remote")?,
                branch: params.parsed("branch")?,
                tags: params.switch("tags")?,
            },
            "pull" => Self::Pull,
            "checkout" => {
                let (branch, create) = (params.required("branch")?, params.switch("create")?);
                let at = params.parsed("at")?;
                if at.is_some() && !create {
                    return Err(Invalid::at("/params/at", "goes with create"));
                }
                Self::Checkout { branch, create, at }
            }
            "stash" => Self::Stash { name: params.required("name")?, untracked: params.switch("untracked")? },
            "stash-pop" => Self::StashPop { name: params.required("name")? },
            _restore => Self::Restore { from: params.required("from")? },
        })
    }
}

fn paths(params: &mut Fields) -> Result<Vec<FilePath>, Invalid> {
    let listed = params.array("paths")?.unwrap_or_default();
    if listed.len() > MAX_PATHS {
        return Err(Invalid::at("/params/paths", format!("are at most {MAX_PATHS}")));
    }
    let one = |(place, value): (usize, Value)| match value {
        Value::String(text) => {
            FilePath::try_from(text).map_err(|invalid| invalid.under(&format!("/params/paths/{place}")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(Invalid::at(format!("/params/paths/{place}"), "is a string"))
        }
    };
    listed.into_iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::operation::Operation;

    fn pointer(op: &str, resource: &str, params: serde_json::Value) -> String {
        let value = json!({"kind": "git", "op": op, "resource": resource, "params": params});
        Operation::from_value(value).unwrap_err().pointer
    }

    #[test]
    fn what_does_not_go_together_is_refused_by_place() {
        assert_eq!(pointer("diff", "/srv/a", json!({"to": "main"})), "/params/to");
        assert_eq!(pointer("diff", "/srv/a", json!({"from": "a", "to": "b", "staged": true})), "/params/to");
        assert_eq!(pointer("checkout", "/srv/a", json!({"branch": "x", "at": "main"})), "/params/at");
        assert_eq!(pointer("log", "/srv/a", json!({"count": 0})), "/params/count");
        assert_eq!(pointer("clean", "/srv/a", json!({"paths": ["a", "../b"]})), "/params/paths/1");
        assert_eq!(pointer("reset", "/srv/a", json!({})), "/params/to");
        assert_eq!(pointer("reset", "/srv/a", json!({"to": "--soft"})), "/params/to");
        assert_eq!(pointer("reset", "srv/a", json!({"to": "main"})), "/resource");
        assert_eq!(pointer("gc", "/srv/a", json!({})), "/op");
    }
}
