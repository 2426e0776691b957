//! What the link knows about itself without asking anybody: for health, metrics, and "no channel" at once.

/// The state of the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Connected and answering.
    Up {
        /// The daemon's version.
        version: String,
        /// The approvers whose identity held at the last probe, by name.
        reachable: Vec<String>,
    },
    /// Not usable.
    Down(Down),
}

/// Why the link is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    /// It has only just begun.
    Starting,
    /// Nobody listens on the socket.
    NoDaemon,
    /// Another user than the daemon's listens on the socket.
    WrongPeer,
    /// The daemon does not have our account.
    NoAccount,
    /// The daemon does not answer, or not sensibly.
    NoAnswer,
    /// The connection broke.
    Lost,
}

impl Down {
    /// What an operator reads.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Starting => "connecting",
            Self::NoDaemon => "nobody listens on the daemon's socket",
            Self::WrongPeer => "the socket belongs to another user than the daemon's",
            Self::NoAccount => "the daemon does not have this host's account",
            Self::NoAnswer => "the daemon does not answer",
            Self::Lost => "the connection to the daemon broke",
        }
    }
}
