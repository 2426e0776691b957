//! The gate's own two keys: read at a start, made by `reeve-gate init`.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::config::{GateConfig, KeySettings};
use super::start_error::StartError;
use crate::audit::Signer;
use crate::config::key_place::KeyPlace;
use crate::grant::SigningKey;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The key would be somebody's who may not read it, or could not be written.
    #[error("the {what} key is {place}: run `reeve-gate init` as root, which alone can write there")]
    NeedsRoot {
        /// Which.
        what: &'static str,
        /// Where it is to be.
        place: KeyPlace,
    },
    /// The gate's user has to be able to read what it makes.
    #[error("the grant key is the file {place}, which is to be the gate's: run this as the gate's user")]
    NeedsGate {
        /// Where it is to be.
        place: KeyPlace,
    },
    /// The folder of credentials cannot be made.
    #[error("cannot make {path}")]
    Folder {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The grant key cannot be had.
    #[error(transparent)]
    Grant(#[from] crate::grant::KeyError),
    /// The checkpoints' key cannot be had.
    #[error(transparent)]
    Checkpoint(#[from] crate::audit::KeyError),
}

/// Both keys, as the gate itself reads them.
pub(super) fn load(settings: &KeySettings, host: &str) -> Result<(SigningKey, Signer), StartError> {
    let text = settings.grant.read(SigningKey::MOST_BYTES).map_err(crate::grant::KeyError::from)?;
    let signer = match &settings.checkpoint {
        // The gate cannot write a credential: root makes that key.
        KeyPlace::Credential(_) => {
            let text = settings.checkpoint.read(Signer::MOST_BYTES).map_err(crate::audit::KeyError::from)?;
            Signer::from_text(&text, host)?
        }
        KeyPlace::File(path) => Signer::load_or_make(path, host)?,
    };
    Ok((SigningKey::from_text(&text)?, signer))
}

/// The key that says that it has seen a checkpoint of another host's log.
pub(super) fn witness(settings: &KeySettings, host: &str) -> Result<Signer, StartError> {
    Ok(match &settings.witness {
        KeyPlace::Credential(_) => {
            let text = settings.witness.read(Signer::MOST_BYTES).map_err(crate::audit::KeyError::from)?;
            Signer::from_text_witness(&text, host)?
        }
        KeyPlace::File(path) => Signer::load_or_make_witness(path, host)?,
    })
}

/// Makes the grant key where there is none, and that of the checkpoints where the gate could not make it itself. Gives the
/// grant key back for its public half.
///
/// # Errors
/// When this user is not the one to make them, or they cannot be written.
pub fn init(config: &GateConfig) -> Result<SigningKey, InitError> {
    let is_root = nix::unistd::geteuid().is_root();
    let KeySettings { grant, checkpoint, witness } = &config.keys;
    if let KeyPlace::Credential(_) = checkpoint {
        let path = made_by_root(checkpoint, "checkpoints'", is_root)?;
        Signer::load_or_make(&path, &config.host)?;
    }
    if let KeyPlace::Credential(_) = witness {
        let path = made_by_root(witness, "witness's", is_root)?;
        Signer::load_or_make_witness(&path, &config.host)?;
    }
    let path = match grant {
        KeyPlace::Credential(_) => made_by_root(grant, "grant", is_root)?,
        KeyPlace::File(path) if is_root && !is_roots(path) => {
            return Err(InitError::NeedsGate { place: grant.clone() });
        }
        KeyPlace::File(path) => path.clone(),
    };
    Ok(if path.exists() { SigningKey::load(&path)? } else { SigningKey::generate(&path)? })
}

fn made_by_root(
    place: &KeyPlace,
    what: &'static str,
    is_root: bool,
) -> Result<std::path::PathBuf, InitError> {
    if !is_root {
        return Err(InitError::NeedsRoot { what, place: place.clone() });
    }
    let path = place.source();
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| InitError::Folder { path: folder.display().to_string(), source })?;
    Ok(path)
}

/// Whether the folder is root's own, as where everything runs as root.
fn is_roots(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    path.parent().and_then(|folder| std::fs::metadata(folder).ok()).is_some_and(|folder| folder.uid() == 0)
}
