//! The Merkle tree of RFC 6962 over the records: its leaves are the lines, its root stands for all of them at once.
//!
//! What is kept are the roots of the whole subtrees on its right edge, at most one for each bit of the size, so that
//! appending reads nothing back. The first record of each file has them, so that opening a log reads that file only.

mod proof;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use proof::{Collector, consistent, included};

/// So that a leaf can never be shown as a node, nor a node as a leaf.
const LEAF: [u8; 1] = [0];
const NODE: [u8; 1] = [1];

/// A node of the tree.
#[derive(Clone, Copy, PartialEq, Eq, std::hash::Hash)]
pub struct NodeHash([u8; 32]);

impl NodeHash {
    /// The leaf of a record: the hash of a zero byte and its line without the newline.
    #[must_use]
    pub fn leaf(line: &[u8]) -> NodeHash {
        NodeHash(Sha256::new().chain_update(LEAF).chain_update(line).finalize().into())
    }

    fn node(left: NodeHash, right: NodeHash) -> NodeHash {
        NodeHash(
            Sha256::new().chain_update(NODE).chain_update(left.0).chain_update(right.0).finalize().into(),
        )
    }

    /// What a tree without leaves has for a root.
    #[must_use]
    pub fn of_nothing() -> NodeHash {
        NodeHash(Sha256::digest([]).into())
    }

    /// These bytes as a node.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> NodeHash {
        NodeHash(bytes)
    }

    /// As checkpoints and proofs have it.
    #[must_use]
    pub fn base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// What [`NodeHash::base64`] wrote.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<NodeHash> {
        Some(NodeHash(STANDARD.decode(text).ok()?.try_into().ok()?))
    }
}

impl fmt::Display for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base64())
    }
}

impl fmt::Debug for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for NodeHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The right edge of a tree: all that is needed for its root, and for going on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// The roots of its whole subtrees, the largest first: one for each bit that is set in the size.
    edge: Vec<NodeHash>,
}

impl Tree {
    /// How many leaves it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: NodeHash) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.edge.pop() {
                node = NodeHash::node(left, node);
            }
        }
        self.edge.push(node);
        self.size += 1;
    }

    /// What stands for all leaves and their order.
    #[must_use]
    pub fn root(&self) -> NodeHash {
        let joined = self.edge.iter().rev().copied().reduce(|right, left| NodeHash::node(left, right));
        joined.unwrap_or_else(NodeHash::of_nothing)
    }

    /// As it stands in the first record of a file.
    pub(super) fn to_value(&self) -> Value {
        json!({ "size": self.size, "edge": self.edge })
    }

    /// What [`Tree::to_value`] wrote, if a tree of that size can look like this.
    pub(super) fn from_value(value: &Value) -> Option<Tree> {
        let size = value.get("size")?.as_u64()?;
        let edge = value.get("edge")?.as_array()?.iter();
        let edge: Vec<NodeHash> =
            edge.map(|node| NodeHash::from_base64(node.as_str()?)).collect::<Option<_>>()?;
        (edge.len() as u64 == u64::from(size.count_ones())).then_some(Tree { size, edge })
    }
}

#[cfg(test)]
mod tests;
