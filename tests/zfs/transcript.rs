//! What the tools say, word for word. The transcript holds the commands too: those after `$` are run as root, those
//! after `nobody$` without privilege.

use serde_json::Value;

use crate::tools::Tools;

/// Part of this program, which also runs where the tree is not.
const TRANSCRIPT: &str = include_str!("../golden/zfs-transcript.txt");

#[test]
fn the_tools_say_what_the_transcript_says() {
    let tools = Tools::new();
    let mut now = String::new();
    for line in TRANSCRIPT.lines() {
        let (command, as_root) = match (line.strip_prefix("$ "), line.strip_prefix("nobody$ ")) {
            (Some(command), _) => (command, true),
            (None, Some(command)) => (command, false),
            (None, None) => {
                if line.starts_with('#') {
                    now.push_str(&format!("{line}\n"));
                }
                continue;
            }
        };
        let output = tools.line(command, as_root);
        let said =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        now.push_str(&format!("{line}\n{}[{}]\n", masked(&said), output.status.code().unwrap()));
    }
    if let Some(path) = std::env::var_os("ZFS_TRANSCRIPT") {
        std::fs::write(path, &now).unwrap();
    }
    for (now, expected) in now.lines().zip(TRANSCRIPT.lines()) {
        assert_eq!(now, expected);
    }
    assert_eq!(now, TRANSCRIPT);
}

/// What differs from run to run stands as N; help that follows a problem is left out.
fn masked(said: &str) -> String {
    let help =
        said.lines().position(|line| line.starts_with("usage:") || line == "usage: zfs command args ...");
    let lines: Vec<String> = said.lines().take(help.unwrap_or(usize::MAX)).map(masked_line).collect();
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

fn masked_line(line: &str) -> String {
    if let Ok(value) = serde_json::from_str::<Value>(line) {
        return masked_json(&value).to_string();
    }
    let words: Vec<String> = line.split('\t').map(masked_word).collect();
    words.join("\t")
}

/// Numbers of four digits and more are guids, times and sizes.
fn masked_word(word: &str) -> String {
    let digits = word.trim_end_matches(|c: char| c == '.' || c.is_ascii_digit());
    if digits.is_empty() && word.len() >= 4 { "N".to_owned() } else { word.to_owned() }
}

/// Objects without what the fake does not tell, and with their transaction groups masked, whatever their length.
fn masked_json(value: &Value) -> Value {
    const UNTOLD: [&str; 8] = [
        "def_space",
        "rep_dev_size",
        "phys_space",
        "alloc_space",
        "total_space",
        "txg",
        "userland",
        "kernel",
    ];
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| !UNTOLD.contains(&key.as_str()))
            .map(|(key, value)| {
                (key.clone(), if key == "createtxg" { masked_number(value) } else { masked_json(value) })
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(masked_json).collect(),
        Value::Number(number) if number.to_string().len() >= 4 => masked_number(value),
        Value::String(text) if text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            masked_number(value)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// A number, or one that stands as text: the difference is kept.
fn masked_number(value: &Value) -> Value {
    Value::from(if value.is_string() { "digits" } else { "number" })
}
