//! Traces on an installed host: its own user, who has nothing else, takes them to a collector, which sees each program's part.

use std::process::{Child, Command};

use serde_json::json;

use crate::as_user;
use crate::collector::{Collector, Seen};
use crate::host::*;

const CONFIG: &str = "/etc/reeve/traces.toml";
const TOKEN: &str = "/etc/reeve/traces/token";
const REEVE: &str = "/usr/local/bin/reeve";

/// What sends, and the configuration; both are gone when it is dropped.
struct Traces(Child);

impl Traces {
    fn to(collector: &Collector) -> Self {
        std::fs::write(CONFIG, format!("endpoint = \"{}\"\ntoken = \"{TOKEN}\"\n", collector.endpoint()))
            .unwrap();
        std::fs::write(TOKEN, "s3cr3t\n").unwrap();
        sh(&format!("chmod 0640 {TOKEN} && chown root:reeve-traces {TOKEN} && chmod 0644 {CONFIG}"));
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--reuid", "reeve-traces", "--regid", "reeve-traces", "--init-groups", "--"]);
        let sending = Self(command.args([REEVE, "traces", "export"]).spawn().unwrap());
        reload();
        sending
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        for file in [CONFIG, TOKEN] {
            std::fs::remove_file(file).unwrap();
        }
        reload();
    }
}

/// The gate and the network side read their files again, and are done with it.
fn reload() {
    let reloads = || records().iter().filter(|record| record["kind"] == "config_reloaded").count();
    let before = reloads();
    script(&["hup", "gate"]);
    script(&["hup", "front"]);
    wait_until("both have reloaded", || reloads() >= before + 2);
}

fn sh(command: &str) {
    assert!(Command::new("/bin/sh").args(["-c", command]).status().unwrap().success(), "{command}");
}

fn one<'a>(seen: &'a [Seen], service: &str, name: &str) -> &'a Seen {
    seen.iter()
        .find(|span| span.service == service && span.name == name)
        .unwrap_or_else(|| panic!("no {service} {name}: {seen:#?}"))
}

#[test]
fn whoever_sends_traces_sees_no_secret_and_can_do_nothing_else() {
    up();
    let collector = Collector::start(&[]);
    let traces = Traces::to(&collector);
    let done = zfs_op("librarian", "snapshot", "tank/media", json!({"name": "traced-s3cr3t"}));
    assert_eq!((done.code, &done.body["state"]), (200, &json!("succeeded")), "{done:?}");
    // The caller named no trace, so it has one of its own, whose name the audit log knows.
    let id = done.body["id"].as_str().unwrap();
    let decision = records_of(id).into_iter().find(|record| record["kind"] == "decision").unwrap();
    let trace = decision["detail"]["trace"].as_str().unwrap().to_owned();
    let names = ["reeved POST /host/op", "reeve-gate zfs.snapshot", "reeve-launcher launch", "reeve-zfs run"];
    let seen = collector.hears(&trace, &names);
    let front = one(&seen, "reeved", "POST /host/op");
    assert_eq!((&front.parent, front.kind, front.failed), (&None, 2, false), "{front:?}");
    assert_eq!(front.attributes["http.response.status_code"], 200);
    assert_eq!(one(&seen, "reeve-gate", "submit").parent.as_ref(), Some(&front.id));
    let (launch, ran) = (one(&seen, "reeve-launcher", "launch"), one(&seen, "reeve-zfs", "run"));
    assert_eq!(ran.parent.as_ref(), Some(&launch.id));
    assert!(front.start <= launch.start && launch.end <= front.end, "{front:?} {launch:?}");
    assert!(!format!("{:?}", collector.seen()).contains("s3cr3t"));
    assert!(!format!("{:?}", collector.seen()).contains("tank"));
    for reads in [
        "cat /var/lib/reeve/grant.key",
        "cat /var/lib/reeve/state.redb",
        "cat /var/log/reeve/audit.jsonl",
        "cat /etc/reeve/gate.toml",
        "cat /etc/reeve/tls/server.key",
        "sudo -n true",
    ] {
        let output = as_user("reeve-traces", &["/bin/sh", "-c", reads]);
        assert!(!output.status.success(), "{reads}: {output:?}");
    }
    for others in ["reeve-gate", "reeve"] {
        let read = as_user(others, &["/bin/cat", TOKEN]);
        assert!(!read.status.success(), "{read:?}");
    }
    drop(traces);
    is_well();
}
