//! Operations on Azure, through Azure Resource Manager.

mod catalogue;
mod names;

pub(in crate::operation) use catalogue::CATALOGUE;
pub use names::{AppName, AzureScope, GroupName, SubscriptionName, TargetName, VaultName};

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::{Effect, Invalid, Realm, Touched, Typed};

/// As long as a vault's firewall may be open to this host, in minutes, and how long it is where nobody says.
pub(super) const MINUTES: u64 = 24 * 60;
const SHORT: u64 = 60;
/// As many replicas as a container app may have.
pub(super) const REPLICAS: u64 = 1000;

/// One thing that can be done at Azure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AzureOperation {
    /// The resource groups of a subscription.
    Groups {
        /// Which.
        subscription: SubscriptionName,
    },
    /// The resources of a group.
    Resources {
        /// Which.
        group: GroupName,
    },
    /// How a container app is.
    App {
        /// Which.
        app: AppName,
    },
    /// Restarts a container app.
    Restart {
        /// Which.
        app: AppName,
    },
    /// Sets how many replicas it has.
    Scale {
        /// Of which.
        app: AppName,
        /// At least.
        min: u32,
        /// At most.
        max: u32,
    },
    /// Deletes a resource, or what is claimed of a group.
    Delete {
        /// Which.
        target: TargetName,
    },
    /// Opens a vault's firewall to this host's own address for a while.
    KeyvaultAllowIp {
        /// Which vault's.
        vault: VaultName,
        /// For how long.
        minutes: u32,
    },
    /// Takes away what this host added to a vault's firewall.
    KeyvaultRemoveIp {
        /// Which vault's.
        vault: VaultName,
    },
}

impl AzureOperation {
    /// Reads an operation from its name, resource and parameters.
    pub(super) fn from_parts(op: &str, resource: &str, params: &mut Fields) -> Result<Self, Invalid> {
        fn named<T: TryFrom<String, Error = Invalid>>(resource: &str) -> Result<T, Invalid> {
            T::try_from(resource.to_owned()).map_err(|invalid| invalid.under("/resource"))
        }
        Ok(match op {
            "groups" => Self::Groups { subscription: named(resource)? },
            "resources" => Self::Resources { group: named(resource)? },
            "app" => Self::App { app: named(resource)? },
            "restart" => Self::Restart { app: named(resource)? },
            "keyvault-allow-ip" => {
                let minutes = params.number("minutes", 1, MINUTES)?.unwrap_or(SHORT);
                let minutes = u32::try_from(minutes).unwrap_or(u32::MAX);
                Self::KeyvaultAllowIp { vault: named(resource)?, minutes }
            }
            "keyvault-remove-ip" => Self::KeyvaultRemoveIp { vault: named(resource)? },
            "delete" => Self::Delete { target: named(resource)? },
            "scale" => {
                let (min, max) = (replicas(params, "min", 0)?, replicas(params, "max", 1)?);
                if min > max {
                    return Err(Invalid::at(params.pointer("min"), "is not more than max"));
                }
                Self::Scale { app: named(resource)?, min, max }
            }
            other => {
                let problem = format!("azure has no operation {other:?}; GET /host/ops lists them");
                return Err(Invalid::at("/op", problem));
            }
        })
    }

    /// The container app that it is about, where it is about one.
    #[must_use]
    pub fn app(&self) -> Option<&AppName> {
        match self {
            Self::Groups { .. } | Self::Resources { .. } | Self::Delete { .. } => None,
            Self::KeyvaultAllowIp { .. } | Self::KeyvaultRemoveIp { .. } => None,
            Self::App { app } | Self::Restart { app } | Self::Scale { app, .. } => Some(app),
        }
    }
}

fn replicas(params: &mut Fields, name: &str, least: u64) -> Result<u32, Invalid> {
    let number = params.number(name, least, REPLICAS)?;
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| Invalid::at(params.pointer(name), "is missing"))
}

impl Typed for AzureOperation {
    fn kind(&self) -> &'static str {
        "azure"
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Groups { .. } => "groups",
            Self::Resources { .. } => "resources",
            Self::App { .. } => "app",
            Self::Restart { .. } => "restart",
            Self::Scale { .. } => "scale",
            Self::Delete { .. } => "delete",
            Self::KeyvaultAllowIp { .. } => "keyvault-allow-ip",
            Self::KeyvaultRemoveIp { .. } => "keyvault-remove-ip",
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Groups { .. } | Self::Resources { .. } | Self::App { .. } => Effect::Read,
            Self::Restart { .. }
            | Self::Scale { .. }
            | Self::KeyvaultAllowIp { .. }
            | Self::KeyvaultRemoveIp { .. } => Effect::Change,
            Self::Delete { .. } => Effect::Destroy,
        }
    }

    fn resource(&self) -> String {
        match self {
            Self::Groups { subscription } => subscription.to_string(),
            Self::Resources { group } => group.to_string(),
            Self::App { app } | Self::Restart { app } | Self::Scale { app, .. } => app.to_string(),
            Self::Delete { target } => target.to_string(),
            Self::KeyvaultAllowIp { vault, .. } | Self::KeyvaultRemoveIp { vault } => vault.to_string(),
        }
    }

    fn touched(&self) -> Vec<Touched> {
        vec![Touched::new(Realm::Azure, self.resource())]
    }

    fn params(&self) -> Map<String, Value> {
        match self {
            Self::Scale { min, max, .. } => {
                let pairs = [("min", json!(min)), ("max", json!(max))];
                pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }
            Self::Groups { .. }
            | Self::Resources { .. }
            | Self::App { .. }
            | Self::Restart { .. }
            | Self::Delete { .. }
            | Self::KeyvaultRemoveIp { .. } => Map::new(),
            Self::KeyvaultAllowIp { minutes, .. } if u64::from(*minutes) == SHORT => Map::new(),
            Self::KeyvaultAllowIp { minutes, .. } => {
                std::iter::once(("minutes".to_owned(), json!(minutes))).collect()
            }
        }
    }

    /// Each app by itself, and of what is deleted each group: what lies in one may need each other.
    fn place(&self) -> String {
        match self {
            Self::Delete { target } => {
                let (subscription, group, _) = target.parts();
                format!("azure {subscription}/{group}")
            }
            Self::Groups { .. }
            | Self::Resources { .. }
            | Self::App { .. }
            | Self::Restart { .. }
            | Self::Scale { .. }
            | Self::KeyvaultAllowIp { .. }
            | Self::KeyvaultRemoveIp { .. } => format!("azure {}", self.resource()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::operation::Operation;

    #[test]
    fn a_scale_that_makes_no_sense_is_refused_with_its_place() {
        for (params, pointer) in [
            (json!({"min": 3, "max": 2}), "/params/min"),
            (json!({"min": 0, "max": 0}), "/params/max"),
            (json!({"min": 0}), "/params/max"),
            (json!({"max": 1}), "/params/min"),
            (json!({"min": 0, "max": 1001}), "/params/max"),
            (json!({"min": 0, "max": 1, "cpu": 4}), "/params/cpu"),
        ] {
            let asked = json!({"kind": "azure", "op": "scale", "resource": "main/rg/shop", "params": params});
            assert_eq!(Operation::from_value(asked.clone()).unwrap_err().pointer, pointer, "{asked}");
        }
    }
}
