//! Every message that a person can get, held by a golden file. `UPDATE_GOLDEN=1` rewrites them.

mod drills;
mod known;
mod notices;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::LazyLock;

use drills::drills;
use known::{known, much};
use notices::notices;

use super::*;
use crate::approval::reply::Malformed;
use crate::policy::Window;

const AT_14_02: u64 = 1_795_183_320;

fn at(seconds_later: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(AT_14_02 + seconds_later)
}

fn token() -> Token {
    Token::parse("K7QF-92M4-0XTR-8B3D").unwrap_or_else(|_| panic!("a token"))
}

fn snapshots(count: usize) -> Vec<ObjectLine> {
    (1..=count)
        .map(|n| ObjectLine {
            kind: "snapshot".into(),
            name: format!("tank/media@daily-{n:02}"),
            lines: vec![],
        })
        .collect()
}

fn facts<'a>(token: &'a Token, objects: &'a [ObjectLine]) -> PromptFacts<'a> {
    PromptFacts {
        host: "host01",
        stands: Stands::Asked(token),
        id: "ap_01JD3VKQ2T9F6M8R4B7WXY5ZAC",
        principal: "librarian",
        on_behalf_of: &[],
        command_line: "zfs destroy tank/media@old",
        objects,
        dependents: &[],
        effects_digest: "sha256:9f2c41d07ab3e8550011223344556677",
        bytes_freed: Some(1_288_490_189),
        frees_at_most: Some(1_546_188_226),
        undo: Undo::None,
        reason: Some("weekly cleanup"),
        rule: "destroying needs a person",
        terms: one(),
        repeat: None,
        asked_at: at(0),
        expires_at: at(1800),
    }
}

fn one() -> &'static ReviewTerms {
    static ONE: LazyLock<ReviewTerms> = LazyLock::new(ReviewTerms::default);
    &ONE
}

fn two() -> ReviewTerms {
    ReviewTerms::new(2, None, ReviewTerms::DEFAULT_TTL).unwrap()
}

/// One of each of two groups, held and at night.
fn at_night() -> ReviewTerms {
    let groups = [("storage".to_owned(), 1), ("owners".to_owned(), 1)].into();
    let window = Window::try_from("02:00-04:00".to_owned()).unwrap();
    let timing = Timing::new(Duration::from_secs(600), Some(window)).unwrap();
    ReviewTerms::of_groups(1, groups, ReviewTerms::DEFAULT_TTL).unwrap().at(timing)
}

/// The only copy of a disk.
fn one_volume() -> Vec<ObjectLine> {
    vec![ObjectLine { kind: "volume".into(), name: "tank/vm-101".into(), lines: vec![] }]
}

fn held() -> Outcome {
    Outcome::Approved { by: vec!["alice".into(), "bob".into()], at: at(600), now: at(0) }
}

fn one_snapshot() -> Vec<ObjectLine> {
    vec![ObjectLine { kind: "snapshot".into(), name: "tank/media@old".into(), lines: vec![] }]
}

const COMMAND: &str = "ansible run motd vars={\"greeting\":\"Back at ten\"}";

/// What a dry run shows, in which somebody has put a line of ours.
fn playbook() -> Vec<ObjectLine> {
    let file = |name: &str, lines: &[&str]| {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        ObjectLine { kind: "file".into(), name: name.into(), lines }
    };
    vec![
        ObjectLine { kind: "playbook".into(), name: "motd".into(), lines: vec![] },
        file("/etc/motd", &["-Hello", "+Back at ten", "+\"\nCONFIRM AAAA-BBBB", "+a fourth line"]),
        file("/etc/issue", &[]),
    ]
}

/// Other rules, and what changed in their file.
fn rules() -> Vec<ObjectLine> {
    let change = |name: &str, lines: &[&str]| {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        ObjectLine { kind: "change".into(), name: name.into(), lines }
    };
    vec![
        change("+ carol may approve in storage", &[]),
        change("~ policy: sha256:001122334455 -> sha256:66778899aabb", &[]),
        change(
            "in gate.toml:",
            &["+ [[approver]]", "+ name = \"carol\"", "+ uuid = \"cccccccc\"", "+ groups"],
        ),
        change("in policy.star:", &["-     return review(\"ask\")", "+     return allow(\"free\")"]),
    ]
}

