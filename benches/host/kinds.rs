//! What an operation of each kind takes, from asking to its answer, against the bare command with `sudo -n`.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::figures::{ROUNDS, median, print};
use crate::load::Connection;
use crate::processes::{Place, run};
use crate::reeve::{Reeve, Rules};

/// How often in each round; a playbook's run takes seconds, so once.
const TIMES: usize = 5;
const WORK: &str = "/var/lib/repos";
const PLAYBOOK: &str = "/etc/reeve/playbooks/motd";

/// An operation, and the command that a person would type for it.
struct Case {
    name: &'static str,
    operation: Value,
    /// Words of a shell, after `sudo -n`. `N` is another number each time, as it is in the operation.
    bare: &'static str,
    /// What a shell does before each of both, which nobody's time counts.
    before: &'static str,
}

fn case(name: &'static str, operation: Value, bare: &'static str, before: &'static str) -> Case {
    Case { name, operation, bare, before }
}

/// git, Proxmox containers and playbooks, on the host of the end-to-end tests.
pub(crate) async fn measure() {
    prepare_repository();
    prepare_container();
    let digest = prepare_playbook();
    let rules = Rules {
        contract: "[[allow]]\noperations = [\"git.status\", \"git.log\", \"git.diff\", \"git.branches\", \"git.fetch\", \"git.checkout\", \
                   \"git.reset\"]\nrepositories = [\"/var/lib/repos\"]\n\
                   [[allow]]\noperations = [\"pct.list\", \"pct.status\", \"pct.config\", \"pct.snapshot\", \"pct.set\", \"pct.start\", \
                   \"pct.stop\"]\ncontainers = [\"101\"]\n\
                   [[allow]]\noperations = [\"ansible.check\", \"ansible.run\"]\nplaybooks = [\"motd\"]\n",
        gate: &format!("[ansible.playbook.motd]\npath = \"{PLAYBOOK}/site.yml\"\nsha256 = \"{digest}\"\n"),
    };
    let reeve = Reeve::up_with(Place::Anywhere, &rules).await;
    for case in git().into_iter().chain(pct()).chain(ansible()) {
        figure(&reeve, &case).await;
    }
}

/// systemd's, on a host that has one running (`benches/on-systemd.sh`).
pub(crate) async fn measure_systemd() {
    let unit = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n";
    std::fs::write("/etc/systemd/system/bench.service", unit).unwrap();
    shell("systemctl daemon-reload; systemctl enable bench.service");
    let rules = Rules {
        contract: "[[allow]]\noperations = [\"systemd.status\", \"systemd.show\", \"systemd.logs\", \"systemd.start\", \"systemd.restart\", \
                   \"systemd.stop\", \"systemd.enable\", \"systemd.disable\"]\nunits = [\"bench.service\"]\n",
        // How long a state is held is waited for, and no work.
        gate: "[systemd]\nhold = \"0s\"\n",
    };
    let reeve = Reeve::up_with(Place::Anywhere, &rules).await;
    for case in systemd() {
        figure(&reeve, &case).await;
    }
}

fn git() -> Vec<Case> {
    let op = |op: &str, params: Value| json!({"kind": "git", "op": op, "resource": format!("{WORK}/app"), "params": params});
    vec![
        case(
            "git_status",
            op("status", json!({})),
            "-u librarian git -C /var/lib/repos/app status --porcelain=v2 -z --branch",
            "",
        ),
        case(
            "git_log",
            op("log", json!({"count": 20})),
            "-u librarian git -C /var/lib/repos/app log --max-count=20",
            "",
        ),
        case(
            "git_diff",
            op("diff", json!({"from": "HEAD~1", "to": "HEAD"})),
            "-u librarian git -C /var/lib/repos/app diff HEAD~1 HEAD",
            "",
        ),
        case(
            "git_branches",
            op("branches", json!({})),
            "-u librarian git -C /var/lib/repos/app for-each-ref",
            "",
        ),
        case(
            "git_fetch",
            op("fetch", json!({})),
            "-u librarian git -C /var/lib/repos/app fetch origin",
            BEHIND,
        ),
        case(
            "git_checkout",
            op("checkout", json!({"branch": "side"})),
            "-u librarian git -C /var/lib/repos/app checkout side",
            ON_MAIN,
        ),
        case(
            "git_reset",
            op("reset", json!({"to": "HEAD~1"})),
            "-u librarian git -C /var/lib/repos/app reset --hard HEAD~1",
            ON_MAIN,
        ),
    ]
}

const BEHIND: &str = "setpriv --reuid librarian --regid librarian --init-groups \
                      git -C /var/lib/repos/app update-ref refs/remotes/origin/main HEAD~1";
const ON_MAIN: &str = "setpriv --reuid librarian --regid librarian --init-groups sh -c \
                       'cd /var/lib/repos/app && git checkout -q main && git reset -q --hard origin/main'";

