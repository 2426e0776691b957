//! The network side: hears callers over mutual TLS, knows them by their certificates, and passes what they ask to the gate.
//!
//! It decides nothing. What it holds of power is the server's own key; taken over, it can ask the gate for operations as any
//! agent, and nothing that needs a person gets past the person.
//!
//! ```text
//! accept ─▶ handshake ([verifier], [revocation]) ─▶ [identity] ─▶ [connection] ─▶ [route] ─▶ [endpoint] ─▶ gate
//! ```

mod activity;
mod answer;
mod body;
mod caller;
mod config;
mod connection;
mod endpoint;
mod events;
mod freezing;
mod health;
mod identity;
mod listener;
mod live;
mod loopback;
mod note;
mod openapi;
mod operations;
mod posted;
mod query;
mod refusal;
mod reload;
mod revocation;
mod route;
mod seen;
mod server;
mod standing;
mod status;
mod traced;
mod verifier;
mod witness;

pub use config::Settings;
pub use live::LiveError;
pub use server::{Handle, Server, ServerError};
