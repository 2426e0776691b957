//! Measures an installed host from outside, over mutual TLS, against what people would use instead; `benches/run.sh`
//! calls it on the host that `tests/testbed.sh` makes. Prints one JSON object a line.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark measures time, starts what it measures, and says what is wrong by failing"
)]

mod bare;
mod baselines;
mod endurance;
mod figures;
mod kinds;
mod load;
mod memory;
#[cfg(feature = "wasm")]
mod modules;
mod operations;
mod processes;
mod reeve;
mod requests;
mod tools;

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        // As reeved has it: a thread for each processor that it may use.
        ["bare", port, pki] => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let serving = tokio::spawn(bare::serve(port.parse().unwrap(), Path::new(pki).to_owned()));
                serving.await.unwrap();
            });
        }
        ["requests"] => on_one_thread(requests::measure()),
        ["operations"] => on_one_thread(operations::measure()),
        ["kinds"] => on_one_thread(kinds::measure()),
        ["systemd"] => on_one_thread(kinds::measure_systemd()),
        ["memory"] => on_one_thread(memory::measure()),
        ["endurance"] => on_one_thread(endurance::measure()),
        ["start"] => on_one_thread(endurance::measure_start()),
        ["tools"] => on_one_thread(async { tools::measure() }),
        _ => {
            eprintln!(
                "usage: host requests|operations|kinds|tools|systemd|memory|endurance|start, by benches/run.sh"
            );
            std::process::exit(2);
        }
    }
}

fn on_one_thread(measuring: impl Future<Output = ()>) {
    assert_eq!(
        std::env::var("REEVE_TESTBED").as_deref(),
        Ok("1"),
        "run it by `make bench`, on a host of its own"
    );
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(measuring);
}
