//! The firewall of a vault: opened to this host's own address for a while, and closed again as far as this host opened it.
//!
//! What is sent to Azure is what was read there, with a rule more or a rule less: neither public access nor the default
//! action is ever written otherwise than it was.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use http::{Method, StatusCode};
use nix::unistd::geteuid;
use serde_json::{Value, json};

use super::address::{AddressSource, agreed, network};
use super::calls::{maybe, text};
use super::client::{Change, Client, begun, odd};
use super::rules::{OwnRule, OwnRules, RULES};
use super::survey::mark;
use super::{ArmConfig, ArmError, Firewall, Trouble};
use crate::sys::clock::{Clock, SystemClock};
use crate::sys::host;

/// By which version vaults are spoken to.
const VAULTS: &str = "2023-07-01";
/// A time at which every rule is over.
const ALL: u64 = u64::MAX;
/// When it was looked last what is over, in seconds since 1970, beside the list; and how long ago that may be.
const LOOKED: &str = "looked";
const LATELY: u64 = 300;
/// How long one vault, which is busy or throttled, may keep whoever waits for the list. What was not closed by then is closed by the next round.
const EACH: Duration = Duration::from_secs(30);
/// As much as a source may say: an address.
const LONGEST_WORD: usize = 64;

/// Where this host's own rules are kept, held so that nobody else changes them meanwhile.
struct Own {
    path: PathBuf,
    rules: OwnRules,
    _held: File,
}

impl Own {
    fn hold() -> Result<Self, ArmError> {
        let path = host::prefixed(RULES);
        let (folder, lock) = (path.with_file_name(""), path.with_file_name("lock"));
        let whose = std::fs::metadata(&folder).map_err(|error| other(&folder, &error))?.uid();
        if whose != geteuid().as_raw() {
            // What another user, such as root, put there could not be changed by its owner.
            let why =
                "is another user's, who alone changes what is in it: systemctl start reeve-azure-expire";
            return Err(odd(&format!("{} {why}", folder.display())));
        }
        let trouble = |error: std::io::Error| other(&lock, &error);
        let held = File::create(&lock).map_err(trouble)?;
        held.lock().map_err(trouble)?;
        let rules = OwnRules::read(&path)?;
        Ok(Self { path, rules, _held: held })
    }

    fn keep(&mut self, change: impl FnOnce(OwnRules) -> OwnRules) -> Result<(), ArmError> {
        let rules = change(self.rules.clone());
        rules.write(&self.path).map_err(|error| other(&self.path, &error))?;
        self.rules = rules;
        Ok(())
    }
}

/// A vault's firewall as it was read.
struct Wall {
    told: Firewall,
    acls: Value,
}

impl Client {
    /// How a vault's firewall is, and what of it is this host's.
    pub(super) async fn firewall(&self, path: &str) -> Result<Firewall, ArmError> {
        Ok(self.wall(path).await?.told)
    }

    /// The same, with the address that it would be opened to.
    pub(super) async fn opening(&self, config: &ArmConfig, path: &str) -> Result<Firewall, ArmError> {
        is_looked_after(&host::prefixed(RULES), now())?;
        let address = self.own_address(config).await?;
        Ok(Firewall { address: Some(address), ..self.firewall(path).await? })
    }

    /// Lets this host's own address in, if all is as it was seen.
    pub(super) async fn allow(
        &self,
        config: &ArmConfig,
        path: &str,
        (address, minutes, seen): (&str, u64, &str),
        progress: &mut (dyn FnMut(Value) + Send),
    ) -> Result<(), ArmError> {
        let moved = |why: &str| Err(ArmError::new(Trouble::Moved, why));
        if self.own_address(config).await? != address {
            return moved("this host has another address now");
        }
        let mut own = Own::hold()?;
        is_looked_after(&own.path, now())?;
        let quick = self.hurried(EACH);
        let wall = quick.wall(path).await?;
        if wall.told.mark != seen {
            return moved("the firewall is not as it was when it was planned");
        }
        if !wall.told.is_closed() {
            return Err(ArmError::new(Trouble::Conflict, "the firewall is not one that a rule opens"));
        }
        let vault = wall.told.id.to_lowercase();
        // Whoever added it, it is not this host's to remove after a time of its own.
        if wall.told.lets_in(address) {
            return Ok(());
        }
        let since = now();
        let until = since.saturating_add(minutes.saturating_mul(60));
        // It is on the list before Azure hears of it: what is added and forgotten would stay for ever.
        let rule = OwnRule { vault: vault.clone(), address: address.to_owned(), since, until };
        own.keep(|rules| rules.with(rule))?;
        let mut rules = rules_of(&wall.acls)?;
        rules.push(json!({"value": address}));
        if let Err(error) = quick.put_rules(path, &wall, rules, progress).await {
            // What ended badly may have let it in before that.
            if !matches!(error.trouble, Trouble::Begun | Trouble::Failed) {
                own.keep(|rules| rules.without(&vault, address))?;
            }
            return Err(error);
        }
        if quick.wall(path).await.map_err(begun)?.told.lets_in(address) {
            return Ok(());
        }
        Err(ArmError::new(Trouble::Begun, "Azure took the rule, and does not show it"))
    }

