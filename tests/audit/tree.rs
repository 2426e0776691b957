//! The tree and its proofs against RFC 6962's own definitions, written down a second time without anything that is
//! clever: whole lists, recursion, and every hash made anew.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use reeve::audit::check::{Claim, NotShown, Proof};
use reeve::audit::prove::{consistency, inclusion};
use reeve::audit::{Collector, NodeHash, NoteKey, SignedCheckpoint, Signer, Tree, consistent, included};
use sha2::{Digest, Sha256};

use crate::home::{Home, append, open_in};

type Hash = [u8; 32];

fn hash(parts: &[&[u8]]) -> Hash {
    Sha256::digest(parts.concat()).into()
}

/// `k` of section 2.1: the largest power of two smaller than `n`.
fn k(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// `MTH(D[n])`.
fn mth(d: &[Vec<u8>]) -> Hash {
    match d {
        [] => hash(&[]),
        [d0] => hash(&[&[0], d0]),
        _ => hash(&[&[1], &mth(&d[..k(d.len())]), &mth(&d[k(d.len())..])]),
    }
}

/// `PATH(m, D[n])`, section 2.1.1.
fn path(m: usize, d: &[Vec<u8>]) -> Vec<Hash> {
    if d.len() == 1 {
        return Vec::new();
    }
    let k = k(d.len());
    let (mut steps, last) =
        if m < k { (path(m, &d[..k]), mth(&d[k..])) } else { (path(m - k, &d[k..]), mth(&d[..k])) };
    steps.push(last);
    steps
}

/// `SUBPROOF(m, D[n], b)`, section 2.1.2; `PROOF(m, D[n])` is that with `true`.
fn subproof(m: usize, d: &[Vec<u8>], b: bool) -> Vec<Hash> {
    if m == d.len() {
        return if b { Vec::new() } else { vec![mth(d)] };
    }
    let k = k(d.len());
    let (mut steps, last) = if m <= k {
        (subproof(m, &d[..k], b), mth(&d[k..]))
    } else {
        (subproof(m - k, &d[k..], false), mth(&d[..k]))
    };
    steps.push(last);
    steps
}

fn nodes(hashes: &[Hash]) -> Vec<NodeHash> {
    hashes.iter().map(|hash| NodeHash::from_bytes(*hash)).collect()
}

fn collected(collector: Option<Collector>, d: &[Vec<u8>]) -> Vec<NodeHash> {
    let mut collector = collector.unwrap();
    d.iter().for_each(|leaf| collector.take(NodeHash::leaf(leaf)));
    collector.proof().unwrap()
}

/// Leaves that differ, and two sizes of which the first is not the larger.
fn leaves() -> impl Strategy<Value = (Vec<Vec<u8>>, Index, Index)> {
    let many = vec(vec(any::<u8>(), 0..40), 1..200).prop_map(|mut all| {
        all.iter_mut().enumerate().for_each(|(at, leaf)| leaf.extend(at.to_be_bytes()));
        all
    });
    (many, any::<Index>(), any::<Index>())
}

/// What a forger may do to a proof.
#[derive(Debug, Clone)]
enum Forgery {
    Bit(Index, u8),
    Left(Index),
    More(Index, Hash),
    Swapped(Index, Index),
}

fn forgery() -> impl Strategy<Value = Forgery> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, bit)| Forgery::Bit(at, bit)),
        any::<Index>().prop_map(Forgery::Left),
        (any::<Index>(), any::<Hash>()).prop_map(|(at, hash)| Forgery::More(at, hash)),
        (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Forgery::Swapped(one, other)),
    ]
}

