//! Azure's Prompt Shields: a second opinion on texts that may be meant for a model, by a process that has the network and nothing else.
//!
//! ```text
//!  gate ──unix──▶ reeve shields serve ──https──▶ Azure AI Content Safety
//!  [`Shield`]     [`serve`]: pieces, cache,      text:shieldPrompt, with a token
//!                 [`Judge`]
//! ```
//!
//! What comes back can only tighten. That nobody could say anything is an answer of its own, and never means that all is well.

#[cfg(feature = "azure")]
mod azure;
mod client;
mod config;
mod kept;
mod look;
mod pieces;
mod serve;
mod settings;
mod wire;

pub use client::{Shield, Shielded};
pub use config::ShieldsConfig;
pub use look::{Judge, Looker};
pub use serve::serve;
pub use settings::{Meaning, ShieldSettings};
pub use wire::{Answer, Said, Why};

/// Answers on the socket as Azure does, in a build that can, until the process is told to end.
///
/// # Errors
/// When the socket cannot be had, or Azure cannot be asked at all.
#[cfg(feature = "azure")]
pub async fn serve_azure(
    config: &ShieldsConfig,
    environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> Result<(), String> {
    serve(config, azure::ContentSafety::new(config, environment)?).await
}

/// Says that this build cannot.
///
/// # Errors
/// Always.
#[cfg(not(feature = "azure"))]
pub async fn serve_azure(
    _config: &ShieldsConfig,
    _environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> Result<(), String> {
    Err("this build cannot ask Azure: it takes one with the feature `azure`".to_owned())
}
