//! How long a module of WebAssembly takes from a signed grant to its end, its compiler included: against the smallest program by
//! itself, and against that program as a tool of tier C.

use std::path::Path;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use reeve::sandbox::module::{Bounds, Import, KEYS, Module, RUNNER};
use reeve::sandbox::{Confinement, Tier};

use crate::figures::{ROUNDS, print};
use crate::tools::{confinement, key, one_by_one, sha256, wrapper};

const MODULES: &str = "/usr/local/lib/reeve/modules";
/// The example that is shown: it reads nothing, and prints three numbers.
const EXAMPLE: &str = include_str!("../../docs/examples/tools/count.wat");
/// The least that is a module: what is left is the process and the compiler's own start.
const NOTHING: &str = "(module (func (export \"_start\")))";
const IMPORTS: [&str; 3] = ["fd_read", "fd_write", "proc_exit"];

/// `bare` starts the program by itself, and `in_c` as a tool of tier C.
pub(crate) fn measure(bare: &impl Fn(), in_c: &impl Fn()) {
    assert!(Path::new(RUNNER).exists(), "tier W: build it by REEVE_BENCH_FEATURES='--features wasm'");
    let key = key();
    let (example, nothing) = (signed("bench-count", EXAMPLE), signed("bench-nothing", NOTHING));
    let (counts, idles) = (|| wrapper(&key, &example), || wrapper(&key, &nothing));
    let times = || (one_by_one(bare), one_by_one(in_c), one_by_one(&counts), one_by_one(&idles));
    let rounds: Vec<_> = (0..ROUNDS).map(|_| times()).collect();
    let [spawned, in_c, counting, idling] = [
        rounds.iter().map(|round| round.0).collect::<Vec<_>>(),
        rounds.iter().map(|round| round.1).collect(),
        rounds.iter().map(|round| round.2).collect(),
        rounds.iter().map(|round| round.3).collect(),
    ];
    print("tool_start_w_p50", (&counting, "ms"), &spawned, "none");
    print("tool_start_w_against_c_p50", (&counting, "ms"), &in_c, "none");
    print("tool_start_w_smallest_p50", (&idling, "ms"), &spawned, "none");
}

/// A module that root has, signed, and how it is confined.
fn signed(name: &str, text: &str) -> Confinement {
    let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public: String = key.public_key().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let bytes = wat::parse_str(text).unwrap();
    let path = format!("{MODULES}/{name}.wasm");
    for directory in [MODULES, KEYS] {
        std::fs::create_dir_all(directory).unwrap();
    }
    std::fs::write(format!("{KEYS}/{name}.pub"), public + "\n").unwrap();
    std::fs::write(&path, &bytes).unwrap();
    std::fs::write(format!("{path}.sig"), key.sign(&bytes)).unwrap();
    let bounds = Bounds {
        sha256: sha256(&path),
        key: name.to_owned(),
        fuel: 10_000_000,
        deadline: 5,
        memory: 64 << 10,
        table: 0,
        imports: IMPORTS.into_iter().filter_map(Import::read).collect(),
    };
    let mut confined = confinement(Tier::W, &sha256(RUNNER));
    RUNNER.clone_into(&mut confined.program);
    confined.limits.memory = 256 << 20;
    confined.module = Some(Module { path, bounds });
    confined
}
