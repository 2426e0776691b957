//! Whom a tool's proxy refuses besides: what the caller's contract denies, and what stands on lists of domains.

use serde_json::json;

use super::egress::Net;
use super::fixture::{python, sha256};
use crate::edited::{Edited, reload};
use crate::host::*;

const TOOL: &str = "/etc/reeve/tools/asks.toml";
const LISTS: &str = "/etc/reeve/lists.toml";
const BAD: &str = "/etc/reeve/bad.txt";
const MANY: &str = "/etc/reeve/many.txt";

/// Asks its proxy for each name, and prints what it gets.
const CODE: &str = r"
import socket
for name in 'good a x.a never x.never'.split():
    c = socket.create_connection(('127.0.0.1', 3128))
    c.send(('CONNECT %s.listed.test:PORT HTTP/1.1\r\n\r\n' % name).encode())
    print(name, c.recv(100).decode().split(' ')[1])
";

/// A host with a tool that may reach all below a name, and an agent who may run it and may not reach one of them.
struct Stage {
    net: Net,
    _contract: Edited,
}

impl Stage {
    fn new() -> Self {
        let net = Net::new();
        let (program, port) = (python(), net.port);
        let code = CODE.replace("PORT", &port.to_string());
        let text = format!(
            "about = \"asks\"\nprogram = \"{program}\"\nsha256 = \"{}\"\nruns_code = true\ntier = \"c\"\nworkspace = \"fresh\"\n\
             egress = \"strict\"\negress_allow = [\"*.listed.test:{port}\"]\narguments = [\"-c\", {code:?}]\n\
             [parameters]\ntype = \"object\"\nadditionalProperties = false\n",
            sha256(&program)
        );
        std::fs::write(TOOL, text).unwrap();
        std::fs::write(BAD, "never.listed.test\nelsewhere.example\n").unwrap();
        let many: String = (0..300).map(|number| format!("n{number}.listed.test\n")).collect();
        std::fs::write(MANY, many).unwrap();
        let contract = Edited::new("/etc/reeve/contracts/librarian.toml");
        let allow = "[[allow]]\noperations = [\"tool.run\"]\ntools = [\"asks\"]\n";
        let bounded = contract.before().replacen("roles", "denied_domains = [\"=a.listed.test\"]\nroles", 1);
        contract.write(&format!("{bounded}\n{allow}"));
        let stage = Self { net, _contract: contract };
        stage.lists(&list("bad", BAD));
        stage
    }

    /// Has the gate read these lists.
    fn lists(&self, text: &str) {
        std::fs::write(LISTS, text).unwrap();
        let loaded = reload().unwrap();
        assert_eq!(loaded.code, 200, "{loaded:?}");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        [TOOL, LISTS, BAD, MANY].iter().for_each(|file| drop(std::fs::remove_file(file)));
    }
}

fn list(name: &str, file: &str) -> String {
    format!("[[list]]\nname = \"{name}\"\nfile = \"{file}\"\nrefresh = \"1m\"\ntools = \"never\"\n")
}

fn ask() -> Answer {
    op("librarian", json!({"kind": "tool", "op": "run", "resource": "asks", "params": {"arguments": {}}}))
}

fn refused(words: &str) {
    let refused = ask();
    assert!(refused.code >= 400, "{refused:?}");
    let text = refused.body.to_string();
    assert!(text.contains("tool-hosts") && text.contains(words), "{refused:?}");
}

#[test]
fn a_name_below_what_a_tool_may_reach_is_refused_by_its_proxy_where_contract_or_list_denies_it() {
    let stage = Stage::new();
    let port = stage.net.port;
    let ran = end_of("librarian", &ask().id());
    assert_eq!(ran.state(), "succeeded", "{ran:?}");
    let result = &ran.body["result"];
    assert_eq!(
        result["output"]["stdout"]["text"], "good 200\na 403\nx.a 200\nnever 403\nx.never 403\n",
        "the contract denies one name alone: {result}"
    );
    let stopped = result["egress"]["stopped"].as_array().unwrap();
    let why = |name: &str| {
        let to = format!("{name}.listed.test:{port}");
        stopped.iter().find(|one| one["to"] == to.as_str()).map(|one| one["why"].clone())
    };
    for (name, wanted) in [("a", "never"), ("never", "never"), ("x.never", "never")] {
        assert_eq!(why(name), Some(json!(wanted)), "{name}: {result}");
    }
    let signed = records_of(&ran.id()).into_iter().find(|record| record["kind"] == "grant_signed").unwrap();
    let argv = signed["detail"]["argv"].as_str().unwrap();
    assert!(argv.contains(";never==a.listed.test;never=never.listed.test input="), "{argv}");
    assert!(!argv.contains("elsewhere.example"), "only what counts for the tool: {argv}");
}

#[test]
fn what_a_proxy_cannot_be_told_keeps_the_tool_from_running() {
    let stage = Stage::new();
    stage.lists(&(list("bad", BAD) + &list("many", MANY)));
    refused("by the list many");
    std::fs::write(MANY, "~^ads[0-9]+\\.\n").unwrap();
    stage.lists(&(list("ads", MANY) + &list("bad", BAD)));
    refused("the list ads has patterns");
    stage.lists(&(list("bad", BAD) + &list("gone", "/etc/reeve/there-is-no-such-list.txt")));
    refused("gone, which no tool may reach, has never been readable");
    // A list that says nothing of tools is the policy's alone.
    stage.lists(&list("gone", "/etc/reeve/there-is-no-such-list.txt").replace("tools = \"never\"\n", ""));
    let ran = end_of("librarian", &ask().id());
    let text = ran.body["result"]["output"]["stdout"]["text"].as_str().unwrap_or_default().to_owned();
    assert!(text.contains("\nnever 200\n"), "{ran:?}");
}