    /// Takes away what this host added, if all is as it was seen.
    pub(super) async fn disallow(
        &self,
        path: &str,
        seen: &str,
        progress: &mut (dyn FnMut(Value) + Send),
    ) -> Result<(), ArmError> {
        let (mut own, quick) = (Own::hold()?, self.hurried(EACH));
        let wall = quick.wall(path).await?;
        if wall.told.mark != seen {
            return Err(ArmError::new(Trouble::Moved, "the firewall is not as it was when it was planned"));
        }
        quick.close(path, wall, (&mut own, ALL), progress).await
    }

    /// Takes away, of every vault, what this host added and whose time is over. One that cannot be had keeps no other.
    pub(super) async fn expire(&self, progress: &mut (dyn FnMut(Value) + Send)) -> Result<(), ArmError> {
        let mut own = Own::hold()?;
        let (now, mut first) = (now(), None);
        let looked = own.path.with_file_name(LOOKED);
        std::fs::write(&looked, now.to_string()).map_err(|error| other(&looked, &error))?;
        for vault in own.rules.due(now) {
            let quick = self.hurried(EACH);
            let closed = match quick.wall(&vault).await {
                Ok(wall) => quick.close(&vault, wall, (&mut own, now), progress).await,
                Err(error) if is_gone(&error) => own.keep(|rules| gone(rules, &vault, now)),
                Err(error) => Err(error),
            };
            if let Err(error) = closed {
                first.get_or_insert(error);
            }
        }
        first.map_or(Ok(()), Err)
    }

    async fn close(
        &self,
        path: &str,
        wall: Wall,
        (own, now): (&mut Own, u64),
        progress: &mut (dyn FnMut(Value) + Send),
    ) -> Result<(), ArmError> {
        let vault = wall.told.id.to_lowercase();
        let over: Vec<String> =
            own.rules.of(&vault).filter(|rule| rule.is_over(now)).map(|rule| rule.address.clone()).collect();
        let before = rules_of(&wall.acls)?;
        let is_over = |rule: &Value| maybe(rule, "/value").is_some_and(|value| over.contains(&whole(&value)));
        let left: Vec<Value> = before.iter().filter(|rule| !is_over(rule)).cloned().collect();
        if left.len() < before.len() {
            self.put_rules(path, &wall, left, progress).await?;
            let after = self.wall(path).await.map_err(begun)?.told;
            if over.iter().any(|address| after.lets_in(address)) {
                return Err(ArmError::new(Trouble::Begun, "Azure took the rules, and shows them still"));
            }
        }
        progress(json!({"removed": over}));
        own.keep(|rules| gone(rules, &vault, now))
    }

    async fn put_rules(
        &self,
        path: &str,
        wall: &Wall,
        rules: Vec<Value>,
        progress: &mut (dyn FnMut(Value) + Send),
    ) -> Result<(), ArmError> {
        let mut acls = wall.acls.clone();
        acls.as_object_mut()
            .ok_or_else(|| odd("a vault has no firewall"))?
            .insert("ipRules".to_owned(), Value::Array(rules));
        let body = Some(json!({"properties": {"networkAcls": acls}}));
        let change = Change { body, ..Change::of(Method::PATCH, path, VAULTS) };
        self.act(change, progress).await
    }

    async fn wall(&self, path: &str) -> Result<Wall, ArmError> {
        let vault = self.get(path, VAULTS).await?;
        let (id, access) = (text(&vault, "/id")?, maybe(&vault, "/properties/publicNetworkAccess"));
        let acls = vault.pointer("/properties/networkAcls").cloned().unwrap_or(Value::Null);
        let mut rules: Vec<String> = rules_of(&acls)?
            .iter()
            .map(|rule| text(rule, "/value").map(|value| whole(&value)))
            .collect::<Result<_, _>>()?;
        rules.sort();
        let own = OwnRules::read(Path::new(&host::prefixed(RULES)))?;
        let added = own.of(&id.to_lowercase()).map(|rule| rule.address.clone()).collect();
        let state = acls.to_string();
        let mark = mark(&[&id.to_lowercase(), access.as_deref().unwrap_or_default(), &state]);
        let default_action = maybe(&acls, "/defaultAction");
        Ok(Wall { told: Firewall { id, access, default_action, rules, added, address: None, mark }, acls })
    }

