//! Proofs of RFC 6962: that a record is in a tree, and that a tree is the beginning of a later one. Whoever has two
//! roots and a few hashes needs no log to check them.

use std::ops::Range;

use super::{NodeHash, Tree};

/// Makes a proof in one pass over the leaves: each hash in it is the root of a run of them, and no two runs overlap.
#[derive(Debug)]
pub struct Collector {
    /// The runs in the order of the proof, with what was seen of each.
    runs: Vec<(Range<u64>, Tree)>,
    at: u64,
}

impl Collector {
    /// For the proof that leaf `index` (from 0) is in the tree of `size` leaves; none when it cannot be.
    #[must_use]
    pub fn inclusion(index: u64, size: u64) -> Option<Collector> {
        let mut runs = Vec::new();
        (index < size).then(|| path(index, 0..size, &mut runs))?;
        Some(Collector::of(runs))
    }

    /// For the proof that the tree of `old` leaves is the beginning of that of `size` leaves; none when it cannot be.
    #[must_use]
    pub fn consistency(old: u64, size: u64) -> Option<Collector> {
        let mut runs = Vec::new();
        (old > 0 && old <= size).then(|| subproof(old, 0..size, Known::Yes, &mut runs))?;
        Some(Collector::of(runs))
    }

    fn of(runs: Vec<Range<u64>>) -> Collector {
        Collector { runs: runs.into_iter().map(|run| (run, Tree::default())).collect(), at: 0 }
    }

    /// Takes the next leaf, from the first on.
    pub fn take(&mut self, leaf: NodeHash) {
        let at = self.at;
        if let Some((_, tree)) = self.runs.iter_mut().find(|(run, _)| run.contains(&at)) {
            tree.push(leaf);
        }
        self.at += 1;
    }

    /// The proof, once every leaf that it needs was there.
    #[must_use]
    pub fn proof(self) -> Option<Vec<NodeHash>> {
        let whole =
            |(run, tree): (Range<u64>, Tree)| (tree.size() == run.end - run.start).then(|| tree.root());
        self.runs.into_iter().map(whole).collect()
    }
}

/// Where a tree over these leaves divides: the largest power of two below their number.
fn split(leaves: &Range<u64>) -> u64 {
    let many = leaves.end - leaves.start;
    leaves.start + (many.next_power_of_two() >> 1)
}

fn path(index: u64, leaves: Range<u64>, out: &mut Vec<Range<u64>>) {
    if leaves.end - leaves.start < 2 {
        return;
    }
    let middle = split(&leaves);
    if index < middle {
        path(index, leaves.start..middle, out);
        out.push(middle..leaves.end);
    } else {
        path(index, middle..leaves.end, out);
        out.push(leaves.start..middle);
    }
}

/// Whether whoever checks has the root of the part in question: it is the old tree's.
#[derive(Clone, Copy)]
enum Known {
    Yes,
    No,
}

fn subproof(old: u64, leaves: Range<u64>, known: Known, out: &mut Vec<Range<u64>>) {
    if old == leaves.end {
        match known {
            Known::Yes => {}
            Known::No => out.push(leaves),
        }
        return;
    }
    let middle = split(&leaves);
    if old <= middle {
        subproof(old, leaves.start..middle, known, out);
        out.push(middle..leaves.end);
    } else {
        subproof(old, middle..leaves.end, Known::No, out);
        out.push(leaves.start..middle);
    }
}

/// Whether the proof shows that this leaf is number `index` (from 0) of the tree with that size and root.
#[must_use]
pub fn included(leaf: NodeHash, index: u64, (size, root): (u64, NodeHash), proof: &[NodeHash]) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut node) = (index, size - 1, leaf);
    for other in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            node = NodeHash::node(*other, node);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            node = NodeHash::node(node, *other);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && node == root
}

/// Whether the proof shows that the first tree is the beginning of the second.
#[must_use]
pub fn consistent(
    (old, old_root): (u64, NodeHash),
    (size, root): (u64, NodeHash),
    proof: &[NodeHash],
) -> bool {
    if old == 0 || old > size {
        return false;
    }
    if old == size {
        return proof.is_empty() && old_root == root;
    }
    // A whole subtree is the old tree itself, whose root need not be told.
    let told = if old.is_power_of_two() { None } else { proof.first().copied() };
    let rest = if told.is_some() { proof.get(1..).unwrap_or_default() } else { proof };
    let Some(first) = told.or_else(|| old.is_power_of_two().then_some(old_root)) else { return false };
    let (mut at, mut last) = (old - 1, size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut then, mut now) = (first, first);
    for other in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            then = NodeHash::node(*other, then);
            now = NodeHash::node(*other, now);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            now = NodeHash::node(now, *other);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && then == old_root && now == root
}
