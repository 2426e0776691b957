//! What may be asked: a closed enum of typed operations. Nothing here reads a host, and nothing here is shell text.

pub mod ansible;
pub mod azure;
mod catalogue;
mod digest;
mod fields;
pub mod git;
mod invalid;
mod json;
mod name_type;
pub mod pct;
mod realm;
pub mod secret;
mod shape;
pub mod systemd;
pub mod tool;
pub mod zfs;

pub use catalogue::{Entry, Field, catalogue, named, schema};
pub use digest::{Digest, canonical};
pub use invalid::Invalid;
pub use json::parse as parse_json;
pub use realm::{Granted, Realm, Touched};
pub use shape::{Form, Shape};

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
    /// Something done with Ansible.
    Ansible(ansible::AnsibleOperation),
    /// Something done to ZFS.
    Zfs(zfs::ZfsOperation),
    /// Something done to systemd.
    Systemd(systemd::SystemdOperation),
    /// Something done in a git repository.
    Git(git::GitOperation),
    /// Something done to a Proxmox container.
    Pct(pct::PctOperation),
    /// Something done with a declared tool.
    Tool(tool::ToolOperation),
    /// Something done at Azure.
    Azure(azure::AzureOperation),
}

/// What the operations of each kind say of themselves.
trait Typed {
    /// The kind: `zfs`.
    fn kind(&self) -> &'static str;
    /// The name within the kind: `destroy`.
    fn name(&self) -> &'static str;
    /// What it can do to the host.
    fn effect(&self) -> Effect;
    /// What it acts on.
    fn resource(&self) -> String;
    /// Every name that a contract must grant.
    fn touched(&self) -> Vec<Touched>;
    /// The parameters that differ from their defaults, as they are read.
    fn params(&self) -> Map<String, Value>;
    /// Where it acts: operations of one place run one after another.
    fn place(&self) -> String;
    /// How many of one place may run beside each other all the same.
    fn beside(&self) -> usize {
        1
    }
    /// One line to read, with the parameters in words: `zfs destroy tank/vm (recursive)`.
    fn command_line(&self) -> String {
        let mut line = format!("{} {} {}", self.kind(), self.name(), self.resource());
        let mut switches = Vec::new();
        for (name, value) in self.params() {
            match value {
                Value::Bool(_) => switches.push(name),
                Value::String(text) => line.push_str(&format!(" {name}={text}")),
                other @ (Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                    line.push_str(&format!(" {name}={other}"));
                }
            }
        }
        if !switches.is_empty() {
            line.push_str(&format!(" ({})", switches.join(", ")));
        }
        line
    }
}

/// The parameters among these that differ from their defaults, which are what a missing one means: nothing, false, empty.
fn given(pairs: Vec<(&str, Value)>) -> Map<String, Value> {
    let is_default = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
    };
    let kept = pairs.into_iter().filter(|(_, value)| !is_default(value));
    kept.map(|(name, value)| (name.to_owned(), value)).collect()
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
        if catalogue().all(|entry| entry.kind != kind) {
            let problem = format!("there is no kind {kind:?}; GET /host/ops lists the kinds");
            return Err(Invalid::at("/kind", problem));
        }
        let resource = fields.required_text("resource")?;
        let (op, params) = Self::op_and_params(&kind, fields)?;
        let mut params = Fields::within("/params", params);
        let operation = match kind.as_str() {
            "ansible" => {
                ansible::AnsibleOperation::from_parts(&op, &resource, &mut params).map(Self::Ansible)?
            }
            "zfs" => zfs::ZfsOperation::from_parts(&op, &resource, &mut params).map(Self::Zfs)?,
            "systemd" => {
                systemd::SystemdOperation::from_parts(&op, &resource, &mut params).map(Self::Systemd)?
            }
            "git" => git::GitOperation::from_parts(&op, &resource, &mut params).map(Self::Git)?,
            "pct" => pct::PctOperation::from_parts(&op, &resource, &mut params).map(Self::Pct)?,
            "tool" => tool::ToolOperation::from_parts(&op, &resource, &mut params).map(Self::Tool)?,
            "azure" => azure::AzureOperation::from_parts(&op, &resource, &mut params).map(Self::Azure)?,
            _not_in_catalogue => return Err(Invalid::at("/kind", "is not known")),
        };
        params.finish()?;
        Ok(operation)
    }

    fn op_and_params(kind: &str, fields: &mut Fields) -> Result<(String, Map<String, Value>), Invalid> {
        let op = fields.text("op")?;
        let params = fields.object("params")?;
        let args = fields.array("args")?;
        match (op, params, args) {
            (Some(op), params, None) => Ok((op, params.unwrap_or_default())),
            (None, None, Some(args)) => catalogue::positional(kind, args),
            (None, Some(_), Some(_)) | (Some(_), _, Some(_)) => {
                Err(Invalid::at("/args", "give op and params, or args, not both"))
            }
            (None, _, None) => Err(Invalid::at("/op", "is missing; GET /host/ops lists the operations")),
        }
    }

    fn typed(&self) -> &dyn Typed {
        match self {
            Self::Ansible(operation) => operation,
            Self::Zfs(operation) => operation,
            Self::Systemd(operation) => operation,
            Self::Git(operation) => operation,
            Self::Pct(operation) => operation,
            Self::Tool(operation) => operation,
            Self::Azure(operation) => operation,
        }
    }

    /// The operation in its one canonical form: what digests, the audit log and the answer's `undo` hold.
    pub fn to_value(&self) -> Value {
        let typed = self.typed();
        serde_json::json!({
            "kind": typed.kind(), "op": typed.name(), "resource": typed.resource(), "params": typed.params(),
        })
    }

    /// The kind: `zfs`.
    pub fn kind(&self) -> &'static str {
        self.typed().kind()
    }

    /// The name within the kind: `destroy`.
    pub fn name(&self) -> &'static str {
        self.typed().name()
    }

    /// Kind and name as policies and contracts write them: `zfs.destroy`.
    pub fn tool(&self) -> String {
        format!("{}.{}", self.kind(), self.name())
    }

    /// What the operation acts on: `tank/media@old`.
    pub fn resource(&self) -> String {
        self.typed().resource()
    }

    /// Every name in the operation that a contract must grant: the resource, and for a rename or clone the new name too.
    pub fn touched(&self) -> Vec<Touched> {
        self.typed().touched()
    }

    /// The typed parameters as JSON.
    pub fn params(&self) -> Map<String, Value> {
        self.typed().params()
    }

    /// The secrets among its parameters, which no log and no rule may see.
    pub fn secrets(&self) -> secret::Secrets {
        secret::Secrets::of(&Value::Object(self.params()))
    }

    /// The canonical form with its secrets as digests.
    pub fn without_secrets(&self) -> Value {
        self.secrets().hidden(&self.to_value())
    }

    /// Where it acts. Operations of one place run one after another: a plan holds until the next change of its place.
    pub fn place(&self) -> String {
        self.typed().place()
    }

    /// How many operations of its place may run beside each other all the same.
    pub fn beside(&self) -> usize {
        self.typed().beside()
    }

    /// What the operation can do to the host; contracts and policy may raise it, nothing lowers it.
    pub fn effect(&self) -> Effect {
        self.typed().effect()
    }

    /// One line as a person would type it, for prompts and listings: `zfs destroy tank/media@old`.
    pub fn command_line(&self) -> String {
        self.typed().command_line()
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
