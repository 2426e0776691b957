//! What a dry run shows is what a run does; a second run finds nothing left.

use reeve::adapter::{self, Action, Happened, Plan};
use serde_json::{Value, json};

use crate::stage::{Stage, operation, play};

const SCHEMA: &str = "vars = {type = \"object\", additionalProperties = false, properties.greeting = {type = \"string\", maxLength = 40}}";

fn motd() -> Stage {
    let tasks = "- {name: the message, template: {src: motd.j2, dest: OUT/motd, mode: \"0644\"}}\n\
                 - {name: a folder, file: {path: OUT/folder, state: directory, mode: \"0755\"}}\n\
                 - {name: a line, lineinfile: {path: OUT/lines, line: \"x={{ greeting }}\", create: true, mode: \"0644\"}}";
    Stage::new(&[("site.yml", &play(tasks)), ("templates/motd.j2", "Hello {{ greeting }}\n")], SCHEMA)
}

/// Kind and name of each object of a plan.
fn objects(plan: &Plan) -> Vec<(String, String)> {
    plan.effects.objects.iter().map(|object| (object.kind.clone(), object.name.clone())).collect()
}

#[test]
fn a_run_does_what_its_plan_shows_and_a_second_one_finds_nothing_left() {
    let stage = motd();
    let vars = json!({"greeting": "world"});
    let plan = stage.plan(vars.clone()).unwrap();
    let out = stage.out().display().to_string();
    assert_eq!(
        objects(&plan),
        [
            ("playbook".to_owned(), "p".to_owned()),
            ("file".to_owned(), format!("{out}/motd")),
            ("file".to_owned(), format!("{out}/folder")),
            ("file".to_owned(), format!("{out}/lines")),
        ]
    );
    assert!(plan.effects.objects[1].note.as_ref().unwrap().contains("+Hello world"), "{plan:?}");
    assert!(!plan.settled && !plan.effects.reversible && plan.undo.is_none());
    assert_eq!(stage.found("motd"), None, "a dry run changed something");
    let run = operation("run", vars.clone());
    let before = adapter::of(&run).reconcile(&plan, &stage);
    assert_eq!(before.happened, Happened::NotAtAll, "{before:?}");
    stage.act(&plan);
    assert_eq!(stage.found("motd").unwrap(), "Hello world\n");
    for look in [adapter::of(&run).verify(&plan, &stage), adapter::of(&run).reconcile(&plan, &stage)] {
        assert!(look.verified, "{look:?}");
        assert_eq!(look.result["changed"], 0);
    }
    assert!(stage.plan(vars).unwrap().settled);
}

#[test]
fn the_plan_is_the_same_when_nothing_moved_and_another_when_something_did() {
    let stage = motd();
    let digest = |greeting: &str| stage.plan(json!({"greeting": greeting})).unwrap().effects.effects_digest();
    let first = digest("world");
    assert_eq!(digest("world"), first);
    assert_ne!(digest("moon"), first);
    std::fs::write(stage.out().join("motd"), "what somebody else wrote\n").unwrap();
    assert_ne!(digest("world"), first);
}

#[test]
fn another_playbook_that_shows_the_same_is_another_plan() {
    let mut stage = motd();
    let first = stage.plan(json!({"greeting": "x"})).unwrap();
    stage.put("README", "a file that no task uses");
    stage.pin(SCHEMA);
    let second = stage.plan(json!({"greeting": "x"})).unwrap();
    assert_eq!(objects(&first), objects(&second));
    assert_ne!(first.effects.effects_digest(), second.effects.effects_digest());
}

#[test]
fn what_a_run_left_undone_is_said_by_name() {
    let stage = motd();
    let run = operation("run", json!({"greeting": "x"}));
    let plan = stage.plan(json!({"greeting": "x"})).unwrap();
    stage.act(&plan);
    std::fs::remove_file(stage.out().join("lines")).unwrap();
    let look = adapter::of(&run).verify(&plan, &stage);
    assert_eq!((look.verified, look.happened), (false, Happened::Partly));
    assert_eq!(look.reason.unwrap(), "a run would still change: a line");
}

