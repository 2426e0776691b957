//! Row 101 for what the kernel keeps for a process without a page of its own: what lies in pipes and in sockets.

use reeve::sandbox::Tier;
use reeve::sandbox::report::{How, Limit};

use super::fixture::*;

/// Writes until nothing more goes in.
const FILL: &str = "import fcntl
kept = []; total = 0
def fill(fd):
  global total
  os.set_blocking(fd, False)
  try:
    while True: total += os.write(fd, bytes(1 << 16))
  except BlockingIOError: pass
";
/// A pipe of a megabyte, which is as much as each may have.
const PIPES: &str = "while total < 48 << 20:
  r, w = os.pipe(); kept += [r, w]
  fcntl.fcntl(w, 1031, 1 << 20); fill(w)
print(total >> 20 >= 48)
";
/// A pair of sockets, each with as much to be sent as it may have.
const PAIRS: &str = "while total < 48 << 20:
  for s in socket.socketpair():
    kept.append(s); s.setsockopt(1, 7, 1 << 22); fill(s.fileno())
print(total >> 20 >= 48)
";

fn counts_as_memory(tier: Tier, what: &str) {
    let code = format!("{FILL}{what}");
    let with = |memory: u64| {
        let tool = Tool::probe(tier, &code).with(|tool| {
            tool.confinement.limits.memory = memory;
            tool.confinement.limits.open_files = 1024;
        });
        tool.run()
    };
    assert_eq!(with(256 << 20).text(), "True", "{tier:?}: where there is room it is kept: {what}");
    let little = with(40 << 20);
    assert_eq!(little.how(), How::Limit(Limit::Memory), "{tier:?}: {what}: {little:#?}");
    assert_eq!(processes_of_the_user(), "", "{tier:?}");
}

#[test]
fn row_101_what_lies_in_pipes_and_in_pairs_of_sockets_is_memory() {
    for what in [PIPES, PAIRS] {
        assert_eq!(outside(USER, &format!("{FILL}{what}")), "True", "{what}");
        for tier in TIERS {
            counts_as_memory(tier, what);
        }
    }
}
