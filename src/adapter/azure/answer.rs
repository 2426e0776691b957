//! Answers to reads.

use serde_json::{Value, json};

use super::reader::{ask, odd, read_app, unreadable};
use crate::adapter::foreign::all_harmless;
use crate::adapter::{Host, PlanRefusal, ReadAnswer};
use crate::arm::Answer;
use crate::operation::azure::AzureOperation;

/// The answer to an operation that only reads.
pub(super) fn read(operation: &AzureOperation, host: &dyn Host) -> Result<ReadAnswer, PlanRefusal> {
    let result = match operation {
        AzureOperation::Groups { subscription } => {
            let words = vec!["groups".to_owned(), subscription.to_string()];
            let answer = ask(host, words, &format!("subscription {subscription}"))?;
            let Answer::Groups(groups) = answer else { return Err(odd()) };
            json!({"groups": groups})
        }
        AzureOperation::Resources { group } => {
            let (subscription, name) = group.parts();
            let words = ["resources", subscription, name].map(str::to_owned).into();
            let answer = ask(host, words, &format!("resource group {group}"))?;
            let Answer::Resources(resources) = answer else { return Err(odd()) };
            json!({"resources": resources})
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

fn answered(result: Value) -> ReadAnswer {
    ReadAnswer { result: all_harmless(result), exit_code: 0 }
}
