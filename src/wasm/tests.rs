//! Small modules of ours, each of which tries one thing.

use std::sync::{Arc, Mutex};

use super::*;
use crate::sandbox::module::Import;

/// What a module wrote.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn bounds(imports: &[&str]) -> Bounds {
    let imports = imports.iter().map(|name| Import::read(name).unwrap()).collect();
    let (sha256, key) = ("0".repeat(64), "local".to_owned());
    Bounds { sha256, key, fuel: 10_000_000, deadline: 60, memory: 1 << 20, table: 100, imports }
}

/// How a module ends, and what it wrote to either output.
fn ran(bounds: Bounds, text: &str, input: &'static [u8]) -> (Ending, String) {
    let engine = engine(&bounds).unwrap();
    let sink = Sink::default();
    let streams =
        Streams { input: Box::new(input), out: Box::new(sink.clone()), err: Box::new(sink.clone()) };
    let given = (vec![b"name".to_vec(), b"one two".to_vec()], vec![b"LANG=C".to_vec()]);
    let ending = run(&engine, &wat::parse_str(text).unwrap(), State::new(bounds, given, streams));
    let written = String::from_utf8_lossy(&sink.0.lock().unwrap()).into_owned();
    (ending, written)
}

/// A module that imports these and does this.
fn module(imports: &[&str], body: &str) -> String {
    let import = |name: &&str| {
        let signature = match *name {
            "fd_read" | "fd_write" => "(param i32 i32 i32 i32) (result i32)",
            "fd_seek" => "(param i32 i64 i32 i32) (result i32)",
            "clock_time_get" => "(param i32 i64 i32) (result i32)",
            "fd_prestat_dir_name" => "(param i32 i32 i32) (result i32)",
            "fd_close" => "(param i32) (result i32)",
            "proc_exit" => "(param i32)",
            "sched_yield" => "(result i32)",
            _two => "(param i32 i32) (result i32)",
        };
        format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} {signature}))")
    };
    let imports: String = imports.iter().map(import).collect();
    format!("(module {imports} (memory (export \"memory\") 1) {body})")
}

fn ends(imports: &[&str], body: &str) -> Ending {
    ran(bounds(imports), &module(imports, body), b"").0
}

/// What `_start` does, with this status.
fn status(imports: &[&str], body: &str) -> Ending {
    let all: Vec<&str> = imports.iter().copied().chain(["proc_exit"]).collect();
    ends(&all, &format!("(func (export \"_start\") (call $proc_exit {body}))"))
}

const EXAMPLE: &str = include_str!("../../docs/examples/tools/count.wat");

#[test]
fn the_example_counts_what_it_is_given() {
    let counts = |input| ran(bounds(&["fd_read", "fd_write", "proc_exit"]), EXAMPLE, input);
    assert_eq!(counts(b"one two\n three\n"), (Ending::Exit(0), "2 3 15\n".to_owned()));
    assert_eq!(counts(b""), (Ending::Exit(0), "0 0 0\n".to_owned()));
    let (ending, written) = counts(&[b'x'; 100_000]);
    assert_eq!((ending, written.as_str()), (Ending::Exit(0), "0 1 100000\n"));
}

#[test]
fn each_status_is_the_modules_own() {
    for (code, expected) in [(0, 0), (3, 3), (255, 255), (256, 255), (-1, 255)] {
        assert_eq!(status(&[], &format!("(i32.const {code})")), Ending::Exit(expected), "{code}");
    }
}

#[test]
fn a_loop_ends_with_its_fuel_and_the_same_work_takes_the_same_of_it() {
    assert_eq!(ends(&[], "(func (export \"_start\") (loop $l (br $l)))"), Ending::Limit(Limit::Fuel));
    // What is just enough is enough each time, and one less is not.
    let needs = |fuel| {
        let all = ["fd_read", "fd_write", "proc_exit"];
        ran(Bounds { fuel, ..bounds(&all) }, EXAMPLE, b"one two\n three\n").0
    };
    let (mut too_little, mut least) = (0_u64, 10_000_u64);
    while least - too_little > 1 {
        let between = too_little.midpoint(least);
        if needs(between) == Ending::Exit(0) { least = between } else { too_little = between }
    }
    for _ in 0..3 {
        assert_eq!((needs(least - 1), needs(least)), (Ending::Limit(Limit::Fuel), Ending::Exit(0)));
    }
}

#[test]
fn what_we_do_for_a_module_costs_it_fuel() {
    let body = "(func (export \"_start\") (drop (call $random_get (i32.const 0) (i32.const 60000))))";
    let with = |fuel| ran(Bounds { fuel, ..bounds(&["random_get"]) }, &module(&["random_get"], body), b"").0;
    assert_eq!((with(50_000), with(61_000)), (Ending::Limit(Limit::Fuel), Ending::Exit(0)));
}