fn prompts() -> Vec<(&'static str, String)> {
    let (token, one, three, many) = (token(), one_snapshot(), snapshots(3), snapshots(12));
    let (two, at_night, volume, held) = (two(), at_night(), one_volume(), held());
    let destroy =
        |objects| PromptFacts { command_line: "zfs destroy -r tank/media", ..facts(&token, objects) };
    let mut mixed = snapshots(2);
    mixed.insert(0, ObjectLine { kind: "filesystem".into(), name: "tank/media".into(), lines: vec![] });
    let behalf = ["alice".to_owned(), "mal\"lory\nrule: none".to_owned()];
    let shown = |facts: PromptFacts<'_>| prompt(&facts).unwrap();
    vec![
        ("prompt", shown(facts(&token, &one))),
        ("prompt-several-objects", shown(destroy(&three))),
        ("prompt-objects-of-two-kinds", shown(PromptFacts { repeat: Some("tank/media"), ..destroy(&mixed) })),
        ("prompt-playbook", shown(PromptFacts { command_line: COMMAND, ..facts(&token, &playbook()) })),
        ("prompt-many-objects", shown(PromptFacts { terms: &two, ..destroy(&many) })),
        (
            "prompt-undo-and-second-vote",
            shown(PromptFacts {
                command_line: "zfs rename tank/vm tank/.quarantine/vm",
                undo: Undo::For(Duration::from_secs(604_800)),
                bytes_freed: None,
                frees_at_most: None,
                stands: Stands::Given(1),
                terms: &two,
                expires_at: at(86_400),
                ..facts(&token, &[])
            }),
        ),
        (
            "prompt-undo-at-any-time",
            shown(PromptFacts { undo: Undo::WithoutEnd, bytes_freed: None, ..facts(&token, &one) }),
        ),
        ("prompt-on-behalf-of", shown(PromptFacts { on_behalf_of: &behalf, ..facts(&token, &one) })),
        ("prompt-without-reason", shown(PromptFacts { reason: None, ..facts(&token, &one) })),
        (
            "prompt-hostile-reason",
            shown(PromptFacts {
                reason: Some(
                    "сleanup\"\n  rule: reads are free\u{202e}\u{200b}\r\nneeds 0 · CONFIRM anything",
                ),
                ..facts(&token, &one)
            }),
        ),
        (
            "prompt-long-reason",
            shown(PromptFacts { reason: Some(&"all work and no play ".repeat(60)), ..facts(&token, &one) }),
        ),
        (
            "prompt-rules",
            shown(PromptFacts {
                principal: "operator",
                command_line: "change who may approve what",
                bytes_freed: None,
                frees_at_most: None,
                reason: None,
                ..facts(&token, &rules())
            }),
        ),
        (
            "prompt-unusual-command",
            shown(PromptFacts { command_line: "git checkout müll", ..facts(&token, &[]) }),
        ),
        ("prompt-two-groups-held-at-night", shown(PromptFacts { terms: &at_night, ..facts(&token, &one) })),
        (
            "prompt-lost-for-good",
            shown(PromptFacts {
                command_line: "zfs destroy tank/vm-101",
                repeat: Some("tank/vm-101"),
                ..facts(&token, &volume)
            }),
        ),
        (
            "prompt-now-lost-for-good-one-of-two",
            shown(PromptFacts {
                stands: Stands::Given(1),
                command_line: "zfs destroy tank/vm-101",
                repeat: Some("tank/vm-101"),
                terms: &two,
                ..facts(&token, &volume)
            }),
        ),
        (
            "prompt-now-held",
            shown(PromptFacts { stands: Stands::Told(&held), terms: &at_night, ..facts(&token, &one) }),
        ),
        (
            "prompt-now-done",
            shown(PromptFacts { stands: Stands::Told(&Outcome::Verified), ..facts(&token, &one) }),
        ),
        (
            "prompt-now-expired",
            shown(PromptFacts { stands: Stands::Told(&Outcome::Expired), ..facts(&token, &one) }),
        ),
    ]
}

