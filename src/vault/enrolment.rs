//! What it takes in Azure for a host to be somebody there who reads its own secrets and nothing else: steps, templates and commands for a
//! person who may give roles. The host gives itself nothing.

mod arm;
mod bicep;
mod commands;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use super::config::VaultsConfig;
use super::scope::Scope;
use super::wanted::Wanted;

/// "Key Vault Secrets User": reads the value of a secret, and what is known about it.
const READS: &str = "4633458b-17de-408a-b874-0445c86b69e6";
/// The one role that Azure does not have: it shows who may do what, and nothing else.
const SEES: &str = "Reeve sees roles";
const SEES_ACTIONS: [&str; 2] =
    ["Microsoft.Authorization/roleAssignments/read", "Microsoft.Authorization/roleDefinitions/read"];
/// A machine's name, and a group's.
const LONGEST_NAME: usize = 90;

/// Who a host can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// The machine's own identity, which ends with it.
    System,
    /// An identity that the machine is assigned.
    User,
    /// A service principal with a certificate, for a machine that is not Azure's.
    Principal,
}

/// What a host needs in Azure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    identity: Identity,
    machine: String,
    group: String,
    subscription: String,
    vaults: Vec<Needed>,
}

/// What it needs of one vault.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Needed {
    alias: String,
    id: Scope,
    canary: String,
    secrets: BTreeSet<String>,
}

impl Enrolment {
    /// Of the vaults that are configured, what configuration names there.
    ///
    /// # Errors
    /// Says what configuration has to say first.
    pub fn new(
        identity: Identity,
        (machine, group): (&str, &str),
        config: &VaultsConfig,
        wanted: &Wanted,
    ) -> Result<Self, String> {
        let (machine, group) = (plain("the machine", machine)?, plain("the resource group", group)?);
        let mut vaults = Vec::new();
        for (alias, trial) in &config.examine.trials {
            let id = trial.id.clone().ok_or_else(|| {
                format!("secrets.toml does not say where vault {alias} is: vault.{alias}.id, as `az keyvault show --query id` says it")
            })?;
            let canary = trial.canary.clone().ok_or_else(|| {
                format!("secrets.toml names no secret by which it is shown that vault {alias} can be read: vault.{alias}.canary")
            })?;
            vaults.push(Needed {
                alias: alias.to_string(),
                id,
                secrets: BTreeSet::from([canary.clone()]),
                canary,
            });
        }
        for (reference, _) in wanted.iter() {
            let url = config.address(reference).map_err(|problem| format!("{reference}: {problem}"))?;
            let own =
                config.vaults.iter().find(|(_, known)| *known == url).map(|(alias, _)| alias.to_string());
            let needed = vaults.iter_mut().find(|needed| Some(&needed.alias) == own.as_ref());
            if let Some(needed) = needed {
                needed.secrets.insert(reference.name().to_owned());
            }
        }
        let subscriptions: BTreeSet<String> = vaults
            .iter()
            .filter_map(|needed| Some(needed.id.named("subscriptions", 0)?.to_owned()))
            .collect();
        let mut subscriptions = subscriptions.into_iter();
        match (subscriptions.next(), subscriptions.next()) {
            (Some(subscription), None) => Ok(Self { identity, machine, group, subscription, vaults }),
            (None, _) => {
                Err("secrets.toml has no [vault.NAME]: there is nothing that the host would be for"
                    .to_owned())
            }
            (Some(_), Some(_)) => {
                Err("the vaults are in several subscriptions: one at a time, each in its own secrets.toml"
                    .to_owned())
            }
        }
    }

    /// The files with all that, by their names.
    #[must_use]
    pub fn files(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("STEPS.md", steps::text(self)),
            ("main.bicep", bicep::main(self)),
            ("secrets.bicep", bicep::SECRETS.to_owned()),
            ("azuredeploy.json", arm::template(self)),
            ("role.json", arm::role(self)),
            ("enrol.sh", commands::script(self)),
        ])
    }

    /// All places where it gets a role, with the role.
    fn reads(&self) -> impl Iterator<Item = (&Needed, &str)> {
        self.vaults.iter().flat_map(|needed| needed.secrets.iter().map(move |name| (needed, name.as_str())))
    }
}

impl Needed {
    fn group(&self) -> &str {
        self.id.named("resourceGroups", 2).unwrap_or_default()
    }

    fn vault(&self) -> &str {
        self.id.named("vaults", 6).unwrap_or_default()
    }
}

/// A name that means nothing to a shell, to Bicep or to a template.
fn plain(what: &str, name: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let begins_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins_well && name.len() <= LONGEST_NAME && name.bytes().all(fits) {
        return Ok(name.to_owned());
    }
    Err(format!("{what}: {name:?} is not 1 to {LONGEST_NAME} letters, digits and - _ ."))
}

#[cfg(test)]
mod tests;
