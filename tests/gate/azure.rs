//! What is done at Azure: by a grant for each look, as one user, whoever asks.

use reeve::gate::protocol::State;
use reeve::grant::{RunAs, WrapperName};
use serde_json::{Value, json};

use crate::launcher::Way;
use crate::rules::rule;
use crate::stage::{LENIENT, Stage};

const CONTRACT: &str = r#"principal = "librarian"
roles = ["agent"]
run_as = "alice"

[[allow]]
operations = ["azure.resources", "azure.app", "azure.scale"]
azure = ["main/rg"]
"#;

fn azure(op: &str, resource: &str, params: Value) -> Value {
    json!({"kind": "azure", "op": op, "resource": resource, "params": params})
}

async fn stage() -> Stage {
    let mut stage = Stage::with(LENIENT).await;
    stage.write("contracts/librarian.toml", CONTRACT);
    stage.crash().await;
    stage
}

#[tokio::test]
async fn every_look_at_azure_is_granted_for_its_one_argv_and_its_own_user() {
    let stage = stage().await;
    stage.launcher.will(Way::Fail(20));
    let read = stage.submit("librarian", azure("app", "main/rg/shop", json!({}))).await.unwrap();
    assert_eq!((read.state, read.error.as_deref()), (State::Failed, Some("there is no main/rg/shop")));
    let scale = azure("scale", "main/rg/shop", json!({"min": 1, "max": 2}));
    assert_eq!(rule(stage.submit("librarian", scale.clone()).await), "azure-not-found");
    stage.launcher.will(Way::Fail(21));
    assert_eq!(rule(stage.submit("librarian", scale).await), "host-unreadable");
    let granted = stage.launcher.granted();
    assert_eq!(stage.launcher.commands(), vec!["azure app main rg shop"; 3]);
    for grant in granted {
        assert_eq!((grant.wrapper, grant.program.as_str()), (WrapperName::Azure, "/usr/local/bin/reeve"));
        assert_eq!(grant.run_as, RunAs::User("reeve-azure".to_owned()));
    }
}

#[tokio::test]
async fn what_a_contract_does_not_have_of_azure_is_not_looked_at() {
    let stage = stage().await;
    for (op, resource) in [("resources", "main/rg2"), ("app", "other/rg/shop")] {
        let refused = stage.submit("librarian", azure(op, resource, json!({}))).await;
        assert_eq!(rule(refused), "contract-resource", "{resource}");
    }
    let refused = stage.submit("librarian", azure("restart", "main/rg/shop", json!({}))).await;
    assert_eq!(rule(refused), "contract-operation");
    assert!(stage.launcher.granted().is_empty());
}
