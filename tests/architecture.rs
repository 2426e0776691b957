//! The architecture, as a table that the code is held to: who may import whom, and what every file owes its reader.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::{Path, PathBuf};

/// The modules, lowest first. Each may import those above it in this table, and none below: so there are no cycles.
const LAYERS: &[(&str, &str)] = &[
    ("sys", "the operating system: trusted files, peers, processes, clock; the only unsafe code"),
    ("grant", "what may be run, once, and the signature that says so"),
    ("sandbox", "how a tool is confined"),
    ("egress", "the one way out that a tool may have"),
    ("wrapper", "the main function of what runs as root"),
    ("launcher", "socket in, sudo out"),
    ("builtin", "what Reeve does itself with the files of a workspace"),
    ("wasm", "modules of WebAssembly, in a process of the tool's"),
    ("config", "errors about configuration files"),
    ("secret", "where secrets are, and their values"),
    ("vault", "secrets from vaults: fetched, and put where they are needed"),
    ("arm", "Azure Resource Manager, one command at a time"),
    ("webhook", "messages that a shared key vouches for"),
    ("trace", "how long what took, for whoever watches"),
    ("principal", "who asks"),
    ("operation", "what may be asked"),
    ("adapter", "operations to argv, tool output to values"),
    ("domains", "names of hosts, and lists of them"),
    ("screening", "text that is meant for a model"),
    ("shield", "a second opinion on such text, from elsewhere"),
    ("policy", "what is allowed"),
    ("alarm", "the second channel, which tells and takes no vote"),
    ("approval", "people, and how they are asked"),
    ("audit", "the record"),
    ("job", "operations that outlive the process"),
    ("metrics", "what operators watch"),
    ("gate", "the pipeline that joins the above"),
    ("pki", "certificates"),
    ("api", "the network side"),
    ("cli", "the command line"),
];

/// What the process that faces the network may know, by module and, for the gate, by the one part of it.
const NETWORK_SIDE: &[&str] = &[
    "sys",
    "config",
    "secret",
    "trace",
    "principal",
    "operation",
    "metrics",
    "api",
    "gate::protocol",
    "gate::client",
];
/// What is linked into programs that run as root or call sudo.
const ROOT_SIDE: &[&str] = &["sys", "grant", "sandbox", "egress", "wrapper", "launcher"];

/// A reader's patience.
const MOST_LINES: usize = 400;

fn level(module: &str) -> Option<usize> {
    LAYERS.iter().position(|(name, _)| *name == module)
}

/// Every Rust file under a directory of the crate, with its path from the crate's root.
fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut directories = vec![root.join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root).unwrap().to_path_buf(), text));
            }
        }
    }
    assert!(!found.is_empty(), "no Rust file in {directory}");
    found.sort();
    found
}

/// `src/gate/protocol.rs` → `["gate", "protocol"]`; programs and `lib.rs` belong to no module.
fn module_path(file: &Path) -> Vec<String> {
    let inside = file.strip_prefix("src").unwrap().with_extension("");
    let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    match parts.as_slice() {
        [first, ..] if first == "bin" || first == "lib" => Vec::new(),
        [before @ .., last] if last == "mod" => before.to_vec(),
        whole => whole.to_vec(),
    }
}

/// The code without its comments, so that documentation may link anywhere.
fn code(text: &str) -> String {
    let uncommented = |line: &str| line.split("//").next().unwrap_or_default().trim_end().to_owned() + "\n";
    text.lines().map(uncommented).collect()
}

/// The paths, two segments deep, that follow each `start` in the code: `crate::{a::b, c}` gives `a::b` and `c`.
fn paths_after(code: &str, start: &str) -> Vec<String> {
    let boundary = |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
    let starts = code.match_indices(start).filter(|(at, _)| boundary(code.split_at(*at).0));
    starts.flat_map(|(at, _)| segments(code.split_at(at + start.len()).1, 2)).collect()
}

fn segments(tail: &str, depth: usize) -> Vec<String> {
    if let Some(group) = tail.trim_start().strip_prefix('{') {
        return elements(group).iter().flat_map(|element| segments(element.trim_start(), depth)).collect();
    }
    let end = tail.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(tail.len());
    let (name, rest) = tail.split_at(end);
    match rest.strip_prefix("::") {
        Some(below) if depth > 1 => {
            segments(below, depth - 1).into_iter().map(|below| format!("{name}::{below}")).collect()
        }
        _ => vec![name.to_owned()],
    }
}