#[test]
fn a_check_tells_what_would_change_and_changes_nothing() {
    let stage = motd();
    let check = operation("check", json!({"greeting": "x"}));
    let plan = adapter::of(&check).plan(&stage).unwrap();
    assert!(plan.effects.objects.is_empty());
    let told = adapter::of(&check).interpret(&stage.act(&plan)).unwrap();
    assert_eq!((&told["changed"], &told["stats"]["failures"]), (&json!(3), &json!(0)));
    assert_eq!(told["changes"][0]["lines"], json!(["@@ -0,0 +1 @@", "+Hello x"]));
    assert_eq!(told["changes"][0]["was"], "nothing");
    assert_eq!(stage.found("motd"), None);
}

#[test]
fn variables_reach_the_playbook_as_what_they_are() {
    let schema = "vars = {type = \"object\", additionalProperties = false, properties = {\
        text = {type = \"string\"}, number = {type = \"integer\"}, list = {type = \"array\", items = {type = \"string\"}}}}";
    let tasks = "- copy: {dest: OUT/v, mode: \"0644\", content: \"{{ text }}|{{ number + 1 }}|{{ list | join('-') }}|{{ list | length }}\"}";
    let stage = Stage::new(&[("site.yml", &play(tasks))], schema);
    let vars = json!({"text": "it's 50% # = off, !x *y &z", "number": 41, "list": ["a", "b c"]});
    stage.act(&stage.plan(vars).unwrap());
    assert_eq!(stage.found("v").unwrap(), "it's 50% # = off, !x *y &z|42|a-b c|2");
}

#[test]
fn a_task_that_cannot_be_foreseen_is_an_object_of_its_own_where_it_is_allowed() {
    let stage = Stage::of_any_tasks("- {name: say it, command: touch OUT/said}");
    let plan = stage.plan(json!({})).unwrap();
    assert_eq!(plan.effects.objects[1].action, Action::Unforeseen);
    assert_eq!(plan.effects.objects[1].name, "say it");
    assert!(!plan.settled);
    assert_eq!(stage.found("said"), None);
    stage.act(&plan);
    assert_eq!(stage.found("said").unwrap(), "");
    let look = adapter::of(&operation("run", json!({}))).verify(&plan, &stage);
    assert_eq!((look.verified, look.happened), (false, Happened::CannotTell), "{look:?}");
    let other = Stage::of_any_tasks("- {name: say it, command: touch OUT/other}");
    assert_ne!(other.plan(json!({})).unwrap().effects.objects[1].becomes, plan.effects.objects[1].becomes);
}

#[test]
fn a_handler_is_planned_with_the_task_that_notifies_it() {
    let site = "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - {copy: {content: x, dest: OUT/a}, notify: again}\n  \
        handlers:\n    - {name: again, copy: {content: y, dest: OUT/b}}\n";
    let stage = Stage::new(&[("site.yml", site)], "");
    let plan = stage.plan(json!({})).unwrap();
    assert_eq!(plan.effects.objects.len(), 3, "{plan:?}");
    stage.act(&plan);
    assert_eq!(stage.found("b").unwrap(), "y");
}

#[test]
fn each_task_is_told_as_it_comes_and_no_contents_are() {
    let stage = motd();
    let run = operation("run", json!({"greeting": "x"}));
    let printed = stage.act(&stage.plan(json!({"greeting": "x"})).unwrap());
    let told: Vec<Value> =
        printed.split(|byte| *byte == b'\n').filter_map(|line| adapter::of(&run).progress(line)).collect();
    let events: Vec<&str> = told.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["start", "play", "task", "result", "task", "result", "task", "result", "stats"]);
    assert_eq!(
        told[3],
        json!({"event": "result", "task": "the message", "at": "site.yml:4", "status": "changed"})
    );
    assert!(!told.iter().any(|event| event.to_string().contains("Hello")));
}

#[test]
fn a_playbook_has_two_commands_and_its_own_limits() {
    let stage = Stage::new(
        &[("site.yml", &play("- {copy: {content: x, dest: OUT/x}}"))],
        "check_limit = \"77s\"\nrun_limit = \"3h\"",
    );
    let of = |op: &str| {
        let plan = adapter::of(&operation(op, json!({}))).plan(&stage).unwrap();
        let [step] = &plan.steps[..] else { panic!("{plan:?}") };
        (step.argv.to_string(), step.argv.limit.unwrap().as_secs())
    };
    let this_host = "ansible-playbook -i localhost, -c local --limit localhost";
    let given = "--diff --extra-vars {} /etc/reeve/playbooks/p/site.yml";
    assert_eq!(of("check"), (format!("{this_host} --check {given}"), 77));
    assert_eq!(of("run"), (format!("{this_host} {given}"), 10_800));
}
