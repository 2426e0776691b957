//! What no playbook may do under Reeve: act in a dry run, reach beyond this host or its folder, or be another than the
//! pinned one.

use serde_json::json;

use crate::stage::{Stage, play};

/// The rule by which a playbook is refused, when nothing happened.
#[track_caller]
fn refused(stage: &Stage, rule: &str, words: &str) {
    let (found, reason) = stage.refusal();
    assert_eq!(found, rule, "{reason}");
    assert!(reason.contains(words), "{reason}");
    assert_eq!(stage.found("ACTED"), None, "it acted");
}

#[test]
fn a_task_that_acts_in_a_dry_run_is_refused_before_any_task_begins() {
    for task in [
        "- {command: touch OUT/ACTED, check_mode: false}",
        "- {block: [{command: touch OUT/ACTED}], check_mode: \"{{ false }}\"}",
        "- {debug: {msg: first}}\n- {command: touch OUT/ACTED, check_mode: no}",
        "- {block: [{fail: {}}], rescue: [{command: touch OUT/ACTED, check_mode: false}]}",
    ] {
        refused(&Stage::of_tasks(task), "ansible-forbidden", "acts in a dry run");
    }
    let site = "- hosts: localhost\n  gather_facts: false\n  check_mode: false\n  tasks: [{command: touch OUT/ACTED}]\n";
    refused(&Stage::new(&[("site.yml", site)], ""), "ansible-forbidden", "acts in a dry run");
    let site = "- hosts: localhost\n  gather_facts: false\n  handlers: [{name: h, command: touch OUT/ACTED, check_mode: false}]\n";
    refused(&Stage::new(&[("site.yml", site)], ""), "ansible-forbidden", "acts in a dry run");
}

#[test]
fn a_task_that_acts_in_a_dry_run_is_refused_where_only_the_run_finds_it() {
    let stage = Stage::new(
        &[
            ("site.yml", &play("- {include_tasks: \"{{ 'more' }}.yml\"}")),
            ("more.yml", "- {command: touch OUT/ACTED, check_mode: false}\n"),
        ],
        "",
    );
    refused(&stage, "ansible-forbidden", "acts in a dry run");
}

#[test]
fn a_lookup_that_acts_is_refused_wherever_it_hides() {
    for task in [
        "- {debug: {msg: \"{{ lookup('pipe', 'touch OUT/ACTED') }}\"}}",
        "- {debug: {msg: \"{{ query('ansible.builtin.lines', 'touch OUT/ACTED') }}\"}}",
        "- import_tasks: \"{{ lookup('pipe', 'touch OUT/ACTED; echo x.yml') }}\"",
    ] {
        refused(&Stage::of_tasks(task), "ansible-forbidden", "may act in a dry run");
    }
    let site = "- import_playbook: \"{{ lookup('pipe', 'touch OUT/ACTED; echo x.yml') }}\"\n";
    refused(&Stage::new(&[("site.yml", site)], ""), "ansible-forbidden", "may act in a dry run");
    let template = [
        ("site.yml", play("- {template: {src: x.j2, dest: OUT/x}}")),
        ("x.j2", "{{ lookup('pipe', 'touch OUT/ACTED') }}".to_owned()),
    ];
    let files: Vec<(&str, &str)> = template.iter().map(|(name, text)| (*name, text.as_str())).collect();
    refused(&Stage::new(&files, ""), "ansible-forbidden", "x.j2:1");
    // What no line shows the plugin sees: the name comes from elsewhere, or the call is put together.
    for task in [
        "- {debug: {msg: \"{{ item }}\"}, with_lines: [touch OUT/ACTED]}",
        "- {debug: {msg: \"{{ ['touch OUT/ACTED'] | map('community.general.lookup') }}\"}}",
        "- vars: {do: \"{{ lookup\\n ('pi' ~ 'pe', 'touch OUT/ACTED') }}\"}\n  debug: {msg: \"{{ do }}\"}",
    ] {
        let stage = Stage::of_tasks(task);
        let (rule, reason) = stage.refusal();
        assert_eq!((rule, stage.found("ACTED")), ("ansible-failed", None), "{reason}");
    }
}

#[test]
fn a_dry_run_that_is_told_apart_from_a_run_is_refused() {
    for task in [
        "- {command: touch OUT/ACTED, when: not ansible_check_mode}",
        "- {debug: {msg: x}, vars: {ansible_connection: ssh}}",
    ] {
        refused(&Stage::of_tasks(task), "ansible-forbidden", "makes a dry run differ from a run");
    }
}

