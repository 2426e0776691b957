//! Each rule of counting, and each way around it that somebody may try.

mod terms;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::approval::identity::IdentityHeld;
use crate::approval::people::tests::{people, quorum};
use crate::approval::prompt::Settled;
use crate::approval::reply::Malformed;

const TOKEN: &str = "K7QF-92M4-0XTR-8B3D";
const OTHER_TOKEN: &str = "0000-0000-0000-0001";
const CREATED_MS: u64 = 1_795_183_320_000;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(CREATED_MS) + Duration::from_secs(seconds)
}

fn now() -> SystemTime {
    at(60)
}

fn request(id: &str, token: &str, timestamps: [u64; 2]) -> Pending {
    let sent = SentPrompt::new;
    Pending {
        approval_id: id.to_owned(),
        about: "zfs destroy tank/media@old".to_owned(),
        token: Token::parse(token).unwrap_or_else(|_| panic!("a token")).hash(),
        prompts: vec![sent("alice", timestamps[0]), sent("bob", timestamps[1])],
        created_at: at(0),
        expires_at: at(1800),
        quorum: quorum(2, Some("storage")),
        repeat: None,
        excluded: vec!["librarian".to_owned()],
        confirmed_by: BTreeMap::new(),
        is_approved: false,
        settled: None,
    }
}

/// People of the group that is asked for, who have confirmed.
fn confirmed(names: &[&str]) -> BTreeMap<String, Vec<String>> {
    names.iter().map(|name| ((*name).to_owned(), vec!["storage".to_owned()])).collect()
}

fn pending() -> Pending {
    request("ap_1", TOKEN, [101, 102])
}

fn from(name: &str) -> Inbound {
    Inbound {
        sender_uuid: people().named(name).unwrap().uuid,
        device: 1,
        timestamp: CREATED_MS + 30_000,
        server_received: Some(CREATED_MS + 30_500),
        quote_of: None,
        text: None,
        reaction: None,
        edited: false,
        group: None,
    }
}

fn text(name: &str, text: &str) -> Inbound {
    Inbound { text: Some(text.to_owned()), ..from(name) }
}

fn quoting(name: &str, said: &str, author: Author, timestamp: u64) -> Inbound {
    Inbound { quote_of: Some(MessageRef { author, timestamp }), ..text(name, said) }
}

fn reaction(name: &str, emoji: &str, timestamp: u64) -> Inbound {
    let target = MessageRef { author: Author::Us, timestamp };
    Inbound { reaction: Some(Reaction { emoji: emoji.to_owned(), target, removed: false }), ..from(name) }
}

fn confirm(name: &str) -> Inbound {
    text(name, &format!("CONFIRM {TOKEN}"))
}

fn candidate(inbound: &Inbound, pending: &Pending) -> Candidate {
    let judged = judge(inbound, std::slice::from_ref(pending), &people(), now());
    let Judged::Confirm(candidate) = judged else { panic!("not a confirmation: {judged:?}") };
    candidate
}

fn answer_at(inbound: &Inbound, pendings: &[Pending], now: SystemTime) -> Answer {
    let judged = judge(inbound, pendings, &people(), now);
    let Judged::NotCounted(not_counted) = judged else { panic!("it was not refused a count: {judged:?}") };
    not_counted.answer
}

fn answer(inbound: &Inbound, pending: Pending) -> Answer {
    answer_at(inbound, &[pending], now())
}

fn is_refusal(inbound: &Inbound, pending: &Pending) -> bool {
    matches!(judge(inbound, std::slice::from_ref(pending), &people(), now()), Judged::Refuse(_))
}

fn silence(inbound: &Inbound) -> Silence {
    let judged = judge(inbound, &[pending()], &people(), now());
    let Judged::Nothing(silence) = judged else { panic!("somebody is answered: {judged:?}") };
    silence
}

fn proof(name: &str) -> IdentityHeld {
    IdentityHeld::of(name)
}

