//! The processes around a tool in the real chain: what they are after a run, and what is left when one of them is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::chain::{Stage, ask, ended};
use super::egress::Net;
use super::fixture::{USER, processes_of, processes_of_the_user, python, sha256};
use crate::host::*;

/// Everything of a process that a run could have changed.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// Ids, rights, filters and signals, of all of its threads.
    threads: BTreeSet<Vec<String>>,
    /// What its descriptors lead to, and how many to each.
    descriptors: BTreeMap<String, usize>,
    /// Its directory, its root and its namespaces.
    links: Vec<PathBuf>,
    /// Its limits, its control groups, its mounts, and how soon the kernel ends it without memory.
    files: Vec<String>,
    children: String,
}

impl Seen {
    fn of(name: &str) -> Seen {
        let process = std::fs::read_to_string(format!("{DIR}/{name}.pid")).unwrap();
        let process = process.trim();
        let at = |what: &str| PathBuf::from(format!("/proc/{process}/{what}"));
        let links = ["cwd", "root", "exe"].map(|what| std::fs::read_link(at(what)).unwrap()).into_iter();
        let namespaces = entries(&at("ns")).into_iter().map(|one| std::fs::read_link(one).unwrap());
        let mut descriptors = BTreeMap::new();
        // The network side keeps as many of these as it once needed.
        let callers = sockets_at("/run/reeve/gate.sock");
        // One may be closed meanwhile.
        for leads in entries(&at("fd")).iter().filter_map(|one| std::fs::read_link(one).ok()) {
            let leads = leads.display().to_string();
            if callers.iter().any(|inode| leads == format!("socket:[{inode}]")) {
                continue;
            }
            // A pipe or socket is another one each time.
            let kind = leads.split_once(":[").map_or(leads.as_str(), |(kind, _)| kind);
            *descriptors.entry(kind.to_owned()).or_default() += 1;
        }
        let children = Command::new("/usr/bin/pgrep").args(["-P", process]).output().unwrap().stdout;
        Seen {
            threads: entries(&at("task")).iter().filter_map(|one| of_a_thread(one)).collect(),
            descriptors,
            links: links.chain(namespaces).collect(),
            files: ["limits", "cgroup", "mountinfo", "oom_score_adj", "personality"]
                .map(|what| std::fs::read_to_string(at(what)).unwrap())
                .to_vec(),
            children: String::from_utf8(children).unwrap(),
        }
    }
}

/// The inodes of sockets that were accepted at a path, and of the one that listens there.
fn sockets_at(path: &str) -> Vec<String> {
    let all = std::fs::read_to_string("/proc/net/unix").unwrap();
    let inode = |line: &str| line.split_ascii_whitespace().nth(6).map(str::to_owned);
    all.lines().filter(|line| line.ends_with(path)).filter_map(inode).collect()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut listed: Vec<_> = listed.collect();
    listed.sort();
    listed
}

/// Nothing of one that has just ended.
fn of_a_thread(thread: &Path) -> Option<Vec<String>> {
    let kept = ["Umask", "Uid", "Gid", "Groups", "Cap", "NoNewPrivs", "Seccomp", "SigBlk", "SigIgn"];
    let status = std::fs::read_to_string(thread.join("status")).ok()?;
    let lines = status.lines().filter(|line| kept.iter().any(|kept| line.starts_with(kept)));
    Some(lines.map(str::to_owned).collect())
}

#[test]
fn row_010_the_launcher_and_the_gate_are_after_a_run_as_before() {
    let _stage = Stage::new();
    let look = || ["launcher", "gate"].map(Seen::of);
    let run = |tool: &str, status| {
        let answer = ended(&ask(tool, "x", 0, status, json!({"input": "given"})));
        assert_eq!(answer.body["exit_code"], json!(status), "{answer:?}");
    };
    // Connections are opened once, and kept.
    run("probe", 0);
    let before = look();
    // The control: while a tool runs, both have what it takes.
    let running = thread::spawn(|| ask("keeper", "x", 2, 0, json!({})));
    wait_until("the tool runs", || !processes_of_the_user().is_empty());
    let meanwhile = look();
    for (before, meanwhile) in before.iter().zip(&meanwhile) {
        assert_ne!(before.descriptors, meanwhile.descriptors);
    }
    assert_ne!(before[0].children, meanwhile[0].children);
    assert_eq!(ended(&running.join().unwrap()).state(), "succeeded");
    for tool in ["probe", "keeper"] {
        run(tool, 0);
        run(tool, 3);
    }
    let by_its_limit = ended(&ask("probe", "x", 60, 0, json!({})));
    assert_eq!(by_its_limit.body["result"]["ended"]["by"], "limit", "{by_its_limit:?}");
    comes_back_to(&before, look);
}

