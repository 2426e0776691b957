//! Starting and stopping, what goes along, and how it is taken back.

use serde_json::json;

use crate::guest::*;

#[test]
fn a_service_starts_stops_and_is_brought_back_as_it_was() {
    let guest = Guest::new();
    service("t-plain.service");
    let started = guest.does_well(&operation("start", "t-plain.service"));
    assert_eq!(is_active("t-plain.service"), "active");
    assert_eq!(started.effects.objects[0].was.as_deref(), Some("inactive, disabled"));
    assert!(guest.plan(&operation("start", "t-plain.service")).unwrap().settled);
    let stopped = guest.does_well(&operation("stop", "t-plain.service"));
    assert_eq!(is_active("t-plain.service"), "inactive");
    guest.undoes(&stopped);
    assert_eq!(is_active("t-plain.service"), "active");
    guest.undoes(&started);
    assert_eq!(is_active("t-plain.service"), "inactive");
}

#[test]
fn what_requires_a_unit_stops_with_it_and_comes_back_with_it() {
    let guest = Guest::new();
    service("t-db.service");
    unit("t-app.service", &format!("[Unit]\nRequires=t-db.service\nAfter=t-db.service\n{RUNS}"));
    unit("t-part.service", &format!("[Unit]\nPartOf=t-app.service\n{RUNS}"));
    unit("t-idle.service", &format!("[Unit]\nRequires=t-db.service\n{RUNS}"));
    systemctl(&["start", "t-app.service", "t-part.service"]);
    let plan = guest.plan(&operation("stop", "t-db.service")).unwrap();
    let names: Vec<&str> = plan.effects.objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(names, ["t-part.service", "t-app.service", "t-db.service"]);
    let stopped = guest.does_well(&operation("stop", "t-db.service"));
    assert_eq!([is_active("t-app.service"), is_active("t-part.service")], ["inactive", "inactive"]);
    guest.undoes(&stopped);
    for unit in ["t-db.service", "t-app.service", "t-part.service"] {
        assert_eq!(is_active(unit), "active", "{unit}");
    }
    assert_eq!(is_active("t-idle.service"), "inactive");
}

#[test]
fn a_restart_is_another_run_and_takes_along_what_requires_it() {
    let guest = Guest::new();
    service("t-base.service");
    unit("t-above.service", &format!("[Unit]\nRequires=t-base.service\n{RUNS}"));
    systemctl(&["start", "t-above.service"]);
    let pid = |unit: &str| systemctl(&["show", "--property=MainPID", "--value", unit]);
    let before = [pid("t-base.service"), pid("t-above.service")];
    let plan = guest.does_well(&operation("restart", "t-base.service"));
    assert_eq!(plan.effects.objects.len(), 2);
    assert_ne!([pid("t-base.service"), pid("t-above.service")], before);
    assert!(plan.undo.is_none() && plan.effects.reversible);
}

#[test]
fn starting_what_conflicts_stops_the_other_and_the_undo_brings_it_back() {
    let guest = Guest::new();
    service("t-this.service");
    unit("t-that.service", &format!("[Unit]\nConflicts=t-this.service\n{RUNS}"));
    systemctl(&["start", "t-this.service"]);
    let started = guest.does_well(&operation("start", "t-that.service"));
    assert_eq!([is_active("t-this.service"), is_active("t-that.service")], ["inactive", "active"]);
    guest.undoes(&started);
    assert_eq!([is_active("t-this.service"), is_active("t-that.service")], ["active", "inactive"]);
}

#[test]
fn what_is_pulled_in_is_named_and_goes_on_after_the_undo() {
    let guest = Guest::new();
    service("t-below.service");
    unit("t-top.service", &format!("[Unit]\nRequires=t-below.service\n{RUNS}"));
    let started = guest.does_well(&operation("start", "t-top.service"));
    assert_eq!(started.effects.dependents, ["t-below.service"]);
    assert!(!started.effects.reversible);
    guest.undoes(&started);
    assert_eq!([is_active("t-top.service"), is_active("t-below.service")], ["inactive", "active"]);
    systemctl(&["stop", "t-below.service"]);
}

