//! Unix users: looked up by name, and become for good.

use std::ffi::CString;
use std::io;

use nix::unistd::{
    Gid, Group, Uid, User as Account, geteuid, getgrouplist, getresgid, getresuid, setgroups, setresgid,
    setresuid,
};

/// A Unix user with everything it takes to become it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// All its groups, the primary one included.
    pub groups: Vec<u32>,
}

/// Whether this process acts as root.
#[must_use]
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Whether this process is that user already.
#[must_use]
pub fn is_self(user: &User) -> bool {
    geteuid().as_raw() == user.uid
}

/// Looks a user up by name; `None` where there is none.
///
/// # Errors
/// When the user database cannot be read, which is not the same as "no such user".
pub fn user(name: &str) -> io::Result<Option<User>> {
    Account::from_name(name)?.map(with_groups).transpose()
}

/// Looks a user up by number; `None` where there is none.
///
/// # Errors
/// As [`user`].
pub fn user_of(uid: u32) -> io::Result<Option<User>> {
    Account::from_uid(Uid::from_raw(uid))?.map(with_groups).transpose()
}

/// The number of a group; `None` where there is none.
///
/// # Errors
/// When the group database cannot be read.
pub fn group(name: &str) -> io::Result<Option<u32>> {
    Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()))
}

fn with_groups(account: Account) -> io::Result<User> {
    let groups = getgrouplist(&CString::new(account.name.as_str())?, account.gid)?;
    Ok(User {
        name: account.name,
        uid: account.uid.as_raw(),
        gid: account.gid.as_raw(),
        groups: groups.into_iter().map(Gid::as_raw).collect(),
    })
}

/// Becomes the user, irrevocably: groups first, as they cannot be set afterwards, then proof that root is gone.
///
/// # Errors
/// When a step fails or root could be had back. The caller must end then: it is in between two users.
pub fn become_user(user: &User) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    let groups: Vec<Gid> = user.groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups)?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    let (uids, gids) = (getresuid()?, getresgid()?);
    let changed = [uids.real, uids.effective, uids.saved] == [uid; 3]
        && [gids.real, gids.effective, gids.saved] == [gid; 3];
    let root = Uid::from_raw(0);
    if !changed || (!uid.is_root() && setresuid(root, root, root).is_ok()) {
        return Err(io::Error::other("root's rights could be had back"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_with_its_group() {
        let root = user("root").unwrap().unwrap();
        assert_eq!((root.name.as_str(), root.uid, root.gid), ("root", 0, 0));
        assert!(root.groups.contains(&0));
        assert_eq!(user_of(0).unwrap(), Some(root));
        assert_eq!(group("root").unwrap(), Some(0));
    }

    #[test]
    fn a_user_that_is_not_there_is_none_and_no_error() {
        assert_eq!(user("no-such-user-here").unwrap(), None);
        assert_eq!(group("no-such-group-here").unwrap(), None);
    }
}
