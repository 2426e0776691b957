//! What is planned, and what is refused.

use serde_json::{Value, json};

use super::*;

fn objects(plan: &Plan) -> Vec<(String, String, String)> {
    let line = |object: &adapter::Object| {
        let action = serde_json::to_value(object.action).unwrap().as_str().unwrap().to_owned();
        (action, object.name.clone(), object.was.clone().unwrap_or_default())
    };
    plan.effects.objects.iter().map(line).collect()
}

fn three(action: &str, name: &str, was: &str) -> (String, String, String) {
    (action.to_owned(), name.to_owned(), was.to_owned())
}

fn undo(plan: &Plan) -> Value {
    plan.undo.as_ref().map(|offer| offer.operation.to_value()).unwrap_or_default()
}

fn argv(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| step.argv.to_string()).collect()
}

#[test]
fn what_requires_a_unit_stops_with_it_and_is_brought_back_by_the_undo() {
    let host = Fake::default()
        .unit("db.service", &[("RequiredBy", "app.service idle.service"), ("TriggeredBy", "db.socket")])
        .unit("app.service", &[("ConsistsOf", "worker.service")])
        .unit("idle.service", &[DOWN[0], DOWN[1], ("BoundBy", "behind.service")])
        .unit("behind.service", &[])
        .unit("worker.service", &[])
        .unit("db.socket", &[("SubState", "listening")]);
    let plan = plan(&host, "stop", "db.service").unwrap();
    assert_eq!(
        objects(&plan),
        [
            three("stop", "worker.service", "active, enabled"),
            three("stop", "behind.service", "active, enabled"),
            three("stop", "app.service", "active, enabled"),
            three("stop", "db.service", "active, enabled, started again by db.socket"),
        ]
    );
    assert_eq!(argv(&plan), ["systemctl --no-ask-password --no-pager -- stop db.service"]);
    assert_eq!(
        undo(&plan),
        json!({"kind": "systemd", "op": "start", "resource": "db.service",
            "params": {"also": ["worker.service", "behind.service", "app.service"]}})
    );
    assert!(plan.effects.reversible);
}

#[test]
fn a_stop_that_would_take_a_protected_unit_along_is_refused_unless_root_opened_it() {
    let host = || {
        Fake::default()
            .unit("keys.service", &[("RequiredBy", "ssh.service")])
            .unit("ssh.service", &[("Names", "ssh.service sshd.service")])
    };
    let (rule, reason) = refused(&host(), "stop", "keys.service");
    assert_eq!(rule, Rule::SystemdProtected);
    assert!(reason.contains("ssh.service"), "{reason}");
    assert_eq!(refused(&host(), "mask", "keys.service").0, Rule::SystemdProtected);
    assert_eq!(refused(&host(), "restart", "keys.service").0, Rule::SystemdProtected);
    assert_eq!(refused(&host(), "reload", "ssh.service").0, Rule::SystemdProtected);
    assert_eq!(refused(&host(), "stop", "sshd.service").0, Rule::SystemdProtected);
    let open = host().configured("open_units = ['ssh.service']");
    assert_eq!(objects(&plan(&open, "stop", "keys.service").unwrap()).len(), 2);
}

#[test]
fn a_start_that_stops_what_it_conflicts_with_says_so_and_is_taken_back_by_starting_that() {
    let host = Fake::default()
        .unit(
            "a.service",
            &[
                DOWN[0],
                DOWN[1],
                ("Conflicts", "b.service shutdown.target"),
                ("Wants", "c.service up.service"),
            ],
        )
        .unit("b.service", &[])
        .unit("c.service", &DOWN)
        .unit("up.service", &[("Requires", "beyond.service")])
        .unit("shutdown.target", &DOWN);
    let planned = plan(&host, "start", "a.service").unwrap();
    assert_eq!(
        objects(&planned),
        [three("stop", "b.service", "active, enabled"), three("start", "a.service", "inactive, enabled")]
    );
    assert_eq!(planned.effects.dependents, ["c.service"]);
    assert_eq!(undo(&planned)["op"], "start");
    assert_eq!(undo(&planned)["resource"], "b.service");
    host.put("b.service", &[("Names", "b.service networking.service")]);
    assert_eq!(refused(&host, "start", "a.service").0, Rule::SystemdProtected);
}

