//! Root's list of what tools may reach, as `reeve check` looks at it: every line, and every declared tool by it. What would be
//! refused when a tool runs is named now.

use std::path::Path;

use crate::adapter::ToolSettings;
use crate::cli::exit::with_causes;
use crate::sandbox::egress::{Destination, Egress, RootsList, is_name};
use crate::sys::trusted_file;

/// As large as it may be.
const MOST: usize = 256 * 1024;

/// What is wrong with the list at this path, or what it comes to.
pub(super) fn finding(path: &Path, tools: &ToolSettings) -> Result<String, String> {
    let bytes = match trusted_file::read(path, MOST) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => {
            return match tools.iter().find(|(_, declared)| declared.confinement.egress != Egress::None) {
                None => Ok("none: no tool gets to a network".to_owned()),
                Some((name, _)) => {
                    Err(format!("is not there, and {name} has egress: root lists in it what tools may reach"))
                }
            };
        }
        Err(error) => return Err(with_causes(&error)),
    };
    let text = String::from_utf8(bytes).map_err(|_| "is no text".to_owned())?;
    judge(&text, tools)
}

fn judge(text: &str, tools: &ToolSettings) -> Result<String, String> {
    let problems: Vec<String> = text
        .lines()
        .zip(1..)
        .filter_map(|(line, number)| wrong(line).map(|why| format!("line {number}: {why}")))
        .collect();
    if !problems.is_empty() {
        return Err(problems.join("\n"));
    }
    let list = RootsList::read(text).map_err(|(line, found)| format!("line {line}: {found}"))?;
    let unreachable =
        list.hosts().iter().filter(|entry| entry.address().is_some_and(|address| !list.may_reach(address)));
    let mut problems: Vec<String> = unreachable
        .map(|entry| {
            format!(
                "host {entry}: the address is not public, and no line \"network ADDRESS/BITS\" lets it in"
            )
        })
        .collect();
    for (name, declared) in tools.iter() {
        problems.extend(
            refused(&declared.confinement.egress, &list).into_iter().map(|why| format!("{name}: {why}")),
        );
    }
    if problems.is_empty() { Ok(summary(&list)) } else { Err(problems.join("\n")) }
}

/// What a tool declares and root's list does not have: it would be refused when it runs.
fn refused(egress: &Egress, list: &RootsList) -> Vec<String> {
    match egress {
        Egress::None => Vec::new(),
        Egress::Preflight(_) if list.preflight => Vec::new(),
        Egress::Preflight(_) => vec!["egress = \"preflight\" needs a line \"preflight\"".to_owned()],
        Egress::Strict(lists) => {
            let is_covered = |entry: &&Destination| list.hosts().iter().any(|own| own.covers(entry));
            let missing = lists.allow.iter().filter(|entry| !is_covered(entry));
            missing.map(|entry| format!("egress_allow {entry}: no line \"host\" has it")).collect()
        }
    }
}

fn summary(list: &RootsList) -> String {
    let (hosts, networks) = (list.hosts().len(), list.networks());
    let mut said = format!("{hosts} {}", if hosts == 1 { "host" } else { "hosts" });
    if let Some(entry) = list.hosts().iter().find(|entry| entry.is_any()) {
        said.push_str(&format!(", {entry} is every host"));
    }
    if !networks.is_empty() {
        said.push_str(&format!(", not public and reached all the same: {}", networks.join(" ")));
    }
    if list.preflight {
        said.push_str(", the host's own network for tools with egress = \"preflight\"");
    }
    said
}

/// Why a line is none that the wrapper reads, in words.
fn wrong(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_ascii_whitespace().collect();
    match words.as_slice() {
        [] | ["preflight"] => None,
        ["preflight", ..] => Some("preflight stands alone".to_owned()),
        ["host", entry] => {
            Destination::read(entry).is_none().then(|| format!("{entry:?} {}", why_no_host(entry)))
        }
        ["network", network] => RootsList::read(line)
            .is_err()
            .then(|| format!("{network:?} is no network such as 10.1.0.0/16 or fd00::/8")),
        ["host" | "network"] => Some("says of nobody".to_owned()),
        ["host" | "network", ..] => Some("has more than one entry; each has a line of its own".to_owned()),
        [other, ..] => {
            Some(format!("begins with {other:?}, and lines begin with host, network or preflight"))
        }
    }
}

