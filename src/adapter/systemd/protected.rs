//! The units on which Reeve itself, the way into the host, or the host as a whole stands. They are refused, whoever asks and
//! whoever would confirm; only root's own configuration opens one.

use super::settings::SystemdSettings;
use super::unit::Unit;
use crate::adapter::{PlanRefusal, Rule};

/// What such a unit's name begins with. Rather one too many: what is caught by mistake can be opened by name.
#[rustfmt::skip]
const BEGINNINGS: &[&str] = &[
    // Reeve, and what it is started by and speaks through.
    "reeve", "dbus", "systemd-", "polkit", "sudo", "user@", "user-runtime-dir@", "init.",
    // The ways in.
    "ssh", "getty", "serial-getty@", "console-getty", "container-getty@", "emergency", "rescue", "debug-shell",
    // The network.
    "network", "NetworkManager", "ifup@", "ifupdown", "netplan", "connman", "dhcpcd", "dhclient", "wpa_supplicant",
    "nftables", "iptables", "ip6tables", "netfilter-persistent", "firewalld", "ufw", "wg-quick@", "tailscaled", "openvpn",
    // The cluster, and what watches over it: without its watchdog the host resets itself.
    "pve", "corosync", "watchdog",
    // What the host has its files on.
    "-.", "boot.", "boot-", "usr.", "usr-", "var.", "var-lib", "var-log", "etc.", "run.", "run-", "dev.", "dev-",
    "proc-", "sys-", "tmp.", "initrd-", "zfs-", "zfs.", "lvm2-", "dm-",
];

/// The targets that systemd itself gives a meaning to (systemd.special(7)).
#[rustfmt::skip]
const TARGETS: &[&str] = &[
    "basic", "bluetooth", "cryptsetup", "cryptsetup-pre", "ctrl-alt-del", "boot-complete", "default", "emergency",
    "exit", "factory-reset", "final", "first-boot-complete", "getty", "getty-pre", "graphical", "halt", "hibernate",
    "hybrid-sleep", "initrd", "integritysetup", "kbrequest", "kexec", "local-fs", "local-fs-pre", "machines",
    "multi-user", "nss-lookup", "nss-user-lookup", "paths", "poweroff", "printer", "reboot", "remote-cryptsetup",
    "remote-fs", "remote-fs-pre", "remote-veritysetup", "rescue", "rpcbind", "runlevel0", "runlevel1", "runlevel2",
    "runlevel3", "runlevel4", "runlevel5", "runlevel6", "shutdown", "sigpwr", "sleep", "slices", "smartcard",
    "sockets", "soft-reboot", "sound", "ssh-access", "storage-target-mode", "suspend", "suspend-then-hibernate",
    "swap", "sysinit", "system-update", "system-update-pre", "time-set", "time-sync", "timers", "tpm2", "umount",
    "usb-gadget", "veritysetup",
];

/// The targets that end the session of the whole host when they are started, by whatever pulls them in.
#[rustfmt::skip]
const ENDINGS: &[&str] = &[
    "ctrl-alt-del", "emergency", "exit", "factory-reset", "final", "halt", "hibernate", "hybrid-sleep",
    "initrd-switch-root", "kexec", "poweroff", "reboot", "rescue", "runlevel0", "runlevel1", "runlevel6",
    "shutdown", "sleep", "soft-reboot", "storage-target-mode", "suspend", "suspend-then-hibernate", "system-update",
    "umount",
];

/// What stands under protection on this host.
pub(super) struct Protection<'a> {
    settings: &'a SystemdSettings,
}

impl<'a> Protection<'a> {
    pub(super) fn new(settings: &'a SystemdSettings) -> Self {
        Self { settings }
    }

    /// Whether nothing may be changed about a unit that has any of these names.
    pub(super) fn holds<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> bool {
        let mut is_protected = false;
        for name in names {
            // A unit is opened by any of its names, since root wrote it.
            if self.settings.open_units.iter().any(|open| open.covers(name)) {
                return false;
            }
            is_protected |= self.is_listed(name);
        }
        is_protected
    }

    /// That the unit may be changed.
    pub(super) fn permits(&self, unit: &Unit) -> Result<(), PlanRefusal> {
        if self.holds(unit.all_names()) {
            let reason = format!("{} is one that Reeve, or the way into this host, stands on", unit.id);
            return Err(PlanRefusal::new(Rule::SystemdProtected, reason));
        }
        self.ends_nothing(unit)
    }

