//! The same of an identity that acts: who it is, whether it reaches the subscriptions that root named, and what it may do there.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, SystemTime};

use super::{
    Examined, Looked, Registry, Seen, Sight, certificate, credential, seconds, sight, unseen, within,
};
use crate::vault::fetch::Trouble;
use crate::vault::roles::{Allowed, judge};
use crate::vault::scope::Scope;

/// What an identity is to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// The subscriptions that root named.
    pub subscriptions: BTreeMap<String, Scope>,
    /// Where it may have roles; anywhere in these subscriptions when nothing is said.
    pub scopes: Vec<Scope>,
    /// How long each question may take.
    pub patience: Duration,
}

/// Who knows about an identity, and is asked as it.
pub trait Acts: Registry {
    /// Whether it sees a resource group of a subscription, or by which of Azure's codes it sees none.
    fn groups(
        &self,
        subscription: &Scope,
    ) -> impl Future<Output = Result<Result<bool, String>, Trouble>> + Send;
}

/// Looks at everything.
pub async fn examine_acting<A: Acts>(acting: &Acting, azure: &A, now: SystemTime) -> Examined {
    let at = seconds(now);
    let who = within(acting.patience, azure.who()).await;
    let mut sights = vec![credential(who.as_ref(), at)];
    sights.extend(certificate(who.as_ref().ok(), at));
    for (name, subscription) in &acting.subscriptions {
        sights.push(reach(acting, azure, (name, subscription)).await);
        match &who {
            Ok(who) => sights.extend(roles(acting, azure, (name, subscription, &who.principal)).await),
            Err(_nobody) => {
                let words = format!("{name}: nobody says who this host is");
                sights.push(sight(Looked::Roles, Seen::Unseen, words));
            }
        }
    }
    Examined { at, sights }
}

async fn reach<A: Acts>(acting: &Acting, azure: &A, (name, subscription): (&str, &Scope)) -> Sight {
    match within(acting.patience, azure.groups(subscription)).await {
        Ok(Ok(true)) => sight(Looked::Reach, Seen::Well, format!("{name}: its resource groups are seen")),
        Ok(Ok(false)) => {
            sight(Looked::Reach, Seen::Wrong, format!("{name}: none of its resource groups is seen"))
        }
        Ok(Err(code)) => sight(Looked::Reach, Seen::Wrong, format!("{name}: {code}")),
        Err(trouble) => unseen(Looked::Reach, name, &trouble),
    }
}

async fn roles<A: Acts>(
    acting: &Acting,
    azure: &A,
    (name, subscription, principal): (&str, &Scope, &str),
) -> Vec<Sight> {
    let assignments = match within(acting.patience, azure.roles(subscription, principal)).await {
        Ok(assignments) => assignments,
        Err(trouble) => return vec![unseen(Looked::Roles, &format!("{name}: its roles"), &trouble)],
    };
    let elsewhere = match acting.scopes.as_slice() {
        [] => acting.subscriptions.values().cloned().collect(),
        scopes => scopes.to_vec(),
    };
    let judged = judge(&assignments, &Allowed { elsewhere, acts: true, ..Allowed::default() });
    // It may look at its roles by one of them: a listing without any has not shown them.
    let shown = if assignments.is_empty() { Seen::Unseen } else { Seen::Well };
    let mut sights = vec![sight(Looked::Roles, shown, format!("{name}: {}", judged.counted))];
    sights.extend(judged.wrong.into_iter().map(|words| sight(Looked::Roles, Seen::Wrong, words)));
    sights.extend(judged.wide.into_iter().map(|words| sight(Looked::Roles, Seen::Wide, words)));
    sights
}

#[cfg(test)]
mod tests;
