//! The template in Bicep.

use super::arm::DESCRIPTION;
use super::{Enrolment, Needed, SEES, SEES_ACTIONS};

/// The roles within one vault: the same for each.
pub(super) const SECRETS: &str = "\
// Lets an identity read some secrets of a vault, each by itself.
@description('The object id of the identity, not its client id.')
param principalId string
param vaultName string
param secretNames array

// Key Vault Secrets User
var reads = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource secrets 'Microsoft.KeyVault/vaults/secrets@2023-07-01' existing = [for name in secretNames: {
  parent: vault
  name: name
}]

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (name, i) in secretNames: {
  scope: secrets[i]
  name: guid(secrets[i].id, principalId, '4633458b-17de-408a-b874-0445c86b69e6')
  properties: {
    roleDefinitionId: reads
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]
";

/// The template, for a deployment to the subscription.
pub(super) fn main(enrolment: &Enrolment) -> String {
    let actions: Vec<String> = SEES_ACTIONS.iter().map(|action| format!("          '{action}'")).collect();
    let actions = actions.join("\n");
    let modules: Vec<String> =
        enrolment.vaults.iter().enumerate().map(|(number, needed)| module(number, needed)).collect();
    format!(
        "\
targetScope = 'subscription'

@description('The object id of the identity, not its client id.')
param principalId string

resource sees 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {{
  name: guid(subscription().id, 'reeve-sees-roles')
  properties: {{
    roleName: '{SEES}'
    description: '{DESCRIPTION}'
    type: 'CustomRole'
    permissions: [
      {{
        actions: [
{actions}
        ]
        notActions: []
      }}
    ]
    assignableScopes: [
      subscription().id
    ]
  }}
}}

resource seesHere 'Microsoft.Authorization/roleAssignments@2022-04-01' = {{
  name: guid(subscription().id, principalId, 'reeve-sees-roles')
  properties: {{
    roleDefinitionId: sees.id
    principalId: principalId
    principalType: 'ServicePrincipal'
  }}
}}
{}",
        modules.join("")
    )
}

fn module(number: usize, needed: &Needed) -> String {
    let names: Vec<String> = needed.secrets.iter().map(|name| format!("      '{name}'")).collect();
    format!(
        "
module vault{number} 'secrets.bicep' = {{
  name: 'reeve-{}'
  scope: resourceGroup('{}')
  params: {{
    principalId: principalId
    vaultName: '{}'
    secretNames: [
{}
    ]
  }}
}}
",
        needed.alias,
        needed.group(),
        needed.vault(),
        names.join("\n")
    )
}
