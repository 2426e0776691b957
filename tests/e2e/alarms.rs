//! The second channel on an installed host: its own user, who has nothing else, tells that people cannot be asked.

use std::process::{Child, Command};

use serde_json::json;

use crate::as_user;
use crate::host::*;
use crate::servers::{KEY, Web};

const CONFIG: &str = "/etc/reeve/alarms.toml";
const SECRET: &str = "/etc/reeve/alarms/ops.key";
const REEVE: &str = "/usr/local/bin/reeve";

/// What delivers, and the configuration; both are gone when it is dropped.
struct Alarms(Child);

impl Alarms {
    fn to(hook: &Web) -> Self {
        let text = format!(
            "down_for = \"1s\"\n[[webhook]]\nname = \"ops\"\nurl = \"http://127.0.0.1:{}\"\nkey = \"{SECRET}\"\n",
            hook.port
        );
        std::fs::write(CONFIG, text).unwrap();
        std::fs::write(SECRET, KEY).unwrap();
        sh(&format!("chmod 0640 {SECRET} && chown root:reeve-alarms {SECRET} && chmod 0644 {CONFIG}"));
        script(&["hup", "gate"]);
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--reuid", "reeve-alarms", "--regid", "reeve-alarms", "--init-groups", "--"]);
        Self(command.args([REEVE, "alarms", "deliver"]).spawn().unwrap())
    }
}

impl Drop for Alarms {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        for file in [CONFIG, SECRET] {
            std::fs::remove_file(file).unwrap();
        }
        script(&["hup", "gate"]);
    }
}

fn sh(command: &str) {
    assert!(Command::new("/bin/sh").args(["-c", command]).status().unwrap().success(), "{command}");
}

#[test]
fn whoever_delivers_alarms_tells_that_nobody_can_be_asked_and_can_do_nothing_else() {
    up();
    let hook = Web::start(200);
    let alarms = Alarms::to(&hook);
    let tried = as_user("reeve-alarms", &[REEVE, "alarms", "test"]);
    assert!(tried.status.success(), "{tried:?}");
    hook.hears("test");
    script(&["kill", "signal"]);
    wait_until("the channel is down", || get("librarian", "/health").body["approvals"] == "down");
    let refused = zfs_op("librarian", "destroy", "tank/media", json!({"recursive": true}));
    assert_eq!((refused.code, &refused.body["code"]), (503, &json!("no_channel")), "{refused:?}");
    let told = hook.hears("not_asked").body;
    assert!(told["text"].as_str().unwrap().contains("librarian asked for zfs.destroy"), "{told}");
    hook.hears("channel_down");
    script(&["start", "signal"]);
    hook.hears("channel_up");
    is_well();
    for reads in [
        "cat /var/lib/reeve/grant.key",
        "cat /var/lib/reeve/state.redb",
        "cat /var/log/reeve/audit.jsonl",
        "cat /etc/reeve/gate.toml",
        "cat /etc/reeve/tls/server.key",
        "touch /var/lib/reeve-alarms/waiting/al_1.json",
        "sudo -n true",
    ] {
        let output = as_user("reeve-alarms", &["/bin/sh", "-c", reads]);
        assert!(!output.status.success(), "{reads}: {output:?}");
    }
    let gates = as_user("reeve-gate", &["/bin/cat", SECRET]);
    assert!(!gates.status.success(), "{gates:?}");
    drop(alarms);
    is_well();
}
