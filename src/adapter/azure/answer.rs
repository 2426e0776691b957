//! Answers to reads.

use serde_json::{Value, json};

use super::reader::{ask, read_app, unreadable};
use crate::adapter::foreign::all_harmless;
use crate::adapter::{Host, PlanRefusal, ReadAnswer};
use crate::arm::Answer;
use crate::operation::azure::AzureOperation;

/// The answer to an operation that only reads.
pub(super) fn read(operation: &AzureOperation, host: &dyn Host) -> Result<ReadAnswer, PlanRefusal> {
    let result = match operation {
        AzureOperation::Groups { subscription } => {
            let words = vec!["groups".to_owned(), subscription.to_string()];
            match ask(host, words, &format!("subscription {subscription}"))? {
                Answer::Groups(groups) => json!({"groups": groups}),
                Answer::Resources(_)
                | Answer::App(_)
                | Answer::Restarted(_)
                | Answer::Scaled
                | Answer::Claimed(_)
                | Answer::There(_)
                | Answer::Deleted
                | Answer::Firewall(_)
                | Answer::FirewallSet => return Err(odd()),
            }
        }
        AzureOperation::Resources { group } => {
            let (subscription, name) = group.parts();
            let words = ["resources", subscription, name].map(str::to_owned).into();
            match ask(host, words, &format!("resource group {group}"))? {
                Answer::Resources(resources) => json!({"resources": resources}),
                Answer::Groups(_)
                | Answer::App(_)
                | Answer::Restarted(_)
                | Answer::Scaled
                | Answer::Claimed(_)
                | Answer::There(_)
                | Answer::Deleted
                | Answer::Firewall(_)
                | Answer::FirewallSet => return Err(odd()),
            }
        }
        AzureOperation::App { app } | AzureOperation::Restart { app } | AzureOperation::Scale { app, .. } => {
            json!(read_app(host, app)?)
        }
        AzureOperation::Delete { .. }
        | AzureOperation::KeyvaultAllowIp { .. }
        | AzureOperation::KeyvaultRemoveIp { .. } => return Err(unreadable("this operation needs a grant")),
    };
    Ok(answered(result))
}

fn odd() -> PlanRefusal {
    unreadable("Azure's answer is about something else")
}

fn answered(result: Value) -> ReadAnswer {
    ReadAnswer { result: all_harmless(result), exit_code: 0 }
}
