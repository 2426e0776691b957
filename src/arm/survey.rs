//! Who claims what of a resource group, and how a resource is deleted that both claim.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::calls::{RESOURCES, maybe, tags, text};
use super::client::{Change, Client, code, odd, refused};
use super::{ArmConfig, ArmError, CLAIMS, ClaimTag, Claimable, Claims, Command, Trouble, Word};
use crate::sys::host;

/// What a listing says of each besides.
const EXPANDED: &str = "createdTime,changedTime,provisioningState";
/// By what Azure says that something is not there: any other 404 is about something else than the resource.
const GONE: [&str; 4] = ["ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound", "NotFound"];
/// How often it is looked whether something is gone, and for how long.
const LOOK: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(60);

/// A group that is looked through.
pub(super) struct Survey<'a> {
    client: &'a Client,
    tag: &'a ClaimTag,
    claims: Claims,
    /// `/subscriptions/ID`.
    subscription: String,
    /// `/subscriptions/ID/resourceGroups/GROUP`.
    group: String,
    /// By which versions kinds are spoken to, as far as that is known.
    versions: BTreeMap<String, String>,
}

impl<'a> Survey<'a> {
    /// One of a group, by the subscription's name and its own.
    pub(super) fn new(
        client: &'a Client,
        config: &'a ArmConfig,
        (subscription, group): (&str, &str),
    ) -> Result<Self, ArmError> {
        let Some(tag) = &config.claims else {
            let why = "azure.toml has no [claims]: nothing at Azure is this host's to delete";
            return Err(ArmError::new(Trouble::Unclaimed, why));
        };
        let groups = config.path(&Command::Groups { subscription: subscription.to_owned() })?;
        let subscription = groups.trim_end_matches("/resourcegroups").to_owned();
        let group = format!("{subscription}/resourceGroups/{group}");
        let claims = Claims::read(Path::new(&host::prefixed(CLAIMS)))?;
        let versions = config.versions.clone();
        Ok(Self { client, tag, claims, subscription, group, versions })
    }

    /// Every resource of the group, with who claims it. What this host's list names is read by itself, since listings
    /// lag behind.
    pub(super) async fn all(&mut self) -> Result<Vec<Claimable>, ArmError> {
        let mut url = self.client.url(&format!("{}/resources", self.group), RESOURCES)?;
        url.query_pairs_mut().append_pair("$expand", EXPANDED);
        let mut found = Vec::new();
        for listed in self.client.pages(url).await? {
            found.extend(self.one(&listed).await?);
        }
        Ok(found)
    }

    async fn one(&mut self, listed: &Value) -> Result<Option<Claimable>, ArmError> {
        let (id, created) = (text(listed, "/id")?, maybe(listed, "/createdTime"));
        let small = id.to_lowercase();
        let inside = format!("{}/providers/", self.group.to_lowercase());
        let Some(name) = small.strip_prefix(&inside) else {
            return Err(odd("a listing of a group has something from elsewhere in it"));
        };
        let host = self.claims.word(&small, created.as_deref());
        let mut one = Claimable {
            name: name.to_owned(),
            kind: text(listed, "/type")?,
            location: maybe(listed, "/location"),
            state: maybe(listed, "/provisioningState"),
            tag: self.tag_of(listed),
            version: None,
            etag: None,
            mark: None,
            host,
            created,
            id,
        };
        if host == Word::Silent {
            return Ok(Some(one));
        }
        // A listing may still have what is gone.
        let Some(seen) = self.get(name).await? else { return Ok(None) };
        one.tag = self.tag_of(&seen);
        one.state = maybe(&seen, "/properties/provisioningState").or(one.state);
        one.etag = maybe(&seen, "/etag").or_else(|| maybe(&seen, "/properties/etag"));
        let changed = maybe(&seen, "/systemData/lastModifiedAt").or_else(|| maybe(listed, "/changedTime"));
        one.version = match (&one.etag, changed) {
            (Some(etag), _) => Some(format!("etag {etag}")),
            (None, Some(changed)) => Some(format!("changed {changed}")),
            (None, None) => None,
        };
        if let (Some(created), Some(version)) = (&one.created, &one.version) {
            one.mark = Some(mark(&[&small, created, version]));
        }
        Ok(Some(one))
    }