#[test]
fn a_variable_is_never_read_as_an_expression() {
    for task in [
        "- {debug: {msg: x}, when: \"{{ v }}\"}",
        "- {block: [{debug: {msg: x}}], when: [true, \"{% if true %}{{ v }}{% endif %}\"]}",
        "- {debug: {var: \"{{ v }}\"}}",
        "- {ansible.builtin.debug: \"var={{ v }}\"}",
        "- {debug: \"{{ v }}\"}",
        "- {action: \"{{ 'debug' }} var={{ v }}\"}",
        "- {assert: {that: [true, \"{{ v }}\"]}}",
        "- {debug: {msg: x}, changed_when: \"{{ v }}\"}",
        "- {debug: {msg: x}, failed_when: \"not {{ v }}\"}",
        "- {debug: {msg: x}, until: \"{{ v }}\"}",
        "- {block: [{fail: {}}], rescue: [{debug: {msg: x}, when: \"{{ v }}\"}]}",
    ] {
        refused(&Stage::of_tasks(task), "ansible-forbidden", "read as an expression");
    }
    let included = [
        ("site.yml", play("- {include_tasks: \"{{ 'more' }}.yml\"}")),
        ("more.yml", "- {debug: {msg: x}, when: \"{{ v }}\"}\n".to_owned()),
    ];
    let files: Vec<(&str, &str)> = included.iter().map(|(name, text)| (*name, text.as_str())).collect();
    refused(&Stage::new(&files, ""), "ansible-forbidden", "read as an expression");
    let plain = "- {debug: {msg: \"{{ v }}\"}, when: v == 'x' and v is defined}\n\
        - {debug: {var: v}}\n- {assert: {that: v == 'x', fail_msg: \"{{ v }}\"}}";
    let stage = Stage::new(&[("site.yml", &play(plain))], A_TEXT);
    assert!(stage.plan(json!({"v": "x"})).unwrap().settled);
}

/// Schemas that take any text as `v`, alone or in a list.
const A_TEXT: &str =
    "vars = {type = \"object\", additionalProperties = false, properties.v = {type = \"string\"}}";
const TEXTS: &str = "vars = {type = \"object\", additionalProperties = false, \
                     properties.v = {type = \"array\", items = {type = \"string\"}}}";

#[test]
fn a_variable_that_would_act_is_refused_before_ansible_sees_it() {
    let stage = Stage::new(&[("site.yml", &play("- {debug: {msg: \"{{ v }}\"}}"))], TEXTS);
    for text in ["true if ansible_check_mode else false", "lookup('pipe', 'touch OUT/ACTED')"] {
        let refusal = stage.plan(json!({"v": [text]})).unwrap_err();
        assert_eq!(refusal.rule.as_str(), "ansible-vars", "{}", refusal.reason);
        assert!(refusal.reason.starts_with("vars: "), "{}", refusal.reason);
    }
}

#[test]
fn a_lookup_that_acts_is_not_made_in_the_run_either() {
    // A dry run finds no file, and skips what a run does: there the name of the lookup is put together.
    let tasks = "- {copy: {content: x, dest: OUT/x, mode: \"0644\"}}\n\
        - vars: {do: \"{{ lookup\\n ('pi' ~ 'pe', 'touch OUT/ACTED') }}\"}\n  debug: {msg: \"{{ do }}\"}\n  \
        when: \"'OUT/x' is file\"";
    let stage = Stage::of_tasks(tasks);
    let plan = stage.plan(json!({})).unwrap();
    let ran = stage.run(&plan.steps[0].argv);
    assert!(!ran.status.success(), "{ran:?}");
    assert_eq!((stage.found("x").as_deref(), stage.found("ACTED")), (Some("x"), None), "it acted");
}

#[test]
fn another_host_is_never_reached() {
    for task in ["- {debug: {msg: x}, delegate_to: other}", "- {ping: {}, delegate_to: \"{{ 'other' }}\"}"] {
        refused(&Stage::of_tasks(task), "ansible-forbidden", "delegated to another host");
    }
    for head in ["hosts: web", "hosts: \"{{ 'web' }}\"", "hosts: localhost,web"] {
        let site = format!("- {head}\n  gather_facts: false\n  tasks: [{{debug: {{msg: x}}}}]\n");
        refused(&Stage::new(&[("site.yml", &site)], ""), "ansible-forbidden", "other hosts than this one");
    }
    let site = "- hosts: localhost\n  connection: ssh\n  gather_facts: false\n  tasks: [{debug: {msg: x}}]\n";
    refused(&Stage::new(&[("site.yml", site)], ""), "ansible-forbidden", "connects to another host");
}

