//! What Reeve does itself with the files of a workspace, so that no program has to be trusted with it.

/// The program that does it, as the tool's user, and that tier A runs and no other.
pub const BUILTIN: &str = "/usr/local/libexec/reeve/reeve-builtin";

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// Names, kinds and sizes.
    List,
    /// SHA-256 of files.
    Hash,
    /// What a JSONPath finds in a file.
    Query,
}

impl Builtin {
    /// Every one of them.
    pub const ALL: [Builtin; 3] = [Builtin::List, Builtin::Hash, Builtin::Query];

    /// Its name in a declaration, and the program's first argument.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Builtin::List => "list",
            Builtin::Hash => "hash",
            Builtin::Query => "query",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn read(name: &str) -> Option<Builtin> {
        Builtin::ALL.into_iter().find(|one| one.as_str() == name)
    }
}
