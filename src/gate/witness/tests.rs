//! What a peer is asked, in which order.

use super::*;
use crate::audit::NodeHash;
use crate::sys::clock::SystemClock;

/// With one peer, which has said nothing yet.
fn witnesses(dir: &std::path::Path) -> Witnesses {
    let store = Store::open(&dir.join("state.redb")).unwrap();
    let signer = Signer::load_or_make(&dir.join("own.key"), "host01").unwrap();
    let peer = Signer::load_or_make_witness(&dir.join("peer.key"), "host02").unwrap();
    let key = WitnessKey::from(peer.public());
    let text = format!("[[peer]]\nname = \"host02\"\nurl = \"https://host02\"\nwitness = \"{key}\"\n");
    let config = WitnessConfig::parse("witness.toml", &text).unwrap();
    Witnesses::load(Some(config), signer, dir.to_owned(), (&store, Arc::new(SystemClock))).unwrap()
}

#[test]
fn a_peer_is_never_asked_about_fewer_records_than_it_was_asked_about_before() {
    let dir = tempfile::tempdir().unwrap();
    let witnesses = witnesses(dir.path());
    let of = |size: u64| {
        SignedCheckpoint::sign(&witnesses.signer, size, NodeHash::leaf(format!("{size}").as_bytes()))
    };
    let config = witnesses.config.load_full().unwrap();
    let asked = |newest: u64| witnesses.next("host02", of(newest)).map(|(_old, asked)| asked.size());
    assert_eq!(asked(50), Some(50), "it is there");
    assert_eq!(witnesses.want(&of(100), &config), ["host02"]);
    // Its answer to this is lost, and a message that was signed before goes out only now.
    assert_eq!(asked(100), Some(100));
    assert!(witnesses.want(&of(98), &config).is_empty(), "nobody waits for what it will not say");
    assert_eq!(asked(100), Some(100));
    witnesses.standing().wanted = Some(of(98));
    for (newest, offered) in [(98, None), (99, None), (100, Some(100)), (101, Some(101)), (100, None)] {
        assert_eq!(asked(newest), offered, "{newest}");
    }
}
