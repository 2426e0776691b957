//! The list of steps, in the order in which a person does them.

use super::{Enrolment, Identity, READS, SEES};

/// The list.
pub(super) fn text(enrolment: &Enrolment) -> String {
    let Enrolment { machine, group, subscription, .. } = enrolment;
    let who = match enrolment.identity {
        Identity::System => format!(
            "Give the machine an identity of its own, which ends with it:\n\n   \
             `az vm identity assign --name {machine} --resource-group {group} --query systemAssignedIdentity --output tsv`\n\n   \
             What it prints is the principal."
        ),
        Identity::User => format!(
            "Make an identity, assign it to the machine, and write its client id into `secrets.toml` as `azure.client_id`:\n\n   \
             `az identity create --name reeve-{machine} --resource-group {group}`, then\n   \
             `az vm identity assign --name {machine} --resource-group {group} --identities ID`\n\n   \
             Its `principalId` is the principal."
        ),
        Identity::Principal => format!(
            "Make a service principal with a certificate:\n\n   \
             `az ad sp create-for-rbac --name reeve-{machine} --create-cert --years 1`\n\n   \
             Take the file with the certificate and its key to the host as `/etc/credstore/azure.pem` (root, 0600), remove it elsewhere, name it in \
             `secrets.toml` as `azure.client_certificate = \"credential:azure.pem\"`, and give the unit `LoadCredential=azure.pem` and its `AZURE_CLIENT_ID` \
             and `AZURE_TENANT_ID`. The principal is what `az ad sp show --id APP --query id` prints."
        ),
    };
    let mut rows: Vec<String> = enrolment
        .reads()
        .map(|(needed, name)| {
            format!("   | Key Vault Secrets User (`{READS}`) | `{}` |", needed.id.secret(name))
        })
        .collect();
    rows.insert(
        0,
        format!(
            "   | {SEES} (custom: reads role assignments and definitions) | `/subscriptions/{subscription}` |"
        ),
    );
    let canaries: Vec<String> = enrolment
        .vaults
        .iter()
        .map(|needed| {
            format!(
                "   `az keyvault secret set --vault-name {} --name {} --value canary`",
                needed.vault(),
                needed.canary
            )
        })
        .collect();
    format!(
        "\
# Enrolling {machine} in Azure

A person who may give roles in the subscription does this; the host gives itself nothing. `enrol.sh` has all of it as commands. Read what you run.

1. {who}

2. Put the secrets that configuration names into their vaults (`reeve secret set`, `reeve secret migrate`), and a canary, whose value is no secret:

{}

3. Give the identity these roles, and no other:

   | role | scope |
   | --- | --- |
{}

   As a template, either in Bicep or as it is:

   `az deployment sub create --location LOCATION --template-file main.bicep --parameters principalId=PRINCIPAL`
   `az deployment sub create --location LOCATION --template-file azuredeploy.json --parameters principalId=PRINCIPAL`

4. On the host, see that it is so. Roles take some minutes to come into force.

   `systemctl restart reeve-secrets && reeve doctor`

   `azure-credential`, `azure-roles`, `azure-vaults` and `azure-isolation` pass.
",
        canaries.join("\n"),
        rows.join("\n")
    )
}
