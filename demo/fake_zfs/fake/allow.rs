//! Delegation: which user may do what, here and below.

use super::flags::Flags;
use super::{Caller, Done, Fail, Host, done, printed};

impl Host<'_> {
    /// That the caller has a permission; `cannot` begins what is said otherwise.
    pub(super) fn may(&self, permission: &str, name: &str, cannot: &str) -> Result<(), Fail> {
        if self.is_allowed(permission, name) {
            return Ok(());
        }
        Err(Fail::say(format!("{cannot}: permission denied")))
    }

    /// Whether the caller has a permission on a thing, given there or above.
    pub(super) fn is_allowed(&self, permission: &str, name: &str) -> bool {
        let Caller::User(user) = self.caller else { return true };
        let dataset = name.split(['@', '#']).next().unwrap_or(name);
        self.state.datasets.iter().any(|(at, found)| {
            let is_above = dataset
                .strip_prefix(at.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            is_above && found.allowed.get(user).is_some_and(|permissions| permissions.contains(permission))
        })
    }

    pub(super) fn allow(&mut self, flags: &Flags) -> Done {
        match flags.names.as_slice() {
            [name] => {
                let found = self.allowed_on(name)?;
                let lines: String =
                    found.iter().map(|(user, list)| format!("\tuser {user} {list}\n")).collect();
                if lines.is_empty() {
                    return done();
                }
                let head = format!("---- Permissions on {name} ");
                printed(format!("{head:-<70}\nLocal+Descendent permissions:\n{lines}"))
            }
            [users, permissions, name] => {
                self.allowed_on(name)?;
                self.root_only(name)?;
                for user in users.split(',') {
                    let given = self.state.dataset_mut(name)?.allowed.entry(user.to_owned()).or_default();
                    given.extend(permissions.split(',').map(str::to_owned));
                }
                done()
            }
            _other => Err(Fail::usage("missing filesystem argument", "allow")),
        }
    }

    pub(super) fn unallow(&mut self, flags: &Flags) -> Done {
        let (Some(user), Some(name)) = (flags.name(0), flags.names.last()) else {
            return Err(Fail::usage("missing filesystem argument", "unallow"));
        };
        self.allowed_on(name)?;
        self.root_only(name)?;
        let permissions = flags.name(1).filter(|_| flags.names.len() == 3);
        let allowed = &mut self.state.dataset_mut(name)?.allowed;
        match permissions {
            None => drop(allowed.remove(user)),
            Some(list) => {
                if let Some(given) = allowed.get_mut(user) {
                    given.retain(|permission| !list.split(',').any(|gone| gone == permission));
                }
            }
        }
        done()
    }

    fn allowed_on(&self, name: &str) -> Result<Vec<(String, String)>, Fail> {
        let dataset = self.state.dataset(name).map_err(|Fail(output)| {
            Fail::say(format!("{}Failed to open dataset: {name}", output.stderr)).code(255)
        })?;
        let list = |permissions: &std::collections::BTreeSet<String>| {
            permissions.iter().map(String::as_str).collect::<Vec<_>>().join(",")
        };
        Ok(dataset.allowed.iter().map(|(user, permissions)| (user.clone(), list(permissions))).collect())
    }

    fn root_only(&self, name: &str) -> Result<(), Fail> {
        match self.caller {
            Caller::Root => Ok(()),
            Caller::User(_) => {
                Err(Fail::say(format!("cannot set permissions on '{name}': permission denied")))
            }
        }
    }
}
