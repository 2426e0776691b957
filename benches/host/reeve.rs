//! Reeve as it is installed, brought up by `demo/host.sh`, with limits that a measurement needs and a rule for `evaluate`.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use http::Method;
use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::load::{Client, Question};
use crate::processes::{Place, family, program, run};

pub(crate) const DIR: &str = "/run/reeve-host";
pub(crate) const PORT: u16 = 18443;
/// How many revoked certificates the list has.
const REVOKED: u64 = 1000;
/// What the fake's pool says it is made of.
const DISK: &str = "/run/bench-tank.img";
const POLICY: &str = "/etc/reeve/policy.star";
const CONTRACT: &str = "/etc/reeve/contracts/librarian.toml";
const GATE: &str = "/etc/reeve/gate.toml";
const EVERYTHING: &str = "def evaluate(tool, args, context):\n    return allow(\"it is measured\")\n";
const CONFIGURATION: &str = "/etc/reeve/reeved.toml";
const LIMITS: &str = "\n[limits]\nconnections = 4096\nconnections_per_principal = 4096\n\
                      requests_per_second = 1000000\nburst = 1000000\nidle_timeout = \"10m\"\n";
const RULE: &str = "def evaluate(tool, args, context):\n    if tool == \"mail.send\" and args[\"to\"] == \"staff\":\n        \
                    return allow(\"letters within the house\")\n";

/// How `gate` keeps its promises.
#[derive(Clone, Copy)]
pub(crate) enum Sync {
    Real,
    /// `fdatasync` does nothing: only to know what it costs.
    None,
}

/// How the launcher gets root.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    Sudo,
    Direct,
}

/// What the librarian may do in a measurement, all of it without a person: more of a contract, and of `gate.toml`.
pub(crate) struct Rules<'a> {
    pub(crate) contract: &'a str,
    pub(crate) gate: &'a str,
}

/// A running host.
pub(crate) struct Reeve(Place);

impl Reeve {
    pub(crate) async fn up(place: Place) -> Self {
        run(Command::new("truncate").args(["--size", "512M", DISK]));
        run(Command::new("/usr/sbin/zpool").args(["create", "tank", DISK]));
        for dataset in ["tank/media", "tank/media/photographs", "tank/media/music"] {
            run(Command::new("/usr/sbin/zfs").args(["create", dataset]));
        }
        let reeve = Self(place);
        reeve.script(&["up"]);
        edit(CONFIGURATION, |text| text + LIMITS);
        edit(POLICY, |text| text.replacen("def evaluate(tool, args, context):\n", RULE, 1));
        std::fs::write("/etc/reeve/tls/ca.crl", long_crl()).unwrap();
        for name in ["gate", "front"] {
            reeve.restart(name).await;
        }
        reeve
    }

    /// A host whose rules let the librarian do what is measured.
    pub(crate) async fn up_with(place: Place, rules: &Rules<'_>) -> Self {
        let reeve = Self(place);
        reeve.script(&["up"]);
        edit(CONFIGURATION, |text| text + LIMITS);
        edit(POLICY, |_| EVERYTHING.to_owned());
        edit(CONTRACT, |text| format!("{text}\n{}", rules.contract));
        edit(GATE, |text| format!("{text}\n{}", rules.gate));
        for name in ["gate", "front"] {
            reeve.script(&["stop", name]);
            reeve.script(&["start", name]);
        }
        reeve.client().until_right(&health()).await;
        reeve
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(PORT, &pki())
    }

    pub(crate) async fn gate_with(&self, sync: Sync) {
        self.script(&["stop", "gate"]);
        let mut command = self.host_sh(&["start", "gate"]);
        if let Sync::None = sync {
            command.env("LD_PRELOAD", "libeatmydata.so");
        }
        run(&mut command);
        self.client().until_right(&evaluate()).await;
    }

    pub(crate) fn launcher_with(&self, start: Start) {
        self.script(&["stop", "launcher"]);
        // Made by another user, in a directory where each removes only what is their own.
        std::fs::remove_file("/run/reeve/launcher.sock").unwrap();
        let word = match start {
            Start::Sudo => "sudo",
            Start::Direct => "direct",
        };
        run(self.host_sh(&["start", "launcher"]).env("REEVE_START", word));
    }