fn why_no_host(entry: &str) -> &'static str {
    let Some((host, port)) = entry.rsplit_once(':') else { return "has no port: HOST:PORT" };
    let is_port =
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0);
    let bare = host.strip_prefix("*.").unwrap_or(host);
    if entry.contains("://") || entry.contains(['/', '@']) {
        "is a URL, or a part of one: HOST:PORT stands alone"
    } else if !entry.is_ascii() {
        "is not ASCII: such a name is written as xn--…"
    } else if bare.contains(':') && !bare.starts_with('[') {
        "is an address of IPv6 without brackets: [ADDRESS]:PORT"
    } else if !is_port {
        "has no port from 1 to 65535: HOST:PORT"
    } else if bare.contains('*') {
        "has a * elsewhere than for all that lies below a name: *.DOMAIN:PORT"
    } else if !is_name(&bare.to_ascii_lowercase())
        && bare.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b'x'))
    {
        "is an address in disguise: four decimal numbers, without * before them"
    } else {
        "is no name: labels of letters, digits, - and _"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(egress: &str) -> (tempfile::TempDir, ToolSettings) {
        let place = tempfile::tempdir().unwrap();
        let text = format!(
            "about = \"x\"\nprogram = \"/usr/bin/x\"\nsha256 = \"{}\"\ntier = \"c\"\n{egress}\n",
            "0f".repeat(32)
        );
        std::fs::write(place.path().join("x.toml"), text).unwrap();
        let read = ToolSettings::load(place.path()).unwrap();
        (place, read)
    }

    fn of(list: &str, egress: &str) -> Result<String, String> {
        judge(list, &tools(egress).1)
    }

    #[test]
    fn every_line_that_is_none_is_named_with_its_number_and_why() {
        let list = "# ours\nhost a.com\nhost *.com.*:443\nhost http://a.com:80\nhosts a.com:1\nnetwork 10.0.0.0\nhost 0177.0.0.1:80\n\
                    host a.com:0\nhost a.com:1 b.com:1\nhost\npreflight now\nhost fd00::1:443\nhost b\u{e4}r.com:443\nhost *.10.0.0.1:80\nhost a_.b!.com:1\n";
        let said = of(list, "").unwrap_err();
        let lines: Vec<&str> = said.lines().collect();
        for (line, why) in lines.iter().zip([
            "line 2: \"a.com\" has no port",
            "line 3: \"*.com.*:443\" has a * elsewhere",
            "line 4: \"http://a.com:80\" is a URL",
            "line 5: begins with \"hosts\"",
            "line 6: \"10.0.0.0\" is no network",
            "line 7: \"0177.0.0.1:80\" is an address in disguise",
            "line 8: \"a.com:0\" has no port from 1",
            "line 9: has more than one entry",
            "line 10: says of nobody",
            "line 11: preflight stands alone",
            "line 12: \"fd00::1:443\" is an address of IPv6",
            "line 13: \"b\u{e4}r.com:443\" is not ASCII",
            "line 14: \"*.10.0.0.1:80\" is an address in disguise",
            "line 15: \"a_.b!.com:1\" is no name",
        ]) {
            assert!(line.starts_with(why), "{line:?} {why:?}");
        }
        assert_eq!(lines.len(), 14, "{said}");
    }

    #[test]
    fn every_line_that_the_wrapper_reads_is_right_and_no_other() {
        for line in [
            "",
            "# x",
            "host a.com:443",
            "host A.com.:443 # x",
            "host *.a.com:1",
            "host *:443",
            "host [2a00::1]:443",
            "preflight",
            "network fd00::/8",
            "host a:b",
            "host *a.com:1",
            "network x",
            "x",
            "host a.com:99999",
            "host -a.com:1",
            "host a.com:+1",
        ] {
            assert_eq!(wrong(line).is_none(), RootsList::read(line).is_ok(), "{line:?}: {:?}", wrong(line));
        }
    }

    #[test]
    fn an_address_that_nothing_lets_in_means_nothing() {
        let said = of("host 10.1.2.3:443\n", "").unwrap_err();
        assert!(said.contains("10.1.2.3:443") && said.contains("is not public"), "{said}");
        assert!(of("host 169.254.169.254:80\n", "").is_err());
        let said = of("host 10.1.2.3:443\nnetwork 10.1.0.0/16\n", "").unwrap();
        assert_eq!(said, "1 host, not public and reached all the same: 10.1.0.0/16");
    }

    #[test]
    fn what_a_tool_declares_and_root_does_not_list_is_named() {
        let strict = "egress = \"strict\"\negress_allow = [\"api.a.com:443\", \"*.b.com:443\"]";
        for list in ["host *:443", "host *.a.com:443\nhost *.b.com:443", "host api.a.com:443\nhost *.com:443"]
        {
            assert!(of(list, strict).is_ok(), "{list}: {:?}", of(list, strict));
        }
        for (list, missing) in [
            ("host api.a.com:443", "x: egress_allow *.b.com:443"),
            ("host *.b.com:443\nhost a.com:443", "x: egress_allow api.a.com:443"),
            ("host *:80\nhost *.b.com:443", "x: egress_allow api.a.com:443"),
            ("host api.a.com:443\nhost x.b.com:443", "x: egress_allow *.b.com:443"),
        ] {
            assert!(of(list, strict).unwrap_err().contains(missing), "{list}");
        }
        let preflight = "egress = \"preflight\"\negress_allow = [\"api.a.com:443\"]";
        assert!(of("host *:443", preflight).unwrap_err().contains("needs a line"));
        let said = of("host *:443\npreflight", preflight).unwrap();
        assert!(said.contains("*:443 is every host") && said.contains("the host's own network"), "{said}");
    }

    #[test]
    fn a_list_that_is_not_there_is_missed_where_a_tool_needs_it() {
        let nowhere = Path::new("/etc/reeve-not-there");
        assert!(finding(nowhere, &tools("").1).unwrap().contains("no tool gets to a network"));
        let (_place, strict) = tools("egress = \"strict\"\negress_allow = [\"a.com:443\"]");
        assert!(finding(nowhere, &strict).unwrap_err().contains("x has egress"));
    }
}
