//! `reeve azure claim`, `unclaim` and `claims`: root says by hand which resources at Azure are this host's, so that they
//! may be deleted if a tag at Azure says so, too.

use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use serde_json::json;

use crate::arm::{
    Answer, ArmConfig, ArmError, CLAIMS, Claim, ClaimTag, Claimable, Claims, Command, Trouble, Word,
};
use crate::cli::host::block_on;
use crate::cli::screen::{Screen, harmless};
use crate::operation::azure::TargetName;
use crate::sys::host;

/// What these words say, if they are about claims.
pub(super) enum Asked {
    Claim(TargetName),
    Unclaim(TargetName),
    List,
}

impl Asked {
    /// Reads them.
    ///
    /// # Errors
    /// When they are about claims and name no resource.
    pub(super) fn parse(words: &[String]) -> Result<Option<Self>, ArmError> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Ok(match words.as_slice() {
            ["claim", name] => Some(Self::Claim(resource(name)?)),
            ["unclaim", name] => Some(Self::Unclaim(resource(name)?)),
            ["claims"] => Some(Self::List),
            _other => None,
        })
    }
}

fn resource(name: &str) -> Result<TargetName, ArmError> {
    let target = TargetName::try_from(name.to_owned());
    let target = target.map_err(|invalid| other(format!("{name} {}", invalid.problem)))?;
    if target.parts().2.is_none() {
        return Err(other(format!("{name} is a group: each resource is claimed by itself")));
    }
    Ok(target)
}

/// Does one of these.
pub(super) fn run(asked: &Asked, config: &ArmConfig, screen: Screen) -> Result<(), ArmError> {
    let path = host::prefixed(CLAIMS);
    match asked {
        Asked::List => list(&Claims::read(&path)?, screen),
        Asked::Claim(target) => {
            only_root()?;
            claim(target, config, (&path, screen))
        }
        Asked::Unclaim(target) => {
            only_root()?;
            let (claims, was_there) = Claims::read(&path)?.without(&id_of(target, config)?);
            if !was_there {
                return Err(ArmError::new(Trouble::NotFound, format!("{target} is not claimed")));
            }
            write(&claims, &path)?;
            say(screen, &format!("{target} is claimed no more"))
        }
    }
}

fn list(claims: &Claims, screen: Screen) -> Result<(), ArmError> {
    let rows: Vec<Vec<String>> =
        claims.all().iter().map(|claim| vec![claim.id.clone(), claim.created.clone()]).collect();
    let told = match screen.is_json() {
        true => screen.document(&json!(claims)),
        false => screen.table(&["resource", "made"], &rows),
    };
    told.map_err(|failure| other(failure.message))
}

fn claim(
    target: &TargetName,
    config: &ArmConfig,
    (path, screen): (&PathBuf, Screen),
) -> Result<(), ArmError> {
    let claims = Claims::read(path)?;
    let found = find(target, config)?;
    let made = found.created.as_ref().ok_or_else(|| {
        other(format!(
            "Azure does not say when {target} was made, so that another one could not be told from it"
        ))
    })?;
    write(&claims.with(Claim { id: id_of(target, config)?, created: made.clone() }), path)?;
    let claimed = format!("{target}, made {}, is claimed by this host", harmless(made));
    let (Some(tag), Word::Silent | Word::Other) = (&config.claims, found.tag) else {
        return say(screen, &claimed);
    };
    say(screen, &format!("{claimed}; its tag does not say so yet: {}", tagging(&found.id, tag)))
}

/// What a person types: a tag may have blanks, and a quote.
fn tagging(id: &str, ClaimTag { tag, value }: &ClaimTag) -> String {
    let word = format!("{tag}={value}").replace('\'', r"'\''");
    format!("az tag update --operation Merge --resource-id {} --tags '{word}'", harmless(id))
}

/// The resource as Azure lists it.
fn find(target: &TargetName, config: &ArmConfig) -> Result<Claimable, ArmError> {
    let (subscription, group, name) = target.parts();
    let command = Command::Claimed { subscription: subscription.to_owned(), group: group.to_owned() };
    let asked = block_on(async { Ok(crate::arm::run(config, &command, &mut |_progress| {}).await) });
    let Answer::Claimed(all) = asked.map_err(|failure| other(failure.message))??.answer else {
        return Err(other("Azure's answer is about something else".to_owned()));
    };
    let found = all.into_iter().find(|one| Some(one.name.as_str()) == name);
    found.ok_or_else(|| ArmError::new(Trouble::NotFound, format!("the group has no {target}")))
}

/// The whole id, in small letters.
fn id_of(target: &TargetName, config: &ArmConfig) -> Result<String, ArmError> {
    let (subscription, group, name) = target.parts();
    let groups = config.path(&Command::Groups { subscription: subscription.to_owned() })?;
    Ok(format!("{groups}/{group}/providers/{}", name.unwrap_or_default()).to_lowercase())
}

fn only_root() -> Result<(), ArmError> {
    if geteuid().is_root() { Ok(()) } else { Err(other("what this host claims is root's to say".to_owned())) }
}

fn write(claims: &Claims, path: &Path) -> Result<(), ArmError> {
    claims.write(path).map_err(|error| other(format!("{}: {error}", path.display())))
}

fn say(screen: Screen, text: &str) -> Result<(), ArmError> {
    let told = if screen.is_json() { screen.document(&json!({"answer": text})) } else { screen.line(text) };
    told.map_err(|failure| other(failure.message))
}

fn other(why: String) -> ArmError {
    ArmError::new(Trouble::Other, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_is_to_type_is_one_word_whatever_the_tag_says() {
        for (value, word) in [
            ("host01", "'reeve-host=host01'"),
            ("a b; id", "'reeve-host=a b; id'"),
            ("a'b", r"'reeve-host=a'\''b'"),
        ] {
            let tag = ClaimTag { tag: "reeve-host".to_owned(), value: value.to_owned() };
            let typed = format!("az tag update --operation Merge --resource-id /x --tags {word}");
            assert_eq!(tagging("/x", &tag), typed);
        }
    }
}
