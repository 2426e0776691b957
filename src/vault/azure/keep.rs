//! Writing into a Key Vault: new versions, and what becomes of them.

use std::collections::HashMap;

use azure_core::error::{Error, ErrorKind};
use azure_security_keyvault_secrets::ResourceExt;
use azure_security_keyvault_secrets::models::{
    Secret as Model, SecretAttributes, SecretClientUpdateSecretPropertiesOptions, SetSecretParameters,
    UpdateSecretPropertiesParameters,
};
use futures_util::TryStreamExt;
use serde_json::Value;
use url::Url;
use zeroize::Zeroize;

use super::{Azure, words};
use crate::secret::Secret;
use crate::vault::fetch::Trouble;
use crate::vault::store::{About, Keeper, Kept};

/// The tag of a version that was put there and taken back.
const TAKEN_BACK: (&str, &str) = ("reeve", "taken-back");
/// What Azure calls a name without a value, one whose value it does not give out, and one that was deleted and may be brought back.
const NOTHING: (u16, &str) = (404, "SecretNotFound");
const DISABLED: (u16, &str) = (403, "SecretDisabled");
const DELETED: (u16, &str) = (409, "ObjectIsDeletedButRecoverable");

impl Keeper for Azure {
    async fn newest(&self, url: &Url, name: &str) -> Result<Kept, Trouble> {
        match self.bundle(url, name).await {
            Ok(model) => self.kept(model),
            Err(error) if is(&error, NOTHING) => Ok(Kept::Nothing),
            Err(error) if is(&error, DISABLED) => {
                // Whoever may not list cannot tell whose it is, and goes by that it is somebody else's.
                let was_taken_back = self.was_taken_back(url, name).await.unwrap_or(false);
                Ok(Kept::Disabled { was_taken_back })
            }
            Err(error) => Err(self.trouble(&error)),
        }
    }

    async fn put(&self, url: &Url, name: &str, value: &Secret, about: &About) -> Result<String, Trouble> {
        let text = value.expose_text().map_err(|error| self.says(error.to_string()))?;
        let tags: HashMap<String, String> =
            about.tags.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let parameters = SetSecretParameters {
            value: Some(text.to_owned()),
            content_type: about.content_type.clone(),
            tags: (!tags.is_empty()).then_some(tags),
            ..Default::default()
        };
        let set = self.set(url, name, parameters).await.map_err(|error| {
            let mut trouble = self.trouble(&error);
            if is(&error, DELETED) {
                trouble.problem.push_str(
                    ": a deleted secret keeps this name; `az keyvault secret recover` or `purge` ends that, or another name",
                );
            }
            trouble
        })?;
        self.version(&set)
    }

    async fn disable(&self, url: &Url, name: &str, version: &str) -> Result<(), Trouble> {
        let off = SecretAttributes { enabled: Some(false), ..Default::default() };
        let parameters = UpdateSecretPropertiesParameters {
            secret_attributes: Some(off),
            tags: Some(HashMap::from([(TAKEN_BACK.0.to_owned(), TAKEN_BACK.1.to_owned())])),
            ..Default::default()
        };
        self.update(url, name, (version, parameters)).await.map_err(|error| self.trouble(&error))
    }
}

impl Azure {
    /// Whether the newest version has the mark. A disabled one is read by nobody, but is in the list of versions.
    async fn was_taken_back(&self, url: &Url, name: &str) -> Result<bool, Error> {
        let mut versions = self.client(url)?.list_secret_properties_versions(name, None)?;
        let (mut newest, mut is_marked) = (None, false);
        while let Some(version) = versions.try_next().await? {
            let made = version.attributes.and_then(|attributes| attributes.created);
            let tags = version.tags.unwrap_or_default();
            let has_mark = tags.get(TAKEN_BACK.0).is_some_and(|value| value == TAKEN_BACK.1);
            // Azure counts seconds: of those of one second all must have it.
            is_marked = if made > newest { has_mark } else { is_marked && (has_mark || made < newest) };
            newest = newest.max(made);
        }
        Ok(newest.is_some() && is_marked)
    }

    async fn bundle(&self, url: &Url, name: &str) -> Result<Model, Error> {
        self.client(url)?.get_secret(name, None).await?.into_model()
    }

    async fn set(&self, url: &Url, name: &str, parameters: SetSecretParameters) -> Result<Model, Error> {
        let mut model =
            self.client(url)?.set_secret(name, parameters.try_into()?, None).await?.into_model()?;
        model.value.zeroize();
        Ok(model)
    }

    async fn update(
        &self,
        url: &Url,
        name: &str,
        (version, parameters): (&str, UpdateSecretPropertiesParameters),
    ) -> Result<(), Error> {
        let options = SecretClientUpdateSecretPropertiesOptions {
            secret_version: Some(version.to_owned()),
            ..Default::default()
        };
        let content = parameters.try_into()?;
        self.client(url)?.update_secret_properties(name, content, Some(options)).await?;
        Ok(())
    }

    fn kept(&self, mut model: Model) -> Result<Kept, Trouble> {
        let version = self.version(&model)?;
        let mut text = model.value.take().ok_or_else(|| self.says("the answer holds no value".to_owned()))?;
        let value = Secret::new(text.as_bytes().to_vec());
        text.zeroize();
        let tags = model.tags.take().unwrap_or_default().into_iter().collect();
        Ok(Kept::Value { value, version, about: About { content_type: model.content_type.take(), tags } })
    }

    fn version(&self, model: &Model) -> Result<String, Trouble> {
        let id = model.resource_id().ok().and_then(|id| id.version);
        id.ok_or_else(|| self.says("the answer does not say which version it is of".to_owned()))
    }

    pub(super) fn trouble(&self, error: &Error) -> Trouble {
        self.says(match (self.chain.answered(), self.chain.troubles()) {
            (None, Some(troubles)) => troubles,
            (Some(_), _) | (None, None) => words(error),
        })
    }

    fn says(&self, problem: String) -> Trouble {
        Trouble { problem, credential: self.chain.answered() }
    }
}

/// Whether an answer has this status and this code, which is the inner one where there is one.
fn is(error: &Error, (wanted, code): (u16, &str)) -> bool {
    let ErrorKind::HttpResponse { status, error_code, raw_response } = error.kind() else { return false };
    let body = raw_response.as_ref().and_then(|raw| serde_json::from_slice::<Value>(raw.body()).ok());
    let inner = body.as_ref().and_then(|body| body.pointer("/error/innererror/code")?.as_str());
    u16::from(*status) == wanted && inner.or(error_code.as_deref()) == Some(code)
}
