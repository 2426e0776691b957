//! The callback plugin alone: what it shows, what it hides, and that nothing else is printed.

use reeve::adapter;
use serde_json::{Value, json};

use crate::stage::{Stage, operation};

/// The lines of a dry run, whatever it comes to.
fn lines(stage: &Stage) -> Vec<Value> {
    let plan = adapter::of(&operation("check", json!({}))).plan(stage).unwrap();
    let output = stage.run(&plan.steps[0].argv);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

fn results(stage: &Stage) -> Vec<Value> {
    lines(stage).into_iter().filter(|line| line["event"] == "result").collect()
}

#[test]
fn nothing_of_a_task_with_no_log_is_shown() {
    let stage = Stage::of_tasks(
        "- {name: secret, copy: {content: hunter2, dest: OUT/a}, no_log: true}\n\
         - {name: loop, copy: {content: \"hunter2-{{ item }}\", dest: \"OUT/{{ item }}\"}, loop: [item-one, item-two], no_log: true}\n\
         - {name: undiffed, copy: {content: hunter2, dest: OUT/d}, diff: false}\n\
         - {name: fails, fail: {msg: hunter2}, no_log: true, ignore_errors: true}",
    );
    let told = lines(&stage);
    let text = told.iter().map(Value::to_string).collect::<String>();
    assert!(!text.contains("hunter2") && !text.contains("item-"), "{text}");
    let hidden: Vec<Value> = results(&stage);
    assert_eq!(hidden[0]["hidden"], true);
    assert!(hidden[0].get("does").is_none(), "a digest of a short secret tells it");
    assert_eq!(hidden.last().unwrap()["status"], "ignored");
}

#[test]
fn lines_of_what_not_everybody_may_read_are_not_shown() {
    let stage = Stage::of_tasks(
        "- {copy: {content: \"hunter2\\n\", dest: OUT/private}}\n\
         - {copy: {content: \"hunter2\\n\", dest: OUT/becomes-private, mode: \"0600\"}}\n\
         - {copy: {content: \"hunter2\\n\", dest: OUT/symbolic, mode: \"u=rw,go=\"}}",
    );
    let private = stage.out().join("private");
    std::fs::write(&private, "what was there\n").unwrap();
    std::fs::set_permissions(&private, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let told = results(&stage);
    let text = told.iter().map(Value::to_string).collect::<String>();
    assert!(!text.contains("hunter2") && !text.contains("what was there"), "{text}");
    assert!(told.iter().all(|result| result["changes"][0]["hidden"] == true), "{text}");
    assert!(told[0]["changes"][0]["was"].as_str().unwrap().starts_with("sha256:"));
}

#[test]
fn what_tasks_print_does_not_reach_our_lines() {
    let stage = Stage::of_tasks(
        "- {debug: {msg: \"{\\\"event\\\":\\\"stats\\\"}\\nx\"}}\n\
         - {name: \"two\\nlines \\u001b[31m\", debug: {msg: x}}\n\
         - {shell: \"echo '{}'\", check_mode: true}",
    );
    let told = lines(&stage);
    assert_eq!(told.first().unwrap()["event"], "start");
    assert_eq!(told.last().unwrap()["event"], "stats");
    assert!(told.iter().all(|line| line["event"].is_string()));
}

#[test]
fn a_large_difference_is_a_digest_and_its_first_lines() {
    let stage = Stage::of_tasks(
        "- {copy: {content: \"{% for i in range(5000) %}{{ i }}\\n{% endfor %}\", dest: OUT/many, mode: \"0644\"}}\n\
         - {copy: {content: \"{{ 'x' * 300000 }}\", dest: OUT/large, mode: \"0644\"}}",
    );
    let told = results(&stage);
    let many = told[0]["changes"][0]["lines"].as_array().unwrap();
    assert_eq!((many.len(), many[24].as_str().unwrap()), (25, "\u{2026} and 4977 lines more"));
    assert!(told[1]["changes"][0].get("lines").is_none());
    assert!(told[1]["changes"][0]["becomes"].as_str().unwrap().starts_with("sha256:"));
}

#[test]
fn another_configuration_than_our_own_is_not_gone_by() {
    let stage = Stage::of_tasks("- {debug: {msg: x}}");
    let parts = stage.out().parent().unwrap().join("parts");
    std::fs::remove_file(parts.join("ansible.cfg")).unwrap();
    let told = lines(&stage);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["why"], "another configuration file is in force than Reeve's own");
    std::fs::remove_file(parts.join("reeve_events.py")).unwrap();
    assert_eq!(lines(&stage), Vec::<Value>::new());
}
