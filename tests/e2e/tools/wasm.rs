//! Tier W: a module of WebAssembly, which has bytes in and out, and each thing that bounds it named in the outcome.

use std::path::Path;
use std::process::Command;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use reeve::sandbox::Tier;
use reeve::sandbox::module::{Bounds, Import, KEYS, Module, RUNNER};
use reeve::sandbox::report::{How, Limit};
use serde_json::{Value, json};

use super::fixture::*;
use crate::edited::{Covered, Edited, reload};
use crate::host::*;

const MODULES: &str = "/usr/local/lib/reeve/modules";
const EXAMPLE: &str = include_str!("../../../docs/examples/tools/count.wat");
const PINNED_LATER: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A module of ours, signed by a key that root keeps, as long as this lives.
struct Signed {
    name: &'static str,
    key: Ed25519KeyPair,
}

impl Signed {
    fn new(name: &'static str, text: &str) -> Signed {
        up();
        let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        std::fs::create_dir_all(MODULES).unwrap();
        std::fs::create_dir_all(KEYS).unwrap();
        std::fs::write(format!("{KEYS}/{name}.pub"), hex(key.public_key().as_ref()) + "\n").unwrap();
        let module = Signed { name, key };
        module.put(&wat::parse_str(text).unwrap());
        module
    }

    fn put(&self, bytes: &[u8]) {
        std::fs::write(self.path(), bytes).unwrap();
        std::fs::write(format!("{}.sig", self.path()), self.key.sign(bytes)).unwrap();
    }

    fn path(&self) -> String {
        format!("{MODULES}/{}.wasm", self.name)
    }

    fn tool(&self, imports: &[&str]) -> Tool {
        let imports = imports.iter().map(|name| Import::read(name).unwrap()).collect();
        let bounds = Bounds {
            sha256: sha256(&self.path()),
            key: self.name.to_owned(),
            fuel: 100_000_000,
            deadline: 10,
            memory: 1 << 20,
            table: 10,
            imports,
        };
        Tool::new(Tier::W, RUNNER, &[]).with(|tool| {
            tool.confinement.module = Some(Module { path: self.path(), bounds });
            tool.confinement.limits.memory = 256 << 20;
        })
    }
}

impl Drop for Signed {
    fn drop(&mut self) {
        for path in [self.path(), format!("{}.sig", self.path()), format!("{KEYS}/{}.pub", self.name)] {
            drop(std::fs::remove_file(path));
        }
    }
}

fn bounds(tool: &mut Tool) -> &mut Bounds {
    &mut tool.confinement.module.as_mut().unwrap().bounds
}

/// The example in force, for the librarian.
struct Stage(Edited);

impl Stage {
    fn new(module: &Signed) -> Stage {
        let example = include_str!("../../../docs/examples/tools/count.toml");
        let text = example.replace(PINNED_LATER, &sha256(&module.path())).replace("\"local\"", "\"count\"");
        std::fs::write("/etc/reeve/tools/count.toml", text).unwrap();
        let contract = Edited::new("/etc/reeve/contracts/librarian.toml");
        let tools = "[[allow]]\noperations = [\"tool.list\", \"tool.run\"]\ntools = [\"count\"]\n";
        contract.write(&format!("{}\n{tools}", contract.before()));
        let loaded = reload().unwrap();
        assert_eq!(loaded.code, 200, "{loaded:?}");
        Stage(contract)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(std::fs::remove_file("/etc/reeve/tools/count.toml"));
        self.0.write(self.0.before());
    }
}

fn run(input: &str) -> Value {
    let asked = json!({"kind": "tool", "op": "run", "resource": "count", "params": {"input": input}});
    end_of("librarian", &op("librarian", asked).id()).body
}

