//! Scaling a container app: Azure makes a new revision of it, and the one that served goes when that one is ready.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use super::calls::{APPS, LOOK};
use super::client::{Change, Client, begun};
use super::{App, ArmError, Trouble};

/// What Azure calls a revision that does not come up.
const FAILED: &str = "Failed";

impl Client {
    /// Sets the scale, and waits until what serves has it.
    pub(super) async fn scale(
        &self,
        path: &str,
        scale: (u32, u32),
        progress: &mut (dyn FnMut(Value) + Send),
    ) -> Result<(), ArmError> {
        let before = self.app(path).await?;
        if !before.is_single() {
            let why = "of an app with several revisions, those that serve would keep their scale";
            return Err(ArmError::new(Trouble::Conflict, why));
        }
        let replicas = json!({"minReplicas": scale.0, "maxReplicas": scale.1});
        let body = json!({"properties": {"template": {"scale": replicas}}});
        self.act(Change { body: Some(body), ..Change::of(Method::PATCH, path, APPS) }, progress).await?;
        let old: BTreeSet<String> = before.revisions.into_iter().map(|revision| revision.name).collect();
        loop {
            let now = self.app(path).await.map_err(begun)?;
            if now.serves_at(scale) {
                return Ok(());
            }
            if let Some(name) = failed(&now, &old) {
                let why = format!("the new revision {name} does not come up, and the one of before serves");
                return Err(ArmError::new(Trouble::Failed, why));
            }
            let left = now.revisions.iter().filter(|revision| old.contains(&revision.name)).count();
            progress(json!({"old_revisions": left, "revisions": now.revisions.len()}));
            self.wait(LOOK).await.map_err(begun)?;
        }
    }
}

/// The one that was made and does not come up.
fn failed<'a>(app: &'a App, old: &BTreeSet<String>) -> Option<&'a str> {
    let is_new = |name: &str| !old.contains(name);
    let failed = app.revisions.iter().filter(|revision| revision.running.as_deref() == Some(FAILED));
    failed.map(|revision| revision.name.as_str()).find(|name| is_new(name))
}
