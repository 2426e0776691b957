//! A vault's firewall is opened when people said so, whatever the policy lets pass, unless a contract says otherwise.

use reeve::gate::protocol::State;
use serde_json::{Value, json};

use crate::phones::token;
use crate::rules::rule;
use crate::servers::eventually;
use crate::stage::{LENIENT, Stage};

const CONTRACT: &str = r#"principal = "librarian"
roles = ["agent"]

[[allow]]
operations = ["azure.keyvault-allow-ip", "azure.keyvault-remove-ip"]
azure = ["main/rg"]
"#;

fn firewall(rules: &[&str], added: &[&str], default_action: &str) -> String {
    let wall = json!({
        "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/vault",
        "access": "Enabled", "default_action": default_action, "rules": rules, "added": added,
        "address": "20.1.2.3/32", "mark": "0".repeat(64),
    });
    json!({"answer": {"firewall": wall}}).to_string() + "\n"
}

fn allow() -> Value {
    json!({"kind": "azure", "op": "keyvault-allow-ip", "resource": "main/rg/vault", "params": {"minutes": 30}})
}

async fn stage(contract: &str) -> Stage {
    let mut stage = Stage::with(LENIENT).await;
    stage.write("contracts/librarian.toml", contract);
    stage.crash().await;
    stage.launcher.says("azure opening", &firewall(&[], &[], "Deny"), 0);
    stage.launcher.says("azure allow", "{\"answer\":\"firewall_set\"}\n", 0);
    stage.launcher.says("azure firewall", &firewall(&["20.1.2.3/32"], &["20.1.2.3/32"], "Deny"), 0);
    stage
}

fn steps(stage: &Stage) -> Vec<String> {
    stage.launcher.commands().into_iter().filter(|line| line.starts_with("azure allow")).collect()
}

#[tokio::test]
async fn opening_a_vault_takes_a_person_even_where_the_policy_lets_everything_pass() {
    let stage = stage(CONTRACT).await;
    let op = stage.submit("librarian", allow()).await.unwrap();
    assert_eq!(op.state, State::Pending);
    let asked = || stage.phones.so_far("alice").into_iter().find(|one| one.text.contains("CONFIRM "));
    let prompt = eventually("a question", asked);
    assert!(prompt.text.contains("lets in 20.1.2.3/32 for 30 minutes"), "{}", prompt.text);
    assert!(steps(&stage).is_empty());
    stage.phones.says("alice", &format!("CONFIRM {}", token(&prompt.text)));
    let done = stage.until(&op.id, State::Succeeded).await;
    assert_eq!(done.verified, Some(true));
    assert_eq!(steps(&stage), [format!("azure allow main rg vault 20.1.2.3/32 30 {}", "0".repeat(64))]);
}

#[tokio::test]
async fn a_vault_that_azure_may_still_be_opening_is_unknown_until_it_is_seen() {
    let mut stage = stage(&(CONTRACT.to_owned() + "at_least = \"allow\"\n")).await;
    stage.launcher.says("azure allow", "reeve azure: Azure cannot be reached\n", 26);
    stage.launcher.says("azure firewall", &firewall(&[], &["20.1.2.3/32"], "Deny"), 0);
    let op = stage.submit("librarian", allow()).await.unwrap();
    let unknown = stage.until(&op.id, State::Unknown).await;
    assert_eq!(unknown.error.as_deref(), Some("end-unseen; nobody is let in by address"));
    stage.launcher.says("azure firewall", &firewall(&["20.1.2.3/32"], &["20.1.2.3/32"], "Deny"), 0);
    stage.crash().await;
    let done = stage.until(&op.id, State::Succeeded).await;
    assert_eq!((done.verified, steps(&stage).len()), (Some(true), 1));
}

#[tokio::test]
async fn a_contract_may_say_that_opening_a_vault_takes_nobody() {
    let stage = stage(&(CONTRACT.to_owned() + "at_least = \"allow\"\n")).await;
    let op = stage.submit("librarian", allow()).await.unwrap();
    assert_eq!(stage.until(&op.id, State::Succeeded).await.verified, Some(true));
}

#[tokio::test]
async fn a_vault_that_lets_everybody_in_is_not_put_to_people() {
    let stage = stage(CONTRACT).await;
    stage.launcher.says("azure opening", &firewall(&[], &[], "Allow"), 0);
    assert_eq!(rule(stage.submit("librarian", allow()).await), "azure-firewall");
    stage.launcher.says("azure opening", "reeve azure: the sources do not agree\n", 29);
    assert_eq!(rule(stage.submit("librarian", allow()).await), "azure-address");
    assert!(steps(&stage).is_empty());
}
