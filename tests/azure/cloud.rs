//! A fake of what the program says: one subscription, one group, container apps in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use reeve::adapter::{self, Argv, Host, HostError, Plan, PlanRefusal, Program, ToolOutput, Verification};
use reeve::arm::{Answer, App, Claimable, Firewall, Group, Resource, Revision, Trouble, Word};
use reeve::operation::Operation;
use serde_json::{Value, json};

pub struct Cloud {
    apps: Mutex<BTreeMap<String, App>>,
    wall: Mutex<Firewall>,
    held: Mutex<BTreeMap<String, Claimable>>,
    reads: Mutex<Vec<Argv>>,
    /// What every question is answered with instead.
    broken: Mutex<Option<ToolOutput>>,
    made: Mutex<u32>,
}

pub fn operation(op: &str, resource: &str, params: Value) -> Operation {
    Operation::from_value(json!({"kind": "azure", "op": op, "resource": resource, "params": params})).unwrap()
}

/// The firewall of a vault that keeps out everybody but one.
fn closed() -> Firewall {
    Firewall {
        id: "/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/vault".to_owned(),
        access: Some("Enabled".to_owned()),
        default_action: Some("Deny".to_owned()),
        rules: vec!["20.9.9.9/32".to_owned()],
        added: Vec::new(),
        address: None,
        mark: String::new(),
    }
}

impl Cloud {
    pub fn new() -> Self {
        let cloud = Self {
            apps: Mutex::default(),
            wall: Mutex::new(closed()),
            held: Mutex::default(),
            reads: Mutex::default(),
            broken: Mutex::default(),
            made: Mutex::default(),
        };
        cloud.make("shop", (1, 3));
        cloud.make("mail", (0, 1));
        cloud.hold("microsoft.app/containerapps/old", (Word::Claims, Word::Claims));
        cloud.hold("microsoft.storage/storageaccounts/theirs", (Word::Silent, Word::Silent));
        cloud
    }

