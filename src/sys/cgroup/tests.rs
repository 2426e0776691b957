//! Groups in a tree of plain files: where they are made, with which bounds, and where none can be.

use super::super::scratch::Scratch;
use super::hierarchy::Asked;
use super::*;

const BOTH: &str = "cpu memory pids\n";
const CONTAINER: &str = "machine.slice/container.scope";
/// The lines of `/proc/self/cgroup`, with one of an older hierarchy beside.
const OWN: &str =
    "1:name=systemd:/elsewhere\n0::/machine.slice/container.scope/system.slice/reeve-launcher.service\n";

/// A unified hierarchy whose groups have these controllers.
fn unified(groups: &[(&str, &str)]) -> Scratch {
    let tree = Scratch::new();
    for (path, controllers) in groups {
        fs::create_dir_all(tree.path(path)).unwrap();
        fs::write(tree.path(path).join("cgroup.controllers"), controllers).unwrap();
    }
    tree
}

/// Where groups of runs lie in it, when these can be written and those were delegated.
fn base(tree: &Scratch, writable: &[&str], delegated: &[&str]) -> Option<PathBuf> {
    let is_among = |paths: &[&str], group: &Path| paths.iter().any(|path| tree.path(path) == group);
    let asked = Asked {
        is_writable: &|group| is_among(writable, group),
        is_delegated: &|group| is_among(delegated, group),
    };
    Hierarchy::below(tree.root(), OWN, &asked).map(|found| found.base)
}

#[test]
fn groups_lie_at_the_top_where_that_can_be_written_whatever_was_delegated() {
    let tree = unified(&[("", BOTH), (CONTAINER, BOTH)]);
    assert_eq!(base(&tree, &["", CONTAINER], &[CONTAINER]), Some(tree.root().to_owned()));
}

#[test]
fn where_the_top_is_somebody_elses_groups_lie_below_what_was_delegated_next() {
    let inner = "machine.slice/container.scope/system.slice/reeve-launcher.service";
    let tree = unified(&[("", BOTH), (CONTAINER, BOTH), (inner, BOTH)]);
    assert_eq!(base(&tree, &[CONTAINER, inner], &[CONTAINER]), Some(tree.path(CONTAINER)));
    assert_eq!(base(&tree, &[CONTAINER, inner], &[CONTAINER, inner]), Some(tree.path(inner)));
    // What was handed on and is not ours: its owner's parent is nobody to go around it.
    assert_eq!(base(&tree, &[CONTAINER], &[CONTAINER, inner]), None);
}

#[test]
fn where_nothing_was_delegated_or_not_memory_and_processes_there_are_no_groups() {
    let tree = unified(&[("", BOTH), (CONTAINER, BOTH)]);
    assert_eq!(base(&tree, &[CONTAINER], &[]), None);
    assert_eq!(base(&tree, &[], &[CONTAINER]), None);
    for controllers in ["", "cpu\n", "memory\n", "pids cpu\n", "memoryless pids\n"] {
        let tree = unified(&[("", BOTH), (CONTAINER, controllers)]);
        assert_eq!(base(&tree, &[CONTAINER], &[CONTAINER]), None, "{controllers:?}");
        let tree = unified(&[("", controllers)]);
        assert_eq!(base(&tree, &[""], &[]), None, "{controllers:?}");
    }
    // Neither of the two kinds.
    assert_eq!(base(&Scratch::new(), &[""], &[""]), None);
}

#[test]
fn nothing_outside_of_the_hierarchy_is_taken_for_a_part_of_it() {
    let tree = unified(&[("", BOTH)]);
    let asked = Asked { is_writable: &|group| group != tree.root(), is_delegated: &|_group| true };
    for own in ["0::/../../etc\n", "0:://etc\n", "", "1:memory:/x\n"] {
        let found = Hierarchy::below(tree.root(), own, &asked).map(|found| found.base);
        assert_eq!(found, None, "{own}");
    }
}