#[test]
fn a_module_has_bytes_in_and_out_and_the_answer_the_log_and_the_list_say_what_bounds_it() {
    let module = Signed::new("count", EXAMPLE);
    let _stage = Stage::new(&module);
    let body = run("one two\nthree\n");
    assert_eq!(body["state"], "succeeded", "{body:#}");
    assert_eq!(body["result"]["output"]["stdout"]["text"], "2 3 14\n");
    let confined = &body["result"]["confined"];
    let bounded = json!({
        "sha256": sha256(&module.path()), "signed_by": "count", "fuel": 10_000_000, "deadline_seconds": 5,
        "memory": 65_536, "table": 0, "imports": ["fd_read", "fd_write", "proc_exit"],
    });
    assert_eq!((&confined["module"], &confined["exec"]), (&bounded, &json!("once")));
    assert_eq!((&confined["seccomp"], &confined["egress"]), (&json!("filter"), &json!("none")));
    assert_eq!(body["effects"]["reversible"], true, "{body:#}");
    let records = records_of(body["id"].as_str().unwrap());
    let outcome = records.iter().find(|record| record["kind"] == "outcome").unwrap();
    assert_eq!(outcome["detail"]["found"]["confined"]["module"], bounded);
    let listed = op("librarian", json!({"kind": "tool", "op": "list", "resource": "declared"}));
    let tool = &listed.body["result"]["tools"][0];
    assert_eq!((&tool["tier"], &tool["module"]), (&json!("w"), &json!(module.path())));
    assert_eq!((&tool["limits"]["fuel"], &tool["signed_by"]), (&json!(10_000_000), &json!("count")));
    let shown = reeve(&["tool", "list"]);
    assert!(shown.contains(&format!("module: {}", module.path())), "{shown}");
}