#[test]
fn the_token_confirms_and_so_does_a_quote_reply_to_ones_own_prompt() {
    for inbound in [confirm("alice"), quoting("alice", "confirm", Author::Us, 101)] {
        let counted = candidate(&inbound, &pending()).count(proof("alice"), &pending(), now()).unwrap();
        assert_eq!((counted.by(), counted.given(), counted.approves()), ("alice", 1, false));
        assert_eq!(counted.answer(), Answer::Recorded { given: 1, needed: 2 });
    }
}

#[test]
fn two_different_people_make_two() {
    let pending = Pending { confirmed_by: confirmed(&["alice"]), ..pending() };
    let counted = candidate(&confirm("bob"), &pending).count(proof("bob"), &pending, now()).unwrap();
    assert!(counted.approves());
    assert_eq!(counted.answer(), Answer::RecordedLast { needed: 2 });
}

#[test]
fn more_than_needed_is_enough_too() {
    let pending = Pending { confirmed_by: confirmed(&["x", "y", "z"]), ..pending() };
    assert!(candidate(&confirm("bob"), &pending).count(proof("bob"), &pending, now()).unwrap().approves());
}

#[test]
fn one_person_counts_once_even_with_two_devices() {
    let pending = Pending { confirmed_by: confirmed(&["alice"]), ..pending() };
    let desktop = Inbound { device: 2, timestamp: CREATED_MS + 40_000, ..confirm("alice") };
    assert_eq!(answer(&desktop, pending), Answer::AlreadyCounted { given: 1, needed: 2 });
}

#[test]
fn a_name_recorded_twice_is_one_person() {
    let pending = Pending { confirmed_by: confirmed(&["carol", "carol"]), ..pending() };
    let counted = candidate(&confirm("bob"), &pending).count(proof("bob"), &pending, now()).unwrap();
    assert_eq!(counted.given(), 2);
}

#[test]
fn the_requester_cannot_approve_nor_can_their_chain() {
    for asked_by in ["alice", "ALICE", "alice "] {
        let pending = Pending { excluded: vec!["librarian".to_owned(), asked_by.to_owned()], ..pending() };
        assert_eq!(answer(&confirm("alice"), pending), Answer::OwnRequest);
    }
}

#[test]
fn a_person_outside_the_rules_group_does_not_count() {
    assert_eq!(answer(&confirm("carol"), pending()), Answer::NotAnApprover);
    let for_anybody = Pending { quorum: quorum(2, None), ..pending() };
    assert_eq!(candidate(&confirm("carol"), &for_anybody).approver().name, "carol");
}

#[test]
fn every_approver_may_say_no_also_who_may_not_say_yes() {
    assert!(is_refusal(&text("carol", &format!("deny {TOKEN}")), &pending()), "whom the rule does not ask");
    let own = Pending { excluded: vec!["alice".to_owned()], ..pending() };
    assert!(is_refusal(&text("alice", &format!("deny {TOKEN}")), &own), "for whom it was asked");
    let over = Pending { settled: Some(Settled::Begun), ..pending() };
    let late = answer(&text("carol", &format!("deny {TOKEN}")), over);
    assert_eq!(late, Answer::AlreadyDecided { how: Settled::Begun });
}

#[test]
fn a_stranger_is_not_answered_even_with_the_token() {
    let stranger = Inbound { sender_uuid: uuid::Uuid::from_u128(7), ..confirm("alice") };
    assert_eq!(silence(&stranger), Silence::Stranger);
}

#[test]
fn one_deny_ends_it() {
    for inbound in [text("bob", &format!("deny {TOKEN}")), quoting("bob", "Deny", Author::Us, 102)] {
        assert!(is_refusal(&inbound, &pending()));
    }
    let confirmed = Pending { confirmed_by: confirmed(&["bob"]), ..pending() };
    assert!(is_refusal(&text("bob", &format!("deny {TOKEN}")), &confirmed), "a voter may change to no");
}

#[test]
fn a_thumbs_up_approves_nothing() {
    for emoji in ["👍", "👍🏽", "✅", "❤️", "👌"] {
        assert_eq!(
            answer(&reaction("alice", emoji, 101), pending()),
            Answer::ReactionApprovesNothing,
            "{emoji}"
        );
    }
}