/// What has just ended may still be about to close.
fn comes_back_to<T: std::fmt::Debug + PartialEq>(before: &T, look: impl Fn() -> T) {
    let began = Instant::now();
    while look() != *before && began.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(look(), *before);
}

/// What a run could leave on the host.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    mounts: String,
    files: Vec<PathBuf>,
    processes: String,
}

impl Left {
    fn look() -> Left {
        let user = reeve::sys::ids::user(USER).unwrap().unwrap().uid;
        let is_the_tools = |path: &PathBuf| std::fs::symlink_metadata(path).is_ok_and(|at| at.uid() == user);
        let places = ["/tmp", "/dev/shm", "/run", "/var/lib/reeve-tools/fresh", "/var/lib/reeve-tools/named"];
        let named = |name: &str| Command::new("/usr/bin/pgrep").args(["-x", name]).output().unwrap().stdout;
        let named = [named("reeve-tool"), named("bwrap"), named("reeve-egress")].concat();
        Left {
            mounts: std::fs::read_to_string("/proc/self/mountinfo").unwrap(),
            // Others write to the machine's /tmp meanwhile: what counts is what is the tool's.
            files: places.iter().flat_map(|place| entries(Path::new(place))).filter(is_the_tools).collect(),
            processes: processes_of_the_user()
                + &processes_of("reeve-egress")
                + &String::from_utf8(named).unwrap(),
        }
    }
}

/// Groups of runs in which nothing runs, and that nobody holds. Others may use the machine's hierarchy meanwhile.
fn groups_left() -> BTreeSet<PathBuf> {
    let tops = ["", "memory/", "pids/", "cpuacct/"].map(|one| format!("/sys/fs/cgroup/{one}reeve-tools"));
    let all = tops.iter().filter_map(|top| std::fs::read_dir(top).ok()).flatten().flatten();
    let is_nobodys = |group: &PathBuf| {
        let is_empty = std::fs::read_to_string(group.join("cgroup.procs")).is_ok_and(|all| all.is_empty());
        is_empty && std::fs::File::open(group).is_ok_and(|group| group.try_lock().is_ok())
    };
    all.map(|entry| entry.path()).filter(is_nobodys).collect()
}

const MARK: &str = "86381";
/// Longer than it takes to end what has been killed, and short enough to wait for.
const SECONDS: u64 = 10;

/// A declaration of a tool that says something, has children, leaves files where it can, and does not end.
fn waits(tier: &str, workspace: &str, more: &str, before: &str) -> String {
    let program = python();
    let code = format!(
        "import os, socket, time\n{before}\nfor place in ('.', '/tmp'): open(place + '/left', 'w')\nprint('on', flush=True)\n\
         if os.fork() == 0: os.setsid()\ntime.sleep({MARK})"
    );
    format!(
        "about = \"waits\"\nprogram = \"{program}\"\nsha256 = \"{}\"\nruns_code = true\ntier = \"{tier}\"\nworkspace = \"{workspace}\"\n\
         {more}arguments = [\"-c\", {code:?}]\n[limits]\nwall_clock = \"{SECONDS}s\"\n\
         [parameters]\ntype = \"object\"\nadditionalProperties = false\n",
        sha256(&program)
    )
}

fn run(tool: &str) -> Answer {
    op("librarian", json!({"kind": "tool", "op": "run", "resource": tool, "params": {"arguments": {}}}))
}

