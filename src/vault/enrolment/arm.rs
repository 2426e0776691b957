//! The template of Azure Resource Manager: the same as the one in Bicep, for who has no Bicep.

use serde_json::{Value, json};

use super::{Enrolment, Needed, READS, SEES, SEES_ACTIONS};

/// What names the custom role within its subscription.
const SEES_NAME: &str = "guid(subscription().id, 'reeve-sees-roles')";

/// The template, for a deployment to the subscription.
pub(super) fn template(enrolment: &Enrolment) -> String {
    let sees = format!("subscriptionResourceId('Microsoft.Authorization/roleDefinitions', {SEES_NAME})");
    let mut resources = vec![
        json!({
            "type": "Microsoft.Authorization/roleDefinitions",
            "apiVersion": "2022-04-01",
            "name": format!("[{SEES_NAME}]"),
            "properties": {
                "roleName": SEES, "description": DESCRIPTION, "type": "CustomRole",
                "permissions": [{"actions": SEES_ACTIONS, "notActions": []}],
                "assignableScopes": ["[subscription().id]"]
            }
        }),
        json!({
            "type": "Microsoft.Authorization/roleAssignments",
            "apiVersion": "2022-04-01",
            "name": "[guid(subscription().id, parameters('principalId'), 'reeve-sees-roles')]",
            "dependsOn": [format!("[{sees}]")],
            "properties": properties(&format!("[{sees}]"))
        }),
    ];
    resources.extend(enrolment.vaults.iter().map(group));
    pretty(&json!({
        "$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"principalId": {
            "type": "string", "metadata": {"description": "The object id of the identity, not its client id."}
        }},
        "resources": resources
    }))
}

/// The custom role alone, as `az role definition create` takes it.
pub(super) fn role(enrolment: &Enrolment) -> String {
    pretty(&json!({
        "Name": SEES, "IsCustom": true, "Description": DESCRIPTION, "Actions": SEES_ACTIONS, "NotActions": [],
        "AssignableScopes": [format!("/subscriptions/{}", enrolment.subscription)]
    }))
}

pub(super) const DESCRIPTION: &str =
    "Shows who has which role where, so that a host can see that it has no more than it needs.";

/// The roles within one vault, as a deployment to its resource group.
fn group(needed: &Needed) -> Value {
    let vault = needed.vault();
    let reads = format!("[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{READS}')]");
    let one = |name: &String| {
        let secret = format!("resourceId('Microsoft.KeyVault/vaults/secrets', '{vault}', '{name}')");
        json!({
            "type": "Microsoft.Authorization/roleAssignments",
            "apiVersion": "2022-04-01",
            "scope": format!("[{secret}]"),
            "name": format!("[guid({secret}, parameters('principalId'), '{READS}')]"),
            "properties": properties(&reads)
        })
    };
    json!({
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": format!("reeve-{}", needed.alias),
        "resourceGroup": needed.group(),
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": {"principalId": {"value": "[parameters('principalId')]"}},
            "template": {
                "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
                "contentVersion": "1.0.0.0",
                "parameters": {"principalId": {"type": "string"}},
                "resources": needed.secrets.iter().map(one).collect::<Vec<_>>()
            }
        }
    })
}

fn properties(role: &str) -> Value {
    json!({"roleDefinitionId": role, "principalId": "[parameters('principalId')]", "principalType": "ServicePrincipal"})
}

fn pretty(document: &Value) -> String {
    format!("{document:#}\n")
}