#[test]
fn strings_cost_a_module_fuel_also_where_they_are_put_nowhere() {
    let given = (vec![vec![b'x'; 60_000]; 2], vec![vec![b'y'; 60_000]; 2]);
    let with = |fuel, name: &str, call: &str| {
        let bounds = Bounds { fuel, ..bounds(&[name]) };
        let engine = engine(&bounds).unwrap();
        let streams =
            Streams { input: Box::new(io::empty()), out: Box::new(io::sink()), err: Box::new(io::sink()) };
        let text = module(&[name], &format!("(func (export \"_start\") (drop (call ${name} {call})))"));
        run(&engine, &wat::parse_str(text).unwrap(), State::new(bounds, given.clone(), streams))
    };
    for name in ["args_get", "environ_get"] {
        for call in ["(i32.const 0) (i32.const -2)", "(i32.const 0) (i32.const 64)"] {
            assert_eq!(with(119_000, name, call), Ending::Limit(Limit::Fuel), "{name} {call}");
            assert_eq!(with(121_000, name, call), Ending::Exit(0), "{name} {call}");
        }
    }
    for name in ["args_sizes_get", "environ_sizes_get"] {
        assert_eq!(with(1000, name, "(i32.const 0) (i32.const 4)"), Ending::Exit(0), "{name}");
    }
}

#[test]
fn a_deadline_interrupts_what_has_fuel_left() {
    let bounds = Bounds { fuel: 1 << 50, ..bounds(&[]) };
    let engine = engine(&bounds).unwrap();
    let (clock, over) = (engine.clone(), Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let is_over = over.clone();
    // The deadline is counted from a moment that is not this one, so it comes again until the module has ended.
    let ticking = std::thread::spawn(move || {
        while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
            clock.increment_epoch();
            std::thread::yield_now();
        }
    });
    let text = module(&[], "(func (export \"_start\") (loop $l (br $l)))");
    let streams =
        Streams { input: Box::new(io::empty()), out: Box::new(io::sink()), err: Box::new(io::sink()) };
    let ending = run(&engine, &wat::parse_str(text).unwrap(), State::new(bounds, (vec![], vec![]), streams));
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    ticking.join().unwrap();
    assert_eq!(ending, Ending::Limit(Limit::Deadline));
}

#[test]
fn memory_and_tables_have_their_most_from_the_start_and_in_growing() {
    let grows = "(func (export \"_start\") (drop (memory.grow (i32.const 20))))";
    assert_eq!(ends(&[], grows), Ending::Limit(Limit::Memory));
    let within = "(func (export \"_start\") (drop (memory.grow (i32.const 15))))";
    assert_eq!(ends(&[], within), Ending::Exit(0));
    let large = "(module (memory 17) (func (export \"_start\")))";
    assert_eq!(ran(bounds(&[]), large, b"").0, Ending::Limit(Limit::Memory));
    let table = "(table 101 funcref) (func (export \"_start\"))";
    assert_eq!(ends(&[], table), Ending::Limit(Limit::Table));
    let two = "(table 60 funcref) (table 60 funcref) (func (export \"_start\"))";
    assert_eq!(ends(&[], two), Ending::Limit(Limit::Table));
    let grown = "(table $t 1 funcref) (func (export \"_start\") (drop (table.grow $t (ref.null func) (i32.const 100))))";
    assert_eq!(ends(&[], grown), Ending::Limit(Limit::Table));
    // What it may not by its own word is no limit of ours.
    let own = "(module (memory 1 2) (func (export \"_start\") (if (i32.ne (memory.grow (i32.const 5)) (i32.const -1)) (then unreachable))))";
    assert_eq!(ran(bounds(&[]), own, b"").0, Ending::Exit(0));
}