fn executing() -> Vec<String> {
    let listed = get("librarian", "/host/op?state=executing&limit=100");
    let all = listed.body["operations"].as_array().cloned().unwrap_or_default();
    let mut ids: Vec<_> = all.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

/// Has the tools run through the whole chain, and looks whether nothing of them is left a moment after something was killed.
fn killed_under(tools: &[&'static str], kill: impl FnOnce()) -> Vec<String> {
    assert_eq!(processes_of_the_user(), "");
    let (before, groups) = (Left::look(), groups_left());
    let callers: Vec<_> = tools.iter().map(|&tool| thread::spawn(move || run(tool))).collect();
    // Each has a child.
    wait_until("the tools run", || processes_of_the_user().matches(MARK).count() == 2 * tools.len());
    let ids = executing();
    assert_eq!(ids.len(), tools.len());
    kill();
    let killed = Instant::now();
    wait_until("nothing of them runs", || processes_of_the_user().is_empty());
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
    comes_back_to(&before, Left::look);
    wait_until("no group is left", || groups_left().is_subset(&groups));
    // A caller hears what there is to hear, or that the gate is not there.
    callers.into_iter().for_each(|caller| drop(caller.join()));
    ids
}

fn nobody_saw_the_end_of_what_ran_when_this_was_killed(name: &str, (kind, why): (&str, &str)) {
    let tools = [("waits-b", waits("b", "principal", "", "")), ("waits-c", waits("c", "fresh", "", ""))];
    let names = tools.each_ref().map(|(name, _)| *name);
    let _stage = Stage::of(&tools, &names);
    let ids = killed_under(&names, || script(&["kill", name]));
    script(&["start", name]);
    is_well();
    // A grant that nobody saw the end of is good for a while, and so long nobody says that it is over.
    assert_eq!(executing(), ids);
    for id in ids {
        let end = end_of("librarian", &id);
        assert_eq!((end.state(), &end.body["result"]), ("failed", &json!({"ended": "unseen"})), "{end:?}");
        let kept =
            "the tool was ended with its wrapper; what it had written to a workspace that stays is there";
        assert_eq!(end.body["error"], format!("{why}; {kept}"));
        assert_eq!(kinds_of(&id), ["decision", "grant_signed", kind]);
    }
    assert!(Path::new("/var/lib/reeve-tools/principal/librarian/left").exists());
    // And it all works again.
    let again = ended(&run("waits-c"));
    assert_eq!(again.body["result"]["ended"], json!({"by": "limit", "limit": "wall_clock"}), "{again:?}");
}

#[test]
fn row_115_a_tool_ends_with_a_launcher_that_is_killed_and_the_operation_says_that_nobody_saw_its_end() {
    let why = "the launcher went away while the step ran";
    nobody_saw_the_end_of_what_ran_when_this_was_killed("launcher", ("outcome", why));
}

#[test]
fn row_115_a_tool_ends_with_a_gate_that_is_killed_and_the_operation_says_that_nobody_saw_its_end() {
    let why = "the gate was stopped while it ran";
    nobody_saw_the_end_of_what_ran_when_this_was_killed("gate", ("reconciled", why));
}

#[test]
fn row_115_a_tool_ends_with_its_proxy_and_is_told_as_killed_with_nothing_said_of_whom_it_reached() {
    let net = Net::new();
    let egress = format!("egress = \"strict\"\negress_allow = [\"listed.test:{}\"]\n", net.port);
    let reaches = format!(
        "c = socket.create_connection(('127.0.0.1', 3128))\nc.send(b'CONNECT listed.test:{} HTTP/1.1\\r\\n\\r\\n')\n\
         print(c.recv(100).decode().split(' ')[1])",
        net.port
    );
    let _stage = Stage::of(&[("reaches", waits("c", "fresh", &egress, &reaches))], &["reaches"]);
    let ids = killed_under(&["reaches"], || {
        let proxy = processes_of("reeve-egress");
        let proxy = proxy.split(' ').next().unwrap();
        assert!(Command::new("/bin/kill").args(["-9", proxy]).status().unwrap().success());
    });
    let [id] = ids.as_slice() else { panic!("{ids:?}") };
    let end = end_of("librarian", id);
    let result = &end.body["result"];
    // It had reached somebody, which is what cannot be counted any more.
    assert_eq!(result["output"]["stdout"]["text"], "200\non\n", "{end:?}");
    assert_eq!((end.state(), &end.body["error"]), ("failed", &json!("the tool was ended by signal 9")));
    assert_eq!(
        (&result["ended"], &result["egress"], &result["confined"]["egress"]),
        (&json!({"by": "signal", "signal": 9}), &Value::Null, &json!("strict"))
    );
}
