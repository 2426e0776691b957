//! What roles let a host do in Azure, and whether that is more than it needs.

use super::scope::Scope;

/// A role that the host's identity has somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Where.
    pub scope: Scope,
    /// Which.
    pub role: Role,
}

/// What a role lets one do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// What people call it.
    pub name: String,
    /// Whether somebody made it for themselves.
    pub is_custom: bool,
    /// What it lets one do, in parts.
    pub permissions: Vec<Permission>,
}

/// A part of it: patterns, and of these what is taken out again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permission {
    /// With resources.
    pub actions: Vec<String>,
    /// Of these not.
    pub not_actions: Vec<String>,
    /// With what they hold.
    pub data_actions: Vec<String>,
    /// Of these not.
    pub not_data_actions: Vec<String>,
}

/// Where a host may have roles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    /// The secrets that it reads, each by itself.
    pub secrets: Vec<Scope>,
    /// The vaults that these are in.
    pub vaults: Vec<Scope>,
    /// Where else, as configuration says.
    pub elsewhere: Vec<Scope>,
    /// Whether it is to change resources, and not only to read secrets.
    pub acts: bool,
}

/// What no host needs to do with resources: each makes it master of itself, of the vault, of an identity or of a machine. Where nothing else is
/// known of a place, these are looked for; at a vault, [`is_harmless`] says what passes.
const ELEVATED: [&str; 20] = [
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleAssignmentScheduleRequests/write",
    "Microsoft.Authorization/roleEligibilityScheduleRequests/write",
    "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.Authorization/elevateAccess/action",
    "Microsoft.KeyVault/vaults/write",
    "Microsoft.KeyVault/vaults/accessPolicies/write",
    // The value of a secret, past the vault's own roles and its firewall.
    "Microsoft.KeyVault/vaults/secrets/write",
    "Microsoft.Compute/virtualMachines/runCommand/action",
    "Microsoft.Compute/virtualMachines/runCommands/write",
    "Microsoft.Compute/virtualMachines/extensions/write",
    "Microsoft.Compute/virtualMachineScaleSets/extensions/write",
    "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/extensions/write",
    "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/runCommand/action",
    "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/runCommands/write",
    "Microsoft.HybridCompute/machines/extensions/write",
    "Microsoft.HybridCompute/machines/runCommands/write",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
    "Microsoft.Resources/deployments/write",
];
/// Whoever acts may come to have these: one comes with roles to change resources, and is of use only together with a right to the
/// resource itself; the other is what a vault's firewall takes, and is told as wide.
const MAY_COME_WITH_ACTING: [&str; 2] = ["Microsoft.Resources/deployments/write", WRITES_VAULTS];
const WRITES_VAULTS: &str = "Microsoft.KeyVault/vaults/write";
/// And with what a vault holds.
const ELEVATED_DATA: [&str; 12] = [
    "Microsoft.KeyVault/vaults/secrets/setSecret/action",
    "Microsoft.KeyVault/vaults/secrets/update/action",
    "Microsoft.KeyVault/vaults/secrets/delete",
    "Microsoft.KeyVault/vaults/secrets/purge/action",
    "Microsoft.KeyVault/vaults/secrets/recover/action",
    "Microsoft.KeyVault/vaults/secrets/restore/action",
    "Microsoft.KeyVault/vaults/secrets/backup/action",
    "Microsoft.KeyVault/vaults/keys/decrypt/action",
    "Microsoft.KeyVault/vaults/keys/unwrap/action",
    "Microsoft.KeyVault/vaults/keys/sign/action",
    "Microsoft.KeyVault/vaults/certificates/create/action",
    "Microsoft.KeyVault/vaults/certificates/import/action",
];
/// What a host may do with what a vault holds.
const HARMLESS_DATA: [&str; 2] = [READS_SECRETS, "Microsoft.KeyVault/vaults/secrets/readMetadata/action"];
/// How actions end that only look: none of Azure's tells a secret's value, at the resource or in the vault.
const LOOKS: &str = "/read";
const READS_SECRETS: &str = "Microsoft.KeyVault/vaults/secrets/getSecret/action";
/// What shows a host its own roles, and nothing else: wherever it is given, it is of no use to anybody.
const SEES_ROLES: [&str; 2] =
    ["Microsoft.Authorization/roleAssignments/read", "Microsoft.Authorization/roleDefinitions/read"];

impl Role {
    fn lets(&self, action: &str) -> bool {
        self.permissions.iter().any(|part| any(&part.actions, action) && !any(&part.not_actions, action))
    }

    fn lets_data(&self, action: &str) -> bool {
        let lets =
            |part: &Permission| any(&part.data_actions, action) && !any(&part.not_data_actions, action);
        self.permissions.iter().any(lets)
    }

    /// Whether it names what it lets one do by a pattern, into which things come that nobody thought of.
    fn has_wildcard(&self) -> bool {
        let patterns = self.permissions.iter().flat_map(|part| part.actions.iter().chain(&part.data_actions));
        patterns.into_iter().any(|pattern| pattern.contains('*'))
    }

