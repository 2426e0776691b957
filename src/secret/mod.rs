//! Secrets that configuration needs and never holds: it names where they are, and this reads them there.
//!
//! ```text
//! "/etc/reeve/tls/server.key"      a file of root's
//! "credential:server-key"          a systemd credential of the unit
//! "@kv:vault/server-key/VERSION"   in an Azure Key Vault, from where `reeve secret fetch` has brought it
//! ```
//!
//! A configuration struct holds a [`Reference`], a process that needs the value asks its [`Places`] for it, and what comes is
//! a [`Secret`], which cannot be printed, compared in a time that tells of it, or written into a document.

mod fetched;
mod place;
mod reference;
mod value;

pub use fetched::{Fetched, FetchedFolder, State};
pub use place::{Consumer, Found, Places, PlacesAsWritten, SecretError, Source};
pub use reference::{Alias, CredentialName, NotAReference, Reference, VaultReference};
pub use value::{NotText, Secret};

/// No secret is larger: a Key Vault's has at most 25 KiB, a file with certificates beside its key some more.
pub const MAX_BYTES: usize = 1 << 20;