fn pct() -> Vec<Case> {
    let op = |op: &str, params: Value| json!({"kind": "pct", "op": op, "resource": "101", "params": params});
    vec![
        case("pct_status", op("status", json!({})), "/usr/sbin/pct status 101", ""),
        case("pct_config", op("config", json!({})), "/usr/sbin/pct config 101", ""),
        case("pct_snapshot", op("snapshot", json!({"name": "sN"})), "/usr/sbin/pct snapshot 101 bN", ""),
        case(
            "pct_set",
            op("set", json!({"changes": {"memory": "300"}})),
            "/usr/sbin/pct set 101 --memory=300",
            "pct set 101 --memory=256",
        ),
        case(
            "pct_start",
            op("start", json!({})),
            "/usr/sbin/pct start 101",
            "pct stop 101 2>/dev/null || true",
        ),
        case(
            "pct_stop",
            op("stop", json!({})),
            "/usr/sbin/pct stop 101",
            "pct start 101 2>/dev/null || true",
        ),
    ]
}

fn ansible() -> Vec<Case> {
    let op = |op: &str| json!({"kind": "ansible", "op": op, "resource": "motd", "params": {}});
    let nothing_yet = "rm -f /var/lib/reeve-bench-motd";
    vec![
        case(
            "ansible_check",
            op("check"),
            "ansible-playbook -c local -i localhost, --check --diff /etc/reeve/playbooks/motd/site.yml",
            nothing_yet,
        ),
        case(
            "ansible_run",
            op("run"),
            "ansible-playbook -c local -i localhost, /etc/reeve/playbooks/motd/site.yml",
            nothing_yet,
        ),
    ]
}

fn systemd() -> Vec<Case> {
    let op = |op: &str| json!({"kind": "systemd", "op": op, "resource": "bench.service", "params": {}});
    vec![
        case("systemd_status", op("status"), "systemctl show bench.service", ""),
        case("systemd_logs", op("logs"), "journalctl --unit bench.service --lines 100 --output json", ""),
        case("systemd_start", op("start"), "systemctl start bench.service", "systemctl stop bench.service"),
        case(
            "systemd_restart",
            op("restart"),
            "systemctl restart bench.service",
            "systemctl start bench.service",
        ),
        case("systemd_stop", op("stop"), "systemctl stop bench.service", "systemctl start bench.service"),
        case(
            "systemd_disable",
            op("disable"),
            "systemctl disable bench.service",
            "systemctl enable bench.service",
        ),
        case(
            "systemd_enable",
            op("enable"),
            "systemctl enable bench.service",
            "systemctl disable bench.service",
        ),
    ]
}

async fn figure(reeve: &Reeve, case: &Case) {
    let mut connection = reeve.client().connect().await.unwrap();
    let (mut asked, mut bare) = (Vec::new(), Vec::new());
    let times = if case.name.starts_with("ansible") { 1 } else { TIMES };
    for round in 0..ROUNDS {
        let (mut through_reeve, mut by_sudo) = (Vec::new(), Vec::new());
        for time in 0..times {
            let number = (round * times + time).to_string();
            shell(case.before);
            by_sudo.push(timed(|| shell(&format!("sudo -n {} >/dev/null", case.bare.replace('N', &number)))));
            shell(case.before);
            let text = case.operation.to_string().replace("\"sN\"", &format!("\"s{number}\""));
            let began = Instant::now();
            ask(&mut connection, case.name, text).await;
            through_reeve.push(began.elapsed().as_secs_f64() * 1e3);
        }
        asked.push(median(&through_reeve));
        bare.push(median(&by_sudo));
    }
    print(case.name, (&asked, "ms"), &bare, "none");
}

/// Submits, and waits for what takes longer than an answer does.
async fn ask(connection: &mut Connection, name: &str, operation: String) {
    let mut answer = connection.submit(operation).await;
    while word(&answer, "final") == "false" && word(&answer, "state") != "pending" {
        answer = connection.wait_for(&word(&answer, "id")).await;
    }
    assert_eq!(word(&answer, "state"), "succeeded", "{name}: {answer}");
}

fn word(answer: &Value, field: &str) -> String {
    let value = answer.get(field).unwrap();
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1e3
}

fn shell(script: &str) {
    if !script.is_empty() {
        run(Command::new("/bin/sh").args(["-c", script]).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"));
    }
}

fn prepare_repository() {
    shell(
        "mkdir -p /var/lib/repos && chown librarian: /var/lib/repos && \
         setpriv --reuid librarian --regid librarian --init-groups env HOME=/nonexistent GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x@y \
         GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x@y sh -ec '\
         cd /var/lib/repos; git init -q -b main app; git init -q --bare -b main mirror/app.git; cd app; \
         for number in $(seq 40); do seq $number >file-$number; git add .; git commit -q -m \"commit $number\"; done; \
         git remote add origin file:///var/lib/repos/mirror/app.git; git push -q -u origin main; git branch side HEAD~5'",
    );
}

fn prepare_container() {
    shell("pct create 101 local:vztmpl/debian-12.tar.zst --hostname=bench --memory=256 --rootfs=local-zfs:2");
}

fn prepare_playbook() -> String {
    std::fs::create_dir_all(PLAYBOOK).unwrap();
    let playbook = "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - name: the message\n      \
                    copy: {content: \"Back at ten\\n\", dest: /var/lib/reeve-bench-motd, mode: \"0644\"}\n";
    std::fs::write(Path::new(PLAYBOOK).join("site.yml"), playbook).unwrap();
    let listing = "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum";
    let listed = run(Command::new("/bin/sh").args(["-c", listing]).current_dir(PLAYBOOK));
    listed.split(' ').next().unwrap().to_owned()
}
