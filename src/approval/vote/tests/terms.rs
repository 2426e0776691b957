//! What a rule may ask of a yes beyond one: groups, a repeated name, a time in which a no still counts.

use super::*;

#[test]
fn what_is_lost_for_good_is_confirmed_by_its_name_and_refused_without() {
    let lost = || Pending { repeat: Some("tank/vm-101".to_owned()), ..pending() };
    let not_repeated = Answer::NotRepeated;
    for said in ["", " tank/vm-102", " tank/VM-101", " tank/vm-101 now", " vm-101"] {
        assert_eq!(answer(&text("alice", &format!("confirm {TOKEN}{said}")), lost()), not_repeated, "{said}");
        let quoting = quoting("alice", &format!("confirm{said}"), Author::Us, 101);
        assert_eq!(answer(&quoting, lost()), not_repeated, "{said}");
    }
    for inbound in [
        text("alice", &format!("confirm {TOKEN} tank/vm-101")),
        text("alice", &format!("CONFIRM {TOKEN}  tank/vm\u{200b}-101 ")),
        quoting("alice", "confirm tank/vm-101", Author::Us, 101),
    ] {
        assert_eq!(candidate(&inbound, &lost()).approver().name, "alice");
    }
    assert!(is_refusal(&text("alice", &format!("deny {TOKEN}")), &lost()));
    assert!(is_refusal(&quoting("alice", "deny please", Author::Us, 101), &lost()));
    let here = |repeated| judge_local("alice", LocalVote::Confirm(repeated), &lost(), (&people(), now()));
    assert!(matches!(here(None), LocalJudged::NotCounted(n) if n.answer == not_repeated));
    assert!(matches!(here(Some("tank/vm-101")), LocalJudged::Confirm(_)));
}

#[test]
fn nothing_is_said_behind_the_token_where_nothing_is_asked_for() {
    let chatty = text("alice", &format!("confirm {TOKEN} now"));
    assert_eq!(answer(&chatty, pending()), Answer::Malformed(Malformed::NotAToken));
    let quoting = quoting("alice", "confirm K7QF", Author::Us, 101);
    assert_eq!(answer(&quoting, pending()), Answer::Malformed(Malformed::NotAToken));
}

#[test]
fn what_is_approved_and_has_not_begun_can_still_be_refused_and_takes_no_more_confirmations() {
    let held = || Pending { is_approved: true, confirmed_by: confirmed(&["alice", "bob"]), ..pending() };
    // The time to answer in is over; the time until it runs is not.
    for inbound in [text("bob", &format!("deny {TOKEN}")), reaction("alice", "👎", 101)] {
        let judged = judge(&inbound, &[held()], &people(), at(4000));
        assert!(matches!(judged, Judged::Refuse(_)), "{judged:?}");
    }
    assert_eq!(answer(&confirm("alice"), held()), Answer::AlreadyDecided { how: Settled::Approved });
}

#[test]
fn a_reply_to_an_edit_of_ones_prompt_is_a_reply_to_the_prompt() {
    let mut edited = pending();
    edited.prompts[0].edits.push(777);
    assert_eq!(candidate(&quoting("alice", "confirm", Author::Us, 777), &edited).approver().name, "alice");
    assert!(!is_refusal(&reaction("bob", "👎", 777), &edited), "it is alice's");
}

#[test]
fn of_two_groups_each_needs_its_own_and_a_person_in_both_counts_once() {
    let groups = [("storage".to_owned(), 1), ("owners".to_owned(), 1)].into();
    let terms = crate::policy::ReviewTerms::of_groups(1, groups, Duration::from_secs(600)).unwrap();
    let both = vec!["owners".to_owned(), "storage".to_owned()];
    let pending = Pending {
        quorum: terms.quorum().clone(),
        confirmed_by: [("dora".to_owned(), both)].into(),
        ..pending()
    };
    let counted = candidate(&confirm("alice"), &pending).count(proof("alice"), &pending, now()).unwrap();
    assert!(counted.approves(), "dora for the owners, alice for storage");
    let pending = Pending { confirmed_by: confirmed(&["alice"]), ..pending };
    let counted = candidate(&confirm("bob"), &pending).count(proof("bob"), &pending, now()).unwrap();
    assert_eq!((counted.given(), counted.approves()), (1, false), "two of one group are not one of each");
    assert_eq!(answer(&confirm("carol"), pending), Answer::NotAnApprover);
}