#[test]
fn a_thumbs_down_refuses_in_every_skin_tone() {
    for emoji in ["👎", "👎🏿", "❌", "🛑", "❌\u{fe0f}"] {
        assert!(is_refusal(&reaction("alice", emoji, 101), &pending()), "{emoji}");
    }
}

#[test]
fn a_reaction_to_anything_else_or_taken_back_is_nothing() {
    let mut taken_back = reaction("alice", "👎", 101);
    taken_back.reaction.as_mut().unwrap().removed = true;
    let mut of_another = reaction("alice", "👎", 101);
    of_another.reaction.as_mut().unwrap().target.author = Author::Other;
    for inbound in [taken_back, of_another, reaction("alice", "👎", 102), reaction("alice", "👎", 999)] {
        assert_eq!(silence(&inbound), Silence::Chatter);
    }
}

#[test]
fn a_quote_of_another_approvers_prompt_or_of_another_message_does_not_count() {
    let malformed = Answer::Malformed(Malformed::NoToken);
    for inbound in [
        quoting("alice", "confirm", Author::Us, 102),
        quoting("alice", "confirm", Author::Us, 999),
        quoting("alice", "confirm", Author::Other, 101),
        text("alice", "confirm"),
    ] {
        assert_eq!(answer(&inbound, pending()), malformed);
    }
}

#[test]
fn a_wrong_token_does_not_count_even_when_it_quotes_the_prompt() {
    let said = format!("confirm {OTHER_TOKEN}");
    assert_eq!(answer(&text("alice", &said), pending()), Answer::UnknownToken);
    assert_eq!(answer(&quoting("alice", &said, Author::Us, 101), pending()), Answer::UnknownToken);
}

#[test]
fn a_token_that_contradicts_the_quoted_prompt_does_not_count() {
    let both = [pending(), request("ap_2", OTHER_TOKEN, [201, 202])];
    let torn = quoting("alice", &format!("confirm {OTHER_TOKEN}"), Author::Us, 101);
    assert_eq!(answer_at(&torn, &both, now()), Answer::Contradiction);
}

#[test]
fn a_vote_goes_to_the_request_it_names_not_to_the_first() {
    let both = [pending(), request("ap_2", OTHER_TOKEN, [201, 202])];
    for inbound in
        [text("alice", &format!("confirm {OTHER_TOKEN}")), quoting("alice", "confirm", Author::Us, 201)]
    {
        let judged = judge(&inbound, &both, &people(), now());
        let Judged::Confirm(candidate) = judged else { panic!("not a confirmation: {judged:?}") };
        assert_eq!(candidate.approval_id(), "ap_2");
    }
}

#[test]
fn a_vote_from_before_the_question_does_not_count() {
    let late_delivery = Inbound { server_received: Some(CREATED_MS - 1), ..confirm("alice") };
    assert_eq!(answer(&late_delivery, pending()), Answer::OlderThanQuestion);
    let no_server_time = Inbound { server_received: None, timestamp: CREATED_MS - 1, ..confirm("alice") };
    assert_eq!(answer(&no_server_time, pending()), Answer::OlderThanQuestion);
}

#[test]
fn the_year_2099_is_not_accepted() {
    let expired = Answer::Expired { at: at(1800), now: now() };
    for timestamp in [4_070_908_800_000, u64::MAX] {
        let future = Inbound { server_received: None, timestamp, ..confirm("alice") };
        assert_eq!(answer(&future, pending()), expired);
    }
}

#[test]
fn an_expired_request_takes_no_vote_whatever_the_sender_says_the_time_is() {
    for inbound in [confirm("alice"), text("alice", &format!("deny {TOKEN}"))] {
        let answer = answer_at(&inbound, &[pending()], at(1800));
        assert_eq!(answer, Answer::Expired { at: at(1800), now: at(1800) });
    }
}