    fn tag_of(&self, resource: &Value) -> Word {
        // Azure does not tell capital letters from small ones in a tag's name.
        let tags = tags(resource);
        match tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(&self.tag.tag)) {
            None => Word::Silent,
            Some((_, value)) if *value == self.tag.value => Word::Claims,
            Some(_) => Word::Other,
        }
    }

    /// One resource as it is now; nothing, when Azure says that it is not there.
    pub(super) async fn get(&mut self, resource: &str) -> Result<Option<Value>, ArmError> {
        let version = self.version(resource).await?;
        let reply = self.client.look(&self.path(resource), &version).await?;
        match reply.status {
            StatusCode::OK => Ok(Some(reply.body)),
            StatusCode::NOT_FOUND if GONE.contains(&code(&reply.body).as_str()) => Ok(None),
            _other => Err(refused(&reply)),
        }
    }

    /// Deletes one, if both claim it and it is as it was seen; and waits until it is gone.
    pub(super) async fn delete(
        &mut self,
        resource: &str,
        mark: &str,
        progress: &mut (dyn FnMut(Value) + Send),
    ) -> Result<(), ArmError> {
        let all = self.all().await?;
        let Some(found) = all.iter().find(|one| one.name == resource) else {
            return Err(ArmError::new(Trouble::NotFound, "the group has no such resource"));
        };
        if !found.is_claimed() {
            let why = "not both the list of this host and the tag claim it";
            return Err(ArmError::new(Trouble::Unclaimed, why));
        }
        if found.mark.as_deref() != Some(mark) {
            return Err(ArmError::new(Trouble::Moved, "it is not as it was when it was planned"));
        }
        let below = format!("{resource}/");
        for one in all.iter().filter(|one| one.name.starts_with(&below)) {
            if self.get(&one.name).await?.is_some() {
                return Err(ArmError::new(Trouble::Conflict, "something lies below it"));
            }
        }
        let (path, version) = (self.path(resource), self.version(resource).await?);
        let change = Change { only_if: found.etag.clone(), ..Change::of(Method::DELETE, &path, &version) };
        self.client.act(change, progress).await?;
        self.gone(resource, progress).await
    }

    /// Waits until it is not there any more.
    async fn gone(
        &mut self,
        resource: &str,
        progress: &mut (dyn FnMut(Value) + Send),
    ) -> Result<(), ArmError> {
        let unseen = |why: String| ArmError::new(Trouble::Begun, why);
        let until = Instant::now() + PATIENCE;
        loop {
            match self.get(resource).await {
                Ok(None) => {
                    progress(json!({"gone": resource}));
                    return Ok(());
                }
                Ok(Some(_)) if Instant::now() >= until => {
                    return Err(unseen("Azure says that it is deleted, and shows it still".to_owned()));
                }
                Ok(Some(_)) => progress(json!({"still_there": resource})),
                Err(error) => return Err(unseen(error.why)),
            }
            self.client.wait(LOOK).await.map_err(|error| unseen(error.why))?;
        }
    }

    fn path(&self, resource: &str) -> String {
        format!("{}/providers/{resource}", self.group)
    }

    /// By which version Azure speaks about resources of that kind.
    async fn version(&mut self, resource: &str) -> Result<String, ArmError> {
        let mut parts = resource.split('/');
        let namespace = parts.next().unwrap_or_default();
        let types: Vec<&str> = parts.step_by(2).collect();
        let kind = format!("{namespace}/{}", types.join("/"));
        if let Some(known) = self.versions.get(&kind) {
            return Ok(known.clone());
        }
        let path = format!("{}/providers/{namespace}", self.subscription);
        let provider = self.client.get(&path, RESOURCES).await?;
        let version = newest(&provider, &types.join("/"));
        let version = version.ok_or_else(|| odd(&format!("Azure has no version for {kind}")))?;
        self.versions.insert(kind, version.clone());
        Ok(version)
    }
}

/// The version that Azure takes where nobody names one; or else its newest, and one that is no preview where there is one.
fn newest(provider: &Value, kind: &str) -> Option<String> {
    let types = provider.get("resourceTypes")?.as_array()?;
    let is_it =
        |one: &&Value| maybe(one, "/resourceType").is_some_and(|name| name.eq_ignore_ascii_case(kind));
    let found = types.iter().find(is_it)?;
    let versions: Vec<&str> =
        found.get("apiVersions")?.as_array()?.iter().filter_map(Value::as_str).collect();
    let stable = versions.iter().filter(|version| !version.contains("preview")).max();
    let newest = stable.or_else(|| versions.iter().max()).map(|version| (*version).to_owned());
    maybe(found, "/defaultApiVersion").or(newest)
}

/// A digest of what tells a resource from what it was before.
pub(super) fn mark(parts: &[&str]) -> String {
    Sha256::digest(parts.join("\n").as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_azures_own_choice_or_the_newest_that_is_no_preview() {
        let provider = |more: Value| {
            let mut kind = json!({"resourceType": "containerApps", "apiVersions": ["2024-03-01", "2025-01-01-preview", "2023-05-01"]});
            kind.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"resourceTypes": [{"resourceType": "jobs", "apiVersions": ["2020-01-01"]}, kind]})
        };
        let version = |provider: &Value, kind: &str| newest(provider, kind);
        assert_eq!(version(&provider(json!({})), "containerapps").as_deref(), Some("2024-03-01"));
        let chosen = provider(json!({"defaultApiVersion": "2023-05-01"}));
        assert_eq!(version(&chosen, "containerapps").as_deref(), Some("2023-05-01"));
        let previews = provider(json!({"apiVersions": ["2025-01-01-preview", "2025-02-01-preview"]}));
        assert_eq!(version(&previews, "containerapps").as_deref(), Some("2025-02-01-preview"));
        assert_eq!(version(&provider(json!({})), "nothing"), None);
        assert_eq!(version(&json!({}), "containerapps"), None);
    }

    #[test]
    fn a_mark_tells_id_time_and_version_apart() {
        let of = |id, created, version| mark(&[id, created, version]);
        assert_eq!(of("a", "b", "c").len(), 64);
        assert_eq!(of("a", "b", "c"), of("a", "b", "c"));
        for other in [("x", "b", "c"), ("a", "x", "c"), ("a", "b", "x")] {
            assert_ne!(of("a", "b", "c"), of(other.0, other.1, other.2));
        }
    }
}
