//! Files of the host that a test changes and that are as before when the test ends, however it ends.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::host::*;

/// A file of configuration. What is written keeps its owner and mode.
pub struct Edited {
    path: PathBuf,
    before: String,
}

impl Edited {
    pub fn new(path: &str) -> Self {
        Self { path: PathBuf::from(path), before: std::fs::read_to_string(path).unwrap() }
    }

    pub fn before(&self) -> &str {
        &self.before
    }

    pub fn write(&self, text: &str) {
        std::fs::write(&self.path, text).unwrap();
    }

    pub fn replace(&self, from: &str, to: &str) {
        assert!(self.before.contains(from), "{} has no {from:?}", self.path.display());
        self.write(&self.before.replace(from, to));
    }
}

impl Drop for Edited {
    fn drop(&mut self) {
        std::fs::write(&self.path, &self.before).unwrap();
        // A test that stopped the processes starts them, and they read it then.
        drop(reload());
    }
}

/// Has the gate read its files as root does at the console, which alone may change who may approve what, and then
/// `POST /admin/reload`, or nothing where nobody answers.
pub fn reload() -> Option<Answer> {
    reload_at_the_console();
    reload_from_the_network()
}

fn reload_at_the_console() {
    let reloads = || {
        let log = std::fs::read_to_string(AUDIT).unwrap_or_default();
        // The network side's own come a moment later.
        log.matches("\"of\":\"reeve-gate\"").count()
    };
    let before = reloads();
    let told =
        Command::new("/bin/sh").args(["-c", &format!("kill -HUP $(cat {DIR}/gate.pid)")]).output().unwrap();
    if !told.status.success() {
        return;
    }
    // A gate that is stopped by a test, or whose log takes nothing, does not say that it has read them.
    let begun = std::time::Instant::now();
    while reloads() == before && begun.elapsed() < std::time::Duration::from_secs(5) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// `POST /admin/reload`, or nothing where nobody answers.
pub fn reload_from_the_network() -> Option<Answer> {
    let url = format!("{URL}/admin/reload");
    let output = curl("operator", &["--request", "POST", "--write-out", "\n%{http_code}", &url]);
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, code) = text.rsplit_once('\n')?;
    let body = serde_json::from_str(body).unwrap_or_else(|_| json!(body));
    output.status.success().then(|| Answer { code: code.parse().unwrap(), body })
}

const HELD: &str = "/run/reeve-host/held";
const REAL: &str = "/usr/local/lib/reeve-e2e/zfs";

/// As long as this lives, root's `zfs SUBCOMMAND` waits before it does anything: a pool that takes its time.
pub struct SlowZfs {
    file: PathBuf,
}

impl SlowZfs {
    pub fn holding(subcommand: &str) -> Self {
        if !Path::new(REAL).exists() {
            std::fs::create_dir_all("/usr/local/lib/reeve-e2e").unwrap();
            sh(&format!("mv /usr/sbin/zfs {REAL}"));
            let script = format!(
                "#!/bin/sh\nif [ -e {HELD}/$1 ] && [ \"$(/usr/bin/id -u)\" = 0 ]; then\n  echo \"$*\" >>{HELD}/ran\n  \
                 while [ -e {HELD}/$1 ]; do /bin/sleep 0.02; done\nfi\nexec {REAL} \"$@\"\n"
            );
            std::fs::write("/usr/sbin/zfs", script).unwrap();
            sh("chmod 0755 /usr/sbin/zfs");
        }
        sh(&format!("mkdir -p {HELD} && : >{HELD}/ran && : >{HELD}/{subcommand}"));
        Self { file: Path::new(HELD).join(subcommand) }
    }

    /// The command lines that came to wait.
    pub fn arrived(&self) -> Vec<String> {
        std::fs::read_to_string(format!("{HELD}/ran")).unwrap().lines().map(str::to_owned).collect()
    }

    pub fn wait_for_one(&self) {
        wait_until("a command waits", || !self.arrived().is_empty());
    }
}

impl Drop for SlowZfs {
    fn drop(&mut self) {
        std::fs::remove_file(&self.file).unwrap();
    }
}

pub fn sh(command: &str) {
    let output = Command::new("/bin/sh").args(["-c", command]).output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
}

/// Something else at a path while this lives, in this host's own mounts.
pub struct Covered(&'static str);

impl Covered {
    pub fn with(path: &'static str, by: &str) -> Covered {
        assert!(Command::new("/bin/mount").args(["--bind", by, path]).status().unwrap().success());
        Covered(path)
    }
}

impl Drop for Covered {
    fn drop(&mut self) {
        assert!(Command::new("/bin/umount").arg(self.0).status().unwrap().success());
    }
}