#[test]
fn a_request_that_has_ended_takes_no_vote() {
    for how in
        [Settled::Approved, Settled::Begun, Settled::Refused { by: "bob".to_owned() }, Settled::Expired]
    {
        let ended = || Pending { settled: Some(how.clone()), ..pending() };
        assert_eq!(answer(&confirm("alice"), ended()), Answer::AlreadyDecided { how: how.clone() });
        assert_eq!(
            answer(&reaction("alice", "👎", 101), ended()),
            Answer::AlreadyDecided { how: how.clone() }
        );
    }
}

#[test]
fn an_edit_never_becomes_a_confirmation() {
    let edited = Inbound { edited: true, ..confirm("alice") };
    assert_eq!(answer(&edited, pending()), Answer::Edited);
}

#[test]
fn a_group_chat_does_not_confirm() {
    let in_group = Inbound { group: Some("b3Bz".to_owned()), ..confirm("alice") };
    assert_eq!(answer(&in_group, pending()), Answer::InGroup);
}

#[test]
fn talk_is_not_answered_unless_it_replies_to_a_prompt() {
    assert_eq!(silence(&text("alice", "what is this?")), Silence::Chatter);
    assert_eq!(silence(&from("alice")), Silence::Chatter);
    assert_eq!(answer(&quoting("alice", "yes", Author::Us, 101), pending()), Answer::NotAVote);
}

#[test]
fn a_proof_of_another_persons_identity_counts_nothing() {
    let counted = candidate(&confirm("alice"), &pending()).count(proof("bob"), &pending(), now());
    assert_eq!(counted, Err(Answer::IdentityUnknown));
}

#[test]
fn a_request_that_ended_while_the_identity_was_checked_is_not_approved() {
    let refused = Pending { settled: Some(Settled::Refused { by: "bob".to_owned() }), ..pending() };
    let counted = candidate(&confirm("alice"), &pending()).count(proof("alice"), &refused, now());
    assert!(matches!(counted, Err(Answer::AlreadyDecided { how: _ })));
    let expired = candidate(&confirm("alice"), &pending()).count(proof("alice"), &pending(), at(1800));
    assert!(matches!(expired, Err(Answer::Expired { at: _, now: _ })));
}

#[test]
fn nothing_that_can_be_logged_holds_the_token() {
    let logged = [
        format!("{:?}", confirm("alice")),
        format!("{:?}", pending()),
        format!("{:?}", judge(&confirm("alice"), &[pending()], &people(), now())),
        format!("{:?}", judge(&text("alice", &format!("confirm {TOKEN} x")), &[pending()], &people(), now())),
    ];
    for line in logged {
        assert!(!line.contains("K7QF"), "{line}");
    }
}

#[test]
fn a_local_vote_is_the_unix_users_own() {
    let local = |user, vote, pending: &Pending| judge_local(user, vote, pending, (&people(), now()));
    assert!(
        matches!(local("alice", LocalVote::Confirm(None), &pending()), LocalJudged::Confirm(c) if c.by() == "alice")
    );
    assert!(matches!(local("bob", LocalVote::Deny, &pending()), LocalJudged::Refuse(r) if r.by == "bob"));
    assert!(matches!(local("root", LocalVote::Confirm(None), &pending()), LocalJudged::Stranger));
    let own = Pending { excluded: vec!["alice".to_owned()], ..pending() };
    let refused = local("alice", LocalVote::Confirm(None), &own);
    assert!(matches!(refused, LocalJudged::NotCounted(n) if n.answer == Answer::OwnRequest));
    let already = Pending { confirmed_by: confirmed(&["alice"]), ..pending() };
    let twice = local("alice", LocalVote::Confirm(None), &already);
    assert!(
        matches!(twice, LocalJudged::NotCounted(n) if n.answer == Answer::AlreadyCounted { given: 1, needed: 2 })
    );
}

proptest! {
    #[test]
    fn no_text_without_the_token_or_the_quote_confirms(said in "\\PC{0,40}", device in 0_u32..4) {
        let inbound = Inbound { device, ..text("alice", &said) };
        prop_assert!(!matches!(judge(&inbound, &[pending()], &people(), now()), Judged::Confirm(_) | Judged::Refuse(_)));
    }
}
