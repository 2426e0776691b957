//! Reads: lists, states, properties and the journal.

use reeve::adapter;
use serde_json::{Value, json};

use crate::guest::*;

fn named<'v>(rows: &'v Value, key: &str, name: &str) -> &'v Value {
    let found = rows.as_array().unwrap().iter().find(|row| row[key] == name);
    found.unwrap_or_else(|| panic!("{name} is not listed"))
}

#[test]
fn units_and_files_are_listed_by_kind_and_state() {
    let guest = Guest::new();
    service("t-list.service");
    systemctl(&["start", "t-list.service"]);
    let active = guest.reads(&with("list", "system", json!({"kinds": ["service"], "states": ["active"]})));
    let expected = json!({"unit": "t-list.service", "load": "loaded", "active": "active", "sub": "running", "description": "test t-list.service"});
    assert_eq!(*named(&active["units"], "unit", "t-list.service"), expected);
    let units = active["units"].as_array().unwrap();
    assert!(
        units
            .iter()
            .all(|unit| unit["unit"].as_str().unwrap().ends_with(".service") && unit["active"] == "active")
    );
    let files = guest.reads(&with("files", "system", json!({"kinds": ["service"]})));
    assert_eq!(named(&files["files"], "unit_file", "t-list.service")["state"], "disabled");
    systemctl(&["stop", "t-list.service"]);
}

#[test]
fn a_status_is_of_one_unit_or_of_the_whole_host() {
    let guest = Guest::new();
    unit("t-sick.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 7'\n");
    systemctl(&["start", "t-sick.service"]);
    let status = guest.reads(&operation("status", "t-sick.service"));
    assert_eq!(
        [&status["active"], &status["result"], &status["exit_status"]],
        [&json!("failed"), &json!("exit-code"), &json!(7)]
    );
    let system = guest.reads(&operation("status", "system"));
    assert_eq!(system["state"], "degraded");
    assert_eq!(named(&system["failed"], "unit", "t-sick.service")["active"], "failed");
    systemctl(&["reset-failed"]);
    assert_eq!(guest.reads(&operation("status", "system"))["failed"], json!([]));
    assert!(adapter::of(&operation("status", "t-none.service")).read(&guest).is_err());
}

#[test]
fn properties_are_shown_with_the_digest_of_the_files() {
    let guest = Guest::new();
    service("t-show.service");
    let shown = guest.reads(&with(
        "show",
        "t-show.service",
        json!({"properties": ["FragmentPath", "Type", "NAccepted"]}),
    ));
    assert_eq!(
        shown["properties"],
        json!({"FragmentPath": "/etc/systemd/system/t-show.service", "Type": "simple"})
    );
    let start = guest.plan(&operation("start", "t-show.service")).unwrap();
    assert_eq!(shown["files"].as_str(), start.effects.objects[0].guid.as_deref());
    assert!(
        guest.reads(&operation("show", "t-show.service"))["properties"]["ExecStart"]
            .as_str()
            .unwrap()
            .contains("sleep")
    );
}

#[test]
fn the_journal_is_read_by_unit_time_urgency_and_number_of_lines() {
    let guest = Guest::new();
    unit(
        "t-talk.service",
        "[Service]\nType=oneshot\nSyslogIdentifier=talker\nExecStart=/bin/sh -c 'for n in 1 2 3 4 5; do echo \"<6>line $n\"; done; printf \"<3>red \\\\033[31m\\\\n\"'\n",
    );
    systemctl(&["start", "t-talk.service"]);
    let lines = |params: Value| -> Vec<Value> {
        let op = with("logs", "t-talk.service", params);
        let plan = guest.plan(&op).unwrap();
        let output = run(&plan.steps[0].argv);
        assert!(output.status.success(), "{output:?}");
        let each = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let streamed: Vec<Value> = each.map(|line| adapter::of(&op).progress(line).unwrap()).collect();
        let answer = adapter::of(&op).interpret(&output.stdout).unwrap();
        assert_eq!(answer["lines"], json!(streamed));
        streamed
    };
    wait_until("the journal has it", || lines(json!({"priority": "err"})).len() == 1);
    let errors = lines(json!({"priority": "err", "since": "1h"}));
    assert_eq!(
        [&errors[0]["message"], &errors[0]["priority"], &errors[0]["identifier"]],
        [&json!("red \\u{1b}[31m"), &json!("err"), &json!("talker")]
    );
    assert_eq!(lines(json!({"lines": 2})).len(), 2);
    assert_eq!(lines(json!({"since": "2100-01-01T00:00:00Z"})), Vec::<Value>::new());
    assert!(lines(json!({})).iter().any(|line| line["message"] == "line 1"));
    let all = guest.plan(&with("logs", "system", json!({"lines": 3}))).unwrap();
    assert_eq!(
        run(&all.steps[0].argv).stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count(),
        3
    );
}