#[test]
fn what_traps_ends_as_a_trap_and_says_which() {
    for (body, word) in [
        ("unreachable", "unreachable"),
        ("(drop (i32.load (i32.const 65536)))", "out of bounds"),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", "divide by zero"),
        ("(call 0)", "stack"),
    ] {
        match ends(&[], &format!("(func (export \"_start\") {body})")) {
            Ending::Trap(why) => assert!(why.contains(word), "{why}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn a_module_that_calls_what_it_was_not_given_is_not_begun() {
    let wants = |name: &str| {
        let text = format!(
            "(module (import \"wasi_snapshot_preview1\" \"{name}\" (func)) (func (export \"_start\")))"
        );
        ran(bounds(&["fd_write"]), &text, b"").0
    };
    for (name, why) in [
        ("fd_read", "imports does not grant"),
        ("path_open", "nothing of that name"),
        ("sock_accept", "nothing of that name"),
    ] {
        assert!(matches!(wants(name), Ending::Refused(said) if said.contains(why)), "{name}");
    }
    let other = "(module (import \"env\" \"fd_write\" (func)) (func (export \"_start\")))";
    assert!(matches!(ran(bounds(&["fd_write"]), other, b"").0, Ending::Refused(_)));
    // The right name, and not the right kind.
    let memory =
        "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (memory 1)) (func (export \"_start\")))";
    assert!(matches!(ran(bounds(&["fd_write"]), memory, b"").0, Ending::Refused(_)));
}

#[test]
fn what_is_no_such_module_is_not_begun() {
    for text in [
        "(module)",
        "(module (func (export \"_start\") (param i32)))",
        "(module (memory i64 1) (func (export \"_start\")))",
        "(module (memory 1) (memory 1) (func (export \"_start\")))",
        "(module (memory 1 1 shared) (func (export \"_start\")))",
        "(module (func $f (export \"_start\") (return_call $f)))",
        "(module (type (struct)) (func (export \"_start\")))",
        "(component)",
    ] {
        assert!(matches!(ran(bounds(&[]), text, b"").0, Ending::Refused(_)), "{text}");
    }
    for bytes in [&b""[..], b"\0asm", b"(module)", b"\x7fELF", b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\xff"] {
        assert!(fits(bytes, &[]).is_err(), "{bytes:?}");
    }
}

#[test]
fn a_module_has_its_arguments_the_declared_environment_and_three_descriptors() {
    let sizes = "(if (result i32) (call $args_sizes_get (i32.const 0) (i32.const 4)) (then (i32.const 99)) \
        (else (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 4)))))";
    // "name\0" and "one two\0".
    assert_eq!(status(&["args_sizes_get"], sizes), Ending::Exit(2 + 13));
    let second = "(if (result i32) (call $args_get (i32.const 0) (i32.const 64)) (then (i32.const 99)) \
        (else (i32.load8_u (i32.load (i32.const 4)))))";
    assert_eq!(status(&["args_get"], second), Ending::Exit(b'o'));
    let variable = "(if (result i32) (call $environ_get (i32.const 0) (i32.const 64)) (then (i32.const 99)) \
        (else (i32.load8_u (i32.add (i32.load (i32.const 0)) (i32.const 5)))))";
    assert_eq!(status(&["environ_get"], variable), Ending::Exit(b'C'));
    for (call, expected) in [
        ("(call $fd_prestat_get (i32.const 3) (i32.const 0))", 8),
        ("(call $fd_close (i32.const 1))", 0),
        ("(call $fd_close (i32.const 3))", 8),
        ("(call $fd_seek (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0))", 70),
        ("(call $fd_fdstat_get (i32.const 3) (i32.const 0))", 8),
        ("(call $fd_write (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 8))", 8),
        ("(call $fd_read (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))", 8),
        ("(call $clock_time_get (i32.const 9) (i64.const 0) (i32.const 0))", 28),
        ("(call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 0))", 0),
        ("(call $sched_yield)", 0),
    ] {
        let name = call.trim_start_matches("(call $").split([' ', ')']).next().unwrap();
        assert_eq!(status(&[name], call), Ending::Exit(expected), "{call}");
    }
}

#[test]
fn no_address_or_length_that_a_module_makes_up_reaches_beyond_its_memory() {
    for call in [
        "(call $fd_write (i32.const 1) (i32.const -4) (i32.const 1) (i32.const 8))",
        "(call $fd_write (i32.const 1) (i32.const 65532) (i32.const -1) (i32.const 8))",
        "(call $fd_read (i32.const 0) (i32.const 65529) (i32.const 1) (i32.const 8))",
        "(call $random_get (i32.const 65000) (i32.const 600))",
        "(call $random_get (i32.const -1) (i32.const 2))",
        "(call $args_get (i32.const 65535) (i32.const 0))",
        "(call $args_get (i32.const 0) (i32.const -2))",
        "(call $environ_sizes_get (i32.const 65533) (i32.const 0))",
        "(call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 65530))",
    ] {
        let name = call.trim_start_matches("(call $").split([' ', ')']).next().unwrap();
        assert_eq!(status(&[name], call), Ending::Exit(21), "{call}");
    }
    let none = "(module (import \"wasi_snapshot_preview1\" \"random_get\" (func $r (param i32 i32) (result i32))) \
        (func (export \"_start\") (drop (call $r (i32.const 0) (i32.const 1)))))";
    assert!(matches!(ran(bounds(&["random_get"]), none, b"").0, Ending::Trap(_)));
}