#[test]
fn what_would_end_the_host_is_refused_however_it_is_pulled_in() {
    for (key, value) in [
        ("Wants", "poweroff.target"),
        ("Requires", "reboot.target"),
        ("OnFailure", "emergency.target"),
        ("OnSuccess", "halt.target"),
        ("FailureAction", "reboot"),
        ("SuccessAction", "poweroff-force"),
        ("Wants", "systemd-suspend.service"),
        ("OnFailure", "systemd-reboot.service"),
        ("OnFailure", "rescue.service"),
    ] {
        let targets = ["poweroff.target", "reboot.target", "emergency.target", "halt.target"];
        let services = ["systemd-suspend.service", "systemd-reboot.service", "rescue.service"];
        let host =
            [&targets[..], &services[..]].concat().iter().fold(
                Fake::default().unit("a.service", &[DOWN[0], DOWN[1], (key, value)]),
                |host, target| host.unit(target, &DOWN),
            );
        assert_eq!(refused(&host, "start", "a.service").0, Rule::SystemdProtected, "{key}={value}");
    }
}

#[test]
fn an_alias_is_planned_as_the_unit_that_it_is() {
    let host = Fake::default().unit("real.service", &[("Names", "real.service nice.service")]);
    let plan = plan(&host, "stop", "nice.service").unwrap();
    assert_eq!(argv(&plan), ["systemctl --no-ask-password --no-pager -- stop real.service"]);
    assert_eq!(plan.effects.objects[0].name, "real.service");
}

#[test]
fn other_files_are_another_plan() {
    let digest = |content: &str| {
        let host = Fake::default().unit("a.service", &[]).file("a.service", content);
        plan(&host, "stop", "a.service").unwrap().effects.effects_digest()
    };
    assert_eq!(digest("ExecStart=/bin/true"), digest("ExecStart=/bin/true"));
    assert_ne!(digest("ExecStart=/bin/true"), digest("ExecStart=/bin/false"));
}

#[test]
fn what_is_so_already_is_settled() {
    let host = Fake::default()
        .unit("up.service", &[])
        .unit("down.service", &[DOWN[0], DOWN[1], ("UnitFileState", "disabled")]);
    for (op, unit) in [
        ("start", "up.service"),
        ("enable", "up.service"),
        ("unmask", "up.service"),
        ("reset-failed", "up.service"),
        ("stop", "down.service"),
        ("disable", "down.service"),
    ] {
        assert!(plan(&host, op, unit).unwrap().settled, "{op} {unit}");
    }
}

#[test]
fn what_cannot_be_or_cannot_be_put_back_is_refused_by_its_rule() {
    let host = Fake::default()
        .unit("masked.service", &[DOWN[0], DOWN[1], ("LoadState", "masked"), ("UnitFileState", "masked")])
        .unit("busy.service", &[("Job", "/org/freedesktop/systemd1/job/7")])
        .unit("stale.service", &[DOWN[0], DOWN[1], ("NeedDaemonReload", "yes")])
        .unit("manual.service", &[DOWN[0], DOWN[1], ("RefuseManualStart", "yes")])
        .unit("deaf.service", &[("CanReload", "no")])
        .unit("down.service", &DOWN)
        .unit("static.service", &[("UnitFileState", "static")])
        .unit("linked.service", &[("UnitFileState", "linked")])
        .unit("runtime.service", &[("UnitFileState", "enabled-runtime")])
        .unit("own.service", &[("FragmentPath", "/etc/systemd/system/own.service")])
        .unit("broken.service", &[("LoadState", "bad-setting")]);
    for (op, unit, rule) in [
        ("start", "masked.service", Rule::SystemdMasked),
        ("enable", "masked.service", Rule::SystemdMasked),
        ("stop", "busy.service", Rule::SystemdBusy),
        ("start", "stale.service", Rule::SystemdStale),
        ("start", "manual.service", Rule::SystemdCannot),
        ("reload", "deaf.service", Rule::SystemdCannot),
        ("reload", "down.service", Rule::SystemdNotRunning),
        ("disable", "static.service", Rule::SystemdFile),
        ("disable", "linked.service", Rule::SystemdFile),
        ("mask", "runtime.service", Rule::SystemdFile),
        ("mask", "own.service", Rule::SystemdFile),
        ("stop", "broken.service", Rule::SystemdBroken),
        ("stop", "nosuch.service", Rule::SystemdNotFound),
    ] {
        assert_eq!(refused(&host, op, unit).0, rule, "{op} {unit}");
    }
    let unmask = plan(&host, "start", "masked.service").unwrap_err().alternatives;
    assert_eq!(unmask, [operation("unmask", "masked.service")]);
}