/// The proof as the forger leaves it; none when that changes nothing.
fn forged(proof: &[Hash], forgery: &Forgery) -> Option<Vec<Hash>> {
    let mut forged = proof.to_vec();
    match forgery {
        Forgery::More(at, hash) => forged.insert(at.index(proof.len() + 1), *hash),
        Forgery::Bit(_, _) | Forgery::Left(_) | Forgery::Swapped(_, _) if proof.is_empty() => return None,
        Forgery::Bit(at, bit) => {
            forged[at.index(proof.len())][usize::from(bit / 8)] ^= 1 << (bit % 8);
        }
        Forgery::Left(at) => drop(forged.remove(at.index(proof.len()))),
        Forgery::Swapped(one, other) => forged.swap(one.index(proof.len()), other.index(proof.len())),
    }
    (forged != proof).then_some(forged)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn roots_and_proofs_of_any_tree_are_those_of_the_definitions((d, one, other) in leaves()) {
        let mut tree = Tree::default();
        d.iter().for_each(|leaf| tree.push(NodeHash::leaf(leaf)));
        prop_assert_eq!(tree.root(), NodeHash::from_bytes(mth(&d)));

        let (index, size) = (one.index(d.len()), d.len());
        let by_definition = nodes(&path(index, &d));
        prop_assert_eq!(collected(Collector::inclusion(index as u64, size as u64), &d), by_definition);

        let old = other.index(d.len()) + 1;
        let by_definition = nodes(&subproof(old, &d, true));
        prop_assert_eq!(collected(Collector::consistency(old as u64, size as u64), &d), by_definition);
    }

    #[test]
    fn only_the_proof_of_the_definition_convinces((d, one, other) in leaves(), forgery in forgery()) {
        let (index, old, size) = (one.index(d.len()), other.index(d.len()) + 1, d.len());
        let head = (size as u64, NodeHash::from_bytes(mth(&d)));
        let before = (old as u64, NodeHash::from_bytes(mth(&d[..old])));
        let (leaf, at) = (NodeHash::leaf(&d[index]), index as u64);

        let (path, growth) = (path(index, &d), subproof(old, &d, true));
        prop_assert!(included(leaf, at, head, &nodes(&path)));
        prop_assert!(consistent(before, head, &nodes(&growth)));
        if let Some(forged) = forged(&path, &forgery) {
            prop_assert!(!included(leaf, at, head, &nodes(&forged)));
        }
        if let Some(forged) = forged(&growth, &forgery) {
            prop_assert!(!consistent(before, head, &nodes(&forged)));
        }
        let elsewhere = other.index(d.len());
        prop_assert_eq!(included(leaf, elsewhere as u64, head, &nodes(&path)), elsewhere == index);
    }
}

/// A log in several files, its key, two of its checkpoints, and its lines.
fn a_log() -> (Home, Signer, [SignedCheckpoint; 2], Vec<String>) {
    let home = Home::new();
    let signer = Signer::load_or_make(&home.directory.join("checkpoint.key"), "host01").unwrap();
    let log = open_in(&home.directory, 2000).unwrap();
    let now = |signer: &Signer| {
        let tree = log.head().tree;
        SignedCheckpoint::sign(signer, tree.size(), tree.root())
    };
    append(&log, 9);
    let old = now(&signer);
    append(&log, 20);
    let new = now(&signer);
    drop(log);
    let files = home.files().into_iter().filter(|name| name.ends_with(".jsonl"));
    let text: String = files.map(|name| fs::read_to_string(home.directory.join(name)).unwrap()).collect();
    (home, signer, [old, new], text.lines().map(str::to_owned).collect())
}

fn other_key() -> NoteKey {
    let elsewhere = Home::new();
    Signer::load_or_make(&elsewhere.directory.join("key"), "host01").unwrap().public().clone()
}

