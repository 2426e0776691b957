//! Whom a tool may reach by the contracts of its caller and the policy's lists of domains, in the form in which its proxy is told.
//!
//! A proxy compares names and looks nothing up, so it is told every name that counts for its tool: those that are denied at or
//! below what the tool may reach. What it cannot be told keeps the tool from running.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::domains::{Domain, DomainBounds, DomainList, Reach};
use crate::sandbox::egress::{Destination, Host, Lists};

/// The most names that a proxy is told of, and how long they may be together: a grant has no more room.
const MOST_NAMES: usize = 256;
const MOST_BYTES: usize = 8 << 10;
/// The most hosts that a tool may reach.
const MOST_HOSTS: usize = 32;
/// How many names are gathered before it is given up.
const GATHERED: usize = 16 * MOST_NAMES;

/// What a tool may reach of its lists, by the contracts that hold for its caller and the lists that no tool may reach.
///
/// # Errors
/// When nobody is left, or it is more than a proxy can be told.
pub(super) fn bounded(
    lists: Lists,
    contracts: &[DomainBounds],
    denied: &[(String, Arc<DomainList>)],
) -> Result<Lists, String> {
    let mut allow = lists.allow;
    for contract in contracts {
        allow = narrowed(allow, contract);
    }
    if allow.len() > MOST_HOSTS {
        return Err(format!("the caller's contract leaves more than {MOST_HOSTS} hosts to reach"));
    }
    let mut never: BTreeSet<String> = lists.never.into_iter().collect();
    for contract in contracts {
        for (domain, reach) in contract.denied_entries() {
            allow.retain(|entry| address(entry).is_none_or(|address| !reach.has(domain, &address)));
            never.extend(allow.iter().filter_map(|entry| told(entry, domain, reach)));
        }
    }
    for (name, list) in denied {
        allow.retain(|entry| address(entry).is_none_or(|address| !list.has(&address)));
        for entry in &allow {
            gather(&mut never, entry, (name, list))?;
        }
    }
    if allow.is_empty() {
        return Err("the caller's contract and the lists of domains leave it nobody to reach".to_owned());
    }
    let never = without_repeats(&never);
    if never.len() > MOST_NAMES || never.iter().map(String::len).sum::<usize>() > MOST_BYTES {
        return Err(too_many("what the tool may reach"));
    }
    Ok(Lists { allow, never })
}

fn too_many(what: &str) -> String {
    format!(
        "more than {MOST_NAMES} names, or {MOST_BYTES} bytes of them, are denied at or below {what}, which is more than a proxy can be told"
    )
}

/// The address that an entry is, when it is one.
fn address(entry: &Destination) -> Option<Domain> {
    match entry.host()? {
        Host::Address(IpAddr::V4(address)) => Domain::parse(&address.to_string()),
        Host::Address(IpAddr::V6(address)) => Domain::parse(&format!("[{address}]")),
        Host::Name(_) => None,
    }
}

/// What a contract that names some hosts leaves of what a tool may reach. Of `*.example.org` these may be single names.
fn narrowed(allow: Vec<Destination>, contract: &DomainBounds) -> Vec<Destination> {
    let allowed: Vec<(&Domain, Reach)> = contract.allowed_entries().collect();
    if allowed.is_empty() {
        return allow;
    }
    let left = allow.into_iter().flat_map(|entry| {
        let is_whole = match (name(&entry).or_else(|| address(&entry)), top(&entry)) {
            (Some(host), _) => allowed.iter().any(|(domain, reach)| reach.has(domain, &host)),
            (None, Some(top)) => allowed.iter().any(|(domain, reach)| reach.has_all_below(domain, &top)),
            (None, None) => false,
        };
        if is_whole {
            return vec![entry];
        }
        let Some(top) = top(&entry) else { return Vec::new() };
        let below = allowed.iter().filter(|(domain, _)| *domain != &top && domain.is_within(&top));
        below.flat_map(|(domain, reach)| written(domain, *reach, entry.port)).collect()
    });
    let mut left: Vec<Destination> = left.collect();
    left.dedup();
    left
}

/// A contract's name as a tool's entries.
fn written(domain: &Domain, reach: Reach, port: u16) -> Vec<Destination> {
    let name = domain.as_str();
    let texts = match reach {
        Reach::Itself => vec![format!("{name}:{port}")],
        Reach::Below => vec![format!("*.{name}:{port}")],
        Reach::AndBelow => vec![format!("{name}:{port}"), format!("*.{name}:{port}")],
    };
    texts.iter().filter_map(|text| Destination::read(text)).collect()
}