    pub fn wall(&self) -> MutexGuard<'_, Firewall> {
        self.wall.lock().unwrap()
    }

    /// The firewall as the program tells it.
    fn told_wall(&self, address: Option<&str>) -> Firewall {
        let wall = self.wall().clone();
        let state = format!("{:?} {:?} {:?}", wall.access, wall.default_action, wall.rules);
        let mark = state.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Firewall { mark: format!("{mark:016x}").repeat(4), address: address.map(str::to_owned), ..wall }
    }

    pub fn held(&self) -> MutexGuard<'_, BTreeMap<String, Claimable>> {
        self.held.lock().unwrap()
    }

    /// A new resource of that name, whatever there was, and who claims it.
    pub fn hold(&self, name: &str, (host, tag): (Word, Word)) {
        let number = self.next();
        let kind: Vec<&str> = name.split('/').collect();
        let one = Claimable {
            name: name.to_owned(),
            id: format!("/subscriptions/s/resourceGroups/rg/providers/{name}"),
            kind: kind[..kind.len() - 1].join("/"),
            location: Some("westeurope".to_owned()),
            state: Some("Succeeded".to_owned()),
            created: Some(format!("2026-11-20T10:00:{number:02}Z")),
            version: Some(format!("etag {number}")),
            etag: Some(number.to_string()),
            mark: Some(format!("{number:064x}")),
            host,
            tag,
        };
        self.held().insert(name.to_owned(), one);
    }

    /// Somebody changes it, so that it has another version.
    pub fn touch(&self, name: &str) {
        let number = self.next();
        if let Some(one) = self.held().get_mut(name) {
            (one.version, one.mark) = (Some(format!("etag {number}")), Some(format!("{number:064x}")));
        }
    }

    pub fn apps(&self) -> MutexGuard<'_, BTreeMap<String, App>> {
        self.apps.lock().unwrap()
    }

    pub fn reads(&self) -> Vec<Argv> {
        self.reads.lock().unwrap().clone()
    }

    pub fn breaks(&self, exit_code: i32, stdout: &str) {
        let output =
            ToolOutput { exit_code, stdout: stdout.as_bytes().to_vec(), stderr: b"reeve azure: x".to_vec() };
        *self.broken.lock().unwrap() = Some(output);
    }

    /// A new app of that name, whatever there was.
    pub fn make(&self, name: &str, (min, max): (u32, u32)) {
        let revision = self.revision(name, (min, max));
        let app = App {
            name: name.to_owned(),
            id: format!("/subscriptions/s/resourceGroups/rg/providers/Microsoft.App/containerApps/{name}"),
            location: "westeurope".to_owned(),
            state: "Succeeded".to_owned(),
            running: Some("Running".to_owned()),
            min,
            max,
            mode: Some("Single".to_owned()),
            latest: Some(revision.name.clone()),
            revisions: vec![revision],
            tags: BTreeMap::new(),
        };
        self.apps().insert(name.to_owned(), app);
    }

    fn revision(&self, name: &str, (min, max): (u32, u32)) -> Revision {
        let number = self.next();
        Revision {
            name: format!("{name}--{number}"),
            created: Some(format!("2026-11-20T10:00:{number:02}Z")),
            running: Some("Running".to_owned()),
            traffic: 100,
            min,
            max,
            replicas: vec![format!("{name}--{number}-{}", self.next())],
        }
    }

    /// What Azure does of a new scale: the template has it, and so has a new revision. Where there may be several, those that serve stay.
    pub fn scale(&self, name: &str, (min, max): (u32, u32)) -> Result<(), Trouble> {
        let new = self.revision(name, (min, max));
        let mut apps = self.apps();
        let app = apps.get_mut(name).ok_or(Trouble::NotFound)?;
        if (app.min, app.max) == (min, max) {
            return Ok(());
        }
        (app.min, app.max, app.latest) = (min, max, Some(new.name.clone()));
        if app.is_single() {
            app.revisions = vec![new];
        } else {
            app.revisions.push(Revision { traffic: 0, ..new });
        }
        Ok(())
    }

    fn next(&self) -> u32 {
        let mut made = self.made.lock().unwrap();
        *made += 1;
        *made
    }

    pub fn plan(&self, op: &Operation) -> Result<Plan, PlanRefusal> {
        adapter::of(op).plan(self)
    }

    /// Runs each step; what the last one printed.
    pub fn act(&self, plan: &Plan) -> Result<Vec<u8>, ToolOutput> {
        let mut printed = Vec::new();
        for step in &plan.steps {
            let output = self.run(&step.argv);
            if output.exit_code != 0 {
                return Err(output);
            }
            printed = output.stdout;
        }
        Ok(printed)
    }

    pub fn verify(&self, op: &Operation, plan: &Plan) -> Verification {
        adapter::of(op).verify(plan, self)
    }

    fn run(&self, argv: &Argv) -> ToolOutput {
        assert_eq!(argv.program, Program::AzureManager);
        if let Some(broken) = self.broken.lock().unwrap().clone() {
            return broken;
        }
        let words: Vec<&str> = argv.args.iter().map(String::as_str).collect();
        match self.answer(&words) {
            Ok(answer) => {
                let said = format!(
                    "{}\n{}\n",
                    json!({"progress": {"waits": "InProgress"}}),
                    json!({"answer": answer})
                );
                ToolOutput { exit_code: 0, stdout: said.into_bytes(), stderr: Vec::new() }
            }
            Err(trouble) => ToolOutput {
                exit_code: i32::from(trouble.status()),
                stdout: Vec::new(),
                stderr: b"reeve azure: HTTP 404 ResourceNotFound\n".to_vec(),
            },
        }
    }

    fn answer(&self, words: &[&str]) -> Result<Answer, Trouble> {
        if words.get(1).is_none_or(|word| *word == "nowhere")
            || words.get(2).is_some_and(|name| *name != "main")
        {
            return Err(Trouble::NotFound);
        }
        match *words {
            ["azure", "groups", _] => Ok(Answer::Groups(vec![Group {
                name: "rg".to_owned(),
                location: "westeurope".to_owned(),
                state: Some("Succeeded".to_owned()),
                tags: BTreeMap::new(),
            }])),
            ["azure", "resources", _, "rg"] => {
                let resource = |name: &String| Resource {
                    name: name.clone(),
                    kind: "Microsoft.App/containerApps".to_owned(),
                    location: Some("westeurope".to_owned()),
                    tags: BTreeMap::new(),
                };
                Ok(Answer::Resources(self.apps().keys().map(resource).collect()))
            }
            ["azure", "app", _, "rg", name] => {
                self.apps().get(name).cloned().map(|app| Answer::App(Box::new(app))).ok_or(Trouble::NotFound)
            }
            ["azure", "restart", _, "rg", name, ref revisions @ ..] => {
                let mut replaced = BTreeMap::new();
                for wanted in revisions {
                    let fresh = format!("{wanted}-{}", self.next());
                    let mut apps = self.apps();
                    let app = apps.get_mut(name).ok_or(Trouble::NotFound)?;
                    let revision = app.revisions.iter_mut().find(|one| one.name == *wanted);
                    let revision = revision.ok_or(Trouble::NotFound)?;
                    replaced.insert((*wanted).to_owned(), revision.replicas.len());
                    revision.replicas = vec![fresh];
                }
                Ok(Answer::Restarted(replaced))
            }
            ["azure", "scale", _, "rg", name, min, max] => {
                let scale = (min.parse().unwrap(), max.parse().unwrap());
                self.scale(name, scale).map(|()| Answer::Scaled)
            }
            ["azure", "claimed", _, "rg"] => Ok(Answer::Claimed(self.held().values().cloned().collect())),
            ["azure", "firewall", _, "rg", "vault"] => Ok(Answer::Firewall(Box::new(self.told_wall(None)))),
            ["azure", "opening", _, "rg", "vault"] => {
                Ok(Answer::Firewall(Box::new(self.told_wall(Some("20.1.2.3/32")))))
            }
            ["azure", "allow", _, "rg", "vault", address, _minutes, mark] => {
                let seen = self.told_wall(None);
                if seen.mark != mark {
                    return Err(Trouble::Moved);
                }
                if !seen.is_closed() {
                    return Err(Trouble::Conflict);
                }
                if !seen.lets_in(address) {
                    let mut wall = self.wall();
                    wall.rules.push(address.to_owned());
                    wall.added.push(address.to_owned());
                }
                Ok(Answer::FirewallSet)
            }
            ["azure", "disallow", _, "rg", "vault", mark] => {
                if self.told_wall(None).mark != mark {
                    return Err(Trouble::Moved);
                }
                let mut wall = self.wall();
                let added = std::mem::take(&mut wall.added);
                wall.rules.retain(|rule| !added.contains(rule));
                Ok(Answer::FirewallSet)
            }
            ["azure", "there", _, "rg", name] => Ok(Answer::There(self.held().contains_key(name))),
            ["azure", "delete", _, "rg", name, mark] => {
                let mut held = self.held();
                let one = held.get(name).ok_or(Trouble::NotFound)?;
                if !one.is_claimed() {
                    return Err(Trouble::Unclaimed);
                }
                if one.mark.as_deref() != Some(mark) {
                    return Err(Trouble::Moved);
                }
                if held.keys().any(|other| other.starts_with(&format!("{name}/"))) {
                    return Err(Trouble::Conflict);
                }
                held.remove(name);
                Ok(Answer::Deleted)
            }
            _ => Err(Trouble::NotFound),
        }
    }
}

impl Host for Cloud {
    fn read(&self, argv: &Argv) -> Result<ToolOutput, HostError> {
        self.reads.lock().unwrap().push(argv.clone());
        Ok(self.run(argv))
    }
}
