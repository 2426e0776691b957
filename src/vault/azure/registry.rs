//! Who the host is and what it may do, by the token that it gets and by what Azure Resource Manager knows of roles.

use std::collections::BTreeMap;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::{Azure, bounded, client, cut, innermost};
use crate::vault::config::AzureSettings;
use crate::vault::examine::{Acts, Registry, Who};
use crate::vault::fetch::{Got, Trouble, Vaults};
use crate::vault::roles::{Assignment, Permission, Role};
use crate::vault::scope::Scope;

/// The version of what is asked, for role assignments and definitions.
const VERSION: &str = "2022-04-01";
/// The same of a vault's list.
const LIST_VERSION: &str = "7.4";
/// The same of resource groups.
const GROUPS_VERSION: &str = "2021-04-01";
/// How many pages of assignments there may be.
const MOST_PAGES: usize = 50;
/// How often it is asked when Azure is busy, and how long it is waited for that at most.
const TRIES: usize = 3;
const LONGEST_WAIT: u64 = 5;
/// No page of roles comes near this.
const LONGEST: usize = 8 << 20;

/// Azure, with what it knows about this host.
pub(in crate::vault) struct Register {
    azure: Azure,
    http: reqwest::Client,
    management: Url,
}

impl Register {
    pub(in crate::vault) fn new(
        settings: &AzureSettings,
        management: &Url,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let http = client(settings)?;
        Ok(Self { azure: Azure::new(settings, environment)?, http, management: management.clone() })
    }

    async fn token(&self, resource: &str) -> Result<String, Trouble> {
        match self.azure.chain.get_token(&[&format!("{resource}/.default")], None).await {
            Ok(token) => Ok(token.token.secret().to_owned()),
            Err(error) => Err(self.azure.trouble(&error)),
        }
    }

    /// A token for Azure Resource Manager.
    async fn manager_token(&self) -> Result<String, Trouble> {
        self.token(self.management.as_str().trim_end_matches('/')).await
    }

    async fn ask<T: DeserializeOwned>(&self, url: &Url) -> Result<T, Trouble> {
        let (status, bytes) = self.answer(url, &self.manager_token().await?).await?;
        if status != 200 {
            return Err(self.says(refusal(status, &bytes)));
        }
        serde_json::from_slice(&bytes)
            .map_err(|_none| self.says("the answer is none that Azure Resource Manager gives".to_owned()))
    }

    /// What is answered, once whoever answers is no longer busy.
    async fn answer(&self, url: &Url, token: &str) -> Result<(u16, Vec<u8>), Trouble> {
        let mut tries = 1;
        loop {
            let sent = self.http.get(url.as_str()).bearer_auth(token).send().await;
            let answer =
                sent.map_err(|error| self.says(format!("cannot be reached: {}", innermost(&error))))?;
            let status = answer.status().as_u16();
            let wait =
                answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            let bytes =
                bounded::body(answer, LONGEST).await.map_err(|problem| self.says(problem.to_owned()))?;
            if tries == TRIES || !matches!(status, 429 | 500 | 502 | 503 | 504) {
                return Ok((status, bytes));
            }
            tries += 1;
            tokio::time::sleep(Duration::from_secs(wait.unwrap_or(1).min(LONGEST_WAIT))).await;
        }
    }

    fn address(&self, path: &str, filter: Option<&str>) -> Result<Url, Trouble> {
        self.address_of(path, VERSION, filter)
    }

    fn address_of(&self, path: &str, version: &str, filter: Option<&str>) -> Result<Url, Trouble> {
        let mut url = self.management.join(path).map_err(|_none| self.says("has no address".to_owned()))?;
        if url.origin() != self.management.origin() {
            return Err(self.says("leads elsewhere than to Azure Resource Manager".to_owned()));
        }
        url.query_pairs_mut().append_pair("api-version", version);
        if let Some(filter) = filter {
            url.query_pairs_mut().append_pair("$filter", filter);
        }
        Ok(url)
    }

    async fn role(&self, id: &str) -> Result<Role, Trouble> {
        let scope: Scope = id.parse().map_err(|_none| self.says("a role has no id".to_owned()))?;
        let found: Definition = self.ask(&self.address(&scope.to_string(), None)?).await?;
        Ok(found.properties.into())
    }

    fn says(&self, problem: String) -> Trouble {
        Trouble { problem, credential: self.azure.chain.answered() }
    }
}

impl Vaults for Register {
    async fn get(&self, url: &Url, name: &str, version: Option<&str>) -> Result<Got, Trouble> {
        self.azure.get(url, name, version).await
    }
}

impl Registry for Register {
    async fn who(&self) -> Result<Who, Trouble> {
        let token = self.manager_token().await?;
        let claims =
            claims(&token).ok_or_else(|| self.says("the token does not say whose it is".to_owned()))?;
        Ok(Who {
            credential: self.azure.chain.answered().unwrap_or("nobody"),
            principal: claims.oid,
            more: format!(
                "application {}, tenant {}",
                claims.appid.unwrap_or_default(),
                claims.tid.unwrap_or_default()
            ),
            token: (claims.iat, claims.exp),
            certificate_ends: self.azure.chain.certificate_ends(),
        })
    }

