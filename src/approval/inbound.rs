//! One message of a person, as the channel authenticated it.

use std::fmt;

use uuid::Uuid;

/// A message, an edit or a reaction. Who sent it is the channel's word, everything else is the sender's.
#[derive(Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The sender's account (ACI).
    pub sender_uuid: Uuid,
    /// The sender's device: 1 is the phone.
    pub device: u32,
    /// The sender's clock, in milliseconds; with the sender, the identity of the message.
    pub timestamp: u64,
    /// The server's clock when it took the message, where it is known.
    pub server_received: Option<u64>,
    /// Which message it quotes.
    pub quote_of: Option<MessageRef>,
    /// The text.
    pub text: Option<String>,
    /// The reaction, in place of a text.
    pub reaction: Option<Reaction>,
    /// Whether it replaces an earlier message.
    pub edited: bool,
    /// The group it was sent to, if not to us alone.
    pub group: Option<String>,
}

impl Inbound {
    /// When it was sent, by the server's clock where that is known.
    pub fn sent_at(&self) -> u64 {
        self.server_received.unwrap_or(self.timestamp)
    }
}

/// The text is left out: it may hold a token that has not been spent yet.
impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sender_uuid, device, timestamp, server_received, quote_of, text, reaction, edited, group } =
            self;
        f.debug_struct("Inbound")
            .field("sender_uuid", sender_uuid)
            .field("device", device)
            .field("timestamp", timestamp)
            .field("server_received", server_received)
            .field("quote_of", quote_of)
            .field("text_bytes", &text.as_ref().map(String::len))
            .field("reaction", reaction)
            .field("edited", edited)
            .field("group", group)
            .finish()
    }
}

/// A message that another refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageRef {
    /// Who wrote it.
    pub author: Author,
    /// Its author's clock, in milliseconds.
    pub timestamp: u64,
}

/// Who wrote a message that is referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// This host.
    Us,
    /// Anybody else, or nobody knows.
    Other,
}

/// A reaction to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji as sent.
    pub emoji: String,
    /// What it is a reaction to.
    pub target: MessageRef,
    /// Whether it was taken back.
    pub removed: bool,
}

impl Reaction {
    /// Whether it says no, in any skin tone and presentation.
    pub fn refuses(&self) -> bool {
        matches!(self.emoji.chars().next(), Some('👎' | '❌' | '🛑'))
    }
}