fn name(entry: &Destination) -> Option<Domain> {
    match entry.host()? {
        Host::Name(name) => Domain::parse(name),
        Host::Address(_) => None,
    }
}

fn top(entry: &Destination) -> Option<Domain> {
    entry.top().and_then(Domain::parse)
}

/// What a proxy is told of a denied name, when that has something of what an entry allows.
fn told(entry: &Destination, domain: &Domain, reach: Reach) -> Option<String> {
    if let Some(host) = name(entry) {
        return reach.has(domain, &host).then(|| format!("={}", host.as_str()));
    }
    let top = top(entry)?;
    if reach.has_all_below(domain, &top) {
        return Some(format!("*.{}", top.as_str()));
    }
    (*domain != top && domain.is_within(&top)).then(|| denial(domain.as_str(), reach))
}

fn denial(name: &str, reach: Reach) -> String {
    match reach {
        Reach::Itself => format!("={name}"),
        Reach::Below => format!("*.{name}"),
        Reach::AndBelow => name.to_owned(),
    }
}

/// Adds the names of a list that has something of what an entry allows.
fn gather(
    never: &mut BTreeSet<String>,
    entry: &Destination,
    (list_name, list): (&str, &DomainList),
) -> Result<(), String> {
    if let Some(host) = name(entry) {
        never.extend(list.has(&host).then(|| format!("={}", host.as_str())));
        return Ok(());
    }
    let Some(top) = top(entry) else { return Ok(()) };
    if list.has_all_below(&top) {
        never.insert(format!("*.{}", top.as_str()));
        return Ok(());
    }
    if list.has_patterns() {
        return Err(format!(
            "the list {list_name} has patterns, which a proxy cannot be told, and the tool may reach {entry}: name the hosts that it needs"
        ));
    }
    for (name, reach) in list.below(&top) {
        never.insert(denial(name, reach));
        if never.len() > GATHERED {
            return Err(too_many(&format!("{entry} by the list {list_name}")));
        }
    }
    let left = without_repeats(never).len();
    if left > MOST_NAMES { Err(too_many(&format!("{entry} by the list {list_name}"))) } else { Ok(()) }
}

