//! What the pages about policies show loads, comes true, and has nothing in it that is not tried.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use reeve::policy::{Contracts, Verdict};
use serde_json::json;

use super::{ask_with, engine, rejection};

/// The fenced blocks of a language in a page.
fn shown(page: &str, language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let text = std::fs::read_to_string(path).unwrap();
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The contracts that a page shows, each as the file that it says it is. What is a case is none.
fn contracts(page: &str) -> usize {
    let blocks = shown(page, "toml");
    let written: Vec<_> = blocks.iter().filter(|block| !block.contains("[[case]]")).collect();
    for block in &written {
        let value: toml::Table = toml::from_str(block).unwrap();
        let name = match (value.get("principal"), value.get("role")) {
            (Some(principal), None) => format!("{}.toml", principal.as_str().unwrap()),
            (None, Some(role)) => format!("{}.role.toml", role.as_str().unwrap()),
            other => panic!("{other:?}"),
        };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, block).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        Contracts::load(directory.path()).unwrap_or_else(|error| panic!("{block}\n{error}"));
    }
    written.len()
}

#[test]
fn every_contract_that_is_shown_loads() {
    assert_eq!((contracts("policy.md"), contracts("policy-tutorial.md")), (4, 2));
}

#[tokio::test]
async fn what_the_manual_shows_loads_and_fails_as_it_says() {
    let [policy, profiles, reversible] = <[String; 3]>::try_from(shown("policy.md", "python")).unwrap();
    for text in [&policy, &profiles] {
        assert_eq!(engine(text).await.report().examples, 2);
    }
    let asked = ask_with(&engine(&reversible).await, json!({}), json!({"effect": "destroy"})).await;
    assert_eq!(
        (asked.verdict, asked.keep.map(|keep| keep.time())),
        (Verdict::Review, Some(Duration::from_secs(7 * 24 * 3600)))
    );
    let [complaint, of_contract] = <[String; 2]>::try_from(shown("policy.md", "text")).unwrap();
    assert_eq!(rejection(&policy.replace("\"review\")", "\"allow\")")).await, complaint.trim_end());
    let contract = "principal = \"keeper\"\nroles = [\"agent\"]\n\n[[allow]]\noperations = [\"zfs.snapshot\"]\n\
                    datasets = [\"tank\"]\nwhere = { \"/nmae\" = { prefix = \"daily-\" } }\n";
    let refused = reeve::policy::Contract::parse("/etc/reeve/contracts/keeper.toml", contract).unwrap_err();
    assert_eq!(refused.to_string(), of_contract.trim_end());
}

#[tokio::test]
async fn every_policy_of_the_tutorial_and_the_cookbook_comes_true_and_has_no_rule_untried() {
    for (page, least) in [("policy-tutorial.md", 4), ("policy-cookbook.md", 10)] {
        let policies = shown(page, "python");
        assert!(policies.len() >= least, "{page}: {}", policies.len());
        for text in policies {
            let report = engine(&text).await.report();
            assert!(
                report.examples > 0 && report.untried_count == 0 && report.warnings.is_empty(),
                "{text}\n{report:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_empty_policy_fails_as_the_tutorial_says() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policy-tutorial.md"))
        .unwrap();
    assert!(page.contains(&rejection("").await));
}