#[test]
fn nobody_is_asked_for_anything() {
    let site = "- hosts: localhost\n  gather_facts: false\n  vars_prompt: [{name: x}]\n  tasks: [{debug: {msg: x}}]\n";
    refused(&Stage::new(&[("site.yml", site)], ""), "ansible-forbidden", "nobody is there to answer");
    let vault = "- {copy: {content: \"{{ secret }}\", dest: OUT/ACTED}}";
    let secret = "secret: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3031\n";
    let site = play(vault).replace("tasks:", "vars_files: [secret.yml]\n  tasks:");
    let stage = Stage::new(&[("site.yml", &site), ("secret.yml", secret)], "");
    let (rule, reason) = stage.refusal();
    assert!(rule == "ansible-failed" || rule == "host-unreadable", "{rule} {reason}");
    assert_eq!(stage.found("ACTED"), None);
}

#[test]
fn tasks_outside_of_the_pinned_folder_are_refused() {
    for task in ["- import_tasks: OUT/else.yml", "- include_tasks: OUT/else.yml"] {
        let stage = Stage::of_tasks(task);
        std::fs::write(stage.out().join("else.yml"), "- {debug: {msg: x}}\n").unwrap();
        refused(&stage, "ansible-forbidden", "outside of the playbook's own folder");
    }
}

#[test]
fn what_a_dry_run_cannot_foresee_is_refused_unless_root_allows_it() {
    for task in ["- command: touch OUT/ACTED", "- raw: touch OUT/ACTED", "- shell: touch OUT/ACTED"] {
        refused(&Stage::of_tasks(task), "ansible-unforeseen", "cannot foresee");
    }
    let foreseen = Stage::of_tasks("- {command: touch OUT/x, args: {creates: OUT/x}}");
    assert_eq!(foreseen.plan(json!({})).unwrap().effects.objects.len(), 2);
    foreseen.act(&foreseen.plan(json!({})).unwrap());
    assert!(foreseen.plan(json!({})).unwrap().settled);
    assert!(Stage::of_tasks("- {command: touch OUT/x, when: false}").plan(json!({})).unwrap().settled);
}

#[test]
fn a_playbook_that_is_not_the_pinned_one_is_refused_unread() {
    let alter: [&dyn Fn(&Stage); 4] = [
        &|stage| stage.put("site.yml", &play("- {command: touch OUT/ACTED}")),
        &|stage| stage.put("library/copy.py", "open('OUT/ACTED', 'w')"),
        &|stage| stage.put("callback_plugins/x.py", "open('OUT/ACTED', 'w')"),
        &|stage| stage.put("group_vars/all.yml", "x: 1"),
    ];
    for alter in alter {
        let stage = Stage::of_tasks("- {copy: {content: x, dest: OUT/x}}");
        alter(&stage);
        refused(&stage, "ansible-altered", "is not what root's configuration pins");
    }
}

#[test]
fn variables_outside_of_the_schema_are_refused() {
    let schema = "vars = {type = \"object\", additionalProperties = false, properties.n = {type = \"integer\", maximum = 9}}";
    let stage = Stage::new(&[("site.yml", &play("- {copy: {content: \"{{ n }}\", dest: OUT/x}}"))], schema);
    for (vars, place) in
        [(json!({"n": 10}), "vars/n"), (json!({"n": "1"}), "vars/n"), (json!({"m": 1}), "vars/m")]
    {
        let refusal = stage.plan(vars).unwrap_err();
        assert_eq!(refusal.rule.as_str(), "ansible-vars");
        assert!(refusal.reason.starts_with(place), "{}", refusal.reason);
    }
    assert!(stage.plan(json!({"n": 9})).is_ok());
}

#[test]
fn a_dry_run_that_fails_says_where() {
    let (rule, reason) = Stage::of_tasks("- {name: stop here, fail: {msg: \"not\\ntoday\"}}").refusal();
    assert_eq!(
        (rule, reason.as_str()),
        ("ansible-failed", "the dry run failed at site.yml:4, stop here: not today")
    );
    let (rule, _reason) = Stage::of_tasks("- {nosuchmodule: {}}").refusal();
    assert_eq!(rule, "host-unreadable");
}
