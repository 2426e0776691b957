//! The same as commands of the Azure CLI, for a person to read and run.

use super::{Enrolment, Identity, READS, SEES};

/// The script.
pub(super) fn script(enrolment: &Enrolment) -> String {
    let Enrolment { subscription, .. } = enrolment;
    let mut lines = vec![
        "#!/bin/bash".to_owned(),
        "# Makes a host somebody in Azure who reads its own secrets and nothing else. Run by a person who may give roles there;".to_owned(),
        "# once more does no harm.".to_owned(),
        "set -euo pipefail".to_owned(),
        "cd \"$(dirname \"${BASH_SOURCE[0]}\")\"".to_owned(),
        format!("az account set --subscription '{subscription}'"),
        String::new(),
        "# Who the host is.".to_owned(),
    ];
    lines.extend(identity(enrolment));
    lines.extend([
        String::new(),
        "# What may be read to show that the vault can be. Its value is no secret.".to_owned(),
    ]);
    for needed in &enrolment.vaults {
        let (vault, canary) = (needed.vault(), &needed.canary);
        lines.push(format!(
            "az keyvault secret show --vault-name '{vault}' --name '{canary}' --output none 2>/dev/null || \
             az keyvault secret set --vault-name '{vault}' --name '{canary}' --value canary --output none"
        ));
    }
    lines.extend([
        String::new(),
        "# It sees who may do what, so that reeve doctor can show that it may do no more than this.".to_owned(),
        format!("az role definition list --custom-role-only true --name '{SEES}' --query '[0].id' --output tsv | grep -q . || az role definition create --role-definition @role.json --output none"),
        give(SEES, &format!("/subscriptions/{subscription}")),
        String::new(),
        "# Key Vault Secrets User, of each secret by itself.".to_owned(),
    ]);
    lines.extend(enrolment.reads().map(|(needed, name)| give(READS, &needed.id.secret(name).to_string())));
    lines.join("\n") + "\n"
}

/// In quotes, whatever it is: a group may have parentheses, and no name has a quote.
fn give(role: &str, scope: &str) -> String {
    format!(
        "az role assignment create --assignee-object-id \"$principal\" --assignee-principal-type ServicePrincipal --role '{role}' --scope '{scope}' --output none"
    )
}

fn identity(enrolment: &Enrolment) -> Vec<String> {
    let Enrolment { machine, group, .. } = enrolment;
    match enrolment.identity {
        Identity::System => vec![format!(
            "principal=$(az vm identity assign --name '{machine}' --resource-group '{group}' --query systemAssignedIdentity --output tsv)"
        )],
        Identity::User => vec![
            format!("az identity create --name 'reeve-{machine}' --resource-group '{group}' --output none"),
            format!("id=$(az identity show --name 'reeve-{machine}' --resource-group '{group}' --query id --output tsv)"),
            format!("az vm identity assign --name '{machine}' --resource-group '{group}' --identities \"$id\" --output none"),
            "principal=$(az identity show --ids \"$id\" --query principalId --output tsv)".to_owned(),
            "echo \"secrets.toml: azure.client_id = \\\"$(az identity show --ids \"$id\" --query clientId --output tsv)\\\"\"".to_owned(),
        ],
        Identity::Principal => vec![
            format!("app=$(az ad sp list --display-name 'reeve-{machine}' --query '[0].appId' --output tsv)"),
            "if [ -z \"$app\" ]; then".to_owned(),
            "  # The certificate with its key is written into a file of the person's: take it to the host, and remove it here.".to_owned(),
            format!("  app=$(az ad sp create-for-rbac --name 'reeve-{machine}' --create-cert --years 1 --query appId --output tsv)"),
            "fi".to_owned(),
            "principal=$(az ad sp show --id \"$app\" --query id --output tsv)".to_owned(),
            "echo \"the unit's environment: AZURE_CLIENT_ID=$app AZURE_TENANT_ID=$(az account show --query tenantId --output tsv)\"".to_owned(),
        ],
    }
}