    async fn roles(&self, place: &Scope, principal: &str) -> Result<Vec<Assignment>, Trouble> {
        // It is put into a filter: a text that ends the one there would be another filter.
        if !principal.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return Err(self.says("the token's owner has no id".to_owned()));
        }
        let path = format!("{place}/providers/Microsoft.Authorization/roleAssignments").replace("//", "/");
        let mut next = Some(self.address(&path, Some(&format!("assignedTo('{principal}')")))?);
        let (mut found, mut roles) = (Vec::new(), BTreeMap::new());
        for _page in 0..MOST_PAGES {
            let Some(url) = next.take() else { return Ok(found) };
            let page: Page = self.ask(&url).await?;
            for one in page.value {
                let Properties { scope, role_definition_id: id } = one.properties;
                let scope = scope.parse().map_err(|_none| self.says("a role is given nowhere".to_owned()))?;
                if !roles.contains_key(&id) {
                    roles.insert(id.clone(), self.role(&id).await?);
                }
                let role = roles.get(&id).cloned().unwrap_or_default();
                found.push(Assignment { scope, role });
            }
            next = page.next_link.map(|link| self.same_server(&link)).transpose()?;
        }
        Err(self.says(format!("there are more than {MOST_PAGES} pages of roles")))
    }

    async fn lists(&self, url: &Url) -> Result<bool, Trouble> {
        // `vault.azure.net` is who a token for `NAME.vault.azure.net` is for, in each cloud by its own name.
        let cloud = url.domain().and_then(|name| name.split_once('.')).map(|(_vault, cloud)| cloud);
        let cloud = cloud.ok_or_else(|| self.says("the vault has no name".to_owned()))?;
        let token = self.token(&format!("https://{cloud}")).await?;
        let mut list = url.join("/secrets").map_err(|_none| self.says("has no address".to_owned()))?;
        list.query_pairs_mut().append_pair("api-version", LIST_VERSION).append_pair("maxresults", "1");
        match self.answer(&list, &token).await? {
            (200, _) => Ok(true),
            (403, bytes) if is_for_want_of_a_right(&bytes) => Ok(false),
            (status, bytes) => Err(self.says(refusal(status, &bytes))),
        }
    }

    async fn reads(&self, url: &Url, name: &str) -> Result<Option<bool>, Trouble> {
        let client = self.azure.client(url).map_err(|error| self.azure.trouble(&error))?;
        let Err(error) = client.get_secret(name, None).await else { return Ok(Some(true)) };
        let ErrorKind::HttpResponse { status, raw_response: Some(raw), .. } = error.kind() else {
            return Err(self.azure.trouble(&error));
        };
        match (u16::from(*status), inner(raw.body()).as_deref()) {
            (403, _) if is_for_want_of_a_right(raw.body()) => Ok(Some(false)),
            // What is disabled is told to those alone who could read it.
            (403, Some("SecretDisabled")) => Ok(Some(true)),
            (404, _) => Ok(None),
            (_, _) => Err(self.azure.trouble(&error)),
        }
    }
}

impl Acts for Register {
    async fn groups(&self, subscription: &Scope) -> Result<Result<bool, String>, Trouble> {
        let url = self.address_of(&format!("{subscription}/resourcegroups"), GROUPS_VERSION, None)?;
        match self.answer(&url, &self.manager_token().await?).await? {
            (200, bytes) => {
                let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                let listed = body.get("value").and_then(Value::as_array);
                listed
                    .map(|groups| Ok(!groups.is_empty()))
                    .ok_or_else(|| self.says("a listing has no list in it".to_owned()))
            }
            (status @ (403 | 404), bytes) => Ok(Err(refusal(status, &bytes))),
            (status, bytes) => Err(self.says(refusal(status, &bytes))),
        }
    }
}

impl Register {
    /// The next page is on the same server: the token goes nowhere else.
    fn same_server(&self, link: &str) -> Result<Url, Trouble> {
        let url = Url::parse(link).ok().filter(|url| url.origin() == self.management.origin());
        url.ok_or_else(|| self.says("the next page is on another server".to_owned()))
    }
}

/// A refusal for want of a right. One by the vault's firewall says nothing about rights.
fn is_for_want_of_a_right(body: &[u8]) -> bool {
    matches!(inner(body).as_deref(), Some("ForbiddenByRbac" | "ForbiddenByPolicy"))
}

fn inner(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    Some(body.pointer("/error/innererror/code")?.as_str()?.to_owned())
}

/// `HTTP 403 AuthorizationFailed`.
fn refusal(status: u16, bytes: &[u8]) -> String {
    let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let code = body.pointer("/error/code").and_then(Value::as_str).unwrap_or_default();
    cut(&format!("HTTP {status} {code}"))
}

/// What a token says about whose it is. It is our own, from who gave it to us: nothing is decided by it here.
#[derive(Deserialize)]
struct Claims {
    oid: String,
    tid: Option<String>,
    appid: Option<String>,
    iat: i64,
    exp: i64,
}

fn claims(token: &str) -> Option<Claims> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    value: Vec<One>,
    next_link: Option<String>,
}

#[derive(Deserialize)]
struct One {
    properties: Properties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    scope: String,
    role_definition_id: String,
}

#[derive(Deserialize)]
struct Definition {
    properties: Defined,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Defined {
    role_name: String,
    #[serde(rename = "type")]
    kind: String,
    permissions: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Part {
    actions: Vec<String>,
    not_actions: Vec<String>,
    data_actions: Vec<String>,
    not_data_actions: Vec<String>,
}

impl From<Defined> for Role {
    fn from(defined: Defined) -> Self {
        let part = |part: Part| Permission {
            actions: part.actions,
            not_actions: part.not_actions,
            data_actions: part.data_actions,
            not_data_actions: part.not_data_actions,
        };
        Self {
            name: defined.role_name,
            is_custom: !defined.kind.eq_ignore_ascii_case("BuiltInRole"),
            permissions: defined.permissions.into_iter().map(part).collect(),
        }
    }
}
