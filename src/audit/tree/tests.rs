//! The known answers of RFC 6962's trees, and every small tree against the definition itself.

use super::*;

/// The leaves by which implementations of RFC 6962 are compared.
const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

fn hex(node: NodeHash) -> String {
    node.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn leaves() -> Vec<NodeHash> {
    LEAVES.iter().map(|line| NodeHash::leaf(line)).collect()
}

fn tree(leaves: &[NodeHash]) -> Tree {
    let mut tree = Tree::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree
}

fn proof(collector: Option<Collector>, leaves: &[NodeHash]) -> Vec<NodeHash> {
    let mut collector = collector.unwrap();
    leaves.iter().for_each(|leaf| collector.take(*leaf));
    collector.proof().unwrap()
}

#[test]
fn the_roots_are_those_of_the_known_answers() {
    let known = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (size, root) in known.iter().enumerate() {
        assert_eq!(hex(tree(&leaves()[..size]).root()), *root, "{size} leaves");
    }
}

#[test]
fn the_proofs_are_those_of_the_known_answers() {
    const A: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
    const B: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
    const C: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
    const D: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
    const E: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
    const F: &str = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
    const G: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
    const ONE: &str = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    const TWO: &str = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
    let leaves = leaves();
    let inclusion: [(u64, usize, &[&str]); 4] =
        [(0, 8, &[A, B, C]), (5, 8, &[D, E, F]), (2, 3, &[TWO]), (1, 5, &[ONE, B, D])];
    for (index, size, known) in inclusion {
        let found = proof(Collector::inclusion(index, size as u64), &leaves[..size]);
        assert_eq!(found.into_iter().map(hex).collect::<Vec<_>>(), known, "{index} of {size}");
    }
    let consistency: [(u64, usize, &[&str]); 4] =
        [(1, 1, &[]), (1, 8, &[A, B, C]), (6, 8, &[G, E, F]), (2, 5, &[B, D])];
    for (old, size, known) in consistency {
        let found = proof(Collector::consistency(old, size as u64), &leaves[..size]);
        assert_eq!(found.into_iter().map(hex).collect::<Vec<_>>(), known, "{old} in {size}");
    }
}

fn many() -> Vec<NodeHash> {
    (0_u8..40).map(|number| NodeHash::leaf(&[number])).collect()
}

/// The definition of the root, word for word, without anything that is kept.
fn by_definition(leaves: &[NodeHash]) -> NodeHash {
    match leaves {
        [] => NodeHash::of_nothing(),
        [leaf] => *leaf,
        more => {
            let middle = (1..more.len()).filter(|at| at.is_power_of_two()).max().unwrap();
            NodeHash::node(by_definition(&more[..middle]), by_definition(&more[middle..]))
        }
    }
}

#[test]
fn the_edge_alone_gives_every_root_and_reads_back_as_it_was_written() {
    let leaves = many();
    for size in 0..=leaves.len() {
        let grown = tree(&leaves[..size]);
        assert_eq!(grown.root(), by_definition(&leaves[..size]), "{size}");
        assert_eq!(Tree::from_value(&grown.to_value()), Some(grown));
    }
    let mut short = tree(&leaves[..7]).to_value();
    short["edge"].as_array_mut().unwrap().pop();
    assert_eq!(Tree::from_value(&short), None, "a tree of seven has three whole parts");
}

#[test]
fn every_proof_holds_for_what_it_is_of_and_for_nothing_else() {
    let leaves = many();
    let roots: Vec<_> = (0..=leaves.len()).map(|size| tree(&leaves[..size]).root()).collect();
    for size in 1..leaves.len() {
        let head = (size as u64, roots[size]);
        for index in 0..size {
            let path = proof(Collector::inclusion(index as u64, size as u64), &leaves[..size]);
            assert!(included(leaves[index], index as u64, head, &path), "{index} of {size}");
            assert!(!included(leaves[index + 1], index as u64, head, &path));
            assert!(!included(leaves[index], index as u64, (head.0, roots[size + 1]), &path));
            if size > 1 {
                assert!(!included(leaves[index], ((index + 1) % size) as u64, head, &path));
                assert!(!included(leaves[index], index as u64, head, &path[1..]));
            }
            let old = index + 1;
            let proof = proof(Collector::consistency(old as u64, size as u64), &leaves[..size]);
            let before = (old as u64, roots[old]);
            assert!(consistent(before, head, &proof), "{old} in {size}");
            assert!(!consistent((before.0, roots[old - 1]), head, &proof));
            assert!(!consistent(before, (head.0, roots[size - 1]), &proof));
            if !proof.is_empty() {
                assert!(!consistent(before, head, &proof[1..]), "{old} in {size}");
            }
        }
    }
    assert!(Collector::inclusion(3, 3).is_none() && Collector::consistency(4, 3).is_none());
    assert!(!consistent((0, NodeHash::of_nothing()), (3, roots[3]), &[]), "nothing is no beginning");
}
