//! Listings as Proxmox prints them, and listings that are none.

use super::*;

const LIST: &str = "\
VMID       Status     Lock         Name                
100        running                 web                 
101        stopped    backup       CT101               
999999999  stopped    snapshot-delete db                  
";

const TREE: &str = "\
`-> before                      2026-01-02 03:04:05     no-description
 `-> middle                     2026-01-03 03:04:05     two words
  `-> current                                           You are here!
`-> aside                       2026-01-02 09:00:00     x
";

#[test]
fn a_list_is_read_with_locks_and_without() {
    let listed = list(LIST).unwrap();
    let seen: Vec<_> = listed
        .iter()
        .map(|one| (one.vm.as_str(), one.status, one.lock.as_deref(), one.name.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("100", State::Running, None, "web"),
            ("101", State::Stopped, Some("backup"), "CT101"),
            ("999999999", State::Stopped, Some("snapshot-delete"), "db"),
        ]
    );
    assert_eq!(list("").unwrap(), []);
}

#[test]
fn a_list_that_is_not_as_it_must_be_is_none() {
    for wrong in [
        "100        running                 web\n",
        "VMID       Status     Lock         Name\n100        paused                  web\n",
        "VMID       Status     Lock         Name\n100\n",
        "VMID       Status     Lock         Name\nweb        running                 web\n",
        "VMID       Status     Name\n100        running    web\n",
    ] {
        assert_eq!(list(wrong), None, "{wrong}");
    }
}

#[test]
fn a_configuration_is_read_and_told_apart_by_all_but_its_lock() {
    let text = "hostname: web\nmemory: 512\nrootfs: local-zfs:subvol-101-disk-0,size=8G\nlxc.cap.drop: x\nlxc.cap.drop: y\n";
    let config = Config::read(text).unwrap();
    assert_eq!(config.get("memory"), Some("512"));
    assert_eq!(config.raw.len(), 2);
    let locked = Config::read(&format!("{text}lock: backup\n")).unwrap();
    assert_eq!(config.digest(), locked.digest());
    for other in [text.replace("512", "513"), text.replace("drop: y", "drop: z"), format!("{text}tags: a\n")]
    {
        assert_ne!(Config::read(&other).unwrap().digest(), config.digest(), "{other}");
    }
}

#[test]
fn a_configuration_that_is_cut_off_or_says_a_key_twice_is_none() {
    for wrong in
        ["", "hostname: web\n", "rootfs: a\nrootfs: b\n", "rootfs: a\nwhat is this\n", "rootfs: a\nKEY: b\n"]
    {
        assert_eq!(Config::read(wrong), None, "{wrong}");
    }
}

#[test]
fn only_the_containers_own_volumes_count() {
    let text = "\
mp0: local-zfs:subvol-101-disk-1,mp=/data,size=512M
mp1: /srv/host,mp=/host
mp2: local-zfs:subvol-102-disk-0,mp=/other,size=1G
rootfs: local-zfs:subvol-101-disk-0,size=8G
unused0: local-zfs:subvol-101-disk-2
";
    let config = Config::read(text).unwrap();
    let volumes = config.volumes("101");
    let volumes: Vec<_> = volumes.iter().map(|volume| (volume.key, volume.bytes)).collect();
    assert_eq!(volumes, [("mp0", Some(512 << 20)), ("rootfs", Some(8 << 30)), ("unused0", None)]);
}

#[test]
fn a_tree_of_snapshots_is_read_with_parents_and_what_the_container_stands_on() {
    let found = snapshots(TREE).unwrap();
    let seen: Vec<_> = found
        .all
        .iter()
        .map(|one| (one.name.as_str(), one.parent.as_deref(), one.description.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [("before", None, None), ("middle", Some("before"), Some("two words")), ("aside", None, Some("x"))]
    );
    assert_eq!(found.below_current.as_deref(), Some("middle"));
    assert_eq!(found.newest().map(|one| one.name.as_str()), Some("middle"));
    assert_eq!(found.younger(found.find("before").unwrap()), ["middle", "aside"]);
    assert_eq!(
        snapshots("`-> current                                             You are here!\n").unwrap(),
        Snapshots::default()
    );
}

#[test]
fn a_tree_that_is_not_as_it_must_be_is_none() {
    let here = "`-> current                                             You are here!\n";
    for wrong in [
        String::new(),
        "`-> before                      2026-01-02 03:04:05     no-description\n".to_owned(),
        format!("{here}{here}"),
        format!("`-> before                      yesterday               no-description\n{here}"),
        format!("   `-> deep                     2026-01-02 03:04:05     x\n{here}"),
        format!("before 2026-01-02 03:04:05\n{here}"),
    ] {
        assert_eq!(snapshots(&wrong), None, "{wrong}");
    }
}

#[test]
fn backups_and_what_ha_looks_after_are_read() {
    let text = "Volid                                                    Format  Type      Size VMID\n\
                local:backup/vzdump-lxc-101-2026_01_01-00_00_00.tar.zst tar.zst backup    1234 101\n";
    assert_eq!(backups(text).unwrap().len(), 1);
    assert_eq!(backups("Volid Format  Type      Size VMID\n").unwrap(), []);
    assert_eq!(backups(""), None);
    assert_eq!(backups("Volid Format Type Size VMID\nx y images 1 101\n"), None);
    assert_eq!(ha("ct:101\n\tstate started\n\nvm:200\n\tstate started\n\n").unwrap(), ["101"]);
    assert_eq!(ha("").unwrap(), Vec::<&str>::new());
    assert_eq!(ha("no such thing\n"), None);
}

#[test]
fn sizes_are_read_in_each_unit() {
    assert_eq!(
        ["8G", "512M", "1T", "4K", "77"].map(bytes),
        [Some(8 << 30), Some(512 << 20), Some(1 << 40), Some(4096), Some(77)]
    );
    assert_eq!(["", "G", "-1G", "8GB", "99999999999999T"].map(bytes), [None; 5]);
}
