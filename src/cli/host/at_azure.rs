//! What `reeve check` says of the files by which this host is somebody at Azure: `secrets.toml`, `shields.toml`, `azure.toml`.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::secret::Configurations;
use super::{azure, https, secret, shields};
use crate::arm::ArmConfig;
use crate::cli::exit::with_causes;
use crate::config::{self, did_you_mean};
use crate::gate::config::GateConfig;
use crate::policy::Contracts;
use crate::secret::{Consumer, PlacesAsWritten, Reference};
use crate::shield::ShieldsConfig;
use crate::sys::{host, ids};
use crate::vault::{AzureSettings, VaultsConfig, Wanted};

/// The user of the wrapper that acts there.
const ACTS: &str = "reeve-azure";

/// A file, and what is wrong with it or what it says.
type Finding = (&'static str, PathBuf, Result<String, String>);

/// What of these files there is, and what should be there and is not.
pub(super) fn findings(gate: &Path, reeved: &Path, config: Option<&GateConfig>) -> Vec<Finding> {
    let [secrets, shields, azure] = [secret::CONFIG, shields::CONFIG, azure::CONFIG].map(host::prefixed);
    // What cannot be read has a finding of its own.
    let wanted = Configurations::of(gate, reeved).wanted().unwrap_or_default();
    let grants = config.map(|config| granted(&config.contracts)).unwrap_or_default();
    let found = [
        ("vaults", vaults(&secrets, &wanted), secrets),
        ("shields", asked(&shields, config), shields),
        ("azure", acted(&azure, &grants), azure),
    ];
    found.into_iter().filter_map(|(what, found, path)| Some((what, path, found?))).collect()
}

/// `secrets.toml`, and that each reference of the other files means one of its vaults.
fn vaults(path: &Path, wanted: &Wanted) -> Option<Result<String, String>> {
    let config = match config::read_if_there(path, VaultsConfig::parse) {
        Ok(Some(config)) => config,
        Ok(None) => {
            let (first, _) = wanted.iter().next()?;
            return Some(Err(format!("is not there, and configuration names {first}")));
        }
        Err(error) => return Some(Err(with_causes(&error))),
    };
    let fits = || {
        for (reference, _) in wanted.iter() {
            config.address(reference).map_err(|problem| format!("{reference}: {problem}"))?;
        }
        let by = identity(&config.azure, &config.folder.user)?;
        Ok(format!("{} vaults for {} secrets, by {by}", config.vaults.len(), wanted.iter().count()))
    };
    Some(fits())
}

/// `shields.toml`, and that the gate asks where it listens.
fn asked(path: &Path, config: Option<&GateConfig>) -> Option<Result<String, String>> {
    let gate = config.map(|config| &config.shields);
    let asks = gate.is_some_and(|gate| gate.is_on());
    let shields = match config::read_if_there(path, ShieldsConfig::parse) {
        Ok(Some(shields)) => shields,
        Ok(None) if asks => {
            return Some(Err(
                "is not there, and [shields] in gate.toml asks: every text would be in doubt".to_owned()
            ));
        }
        Ok(None) => return None,
        Err(error) => return Some(Err(with_causes(&error))),
    };
    let fits = || {
        if let Some(gate) = gate
            && asks
            && gate.socket != shields.socket
        {
            return Err(format!(
                "socket: is {}, and shields.socket in gate.toml {}",
                shields.socket.display(),
                gate.socket.display()
            ));
        }
        user(&shields.gate_user).map_err(|problem| format!("gate_user: {problem}"))?;
        let whose = gate.map_or("reeve-shields", |gate| gate.user.as_str());
        let by = identity(&shields.azure, whose)?;
        let nobody = if asks { "" } else { ", and [shields] in gate.toml asks about nothing" };
        Ok(format!("{}, by {by}{nobody}", shields.endpoint))
    };
    Some(fits())
}

/// `azure.toml`, and that it has each subscription that a contract grants.
fn acted(path: &Path, grants: &BTreeSet<(String, String)>) -> Option<Result<String, String>> {
    let arm = match config::read_if_there(path, ArmConfig::parse) {
        Ok(Some(arm)) => arm,
        Ok(None) => {
            let (whose, first) = grants.first()?;
            return Some(Err(format!("is not there, and the contract of {whose} grants {first} at Azure")));
        }
        Err(error) => return Some(Err(with_causes(&error))),
    };
    let fits = || {
        for (whose, name) in grants {
            if !arm.subscriptions.contains_key(name) {
                let nearest = did_you_mean(name, arm.subscriptions.keys().map(String::as_str));
                return Err(format!(
                    "has no subscription {name}, which the contract of {whose} grants{nearest}"
                ));
            }
        }
        let by = identity(&arm.azure, ACTS)?;
        let names: Vec<&str> = arm.subscriptions.keys().map(String::as_str).collect();
        Ok(format!("{}, by {by}", names.join(", ")))
    };
    Some(fits())
}

/// The subscriptions that contracts grant, with whose contract it is. Contracts that do not load are told of elsewhere.
fn granted(contracts: &Path) -> BTreeSet<(String, String)> {
    let Ok(contracts) = Contracts::load(contracts) else { return BTreeSet::new() };
    let mut found = BTreeSet::new();
    for whose in contracts.names() {
        let entries = contracts.get(whose).into_iter().flat_map(|contract| contract.all_entries());
        let scopes = entries.filter_map(|entry| entry.get("azure")?.as_array()).flatten();
        for scope in scopes.filter_map(Value::as_str) {
            let subscription = scope.split('/').next().unwrap_or_default();
            found.insert((whose.as_str().to_owned(), subscription.to_owned()));
        }
    }
    found
}

/// That there is what an identity takes: the authorities, its secret or certificate, and its user, who may read these.
fn identity(azure: &AzureSettings, whose: &str) -> Result<String, String> {
    if !cfg!(feature = "azure") {
        return Err("this build cannot ask Azure: it takes one with the feature `azure`".to_owned());
    }
    https::client(&azure.ca).map_err(|problem| format!("azure.ca: {problem}"))?;
    let found = user(whose)?;
    for (key, reference) in own(azure) {
        let told = |problem: &dyn std::fmt::Display| format!("{key}: {problem}");
        let places = PlacesAsWritten::default().meant(Consumer::Fetcher).map_err(|problem| told(&problem))?;
        places.read(reference).map_err(|error| told(&with_causes(&error)))?;
        if let Reference::File(path) = reference {
            let file = std::fs::metadata(path).map_err(|error| told(&error))?;
            if !may_read((file.uid(), file.gid(), file.mode()), &found) {
                return Err(told(&format!(
                    "{whose} cannot read it: run chown root:{whose} and chmod 0640 on {}",
                    path.display()
                )));
            }
        }
    }
    let ways: Vec<&str> = azure.credentials.iter().map(|kind| kind.name()).collect();
    Ok(ways.join(" or "))
}

/// The files of identities' own secrets, each with the one user who is to read it. What cannot be read is told of elsewhere.
pub(super) fn secret_files(config: &GateConfig) -> Vec<(PathBuf, String)> {
    let [secrets, shields, azure] = [secret::CONFIG, shields::CONFIG, azure::CONFIG].map(host::prefixed);
    let fetches = VaultsConfig::read(&secrets).ok().map(|read| (read.azure, read.folder.user));
    let asks = ShieldsConfig::read(&shields).ok().map(|read| (read.azure, config.shields.user.clone()));
    let acts = ArmConfig::read(&azure).ok().map(|read| (read.azure, ACTS.to_owned()));
    let mut found = Vec::new();
    for (azure, user) in [fetches, asks, acts].into_iter().flatten() {
        let files = own(&azure).filter_map(|(_, reference)| match reference {
            Reference::File(path) => Some((path.clone(), user.clone())),
            Reference::Credential(_) | Reference::Vault(_) => None,
        });
        found.extend(files);
    }
    found
}

/// Where an identity's own secret is, by its key.
fn own(azure: &AzureSettings) -> impl Iterator<Item = (&'static str, &Reference)> {
    let keys = [
        ("azure.client_secret", &azure.client_secret),
        ("azure.client_certificate", &azure.client_certificate),
    ];
    keys.into_iter().filter_map(|(key, reference)| Some((key, reference.as_ref()?)))
}

fn user(name: &str) -> Result<ids::User, String> {
    match ids::user(name) {
        Ok(Some(user)) => Ok(user),
        Ok(None) => Err(format!("there is no Unix user {name}")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

fn may_read((uid, gid, mode): (u32, u32, u32), user: &ids::User) -> bool {
    (uid == user.uid && mode & 0o400 != 0) || (user.groups.contains(&gid) && mode & 0o040 != 0)
}

#[cfg(test)]
mod tests;
