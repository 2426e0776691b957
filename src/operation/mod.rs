//! What may be asked: a closed enum of typed operations. Nothing here reads a host, and nothing here is shell text.

mod catalogue;
mod digest;
mod fields;
mod invalid;
mod json;
pub mod zfs;

pub use catalogue::{Entry, Field, Shape, catalogue, schema};
pub use digest::{Digest, canonical};
pub use invalid::Invalid;
pub use json::parse as parse_json;

use fields::Fields;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How much an operation can do to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Leaves the host as it was.
    Read,
    /// Changes the host in a way that another operation can put back.
    Change,
    /// Can lose data.
    Destroy,
}

impl Effect {
    /// The word in policies, the catalogue and the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change => "change",
            Self::Destroy => "destroy",
        }
    }
}

/// One thing that Reeve can do to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Something done to ZFS.
    Zfs(zfs::ZfsOperation),
}

impl Operation {
    /// Reads an operation from `{"kind","op","resource","params"}` or from the positional `{"kind","resource","args"}`.
    pub fn from_value(value: Value) -> Result<Self, Invalid> {
        let Value::Object(map) = value else {
            return Err(Invalid::here("an operation is a JSON object"));
        };
        let mut fields = Fields::new(map);
        let operation = Self::from_fields(&mut fields)?;
        fields.finish()?;
        Ok(operation)
    }

    fn from_fields(fields: &mut Fields) -> Result<Self, Invalid> {
        let kind = fields.required_text("kind")?;
        if kind != "zfs" {
            return Err(Invalid::at(
                "/kind",
                format!("there is no kind {kind:?}; GET /host/ops lists the kinds"),
            ));
        }
        let resource = fields.required_text("resource")?;
        let (op, params) = Self::op_and_params(fields)?;
        zfs::ZfsOperation::from_parts(&op, &resource, params).map(Self::Zfs)
    }

    fn op_and_params(fields: &mut Fields) -> Result<(String, Map<String, Value>), Invalid> {
        let op = fields.text("op")?;
        let params = fields.object("params")?;
        let args = fields.array("args")?;
        match (op, params, args) {
            (Some(op), params, None) => Ok((op, params.unwrap_or_default())),
            (None, None, Some(args)) => catalogue::positional("zfs", args),
            (None, Some(_), Some(_)) | (Some(_), _, Some(_)) => {
                Err(Invalid::at("/args", "give op and params, or args, not both"))
            }
            (None, _, None) => Err(Invalid::at("/op", "is missing; GET /host/ops lists the operations")),
        }
    }

    /// The operation in its one canonical form: what digests, the audit log and the answer's `undo` hold.
    pub fn to_value(&self) -> Value {
        let (op, resource, params) = match self {
            Self::Zfs(zfs) => (zfs.name(), zfs.resource(), zfs.params()),
        };
        serde_json::json!({"kind": self.kind(), "op": op, "resource": resource, "params": params})
    }

    /// The kind: `zfs`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Zfs(_) => "zfs",
        }
    }

    /// The name within the kind: `destroy`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Zfs(zfs) => zfs.name(),
        }
    }

    /// Kind and name as policies and contracts write them: `zfs.destroy`.
    pub fn tool(&self) -> String {
        format!("{}.{}", self.kind(), self.name())
    }

    /// What the operation acts on: `tank/media@old`.
    pub fn resource(&self) -> String {
        match self {
            Self::Zfs(zfs) => zfs.resource(),
        }
    }

    /// Every name in the operation that a contract must grant: the resource, and for a rename or clone the new name too.
    pub fn touched(&self) -> Vec<String> {
        match self {
            Self::Zfs(zfs) => zfs.touched(),
        }
    }

    /// The typed parameters as JSON.
    pub fn params(&self) -> Map<String, Value> {
        match self {
            Self::Zfs(zfs) => zfs.params(),
        }
    }

    /// What the operation can do to the host; contracts and policy may raise it, nothing lowers it.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Zfs(zfs) => zfs.effect(),
        }
    }

    /// One line as a person would type it, for prompts and listings: `zfs destroy tank/media@old`.
    pub fn command_line(&self) -> String {
        match self {
            Self::Zfs(zfs) => zfs.command_line(),
        }
    }

    /// SHA-256 over the canonical form.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_value())
    }
}

impl Serialize for Operation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Operation {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_value(value).map_err(serde::de::Error::custom)
    }
}

/// An operation with what the caller says about it. The words bind nothing: they are shown, quoted, to people and rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// What to do.
    pub operation: Operation,
    /// Why, in the caller's words; at most 1 000 characters.
    pub reason: Option<String>,
    /// The caller's own reference; at most 128 characters.
    pub run_id: Option<String>,
    /// On whose behalf the caller says it acts; at most 128 characters.
    pub on_behalf_of: Option<String>,
}

impl Submission {
    /// Reads the body of `POST /host/op`: at most 16 levels deep, no key twice, no key unknown, no number that is not an integer.
    pub fn from_json(body: &[u8]) -> Result<Self, Invalid> {
        let Value::Object(map) = json::parse(body)? else {
            return Err(Invalid::here("the body is a JSON object"));
        };
        let mut fields = Fields::new(map);
        let operation = Operation::from_fields(&mut fields)?;
        let reason = fields.text_up_to("reason", 1000)?;
        let mut metadata = Fields::within("/metadata", fields.object("metadata")?.unwrap_or_default());
        let run_id = metadata.text_up_to("run_id", 128)?;
        let on_behalf_of = metadata.text_up_to("on_behalf_of", 128)?;
        metadata.finish()?;
        fields.finish()?;
        Ok(Self { operation, reason, run_id, on_behalf_of })
    }
}

#[cfg(test)]
mod tests;
