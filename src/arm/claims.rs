//! What this host claims at Azure: a list that root keeps by hand (`reeve azure claim`), and nobody else may write.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ArmError, Trouble, Word};
use crate::sys::trusted_file;

/// Where it is, in a directory that only root can write.
pub const CLAIMS: &str = "/var/lib/reeve-root/azure-claims.json";
/// No list comes near this.
const MAX_BYTES: usize = 4 << 20;

/// One resource, as it was when it was claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Its whole id at Azure, in small letters.
    pub id: String,
    /// When it was made: another one of its name is not claimed.
    pub created: String,
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    claims: Vec<Claim>,
}

impl Claims {
    /// Reads the list. A host without one claims nothing.
    ///
    /// # Errors
    /// When it is not to be trusted, or not understood: then nobody knows what is claimed.
    pub fn read(path: &Path) -> Result<Self, ArmError> {
        let odd = |problem: String| {
            ArmError::new(Trouble::Other, format!("the list of claims {}: {problem}", path.display()))
        };
        match trusted_file::read(path, MAX_BYTES) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| odd(error.to_string())),
            Err(error) if error.is_not_found() => Ok(Self::default()),
            Err(error) => Err(odd(error.to_string())),
        }
    }

    /// Every one of them.
    #[must_use]
    pub fn all(&self) -> &[Claim] {
        &self.claims
    }

    /// What the list says of a resource that was made then.
    #[must_use]
    pub fn word(&self, id: &str, created: Option<&str>) -> Word {
        match self.claims.iter().find(|claim| claim.id == id) {
            None => Word::Silent,
            Some(claim) if created == Some(claim.created.as_str()) => Word::Claims,
            Some(_) => Word::Other,
        }
    }

    /// With one more, in the place of one of the same name.
    #[must_use]
    pub fn with(self, claim: Claim) -> Self {
        let (mut kept, _) = self.without(&claim.id);
        kept.claims.push(claim);
        kept.claims.sort_by(|one, two| one.id.cmp(&two.id));
        kept
    }

    /// Without one, and whether there was one.
    #[must_use]
    pub fn without(mut self, id: &str) -> (Self, bool) {
        let before = self.claims.len();
        self.claims.retain(|claim| claim.id != id);
        let is_less = self.claims.len() < before;
        (self, is_less)
    }

    /// Writes the list, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written; then it is as it was.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!(".{name}.new"));
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(self).map_err(io::Error::other)?)?;
        // The program that deletes runs as a user of its own, and has to read it.
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    fn claim(id: &str, created: &str) -> Claim {
        Claim { id: id.to_owned(), created: created.to_owned() }
    }

    #[test]
    fn another_resource_of_a_claimed_name_is_not_claimed() {
        let claims = Claims::default().with(claim("/a", "one")).with(claim("/b", "two"));
        assert_eq!(claims.word("/a", Some("one")), Word::Claims);
        assert_eq!(claims.word("/a", Some("two")), Word::Other);
        assert_eq!(claims.word("/a", None), Word::Other);
        assert_eq!(claims.word("/c", Some("one")), Word::Silent);
        let claims = claims.with(claim("/a", "two"));
        assert_eq!((claims.word("/a", Some("two")), claims.all().len()), (Word::Claims, 2));
        let (claims, was_there) = claims.without("/a");
        assert!(was_there && claims.word("/a", Some("two")) == Word::Silent);
        assert!(!claims.without("/a").1);
    }

    #[test]
    fn a_list_that_is_not_understood_or_that_others_may_write_is_no_empty_one() {
        let dir = Scratch::new();
        let path = dir.path("claims.json");
        assert_eq!(Claims::read(&path).unwrap(), Claims::default());
        let claims = Claims::default().with(claim("/a", "one"));
        claims.write(&path).unwrap();
        assert_eq!(Claims::read(&path).unwrap(), claims);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        for text in ["", "{}", "[]", "{\"claims\":[{\"id\":\"/a\"}]}", "{\"claims\":[],\"more\":1}"] {
            std::fs::write(&path, text).unwrap();
            assert!(Claims::read(&path).is_err(), "{text}");
        }
        claims.write(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        assert!(Claims::read(&path).is_err());
    }
}
