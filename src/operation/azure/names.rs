//! What Azure's things are called here: `production`, `production/web-rg`, `production/web-rg/shop`. Azure does not tell
//! capital letters from small ones, so that there is one way to write each: small.

use crate::operation::Invalid;
use crate::operation::name_type::name_type;

name_type!(
    /// A subscription, by the name that root's configuration gives it.
    SubscriptionName,
    check_subscription
);
name_type!(
    /// A resource group: `SUBSCRIPTION/GROUP`.
    GroupName,
    check_group
);
name_type!(
    /// A container app: `SUBSCRIPTION/GROUP/APP`.
    AppName,
    check_app
);
name_type!(
    /// A vault: `SUBSCRIPTION/GROUP/VAULT`.
    VaultName,
    check_vault
);
name_type!(
    /// What can be deleted: a resource, `SUBSCRIPTION/GROUP/NAMESPACE/TYPE/NAME`, or what is claimed of a group.
    TargetName,
    check_target
);
name_type!(
    /// What a contract grants: a subscription, a group, an app or a resource, with what lies below.
    AzureScope,
    check_scope
);

impl GroupName {
    /// Subscription and group.
    #[must_use]
    pub fn parts(&self) -> (&str, &str) {
        self.as_str().split_once('/').unwrap_or_default()
    }
}

impl AppName {
    /// Subscription, group and app.
    #[must_use]
    pub fn parts(&self) -> (&str, &str, &str) {
        let (subscription, rest) = self.as_str().split_once('/').unwrap_or_default();
        let (group, app) = rest.split_once('/').unwrap_or_default();
        (subscription, group, app)
    }
}

impl VaultName {
    /// Subscription, group and vault.
    #[must_use]
    pub fn parts(&self) -> (&str, &str, &str) {
        let (subscription, rest) = self.as_str().split_once('/').unwrap_or_default();
        let (group, vault) = rest.split_once('/').unwrap_or_default();
        (subscription, group, vault)
    }
}

impl TargetName {
    /// Subscription, group, and the resource below it, unless it is the group's.
    #[must_use]
    pub fn parts(&self) -> (&str, &str, Option<&str>) {
        let (subscription, rest) = self.as_str().split_once('/').unwrap_or_default();
        match rest.split_once('/') {
            Some((group, resource)) => (subscription, group, Some(resource)),
            None => (subscription, rest, None),
        }
    }
}

impl AzureScope {
    /// Whether a name is this or lies below it, by whole components.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        let below = name.strip_prefix(self.as_str());
        check_name(name).is_ok() && below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }
}

fn check_subscription(name: &str) -> Result<(), Invalid> {
    let is_inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=32).contains(&name.len()) && name.bytes().all(is_inside) && !name.starts_with('-') {
        return Ok(());
    }
    Err(Invalid::here("a subscription's name is 1 to 32 of a-z 0-9 -, as root's configuration has it"))
}

fn check_group(name: &str) -> Result<(), Invalid> {
    let Some((subscription, group)) = name.split_once('/') else {
        return Err(Invalid::here("is SUBSCRIPTION/GROUP"));
    };
    check_subscription(subscription)?;
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'(' | b')')
    };
    if (1..=90).contains(&group.len())
        && group.bytes().all(plain)
        && !group.ends_with('.')
        && !group.starts_with(['-', '.'])
    {
        return Ok(());
    }
    Err(Invalid::here(
        "a group's name is 1 to 90 of a-z 0-9 _ - . ( ), in small letters, and neither begins with - or . nor ends with .",
    ))
}

fn check_app(name: &str) -> Result<(), Invalid> {
    let Some((group, app)) = name.rsplit_once('/') else {
        return Err(Invalid::here("is SUBSCRIPTION/GROUP/APP"));
    };
    check_group(group)?;
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_ends = app.starts_with(|first: char| first.is_ascii_lowercase()) && !app.ends_with('-');
    if (2..=32).contains(&app.len()) && is_ends && app.bytes().all(inside) && !app.contains("--") {
        return Ok(());
    }
    Err(Invalid::here("an app's name is 2 to 32 of a-z 0-9 -, begins with a letter and does not end with -"))
}

/// What an app may be called that is not too short or too long for a vault.
fn check_vault(name: &str) -> Result<(), Invalid> {
    let length = name.rsplit_once('/').map_or(0, |(_, vault)| vault.len());
    match check_app(name) {
        Ok(()) if (3..=24).contains(&length) => Ok(()),
        Ok(()) | Err(_) => Err(Invalid::here(
            "is SUBSCRIPTION/GROUP/VAULT; a vault's name is 3 to 24 of a-z 0-9 -, begins with a letter and does not end with -",
        )),
    }
}

fn check_target(name: &str) -> Result<(), Invalid> {
    match name.matches('/').count() {
        0 | 1 => check_group(name),
        _more => check_resource(name),
    }
}