    /// reeved, the gate with its policy worker, and the launcher.
    pub(crate) fn processes(&self) -> Vec<u32> {
        ["front", "gate", "launcher"].iter().flat_map(|name| family(pid_of(name))).collect()
    }

    /// reeved alone.
    pub(crate) fn front(&self) -> Vec<u32> {
        vec![pid_of("front")]
    }

    pub(crate) async fn restart(&self, name: &str) {
        self.script(&["stop", name]);
        self.script(&["start", name]);
        self.client().until_right(&evaluate()).await;
        // It is asked once a second, so that all is well again a moment after the gate is.
        self.client().until_right(&health()).await;
    }

    /// Ends its processes and leaves its configuration, for the units to start.
    pub(crate) fn down_for_units(&self) {
        for name in ["front", "gate", "launcher"] {
            self.script(&["stop", name]);
        }
        // Made by another user, in a directory where each removes only what is their own.
        drop(std::fs::remove_file("/run/reeve/launcher.sock"));
    }

    fn script(&self, args: &[&str]) {
        run(&mut self.host_sh(args));
    }

    fn host_sh(&self, args: &[&str]) -> Command {
        let mut command = program(self.0, "/bin/bash");
        // What it starts would hold a pipe open for ever.
        command.arg("-c").arg("exec bash \"$@\" </dev/null >>/run/host.sh.log 2>&1").arg("host.sh");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/demo/host.sh")).args(args);
        command
    }
}

pub(crate) fn pki() -> PathBuf {
    Path::new(DIR).join("pki")
}

fn pid_of(name: &str) -> u32 {
    std::fs::read_to_string(format!("{DIR}/{name}.pid")).unwrap().trim().parse().unwrap()
}

fn edit(path: &str, change: impl FnOnce(String) -> String) {
    let before = std::fs::read_to_string(path).unwrap();
    let after = change(before.clone());
    assert_ne!(before, after, "{path} is not as it was");
    std::fs::write(path, after).unwrap();
}

/// Signed by the throw-away authority; nobody who is measured is on it.
fn long_crl() -> String {
    let read = |name: &str| std::fs::read_to_string(pki().join(name)).unwrap();
    let issuer =
        Issuer::from_ca_cert_pem(&read("ca.crt"), KeyPair::from_pem(&read("ca.key")).unwrap()).unwrap();
    let now = OffsetDateTime::from(std::time::SystemTime::now());
    let revoked = (0..REVOKED).map(|number| RevokedCertParams {
        serial_number: SerialNumber::from((0x7000_0000 + number) << 32),
        revocation_time: now,
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: now - Duration::minutes(5),
        next_update: now + Duration::days(1),
        crl_number: SerialNumber::from(1000u64),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&issuer).unwrap().pem().unwrap()
}

pub(crate) fn health() -> Question {
    Question { method: Method::GET, path: "/health", body: Bytes::new(), expect: "\"audit\":true" }
}

/// A decision without a process: about a tool that another gateway runs.
pub(crate) fn evaluate() -> Question {
    let body = json!({
        "tool": "mail.send",
        "args": {"to": "staff", "subject": "the archive is complete", "attachments": 2},
        "context": {"run_id": "r-17", "domain": "mail.example"},
    });
    // What allows it is said by Reeve; the bare server gives back what it is sent.
    Question {
        method: Method::POST,
        path: "/evaluate",
        body: body.to_string().into(),
        expect: "\"verdict\":\"allow\"",
    }
}

pub(crate) fn list() -> Question {
    operation(&json!({"kind": "zfs", "op": "list", "resource": "tank/media"}))
}

pub(crate) fn snapshot(name: &str) -> Question {
    operation(&json!({"kind": "zfs", "op": "snapshot", "resource": "tank/media", "params": {"name": name}}))
}

fn operation(body: &serde_json::Value) -> Question {
    Question {
        method: Method::POST,
        path: "/host/op",
        body: body.to_string().into(),
        expect: "\"state\":\"succeeded\"",
    }
}
