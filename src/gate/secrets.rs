//! How old the secrets from vaults are, for whoever watches the host. The gate fetches none, and reads here no value.

use std::sync::Arc;
use std::time::Duration;

use super::Gate;
use crate::secret::FetchedFolder;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(15);

impl Gate {
    /// Looks at what is told of them, for as long as the gate lives.
    pub async fn keep_secrets(self: Arc<Self>, folder: FetchedFolder) {
        let mut told = None;
        loop {
            let looked = tokio::task::spawn_blocking({
                let folder = folder.clone();
                move || folder.state().map_err(|error| error.to_string())
            });
            match looked.await {
                Ok(Ok(state)) => {
                    self.metrics.secrets_are(&state);
                    told = None;
                }
                // Said once, and not every quarter of a minute.
                Ok(Err(problem)) if told.as_ref() != Some(&problem) => {
                    tracing::error!(path = %folder.state_path().display(), problem, "how secrets are cannot be read");
                    told = Some(problem);
                }
                Ok(Err(_)) | Err(_) => {}
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
