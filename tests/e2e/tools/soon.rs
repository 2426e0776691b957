//! About a second: how soon something has to be over, on a machine that may have other work.

use std::time::{Duration, Instant};

use reeve::sandbox::Tier;

use super::fixture::{USER, outside};

const SECOND: Duration = Duration::from_secs(1);
const TRIES: u32 = 3;

/// Does it, and it takes no longer than it says that it took: a second, and where it took more, twice as much besides as a probe
/// takes at that moment that does nothing, outside of any sandbox, whose own delays would excuse themselves. Three times at most:
/// other work is not in the way each time, and what waits for something is.
pub fn within_a_second(tier: Tier, mut act: impl FnMut() -> Duration) {
    let mut slow = Vec::new();
    for _try in 0..TRIES {
        let took = act();
        if took <= SECOND {
            return;
        }
        let began = Instant::now();
        outside(USER, "");
        let usual = began.elapsed();
        if took <= SECOND + usual * 2 {
            return;
        }
        slow.push(format!("{took:?} beside {usual:?}"));
    }
    panic!("{tier:?}: more than a second, beside a probe that does nothing: {slow:?}");
}