/// The comma-separated elements of a group whose opening brace has been read, up to its closing one.
fn elements(group: &str) -> Vec<String> {
    let (mut depth, mut elements) = (0_usize, vec![String::new()]);
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => elements.push(String::new()),
            c => {
                depth = if c == '{' { depth + 1 } else { depth - usize::from(c == '}') };
                elements.last_mut().unwrap().push(c);
            }
        }
    }
    elements.retain(|element| !element.trim().is_empty());
    elements
}

/// Every path that a file takes from the crate's root.
fn imports(file: &Path, text: &str) -> Vec<String> {
    let (code, depth) = (code(text), module_path(file).len());
    let mut found = paths_after(&code, "crate::");
    found.extend(paths_after(&code, "reeve::"));
    if depth > 0 {
        let climbed = paths_after(&code, &"super::".repeat(depth));
        found.extend(climbed.into_iter().filter(|path| level(top(path)).is_some()));
    }
    found
}

fn top(path: &str) -> &str {
    path.split("::").next().unwrap_or(path)
}

fn permits(allowed: &[&str], path: &str) -> bool {
    allowed.iter().any(|one| *one == path || *one == top(path))
}

/// Fails with all that is wrong at once.
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for (file, text) in sources("src") {
        let Some(own) = module_path(&file).first().cloned() else { continue };
        let Some(own_level) = level(&own) else {
            wrong.push(format!("{}: module {own} has no row in the table", file.display()));
            continue;
        };
        for path in imports(&file, &text) {
            let below = level(top(&path)).is_some_and(|level| level < own_level);
            if !below && top(&path) != own {
                wrong.push(format!("{}: {own} may not import {path}", file.display()));
            }
        }
    }
    none(&wrong);
}

#[test]
fn the_network_side_knows_nothing_that_decides_or_signs() {
    let mut wrong = Vec::new();
    for (file, text) in sources("src") {
        let faces_network = file.starts_with("src/api") || file == Path::new("src/bin/reeved.rs");
        let imports = imports(&file, &text).into_iter().filter(|_| faces_network);
        let forbidden = imports.filter(|path| !permits(NETWORK_SIDE, path));
        wrong.extend(forbidden.map(|path| format!("{}: {path}", file.display())));
    }
    none(&wrong);
}

#[test]
fn root_side_imports_only_root_side() {
    let launcher = sources("src").into_iter().filter(|(file, _)| file.ends_with("bin/reeve-launcher.rs"));
    let mut wrong = Vec::new();
    for (file, text) in sources("wrappers").into_iter().chain(launcher) {
        let code = code(&text);
        let forbidden = paths_after(&code, "reeve::").into_iter().filter(|path| !permits(ROOT_SIDE, path));
        wrong.extend(forbidden.map(|path| format!("{}: {path}", file.display())));
    }
    none(&wrong);
}

#[test]
fn the_library_lists_its_modules_in_layer_order() {
    let (_, text) = sources("src").into_iter().find(|(file, _)| file == Path::new("src/lib.rs")).unwrap();
    let declared: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let ordered: Vec<_> =
        LAYERS.iter().map(|(name, _)| *name).filter(|name| declared.contains(name)).collect();
    assert_eq!(declared, ordered);
}

#[test]
fn every_file_says_what_it_is_for_and_stays_readable() {
    let mut wrong = Vec::new();
    for (file, text) in ["src", "wrappers", "tests"].into_iter().flat_map(sources) {
        if !text.starts_with("//! ") {
            wrong.push(format!("{} does not open with //!", file.display()));
        }
        let lines = text.lines().count();
        if lines > MOST_LINES {
            wrong.push(format!("{} has {lines} lines, more than {MOST_LINES}", file.display()));
        }
    }
    none(&wrong);
}

#[test]
fn unsafe_code_is_only_in_sys() {
    let is_unsafe = |text: &str| {
        // Before a quotation mark it is the end of a text, such as a rating, and never the keyword.
        code(text)
            .replace("unsafe\"", "")
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == "unsafe")
    };
    let elsewhere = sources("src").into_iter().chain(sources("wrappers"));
    let elsewhere = elsewhere.filter(|(file, text)| !file.starts_with("src/sys") && is_unsafe(text));
    none(&elsewhere.map(|(file, _)| format!("unsafe code in {}", file.display())).collect::<Vec<_>>());
}

#[test]
fn the_reader_of_imports_sees_every_form() {
    let text = "use crate::{audit::Record, sys::{clock, peer}};\n// crate::cli\nfn f() { crate::gate::client::x(); super::super::policy::y() }\n";
    let seen = imports(Path::new("src/job/store.rs"), text);
    assert_eq!(seen, ["audit::Record", "sys::clock", "sys::peer", "gate::client", "policy::y"]);
}
