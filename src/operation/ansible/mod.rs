//! Operations on Ansible: a dry run, and a run, of a playbook that root's configuration names.

mod catalogue;
mod names;
mod vars;

pub use names::PlaybookName;
pub use vars::Vars;

pub(in crate::operation) use catalogue::CATALOGUE;

use serde_json::{Map, Value};

use super::fields::Fields;
use super::{Effect, Invalid, Realm, Touched, Typed};

/// One thing that Ansible can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnsibleOperation {
    /// Says what a playbook would change, and changes nothing.
    Check {
        /// Which.
        playbook: PlaybookName,
        /// With which variables.
        vars: Vars,
    },
    /// Runs a playbook.
    Run {
        /// Which.
        playbook: PlaybookName,
        /// With which variables.
        vars: Vars,
    },
}

impl AnsibleOperation {
    /// Reads an operation from its name, resource and parameters.
    pub(super) fn from_parts(op: &str, resource: &str, params: &mut Fields) -> Result<Self, Invalid> {
        if !matches!(op, "check" | "run") {
            return Err(Invalid::at(
                "/op",
                format!("ansible has no operation {op:?}; GET /host/ops lists them"),
            ));
        }
        let playbook =
            PlaybookName::try_from(resource.to_owned()).map_err(|invalid| invalid.under("/resource"))?;
        let place = params.pointer("vars");
        let vars =
            Vars::new(params.object("vars")?.unwrap_or_default()).map_err(|invalid| invalid.under(&place))?;
        Ok(match op {
            "check" => Self::Check { playbook, vars },
            _run => Self::Run { playbook, vars },
        })
    }

    /// The playbook.
    pub fn playbook(&self) -> &PlaybookName {
        match self {
            Self::Check { playbook, .. } | Self::Run { playbook, .. } => playbook,
        }
    }

    /// Its variables.
    pub fn vars(&self) -> &Vars {
        match self {
            Self::Check { vars, .. } | Self::Run { vars, .. } => vars,
        }
    }
}

impl Typed for AnsibleOperation {
    fn kind(&self) -> &'static str {
        "ansible"
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Check { .. } => "check",
            Self::Run { .. } => "run",
        }
    }

    /// A run counts as destroying: Reeve cannot put back what a playbook changed.
    fn effect(&self) -> Effect {
        match self {
            Self::Check { .. } => Effect::Read,
            Self::Run { .. } => Effect::Destroy,
        }
    }

    fn resource(&self) -> String {
        self.playbook().to_string()
    }

    fn touched(&self) -> Vec<Touched> {
        vec![Touched::new(Realm::Playbook, self.resource())]
    }

    fn params(&self) -> Map<String, Value> {
        if self.vars().is_empty() {
            return Map::new();
        }
        [("vars".to_owned(), Value::Object(self.vars().as_map().clone()))].into_iter().collect()
    }

    /// Any playbook may change anything, so one runs at a time.
    fn place(&self) -> String {
        "ansible".to_owned()
    }

    fn command_line(&self) -> String {
        let line = format!("ansible {} {}", self.name(), self.resource());
        if self.vars().is_empty() { line } else { format!("{line} vars={}", self.vars().argument()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::operation::Operation;

    fn read(value: serde_json::Value) -> Result<Operation, crate::operation::Invalid> {
        Operation::from_value(value)
    }

    #[test]
    fn a_run_is_read_and_written_in_one_form() {
        let whole = json!({"kind": "ansible", "op": "run", "resource": "motd", "params": {"vars": {"b": [1], "a": "x y"}}});
        let operation = read(whole.clone()).unwrap();
        assert_eq!(operation.to_value(), whole);
        assert_eq!(operation.command_line(), r#"ansible run motd vars={"a":"x y","b":[1]}"#);
        let bare =
            read(json!({"kind": "ansible", "op": "check", "resource": "motd", "params": {"vars": {}}}))
                .unwrap();
        assert_eq!(bare.command_line(), "ansible check motd");
        assert_eq!(bare.to_value()["params"], json!({}));
    }

    #[test]
    fn a_template_in_a_variable_is_refused_with_its_place() {
        let asked = json!({"kind": "ansible", "op": "run", "resource": "motd",
            "params": {"vars": {"greeting": "{{ lookup('pipe', 'id') }}"}}});
        assert_eq!(read(asked).unwrap_err().pointer, "/params/vars/greeting");
    }

    #[test]
    fn nothing_else_of_ansible_can_be_asked_for() {
        for params in [
            json!({"tags": "x"}),
            json!({"extra_vars": {}}),
            json!({"inventory": "x,"}),
            json!({"vars": "a=b"}),
        ] {
            let asked = json!({"kind": "ansible", "op": "run", "resource": "motd", "params": params});
            assert!(read(asked.clone()).is_err(), "{asked}");
        }
        for (op, resource) in [("adhoc", "motd"), ("run", "/etc/x.yml"), ("run", "../x"), ("run", "")] {
            assert!(
                read(json!({"kind": "ansible", "op": op, "resource": resource})).is_err(),
                "{op} {resource}"
            );
        }
    }
}