    /// That a unit which is only pulled in does not end the whole host.
    pub(super) fn may_be_pulled_in(&self, unit: &Unit) -> Result<(), PlanRefusal> {
        // `systemd-suspend.service` is what `suspend.target` does.
        let ends = |name: &str| {
            let target = name.strip_suffix(".target");
            let service = name.strip_suffix(".service");
            let stem = target.or_else(|| service.map(|stem| stem.strip_prefix("systemd-").unwrap_or(stem)));
            stem.is_some_and(|stem| ENDINGS.contains(&stem))
        };
        let is_open =
            unit.all_names().any(|name| self.settings.open_units.iter().any(|open| open.covers(name)));
        if !is_open && unit.all_names().any(ends) {
            let reason = format!("{} would be started with it, and ends the whole host", unit.id);
            return Err(PlanRefusal::new(Rule::SystemdProtected, reason));
        }
        self.ends_nothing(unit)
    }

    /// A unit whose end, or failure, reboots the host is as protected as the host.
    fn ends_nothing(&self, unit: &Unit) -> Result<(), PlanRefusal> {
        let is_open =
            unit.all_names().any(|name| self.settings.open_units.iter().any(|open| open.covers(name)));
        match unit.ends_host_by.as_deref() {
            Some(action) if !is_open => {
                let reason = format!("{} has {action}, which ends the whole host", unit.id);
                Err(PlanRefusal::new(Rule::SystemdProtected, reason))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn is_listed(&self, name: &str) -> bool {
        let is_special = || {
            name.strip_suffix(".target")
                .is_some_and(|stem| TARGETS.contains(&stem) || ENDINGS.contains(&stem))
        };
        BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
            || name == self.settings.signal_unit
            || self.settings.protected_units.iter().any(|unit| unit.covers(name))
            || is_special()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(settings: &SystemdSettings, name: &str) -> bool {
        Protection::new(settings).holds([name])
    }

    #[test]
    fn reeve_the_way_in_and_the_host_itself_are_protected() {
        let settings = SystemdSettings::default();
        for name in [
            "reeve-gate.service",
            "reeved.service",
            "reeve-launcher.socket",
            "ssh.service",
            "ssh.socket",
            "sshd.service",
            "sshd@0.service",
            "dbus.service",
            "dbus-broker.service",
            "dbus.socket",
            "systemd-journald.service",
            "systemd-networkd.service",
            "networking.service",
            "network.target",
            "NetworkManager.service",
            "signal-cli.service",
            "-.mount",
            "boot-efi.mount",
            "var-lib.mount",
            "dev-sda.device",
            "multi-user.target",
            "basic.target",
            "shutdown.target",
            "poweroff.target",
            "reboot.target",
            "rescue.service",
            "init.scope",
            "getty@tty1.service",
            "user@0.service",
            "nftables.service",
            "openvpn@office.service",
            "watchdog-mux.service",
            "pve-cluster.service",
            "pve-container@101.service",
            "pvedaemon.service",
            "pveproxy.service",
            "pvestatd.service",
            "corosync.service",
            "zfs-import.target",
            "zfs-zed.service",
            "lvm2-monitor.service",
            "dm-event.socket",
            "systemd-suspend.service",
        ] {
            assert!(holds(&settings, name), "{name}");
        }
        for name in [
            "nginx.service",
            "srv.mount",
            "app@web.service",
            "my-app.target",
            "backup.timer",
            "dovecot.service",
        ] {
            assert!(!holds(&settings, name), "{name}");
        }
    }

    #[test]
    fn only_roots_configuration_opens_one_by_its_exact_name_and_protects_more() {
        let open =
            |name: &str| vec![crate::operation::systemd::GrantedUnit::try_from(name.to_owned()).unwrap()];
        let settings = SystemdSettings {
            open_units: open("ssh.service"),
            protected_units: open("db@.service"),
            signal_unit: "phones.service".to_owned(),
            ..SystemdSettings::default()
        };
        assert!(!holds(&settings, "ssh.service"));
        assert!(holds(&settings, "ssh.socket"));
        assert!(holds(&settings, "db@main.service"));
        assert!(!holds(&settings, "db.service"));
        assert!(holds(&settings, "phones.service"));
        assert!(!holds(&settings, "signal-cli.service"));
    }

    #[test]
    fn a_unit_with_a_protected_alias_is_protected() {
        let settings = SystemdSettings::default();
        assert!(Protection::new(&settings).holds(["openssh.service", "sshd.service"]));
    }
}
