//! Signal and its daemon may deliver twice: across a restart, a reconnection, a retry two weeks later.

use std::collections::{HashSet, VecDeque};

use uuid::Uuid;

use crate::approval::inbound::Inbound;

/// How many messages are remembered. Beyond that the rules about time and about counting a person once still hold.
const REMEMBERED: usize = 8192;

/// The messages seen lately.
#[derive(Debug, Default)]
pub(super) struct Seen {
    keys: HashSet<Key>,
    order: VecDeque<Key>,
}

type Key = (Uuid, u32, u64, Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Text,
    Edit,
    Reaction,
    ReactionRemoved,
}

impl Seen {
    /// Remembers the message; false when it was known.
    pub(super) fn is_new(&mut self, inbound: &Inbound) -> bool {
        let key = (inbound.sender_uuid, inbound.device, inbound.timestamp, kind(inbound));
        if !self.keys.insert(key) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
        true
    }
}

fn kind(inbound: &Inbound) -> Kind {
    match &inbound.reaction {
        Some(reaction) if reaction.removed => Kind::ReactionRemoved,
        Some(_) => Kind::Reaction,
        None if inbound.edited => Kind::Edit,
        None => Kind::Text,
    }
}