#[test]
fn what_nothing_needs_any_more_stops_too_and_comes_back() {
    let guest = Guest::new();
    unit("t-unneeded.service", &format!("[Unit]\nStopWhenUnneeded=yes\n{RUNS}"));
    unit("t-needing.service", &format!("[Unit]\nWants=t-unneeded.service\n{RUNS}"));
    unit("t-second.service", &format!("[Unit]\nWants=t-unneeded.service\n{RUNS}"));
    systemctl(&["start", "t-needing.service", "t-second.service"]);
    guest.does_well(&operation("stop", "t-second.service"));
    assert_eq!(is_active("t-unneeded.service"), "active");
    let stopped = guest.does_well(&operation("stop", "t-needing.service"));
    let names: Vec<&str> = stopped.effects.objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(names, ["t-needing.service", "t-unneeded.service"]);
    assert_eq!(is_active("t-unneeded.service"), "inactive");
    guest.undoes(&stopped);
    assert_eq!([is_active("t-needing.service"), is_active("t-unneeded.service")], ["active", "active"]);
    systemctl(&["stop", "t-needing.service"]);
}

#[test]
fn a_socket_activated_service_is_said_to_start_again_and_seen_when_it_does() {
    let guest = Guest::configured("hold = '3s'");
    unit("t-sock.socket", "[Socket]\nListenStream=/run/t-sock\nAccept=no\n");
    unit("t-sock.service", "[Unit]\nRequires=t-sock.socket\n[Service]\nExecStart=/usr/bin/sleep 1000\n");
    systemctl(&["start", "t-sock.socket"]);
    let connect = || drop(std::os::unix::net::UnixStream::connect("/run/t-sock").unwrap());
    connect();
    wait_until("the socket has started its service", || is_active("t-sock.service") == "active");
    let plan = guest.plan(&operation("stop", "t-sock.service")).unwrap();
    assert_eq!(
        plan.effects.objects[0].was.as_deref(),
        Some("active, static, started again by t-sock.socket")
    );
    // Nobody took the connection from the socket, so that it starts its service anew.
    let (_, seen) = guest.does(&operation("stop", "t-sock.service"));
    assert!(!seen.verified, "{seen:?}");
    assert!(seen.reason.unwrap().starts_with("t-sock.service is active"));
    // Both together stay down.
    let both = guest.does_well(&with("stop", "t-sock.socket", json!({"also": ["t-sock.service"]})));
    assert_eq!(both.effects.objects.len(), 2);
    assert_eq!([is_active("t-sock.socket"), is_active("t-sock.service")], ["inactive", "inactive"]);
}

#[test]
fn instances_of_a_template_are_units_of_their_own() {
    let guest = Guest::new();
    unit("t-inst@.service", &format!("[Unit]\nDescription=%i\n{RUNS}"));
    for instance in ["t-inst@a.service", r"t-inst@b\x2dc.service"] {
        guest.does_well(&operation("start", instance));
    }
    guest.does_well(&operation("stop", "t-inst@a.service"));
    assert_eq!([is_active("t-inst@a.service"), is_active(r"t-inst@b\x2dc.service")], ["inactive", "active"]);
    let enabled = guest.does_well(&operation("enable", "t-inst@a.service"));
    assert_eq!(systemctl(&["is-enabled", "t-inst@a.service"]), "enabled");
    assert_eq!(systemctl(&["is-enabled", r"t-inst@b\x2dc.service"]), "disabled");
    guest.undoes(&enabled);
    assert_eq!(systemctl(&["is-enabled", "t-inst@a.service"]), "disabled");
}

#[test]
fn a_service_reads_its_configuration_again_when_it_can() {
    let guest = Guest::new();
    unit(
        "t-rel.service",
        "[Service]\nExecStart=/usr/bin/sleep 1000\nExecReload=/usr/bin/touch /run/t-reloaded\n",
    );
    systemctl(&["start", "t-rel.service"]);
    guest.does_well(&operation("reload", "t-rel.service"));
    assert!(std::path::Path::new("/run/t-reloaded").exists());
    service("t-deaf.service");
    systemctl(&["start", "t-deaf.service"]);
    assert_eq!(guest.refuses(&operation("reload", "t-deaf.service")).0, "systemd-cannot");
}

#[test]
fn an_alias_is_the_unit_that_it_is() {
    let guest = Guest::new();
    unit("t-real.service", &format!("{RUNS}Alias=t-nice.service\n"));
    guest.does_well(&operation("enable", "t-real.service"));
    let started = guest.does_well(&operation("start", "t-nice.service"));
    assert_eq!(started.effects.objects[0].name, "t-real.service");
    assert_eq!(is_active("t-real.service"), "active");
    systemctl(&["disable", "--now", "t-real.service"]);
}