fn reeve(args: &[&str]) -> String {
    let output = Command::new("/usr/local/bin/reeve").args(args).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_of_a_module_would_be_refused_is_named_by_a_check_before_anybody_asks() {
    let module = Signed::new("count", EXAMPLE);
    let stage = Stage::new(&module);
    assert!(reeve(&["check"]).contains("count"), "{}", reeve(&["check"]));
    let declared = "/etc/reeve/tools/count.toml";
    let text = std::fs::read_to_string(declared).unwrap();
    for (from, to, why) in [
        (sha256(&module.path()), "1".repeat(64), "sha256: "),
        ("\"count\"".to_owned(), "\"nobody\"".to_owned(), "signed_by: "),
        ("\"fd_read\", ".to_owned(), String::new(), "imports does not grant"),
    ] {
        assert!(text.contains(&from));
        std::fs::write(declared, text.replace(&from, &to)).unwrap();
        assert!(reeve(&["check"]).contains(why), "{why}: {}", reeve(&["check"]));
    }
    std::fs::write(declared, &text).unwrap();
    {
        let _gone = Covered::with(RUNNER, "/dev/null");
        assert!(reeve(&["check"]).contains("--features wasm"), "{}", reeve(&["check"]));
    }
    drop(stage);
}

/// A module, what is bounded for it, how that ends it, and what is said of that.
type Case = (&'static str, fn(&mut Bounds), How, &'static str);

#[test]
fn each_limit_of_a_module_ends_it_and_is_named_in_the_outcome() {
    let loops = "(module (func (export \"_start\") (loop $l (br $l))))";
    let grows = "(module (memory (export \"memory\") 1) (func (export \"_start\") (drop (memory.grow (i32.const 100)))))";
    let table = "(module (table 11 funcref) (func (export \"_start\")))";
    let traps = "(module (func (export \"_start\") unreachable))";
    let wants = "(module (import \"wasi_snapshot_preview1\" \"fd_read\" (func)) (func (export \"_start\")))";
    let nothing: fn(&mut Bounds) = |_| {};
    let cases: [Case; 6] = [
        (loops, nothing, How::Limit(Limit::Fuel), "limit: fuel"),
        (
            loops,
            |bounds| (bounds.fuel, bounds.deadline) = (1 << 50, 1),
            How::Limit(Limit::Deadline),
            "limit: deadline",
        ),
        (grows, nothing, How::Limit(Limit::Memory), "limit: memory"),
        (table, nothing, How::Limit(Limit::Table), "limit: table"),
        (traps, nothing, How::Trap, "trapped: "),
        (wants, nothing, How::Refused, "imports does not grant"),
    ];
    for (text, change, how, said) in cases {
        let module = Signed::new("limited", text);
        let ran = module.tool(&[]).with(|tool| change(bounds(tool))).run();
        assert_eq!(ran.how(), how, "{ran:#?}");
        assert!(String::from_utf8_lossy(&ran.err).contains(said), "{ran:#?}");
    }
    assert_eq!(processes_of_the_user(), "");
}

#[test]
fn a_status_of_a_modules_own_is_told_apart_from_every_other_end() {
    for status in [0, 1, 2, 125, 255] {
        let text = format!(
            "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32))) \
             (func (export \"_start\") (call $exit (i32.const {status}))))"
        );
        let module = Signed::new("status", &text);
        assert_eq!(module.tool(&["proc_exit"]).run().how(), How::Exit(status));
    }
}

#[test]
fn a_module_that_is_not_the_pinned_one_or_that_nobody_signed_is_not_started() {
    let module = Signed::new("altered", EXAMPLE);
    let tool = module.tool(&["fd_read", "fd_write", "proc_exit"]);
    assert_eq!(tool.run().text(), "0 0 0");
    let bytes = std::fs::read(module.path()).unwrap();
    let other = wat::parse_str("(module (func (export \"_start\")))").unwrap();
    module.put(&other);
    let ran = tool.run();
    ran.is_refused("is not the pinned module");
    assert!(!ran.said.contains(&sha256(&module.path())), "nobody learns what is there: {ran:#?}");
    // Pinned, and signed as something else.
    std::fs::write(module.path(), &bytes).unwrap();
    tool.run().is_refused("is no signature of altered");
    module.put(&bytes);
    let another = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
    std::fs::write(format!("{KEYS}/altered.pub"), hex(another.public_key().as_ref())).unwrap();
    tool.run().is_refused("is no signature of altered");
    std::fs::remove_file(format!("{KEYS}/altered.pub")).unwrap();
    tool.run().is_refused("altered.pub");
    std::fs::write(format!("{KEYS}/altered.pub"), hex(module.key.public_key().as_ref())).unwrap();
    std::fs::remove_file(format!("{}.sig", module.path())).unwrap();
    tool.run().is_refused("altered.wasm.sig");
    // Somebody else's file is nobody's to vouch for.
    module.put(&bytes);
    std::os::unix::fs::chown(module.path(), Some(reeve::sys::ids::user(USER).unwrap().unwrap().uid), None)
        .unwrap();
    tool.run().is_refused("module: ");
}

#[test]
fn in_tier_w_no_other_program_starts_and_no_module_in_another_tier() {
    let module = Signed::new("other", EXAMPLE);
    for alter in [
        (|tool| "/usr/bin/true".clone_into(&mut tool.confinement.program)) as fn(&mut Tool),
        |tool| tool.confinement.tier = Tier::B,
        |tool| tool.confinement.module = None,
        |tool| tool.confinement.read_only = vec!["/srv".to_owned()],
        |tool| bounds(tool).imports.reverse(),
    ] {
        module.tool(&["fd_read", "fd_write"]).with(alter).run().is_refused("argument");
    }
}

#[test]
fn modules_run_beside_each_other_each_in_its_own_bounds() {
    let module = Signed::new("beside", EXAMPLE);
    let tools: Vec<Tool> = (0..12)
        .map(|number| {
            module.tool(&["fd_read", "fd_write", "proc_exit"]).with(|tool| tool.input = "x\n".repeat(number))
        })
        .collect();
    let runs: Vec<_> = tools.into_iter().map(|tool| std::thread::spawn(move || tool.run())).collect();
    for (number, run) in runs.into_iter().enumerate() {
        assert_eq!(run.join().unwrap().text(), format!("{number} {number} {}", 2 * number));
    }
    assert!(Path::new(RUNNER).exists());
}
