//! A systemd that only remembers what it was told, for plans and second looks.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::SystemdAsWritten;
use super::unit::tests::shown;
use crate::adapter::{self, Argv, Host, HostError, Plan, PlanRefusal, Program, Rule, Settings, ToolOutput};
use crate::operation::Operation;

mod argv;
mod looking;
mod nothing_else;
mod planning;

/// A systemd of units with their properties and files; time only passes when somebody waits.
#[derive(Default)]
struct Fake {
    units: Mutex<BTreeMap<String, Vec<(String, String)>>>,
    files: BTreeMap<String, String>,
    /// What becomes of a unit while somebody waits.
    meanwhile: Option<(&'static str, &'static str, &'static str)>,
    waited: Mutex<Duration>,
    asked: Mutex<Vec<String>>,
    /// More links by which a unit is enabled.
    links: &'static str,
    settings: Settings,
}

impl Fake {
    fn unit(self, name: &str, properties: &[(&str, &str)]) -> Self {
        self.put(name, properties);
        self
    }

    fn put(&self, name: &str, properties: &[(&str, &str)]) {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        self.units.lock().unwrap().insert(name.to_owned(), properties.iter().map(owned).collect());
    }

    fn file(mut self, name: &str, content: &str) -> Self {
        self.files.insert(name.to_owned(), content.to_owned());
        self
    }

    fn configured(mut self, text: &str) -> Self {
        let written: SystemdAsWritten = toml::from_str(text).unwrap();
        self.settings.systemd = written.meant().unwrap();
        self
    }

    /// What has been read since this was last asked.
    fn reads(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn shown(&self, name: &str) -> String {
        let units = self.units.lock().unwrap();
        // An alias answers with its unit.
        let is_it = |(id, properties): &(&String, &Vec<(String, String)>)| {
            id.as_str() == name
                || properties
                    .iter()
                    .any(|(key, value)| key == "Names" && value.split(' ').any(|one| one == name))
        };
        match units.iter().find(is_it) {
            Some((id, properties)) => {
                let properties: Vec<(&str, &str)> =
                    properties.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
                shown(id, &properties)
            }
            None => shown(
                name,
                &[
                    ("LoadState", "not-found"),
                    ("ActiveState", "inactive"),
                    ("SubState", "dead"),
                    ("UnitFileState", ""),
                ],
            ),
        }
    }
}

impl Host for Fake {
    fn read(&self, argv: &Argv) -> Result<ToolOutput, HostError> {
        self.asked.lock().unwrap().push(argv.to_string());
        let args: Vec<&str> = argv.args.iter().map(String::as_str).collect();
        let stdout = match (argv.program, args.as_slice()) {
            (Program::Journalctl, _) => {
                "{\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"it broke\"}\n".to_owned()
            }
            (_, ["--no-pager", "list-units" | "list-unit-files", ..]) => "[]\n".to_owned(),
            (_, ["--no-pager", "--full", "is-enabled", "--", name]) => {
                format!("enabled\n  /etc/systemd/system/multi-user.target.wants/{name}\n{}", self.links)
            }
            (_, ["--no-pager", "show", _, "--property", _]) => "SystemState=running\n".to_owned(),
            (_, ["--no-pager", "show", _, "--property", _, "--", names @ ..]) => {
                names.iter().map(|name| self.shown(name)).collect::<Vec<_>>().join("\n")
            }
            (_, ["--no-pager", "cat", "--", name]) => {
                self.files.get(*name).cloned().unwrap_or_else(|| format!("# {name}\n"))
            }
            (_, other) => panic!("nobody asked for {other:?} before"),
        };
        Ok(ToolOutput { exit_code: 0, stdout: stdout.into_bytes(), stderr: Vec::new() })
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn pause(&self, time: Duration) {
        *self.waited.lock().unwrap() += time;
        if let Some((name, key, value)) = self.meanwhile {
            let mut units = self.units.lock().unwrap();
            let properties = units.get_mut(name).unwrap();
            properties.retain(|(known, _)| known != key);
            properties.push((key.to_owned(), value.to_owned()));
        }
    }
}

const DOWN: [(&str, &str); 2] = [("ActiveState", "inactive"), ("SubState", "dead")];

fn operation(op: &str, unit: &str) -> Operation {
    Operation::from_value(json!({"kind": "systemd", "op": op, "resource": unit})).unwrap()
}

fn plan(host: &Fake, op: &str, unit: &str) -> Result<Plan, PlanRefusal> {
    adapter::of(&operation(op, unit)).plan(host)
}

fn refused(host: &Fake, op: &str, unit: &str) -> (Rule, String) {
    let refusal = plan(host, op, unit).unwrap_err();
    (refusal.rule, refusal.reason)
}