#[test]
fn the_older_kind_has_a_group_for_each_controller() {
    let tree = Scratch::new();
    let asked = Asked { is_writable: &|_group| true, is_delegated: &|_group| false };
    for (number, name) in ["memory", "pids", "cpuacct"].into_iter().enumerate() {
        assert_eq!(Hierarchy::below(tree.root(), OWN, &asked), None, "{number}");
        fs::create_dir(tree.path(name)).unwrap();
        fs::write(tree.path(name).join("cgroup.procs"), "").unwrap();
    }
    let found = Hierarchy::below(tree.root(), OWN, &asked).unwrap();
    assert_eq!(found.layout, Layout::Separate);
    assert_eq!(tops(&found), ["memory", "pids", "cpuacct"].map(|name| tree.path(name).join(OURS)));
}

#[test]
fn a_group_below_what_was_delegated_has_its_bounds_and_hands_down_what_they_need() {
    let tree = unified(&[("", BOTH), (CONTAINER, BOTH)]);
    let hierarchy = Hierarchy { layout: Layout::Unified, base: tree.path(CONTAINER) };
    let bounds = Bounds { memory: 64 << 20, processes: 8 };
    let group = Cgroup::below(hierarchy, "run", &bounds).unwrap();
    let read = |path: &str| fs::read_to_string(tree.path(CONTAINER).join(path)).unwrap();
    assert_eq!(read("cgroup.subtree_control"), "+memory +pids");
    assert_eq!(read("reeve-tools/cgroup.subtree_control"), "+memory +pids");
    assert_eq!(read("reeve-tools/run/memory.max"), "67108864");
    assert_eq!(read("reeve-tools/run/memory.oom.group"), "1");
    assert_eq!(read("reeve-tools/run/pids.max"), "8");
    assert_eq!(group.bounds(), Some(bounds));
    assert!(!tree.path("reeve-tools").exists(), "nothing at the top");
    group.enter().unwrap();
    assert_eq!(read("reeve-tools/run/cgroup.procs"), "0");
    group.end_all();
    assert_eq!(read("reeve-tools/run/cgroup.kill"), "1");
    assert_eq!(group.kind(), "cgroup-v2");
}

/// A group in a tree of plain files, and its directory.
fn group_in(tree: &Scratch) -> (Cgroup, PathBuf) {
    let hierarchy = Hierarchy { layout: Layout::Unified, base: tree.root().to_owned() };
    let group = Cgroup::below(hierarchy, "run", &Bounds { memory: 64 << 20, processes: 8 }).unwrap();
    (group, tree.path("reeve-tools/run"))
}

#[test]
fn that_the_kernel_refused_a_process_is_known_by_its_count() {
    for (layout, place) in [(Layout::Unified, ""), (Layout::Separate, "pids")] {
        let tree = Scratch::new();
        let hierarchy = Hierarchy { layout, base: tree.root().to_owned() };
        let group = Cgroup { hierarchy, name: "run".to_owned(), above: vec![], held: vec![] };
        assert!(!group.ran_out_of_processes(), "{layout:?}: a kernel that does not count");
        let directory = tree.path(place).join("reeve-tools/run");
        fs::create_dir_all(&directory).unwrap();
        for (events, refused) in [("max 0\n", false), ("max 3\n", true), ("maximum 3\n", false)] {
            fs::write(directory.join("pids.events"), events).unwrap();
            assert_eq!(group.ran_out_of_processes(), refused, "{layout:?}: {events}");
        }
    }
}

#[test]
fn what_is_left_of_a_group_is_taken_away_once_nothing_is_in_it() {
    let tree = unified(&[("", BOTH)]);
    let (group, directory) = group_in(&tree);
    let left = Left::below(&group.hierarchy, "run");
    // Its files are here what its processes are to the kernel.
    assert!(!left.tidy());
    drop(group);
    assert!(!left.tidy() && directory.is_dir());
    for file in fs::read_dir(&directory).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    fs::remove_file(tree.path("reeve-tools/cgroup.subtree_control")).unwrap();
    assert!(left.tidy());
    assert!(!tree.path("reeve-tools").exists(), "and what it lay in, when nobody else has that");
    assert!(left.tidy(), "and again");
}
