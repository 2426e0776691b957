//! What is started at boot, what can be started at all, and what nobody may touch.

use crate::guest::*;

#[test]
fn a_unit_is_enabled_with_what_its_file_brings_along_and_disabled_again() {
    let guest = Guest::new();
    unit("t-en.service", &format!("{RUNS}Also=t-en.timer\n"));
    unit("t-en.timer", "[Timer]\nOnCalendar=yearly\n[Install]\nWantedBy=timers.target\n");
    let enabled = guest.does_well(&operation("enable", "t-en.service"));
    assert_eq!(enabled.effects.objects.len(), 2);
    assert_eq!(
        [systemctl(&["is-enabled", "t-en.service"]), systemctl(&["is-enabled", "t-en.timer"])],
        ["enabled", "enabled"]
    );
    assert!(guest.plan(&operation("enable", "t-en.service")).unwrap().settled);
    let disabled = guest.undoes(&enabled);
    assert_eq!(
        [systemctl(&["is-enabled", "t-en.service"]), systemctl(&["is-enabled", "t-en.timer"])],
        ["disabled", "disabled"]
    );
    guest.undoes(&disabled);
    assert_eq!(systemctl(&["is-enabled", "t-en.timer"]), "enabled");
    systemctl(&["disable", "t-en.service"]);
}

#[test]
fn a_masked_unit_cannot_be_started_until_it_is_unmasked() {
    let guest = Guest::new();
    unit_in(VENDOR, "t-mask.service", RUNS);
    let masked = guest.does_well(&operation("mask", "t-mask.service"));
    assert_eq!(systemctl(&["is-enabled", "t-mask.service"]), "masked");
    assert_eq!(guest.refuses(&operation("start", "t-mask.service")).0, "systemd-masked");
    assert_eq!(guest.refuses(&operation("enable", "t-mask.service")).0, "systemd-masked");
    let unmasked = guest.undoes(&masked);
    guest.does_well(&operation("start", "t-mask.service"));
    guest.undoes(&unmasked);
    assert_eq!(
        [systemctl(&["is-enabled", "t-mask.service"]), is_active("t-mask.service")],
        ["masked", "active"]
    );
    guest.does_well(&operation("stop", "t-mask.service"));
    guest.does_well(&operation("unmask", "t-mask.service"));
}

#[test]
fn what_systemctl_could_not_do_or_nobody_could_put_back_is_refused_before() {
    let guest = Guest::new();
    service("t-own.service");
    assert_eq!(guest.refuses(&operation("mask", "t-own.service")).0, "systemd-file");
    unit("t-static.service", "[Service]\nExecStart=/bin/sleep 9\n");
    assert_eq!(guest.refuses(&operation("enable", "t-static.service")).0, "systemd-file");
    systemctl(&["enable", "--runtime", "t-own.service"]);
    assert_eq!(guest.refuses(&operation("disable", "t-own.service")).0, "systemd-file");
    systemctl(&["disable", "--runtime", "t-own.service"]);
    unit("t-broken.service", "[Service]\nType=nonsense\n");
    assert_eq!(guest.refuses(&operation("start", "t-broken.service")).0, "systemd-broken");
    assert_eq!(guest.refuses(&operation("stop", "t-nosuch.service")).0, "systemd-not-found");
    unit("t-auto.service", &format!("[Unit]\nRefuseManualStart=yes\nRefuseManualStop=yes\n{RUNS}"));
    assert_eq!(guest.refuses(&operation("start", "t-auto.service")).0, "systemd-cannot");
}

#[test]
fn disabling_a_linked_unit_would_take_it_away_and_is_refused() {
    let guest = Guest::new();
    std::fs::write("/srv/t-link.service", RUNS).unwrap();
    systemctl(&["link", "/srv/t-link.service"]);
    assert_eq!(guest.refuses(&operation("enable", "t-link.service")).0, "systemd-file");
    systemctl(&["enable", "t-link.service"]);
    assert_eq!(guest.refuses(&operation("disable", "t-link.service")).0, "systemd-file");
    systemctl(&["disable", "t-link.service"]);
}

#[test]
fn what_reeve_and_the_way_in_stand_on_is_refused_on_a_real_host_too() {
    let guest = Guest::new();
    for (op, unit) in [
        ("stop", "dbus.service"),
        ("restart", "dbus.socket"),
        ("stop", "systemd-journald.service"),
        ("mask", "systemd-logind.service"),
        // An alias of it.
        ("stop", "dbus-org.freedesktop.login1.service"),
        ("stop", "basic.target"),
        ("start", "poweroff.target"),
        ("start", "rescue.target"),
        ("start", "emergency.service"),
    ] {
        assert_eq!(guest.refuses(&operation(op, unit)).0, "systemd-protected", "{op} {unit}");
    }
    unit("t-trap.service", "[Unit]\nWants=reboot.target\n[Service]\nExecStart=/bin/true\n");
    assert_eq!(guest.refuses(&operation("start", "t-trap.service")).0, "systemd-protected");
    unit("t-end.service", "[Unit]\nFailureAction=poweroff\n[Service]\nExecStart=/bin/false\n");
    assert_eq!(guest.refuses(&operation("start", "t-end.service")).0, "systemd-protected");
    // Something that the bus would stop with.
    unit("t-under.service", RUNS);
    std::fs::create_dir_all("/run/systemd/system/dbus.service.d").unwrap();
    std::fs::write("/run/systemd/system/dbus.service.d/t.conf", "[Unit]\nPartOf=t-under.service\n").unwrap();
    systemctl(&["daemon-reload"]);
    systemctl(&["start", "t-under.service"]);
    let (rule, reason) = guest.refuses(&operation("stop", "t-under.service"));
    assert_eq!((rule.as_str(), reason.contains("dbus.service")), ("systemd-protected", true), "{reason}");
    let open = Guest::configured("open_units = ['dbus.service', 'dbus.socket']");
    assert_eq!(open.plan(&operation("stop", "t-under.service")).unwrap().effects.objects.len(), 2);
    std::fs::remove_dir_all("/run/systemd/system/dbus.service.d").unwrap();
    systemctl(&["daemon-reload"]);
    systemctl(&["stop", "t-under.service"]);
}