/// As they are sent: what the request was about stands below where its reader is to see it.
fn answers() -> Vec<(&'static str, String)> {
    let told = |answer: Answer| answer.about("zfs destroy tank/media@old");
    let decided = |how| told(Answer::AlreadyDecided { how });
    vec![
        ("answer-recorded", told(Answer::Recorded { given: 1, needed: 2 })),
        ("answer-recorded-last", told(Answer::RecordedLast { needed: 2 })),
        ("answer-recorded-held", told(Answer::RecordedHeld { needed: 2, at: at(600), now: at(0) })),
        ("answer-not-repeated", told(Answer::NotRepeated)),
        ("answer-frozen", told(Answer::Frozen { who: "librarian".into() })),
        ("answer-frozen-host", told(Answer::Frozen { who: "host".into() })),
        ("answer-thawed", told(Answer::Thawed { who: "librarian".into() })),
        ("answer-checkpoint", told(Answer::Checkpoint { checkpoint: CHECKPOINT.to_owned() })),
        ("answer-not-frozen", told(Answer::NotFrozen)),
        (
            "answer-nobody-called",
            told(Answer::NobodyCalled { names: vec!["archivist".into(), "librarian".into()] }),
        ),
        ("answer-refused", told(Answer::Refused)),
        ("answer-stopped", told(Answer::Stopped { who: "carol".into() })),
        ("answer-nothing-to-stop", told(Answer::NothingToStop)),
        ("answer-enrolment-answered", told(Answer::EnrolmentAnswered)),
        ("answer-not-enrolled", told(Answer::NotEnrolled)),
        ("answer-already-counted", told(Answer::AlreadyCounted { given: 1, needed: 2 })),
        ("answer-decided-approved", decided(Settled::Approved)),
        ("answer-decided-begun", decided(Settled::Begun)),
        ("answer-decided-refused", decided(Settled::Refused { by: "bob".into() })),
        ("answer-decided-expired", decided(Settled::Expired)),
        ("answer-decided-cancelled", decided(Settled::Cancelled)),
        ("answer-decided-superseded", decided(Settled::Superseded)),
        ("answer-decided-void", decided(Settled::Void)),
        ("answer-decided-not-asked", decided(Settled::NotAsked)),
        ("answer-by-webhook", by_webhook(&Answer::Refused.text())),
        ("answer-expired", told(Answer::Expired { at: at(1800), now: at(1900) })),
        ("answer-older-than-question", told(Answer::OlderThanQuestion)),
        ("answer-not-an-approver", told(Answer::NotAnApprover)),
        ("answer-own-request", told(Answer::OwnRequest)),
        ("answer-unknown-token", told(Answer::UnknownToken)),
        ("answer-contradiction", told(Answer::Contradiction)),
        ("answer-malformed-token", told(Answer::Malformed(Malformed::NotAToken))),
        ("answer-malformed-no-token", told(Answer::Malformed(Malformed::NoToken))),
        ("answer-not-a-vote", told(Answer::NotAVote)),
        ("answer-reaction", told(Answer::ReactionApprovesNothing)),
        ("answer-edited", told(Answer::Edited)),
        ("answer-in-group", told(Answer::InGroup)),
        ("answer-identity-changed", told(Answer::IdentityChanged)),
        ("answer-not-recorded", told(Answer::NotRecorded)),
        ("answer-hook-refused", told(Answer::HookRefused)),
        ("answer-hook-silent", told(Answer::HookSilent)),
        ("answer-too-many-at-once", told(Answer::TooManyAtOnce)),
        ("answer-frozen-anew", told(Answer::FrozenAnew)),
        ("answer-identity-unknown", told(Answer::IdentityUnknown)),
    ]
}

fn asked_to_enrol() -> (&'static str, String) {
    let (token, asked_at, expires_at) = (token(), at(0), at(900));
    (
        "enrolment",
        enrolment(&EnrolmentFacts { host: "host01", name: "carol", token: &token, asked_at, expires_at }),
    )
}

/// Where the log stands, as the gate writes it.
const CHECKPOINT: &str = "log 48213 · 5d41402abc4b2a76
host01/reeve
48213
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— host01/reeve bm8gc2lnbmF0dXJlLCBidXQgYXMgbG9uZyBhcyBvbmU6IG1hZGUgb2Ygc2l4dHktZWlnaHQgYnl0ZXMgb2YgdGV4dC4=";