#[test]
fn enabling_takes_along_what_the_file_names_and_never_a_protected_name() {
    let disabled = [DOWN[0], DOWN[1], ("UnitFileState", "disabled")];
    let host = Fake::default()
        .unit("a.service", &disabled)
        .unit("a.socket", &disabled)
        .unit("evil.service", &disabled)
        .unit("sly.service", &disabled)
        .unit("tie.service", &disabled)
        .unit("hold.service", &disabled)
        .unit("reeve-gate.service", &disabled)
        .file("a.service", "[Install]\nWantedBy=multi-user.target\nAlso=a.socket\n")
        .file("evil.service", "[Install]\nAlias=ssh.service\n")
        .file("sly.service", "[Install]\nAlso=reeve-gate.service\n")
        .file("tie.service", "[Install]\nRequiredBy=app.service ssh.service\n")
        .file("hold.service", "[Install]\nUpheldBy=multi-user.target\n");
    let planned = plan(&host, "enable", "a.service").unwrap();
    assert_eq!(
        objects(&planned),
        [
            three("enable", "a.service", "inactive, disabled"),
            three("enable", "a.socket", "inactive, disabled")
        ]
    );
    assert_eq!(undo(&planned)["op"], "disable");
    assert_eq!(refused(&host, "enable", "evil.service").0, Rule::SystemdProtected);
    for unit in ["sly.service", "tie.service", "hold.service"] {
        assert_eq!(refused(&host, "enable", unit).0, Rule::SystemdProtected, "{unit}");
    }
}

/// An application, alone in needing a service that stops when nothing needs it, and what that needs in its turn.
fn unneeded() -> Fake {
    let stops = |more: &'static str, by: &'static str| {
        [("StopWhenUnneeded", "yes"), ("WantedBy", by), ("Wants", more)]
    };
    Fake::default()
        .unit("app.service", &[("Wants", "cache.service shared.service plain.service")])
        .unit("other.service", &[])
        .unit("cache.service", &stops("deep.service", "app.service"))
        .unit(
            "deep.service",
            &[("StopWhenUnneeded", "yes"), ("RequiredBy", "cache.service"), ("ConsistsOf", "part.service")],
        )
        .unit("part.service", &[])
        .unit("shared.service", &stops("", "app.service other.service"))
        .unit("plain.service", &[("WantedBy", "app.service")])
}

#[test]
fn what_nothing_needs_any_more_stops_too_and_comes_back_with_what_needs_it() {
    let host = unneeded();
    let planned = plan(&host, "stop", "app.service").unwrap();
    let names: Vec<String> = objects(&planned).into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(names, ["app.service", "cache.service", "deep.service", "part.service"]);
    assert_eq!(undo(&planned)["resource"], "app.service");
    assert_eq!(undo(&planned)["params"], json!({}));
    host.put("other.service", &DOWN);
    assert_eq!(plan(&host, "stop", "app.service").unwrap().effects.objects.len(), 5);
    host.put("part.service", &[("Names", "part.service sshd.service")]);
    assert_eq!(refused(&host, "stop", "app.service").0, Rule::SystemdProtected);
}

#[test]
fn what_starts_meanwhile_needs_what_it_needs() {
    let host = unneeded().unit("next.service", &[DOWN[0], DOWN[1], ("Conflicts", "app.service")]);
    let stopped = |host: &Fake| plan(host, "start", "next.service").unwrap().effects.objects.len() - 1;
    assert_eq!(stopped(&host), 4);
    let needed =
        [("StopWhenUnneeded", "yes"), ("WantedBy", "app.service next.service"), ("Wants", "deep.service")];
    host.put("cache.service", &needed);
    assert_eq!(stopped(&host), 1);
}

#[test]
fn the_undo_of_a_start_names_what_was_named_and_says_that_the_rest_goes_on() {
    let host = Fake::default()
        .unit("a.service", &[DOWN[0], DOWN[1], ("Wants", "b.service")])
        .unit("b.service", &DOWN)
        .unit("alone.service", &DOWN);
    let planned = plan(&host, "start", "a.service").unwrap();
    assert_eq!(
        undo(&planned),
        json!({"kind": "systemd", "op": "stop", "resource": "a.service", "params": {}})
    );
    assert!(!planned.effects.reversible);
    assert_eq!(planned.effects.undo.as_deref(), Some("systemd stop a.service (what it pulled in goes on)"));
    assert!(plan(&host, "start", "alone.service").unwrap().effects.reversible);
}

#[test]
fn a_host_that_answers_about_something_else_is_not_believed() {
    let host = Fake::default().unit("a.service", &[("Names", "b.service"), ("Id", "b.service")]);
    assert_eq!(refused(&host, "stop", "a.service").0, Rule::HostUnreadable);
}

#[test]
fn what_is_there_by_a_link_only_is_not_disabled() {
    let linked = |links| Fake { links, ..Fake::default() }.unit("a.service", &[]).unit("b@x.service", &[]);
    for (unit, links) in [
        ("a.service", "  /etc/systemd/system/a.service\n"),
        ("b@x.service", "  /etc/systemd/system/b@.service\n"),
    ] {
        assert_eq!(refused(&linked(links), "disable", unit).0, Rule::SystemdFile, "{links}");
    }
    assert!(plan(&linked("  /etc/systemd/system/nice.service\n"), "disable", "a.service").is_ok());
}