/// The entries without those that another one has already, and without names that no request can have.
fn without_repeats(never: &BTreeSet<String>) -> Vec<String> {
    let is_told = |entry: &String| {
        let name = entry.strip_prefix('=').or_else(|| entry.strip_prefix("*.")).unwrap_or(entry);
        let tops = name.match_indices('.').filter_map(|(at, _)| name.get(at + 1..));
        let has_top = tops.into_iter().any(|top| never.contains(top) || never.contains(&format!("*.{top}")));
        has_top || (name != entry && never.contains(name))
    };
    let can_be = |entry: &String| Host::read(entry.trim_start_matches(['=', '*', '.'])).is_some();
    never.iter().filter(|entry| !is_told(entry) && can_be(entry)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domains::Limits;

    fn lists(allow: &[&str], never: &[&str]) -> Lists {
        Lists {
            allow: allow.iter().map(|entry| Destination::read(entry).unwrap()).collect(),
            never: never.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    fn contract(allowed: &[&str], denied: &[&str]) -> DomainBounds {
        let mut bounds = DomainBounds::default();
        allowed.iter().for_each(|text| bounds.allow(text).unwrap());
        denied.iter().for_each(|text| bounds.deny(text).unwrap());
        bounds
    }

    fn list(text: &str) -> Vec<(String, Arc<DomainList>)> {
        let limits = Limits { entries: 500_000, patterns: 10 };
        vec![("malware".to_owned(), Arc::new(DomainList::read(text.as_bytes(), limits).unwrap().list))]
    }

    /// What is left to be reached and what is never, as texts.
    fn told(
        lists: Lists,
        contracts: &[DomainBounds],
        denied: &[(String, Arc<DomainList>)],
    ) -> (String, String) {
        let bounded = bounded(lists, contracts, denied).unwrap();
        let allow: Vec<String> = bounded.allow.iter().map(ToString::to_string).collect();
        (allow.join(" "), bounded.never.join(" "))
    }

    #[test]
    fn of_a_list_a_proxy_is_told_what_counts_for_its_tool_and_nothing_else() {
        let bad = "evil.example.org\n=only.example.org\n*.below.example.org\nexample.net\napi.example.com\n10.0.0.1\n\
                   deep.evil.example.org\nnotexample.org\nother.example\n-x.example.org\n";
        let tool = [
            "*.example.org:443",
            "*.cdn.example.net:443",
            "api.example.com:443",
            "example.com:443",
            "10.0.0.1:80",
        ];
        let (allow, never) = told(lists(&tool, &["own.example"]), &[], &list(bad));
        assert_eq!(allow, "*.example.org:443 *.cdn.example.net:443 api.example.com:443 example.com:443");
        assert_eq!(
            never,
            "*.below.example.org *.cdn.example.net =api.example.com =only.example.org evil.example.org own.example"
        );
        let clean = told(lists(&["*.example.edu:443"], &[]), &[], &list(bad));
        assert_eq!(clean, ("*.example.edu:443".to_owned(), String::new()));
    }

    #[test]
    fn a_list_itself_decides_by_the_same_names() {
        // What the proxy compares and what the list says of a name are the same for every name that it may be asked for.
        let bad = list("evil.example.org\n=only.example.org\n*.below.example.org\n");
        let told = bounded(lists(&["*.example.org:443"], &[]), &[], &bad).unwrap();
        for name in ["a", "evil", "x.evil", "notevil", "only", "x.only", "below", "x.below", "y.x.below"] {
            let name = format!("{name}.example.org");
            let is_denied = told.check(&Host::read(&name).unwrap(), 443).is_err();
            assert_eq!(is_denied, bad[0].1.has(&Domain::parse(&name).unwrap()), "{name}");
        }
    }

    #[test]
    fn more_names_than_a_proxy_can_be_told_keep_the_tool_from_running_and_the_list_is_named() {
        let many = |count: usize, top: &str| -> String {
            (0..count).map(|number| format!("n{number}.{top}\n")).collect()
        };
        let tool = || lists(&["*.example.org:443"], &[]);
        assert!(bounded(tool(), &[], &list(&many(256, "example.org"))).is_ok());
        for count in [257, 400_000] {
            let refused = bounded(tool(), &[], &list(&many(count, "example.org"))).unwrap_err();
            assert!(refused.contains("*.example.org:443 by the list malware"), "{refused}");
        }
        assert!(bounded(tool(), &[], &list(&many(400_000, "elsewhere.example"))).is_ok());
        // A name that has them all is one name.
        let one = format!("{}ads.example.org\n", many(2000, "ads.example.org"));
        assert_eq!(told(tool(), &[], &list(&one)).1, "ads.example.org");
        let long = "a".repeat(60);
        let wide = many(200, &format!("{long}.{long}.example.org"));
        assert!(bounded(tool(), &[], &list(&wide)).unwrap_err().contains("more than a proxy"));
    }

    #[test]
    fn patterns_are_asked_about_named_hosts_and_are_too_much_for_what_lies_below_a_name() {
        let ads = list("~^ads[0-9]+\\.\n");
        let named = lists(&["ads7.example.org:443", "www.example.org:443"], &[]);
        assert_eq!(told(named, &[], &ads).1, "=ads7.example.org");
        let refused = bounded(lists(&["*.example.org:443"], &[]), &[], &ads).unwrap_err();
        assert!(
            refused.contains("malware has patterns") && refused.contains("*.example.org:443"),
            "{refused}"
        );
    }

    #[test]
    fn a_contract_narrows_what_its_callers_tools_reach() {
        let tool = || lists(&["*.example.org:443", "api.example.com:443", "192.0.2.7:80"], &[]);
        let own =
            contract(&["=www.example.org", "books.example.org", "192.0.2.7"], &["*.old.books.example.org"]);
        assert_eq!(
            told(tool(), &[own], &[]),
            (
                "www.example.org:443 books.example.org:443 *.books.example.org:443 192.0.2.7:80".to_owned(),
                "*.old.books.example.org".to_owned()
            )
        );
        // Whoever has several contracts has what all of them leave.
        let (one, other) =
            (contract(&["example.org"], &[]), contract(&["=www.example.org", "example.com"], &[]));
        assert_eq!(told(tool(), &[one, other], &[]).0, "www.example.org:443");
        let denied = contract(&[], &["example.com", "192.0.2.7", "www.example.org"]);
        assert_eq!(
            told(tool(), &[denied], &[]),
            (
                "*.example.org:443 api.example.com:443".to_owned(),
                "=api.example.com www.example.org".to_owned()
            )
        );
    }

    #[test]
    fn a_tool_that_may_reach_nobody_does_not_run() {
        let tool = || lists(&["api.example.com:443"], &[]);
        let refused = bounded(tool(), &[contract(&["example.org"], &[])], &[]).unwrap_err();
        assert!(refused.contains("nobody to reach"), "{refused}");
        assert!(bounded(lists(&["10.0.0.1:80"], &[]), &[], &list("10.0.0.1\n")).is_err());
    }
}