#[test]
fn what_prove_prints_is_shown_by_its_text_the_key_and_nothing_else() {
    let (home, signer, [old, new], lines) = a_log();
    let (keys, others) = ([signer.public().clone()], [other_key()]);
    for seq in 1..=new.size() {
        let proof: Proof = inclusion(&home.directory, seq, &new).unwrap().parse().unwrap();
        assert_eq!((proof.claim(), proof.checkpoint()), (Claim::Record(seq), &new));
        let line = lines[usize::try_from(seq - 1).unwrap()].as_bytes();
        let (record, key) = proof.shows_record(line, &keys).unwrap();
        assert_eq!((record.seq, key), (seq, &keys[0]));
        assert_eq!(proof.shows_record(line, &others).unwrap_err(), NotShown::Unsigned { size: new.size() });
        let altered = String::from_utf8(line.to_vec()).unwrap().replace("\"host01\"", "\"host02\"");
        assert_eq!(proof.shows_record(altered.as_bytes(), &keys).unwrap_err(), NotShown::Hashes);
        let another = lines[usize::try_from(seq % new.size()).unwrap()].as_bytes();
        assert_eq!(proof.shows_record(another, &keys).unwrap_err(), NotShown::NotTheRecord { seq });
        assert!(matches!(proof.shows_growth(&old, &keys), Err(NotShown::OtherClaim(_))));
    }
    let proof: Proof = consistency(&home.directory, &old, &new).unwrap().parse().unwrap();
    assert_eq!(proof.claim(), Claim::GoesOn(old.size()));
    assert_eq!(proof.shows_growth(&old, &keys), Ok(&keys[0]));
    assert_eq!(proof.shows_growth(&old, &others), Err(NotShown::Unsigned { size: old.size() }));
    let given = new.size();
    assert_eq!(proof.shows_growth(&new, &keys), Err(NotShown::OtherSize { wanted: old.size(), given }));
    let forged = SignedCheckpoint::sign(&signer, old.size(), NodeHash::leaf(b"another history"));
    assert_eq!(proof.shows_growth(&forged, &keys), Err(NotShown::Hashes));
    assert!(matches!(proof.shows_record(lines[0].as_bytes(), &keys), Err(NotShown::OtherClaim(_))));
}

#[test]
fn a_proof_that_was_altered_anywhere_shows_nothing_it_did_not_show_before() {
    let (home, signer, [old, new], lines) = a_log();
    let keys = [signer.public().clone()];
    let texts =
        [inclusion(&home.directory, 5, &new).unwrap(), consistency(&home.directory, &old, &new).unwrap()];
    for text in texts {
        let whole: Proof = text.parse().unwrap();
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at) && text.as_bytes()[*at].is_ascii()) {
            for other in ['0', '1', 'A', 'z', '=', ' ', '\n'] {
                let altered = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                let Ok(proof) = altered.parse::<Proof>() else { continue };
                let shows = match proof.claim() {
                    Claim::Record(seq) => {
                        let line = usize::try_from(seq - 1).ok().and_then(|at| lines.get(at));
                        line.is_some_and(|line| proof.shows_record(line.as_bytes(), &keys).is_ok())
                    }
                    Claim::GoesOn(_) => proof.shows_growth(&old, &keys).is_ok(),
                };
                assert!(!shows || proof == whole, "{at}: {altered}");
            }
        }
    }
}

#[test]
fn what_is_no_proof_is_refused_with_what_is_wrong() {
    let (home, _signer, [_old, new], _lines) = a_log();
    let text = inclusion(&home.directory, 5, &new).unwrap();
    let more = vec![new.root().to_string(); 65].join("\n");
    let refusal = |text: &str| text.parse::<Proof>().unwrap_err().to_string();
    for (wrong, why) in [
        (String::new(), "it is empty"),
        ("hello".to_owned(), "neither form's first line"),
        (new.to_string(), "neither form's first line"),
        (format!("old 013\n\n{new}\n"), "neither form's first line"),
        (text.replace("index 4", "index 04"), "which record it is of"),
        (text.replace("index 4", "index -4"), "which record it is of"),
        (text.replace("index 4", "index 18446744073709551615"), "which record it is of"),
        (text.replacen("\n\n", "\nAAAA\n\n", 1), "is no hash"),
        (text.replacen("\n\n", &format!("\n{}\n\n", more), 1), "more hashes than any tree"),
        (text[..text.len() - 5].to_owned(), "no whole checkpoint"),
    ] {
        let refusal = refusal(&wrong);
        assert!(refusal.contains(why), "{wrong}: {refusal}");
    }
    let with_extra = text.replacen("index", "extra anything at all\nindex", 1);
    assert_eq!(with_extra.parse::<Proof>().unwrap(), text.parse().unwrap(), "what is extra proves nothing");
}
