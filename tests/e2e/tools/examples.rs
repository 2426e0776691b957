//! The example declarations, pinned to this host's programs and run as an agent would.

use serde_json::{Value, json};

use super::egress::Net;
use super::fixture::{python, sha256};
use crate::edited::{Edited, reload};
use crate::host::*;

const NAMES: [&str; 6] = ["rg", "jq", "python", "python-file", "tar", "curl"];
const PINNED_LATER: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The examples in force, with what has to be put in them for this host.
pub(super) struct Examples(Edited);

impl Examples {
    pub(super) fn new(replace: &[(&str, &str)]) -> Examples {
        up();
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/tools");
        for name in NAMES {
            let mut text = std::fs::read_to_string(format!("{examples}/{name}.toml")).unwrap();
            for (from, to) in replace {
                text = text.replace(from, to);
            }
            let text = text.replace("/usr/bin/python3.13", &python());
            let program =
                text.lines().find_map(|line| line.strip_prefix("program = ")).unwrap().trim_matches('"');
            let text = text.replace(PINNED_LATER, &sha256(program));
            std::fs::write(format!("/etc/reeve/tools/{name}.toml"), text).unwrap();
        }
        let contract = Edited::new("/etc/reeve/contracts/librarian.toml");
        let tools = "[[allow]]\noperations = [\"tool.run\"]\ntools = [\"rg\", \"jq\", \"python\", \"python-file\", \"tar\", \"curl\"]\n";
        contract.write(&format!("{}\n{tools}", contract.before()));
        let loaded = reload().unwrap();
        assert_eq!(loaded.code, 200, "{loaded:?}");
        Examples(contract)
    }
}

impl Drop for Examples {
    fn drop(&mut self) {
        for name in NAMES {
            drop(std::fs::remove_file(format!("/etc/reeve/tools/{name}.toml")));
        }
        drop(std::fs::remove_dir_all("/var/lib/reeve-tools/principal/librarian"));
        self.0.write(self.0.before());
    }
}

pub(super) fn run(tool: &str, params: Value) -> Value {
    let asked = op("librarian", json!({"kind": "tool", "op": "run", "resource": tool, "params": params}));
    let end = end_of("librarian", &asked.id());
    assert!(["succeeded", "failed"].contains(&end.state()), "{end:?}");
    end.body
}

pub(super) fn printed(tool: &str, params: Value) -> String {
    let body = run(tool, params);
    assert_eq!(body["state"], "succeeded", "{body:#}");
    body["result"]["output"]["stdout"]["text"].as_str().unwrap_or_else(|| panic!("{body:#}")).to_owned()
}

#[test]
fn the_examples_do_what_they_are_for() {
    let net = Net::new();
    let listed = format!("listed.test:{}", net.port);
    let _examples = Examples::new(&[("api.example.com:443", &listed)]);
    let script = "import sys, tarfile\nopen('note.txt', 'w').write('a needle\\nhay\\n')\nwith tarfile.open('a.tar', 'w') as t: t.add('note.txt', 'inside/note.txt')\nprint(sys.argv[1:])";
    assert_eq!(printed("python", json!({"arguments": {"arguments": ["x y"]}, "input": script})), "['x y']\n");
    let script = "open('own.py', 'w').write('import sys; print(sys.argv[1:])')";
    assert_eq!(printed("python", json!({"input": script})), "");
    let own = json!({"arguments": {"script": "own.py", "arguments": ["a", "b"]}});
    assert_eq!(printed("python-file", own), "['a', 'b']\n");
    let found = printed("rg", json!({"arguments": {"pattern": "needle", "paths": ["note.txt"]}}));
    assert!(found.contains("a needle"), "{found}");
    let unpacked = run("tar", json!({"arguments": {"archive": "a.tar"}}));
    assert_eq!(unpacked["state"], "succeeded", "{unpacked:#}");
    let found = printed("rg", json!({"arguments": {"pattern": "hay", "paths": ["inside"]}}));
    assert!(found.contains("inside/note.txt"), "{found}");
    let filtered = printed("jq", json!({"arguments": {"filter": ".a[1]"}, "input": "{\"a\": [1, 2]}"}));
    assert_eq!(filtered, "2\n");
    let page = format!("http://{listed}/page");
    assert_eq!(printed("curl", json!({"arguments": {"url": page}})), "hello");
    let body = run("curl", json!({"arguments": {"url": "http://elsewhere.test/"}}));
    assert_eq!(body["state"], "failed", "{body:#}");
    let stopped = json!({"to": "elsewhere.test:80", "why": "not_listed", "times": 1});
    assert_eq!(body["result"]["egress"], json!({"reached": [], "stopped": [stopped]}));
    assert_eq!(body["result"]["confined"]["egress"], "strict");
}
