//! What the documents show is what there is: links lead somewhere, the configuration that is shown is the default, the
//! prompt is the one that people get.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::{Path, PathBuf};

use reeve::adapter::Declaration;
use reeve::api::Settings;
use reeve::gate::config::GateConfig;
use reeve::operation::tool::ToolName;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Every page: those at the top, those of certificates, and all below `docs/`.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![root().to_path_buf(), root().join("certs"), root().join("docs")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.starts_with(root().join("docs")) && directory != root() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// Where `](…)` points, without what stands behind `#`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|tail| tail.split(')').next());
    targets.filter_map(|target| target.split('#').next())
}

#[test]
fn every_link_within_the_documents_leads_somewhere() {
    let mut wrong = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let inside = links(&text).filter(|target| !target.is_empty() && !target.contains("://"));
        let broken = inside.filter(|target| !page.parent().unwrap().join(target).exists());
        wrong.extend(broken.map(|target| format!("{}: {target}", page.display())));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The block of TOML under a heading of the page on configuration.
fn shown(heading: &str) -> String {
    let page = read("docs/configuration.md");
    let section = page.split_once(&format!("\n## `{heading}`\n")).unwrap().1;
    section.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_gate_configuration_that_is_shown_is_the_default() {
    let shown = shown("gate.toml");
    assert!(GateConfig::parse("the page", &shown, "host01").is_ok(), "{shown}");
    let with_defaults = shown.split_once("[signal]").unwrap().0;
    let parse = |text| format!("{:?}", GateConfig::parse("the page", text, "host01").unwrap());
    assert_eq!(parse(with_defaults), parse(""));
}

#[test]
fn the_network_sides_configuration_that_is_shown_is_the_default() {
    let shown = shown("reeved.toml");
    let has_no_default =
        ["listen", "[tls]", "certificate", "key", "client_ca", "crl", "[[identity]]", "uri", "principal"];
    let begins_with = |line: &str| has_no_default.iter().any(|key| line.starts_with(key));
    let least: String =
        shown.lines().filter(|line| begins_with(line)).map(|line| line.to_owned() + "\n").collect();
    let parse = |text: &str| Settings::parse("the page", text).unwrap();
    assert_eq!(parse(&shown), parse(&least), "{least}");
}

fn declared(name: &str, text: &str) -> Declaration {
    let tool = ToolName::try_from(name.to_owned()).unwrap();
    Declaration::parse(name, text, &tool).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_tool_that_is_shown_can_be_declared() {
    for entry in fs::read_dir(root().join("docs/examples/tools")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        if text.contains("tier = \"W\"") && !cfg!(feature = "wasm") {
            let tool = ToolName::try_from(name.clone()).unwrap();
            let refused = Declaration::parse(&name, &text, &tool).unwrap_err().to_string();
            assert!(refused.contains("--features wasm"), "{refused}");
            continue;
        }
        declared(&name, &text);
    }
}

#[test]
fn the_tool_that_is_shown_has_the_defaults() {
    let page = read("docs/configuration.md");
    let section = page.split_once("\n### Tools\n").unwrap().1;
    let shown = section.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
    let is_default =
        |line: &str| ["user", "workspace", "read_only", "egress"].iter().any(|key| line.starts_with(key));
    let least = shown.split_once("[limits]").unwrap().0;
    let least: String =
        least.lines().filter(|line| !is_default(line)).map(|line| line.to_owned() + "\n").collect();
    assert_eq!(declared("rg", shown), declared("rg", &least));
}

#[test]
fn the_messages_of_a_requests_life_that_are_shown_are_the_ones_that_people_get() {
    let page = read("docs/approvals.md");
    for name in [
        "prompt-two-groups-held-at-night",
        "prompt-now-held",
        "prompt-now-done",
        "prompt-now-lost-for-good-one-of-two",
        "notice-frozen",
        "answer-recorded",
        "answer-drill-wrong-target-confirmed",
    ] {
        assert!(page.contains(read(&format!("tests/golden/prompts/{name}.txt")).trim_end()), "{name}");
    }
}

#[test]
fn the_prompt_that_is_shown_is_the_one_that_people_get() {
    let prompt = read("tests/golden/prompts/prompt.txt");
    for page in ["README.md", "docs/approvals.md"] {
        assert!(read(page).contains(prompt.trim_end()), "{page}");
    }
}
