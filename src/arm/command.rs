//! What the program can be told, each a word and names: the same that root's wrapper lets pass.

use super::{ArmError, Trouble};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The resource groups of a subscription.
    Groups {
        /// Its name in root's configuration.
        subscription: String,
    },
    /// The resources of a group.
    Resources {
        /// The subscription.
        subscription: String,
        /// The group.
        group: String,
    },
    /// How a container app is.
    App(Place),
    /// Restarts these revisions of it.
    Restart {
        /// Of which.
        place: Place,
        /// Which.
        revisions: Vec<String>,
    },
    /// Sets how many replicas it has.
    Scale {
        /// Of which.
        place: Place,
        /// At least.
        min: u32,
        /// At most.
        max: u32,
    },
    /// Who claims what of a group.
    Claimed {
        /// The subscription.
        subscription: String,
        /// The group.
        group: String,
    },
    /// Whether a resource is there.
    There(Held),
    /// Deletes a resource, if it is claimed, and as it was seen.
    Delete {
        /// Which.
        held: Held,
        /// By what it is told from what it was before.
        mark: String,
    },
    /// How a vault's firewall is.
    Firewall(Place),
    /// The same, with the address that it would be opened to.
    Opening(Place),
    /// Opens it to that address.
    Allow {
        /// Which vault's.
        place: Place,
        /// To whom.
        address: String,
        /// For how long.
        minutes: u64,
        /// By what it is told from what it was before.
        mark: String,
    },
    /// Takes away what this host added.
    Disallow {
        /// Of which vault.
        place: Place,
        /// By what it is told from what it was before.
        mark: String,
    },
}

/// Where a resource of any kind is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The subscription, by its name in root's configuration.
    pub subscription: String,
    /// The group.
    pub group: String,
    /// The resource, below its group: `microsoft.app/containerapps/shop`.
    pub resource: String,
}

/// Where a container app or a vault is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The subscription, by its name in root's configuration.
    pub subscription: String,
    /// The group.
    pub group: String,
    /// The app, or the vault.
    pub app: String,
}

impl Command {
    /// What these words say.
    ///
    /// # Errors
    /// When they say nothing.
    pub fn parse(words: &[String]) -> Result<Self, ArmError> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let place = |subscription: &str, group: &str, app: &str| Place {
            subscription: subscription.to_owned(),
            group: group.to_owned(),
            app: app.to_owned(),
        };
        let held = |subscription: &str, group: &str, resource: &str| Held {
            subscription: subscription.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
        };
        Ok(match words.as_slice() {
            ["groups", subscription] => Self::Groups { subscription: (*subscription).to_owned() },
            ["resources", subscription, group] => {
                Self::Resources { subscription: (*subscription).to_owned(), group: (*group).to_owned() }
            }
            ["app", subscription, group, app] => Self::App(place(subscription, group, app)),
            ["restart", subscription, group, app, revisions @ ..] if !revisions.is_empty() => Self::Restart {
                place: place(subscription, group, app),
                revisions: revisions.iter().map(|revision| (*revision).to_owned()).collect(),
            },
            ["scale", subscription, group, app, min, max] => {
                let number = |text: &str| text.parse().map_err(|_none| unknown());
                Self::Scale { place: place(subscription, group, app), min: number(min)?, max: number(max)? }
            }
            ["claimed", subscription, group] => {
                Self::Claimed { subscription: (*subscription).to_owned(), group: (*group).to_owned() }
            }
            ["there", subscription, group, resource] => Self::There(held(subscription, group, resource)),
            ["delete", subscription, group, resource, mark] => {
                Self::Delete { held: held(subscription, group, resource), mark: (*mark).to_owned() }
            }
            ["firewall", subscription, group, vault] => Self::Firewall(place(subscription, group, vault)),
            ["opening", subscription, group, vault] => Self::Opening(place(subscription, group, vault)),
            ["allow", subscription, group, vault, address, minutes, mark] => Self::Allow {
                place: place(subscription, group, vault),
                address: (*address).to_owned(),
                minutes: minutes.parse().map_err(|_none| unknown())?,
                mark: (*mark).to_owned(),
            },
            ["disallow", subscription, group, vault, mark] => {
                Self::Disallow { place: place(subscription, group, vault), mark: (*mark).to_owned() }
            }
            _other => return Err(unknown()),
        })
    }

    /// The subscription that it is about, by its name in root's configuration.
    #[must_use]
    pub fn subscription(&self) -> &str {
        match self {
            Self::Groups { subscription }
            | Self::Resources { subscription, .. }
            | Self::Claimed { subscription, .. } => subscription,
            Self::There(held) | Self::Delete { held, .. } => &held.subscription,
            Self::Firewall(place)
            | Self::Opening(place)
            | Self::Allow { place, .. }
            | Self::Disallow { place, .. } => &place.subscription,
            Self::App(place) | Self::Restart { place, .. } | Self::Scale { place, .. } => &place.subscription,
        }
    }

    /// What it is about, below the subscription.
    #[must_use]
    pub fn below(&self) -> String {
        let app = |place: &Place| {
            format!("/resourceGroups/{}/providers/Microsoft.App/containerApps/{}", place.group, place.app)
        };
        match self {
            Self::Groups { .. } => "/resourcegroups".to_owned(),
            Self::Resources { group, .. } | Self::Claimed { group, .. } => {
                format!("/resourceGroups/{group}/resources")
            }
            Self::There(held) | Self::Delete { held, .. } => {
                format!("/resourceGroups/{}/providers/{}", held.group, held.resource)
            }
            Self::Firewall(place)
            | Self::Opening(place)
            | Self::Allow { place, .. }
            | Self::Disallow { place, .. } => {
                format!("/resourceGroups/{}/providers/Microsoft.KeyVault/vaults/{}", place.group, place.app)
            }
            Self::App(place) | Self::Restart { place, .. } | Self::Scale { place, .. } => app(place),
        }
    }
}

fn unknown() -> ArmError {
    ArmError::new(Trouble::Other, "reeve-azure starts it, with the words of a grant")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Command, ArmError> {
        Command::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn each_command_is_about_one_place() {
        let app = "/resourceGroups/rg/providers/Microsoft.App/containerApps/shop";
        for (text, below) in [
            ("groups main", "/resourcegroups"),
            ("resources main rg", "/resourceGroups/rg/resources"),
            ("app main rg shop", app),
            ("restart main rg shop shop--a shop--b", app),
            ("scale main rg shop 1 3", app),
            ("claimed main rg", "/resourceGroups/rg/resources"),
            ("there main rg a.b/c/d", "/resourceGroups/rg/providers/a.b/c/d"),
            ("delete main rg a.b/c/d 01", "/resourceGroups/rg/providers/a.b/c/d"),
        ] {
            let command = parsed(text).unwrap();
            assert_eq!((command.subscription(), command.below().as_str()), ("main", below), "{text}");
        }
        for text in [
            "",
            "groups",
            "groups a b",
            "restart main rg shop",
            "scale main rg shop 1",
            "scale main rg shop x 2",
            "delete main rg shop",
            "delete main rg a.b/c/d",
            "claim main rg a.b/c/d",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }
}
