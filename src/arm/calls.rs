//! Each command in calls of Azure's, and each of its answers as what somebody here has a use for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::client::{Change, Client, begun, odd};
use super::survey::Survey;
use super::{Answer, App, ArmConfig, ArmError, Command, Group, Resource, Revision};

pub(super) const RESOURCES: &str = "2021-04-01";
pub(super) const APPS: &str = "2024-03-01";
/// How often it is looked whether replicas are new ones.
pub(super) const LOOK: Duration = Duration::from_secs(3);

impl Client {
    /// Does one thing.
    pub(super) async fn run(
        &self,
        config: &ArmConfig,
        command: &Command,
        progress: &mut (dyn FnMut(Value) + Send),
    ) -> Result<Answer, ArmError> {
        let path = config.path(command)?;
        match command {
            Command::Groups { .. } => {
                let groups = self.list(&path, RESOURCES).await?;
                groups.iter().map(group).collect::<Result<_, _>>().map(Answer::Groups)
            }
            Command::Resources { .. } => {
                let resources = self.list(&path, RESOURCES).await?;
                resources.iter().map(resource).collect::<Result<_, _>>().map(Answer::Resources)
            }
            Command::App(_) => Ok(Answer::App(Box::new(self.app(&path).await?))),
            Command::Restart { revisions, .. } => self.restart(&path, revisions, progress).await,
            Command::Scale { min, max, .. } => {
                self.scale(&path, (*min, *max), progress).await?;
                Ok(Answer::Scaled)
            }
            Command::Claimed { subscription, group } => {
                let mut survey = Survey::new(self, config, (subscription, group))?;
                Ok(Answer::Claimed(survey.all().await?))
            }
            Command::There(held) => {
                let mut survey = Survey::new(self, config, (&held.subscription, &held.group))?;
                Ok(Answer::There(survey.get(&held.resource).await?.is_some()))
            }
            Command::Firewall(_) => Ok(Answer::Firewall(Box::new(self.firewall(&path).await?))),
            Command::Opening(_) => Ok(Answer::Firewall(Box::new(self.opening(config, &path).await?))),
            Command::Allow { address, minutes, mark, .. } => {
                self.allow(config, &path, (address, *minutes, mark), progress).await?;
                Ok(Answer::FirewallSet)
            }
            Command::Disallow { mark, .. } => {
                self.disallow(&path, mark, progress).await?;
                Ok(Answer::FirewallSet)
            }
            Command::Delete { held, mark } => {
                let mut survey = Survey::new(self, config, (&held.subscription, &held.group))?;
                survey.delete(&held.resource, mark, progress).await?;
                Ok(Answer::Deleted)
            }
        }
    }

    pub(super) async fn app(&self, path: &str) -> Result<App, ArmError> {
        let app = self.get(path, APPS).await?;
        let mut revisions = Vec::new();
        for revision in self.list(&format!("{path}/revisions"), APPS).await? {
            let is_active = revision.pointer("/properties/active").and_then(Value::as_bool);
            if is_active.ok_or_else(|| odd("a revision does not say whether it is active"))? {
                revisions.push(self.revision(path, &revision).await?);
            }
        }
        revisions.sort_by(|one, two| one.name.cmp(&two.name));
        let (min, max) = scale_of(&app)?;
        Ok(App {
            name: text(&app, "/name")?,
            id: text(&app, "/id")?,
            location: text(&app, "/location")?,
            state: text(&app, "/properties/provisioningState")?,
            running: maybe(&app, "/properties/runningStatus"),
            min,
            max,
            mode: maybe(&app, "/properties/configuration/activeRevisionsMode"),
            latest: maybe(&app, "/properties/latestRevisionName"),
            revisions,
            tags: tags(&app),
        })
    }

    async fn revision(&self, path: &str, revision: &Value) -> Result<Revision, ArmError> {
        let name = text(revision, "/name")?;
        let replicas = self.replicas(path, &name).await?;
        let (min, max) = scale_of(revision)?;
        Ok(Revision {
            created: maybe(revision, "/properties/createdTime"),
            running: maybe(revision, "/properties/runningState"),
            traffic: number(revision, "/properties/trafficWeight")?.unwrap_or(0),
            min,
            max,
            replicas: replicas.into_iter().collect(),
            name,
        })
    }

    async fn replicas(&self, path: &str, revision: &str) -> Result<BTreeSet<String>, ArmError> {
        let replicas = self.list(&format!("{path}/revisions/{revision}/replicas"), APPS).await?;
        replicas.iter().map(|replica| text(replica, "/name")).collect()
    }

    /// Restarts them all, and waits until none of the replicas of before is left.
    async fn restart(
        &self,
        path: &str,
        revisions: &[String],
        progress: &mut (dyn FnMut(Value) + Send),
    ) -> Result<Answer, ArmError> {
        let mut before = BTreeMap::new();
        for revision in revisions {
            before.insert(revision.clone(), self.replicas(path, revision).await?);
        }
        for revision in revisions {
            let restart = format!("{path}/revisions/{revision}/restart");
            self.act(Change::of(Method::POST, &restart, APPS), progress).await?;
            progress(json!({"restarts": revision}));
        }
        for (revision, old) in &before {
            loop {
                let now = self.replicas(path, revision).await.map_err(begun)?;
                let left = now.intersection(old).count();
                progress(json!({"revision": revision, "old_replicas": left, "replicas": now.len()}));
                // As many as there were is Azure's to say; that none of before is left is ours to see.
                if left == 0 && (old.is_empty() || !now.is_empty()) {
                    break;
                }
                self.wait(LOOK).await.map_err(begun)?;
            }
        }
        Ok(Answer::Restarted(before.into_iter().map(|(revision, old)| (revision, old.len())).collect()))
    }
}

/// How many replicas a template asks for, with what Azure does where it says nothing.
fn scale_of(value: &Value) -> Result<(u32, u32), ArmError> {
    let min = number(value, "/properties/template/scale/minReplicas")?.unwrap_or(0);
    Ok((min, number(value, "/properties/template/scale/maxReplicas")?.unwrap_or(10)))
}

fn group(value: &Value) -> Result<Group, ArmError> {
    Ok(Group {
        name: text(value, "/name")?,
        location: text(value, "/location")?,
        state: maybe(value, "/properties/provisioningState"),
        tags: tags(value),
    })
}

fn resource(value: &Value) -> Result<Resource, ArmError> {
    Ok(Resource {
        name: text(value, "/name")?,
        kind: text(value, "/type")?,
        location: maybe(value, "/location"),
        tags: tags(value),
    })
}

pub(super) fn text(value: &Value, pointer: &str) -> Result<String, ArmError> {
    maybe(value, pointer).ok_or_else(|| odd(&format!("an answer has no {pointer}")))
}

pub(super) fn maybe(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

fn number(value: &Value, pointer: &str) -> Result<Option<u32>, ArmError> {
    match value.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(number) => {
            let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
            number.map(Some).ok_or_else(|| odd(&format!("in an answer {pointer} is no number")))
        }
    }
}

pub(super) fn tags(value: &Value) -> BTreeMap<String, String> {
    let tags = value.get("tags").and_then(Value::as_object);
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    tags.map(|tags| tags.iter().filter_map(text).collect()).unwrap_or_default()
}
