//! A callee that flaps, called without pause: how much of its trouble callers see, and how soon they are back.
//! Chances must come from a seed that is printed where something does not hold.

use super::*;
use crate::chance::Chance;

/// One call each millisecond.
const CALLS: u64 = 600_000;

struct Score {
    /// Calls that went to a callee that was down.
    wasted: u64,
    down: u64,
    /// Calls that were refused although the callee was up.
    withheld: u64,
    up: u64,
    failed_up: u64,
}

/// Ten seconds up, with one call of a hundred failing, then ten seconds down.
fn flap(breaker: &Arc<Breaker>, seed: u64) -> Score {
    let mut chance = Chance::new(seed);
    let mut score = Score { wasted: 0, down: 0, withheld: 0, up: 0, failed_up: 0 };
    for now in (0..CALLS).map(at) {
        let is_up = now.as_secs() / 10 % 2 == 0;
        let is_failure = !is_up || chance.happens(0.01);
        let permit = breaker.ask(now);
        let is_sent = permit.is_ok();
        if let Ok(permit) = permit {
            permit.record(now, Seen { is_failure, elapsed: MS });
        }
        match (is_up, is_sent) {
            (true, sent) => {
                score.up += 1;
                score.withheld += u64::from(!sent);
                score.failed_up += u64::from(sent && is_failure);
            }
            (false, sent) => {
                score.down += 1;
                score.wasted += u64::from(sent);
            }
        }
    }
    score
}

#[test]
fn a_callee_that_flaps_is_spared_and_found_again() {
    for seed in 1..=5 {
        let breaker = breaker(of_calls(20, 50, at(1000)));
        let score = flap(&breaker, seed);
        // At each fall some ten calls fill the window, and each second one probe is wasted.
        let wasted = score.wasted as f64 / score.down as f64;
        assert!(wasted < 0.003, "seed {seed}: {wasted} of the calls to a callee that is down are sent");
        // It is found again within an open time, of ten seconds that it is up.
        let withheld = score.withheld as f64 / score.up as f64;
        assert!(withheld < 0.1, "seed {seed}: {withheld} of the calls to a callee that is up are refused");
        assert!(score.failed_up > 0 && breaker.told(at(CALLS)).opened >= 30, "seed {seed}");
    }
}

#[test]
fn a_few_failures_of_many_calls_never_open_it() {
    for seed in 1..=20 {
        let breaker = breaker(of_calls(20, 50, at(5000)));
        let mut chance = Chance::new(seed);
        for now in (0..CALLS).map(at) {
            let is_failure = chance.happens(0.05);
            let permit = breaker.ask(now);
            permit
                .unwrap_or_else(|_| panic!("seed {seed}: it opened"))
                .record(now, Seen { is_failure, elapsed: MS });
        }
    }
}
