//! Which layer is missed by which tier, and what makes each of them one that is not there.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::sandbox::sample;
use crate::sys::scratch::Scratch;

fn whole() -> Layers {
    Layers { landlock: 6, seccomp: true, cgroup: Some(true), bubblewrap: Ok(()), user_namespaces: Ok(()) }
}

/// The layers that are missing for tiers A, B, C and W.
fn missing(layers: &Layers) -> [Option<&'static str>; 4] {
    [Tier::A, Tier::B, Tier::C, Tier::W].map(|tier| {
        let mut confinement = sample(tier);
        confinement.limits.memory_by = MemoryBy::Cgroup;
        layers.enforce(&confinement).err().map(|missing| missing.layer)
    })
}

#[test]
fn what_a_tier_needs_and_the_host_has_not_is_named_and_no_other_tier_minds() {
    let all = |layer| [Some(layer); 4];
    let of_c = |layer| [None, None, Some(layer), None];
    assert_eq!(missing(&whole()), [None; 4]);
    let but_c = [Some("landlock"), Some("landlock"), None, Some("landlock")];
    assert_eq!(missing(&Layers { landlock: 5, ..whole() }), but_c);
    assert_eq!(missing(&Layers { landlock: 3, ..whole() }), but_c);
    assert_eq!(missing(&Layers { landlock: 2, ..whole() }), all("landlock"));
    assert_eq!(missing(&Layers { seccomp: false, ..whole() }), all("seccomp"));
    assert_eq!(missing(&Layers { cgroup: Some(false), ..whole() }), all("cgroup"));
    assert_eq!(missing(&Layers { bubblewrap: Err("x".to_owned()), ..whole() }), of_c("bubblewrap"));
    assert_eq!(missing(&Layers { user_namespaces: Err("x"), ..whole() }), of_c("user namespaces"));
}

#[test]
fn in_the_hosts_network_tier_c_needs_what_the_others_need() {
    let mut confinement = sample(Tier::C);
    confinement.egress = crate::sandbox::egress::Egress::Preflight(Default::default());
    let missing = Layers { landlock: 5, ..whole() }.enforce(&confinement).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "landlock: cannot be enforced here: tier c needs Landlock's ABI 6 (Linux 6.12) and this kernel has 5: a newer \
         kernel, or lsm=landlock,… on its command line"
    );
}

#[test]
fn groups_are_not_missed_by_whom_they_would_not_be_for_nor_where_nobody_asks_for_them() {
    assert_eq!(missing(&Layers { cgroup: None, ..whole() }), [None; 4]);
    let mut confinement = sample(Tier::B);
    confinement.limits.memory_by = MemoryBy::Rlimit;
    assert_eq!(Layers { cgroup: Some(false), ..whole() }.enforce(&confinement), Ok(()));
}

#[test]
fn a_bubblewrap_that_is_missing_setuid_or_anybodys_is_none() {
    let scratch = Scratch::new();
    let path = scratch.path("bwrap");
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    assert!(bubblewrap(&path).unwrap_err().ends_with("bwrap (Debian: apt-get install bubblewrap)"));
    std::fs::write(&path, "").unwrap();
    mode(0o755);
    assert_eq!(bubblewrap(&path), Ok(()));
    for setid in [0o4755, 0o2755] {
        mode(setid);
        assert!(bubblewrap(&path).unwrap_err().contains("is setuid: chmod u-s,g-s"), "{setid:o}");
    }
    mode(0o777);
    assert!(bubblewrap(&path).unwrap_err().contains("others may write it"));
}

#[test]
fn user_namespaces_that_the_kernel_a_switch_or_apparmor_keeps_from_bubblewrap_are_none() {
    assert!(has_none("0\n") && has_none("") && !has_none("63432\n"));
    assert!(is_off("0\n") && !is_off("1\n") && !is_off(""));
    let others = "firefox.3 /usr/lib/firefox/firefox\nunprivileged_userns.1 <unknown>\n";
    let restricts = |switch, attached: Option<&str>| is_restricted(switch, || attached.map(str::to_owned));
    assert!(restricts("1\n", Some(others)));
    assert!(restricts("1\n", Some("")));
    for (switch, attached) in [("0\n", Some(others)), ("", Some(others)), ("1\n", None)] {
        assert!(!restricts(switch, attached), "{switch:?} {attached:?}");
    }
    for own in ["bwrap.7 /usr/bin/bwrap\n", "mine.2 /{usr/,}bin/bwrap\n", "bwrap.7 \n"] {
        assert!(!restricts("1\n", Some(&format!("{others}{own}"))), "{own}");
    }
}

#[test]
fn apparmors_profiles_are_read_with_what_they_are_attached_to() {
    let scratch = Scratch::new();
    for (profile, attached) in [("bwrap.1", "/usr/bin/bwrap\n"), ("other.2", "/usr/bin/other\n")] {
        std::fs::create_dir(scratch.path(profile)).unwrap();
        std::fs::write(scratch.root().join(profile).join("attach"), attached).unwrap();
    }
    let text = attachments(scratch.root()).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["bwrap.1 /usr/bin/bwrap", "other.2 /usr/bin/other"]);
    assert_eq!(attachments(Path::new("/nowhere/profiles")), None);
}