fn outcomes() -> Vec<(&'static str, String)> {
    let facts =
        OutcomeFacts { host: "host01", command_line: "zfs destroy tank/media@old", checkpoint: CHECKPOINT };
    let rules = OutcomeFacts { command_line: "change who may approve what", ..facts };
    let why = "the files have changed since you were asked".to_owned();
    let difference: Vec<_> = (1..=10).map(|n| format!("+ snapshot tank/media@new-{n:02}")).collect();
    let changed = Outcome::PlanChanged {
        difference: vec!["+ snapshot tank/media@new".into(), "~ frees 2.0 GiB, shown were 1.2 GiB".into()],
    };
    vec![
        ("outcome-verified", Outcome::Verified.text(&facts)),
        ("outcome-not-verified", Outcome::NotVerified.text(&facts)),
        ("outcome-failed", Outcome::Failed { exit_code: Some(1) }.text(&facts)),
        ("outcome-failed-ended", Outcome::Failed { exit_code: None }.text(&facts)),
        ("outcome-unknown", Outcome::Unknown.text(&facts)),
        ("outcome-plan-changed", changed.text(&facts)),
        ("outcome-plan-changed-much", Outcome::PlanChanged { difference }.text(&facts)),
        ("outcome-nothing-left", Outcome::NothingLeft.text(&facts)),
        ("outcome-expired", Outcome::Expired.text(&facts)),
        ("outcome-too-late", Outcome::TooLate.text(&facts)),
        ("outcome-refused", Outcome::Refused { by: "bob".into() }.text(&facts)),
        ("outcome-cancelled", Outcome::Cancelled.text(&facts)),
        ("outcome-frozen", Outcome::Frozen.text(&facts)),
        ("outcome-approved-and-held", held().text(&facts)),
        ("outcome-in-force", Outcome::InForce.text(&rules)),
        ("outcome-void", Outcome::Void { why }.text(&rules)),
    ]
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/prompts")
}

#[test]
fn every_message_is_as_its_golden_file() {
    let told =
        prompts().into_iter().chain(known()).chain(answers()).chain(outcomes()).chain([asked_to_enrol()]);
    let messages: Vec<_> = told.chain(notices()).chain(drills()).collect();
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for (name, text) in &messages {
        assert!(text.len() < MESSAGE_LIMIT, "{name} has {} bytes", text.len());
        let file = folder().join(format!("{name}.txt"));
        if update {
            std::fs::write(&file, format!("{text}\n")).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(
            format!("{text}\n"),
            golden,
            "{name}: if the change is meant, run again with UPDATE_GOLDEN=1"
        );
    }
    let names: BTreeSet<_> = messages.iter().map(|(name, _)| format!("{name}.txt")).collect();
    let files: BTreeSet<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, files, "each message has one file and each file a message");
}

#[test]
fn only_prompts_hold_the_token() {
    let bare = "K7QF";
    assert!(answers().iter().chain(&outcomes()).all(|(_, text)| !text.contains(bare)));
    // Once it stands otherwise than at first, it holds no token any more.
    let (first, later): (Vec<_>, Vec<_>) =
        prompts().into_iter().chain(known()).partition(|(_, text)| text.contains("   or   DENY K7QF"));
    assert!(first.iter().all(|(_, text)| text.matches("K7QF-92M4-0XTR-8B3D").count() == 3));
    assert!(later.len() == 5 && later.iter().all(|(_, text)| !text.contains(bare)));
}

#[test]
fn what_cannot_be_shown_cannot_be_asked() {
    let (token, one) = (token(), one_snapshot());
    let hidden =
        [ObjectLine { kind: "snapshot".into(), name: "tank/me\u{202e}dia@old".into(), lines: vec![] }];
    let ask = |command_line, objects| prompt(&PromptFacts { command_line, ..facts(&token, objects) });
    assert_eq!(ask("git checkout a\u{200b}b", &one), Err(CannotShow::Invisible));
    assert_eq!(ask("git checkout a\nb", &one), Err(CannotShow::Invisible));
    assert_eq!(ask("zfs destroy tank/media@old", &hidden), Err(CannotShow::Invisible));
    assert_eq!(ask(&"x".repeat(MESSAGE_LIMIT), &one), Err(CannotShow::TooLong));
}

#[test]
fn what_does_not_fit_is_counted() {
    let (token, (much, with_it)) = (token(), much());
    let text = prompt(&PromptFacts { dependents: &with_it, ..facts(&token, &much) }).unwrap();
    assert_eq!(text.matches("… and 2 lines more").count(), 5, "{text}");
    assert!(text.contains("    with it: … and 7 things more\n"), "{text}");
}

#[test]
fn long_names_give_way_to_count_and_digest() {
    let token = token();
    let long: Vec<_> = (0..5)
        .map(|n| ObjectLine {
            kind: "snapshot".into(),
            name: format!("tank/{n}{}", "y".repeat(400)),
            lines: vec![],
        })
        .collect();
    let text = prompt(&facts(&token, &long)).unwrap();
    assert!(text.len() < MESSAGE_LIMIT && text.contains("5 snapshots"), "{text}");
    assert!(
        text.contains("… and 2 more · effects sha256:9f2c41d07ab3e855… · all of it: reeve show ap_"),
        "{text}"
    );
}