    /// What it lets one do that is not known to be harmless at a vault, as the role says it.
    fn harmful_at_a_vault(&self) -> impl Iterator<Item = &str> {
        self.permissions.iter().flat_map(|part| {
            let actions = part.actions.iter().filter(move |one| !is_taken_out(&part.not_actions, one));
            let data = part.data_actions.iter().filter(move |one| !is_taken_out(&part.not_data_actions, one));
            let actions = actions.filter(|action| !is_harmless(action, &[]));
            let data = data.filter(|action| !is_harmless(action, &HARMLESS_DATA));
            actions.chain(data).map(String::as_str)
        })
    }

    fn only_sees_roles(&self) -> bool {
        self.permissions.iter().all(|part| {
            part.data_actions.is_empty()
                && part
                    .actions
                    .iter()
                    .all(|action| SEES_ROLES.iter().any(|seen| seen.eq_ignore_ascii_case(action)))
        })
    }
}

/// What is wrong with the roles, worst first, and what there is of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// What lets the host do what no host needs to, or more widely than it needs to.
    pub wrong: Vec<String>,
    /// What is wider than it could be.
    pub wide: Vec<String>,
    /// How many there are, how many of somebody's own making, and how many with a wildcard.
    pub counted: String,
}

/// Looks at all the roles that a host has.
#[must_use]
pub fn judge(assignments: &[Assignment], allowed: &Allowed) -> Judged {
    let mut judged = Judged::default();
    for one in assignments {
        let Assignment { scope, role } = one;
        let elevated = elevated(one, allowed);
        if let Some((first, more)) = elevated.split_first() {
            let more = more.len();
            judged.wrong.push(format!("{} at {scope}: is elevated: {first} and {more} more", role.name));
        }
        if let Some(wider) = beyond(one, allowed) {
            judged.wrong.push(wider);
        } else if role.lets_data(READS_SECRETS) && allowed.vaults.iter().any(|vault| vault.is(scope)) {
            judged.wide.push(format!("{} at {scope}: reads every secret of the vault", role.name));
        } else if allowed.acts && role.lets(WRITES_VAULTS) {
            judged
                .wide
                .push(format!("{} at {scope}: writes to vaults, which only their firewall needs", role.name));
        }
    }
    let count = |is: fn(&Role) -> bool| assignments.iter().filter(|one| is(&one.role)).count();
    judged.counted = format!(
        "{} role assignments, {} of custom roles, {} with a wildcard",
        assignments.len(),
        count(|role| role.is_custom),
        count(Role::has_wildcard)
    );
    judged
}

/// What it lets one do that no host needs: named ones wherever it is given, and at a vault whatever is not known to be harmless.
fn elevated<'a>(Assignment { scope, role }: &'a Assignment, allowed: &Allowed) -> Vec<&'a str> {
    let named = ELEVATED
        .into_iter()
        .filter(|action| role.lets(action) && !(allowed.acts && MAY_COME_WITH_ACTING.contains(action)))
        .chain(ELEVATED_DATA.into_iter().filter(|action| role.lets_data(action)));
    let mut elevated: Vec<&str> = named.collect();
    if allowed.vaults.iter().any(|vault| vault.holds(scope)) {
        for harmful in role.harmful_at_a_vault() {
            if !elevated.iter().any(|known| known.eq_ignore_ascii_case(harmful)) {
                elevated.push(harmful);
            }
        }
    }
    elevated
}

/// How an assignment is wider than what it is for.
fn beyond(Assignment { scope, role }: &Assignment, allowed: &Allowed) -> Option<String> {
    let is_within = |places: &[Scope]| places.iter().any(|place| place.holds(scope));
    if role.only_sees_roles() || is_within(&allowed.secrets) || is_within(&allowed.elsewhere) {
        return None;
    }
    if let Some(vault) = allowed.vaults.iter().find(|vault| vault.holds(scope)) {
        // The vault itself, which is told as wide, and what lies in it and nobody refers to.
        let is_other = !vault.is(scope) && role.lets_data(READS_SECRETS);
        return is_other.then(|| format!("{} at {scope}: no configuration names this secret", role.name));
    }
    Some(format!("{} at {scope}: reaches further than the vaults and what examine.scopes names", role.name))
}

/// Whether all that a pattern stands for only looks, or is one of these.
fn is_harmless(pattern: &str, known: &[&str]) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    pattern.ends_with(LOOKS) || known.iter().any(|one| one.eq_ignore_ascii_case(&pattern))
}

/// Of a pattern, what is taken out again may not be all of it.
fn is_taken_out(not: &[String], pattern: &str) -> bool {
    !pattern.contains('*') && any(not, pattern)
}

fn any(patterns: &[String], action: &str) -> bool {
    patterns.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase()))
}

/// `*` stands for any characters, as Azure has it.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(previous) = last.replace(part) {
            let Some(at) = rest.find(previous) else { return false };
            rest = rest.get(at.saturating_add(previous.len())..).unwrap_or_default();
        }
    }
    match last {
        Some(part) => rest.ends_with(part),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests;
