//! Every notice, as its golden file has it.

use super::*;

fn day(records: u64, operations: &[(&str, u64)]) -> String {
    let operations = operations.iter().map(|(state, count)| ((*state).to_owned(), *count)).collect();
    let (since, now, checkpoint) = (at(0), at(86_400), CHECKPOINT.to_owned());
    Notice::Day { since, now, records, operations, checkpoint }.text("host01")
}

pub(super) fn notices() -> Vec<(&'static str, String)> {
    let lines = vec![
        "+ carol may approve in storage".into(),
        "~ policy: sha256:0011223344 → sha256:5566778899".into(),
    ];
    let weaker = vec!["~ budgets are other ones".into()];
    let frozen = |who: Option<&str>, why: Option<&str>| Notice::Frozen {
        who: who.map(str::to_owned),
        by: "a budget that was used up".into(),
        why: why.map(str::to_owned),
        at: at(0),
    };
    let why = "12 operations in an hour, and 10 are allowed";
    vec![
        ("notice-rules-changed", Notice::RulesChanged { lines }.text("host01")),
        (
            "notice-rules-narrowed",
            Notice::RulesNarrowed {
                lines: vec!["- carol may approve no more".into(), "- bob is no more in owners".into()],
            }
            .text("host01"),
        ),
        ("notice-frozen", frozen(Some("librarian"), Some(why)).text("host01")),
        (
            "notice-recovery",
            Notice::Recovery { name: "carol".into(), at: at(0), due: at(86_400) }.text("host01"),
        ),
        (
            "notice-recovery-stopped",
            Notice::RecoveryStopped { name: "carol".into(), by: "bob".into() }.text("host01"),
        ),
        ("notice-key-changed", Notice::KeyChanged { name: "carol".into() }.text("host01")),
        (
            "notice-contradicted",
            Notice::Contradicted {
                peer: "host02".into(),
                why: "it has seen 48213 records, more than there are".into(),
            }
            .text("host01"),
        ),
        (
            "notice-others-log",
            Notice::OthersLog {
                peer: "host02".into(),
                why: "the log was forked: 48213 records with another root, after 48213 were seen".into(),
            }
            .text("host01"),
        ),
        ("notice-frozen-host", frozen(None, None).text("host01")),
        (
            "notice-rules-approved",
            Notice::RulesApproved { by: vec!["alice".into(), "bob".into()], lines: weaker }.text("host01"),
        ),
        ("notice-day", day(212, &[("failed", 1), ("refused", 2), ("succeeded", 11)])),
        ("notice-day-without-operations", day(1, &[])),
        ("notice-day-without-news", day(0, &[])),
        (
            "notice-new-key",
            Notice::NewKey {
                before: "host01/reeve+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".into(),
                key: "host01/reeve+8a32b6f0+AbFrpnnNS1Fh3rMs4Xm6dQqWk0UkqzT0GJw2Wg3vJrKx".into(),
            }
            .text("host01"),
        ),
        (
            "notice-thawed",
            Notice::Thawed { who: Some("librarian".into()), by: "alice".into() }.text("host01"),
        ),
    ]
}