/// Below the group: a namespace, which has a full stop in it, and a type and a name, or several of both.
fn check_resource(name: &str) -> Result<(), Invalid> {
    let mut parts = name.splitn(3, '/');
    let (subscription, group) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    check_group(&format!("{subscription}/{group}"))?;
    let below: Vec<&str> = parts.next().unwrap_or_default().split('/').collect();
    let has_namespace = below.first().is_some_and(|first| first.contains('.'));
    let is_whole = below.len() >= 3 && !below.len().is_multiple_of(2);
    if name.len() <= 255 && has_namespace && is_whole && below.iter().all(|part| is_part(part)) {
        return Ok(());
    }
    Err(Invalid::here(
        "is SUBSCRIPTION/GROUP or SUBSCRIPTION/GROUP/NAMESPACE/TYPE/NAME, in small letters: production/web-rg/microsoft.app/containerapps/shop",
    ))
}

fn is_part(part: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'(' | b')')
    };
    (1..=90).contains(&part.len())
        && part.bytes().all(plain)
        && !part.starts_with(['-', '.'])
        && !part.ends_with('.')
}

fn check_scope(name: &str) -> Result<(), Invalid> {
    match name.matches('/').count() {
        0 => check_subscription(name),
        1 => check_group(name),
        2 => check_app(name),
        _more => check_resource(name),
    }
}

/// Whatever plans may name: what scopes name, and a revision below its app.
fn check_name(name: &str) -> Result<(), Invalid> {
    match name.rsplit_once('/') {
        Some((app, revision)) if app.matches('/').count() == 2 && is_part(revision) => check_app(app),
        Some(_) | None => check_scope(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_form_and_nothing_that_leads_elsewhere() {
        for name in ["main/rg/app", "main/web_(1).x/shop-2"] {
            assert!(AppName::try_from(name.to_owned()).is_ok(), "{name}");
        }
        for name in [
            "main/rg",
            "main/rg/",
            "main/rg/App",
            "main/RG/app",
            "Main/rg/app",
            "main/rg/app/x",
            "main//app",
            "main/../app",
            "main/rg/..",
            "main/rg./app",
            "main/-rg/app",
            "-main/rg/app",
            "main/rg/a--b",
            "main/rg/1app",
            "main/rg/app?x",
            "main/rg%2f/app",
            "main/rg/app-",
            "main/r g/app",
            "",
        ] {
            assert!(AppName::try_from(name.to_owned()).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_deleted_is_named_by_all_of_its_types_and_names() {
        for (name, parts) in [
            ("main/rg", ("main", "rg", None)),
            (
                "main/rg/microsoft.app/containerapps/shop",
                ("main", "rg", Some("microsoft.app/containerapps/shop")),
            ),
            (
                "main/rg/microsoft.sql/servers/a/databases/b",
                ("main", "rg", Some("microsoft.sql/servers/a/databases/b")),
            ),
        ] {
            assert_eq!(TargetName::try_from(name.to_owned()).unwrap().parts(), parts, "{name}");
        }
        for name in [
            "main",
            "main/rg/shop",
            "main/rg/microsoft.app",
            "main/rg/microsoft.app/containerapps",
            "main/rg/microsoft.app/containerapps/",
            "main/rg/microsoft.app/containerapps/shop/revisions",
            "main/rg/microsoft.app/containerapps/..",
            "main/rg/microsoft.app/containerapps/Shop",
            "main/rg/microsoft.app/containerapps/shop?x",
            "main/rg/microsoft/containerapps/shop",
            "main/rg//microsoft.app/containerapps/shop",
        ] {
            assert!(TargetName::try_from(name.to_owned()).is_err(), "{name}");
        }
    }

    #[test]
    fn a_scope_covers_itself_and_what_lies_below_by_whole_components() {
        let scope = |text: &str| AzureScope::try_from(text.to_owned()).unwrap();
        for (granted, inside) in [
            ("main", "main"),
            ("main", "main/rg"),
            ("main", "main/rg/app"),
            ("main/rg", "main/rg"),
            ("main/rg", "main/rg/app"),
            ("main/rg/app", "main/rg/app"),
            ("main/rg", "main/rg/app/app--1"),
            ("main/rg/app", "main/rg/app/app--1"),
            ("main/rg", "main/rg/microsoft.app/containerapps/app"),
            ("main/rg/microsoft.sql/servers/a", "main/rg/microsoft.sql/servers/a/databases/b"),
        ] {
            assert!(scope(granted).covers(inside), "{granted} {inside}");
        }
        for (granted, outside) in [
            ("main", "main-2"),
            ("main", "main-2/rg"),
            ("main/rg", "main"),
            ("main/rg", "main/rg2"),
            ("main/rg", "main/rg2/app"),
            ("main/rg/app", "main/rg/app2"),
            ("main/rg", "main/rg/../x"),
            ("main/rg", "main/RG"),
            ("main/rg/app", "main/rg/microsoft.app/containerapps/app"),
            ("main/rg/microsoft.sql/servers/a", "main/rg/microsoft.sql/servers/ab"),
            ("main/rg/microsoft.sql/servers/a", "main/rg"),
            ("main/rg", "main/rg/microsoft.app/../x"),
            ("main/rg", "main/rg/app/.."),
        ] {
            assert!(!scope(granted).covers(outside), "{granted} {outside}");
        }
    }
}