    /// This host's own address, from root or from two servers that agree.
    async fn own_address(&self, config: &ArmConfig) -> Result<String, ArmError> {
        let unfit = |why: String| ArmError::new(Trouble::Unfit, why);
        let settings = config.firewall.as_ref();
        let settings = settings.ok_or_else(|| unfit("azure.toml has no [firewall]".to_owned()))?;
        match &settings.source {
            AddressSource::Named(address) => network(address, settings.widest).map_err(unfit),
            AddressSource::Asked([one, other]) => {
                let (one, other) = (self.word(one).await?, self.word(other).await?);
                agreed([&one, &other], settings.widest).map_err(unfit)
            }
        }
    }

    /// What a server says, without a token and in few letters.
    async fn word(&self, url: &url::Url) -> Result<String, ArmError> {
        let unfit = |why: String| {
            ArmError::new(Trouble::Unfit, format!("{}: {why}", url.domain().unwrap_or_default()))
        };
        let asked = self.plain(url).await;
        let (status, said) = asked.map_err(|error| unfit(error.why))?;
        if status != StatusCode::OK || said.len() > LONGEST_WORD {
            return Err(unfit(format!("HTTP {}, {} bytes: no address", status.as_u16(), said.len())));
        }
        String::from_utf8(said).map_err(|_odd| unfit("says no text".to_owned()))
    }
}

fn rules_of(acls: &Value) -> Result<Vec<Value>, ArmError> {
    match acls.get("ipRules") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(rules)) => Ok(rules.clone()),
        Some(_) => Err(odd("a vault's rules are no list")),
    }
}

/// An address with its bits, as this host's list has it.
fn whole(value: &str) -> String {
    if value.contains('/') { value.to_owned() } else { format!("{value}/32") }
}

/// Whether the vault went, with its firewall, or its whole group. Of a subscription that is said by who may not see it, too.
fn is_gone(error: &ArmError) -> bool {
    let is_so = |code: &&str| error.why.ends_with(*code);
    error.trouble == Trouble::NotFound && [" ResourceNotFound", " ResourceGroupNotFound"].iter().any(is_so)
}

fn gone(rules: OwnRules, vault: &str, now: u64) -> OwnRules {
    let over: Vec<String> =
        rules.of(vault).filter(|rule| rule.is_over(now)).map(|rule| rule.address.clone()).collect();
    over.iter().fold(rules, |rules, address| rules.without(vault, address))
}

/// Nothing is opened where nobody would close it again.
fn is_looked_after(list: &Path, now: u64) -> Result<(), ArmError> {
    let said = std::fs::read_to_string(list.with_file_name(LOOKED)).unwrap_or_default();
    let is_lately = said.parse::<u64>().is_ok_and(|looked| now.abs_diff(looked) <= LATELY);
    if is_lately {
        return Ok(());
    }
    let why = "nobody looks what is to be closed again: systemctl enable --now reeve-azure-expire.timer";
    Err(ArmError::new(Trouble::Unfit, why))
}

fn now() -> u64 {
    SystemClock.now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn other(path: &Path, error: &std::io::Error) -> ArmError {
    ArmError::new(Trouble::Other, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    #[test]
    fn nothing_is_opened_where_nobody_would_close_it_again() {
        let dir = Scratch::new();
        let list = dir.path("firewall.json");
        assert!(is_looked_after(&list, 1_000).unwrap_err().why.contains("reeve-azure-expire.timer"));
        for (said, is_after) in
            [("1000", true), ("700", true), ("699", false), ("1301", false), ("", false), ("x", false)]
        {
            std::fs::write(dir.path(LOOKED), said).unwrap();
            assert_eq!(is_looked_after(&list, 1_000).is_ok(), is_after, "{said}");
        }
    }

    #[test]
    fn a_vault_is_gone_with_its_group_and_not_with_what_cannot_be_seen() {
        for (trouble, why, is_so) in [
            (Trouble::NotFound, "HTTP 404 ResourceNotFound", true),
            (Trouble::NotFound, "HTTP 404 ResourceGroupNotFound", true),
            (Trouble::NotFound, "HTTP 404 SubscriptionNotFound", false),
            (Trouble::NotFound, "HTTP 404 ParentResourceNotFound", false),
            (Trouble::Denied, "HTTP 403 ResourceNotFound", false),
        ] {
            assert_eq!(is_gone(&ArmError::new(trouble, why)), is_so, "{why}");
        }
    }

    #[test]
    fn rules_are_what_azure_lists_and_anything_else_is_refused() {
        assert_eq!(rules_of(&json!({})).unwrap(), [] as [Value; 0]);
        assert_eq!(rules_of(&json!({"ipRules": [{"value": "x"}]})).unwrap(), [json!({"value": "x"})]);
        assert!(rules_of(&json!({"ipRules": "x"})).is_err());
        assert_eq!(
            (whole("20.1.2.3"), whole("20.1.2.0/24")),
            ("20.1.2.3/32".to_owned(), "20.1.2.0/24".to_owned())
        );
    }
}
